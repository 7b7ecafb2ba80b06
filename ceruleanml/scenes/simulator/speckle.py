"""Speckle: multiplicative noise of gamma intensity, correlated from pixel to pixel as in IW GRD products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ceruleanml import seeds
from ceruleanml.scenes.simulator.lattice import Floats, Texture, make_texture, power_law

# Measured on IW GRDH sea: equivalent number of looks and lag-1 correlation of block means of these pixel sizes.
PIXEL_M = (10.0, 20.0, 40.0, 80.0)
LOOKS = (4.24, 6.45, 13.4, 37.8)
LAG_ONE = (0.53, 0.27, 0.13, 0.08)
SURFACE_SHARE = 0.1
"""Share of the variance at 10 m that is no speckle but the roughness of the sea at some 60 m; it outlasts averaging."""


def looks(resolution_m: float) -> float:
    """Equivalent number of looks of pixels of that size; beyond 80 m it grows on as between 40 and 80 m."""
    if resolution_m > PIXEL_M[-1]:
        return float(LOOKS[-1] * (resolution_m / PIXEL_M[-1]) ** 1.5)
    return float(np.exp(np.interp(np.log(resolution_m), np.log(PIXEL_M), np.log(LOOKS))))


@dataclass(frozen=True)
class Speckle:
    """Amplitude factors of mean square about 1 for an image, drawn block of rows by block of rows.

    `key` names the image among all that share the seed.
    """

    seed: int
    key: str
    width: int
    resolution_m: float
    block_rows: int

    def block(self, number: int) -> Floats:
        """The factors of block `number`, (block_rows, width)."""
        normal = self._correlated(self._white(number))
        if self.resolution_m < PIXEL_M[1]:
            start = number * self.block_rows
            roughness = self._roughness.rows(start, start + self.block_rows, self.width)
            normal *= np.float32(np.sqrt(1 - SURFACE_SHARE))
            normal += np.float32(np.sqrt(SURFACE_SHARE)) * roughness
        return gamma_amplitude(normal, looks(self.resolution_m))

    def _white(self, number: int) -> Floats:
        """White noise of the block's rows and the two after it, which the next block draws first."""
        shape = (self.block_rows, self.width + 2)
        own = self._random(number).standard_normal(shape, dtype=np.float32)
        after = self._random(number + 1).standard_normal((2, shape[1]), dtype=np.float32)
        return np.concatenate([own, after])

    def _random(self, number: int) -> np.random.Generator:
        return seeds.generator(self.seed, self.key, "speckle", number)

    def _correlated(self, white: Floats) -> Floats:
        side, centre = _taps(float(np.interp(np.log(self.resolution_m), np.log(PIXEL_M), LAG_ONE)))
        down = white[1:-1] * centre
        down += (white[:-2] + white[2:]) * side
        across = down[:, 1:-1] * centre
        across += (down[:, :-2] + down[:, 2:]) * side
        return across

    @cached_property
    def _roughness(self) -> Texture:
        random = seeds.generator(self.seed, self.key, "roughness")
        return make_texture(random, self.resolution_m, power_law(90.0, 3.0), (500, 539))


def gamma_amplitude(normal: Floats, enl: float) -> Floats:
    """Square roots of gamma variates of mean 1 and shape `enl`, from normal ones (Wilson and Hilferty, 1931)."""
    cube_root = normal * np.float32(1 / (3 * np.sqrt(enl)))
    cube_root += np.float32(1 - 1 / (9 * enl))
    np.maximum(cube_root, 0, out=cube_root)
    cube_root *= np.sqrt(cube_root)
    return cube_root


def _taps(lag_one: float) -> tuple[np.float32, np.float32]:
    """Outer and middle tap of the symmetric three-tap filter that gives white noise this lag-1 correlation."""
    side = lag_one / (1 + np.sqrt(1 - 2 * lag_one**2))
    norm = np.sqrt(1 + 2 * side**2)
    return np.float32(side / norm), np.float32(1 / norm)
