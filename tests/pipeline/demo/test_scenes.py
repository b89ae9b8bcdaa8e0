"""Scenes: where ships may lie, and that every kind of scene renders."""

import math

import cv2
import numpy as np
import pytest

from pipeline.demo.fleet import FLEETS, Fleet
from pipeline.demo.harbour import Face, paint_harbour
from pipeline.demo.scenes import SOURCES, render_scene
from pipeline.demo.sea import paint_sea
from pipeline.demo.ships import footprint
from pipeline.demo.textures import fractal_noise, waves

SHAPE = (320, 400)


def calm_fleet(land: np.ndarray | None = None, clouds: np.ndarray | None = None) -> Fleet:
    shape = (600, 600)
    land = np.zeros(shape, bool) if land is None else land
    return Fleet(land, np.zeros(shape, np.float32) if clouds is None else clouds, longest_px=200)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("weather", ["clear", "clouds", "haze"])
def test_every_kind_of_scene_renders(source: str, weather: str) -> None:
    scene = render_scene(
        np.random.default_rng(1), SHAPE, source=source, fleet="traffic", weather=weather, longest_px=120
    )
    assert (scene.pixels.shape, scene.pixels.dtype) == ((*SHAPE, 3), np.uint8)
    assert scene.instances.shape == SHAPE
    assert 3 < scene.pixels.mean() < 200
    assert (scene.pixels == 255).mean() < 0.05


@pytest.mark.parametrize("kind", FLEETS)
def test_instances_are_whole_hulls_that_keep_off_land_clouds_and_each_other(kind: str) -> None:
    land, clouds = np.zeros((600, 600), bool), np.zeros((600, 600), np.float32)
    land[:, :150] = True
    clouds[400:, :] = 0.9
    fleet = calm_fleet(land, clouds)
    fleet.scatter(np.random.default_rng(2), kind)
    assert FLEETS[kind][0] / 2 <= len(fleet.ships) <= FLEETS[kind][1] + 2
    assert not fleet.instances[land | (clouds > 0.2)].any()
    for number, ship in enumerate(fleet.ships, start=1):
        placed = footprint(ship, (600, 600))
        assert placed is not None
        # Whole: no later ship took a pixel of an earlier one.
        assert (fleet.instances == number).sum() == placed.mask.sum()


def test_ships_moor_beside_a_face_not_on_it() -> None:
    land = np.zeros((600, 600), bool)
    land[:300] = True
    fleet = calm_fleet(land)
    fleet.moor(np.random.default_rng(3), [Face(20, 300, 0.0, 560, math.pi / 2)], share=1.0)
    assert len(fleet.ships) >= 3
    assert not fleet.instances[land].any()
    first_rows = [np.nonzero(fleet.instances == 1)[0].min(), np.nonzero(fleet.instances)[0].min()]
    assert max(first_rows) < 308


def test_neighbours_in_a_marina_stay_apart() -> None:
    fleet = calm_fleet()
    fleet.moor(np.random.default_rng(5), [Face(20, 300, 0.0, 500, math.pi / 2, stern_to=True)], share=1.0)
    assert len(fleet.ships) > 8
    joined, _ = cv2.connectedComponents((fleet.instances > 0).astype(np.uint8), connectivity=8)
    assert joined - 1 == len(fleet.ships)


def test_harbour_faces_look_at_water() -> None:
    shape = (900, 900)
    canvas = paint_sea(np.random.default_rng(4), shape)
    land, faces = paint_harbour(np.random.default_rng(4), canvas, (0.5, 0.5))
    assert 0.1 < land.mean() < 0.6
    seen = []
    for face in faces:
        x = face.x + math.cos(face.along_rad) * face.length_px / 2
        y = face.y + math.sin(face.along_rad) * face.length_px / 2
        for away_px, expected in ((-3, True), (4, False)):
            column = int(x + away_px * math.cos(face.outward_rad))
            row = int(y + away_px * math.sin(face.outward_rad))
            if 0 <= column < shape[1] and 0 <= row < shape[0]:
                seen.append(bool(land[row, column]) == expected)
    assert len(seen) >= 4
    assert np.mean(seen) > 0.8


def test_noise_is_normalised_and_smooth() -> None:
    noise = fractal_noise(np.random.default_rng(0), (300, 500), 60, 4)
    assert noise.shape == (300, 500)
    assert noise.mean() == pytest.approx(0, abs=0.1)
    assert noise.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(noise)).mean() < 0.2


@pytest.mark.parametrize("wavelength_px", [6.0, 20.0])
def test_waves_have_the_wavelength_and_direction_asked_for(wavelength_px: float) -> None:
    field = waves(np.random.default_rng(0), (512, 512), wavelength_px, heading_rad=0.0, spread_rad=0.2)
    power = np.abs(np.fft.rfft2(field)) ** 2
    along_x, along_y = np.fft.rfftfreq(512)[None, :], np.fft.fftfreq(512)[:, None]
    assert 1 / np.average(np.hypot(along_x, along_y), weights=power) == pytest.approx(wavelength_px, rel=0.3)
    assert np.average(along_x**2 + 0 * along_y, weights=power) > 4 * np.average(
        along_y**2 + 0 * along_x, weights=power
    )
