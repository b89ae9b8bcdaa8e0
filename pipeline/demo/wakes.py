"""Paints what a moving ship leaves on the water: a foamy trail and the two arms of the Kelvin wake."""

import math

import cv2
import numpy as np

from pipeline.demo.ships import Ship
from pipeline.demo.textures import Canvas, Texture, fractal_noise, lay_over

_FOAM = (206, 216, 214)


def paint_wake(rng: np.random.Generator, canvas: Canvas, ship: Ship, water: Texture) -> None:
    """Paint the wake of a ship with speed > 0, on `water` (1 = water, 0 = land) only."""
    # Large ships are slow for their length, so their wakes are shorter and fainter in proportion.
    slowness = math.sqrt(max(ship.length_px, 30) / 30)
    trail_px = ship.length_px * (1 + 5 * ship.speed) / slowness**0.6 + 12
    found = _window(ship, trail_px, canvas.shape)
    if found is None:
        return
    rows, columns = found
    view = canvas[rows, columns]
    behind_px, aside_px = _ship_frame(ship, rows, columns)
    # Rudder and current bend the trail.
    aside_px = aside_px + rng.normal(0, 0.05) * behind_px**2 / trail_px
    foam = _trail(rng, ship, trail_px, behind_px, aside_px)
    if ship.speed > 0.3:
        foam += _kelvin_arms(rng, ship, trail_px, behind_px, aside_px)
    foam += _bow_wave(ship, behind_px, aside_px)
    foam *= slowness**-0.55
    lay_over(view, _FOAM, np.clip(foam, 0, 0.95) * water[rows, columns])


def _window(ship: Ship, trail_px: float, scene_shape: tuple[int, ...]) -> tuple[slice, slice] | None:
    reach = trail_px * math.tan(math.radians(20)) + ship.length_px
    ends = ship.to_scene([0.6, -0.5 - trail_px / ship.length_px], [0, 0])
    sides = np.array([-math.sin(ship.heading_rad), math.cos(ship.heading_rad)]) * reach
    corners = np.concatenate([ends[:1], ends[1:] + sides, ends[1:] - sides])
    left, top = np.maximum(corners.min(0) - ship.width_px, 0).astype(int).tolist()
    right, bottom = (corners.max(0) + ship.width_px).astype(int).tolist()
    right, bottom = min(right, scene_shape[1]), min(bottom, scene_shape[0])
    return (slice(top, bottom), slice(left, right)) if right - left > 2 and bottom - top > 2 else None


def _ship_frame(ship: Ship, rows: slice, columns: slice) -> tuple[Texture, Texture]:
    """Distance in px behind the stern, and to starboard of the keel, of each pixel of the window."""
    away_y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5 - ship.y
    away_x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5 - ship.x
    cosine, sine = math.cos(ship.heading_rad), math.sin(ship.heading_rad)
    ahead = away_x * cosine + away_y * sine
    return -ahead - ship.length_px / 2, away_y * cosine - away_x * sine


def _trail(
    rng: np.random.Generator, ship: Ship, trail_px: float, behind_px: Texture, aside_px: Texture
) -> Texture:
    """Opacity of the turbulent trail: widening, fading, streaked along its length."""
    half_px = 0.8 + 0.34 * ship.width_px**0.9 + 0.035 * np.maximum(behind_px, 0)
    across = aside_px / half_px
    # Streaks are a function of the place across the trail only, and so run along it.
    profile = cv2.GaussianBlur(rng.standard_normal((1, 64), dtype=np.float32), (0, 0), 1.6)
    streaks = cv2.remap(
        profile,
        (across * 16 + 32).astype(np.float32),
        np.zeros_like(across),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    clumps = fractal_noise(
        rng, (behind_px.shape[0], behind_px.shape[1]), 9 + ship.width_px / 2, 1.5, persistence=0.75
    )
    fade = np.exp(-2.6 * np.maximum(behind_px, 0) / trail_px) * np.clip(
        (trail_px - behind_px) / (0.3 * trail_px), 0, 1
    )
    opacity = (
        (0.3 + 0.6 * ship.speed) * fade * np.exp(-(np.abs(across) ** 3)) * (1 + 0.9 * streaks + 0.35 * clumps)
    )
    # The trail starts under the stern, not in front of it.
    return np.asarray(np.clip(opacity, 0, 1) * np.clip(behind_px + 3, 0, 1), np.float32)


def _kelvin_arms(
    rng: np.random.Generator, ship: Ship, trail_px: float, behind_px: Texture, aside_px: Texture
) -> Texture:
    """Opacity of the two diverging arms, broken into short crests as they are in pictures."""
    from_bow = behind_px + ship.length_px
    # Theory says 19.5 degrees; fast ships show narrower arms (Rabaud and Moisy, 2013).
    slope = math.tan(math.radians(rng.uniform(9, 19)))
    width_px = 0.9 + 0.012 * np.maximum(from_bow, 0) + 0.04 * ship.width_px
    off_arm = (np.abs(aside_px) - slope * from_bow) / width_px
    crests = 0.5 + 0.5 * np.sin(2 * math.pi * (from_bow + 0.6 * np.abs(aside_px)) / rng.uniform(7, 14))
    clumps = 1 + 0.5 * fractal_noise(rng, (behind_px.shape[0], behind_px.shape[1]), 24, 2, persistence=0.7)
    fade = np.clip(from_bow / ship.length_px, 0, 1) * np.clip(1 - behind_px / (0.8 * trail_px), 0, 1)
    opacity = rng.uniform(0.1, 0.5) * ship.speed * fade * np.exp(-(off_arm**2)) * crests**2 * clumps
    return np.asarray(np.clip(opacity, 0, 0.7), np.float32)


def _bow_wave(ship: Ship, behind_px: Texture, aside_px: Texture) -> Texture:
    """Opacity of the thin foam line pushed aside along the forward half of the hull."""
    from_bow = behind_px + ship.length_px
    off_side = np.abs(aside_px) - ship.width_px * (
        0.12 + 0.5 * np.clip(from_bow / (0.3 * ship.length_px), 0, 1)
    )
    along = np.clip(from_bow + 1, 0, 1) * np.clip(1 - from_bow / (0.7 * ship.length_px), 0, 1)
    return np.asarray(0.7 * ship.speed * along * np.exp(-((off_side / 1.3) ** 2)), np.float32)
