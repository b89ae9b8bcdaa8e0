"""The Airbus run-length codec in numpy: a mask as "start length start length ...".

Pixels are counted down the columns (column-major) beginning with 1; each pair names the first pixel of a run
of ship pixels and how many follow, itself included. A run may go on from the foot of a column to the head of
the next. "" is the empty mask. `encode` writes the one canonical string of a mask (maximal runs in ascending
order); every ship row of the Airbus v2 sample is canonical, so `encode(decode(row, 768, 768)) == row` there.
Rows whose runs touch (e.g. "1 2 3 4" for "1 6") are valid too and give the same mask, not the same string.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from rlemasklib import RLEMask


class RleError(ValueError):
    """A run-length string that is no mask of the stated size.

    The message reads "kind: particulars"; there are few kinds, so that they can be counted.
    """


@dataclass(frozen=True)
class Runs:
    """Runs of ship pixels in ascending order, without overlap.

    Attributes:
        starts: int64 [n], column-major index of each run's first pixel, counted from 0.
        lengths: int64 [n], pixels per run, >= 1.
    """

    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @cached_property
    def area_px(self) -> int:
        """Ship pixels in all."""
        return int(self.lengths.sum())


def parse_runs(encoded: str, height: int, width: int) -> Runs:
    """Runs of an Airbus string, checked against the image's size.

    Args:
        encoded: "start length ..." as in the label table; "" or blanks for no runs.
        height: image height in px.
        width: image width in px.

    Raises:
        RleError: odd number of values, a value that is not a whole number, start < 1, length < 1, a run
            beyond the image, or runs that overlap or are not in ascending order.
    """
    values = _whole_numbers(encoded)
    if len(values) % 2:
        raise RleError(f"odd number of values: {len(values)}")
    starts, lengths = values[::2], values[1::2]
    if not len(starts):
        return Runs(starts, lengths)
    pixels = height * width
    # A value above `pixels` is never right; testing that first keeps the sums below from wrapping around.
    if starts[0] >= 1 and lengths.min() >= 1 and values.max() <= pixels:
        ends = starts + lengths
        if ends[-1] <= pixels + 1 and (starts[1:] >= ends[:-1]).all():
            return Runs(starts - 1, lengths)
    raise _fault(starts, lengths, height, width)


def encode_runs(runs: Runs) -> str:
    """Airbus string of runs as they are (runs that touch are not joined); "" for none."""
    values = np.column_stack((runs.starts + 1, runs.lengths)).ravel()
    return " ".join(map(str, values.tolist()))


def decode(encoded: str, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Mask of an Airbus string.

    Args:
        encoded: "start length ..."; "" for the empty mask.
        height: image height in px.
        width: image width in px.

    Returns:
        uint8 [height, width], 1 for ship pixels and 0 elsewhere.

    Raises:
        RleError: as `parse_runs`.
    """
    runs = parse_runs(encoded, height, width)
    mask: npt.NDArray[np.uint8] = runs_to_rlemask(runs, height, width).to_array(order="C")
    return mask


def encode(mask: npt.NDArray[np.generic]) -> str:
    """Canonical Airbus string of a mask; "" if it is empty.

    Args:
        mask: bool or uint8 [height, width]; anything but 0 is ship.

    Raises:
        ValueError: the mask is not two-dimensional or of another dtype (threshold probabilities first).
    """
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        raise ValueError(
            f"expected a bool or uint8 mask [height, width], got {mask.dtype} {list(mask.shape)}"
        )
    if not mask.size:
        return ""
    return encode_runs(rlemask_to_runs(RLEMask.from_array(mask)))


def runs_to_rlemask(runs: Runs, height: int, width: int) -> RLEMask:
    """The same mask in rlemasklib's form (column-major counts of 0, 1, 0, ... pixels) for set operations."""
    # Where 0-runs and 1-runs take turns; the differences are rlemasklib's counts.
    bounds = np.empty(2 * len(runs.starts) + 2, np.int64)
    bounds[0], bounds[-1] = 0, height * width
    bounds[1:-1:2] = runs.starts
    bounds[2:-1:2] = runs.starts + runs.lengths
    counts = np.diff(bounds).astype(np.uint32)
    return RLEMask.from_counts(counts, (height, width), order="F", validate_sum=False)


def rlemask_to_runs(mask: RLEMask) -> Runs:
    """Canonical runs of a mask in rlemasklib's form."""
    counts = np.asarray(mask.counts, np.int64)
    bounds = np.cumsum(counts)
    lengths = counts[1::2]
    return Runs(bounds[1::2] - lengths, lengths)


def _fault(
    starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], height: int, width: int
) -> RleError:
    """What is wrong first with runs that are known to be wrong."""
    if starts.min() < 1:
        return RleError(f"start below 1: {starts.min()}")
    if lengths.min() < 1:
        return RleError(f"length below 1: {lengths.min()}")
    beyond = lengths > height * width + 1 - starts
    if beyond.any():
        first = int(beyond.argmax())
        return RleError(f"run beyond the image: {starts[first]} {lengths[first]} in {width} x {height} px")
    first = int((starts[1:] < (starts + lengths)[:-1]).argmax()) + 1
    return RleError(f"runs overlap or are not in order: {starts[first]} {lengths[first]}")


def _whole_numbers(encoded: str) -> npt.NDArray[np.int64]:
    """int64 [n] of the blank-separated whole numbers; RleError names the first token that is none."""
    # The fast way (5 us a ship instead of 40) trusts its input, so it may only see digits and blanks.
    if encoded.isascii() and encoded.replace(" ", "").isdigit():
        return np.fromstring(encoded, dtype=np.int64, sep=" ")
    numbers = []
    for token in encoded.split():
        digits = token.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()):
            raise RleError(f"not a whole number: {token[:20]!r}")
        numbers.append(max(int(digits[:18]) * (-1 if token != digits else 1), -(10**18)))
    return np.array(numbers, np.int64)
