"""Random fields that any block of rows can be read from: smooth ones on a coarse lattice, fine ones that repeat."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Spectrum = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Amplitude of a field's waves, given wave numbers down and across the image in cycles a metre."""
COARSE_M = 160.0
"""Spacing of the coarse lattice: weather shows little below, so finer detail comes from repeating textures."""


@dataclass(frozen=True)
class Lattice:
    """Every `step`-th pixel of an image, with nodes one beyond each edge as cubic interpolation needs."""

    height_width: tuple[int, int]
    resolution_m: float

    @property
    def step(self) -> int:
        """Pixels from node to node."""
        return max(1, round(COARSE_M / self.resolution_m))

    @property
    def spacing_m(self) -> float:
        """Metres from node to node."""
        return self.step * self.resolution_m

    @property
    def nodes(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        height, width = self.height_width
        return math.ceil(height / self.step) + 3, math.ceil(width / self.step) + 3

    def metres(self) -> tuple[Floats, Floats]:
        """Distance of each node down (rows, 1) and across (1, columns) from the image's first corner, in metres."""
        down, across = ((np.arange(count, dtype=np.float32) - 1) * self.spacing_m for count in self.nodes)
        return down[:, None].astype(np.float32), across[None, :].astype(np.float32)

    def noise(self, random: np.random.Generator, spectrum: Spectrum) -> Floats:
        """Gaussian noise on the nodes whose deviation would be 1 on an endless plane."""
        from scipy.fft import next_fast_len

        nodes = (next_fast_len(self.nodes[0] + 24, real=True), next_fast_len(self.nodes[1] + 24, real=True))
        return shaped_noise(random, nodes, self.spacing_m, spectrum)[: self.nodes[0], : self.nodes[1]]


@dataclass(frozen=True)
class Field:
    """A smooth field known on a lattice's nodes, read at the image's pixels by cubic B-splines."""

    lattice: Lattice
    values: Floats

    def rows(self, start: int, stop: int) -> Floats:
        """The field at the pixels of rows start..stop, (rows, image width)."""
        step, width = self.lattice.step, self.lattice.height_width[1]
        position = np.arange(start, stop)
        above, weights = position // step, _spline(((position % step) / step).astype(np.float32))
        taps = [self.values[above + tap] * weights[tap][:, None] for tap in range(4)]
        narrow = taps[0] + taps[1] + taps[2] + taps[3]
        count = self.lattice.nodes[1] - 3
        wide = np.empty((stop - start, count, step), dtype=np.float32)
        column_weights = _spline(np.arange(step, dtype=np.float32) / np.float32(step))
        for phase in range(step):
            taps = [narrow[:, tap : tap + count] * column_weights[tap, phase] for tap in range(4)]
            wide[:, :, phase] = taps[0] + taps[1] + taps[2] + taps[3]
        return np.asarray(wide.reshape(stop - start, count * step)[:, :width])

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> Floats:
        """The value of the node nearest to each pixel coordinate."""
        step = self.lattice.step
        row = np.clip(np.rint(rows / step).astype(int) + 1, 0, self.lattice.nodes[0] - 1)
        col = np.clip(np.rint(cols / step).astype(int) + 1, 0, self.lattice.nodes[1] - 1)
        return np.asarray(self.values[row, col])


@dataclass(frozen=True)
class Texture:
    """A field at pixel resolution that repeats; its periods share few divisors, so that its repeats do not line up."""

    values: Floats

    def rows(self, start: int, stop: int, width: int) -> Floats:
        """The field at the pixels of rows start..stop and `width` columns."""
        height, period = self.values.shape
        down = np.arange(start, stop) % height
        return np.asarray(np.take(self.values[down], np.arange(width) % period, axis=1))


def make_texture(
    random: np.random.Generator, resolution_m: float, spectrum: Spectrum, periods: tuple[int, int]
) -> Texture:
    """A repeating texture of deviation 1 with that spectrum."""
    values = shaped_noise(random, periods, resolution_m, spectrum)
    spread = float(values.std())
    return Texture(values / np.float32(spread if spread > 0 else 1.0))


def shaped_noise(
    random: np.random.Generator, height_width: tuple[int, int], spacing_m: float, spectrum: Spectrum
) -> Floats:
    """Periodic Gaussian noise of that spectrum; its deviation is 1 where the image holds all its waves."""
    from scipy import fft

    white = fft.rfft2(random.standard_normal(height_width))
    down = fft.fftfreq(height_width[0], spacing_m)[:, None]
    across = fft.rfftfreq(height_width[1], spacing_m)[None, :]
    gain = spectrum(down, across) / (_deviation(spectrum, spacing_m) * spacing_m)
    gain[0, 0] = 0.0
    return np.asarray(fft.irfft2(white * gain, s=height_width), dtype=np.float32)


def power_law(outer_m: float, exponent: float) -> Spectrum:
    """Cloud-like noise: flat beyond the outer length, amplitude falling as wave number ** -exponent below it."""

    def amplitude(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((down**2 + across**2 + outer_m**-2.0) ** (-exponent / 2))

    return amplitude


def waves(wavelength_m: float, direction_deg: float, bandwidth: float, spread_deg: float) -> Spectrum:
    """Waves of about one length travelling about one direction (degrees from down towards across)."""
    peak, angle = 1 / wavelength_m, math.radians(direction_deg)

    def amplitude(down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
        number = np.hypot(down, across)
        off = (np.arctan2(across + 0 * down, down + 0 * across) - angle + np.pi / 2) % np.pi - np.pi / 2
        return np.asarray(
            np.exp(-(((number - peak) / (bandwidth * peak)) ** 2) / 2 - (off / math.radians(spread_deg)) ** 2 / 2)
        )

    return amplitude


def _deviation(spectrum: Spectrum, spacing_m: float) -> float:
    """Deviation that white noise of this spacing gets from the spectrum on an endless plane (polar quadrature)."""
    number = np.geomspace(1 / 4e5, 0.5 / spacing_m, 240)[:, None]
    angle = (np.arange(90) * np.pi / 90)[None, :]
    density = spectrum(number * np.cos(angle), number * np.sin(angle)) ** 2
    return math.sqrt(float(np.trapezoid((density * number).mean(axis=1), number[:, 0])) * 2 * np.pi) + 1e-300


def _spline(share: Floats) -> Floats:
    """Weights (4, n) of the four nodes around a point that lies `share` of the way from the second to the third."""
    t = share
    return np.stack(
        [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6, t**3 / 6]
    ).astype(np.float32)
