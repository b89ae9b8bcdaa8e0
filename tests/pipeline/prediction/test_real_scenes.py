"""Real harbour scenes: nothing is lost or doubled between windows, among thousands of bright patches."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from components.masks import rle
from components.masks.instances import instances
from pipeline.prediction.images import entries_of
from pipeline.serving.detectors import Found

SCENES = Path(__file__).resolve().parents[4] / "shared" / "data" / "scenes"


class _Bright:
    """What is brighter than the sea is ship."""

    version = 1

    def find(self, image):
        return Found(rle.encode(_mask(np.frombuffer(image, np.uint8))), 0.5)


def _mask(file):
    return cv2.imdecode(file, cv2.IMREAD_COLOR)[..., 1] > 120


@pytest.mark.skipif(not SCENES.exists(), reason="needs the real scenes of shared/data, which are not here")
def test_windows_give_the_ships_of_the_whole_scene():
    path = SCENES / "scene_2.png"
    with ThreadPoolExecutor(2) as pool:
        picture, *ships = entries_of(path, _Bright(), pool, 1)
    pixels = cv2.imread(str(path))
    assert (picture.height, picture.width) == pixels.shape[:2]
    # The scene is a JPEG by another name, of which two decoders differ by a grey level here and there.
    whole = instances(_mask(np.fromfile(path, np.uint8)))
    joined = sum(ship.instance.area_px for ship in ships)
    assert joined == pytest.approx(sum(one.area_px for one in whole), rel=0.01)
    assert len(ships) == pytest.approx(len(whole), rel=0.05)
    assert max(ship.instance.area_px for ship in ships) == pytest.approx(whole[0].area_px, rel=0.05)
