"""Ships and platforms: bright points with the sidelobes of the radar's response, and the wakes of some ships."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ceruleanml.scenes.simulator.lattice import Floats

SIDELOBE_M = 22.0
"""Distance between sidelobes of the response of a point, about the resolution of the product."""
WAKE_DAMPING = 0.72


@dataclass(frozen=True)
class Target:
    """A ship or platform: where (metres down and across from the image's corner), how long and wide, how bright.

    `heading_deg` is where its bow points (from down to across); `sigma0` its mean, linear; `wake_m` the length of the
    dark wake behind it, 0 for none.
    """

    down_m: float
    across_m: float
    heading_deg: float
    length_m: float
    beam_m: float
    sigma0: float
    wake_m: float = 0.0


def make_ship(random: np.random.Generator, down_m: float, across_m: float, heading_deg: float) -> Target:
    """A ship of common size under way there."""
    length = float(np.clip(random.lognormal(math.log(130), 0.5), 40, 360))
    wake = random.uniform(800, 4_000) if random.random() < 0.3 else 0.0
    brightness = random.lognormal(math.log(3.5), 0.9)
    return Target(down_m, across_m, heading_deg, length, length / 6.5, float(brightness), float(wake))


def make_platform(random: np.random.Generator, down_m: float, across_m: float) -> Target:
    """A platform of common size there."""
    size = random.uniform(50, 110)
    brightness = random.lognormal(math.log(4.0), 0.7)
    return Target(down_m, across_m, float(random.uniform(0, 180)), size, size * 0.7, float(brightness))


def paint(targets: tuple[Target, ...], sigma0: Floats, start: int, resolution_m: float) -> None:
    """Add the targets, and their wakes, to sigma nought of the rows from `start` on, in place."""
    for target in targets:
        if target.wake_m:
            _wake(target, sigma0, start, resolution_m)
        _point(target, sigma0, start, resolution_m)


def _point(target: Target, sigma0: Floats, start: int, resolution_m: float) -> None:
    reach_m = target.length_m / 2 + (16 * SIDELOBE_M if target.sigma0 > 3 else 4 * SIDELOBE_M) + resolution_m
    window = _window(sigma0, start, resolution_m, target, reach_m)
    if window is None:
        return
    part, down, across = window
    angle = math.radians(target.heading_deg)
    ahead, aside = down * math.cos(angle) + across * math.sin(angle), across * math.cos(angle) - down * math.sin(angle)
    long, wide = max(target.length_m / 2, 0.55 * resolution_m), max(target.beam_m / 2, 0.55 * resolution_m)
    shrink = min(1.0, target.length_m / 2 / long) * min(1.0, target.beam_m / 2 / wide)
    hull = np.exp(-((ahead / long) ** 4) - (aside / wide) ** 2)
    # The response falls as 1 / distance^2 along the flight path and along range: the cross around bright ships.
    tail_m = SIDELOBE_M + resolution_m / 2
    arms = _arm(down, across, tail_m, target) + _arm(across, down, tail_m, target)
    part += np.float32(target.sigma0 * shrink) * (hull + np.float32(0.03) * arms)


def _arm(along: Floats, aside: Floats, tail_m: float, target: Target) -> Floats:
    lobes = 0.55 + 0.45 * np.cos(2 * np.pi * along / SIDELOBE_M)
    return np.asarray(lobes * np.exp(-((aside / (0.6 * tail_m)) ** 2)) / (0.4 + (along / (2 * tail_m)) ** 2))


def _wake(target: Target, sigma0: Floats, start: int, resolution_m: float) -> None:
    window = _window(sigma0, start, resolution_m, target, target.wake_m)
    if window is None:
        return
    part, down, across = window
    angle = math.radians(target.heading_deg)
    behind = -(down * math.cos(angle) + across * math.sin(angle))
    aside = across * math.cos(angle) - down * math.sin(angle)
    half = np.maximum(target.beam_m, 0.35 * resolution_m) + 0.012 * np.clip(behind, 0, None)
    fade = np.clip(1 - behind / target.wake_m, 0, 1) * (behind > 0)
    part *= 1 - np.float32(1 - WAKE_DAMPING) * (fade * np.exp(-((aside / half) ** 2))).astype(np.float32)


def _window(
    sigma0: Floats, start: int, resolution_m: float, target: Target, reach_m: float
) -> tuple[Floats, Floats, Floats] | None:
    """The rows and columns within reach, and their distances down (n, 1) and across (1, n) from the target."""
    height, width = sigma0.shape
    first_row = max(0, math.floor((target.down_m - reach_m) / resolution_m) - start)
    last_row = min(height, math.ceil((target.down_m + reach_m) / resolution_m) - start)
    first_col = max(0, math.floor((target.across_m - reach_m) / resolution_m))
    last_col = min(width, math.ceil((target.across_m + reach_m) / resolution_m))
    if first_row >= last_row or first_col >= last_col:
        return None
    down = (np.arange(first_row, last_row) + start + 0.5) * resolution_m - target.down_m
    across = (np.arange(first_col, last_col) + 0.5) * resolution_m - target.across_m
    part = sigma0[first_row:last_row, first_col:last_col]
    return part, down[:, None].astype(np.float32), across[None, :].astype(np.float32)
