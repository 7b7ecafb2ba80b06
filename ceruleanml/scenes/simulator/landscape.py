"""Land: a fractal coast with brightness of fields, woods, slopes and towns, and the lee it casts on the sea."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ceruleanml.scenes.simulator.lattice import Field, Floats, Lattice, Texture, make_texture, power_law

LAND_SHARE_OF_SCENES = 0.18
LAND_DECIBELS = -10.0


@dataclass(frozen=True)
class Land:
    """Land where `height` (about a metre a unit) is above zero, its ln sigma nought in `brightness`."""

    height: Field
    brightness: Field
    detail: Texture
    towns: Texture

    def paint(self, sigma0: Floats, start: int, stop: int) -> None:
        """Replace the sea by land in sigma nought (linear) of rows start..stop."""
        height = self.height.rows(start, stop)
        if height.max() < -4:
            return
        detail = self.detail.rows(start, stop, height.shape[1])
        dry = height + 0.5 * detail > 0
        towns = np.clip(self.towns.rows(start, stop, height.shape[1]) - 2.7, 0, 1.6)
        ground = np.exp(self.brightness.rows(start, stop) + 0.16 * detail + 1.4 * towns)
        np.copyto(sigma0, ground.astype(np.float32), where=dry)


def make_land(random: np.random.Generator, lattice: Lattice) -> Land | None:
    """A coast along one side, or None for open sea (the commoner case)."""
    if random.random() >= LAND_SHARE_OF_SCENES:
        return None
    down, across = lattice.metres()
    angle = random.uniform(0, 2 * math.pi)
    size = float(np.hypot(down.max(), across.max()))
    slope = (down * math.cos(angle) + across * math.sin(angle)) / size
    relief = lattice.noise(random, power_law(60_000, 2.4)) + 0.2 * lattice.noise(random, power_law(12_000, 2.1))
    height = slope * random.uniform(5, 9) + relief * random.uniform(0.6, 1.1)
    height = 30 * (height - np.quantile(height, 1 - random.uniform(0.05, 0.28)))
    woods = np.tanh(1.3 * lattice.noise(random, power_law(7_000, 2.0)))
    hills = lattice.noise(random, power_law(2_000, 2.0)) * random.uniform(0.05, 0.25)
    marsh = -1.2 * np.exp(-np.clip(height, 0, None) / 12) * random.uniform(0.2, 1)
    brightness = math.log(10 ** (LAND_DECIBELS / 10)) + 0.3 * woods + hills + marsh
    return Land(
        Field(lattice, np.asarray(height, dtype=np.float32)),
        Field(lattice, np.asarray(brightness, dtype=np.float32)),
        make_texture(random, lattice.resolution_m, power_law(max(400.0, 3 * lattice.resolution_m), 1.7), (704, 810)),
        make_texture(random, lattice.resolution_m, power_law(max(250.0, 2 * lattice.resolution_m), 1.4), (900, 770)),
    )


def lee(land: Land | None, lattice: Lattice) -> Floats:
    """How much ln(wind) sinks near land, on the nodes; nothing without land."""
    if land is None:
        return np.zeros(lattice.nodes, dtype=np.float32)
    from scipy.ndimage import distance_transform_edt

    distance_m = distance_transform_edt(land.height.values <= 0, sampling=lattice.spacing_m)
    return np.asarray(0.45 * np.exp(-distance_m / 5_000.0), dtype=np.float32)
