import keras
import numpy as np
import pytest
import tensorflow as tf

from components.training.classifier import cells_of, presence_loss, score_on


def test_a_cell_with_a_single_ship_pixel_shows_a_ship() -> None:
    masks = np.zeros((1, 64, 96, 1), np.float32)
    masks[0, 15, 16] = masks[0, 63, 95] = 1
    cells = cells_of(tf.constant(masks)).numpy()[0, ..., 0]
    expected = np.zeros((4, 6))
    expected[0, 1] = expected[3, 5] = 1
    np.testing.assert_array_equal(cells, expected)


def test_the_loss_is_low_where_the_right_cell_and_no_other_is_found() -> None:
    cells = np.zeros((2, 4, 4, 1), np.float32)
    cells[0, 1, 2] = 1
    silent = np.full_like(cells, -6.0)
    right = np.where(cells > 0, 6.0, -6.0).astype(np.float32)
    wrong = np.roll(right, 1, axis=1)
    assert float(presence_loss(cells, right)) < 0.1
    assert float(presence_loss(cells, silent)) > 3
    # The image as a whole is told right, the cells are not.
    assert 2 < float(presence_loss(cells, wrong)) < float(presence_loss(cells, silent))
    assert np.isfinite(float(presence_loss(cells * 0, silent)))


def test_the_score_is_that_of_the_likeliest_cells() -> None:
    image = keras.Input((None, None, 3))
    brightest = keras.Model(image, keras.layers.MaxPooling2D(16)(image)[..., :1] / 10 - 13)
    dark, bright = np.zeros((70, 40, 3), np.uint8), np.zeros((40, 90, 3), np.uint8)
    bright[39, 89] = 200
    windows = [(dark, np.zeros((70, 40), bool)), (bright, np.ones((40, 90), bool))]
    figures = score_on(windows)(brightest)
    assert figures["score"] == 1
    # Logits -13 and 7.
    assert figures["loss"] == pytest.approx(np.log1p(np.exp([-13, -7])).mean(), rel=1e-3)
