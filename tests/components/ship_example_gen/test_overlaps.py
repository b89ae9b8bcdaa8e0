"""Which pictures are found to show the same ground, and which only look alike."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from components.ship_example_gen.fingerprints import BLOCK_PX, Fingerprints, fingerprint
from components.ship_example_gen.overlaps import Kind, SceneGroups, find_groups

TILE_PX = 768


def _jpeg(luma: np.ndarray, quality: int = 95, file_format: str = "JPEG") -> bytes:
    file = BytesIO()
    rgb = np.repeat(luma.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    Image.fromarray(rgb).save(file, file_format, quality=quality)
    return file.getvalue()


def _again(image: bytes, quality: int = 95, file_format: str = "JPEG") -> bytes:
    return _jpeg(np.asarray(Image.open(BytesIO(image)).convert("L")), quality, file_format)


def _noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: int) -> np.ndarray:
    coarse = rng.standard_normal((shape[0] // grain_px + 2, shape[1] // grain_px + 2)).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _land(seed: int, shape: tuple[int, int] = (TILE_PX, TILE_PX)) -> np.ndarray:
    """Structure of all sizes."""
    rng = np.random.default_rng(seed)
    return 100 + sum(grain_px**0.5 * 3 * _noise(rng, shape, grain_px) for grain_px in (2, 8, 32, 90))


def _calm_sea(seed: int, shape: tuple[int, int] = (TILE_PX, TILE_PX)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 30 + 2 * _noise(rng, shape, 2) + 0.5 * _noise(rng, shape, 40)


def _tile(scene: np.ndarray, top_px: int, left_px: int) -> np.ndarray:
    return scene[top_px : top_px + TILE_PX, left_px : left_px + TILE_PX]


def _groups(*images: bytes) -> SceneGroups:
    records = [fingerprint(image).to_bytes(index) for index, image in enumerate(images)]
    # They arrive in any order.
    return find_groups(Fingerprints.of_records(records[::-1], len(images)))


def _links(*images: bytes) -> list[tuple]:
    return _groups(*images).links.tolist()


@pytest.mark.parametrize("ground", [_land, _calm_sea])
@pytest.mark.parametrize(("rows", "columns"), [(0, 256), (256, -256), (512, 512), (-512, 0)])
def test_overlapping_tiles_are_linked_with_their_shift(ground, rows, columns):
    scene = ground(1, (TILE_PX + 512, TILE_PX + 512))
    one = _tile(scene, max(0, -rows), max(0, -columns))
    other = _tile(scene, max(0, rows), max(0, columns))
    assert _links(_jpeg(one), _jpeg(other), _jpeg(ground(2))) == [(0, 1, Kind.OVERLAP, rows, columns)]


def test_colour_at_the_edge_of_a_tile_does_not_hide_an_overlap():
    """JPEG halves the colour and spreads it again, at the edge of a tile without what lies beyond it.

    Only colours that clip change the brightness by that, so there are plenty here.
    """
    shape = (TILE_PX, TILE_PX + 2 * BLOCK_PX, 3)
    rgb = np.random.default_rng(1).integers(0, 256, shape, np.uint8)

    def tile(left_px: int) -> bytes:
        file = BytesIO()
        pixels = rgb[:, left_px : left_px + TILE_PX]
        Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling="4:2:0")
        return file.getvalue()

    one, other = (fingerprint(tile(left_px)).blocks["exact"].reshape(3, 3) for left_px in (0, 2 * BLOCK_PX))
    assert one[:, 2].tolist() == other[:, 0].tolist()
    assert len({*one.ravel().tolist(), *other.ravel().tolist(), 0}) == 3 * 5 + 1


def test_tiles_that_overlap_over_others_are_one_group():
    scene = _land(1, (TILE_PX, TILE_PX + 4 * 512))
    images = [_jpeg(_tile(scene, 0, left_px)) for left_px in range(0, 4 * 512 + 1, 512)]
    found = _groups(*images, _jpeg(_land(2)))
    assert found.group.tolist() == [0, 0, 0, 0, 0, 1]
    assert [link[:2] for link in found.links.tolist()] == [(0, 1), (1, 2), (2, 3), (3, 4)]


@pytest.mark.parametrize("stride_px", [100, 128, 250])
def test_other_strides_are_not_found(stride_px):
    """A limit that the documentation states."""
    scene = _land(1, (TILE_PX, TILE_PX + stride_px))
    assert _links(_jpeg(_tile(scene, 0, 0)), _jpeg(_tile(scene, 0, stride_px))) == []


def test_copies_name_the_first():
    land, other = _jpeg(_land(1)), _jpeg(_land(2))
    found = _groups(other, land, other, _again(land, 75), land, _again(other, 95, "PNG"), _jpeg(_land(3)))
    assert found.original.tolist() == [0, 1, 0, 1, 1, 0, 6]
    assert [link[:3] for link in found.links.tolist()] == [
        (0, 2, Kind.DUPLICATE),
        (0, 5, Kind.NEAR_DUPLICATE),
        (1, 3, Kind.NEAR_DUPLICATE),
        (1, 4, Kind.DUPLICATE),
    ]


def test_edited_picture_is_grouped_but_no_copy():
    land = _land(1)
    edited = land.copy()
    edited[300:330, 300:420] = 255
    found = _groups(_jpeg(land), _jpeg(edited))
    assert found.links.tolist() == [(0, 1, Kind.OVERLAP, 0, 0)]
    assert found.original.tolist() == [0, 1]


def test_differently_compressed_neighbours_are_linked():
    scene = _land(1, (TILE_PX, TILE_PX + 256))
    images = _jpeg(_tile(scene, 0, 0), 95), _jpeg(_tile(scene, 0, 256), 80)
    assert _links(*images) == [(0, 1, Kind.OVERLAP, 0, 256)]


def _flat(level: int) -> np.ndarray:
    return np.full((TILE_PX, TILE_PX), level, np.float32)


def _slope(seed: int) -> np.ndarray:
    return _flat(60) + np.linspace(0, 30, TILE_PX, dtype=np.float32) + _noise(
        np.random.default_rng(seed), (TILE_PX, TILE_PX), 2
    )  # fmt: skip


def _ship(seed: int) -> np.ndarray:
    """A ship that lies across the border of two blocks, in the same place on every calm sea."""
    sea = _calm_sea(seed)
    sea[100:130, 200:300] = 180
    return sea


def _wedge(seed: int) -> np.ndarray:
    """No data over half of the tile."""
    sea = _calm_sea(seed)
    sea[np.add.outer(np.arange(TILE_PX), np.arange(TILE_PX)) < TILE_PX] = 0
    return sea


@pytest.mark.parametrize(
    "picture", [_calm_sea, _slope, _ship, _wedge, lambda seed: _flat(0), lambda seed: _flat(255 - seed % 2)]
)
def test_what_looks_alike_everywhere_is_not_linked(picture):
    # Other qualities, so that flat pictures are not the same bytes.
    assert _links(*(_jpeg(picture(seed), 90 + seed) for seed in range(8))) == []


def test_sizes_other_than_a_tile():
    scene = _land(1, (1100, 1300))
    small = scene[:200, :90]
    whole, part, corner = _jpeg(scene), _jpeg(_tile(scene, 256, 512)), _jpeg(small)
    found = _links(whole, part, corner, _again(corner, 95, "PNG"), _jpeg(scene[:201, :90]))
    assert found == [(0, 1, Kind.OVERLAP, 256, 512), (2, 3, Kind.NEAR_DUPLICATE, 0, 0)]
    assert fingerprint(whole).blocks.shape == (4 * 5,)
    assert fingerprint(corner).blocks.shape == (1,)


def test_broken_files_are_alone_and_harm_nothing():
    land = _jpeg(_land(1))
    broken = (land[: len(land) // 2], b"", b"", b"no image", b"\xff\xd8\xff")
    found = _groups(land, *broken, _again(land, 75))
    assert found.links.tolist() == [(0, 6, Kind.NEAR_DUPLICATE, 0, 0)]
    assert found.group.tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert _groups(*broken).group.tolist() == [0, 1, 2, 3, 4]


def test_many_copies_hang_together():
    """More than one block looks at along the order."""
    land = _land(1)
    rng = np.random.default_rng(0)
    copies = [_jpeg(land + rng.normal(0, 1, land.shape), 80) for _ in range(40)]
    assert set(_groups(*copies).original.tolist()) == {0}


def test_a_missing_fingerprint_is_told():
    record = fingerprint(b"").to_bytes(0)
    with pytest.raises(ValueError, match="1 of 2 images have no fingerprint"):
        Fingerprints.of_records([record], 2)


def test_jpeg_and_png_give_blocks_alike():
    land = _jpeg(_land(1))
    one, other = fingerprint(land).blocks, fingerprint(_again(land, 95, "PNG")).blocks
    assert len(one) == (TILE_PX // BLOCK_PX) ** 2
    np.testing.assert_allclose(one["mean"], other["mean"], atol=0.2)
    np.testing.assert_allclose(one["scale"], other["scale"], atol=0.5)


def test_files_that_differ_beside_the_pixels_are_copies():
    land = _jpeg(_land(1))
    commented = [land[:2] + b"\xff\xfe\x00\x04" + bytes([65, number]) + land[2:] for number in range(40)]
    found = _groups(land, *commented)
    assert found.links.tolist() == [(0, number, Kind.NEAR_DUPLICATE, 0, 0) for number in range(1, 41)]
