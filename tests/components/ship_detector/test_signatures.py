import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from brightness_networks import SEA, SHIP, classifier, encoded, example, scene, segmenter

from components.errors import InputError
from components.masks import rle
from components.ship_detector.detector import ShipDetector, segmenter_stride_px
from components.ship_detector.export import export
from components.ship_detector.settings import DetectorSettings
from components.ship_detector.thresholds import CURVE_THRESHOLDS, Thresholds
from components.transform.settings import ContrastSettings

BOX = (20, 30, 12, 25)
# Loads the model where this project's code cannot be imported, and prints what it answers.
FRESH_PROCESS = """
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
image = open(sys.argv[2], "rb").read()
answer = model.signatures["mask"](image_bytes=tf.constant([image, image]))
assert "components" not in sys.modules
print(json.dumps([answer["ship_probability"].numpy().tolist(), answer["ship_pixels"].numpy().tolist(),
                  [row.decode() for row in answer["encoded_pixels"].numpy()], float(model.mask_threshold)]))
"""


def detector(contrast: str = "none", **settings: Any) -> ShipDetector:
    return ShipDetector(
        classifier(),
        segmenter(),
        ContrastSettings(method=contrast),  # type: ignore[arg-type]
        DetectorSettings(tile_px=256, overlap_px=32, **settings),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("detector"))
    statistics = str(tmp_path_factory.mktemp("statistics"))
    export(detector(), {"thresholds": {}}, statistics, path, '{"segmenter": {"loss": "bce"}}')
    return path


@pytest.fixture(scope="module")
def model(folder: str) -> Any:
    return tf.saved_model.load(folder)


def answers(model: Any, *images: bytes, signature: str = "mask") -> dict[str, npt.NDArray[Any]]:
    result = model.signatures[signature](image_bytes=tf.constant(list(images), tf.string, [len(images)]))
    return {name: tensor.numpy() for name, tensor in result.items()}


def expected_mask(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return (image.mean(-1) > 130).astype(np.uint8)


def test_a_batch_of_images_of_all_sizes_is_answered_image_by_image(model: Any) -> None:
    images = [
        scene(96, 64, BOX),
        scene(300, 410, BOX, (250, 100, 40, 200)),
        scene(64, 64),
        scene(33, 95, BOX),
    ]
    answer = answers(model, *map(encoded, images))
    for index, image in enumerate(images):
        mask = expected_mask(image)
        png = tf.io.decode_png(answer["mask_png_bytes"][index]).numpy()
        assert png.shape == (*image.shape[:2], 1)
        np.testing.assert_array_equal(png[..., 0], mask * 255)
        assert answer["encoded_pixels"][index].decode() == rle.encode(mask)
        assert answer["ship_pixels"][index] == mask.sum()
        assert (answer["ship_probability"][index] > 0.5) == mask.any()


def test_serving_default_is_the_mask_signature_without_the_png(model: Any) -> None:
    image = encoded(scene(96, 64, BOX))
    served, masked = answers(model, image, signature="serving_default"), answers(model, image)
    assert masked.keys() - served.keys() == {"mask_png_bytes"}
    for name, value in served.items():
        np.testing.assert_array_equal(value, masked[name])
    assert served["ship_probability"].dtype == np.float32
    assert served["ship_pixels"].dtype == np.int64


def test_an_empty_batch_gets_an_empty_answer(model: Any) -> None:
    assert all(len(value) == 0 for value in answers(model).values())


@pytest.mark.parametrize(
    "image",
    [
        scene(96, 64, BOX)[..., 0],
        np.dstack([scene(96, 64, BOX), np.full((96, 64), 3, np.uint8)])[..., [2, 1, 0, 3]],
    ],
    ids=["gray", "RGBA"],
)
def test_gray_and_rgba_images_are_read(model: Any, image: npt.NDArray[np.uint8]) -> None:
    stored = encoded(image) if image.ndim == 2 else rgba_png(image)
    answer = answers(model, stored)
    assert answer["encoded_pixels"][0].decode() == rle.encode(expected_mask(scene(96, 64, BOX)))


def rgba_png(image: npt.NDArray[np.uint8]) -> bytes:
    png: bytes = tf.io.encode_png(image).numpy()
    return png


@pytest.mark.parametrize("content", [b"", b"no image", encoded(scene(64, 64), ".jpg")[:-200]])
def test_undecodable_bytes_fail_the_request(model: Any, content: bytes) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        answers(model, encoded(scene(64, 64)), content)


def test_the_classifier_silences_images_and_the_threshold_decides() -> None:
    silenced = detector()
    image = tf.constant(encoded(scene(64, 64, BOX)))
    assert silenced.detect(image).mask.numpy().any()
    silenced.set_thresholds(Thresholds(0.5, 0.0, 0, 1.0))
    found = silenced.detect(image)
    assert not found.mask.numpy().any()
    assert found.mask.shape == (64, 64)
    assert found.ship_probability > 0.9


def test_the_classifier_drops_ships_that_no_cell_confirms_and_keeps_the_others() -> None:
    picture = scene(96, 160, (8, 8, 20, 25), (70, 120, 10, 10))
    # Logits (level - 130) / 10: sure enough for the segmenter, at 0.82, and too little for the classifier.
    picture[70:80, 120:130] = 145
    found = detector(classifier_threshold=0.9).detect(tf.constant(encoded(picture)))
    np.testing.assert_array_equal(found.mask.numpy(), picture.mean(-1) > 200)
    # A pixel that is no part of it, yet in one of its cells, confirms it.
    picture[77, 116] = SHIP
    found = detector(classifier_threshold=0.9, min_ship_pixels=2).detect(tf.constant(encoded(picture)))
    assert found.mask.numpy()[70:80, 120:130].all()


def test_without_the_cascade_the_classifier_silences_nothing() -> None:
    free = detector(cascade=False, classifier_threshold=1.0)
    assert free.detect(tf.constant(encoded(scene(64, 64, BOX)))).mask.numpy().any()


def test_ships_below_the_minimal_area_are_dropped_and_no_others() -> None:
    image = tf.constant(encoded(scene(64, 64, (10, 10, 5, 4), (40, 40, 3, 7))))
    assert detector(min_ship_pixels=20).detect(image).mask.numpy().sum() == 41
    found = detector(min_ship_pixels=21).detect(image).mask.numpy()
    assert found.sum() == found[40:43, 40:47].sum() == 21
    assert detector(min_ship_pixels=22).detect(image).mask.numpy().sum() == 0


def test_a_ship_is_dropped_as_a_whole_where_its_mean_probability_is_low() -> None:
    picture = scene(64, 64, (10, 10, 5, 4), (40, 40, 6, 6))
    # Logits (level - 130) / 10: the second ship is doubtful but for one pixel.
    picture[40:46, 40:46] = 135
    picture[42, 42] = SHIP
    image = tf.constant(encoded(picture))
    assert detector().detect(image).mask.numpy().sum() == 20 + 36
    found = detector(ship_threshold=0.8).detect(image).mask.numpy()
    assert found.sum() == found[10:15, 10:14].sum() == 20


def test_contrast_is_adjusted_before_both_networks() -> None:
    dim = np.where(scene(64, 64, BOX) == SHIP, SEA + 40, SEA).astype(np.uint8)
    image = tf.constant(encoded(dim))
    assert not detector().detect(image).mask.numpy().any()
    found = detector(contrast="stretch").detect(image)
    np.testing.assert_array_equal(found.mask.numpy(), expected_mask(scene(64, 64, BOX)))
    assert found.ship_probability > 0.9


@pytest.mark.slow
def test_a_fresh_process_without_our_code_gets_the_same_answers(
    folder: str, model: Any, tmp_path: Path
) -> None:
    image = encoded(scene(70, 300, BOX))
    (tmp_path / "image.png").write_bytes(image)
    run = subprocess.run(
        [sys.executable, "-I", "-c", FRESH_PROCESS, folder, str(tmp_path / "image.png")],
        cwd=tmp_path,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    probabilities, pixels, rows, threshold = json.loads(run.stdout.splitlines()[-1])
    here = answers(model, image, image)
    np.testing.assert_allclose(probabilities, here["ship_probability"], rtol=1e-6)
    assert pixels == here["ship_pixels"].tolist()
    assert rows == [row.decode() for row in here["encoded_pixels"]]
    assert threshold == 0.5


def test_evaluate_counts_what_numpy_counts(model: Any) -> None:
    rng = np.random.default_rng(0)
    images = [scene(64, 64, BOX), scene(64, 90), scene(50, 70, (0, 0, 9, 9)), scene(64, 64)]
    labels = [[rng.integers(0, 2, image.shape[:2]).astype(np.uint8) for _ in range(2)] for image in images]
    labels[1] = labels[3] = []
    batch = [example(encoded(image), masks) for image, masks in zip(images, labels, strict=True)]
    heads = {
        name: value.numpy()
        for name, value in model.signatures["evaluate"](examples=tf.constant(batch)).items()
    }
    assert {name: value.shape for name, value in heads.items()} == {
        "classifier": (4, 2),
        "segmenter": (4, 3),
        "cascade": (4, 3),
        "segmenter_mask": (4,),
        "cascade_mask": (4,),
        "image_size": (4, 2),
        "predicted_px": (4, len(CURVE_THRESHOLDS)),
        "hit_px": (4, len(CURVE_THRESHOLDS)),
    }
    for index, (image, masks) in enumerate(zip(images, labels, strict=True)):
        truth = np.any(masks, 0) if masks else np.zeros(image.shape[:2], bool)
        mask = expected_mask(image).astype(bool)
        counts = [(mask & truth).sum(), (mask & ~truth).sum(), (~mask & truth).sum()]
        np.testing.assert_array_equal(heads["segmenter"][index], counts)
        np.testing.assert_array_equal(heads["cascade"][index], counts)
        assert heads["segmenter_mask"][index] == heads["cascade_mask"][index] == rle.encode(mask).encode()
        assert heads["image_size"][index].tolist() == list(mask.shape)
        # The segmenter's probability is the sigmoid of (brightness - 130) / 10.
        sure = 1 / (1 + np.exp(-(image.mean(-1) - 130) / 10))
        reached = sure >= CURVE_THRESHOLDS[:, None, None]
        np.testing.assert_array_equal(heads["predicted_px"][index], reached.sum((1, 2)))
        np.testing.assert_array_equal(heads["hit_px"][index], (reached & truth).sum((1, 2)))
        assert heads["classifier"][index, 1] == (heads["classifier"][index, 0] >= 0.5)


def test_evaluate_shows_what_the_cascade_loses() -> None:
    silent = detector(classifier_threshold=1.0)
    truth = expected_mask(scene(64, 64, BOX))
    record = tf.constant([example(encoded(scene(64, 64, BOX)), [truth])])
    from components.ship_detector.signatures import signatures

    heads = signatures(silent)["evaluate"](record)
    area = float(truth.sum())
    assert heads["segmenter"].numpy().tolist() == [[area, 0, 0]]
    assert heads["cascade"].numpy().tolist() == [[0, 0, area]]
    assert heads["segmenter_mask"].numpy().tolist() == [rle.encode(truth).encode()]
    assert heads["cascade_mask"].numpy().tolist() == [b""]
    assert heads["classifier"].numpy()[0, 1] == 0


def test_the_tuning_report_and_the_settings_travel_with_the_saved_model(folder: str) -> None:
    extra = Path(folder) / "assets.extra"
    assert json.loads((extra / "thresholds.json").read_text()) == {"thresholds": {}}
    assert json.loads((extra / "settings.json").read_text()) == {"segmenter": {"loss": "bce"}}


def test_networks_of_another_shape_are_refused() -> None:
    wrong = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    with pytest.raises(InputError, match="a logit for each pixel"):
        segmenter_stride_px(wrong)
    with pytest.raises(InputError, match="a logit for each pixel"):
        segmenter_stride_px(classifier())
    fixed = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Conv2D(1, 1)])
    with pytest.raises(InputError, match="segmenter of input"):
        segmenter_stride_px(fixed)
    with pytest.raises(InputError, match="classifier of input"):
        ShipDetector(fixed, segmenter(), ContrastSettings(), DetectorSettings())
    whole = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalMaxPooling2D()])
    with pytest.raises(InputError, match="a logit for each cell"):
        ShipDetector(whole, segmenter(), ContrastSettings(), DetectorSettings())
    with pytest.raises(InputError, match="cell of 16 px"):
        ShipDetector(segmenter(), segmenter(), ContrastSettings(), DetectorSettings())


@pytest.mark.parametrize(("pooling", "stride_px"), [(1, 32), (3, 48), (5, 80)])
def test_the_stride_of_a_segmenter_is_found(pooling: int, stride_px: int) -> None:
    image = keras.Input((None, None, 3))
    pooled = keras.layers.AveragePooling2D(pooling)(image)
    halved = keras.layers.MaxPooling2D(16)(pooled)
    risen = keras.layers.Concatenate()([pooled, keras.layers.UpSampling2D(16)(halved)])
    logits = keras.layers.UpSampling2D(pooling)(keras.layers.Conv2D(1, 1)(risen))
    assert segmenter_stride_px(keras.Model(image, logits)) == stride_px


def test_without_a_classifier_the_likeliest_pixel_tells_the_ship_probability(tmp_path: Path) -> None:
    alone = ShipDetector(
        None, segmenter(), ContrastSettings(), DetectorSettings(tile_px=256, overlap_px=32, cascade=False)
    )
    (tmp_path / "statistics").mkdir()
    export(alone, {"thresholds": {}}, str(tmp_path / "statistics"), str(tmp_path / "model"))
    answer = answers(
        tf.saved_model.load(str(tmp_path / "model")), *map(encoded, (scene(64, 96, BOX), scene(64, 96)))
    )
    likeliest = [1 / (1 + np.exp(-(level - 130) / 10)) for level in (SHIP, SEA)]
    np.testing.assert_allclose(answer["ship_probability"], likeliest, rtol=0.05, atol=1e-4)
    assert answer["ship_pixels"][0] > 0
    assert answer["ship_pixels"][1] == 0


def test_a_cascade_needs_its_classifier() -> None:
    with pytest.raises(InputError, match="cascade"):
        ShipDetector(None, segmenter(), ContrastSettings(), DetectorSettings(cascade=True))
