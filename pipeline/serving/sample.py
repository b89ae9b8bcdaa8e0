"""An image to try the model with, painted when it is asked for."""

import cv2
import numpy as np

from pipeline.demo.scenes import render_scene

_EDGE_PX = 768
_LONGEST_SHIP_PX = 160


def sea_with_ships(seed: int) -> bytes:
    """A generated tile of open sea with a few ships, as JPEG; the same for the same seed."""
    scene = render_scene(
        np.random.default_rng(seed),
        (_EDGE_PX, _EDGE_PX),
        source="open_sea",
        fleet="traffic",
        weather="clear",
        longest_px=_LONGEST_SHIP_PX,
    )
    jpeg: bytes = cv2.imencode(".jpg", cv2.cvtColor(scene.pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    return jpeg
