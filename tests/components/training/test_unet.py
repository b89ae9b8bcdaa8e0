"""What the networks end with."""

import keras
import numpy as np
import pytest

from components.training.networks.unet import ship_logits


@pytest.mark.parametrize("channels", [8, 64])
def test_some_features_speak_for_ships_and_some_against_whatever_the_seed(channels: int) -> None:
    for seed in range(20):
        keras.utils.set_random_seed(seed)
        image = keras.Input((None, None, channels))
        kernel, _ = keras.Model(image, ship_logits(image)).get_weights()
        assert np.count_nonzero(kernel > 0) == np.count_nonzero(kernel < 0) == channels // 2
