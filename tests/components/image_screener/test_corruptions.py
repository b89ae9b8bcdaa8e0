import numpy as np
import pytest

from components.image_screener.corruptions import CORRUPTIONS, Original, as_jpeg
from components.ship_example_gen.decoding import decode

SIZE_PX = 256


@pytest.fixture(scope="module")
def original():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
    ground = (60 + 30 * np.sin(columns / 9) + 20 * np.cos(rows / 13))[..., None] * [0.7, 1, 1.1]
    file = as_jpeg((ground + rng.normal(0, 4, (SIZE_PX, SIZE_PX, 3))).clip(0, 255).astype(np.uint8))
    rgb = decode(file).rgb
    assert rgb is not None
    return Original(file, rgb)


def _broken(original, name, strength):
    (corruption,) = (known for known in CORRUPTIONS if known.name == name)
    return decode(corruption.apply(original, strength, np.random.default_rng(5))).rgb


def test_names_are_unique():
    assert len({corruption.name for corruption in CORRUPTIONS}) == len(CORRUPTIONS)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)
def test_every_strength_breaks_the_file_the_same_way_again(original, corruption):
    for strength in (*corruption.mild, *corruption.useless):
        once, again = (corruption.apply(original, strength, np.random.default_rng(2)) for _ in range(2))
        assert once == again
        assert once != original.file


@pytest.mark.parametrize("level", [("black", 0), ("white", 255)])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_wedge_has_the_share_asked_for(original, level, share):
    found = _broken(original, f"no-data wedge, {level[0]}", share).mean(axis=2)
    assert (np.abs(found - level[1]) < 12).mean() == pytest.approx(share, abs=0.05)


def test_lost_units_have_the_share_asked_for(original):
    found = _broken(original, "JPEG units lost, grey", 0.2).astype(int)
    # A run of units may overshoot by up to 24 of the 256.
    assert 0.15 < (np.abs(found - 128).max(axis=2) < 6).mean() < 0.32


def test_overexposure_clips_the_share_asked_for(original):
    assert (_broken(original, "overexposed", 0.4).min(axis=2) > 240).mean() == pytest.approx(0.4, abs=0.08)


def test_a_closed_end_decodes_and_keeps_the_beginning(original):
    found = _broken(original, "end lost and closed", 0.6)
    assert found.shape == original.rgb.shape
    assert np.array_equal(found[:64], original.rgb[:64])
    assert found[-16:].std(axis=(0, 1)).max() == 0


def test_a_truncated_file_does_not_decode(original):
    assert _broken(original, "truncated", 0.4) is None


def test_a_shifted_scan_keeps_the_pixels_and_moves_them(original):
    found = _broken(original, "scan shifted", 5)
    assert np.abs(found.mean() - original.rgb.mean()) < 1
    assert np.abs(found[:16].astype(int) - original.rgb[:16]).mean() < 3
    assert np.abs(found[-64:].astype(int) - original.rgb[-64:]).mean() > 8


def test_exchanged_and_copied_bands(original):
    swapped, copied = _broken(original, "bands swapped", 1), _broken(original, "band copied", 1)
    assert swapped.mean(axis=(0, 1)) == pytest.approx(original.rgb.mean(axis=(0, 1))[::-1], abs=1)
    assert np.ptp(copied.mean(axis=(0, 1))) < 0.5


def test_cloud_covers_about_the_share_asked_for(original):
    shares = [(_broken(original, "cloud", cover).min(axis=2) > 170).mean() for cover in (0.4, 0.95)]
    assert 0.15 < shares[0] < 0.4
    assert 0.7 < shares[1] < 0.95
