"""Our batch normalisation beside Keras', of which it only has other kernels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.training.networks.batch_norm import BatchNormalization

MAPS = np.random.default_rng(0).normal(3, 2, (2, 5, 7, 4)).astype(np.float32)


def _pair(dtype: str = "float32") -> list[keras.Layer]:
    """The same weights, none of them as they begin, in ours and Keras'."""
    pair = [kind(momentum=0.9, dtype=dtype) for kind in (BatchNormalization, keras.layers.BatchNormalization)]
    for layer in pair:
        layer.build(MAPS.shape)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.uniform(0.5, 2, 4) for _ in layer.weights])
    return pair


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_gradients_and_stored_statistics_are_those_of_keras(training, trainable):
    outcomes = []
    for layer in _pair():
        layer.trainable = trainable
        maps = tf.constant(MAPS)
        with tf.GradientTape() as tape:
            tape.watch([maps, layer.gamma.value, layer.beta.value])
            outputs = layer(maps, training=training)
            loss = tf.reduce_sum(outputs**3)
        gradients = tape.gradient(loss, [maps, layer.gamma.value, layer.beta.value])
        outcomes.append([outputs, *gradients, layer.moving_mean, layer.moving_variance])
    for ours, theirs in zip(*outcomes, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
    before = _pair()[0].get_weights()[2]
    moved = not np.allclose(outcomes[0][4], before)
    assert moved == (training and trainable)


def test_half_precision_keeps_its_statistics_in_whole():
    ours, theirs = _pair("mixed_float16")
    outputs = [layer(MAPS.astype(np.float16), training=True) for layer in (ours, theirs)]
    assert outputs[0].dtype == tf.float16 and ours.moving_variance.dtype == "float32"
    np.testing.assert_allclose(outputs[0], outputs[1], atol=0.02)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-3)
