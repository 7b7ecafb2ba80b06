"""The wavelength grid of spectra: logarithmic, with boxes in which lines are looked for, and rebinning onto it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Pixels at equal steps of log wavelength, the first and the last at these angstrom."""

    first_angstrom: float
    last_angstrom: float
    pixels: int

    @cached_property
    def wavelengths(self) -> Floats:
        """Of each pixel's centre, in angstrom."""
        return np.geomspace(self.first_angstrom, self.last_angstrom, self.pixels)

    def shares(self, wavelengths: Floats) -> Floats:
        """Where wavelengths lie on the grid: 0 at its first pixel, 1 at its last, NaN for NaN."""
        return np.asarray(np.log(wavelengths / self.first_angstrom) / np.log(self.last_angstrom / self.first_angstrom))

    def wavelengths_at(self, shares: Floats) -> Floats:
        """The wavelengths in angstrom at these shares of the grid."""
        return np.asarray(self.first_angstrom * (self.last_angstrom / self.first_angstrom) ** shares)


def boxes_of(shares: Floats, boxes: int) -> tuple[NDArray[np.int64], Floats]:
    """The box of each share of the grid, -1 outside of it or for NaN, and the place in the box, 0 to 1.

    Source: Busca and Balland 2018 (QuasarNET).
    """
    inside = (shares >= 0) & (shares <= 1)
    scaled: Floats = np.asarray(np.where(inside, shares, 0.0) * boxes, np.float64)
    box = np.minimum(scaled.astype(np.int64), boxes - 1)
    place: Floats = np.asarray(scaled - box, np.float64)
    return np.asarray(np.where(inside, box, -1), np.int64), place


def rebinned(wavelengths: Floats, flux: Floats, ivar: Floats, grid: Grid) -> tuple[Floats, Floats]:
    """Flux and inverse variance of a spectrum on the grid's pixels; what holds no data has the variance's inverse 0.

    A pixel of the grid is the mean, weighted by `ivar`, of the spectrum's pixels in it; where the spectrum is coarser
    than the grid, it is interpolated between two neighbours that hold data.
    """
    good = ivar > 0
    order = np.flatnonzero(good)[np.argsort(wavelengths[good], kind="stable")]
    wavelengths, flux, ivar = wavelengths[order], flux[order], ivar[order]
    places = np.rint(grid.shares(wavelengths) * (grid.pixels - 1)).astype(np.int64)
    inside = (places >= 0) & (places < grid.pixels)
    weights: Floats = np.asarray(np.bincount(places[inside], ivar[inside], grid.pixels), np.float64)
    sums = np.bincount(places[inside], (ivar * flux)[inside], grid.pixels)
    means: Floats = np.divide(sums, weights, out=np.zeros(grid.pixels), where=weights > 0)
    between = (weights == 0) & _between_neighbours(wavelengths, grid)
    if between.any():
        means[between] = np.interp(grid.wavelengths[between], wavelengths, flux)
        weights[between] = np.interp(grid.wavelengths[between], wavelengths, ivar)
    return means, weights


def _between_neighbours(wavelengths: Floats, grid: Grid) -> NDArray[np.bool_]:
    """Grid pixels that lie between two neighbours not farther apart than twice the spectrum's usual step."""
    if len(wavelengths) < 2:
        return np.zeros(grid.pixels, np.bool_)
    right = np.searchsorted(wavelengths, grid.wavelengths)
    inner = (right > 0) & (right < len(wavelengths))
    gaps = np.diff(np.log(wavelengths))
    own = gaps[np.clip(right - 1, 0, len(gaps) - 1)]
    return np.asarray(inner & (own <= 2 * np.median(gaps)))


def normalised(flux: Floats, ivar: Floats) -> NDArray[np.float32]:
    """Spectra (n, pixels) with the weighted mean 0 and the weighted root mean square 1, 0 where there is no data.

    Source: Busca and Balland 2018 (QuasarNET).
    """
    totals = ivar.sum(axis=1, keepdims=True)
    totals[totals == 0] = 1
    centred = np.where(ivar > 0, flux - (flux * ivar).sum(axis=1, keepdims=True) / totals, 0)
    spread = np.sqrt((centred**2 * ivar).sum(axis=1, keepdims=True) / totals)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0), np.float32)
