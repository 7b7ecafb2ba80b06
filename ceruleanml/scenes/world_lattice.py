"""The lattice of a whole-world raster in longitude and latitude, cut into tiles, and what lies within reach of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.errors import UsageError
from ceruleanml.scenes.context_vectors import Box, Floats
from ceruleanml.scenes.grid import Window
from ceruleanml.scenes.nearest import NONE, Lattice, Squares, earth_centred, nearest_places

TILE_PX = 512
CAP_M = 60_000
"""Distance that stands for itself and every larger one; the raster's nodata value, so that empty tiles need no file."""
TOLERANCE_M = 0.5
"""How much farther than the nearest place the one found may be."""
MEAN_RADIUS_M = 6_371_000.0
WHOLE_WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
Metres = NDArray[np.uint16]


@dataclass(frozen=True)
class WorldLattice:
    """Pixels of 360 / `world_width` degrees; of the world's, those from `row`, `col` on, (rows, columns) of them."""

    world_width: int
    row: int
    col: int
    height_width: tuple[int, int]

    @classmethod
    def of(cls, degrees: float, bounds: Box = WHOLE_WORLD) -> WorldLattice:
        """The world's pixels of so many degrees that reach into the bounds. Raises UsageError for what cannot be."""
        width = round(360 / degrees) if math.isfinite(degrees) and 0.0005 <= degrees <= 1 else 0
        if width == 0 or width % 2 or not math.isclose(width * degrees, 360, rel_tol=1e-9):
            raise UsageError(f"resolution {degrees:g}: give degrees from 0.0005 to 1 that divide 180, as 0.005 or 0.01")
        west, south, east, north = bounds
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise UsageError(f"bounds {bounds}: give west, south, east, north in degrees, west before east")
        step = 360 / width
        left, top = math.floor((west + 180) / step + 1e-6), math.floor((90 - north) / step + 1e-6)
        right, bottom = math.ceil((east + 180) / step - 1e-6), math.ceil((90 - south) / step - 1e-6)
        return cls(width, top, left, (max(1, bottom - top), max(1, right - left)))

    @property
    def transform(self) -> Affine:
        """From (column, row) to longitude and latitude."""
        step = 360 / self.world_width
        return Affine(step, 0, -180 + self.col * step, 0, -step, 90 - self.row * step)

    @property
    def tile_rows_cols(self) -> tuple[int, int]:
        """How many tiles there are downwards and across."""
        height, width = self.height_width
        return -(-height // TILE_PX), -(-width // TILE_PX)

    def tile(self, row: int, col: int) -> Window:
        """The pixels of a tile; the last ones are smaller."""
        top, left = row * TILE_PX, col * TILE_PX
        height, width = self.height_width
        return Window(top, left, min(TILE_PX, height - top), min(TILE_PX, width - left))

    def longitudes_latitudes(self, window: Window) -> tuple[Floats, Floats]:
        """Longitudes of the window's columns and latitudes of its rows, of the pixel centres."""
        step = 360 / self.world_width
        cols = self.col + window.col + np.arange(window.width)
        rows = self.row + window.row + np.arange(window.height)
        return np.asarray(-180 + (cols + 0.5) * step), np.asarray(90 - (rows + 0.5) * step)


def tile_metres(places: Floats, longitudes: Floats, latitudes: Floats) -> Metres | None:
    """Metres (latitudes, longitudes) on the ellipsoid to the nearest of the places (3, n); None where all are CAP_M.

    Places are earth-centred, so neither the antimeridian nor a pole is an edge. A value is wrong by at most a metre:
    half of it for rounding, `TOLERANCE_M` for the choice of the place, millimetres for the arc.
    """
    idle = np.zeros((len(latitudes), len(longitudes)), dtype=np.bool_)
    lattice = Lattice(longitudes, latitudes, idle)
    near = places[:, _within_reach(places, lattice)]
    if near.shape[1] == 0:
        return None
    nearest = nearest_places(near, lattice, CAP_M, TOLERANCE_M)
    out = np.full(idle.shape, CAP_M, dtype=np.uint16)
    ring, _, height = earth_centred(np.zeros(len(latitudes)), latitudes)
    cosine, sine = np.cos(np.radians(longitudes)), np.sin(np.radians(longitudes))
    for row, of_node in enumerate(nearest):
        cols = np.flatnonzero(of_node != NONE)
        if len(cols):
            x, y, z = (of_all.take(of_node[cols]) for of_all in near)
            x -= ring[row] * cosine[cols]
            y -= ring[row] * sine[cols]
            z -= height[row]
            out[row, cols] = np.minimum(np.rint(_arc(np.sqrt(x * x + y * y + z * z))), CAP_M)
    return out if (out < CAP_M).any() else None


def _arc(chord: Floats) -> Floats:
    """The length on the ground under a chord: the first term of the series of 2 R arcsin(chord / 2 R)."""
    return chord * (1 + (chord / MEAN_RADIUS_M) ** 2 / 24)


def _within_reach(places: Floats, lattice: Lattice) -> NDArray[np.bool_]:
    """Which places may lie within CAP_M of a node of the lattice."""
    none = np.zeros(1, dtype=np.intp)
    whole = Squares((max(lattice.idle.shape) - 1).bit_length(), none, none, none, np.zeros(0, dtype=np.int32))
    centre, half_m = lattice.around(whole)
    apart = np.sqrt(((places - centre) ** 2).sum(axis=0))
    return np.asarray(apart <= half_m[0] + CAP_M)
