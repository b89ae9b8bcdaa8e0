"""Ratios of sums over images, with 95 % intervals, from two small sums that can be merged in any order.

Every metric but the AUC is such a ratio: a mean over images has the number of images below the line, pixel
dice has pixels, recall has ships.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from components.evaluation.slices import Figure

# 95 % of a normal distribution lie within so many standard deviations.
NORMAL_95 = 1.959963984540054


class Moments(NamedTuple):
    """Sums over images of the numbers of each image and of their products.

    Attributes:
        images: number of images.
        total: float64 [K].
        products: float64 [K, K].
    """

    images: int
    total: NDArray[np.float64]
    products: NDArray[np.float64]

    @classmethod
    def none(cls, numbers: int) -> Self:
        """Sums over no image of so many numbers each."""
        return cls(0, np.zeros(numbers), np.zeros((numbers, numbers)))

    def with_image(self, numbers: NDArray[np.float64]) -> "Moments":
        """The sums with one more image, whose numbers are float64 [K]."""
        return self.plus(Moments(1, numbers, np.outer(numbers, numbers)))

    def plus(self, other: "Moments") -> "Moments":
        """Sums of two disjoint sets of images."""
        return Moments(self.images + other.images, self.total + other.total, self.products + other.products)


@dataclass(frozen=True)
class Ratio:
    """A metric as a ratio of two weighted sums over images.

    Attributes:
        over: weights of the numbers above the line, by place in the vector of an image's numbers.
        under: those below the line.
        interval: "student" for any ratio; "wilson" for a share of countable things, where 0 and 1 are common.
        without: value where the sum below the line is 0; None leaves the metric undefined there.
    """

    over: Mapping[int, float]
    under: Mapping[int, float]
    interval: Literal["student", "wilson"] = "student"
    without: float | None = None


def estimate(ratio: Ratio, moments: Moments) -> Figure | None:
    """Value of a ratio and its interval; None where it is undefined, no bounds where one image tells nothing.

    student: the delta method, var = n / (n - 1) * sum((y - R x)^2) / sum(x)^2 over the n images (Cochran, W.
    G. (1977), Sampling Techniques, 3rd ed., section 2.11, without the finite population correction), and
    Student's t of n - 1 degrees of freedom. For a mean over images this is the usual t s / sqrt(n).

    wilson: the score interval (Wilson, E. B. (1927), JASA 22), with the number of things divided by the
    design effect where those of one image are alike (Franco, C. et al. (2019), J. Surv. Stat. Methodol. 7).
    Also that of a mean over images which are all 0 or 1, as dice is without ships: it is a share of them.
    """
    above = sum(weight * moments.total[i] for i, weight in ratio.over.items())
    below = sum(weight * moments.total[i] for i, weight in ratio.under.items())
    if not moments.images or math.isnan(above) or math.isnan(below):
        return None
    if below == 0:
        return None if ratio.without is None else Figure(ratio.without)
    value = float(above / below)
    squares = _squared_residuals(ratio, value, moments)
    if _is_share(ratio, moments):
        spread = value * (1 - value) * below
        effect = max(squares / spread, 1.0) if spread > 0 else 1.0
        return Figure(value, *wilson_interval(value, below / effect))
    if moments.images < 2:
        return Figure(value)
    reach = _reach(moments.images, squares) / below
    return Figure(value, value - reach, value + reach)


def estimate_gain(ratio: Ratio, moments: Moments) -> Figure | None:
    """Difference of a ratio between two models that judged the same images, with a 95 % interval.

    What is hard for both models cancels. Of a ratio whose interval is Student's: the delta method on the
    difference of each image's two linearized contributions (Cochran as in `estimate`, section 6.11 on the
    comparison of ratios). Of a share: `difference` of the two score intervals, with the correlation
    of these contributions, so that there is a width where both models find all of few things.

    Args:
        ratio: about the numbers of one model.
        moments: of vectors [candidate's numbers, baseline's numbers].

    Returns:
        Candidate less baseline; None where either is undefined. Student's interval needs two images.
    """
    half = moments.total.size // 2
    figures, shares = [], []
    weights = np.zeros((2, 2 * half))
    for model, own in enumerate((slice(0, half), slice(half, None))):
        alone = Moments(moments.images, moments.total[own], moments.products[own, own])
        figure = estimate(ratio, alone)
        below = sum(weight * alone.total[i] for i, weight in ratio.under.items())
        if figure is None or not below > 0:
            return None
        figures.append(figure)
        shares.append(_is_share(ratio, alone))
        for i, weight in ratio.over.items():
            weights[model, own.start + i] += weight / below
        for i, weight in ratio.under.items():
            weights[model, own.start + i] -= weight * figure.value / below
    one, other = figures
    # Numbers that a model does not tell are NaN; those that this ratio needs are not.
    used = np.flatnonzero(weights.any(axis=0))
    spread = weights[:, used] @ moments.products[np.ix_(used, used)] @ weights[:, used].T
    if all(shares):
        return difference(one, other, correlation(spread))
    gain = one.value - other.value
    if moments.images < 2:
        return Figure(gain)
    squares = max(float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]), 0.0)
    reach = _reach(moments.images, squares)
    return Figure(gain, gain - reach, gain + reach)


def correlation(covariance: NDArray[np.float64]) -> float:
    """Of two estimates, from their covariance matrix float64 [2, 2]; 0 where one of them does not vary."""
    spread = math.sqrt(max(float(covariance[0, 0] * covariance[1, 1]), 0.0))
    return min(max(float(covariance[0, 1]) / spread, -1.0), 1.0) if spread > 0 else 0.0


def difference(one: Figure, other: Figure, correlated: float) -> Figure:
    """Difference of two correlated estimates with a 95 % interval made of theirs; none if one has none.

    Zou, G. Y. & Donner, A. (2008), Construction of confidence limits about effect measures: a general
    approach, Stat. Med. 27; for paired proportions this is method 8 of Newcombe, R. G. (1998), Improved
    confidence intervals for the difference between binomial proportions based on paired data, Stat. Med. 17.

    Args:
        one: with its bounds.
        other: likewise, subtracted.
        correlated: correlation of the two estimates.
    """
    value = one.value - other.value
    if one.lower is None or one.upper is None or other.lower is None or other.upper is None:
        return Figure(value)

    def reach(of_one: float, of_other: float) -> float:
        return math.sqrt(max(of_one**2 + of_other**2 - 2 * correlated * of_one * of_other, 0.0))

    return Figure(
        value,
        value - reach(one.value - one.lower, other.upper - other.value),
        value + reach(one.upper - one.value, other.value - other.lower),
    )


def wilson_interval(share: float, trials: float) -> tuple[float, float]:
    """Bounds of the 95 % score interval of a share of `trials` (> 0), both within 0-1."""
    shrink = NORMAL_95**2 / trials
    centre = (share + shrink / 2) / (1 + shrink)
    reach = math.sqrt(share * (1 - share) * shrink + shrink**2 / 4) / (1 + shrink)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def _reach(images: int, squares: float) -> float:
    """Half the width of the 95 % interval of a sum over two images or more, of its squared residuals."""
    return float(stdtrit(images - 1, 0.975)) * math.sqrt(images / (images - 1) * squares)


def _is_share(ratio: Ratio, moments: Moments) -> bool:
    """Whether it is a share of countable things, or a mean over images each of which counts 0 or 1."""
    if ratio.interval == "wilson":
        return True

    def product(one: Mapping[int, float], other: Mapping[int, float]) -> float:
        return sum(a * b * float(moments.products[i, k]) for i, a in one.items() for k, b in other.items())

    # The numbers below the line are all 1, and those above equal their squares.
    ones = product(ratio.under, ratio.under)
    return (
        moments.images > 1
        and ones == moments.images
        and math.isclose(product(ratio.over, ratio.over), product(ratio.over, ratio.under), rel_tol=1e-12)
    )


def _squared_residuals(ratio: Ratio, value: float, moments: Moments) -> float:
    """Sum over images of (y - R x)^2."""
    weights: dict[int, float] = dict(ratio.over)
    for i, weight in ratio.under.items():
        weights[i] = weights.get(i, 0.0) - value * weight
    places, factors = list(weights), np.array(list(weights.values()))
    # It can fall below 0 by rounding, where all images score alike.
    return max(float(factors @ moments.products[np.ix_(places, places)] @ factors), 0.0)
