"""Networks by the name that settings give them. A further architecture plugs in here and nowhere else."""

from collections.abc import Callable

import keras

from components.training.networks.encoders import build_encoder
from components.training.networks.pretrained_unet import pretrained_unet
from components.training.networks.ship_presence import plain_presence, pretrained_presence
from components.training.networks.unet import plain_unet
from components.training.settings import ClassifierSettings, SegmenterSettings

# From RGB [N, H, W, 3] float32 of 0-255 to logits [N, H, W, 1].
SEGMENTERS: dict[str, Callable[[SegmenterSettings], keras.Model]] = {
    "plain": lambda settings: plain_unet(
        settings.input_pooling, settings.gaussian_noise, settings.batch_norm
    ),
    "pretrained": lambda settings: pretrained_unet(build_encoder(settings)),
}

# From RGB [N, H, W, 3] float32 of 0-255 to logits of cells of 16 px, [N, H / 16, W / 16, 1].
CLASSIFIERS: dict[str, Callable[[ClassifierSettings], keras.Model]] = {
    "plain": lambda _: plain_presence(),
    "pretrained": lambda settings: pretrained_presence(build_encoder(settings)),
}
