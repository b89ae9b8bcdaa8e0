"""What the networks end with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.training.networks.unet import Enlarged, plain_unet, ship_logits


@pytest.mark.parametrize("channels", [8, 64])
def test_some_features_speak_for_ships_and_some_against_whatever_the_seed(channels: int) -> None:
    for seed in range(20):
        keras.utils.set_random_seed(seed)
        image = keras.Input((None, None, channels))
        kernel, _ = keras.Model(image, ship_logits(image)).get_weights()
        assert np.count_nonzero(kernel > 0) == np.count_nonzero(kernel < 0) == channels // 2


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_enlarged_is_bilinear(factor: int) -> None:
    small = np.random.default_rng(0).normal(size=(2, 5, 7, 1)).astype(np.float32)
    wanted = tf.image.resize(small, (5 * factor, 7 * factor))
    np.testing.assert_allclose(Enlarged(factor, interpolation="bilinear")(small), wanted, atol=1e-5)


def test_a_pooled_network_answers_images_of_any_size_in_a_graph() -> None:
    network = plain_unet(input_pooling=3)
    images = tf.random.stateless_uniform((1, 48, 96, 3), (0, 1), 0, 255)
    # As the detector calls it.
    any_size = [tf.TensorSpec([1, None, None, 3])]
    in_graph = tf.function(lambda batch: network(batch, training=False), any_size, autograph=False)
    np.testing.assert_allclose(in_graph(images), network(images), atol=1e-5)
