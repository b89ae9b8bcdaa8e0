"""Breaks ordinary images in known ways, to count how many of them the screening finds.

Each entry of `CORRUPTIONS` is a kind with the strengths that an image survives and those at which nobody
should train on it. A new kind is one more entry. Imports no TensorFlow.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Rgb = NDArray[np.uint8]
# JPEG coders work on units of 16 x 16 px where colour is halved (4:2:0); what is lost is whole units.
_UNIT_PX = 16
_QUALITY = 95


@dataclass(frozen=True)
class Original:
    """An ordinary image before it is broken.

    Attributes:
        file: the file as found.
        rgb: uint8 [height, width, 3], its pixels.
    """

    file: bytes
    rgb: Rgb


@dataclass(frozen=True)
class Corruption:
    """One way to break an image.

    Attributes:
        name: as it stands in the report.
        unit: what a strength counts.
        mild: strengths at which the image is of use still, or no worse than ordinary ones that exist.
        useless: strengths at which it is not, so that the screening should find it.
        apply: (original, strength, random generator) -> the broken file.
    """

    name: str
    unit: str
    mild: tuple[float, ...]
    useless: tuple[float, ...]
    apply: Callable[[Original, float, np.random.Generator], bytes]


def as_jpeg(rgb: Rgb, quality: int = _QUALITY) -> bytes:
    """A JPEG file as the Airbus ones are: 4:2:0 and, unless told otherwise, quality 95."""
    file = BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return file.getvalue()


def _pixels(
    change: Callable[[Rgb, float, np.random.Generator], Rgb],
) -> Callable[[Original, float, np.random.Generator], bytes]:
    """A change of pixels as a change of files: applied before the picture was saved."""
    return lambda original, strength, rng: as_jpeg(change(original.rgb, strength, rng))


def _blend(under: Rgb, over: NDArray[np.float32], opacity: NDArray[np.float32]) -> Rgb:
    mixed = under * (1 - opacity[..., None]) + over * opacity[..., None]
    return np.asarray(mixed.clip(0, 255).astype(np.uint8))


# --- Nothing to see.


def _plain(rgb: Rgb, level: float, rng: np.random.Generator) -> Rgb:
    return np.full_like(rgb, round(level))


def _one_colour(rgb: Rgb, spread: float, rng: np.random.Generator) -> Rgb:
    """Any colour, with sensor noise of the given standard deviation."""
    return (rng.integers(20, 236, 3) + rng.normal(0, spread, rgb.shape)).clip(0, 255).astype(np.uint8)


def _overexposed(rgb: Rgb, share: float, rng: np.random.Generator) -> Rgb:
    """Exposed so long that the given share of the picture is clipped to white in every band."""
    limit = max(float(np.quantile(rgb.min(axis=2), 1 - share)), 1.0)
    return (rgb * np.float32(255 / limit)).clip(0, 255).astype(np.uint8)


def _clouded(rgb: Rgb, cover: float, rng: np.random.Generator) -> Rgb:
    """White billows over the given share of the picture: fractal noise, thick within and thin at the edge."""
    height, width = rgb.shape[:2]
    billows = np.zeros((height, width), np.float32)
    for cells in (3, 6, 12, 24, 48):
        coarse = rng.random((cells, cells), np.float32) * np.float32(3 / cells)
        billows += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    thickness = (billows - np.quantile(billows, 1 - cover)) / billows.std()
    opacity = np.clip(thickness * 4, 0, 1).astype(np.float32)
    light = 205 + 18 * np.clip(thickness, 0, 2.5) + rng.normal(0, 1.5, billows.shape)
    return _blend(rgb, light[..., None].astype(np.float32) * np.array([1, 1, 1.01], np.float32), opacity)


def _wedge(level: int) -> Callable[[Rgb, float, np.random.Generator], Rgb]:
    def change(rgb: Rgb, share: float, rng: np.random.Generator) -> Rgb:
        """The edge of the swath runs through the tile at any angle; beyond it is no data."""
        rows, columns = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
        angle = rng.uniform(0, 2 * np.pi)
        position = rows * np.sin(angle) + columns * np.cos(angle)
        changed = rgb.copy()
        changed[position < np.quantile(position, share)] = level
        return changed

    return change


# --- Optics and sensor.


def _blurred(rgb: Rgb, sigma_px: float, rng: np.random.Generator) -> Rgb:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma_px))


def _noisy(rgb: Rgb, sigma: float, rng: np.random.Generator) -> Rgb:
    return (rgb + rng.normal(0, sigma, rgb.shape)).clip(0, 255).astype(np.uint8)


def _band_lost(rgb: Rgb, band: float, rng: np.random.Generator) -> Rgb:
    changed = rgb.copy()
    changed[..., int(band)] = 0
    return changed


def _bands_swapped(rgb: Rgb, _: float, rng: np.random.Generator) -> Rgb:
    return np.ascontiguousarray(rgb[..., ::-1])


def _band_copied(rgb: Rgb, _: float, rng: np.random.Generator) -> Rgb:
    """All three bands are the first, as when a band was written three times: grey, but stored as RGB."""
    return np.repeat(rgb[..., :1], 3, axis=2)


def _text(rgb: Rgb, lines: float, rng: np.random.Generator) -> Rgb:
    """White writing in the upper left corner, as scripts burn their verdict into a picture."""
    changed = rgb.copy()
    for line in range(int(lines)):
        place = (4, 40 + 44 * line)
        words = f"Has ship {rng.random():.5f}"
        cv2.putText(changed, words, place, cv2.FONT_HERSHEY_SIMPLEX, 1.4, (255, 255, 255), 3, cv2.LINE_AA)
    return changed


# --- The file.


def _units_lost(colour: tuple[int, int, int]) -> Callable[[Rgb, float, np.random.Generator], Rgb]:
    def change(rgb: Rgb, share: float, rng: np.random.Generator) -> Rgb:
        """Runs of 1 to 24 JPEG units are one colour, as left by a decoder that goes on after an error."""
        changed = rgb.copy()
        rows, columns = (size // _UNIT_PX for size in rgb.shape[:2])
        lost = np.zeros(rows * columns, bool)
        while lost.mean() < share:
            start = rng.integers(lost.size)
            lost[start : start + rng.integers(1, 25)] = True
        mask = np.kron(lost.reshape(rows, columns), np.ones((_UNIT_PX, _UNIT_PX), bool))
        changed[: mask.shape[0], : mask.shape[1]][mask] = colour
        return changed

    return change


def _end_lost(original: Original, share: float, rng: np.random.Generator) -> bytes:
    """Cut off and closed with an end marker, so that decoders fill up the rest and find nothing wrong."""
    return original.file[: int(len(original.file) * (1 - share))] + b"\xff\xd9"


def _scan_shifted(rgb: Rgb, units: float, rng: np.random.Generator) -> Rgb:
    """From some unit on everything sits some units too far left, as after entropy-coded data went missing."""
    rows, columns = (size // _UNIT_PX for size in rgb.shape[:2])
    whole = rgb[: rows * _UNIT_PX, : columns * _UNIT_PX]
    scan = whole.reshape(rows, _UNIT_PX, columns, _UNIT_PX, 3).swapaxes(1, 2).reshape(rows * columns, -1)
    start = rng.integers(scan.shape[0] // 8, scan.shape[0] // 2)
    scan = np.concatenate([scan[:start], np.roll(scan[start:], -int(units), axis=0)])
    back = scan.reshape(rows, columns, _UNIT_PX, _UNIT_PX, 3).swapaxes(1, 2)
    changed = rgb.copy()
    changed[: rows * _UNIT_PX, : columns * _UNIT_PX] = back.reshape(whole.shape)
    return changed


def _bytes_flipped(original: Original, count: float, rng: np.random.Generator) -> bytes:
    broken = bytearray(original.file)
    for place in rng.integers(0, len(broken), int(count)):
        broken[place] ^= int(rng.integers(1, 256))
    return bytes(broken)


def _truncated(original: Original, share: float, rng: np.random.Generator) -> bytes:
    return original.file[: int(len(original.file) * (1 - share))]


def _recompressed(original: Original, quality: float, rng: np.random.Generator) -> bytes:
    return as_jpeg(original.rgb, int(quality))


def _laundered(original: Original, quality: float, rng: np.random.Generator) -> bytes:
    """Compressed hard and then saved again at quality 95, so that the file's tables look innocent."""
    hard = Image.open(BytesIO(as_jpeg(original.rgb, int(quality))))
    return as_jpeg(np.asarray(hard))


def _resized(rgb: Rgb, size_px: float, rng: np.random.Generator) -> Rgb:
    return np.asarray(cv2.resize(rgb, (int(size_px), int(size_px)), interpolation=cv2.INTER_AREA))


def _grey(original: Original, _: float, rng: np.random.Generator) -> bytes:
    file = BytesIO()
    Image.fromarray(original.rgb).convert("L").save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("black", "level", (), (0,), _pixels(_plain)),
    Corruption("white", "level", (), (255,), _pixels(_plain)),
    # With a little noise it is what a calm sea looks like.
    Corruption("one colour", "noise sigma", (2, 1), (0,), _pixels(_one_colour)),
    Corruption("overexposed", "share clipped", (0.1,), (0.4, 0.8), _pixels(_overexposed)),
    Corruption("cloud", "share covered", (0.4,), (0.85, 0.95), _pixels(_clouded)),
    Corruption("no-data wedge, black", "share", (0.02,), (0.1, 0.3, 0.6), _pixels(_wedge(0))),
    Corruption("no-data wedge, white", "share", (0.02,), (0.1, 0.3, 0.6), _pixels(_wedge(255))),
    Corruption("blur", "sigma px", (1, 2), (4, 8), _pixels(_blurred)),
    Corruption("noise", "sigma", (5,), (10, 20, 40), _pixels(_noisy)),
    Corruption("band lost", "band", (), (0, 1, 2), _pixels(_band_lost)),
    Corruption("bands swapped", "RGB as BGR", (), (1,), _pixels(_bands_swapped)),
    Corruption("band copied", "red thrice", (), (1,), _pixels(_band_copied)),
    Corruption("JPEG units lost, grey", "share", (), (0.01, 0.05, 0.2), _pixels(_units_lost((128,) * 3))),
    Corruption("JPEG units lost, green", "share", (), (0.01, 0.05, 0.2), _pixels(_units_lost((0, 135, 0)))),
    Corruption("end lost and closed", "share", (), (0.05, 0.3, 0.6), _end_lost),
    Corruption("scan shifted", "units", (), (1, 5, 20), _pixels(_scan_shifted)),
    # A single byte often hits one coefficient, which nobody sees.
    Corruption("bytes flipped", "bytes", (1,), (10, 100), _bytes_flipped),
    Corruption("truncated", "share", (), (0.02, 0.4), _truncated),
    Corruption("JPEG quality", "quality", (75, 50), (30, 10), _recompressed),
    Corruption("JPEG quality, saved again at 95", "quality", (50, 30), (10,), _laundered),
    Corruption("wrong size", "px", (), (760, 558), _pixels(_resized)),
    Corruption("grey", "bands", (), (1,), _grey),
    Corruption("text burnt in", "lines", (1, 2), (), _pixels(_text)),
)
