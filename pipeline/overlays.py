"""Pictures of predictions: truth and predicted outlines on test images, one file each and one sheet."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf
from tfx.utils import path_utils

from components.examples import ENCODED_PIXELS, IMAGE, IMAGE_ID, SHIP_COUNT
from components.masks.rle import decode as decode_rle
from components.progress import Meter
from components.tfrecords import read_records
from components.training.scores import hard_dice

# BGR, as OpenCV draws.
_TRUTH_COLOUR = (90, 220, 60)
_PREDICTION_COLOUR = (60, 60, 255)
_SHEET_COLUMNS = 4
_SHEET_TILE_PX = 384
_CAPTION_PX = 28


@dataclass(frozen=True)
class _Prediction:
    image_id: str
    image: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    ship_count: int
    ship_probability: float
    dice: float


def write_overlays(model_uri: str, examples_uri: str, folder: Path, most: int = 24) -> list[Path]:
    """Draw test images with true (green) and predicted (red) outlines.

    Args:
        model_uri: Model artifact of a detector.
        examples_uri: Examples artifact; its test splits are drawn, three images with ships to one without.
        folder: where the PNG files and the sheet `overview.png` are written.
        most: number of images.

    Returns:
        The written files, the sheet first.
    """
    detect = tf.saved_model.load(path_utils.serving_model_dir(model_uri)).signatures["mask"]
    empties = most // 4
    records = _first(examples_uri, "test_ships", most - empties) + _first(examples_uri, "test_empty", empties)
    folder.mkdir(parents=True, exist_ok=True)
    predictions, files = [], []
    with Meter("Overlays", len(records), "images") as meter:
        for record in records:
            prediction = _predict(detect, record)
            file = folder / f"{Path(prediction.image_id).stem}.png"
            cv2.imwrite(str(file), _draw(prediction, prediction.image.shape[0]))
            predictions.append(prediction)
            files.append(file)
            meter.advance()
    sheet = folder / "overview.png"
    cv2.imwrite(str(sheet), _sheet(predictions))
    return [sheet, *files]


def _first(examples_uri: str, split: str, most: int) -> list[bytes]:
    return [record for record, _ in zip(read_records(examples_uri, split), range(most), strict=False)]


def _predict(detect: tf.types.experimental.ConcreteFunction, record: bytes) -> _Prediction:
    feature = tf.train.Example.FromString(record).features.feature
    image_bytes = feature[IMAGE].bytes_list.value[0]
    output = detect(image_bytes=tf.constant([image_bytes]))
    predicted = cv2.imdecode(
        np.frombuffer(output["mask_png_bytes"].numpy()[0], np.uint8), cv2.IMREAD_GRAYSCALE
    ).astype(bool)
    truth = np.zeros(predicted.shape, bool)
    for encoded in feature[ENCODED_PIXELS].bytes_list.value:
        truth |= decode_rle(encoded.decode(), *truth.shape).astype(bool)
    return _Prediction(
        image_id=feature[IMAGE_ID].bytes_list.value[0].decode(),
        image=cv2.imdecode(np.frombuffer(image_bytes, np.uint8), cv2.IMREAD_COLOR),
        truth=truth,
        mask=predicted,
        ship_count=feature[SHIP_COUNT].int64_list.value[0],
        ship_probability=float(output["ship_probability"].numpy()[0]),
        dice=hard_dice(truth, predicted),
    )


def _draw(prediction: _Prediction, height_px: int) -> np.ndarray:
    """The image at a height, uint8 BGR, with outlines drawn after scaling so that they stay visible."""
    scale = height_px / prediction.image.shape[0]
    picture: np.ndarray = cv2.resize(prediction.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for mask, colour in ((prediction.truth, _TRUTH_COLOUR), (prediction.mask, _PREDICTION_COLOUR)):
        # Around the mask rather than on it, so that the outline does not hide a small ship.
        grown = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8))
        contours, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        scaled = [np.rint(contour * scale).astype(np.int32) for contour in contours]
        cv2.drawContours(picture, scaled, -1, colour, 1, cv2.LINE_AA)
    return picture


def _sheet(predictions: list[_Prediction]) -> np.ndarray:
    rows = -(-len(predictions) // _SHEET_COLUMNS)
    height = _SHEET_TILE_PX + _CAPTION_PX
    sheet = np.full((max(rows, 1) * height, _SHEET_COLUMNS * _SHEET_TILE_PX, 3), 255, np.uint8)
    for position, prediction in enumerate(predictions):
        top = position // _SHEET_COLUMNS * height
        left = position % _SHEET_COLUMNS * _SHEET_TILE_PX
        tile = _draw(prediction, _SHEET_TILE_PX - 4)[:, : _SHEET_TILE_PX - 4]
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        caption = (
            f"{prediction.ship_count} ship{'' if prediction.ship_count == 1 else 's'}, "
            f"dice {prediction.dice:.2f}, P(ship) {prediction.ship_probability:.2f}"
        )
        baseline = (left + 6, top + height - 10)
        cv2.putText(sheet, caption, baseline, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
    return sheet
