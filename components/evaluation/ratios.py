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
        interval: "normal" for any ratio; "wilson" for a share of countable things, where 0 and 1 are common.
        without: value where the sum below the line is 0; None leaves the metric undefined there.
    """

    over: Mapping[int, float]
    under: Mapping[int, float]
    interval: Literal["normal", "wilson"] = "normal"
    without: float | None = None


def estimate(ratio: Ratio, moments: Moments) -> Figure | None:
    """Value of a ratio and its interval; None where it is undefined, no bounds where one image tells nothing.

    normal: the delta method, var = n / (n - 1) * sum((y - R x)^2) / sum(x)^2 over the n images (Cochran, W.
    G. (1977), Sampling Techniques, 3rd ed., section 2.11, without the finite population correction). For a
    mean over images this is the usual s / sqrt(n).

    wilson: the score interval (Wilson, E. B. (1927), JASA 22), with the number of things divided by the
    design effect where those of one image are alike (Franco, C. et al. (2019), J. Surv. Stat. Methodol. 7).
    """
    above = sum(weight * moments.total[i] for i, weight in ratio.over.items())
    below = sum(weight * moments.total[i] for i, weight in ratio.under.items())
    if not moments.images or math.isnan(above) or math.isnan(below):
        return None
    if below == 0:
        return None if ratio.without is None else Figure(ratio.without)
    value = float(above / below)
    squares = _squared_residuals(ratio, value, moments)
    if ratio.interval == "wilson":
        spread = value * (1 - value) * below
        effect = max(squares / spread, 1.0) if spread > 0 else 1.0
        return Figure(value, *wilson_interval(value, below / effect))
    if moments.images < 2:
        return Figure(value)
    reach = NORMAL_95 * math.sqrt(moments.images / (moments.images - 1) * squares) / below
    return Figure(value, value - reach, value + reach)


def estimate_gain(ratio: Ratio, moments: Moments) -> Figure | None:
    """Difference of a ratio between two models that judged the same images, with a 95 % interval.

    The delta method on the difference of each image's two linearized contributions, so that what is hard for
    both models cancels (Cochran as in `estimate`, section 6.11 on the comparison of ratios).

    Args:
        ratio: about the numbers of one model.
        moments: of vectors [candidate's numbers, baseline's numbers].

    Returns:
        Candidate less baseline; None where either is undefined, no bounds for a single image.
    """
    half = moments.total.size // 2
    weights = np.zeros(2 * half)
    gain = 0.0
    for sign, offset in ((1.0, 0), (-1.0, half)):
        above = sum(weight * moments.total[offset + i] for i, weight in ratio.over.items())
        below = sum(weight * moments.total[offset + i] for i, weight in ratio.under.items())
        if not moments.images or not math.isfinite(above) or not below > 0:
            return None
        gain += sign * above / below
        for i, weight in ratio.over.items():
            weights[offset + i] += sign * weight / below
        for i, weight in ratio.under.items():
            weights[offset + i] -= sign * weight * above / below**2
    if moments.images < 2:
        return Figure(float(gain))
    # Numbers that a model does not tell are NaN; those that this ratio needs are not.
    used = np.flatnonzero(weights)
    squares = max(float(weights[used] @ moments.products[np.ix_(used, used)] @ weights[used]), 0.0)
    reach = NORMAL_95 * math.sqrt(moments.images / (moments.images - 1) * squares)
    return Figure(float(gain), float(gain - reach), float(gain + reach))


def wilson_interval(share: float, trials: float) -> tuple[float, float]:
    """Bounds of the 95 % score interval of a share of `trials` (> 0), both within 0-1."""
    shrink = NORMAL_95**2 / trials
    centre = (share + shrink / 2) / (1 + shrink)
    reach = math.sqrt(share * (1 - share) * shrink + shrink**2 / 4) / (1 + shrink)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def _squared_residuals(ratio: Ratio, value: float, moments: Moments) -> float:
    """Sum over images of (y - R x)^2."""
    weights: dict[int, float] = dict(ratio.over)
    for i, weight in ratio.under.items():
        weights[i] = weights.get(i, 0.0) - value * weight
    places, factors = list(weights), np.array(list(weights.values()))
    # It can fall below 0 by rounding, where all images score alike.
    return max(float(factors @ moments.products[np.ix_(places, places)] @ factors), 0.0)
