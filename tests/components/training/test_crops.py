from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from training_records import record, write, write_scenes

from components.errors import TrainingError
from components.training.crops import FromStep, eval_windows, training_crops
from components.training.settings import SegmenterSettings
from components.training.ship_anchors import ship_anchors

AUGMENTATIONS = ("augment_flips", "augment_rotations", "augment_colour", "augment_scale")
ALL, NONE = dict.fromkeys(AUGMENTATIONS, True), dict.fromkeys(AUGMENTATIONS, False)
SETTINGS = SegmenterSettings(crop_px=64, batch_size=4, ship_crop_fraction=1.0, **NONE)


def _batches(patterns: list[str], settings: SegmenterSettings, count: int) -> tuple[np.ndarray, np.ndarray]:
    batches = list(training_crops(patterns, settings)(0).take(count))
    return tuple(np.concatenate([np.asarray(batch[part]) for batch in batches]) for part in (0, 1))


def _one_image(folder: Path, mask: np.ndarray, image: np.ndarray | None = None) -> list[str]:
    picture = np.repeat(mask[..., None] * 255, 3, axis=2) if image is None else image
    return write(
        folder, [record("one.jpg", picture.astype(np.uint8), mask.astype(np.uint8), int(mask.any()))]
    )


def _lonely_ship(edge_px: int = 256) -> np.ndarray:
    mask = np.zeros((edge_px, edge_px), np.uint8)
    mask[200:203, 40:45] = 1
    return mask


@pytest.mark.parametrize("cache_mb", [0, 100], ids=["decoded again", "cached"])
def test_crops_hold_pixels_as_they_were(tmp_path: Path, cache_mb: int) -> None:
    patterns = write_scenes(tmp_path / "train", [1, 2, 0, 3])
    images, masks = _batches(patterns, SETTINGS.model_copy(update={"cache_mb": cache_mb}), 5)
    assert images.shape == (20, 64, 64, 3)
    assert masks.shape == (20, 64, 64, 1)
    assert images.dtype == masks.dtype == np.float32
    assert set(np.unique(masks)) == {0, 1}
    # Ships are the bright pixels of these scenes.
    np.testing.assert_array_equal(images.mean(axis=-1, keepdims=True) > 140, masks > 0)
    assert masks.any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("only", AUGMENTATIONS)
def test_each_augmentation_changes_crops_by_itself(tmp_path: Path, only: str) -> None:
    patterns = write_scenes(tmp_path / "train", [1, 2, 3])
    plain, _ = _batches(patterns, SETTINGS, 3)
    changed, masks = _batches(patterns, SETTINGS.model_copy(update={only: True}), 3)
    assert changed.shape == plain.shape
    assert not np.array_equal(changed, plain)
    # Ships are the bright pixels of these scenes, whichever way they were changed.
    bright = changed.mean(axis=-1, keepdims=True) > changed.mean(axis=(1, 2, 3), keepdims=True) + 40
    assert (bright == (masks > 0)).mean() > 0.98


@pytest.mark.parametrize("cache_mb", [0, 100], ids=["decoded again", "cached"])
def test_mask_and_image_stay_together_under_augmentation(tmp_path: Path, cache_mb: int) -> None:
    """The image is its own mask, so any turn, flip or scaling of one without the other shows."""
    blobs = np.random.default_rng(0).normal(size=(12, 12))
    mask = np.kron(blobs > 0.5, np.ones((16, 16))).astype(np.uint8)
    settings = SETTINGS.model_copy(update={**ALL, "cache_mb": cache_mb})
    images, masks = _batches(_one_image(tmp_path / "train", mask), settings, 6)
    grey = images.mean(axis=-1, keepdims=True)
    middle = (grey.max(axis=(1, 2), keepdims=True) + grey.min(axis=(1, 2), keepdims=True)) / 2
    # Scaled crops are grey along edges, where half a grey level decides.
    assert ((grey > middle) == (masks > 0)).mean() > 0.995
    # All crops differ: turned, placed and coloured anew.
    assert len({crop.tobytes() for crop in images}) == len(images)
    assert (images >= 0).all()
    assert (images <= 255).all()


def test_share_of_crops_over_ships_is_as_asked(tmp_path: Path) -> None:
    patterns = _one_image(tmp_path / "train", _lonely_ship())
    shares = {}
    for fraction in (0.0, 0.5, 1.0):
        settings = SETTINGS.model_copy(update={"ship_crop_fraction": fraction, "batch_size": 50})
        _, masks = _batches(patterns, settings, 4)
        shares[fraction] = masks.any(axis=(1, 2, 3)).mean()
    assert shares[1.0] == 1
    assert shares[0.0] < 0.2  # a crop anywhere meets this ship one time in ten
    assert 0.4 < shares[0.5] < 0.7


def test_a_ship_lies_anywhere_in_its_crop(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"batch_size": 50})
    mask = np.zeros((256, 256), np.uint8)
    mask[128, 128] = 1
    _, masks = _batches(_one_image(tmp_path / "train", mask), settings, 4)
    _, rows, columns, _ = np.nonzero(masks)
    for places in (rows, columns):
        assert places.min() < 8
        assert places.max() > 56
        assert abs(places.mean() - 31.5) < 5


@pytest.mark.parametrize(
    "cache_mb", [pytest.param(0, id="decoded again", marks=pytest.mark.slow), pytest.param(100, id="cached")]
)
def test_same_seed_and_step_same_crops_whatever_came_before(tmp_path: Path, cache_mb: int) -> None:
    patterns = write_scenes(tmp_path / "train", [1, 2, 3, 0, 0])
    settings = SETTINGS.model_copy(update={**ALL, "empty_image_fraction": 0.3, "cache_mb": cache_mb})

    def crops(from_step: FromStep, step: int) -> tuple[np.ndarray, np.ndarray]:
        # Several, since they are made side by side.
        batches = list(from_step(step).take(4).as_numpy_iterator())
        return tuple(np.concatenate([batch[part] for batch in batches]) for part in (0, 1))

    one, anew = training_crops(patterns, settings), training_crops(patterns, settings)
    first, later, again = crops(one, 0), crops(one, 6), crops(anew, 6)
    np.testing.assert_array_equal(later[0], again[0])
    np.testing.assert_array_equal(later[1], again[1])
    assert not np.array_equal(first[0], later[0])
    other = training_crops(patterns, settings.model_copy(update={"seed": 1}))
    assert not np.array_equal(first[0], crops(other, 0)[0])


def test_small_images_are_padded_and_other_sizes_cropped(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    records = []
    for height, width in ((40, 100), (64, 64), (150, 70)):
        mask = np.zeros((height, width), np.uint8)
        mask[10:20, 10:20] = 1
        picture = random.integers(1, 256, (height, width, 3)).astype(np.uint8)
        records.append(record(f"{height}.jpg", picture, mask, 1))
    images, masks = _batches(write(tmp_path / "train", records), SETTINGS, 6)
    assert images.shape[1:] == (64, 64, 3)
    padded = (images[:, 40:] == 0).all(axis=(1, 2, 3))
    assert padded.sum() == 8
    assert not masks[padded][:, 40:].any()


def test_a_mask_of_another_size_is_no_mask_of_the_image(tmp_path: Path) -> None:
    mask = np.ones((70, 80), np.uint8)
    patterns = _one_image(tmp_path / "train", mask, image=np.zeros((80, 70, 3)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="differ in size"):
        _batches(patterns, SETTINGS, 1)


def test_crops_without_ships_come_in_their_share(tmp_path: Path) -> None:
    patterns = write_scenes(tmp_path / "train", [1, 1, 0, 0])
    settings = SETTINGS.model_copy(update={"empty_image_fraction": 0.5, "batch_size": 40})
    _, masks = _batches(patterns, settings, 3)
    assert 0.35 < 1 - masks.any(axis=(1, 2, 3)).mean() < 0.65
    with pytest.raises(TrainingError, match=r"empty_image_fraction is 0\.5"):
        training_crops(write_scenes(tmp_path / "ships", [1]), settings)


def test_nothing_to_train_on_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training image with ships"):
        training_crops(write_scenes(tmp_path / "empty", [0, 0]), SETTINGS)
    with pytest.raises(TrainingError, match="no training records match"):
        training_crops([str(tmp_path / "nowhere" / "*")], SETTINGS)
    with pytest.raises(TrainingError, match="are empty"):
        training_crops(write(tmp_path / "void", []), SETTINGS)


def test_anchors_favour_no_size() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[:50] = 1
    mask[90, 90] = 1
    anchors = ship_anchors(mask, b"a.jpg")
    assert mask[tuple(anchors.T)].all()
    assert (anchors == 90).all(axis=1).sum() == len(anchors) // 2
    assert (ship_anchors(mask * 0, b"a.jpg") == -1).all()
    np.testing.assert_array_equal(anchors, ship_anchors(mask, b"a.jpg"))


def test_anchors_of_more_ships_than_anchors() -> None:
    mask = np.zeros((60, 60), np.uint8)
    mask[::4, ::4] = 1
    assert len(np.unique(ship_anchors(mask, b"b.jpg"), axis=0)) == 64


def test_eval_windows_are_the_whole_image_or_show_a_ship(tmp_path: Path) -> None:
    big = np.zeros((900, 1000), np.uint8)
    big[880:890, 5:20] = 1
    records = [
        record("big.jpg", np.zeros((900, 1000, 3), np.uint8), big, 1),
        record("small.jpg", np.zeros((70, 80, 3), np.uint8), big[830:, :80], 1),
        record("empty.jpg", np.zeros((70, 80, 3), np.uint8), big[:70, :80], 0),
    ]
    patterns = write(tmp_path / "eval", records)
    windows = eval_windows(patterns, ships=9, empties=0)
    assert [mask.shape for _, mask in windows] == [(768, 768), (70, 80)]
    assert all(mask.sum() == 150 and image.shape[:2] == mask.shape for image, mask in windows)
    assert len(eval_windows(patterns, ships=1, empties=0)) == 1
    assert [bool(mask.any()) for _, mask in eval_windows(patterns, ships=2, empties=2)] == [True, True, False]


def test_eval_windows_of_a_kind_that_is_not_there_are_an_error(tmp_path: Path) -> None:
    for kind, ships in (("with", [0, 0]), ("without", [1, 2])):
        patterns = write_scenes(tmp_path / kind, ships)
        with pytest.raises(TrainingError, match=f"eval split has no image {kind} ships"):
            eval_windows(patterns, ships=2, empties=2)


def test_shapes_are_known_to_the_graph(tmp_path: Path) -> None:
    spec = training_crops(write_scenes(tmp_path / "train", [1]), SETTINGS)(0).element_spec
    assert spec[0] == tf.TensorSpec([4, 64, 64, 3], tf.float32)
    assert spec[1] == tf.TensorSpec([4, 64, 64, 1], tf.float32)
