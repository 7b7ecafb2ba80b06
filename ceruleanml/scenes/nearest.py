"""Which place is nearest to each node of a lattice of longitudes and latitudes.

The lattice is cut into squares, each with the places that may be nearest to some of its nodes. Let c be a square's
centre, h the farthest that a node lies from it, g the place nearest to c and r its distance. For a node x and another
place f, |x - g|^2 - |x - f|^2 is linear in x, hence at most

    reach = 2 h |f - g| - (|c - f|^2 - r^2).

Without reach, f is never nearer than g and is left out for good. As |x - f| + |x - g| >= 2 (r - h), f is nowhere
nearer than g by more than reach / (2 (r - h)); where that is below the tolerance for every f, all nodes of the square
get g. Other squares are cut in four. A single node has h = 0. So the only error is one tolerance, made once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Counts = NDArray[np.intp]
Mask = NDArray[np.bool_]

TOLERANCE_M = 8.0
"""How much farther than the nearest place the one found may be, unless told otherwise."""
PAIRS_AT_ONCE = 200_000
"""About so many pairs of square and place are weighed at once, which bounds memory."""
DEGREE_M = 111_700.0
"""A degree of latitude or of the equator is nowhere longer on the WGS84 ellipsoid."""
WGS84_AXIS_M = 6_378_137.0
WGS84_ECCENTRICITY_2 = 0.0066943799901413165
NONE = -1


@dataclass(frozen=True)
class Lattice:
    """Nodes evenly along longitudes (columns) and latitudes (rows), and those whose nearest place does not matter."""

    longitudes: Floats
    latitudes: Floats
    idle: Mask

    def around(self, squares: Squares) -> tuple[Floats, Floats]:
        """Earth-centred centres (3, n) of squares, and how far in metres their nodes lie from them at most (n,)."""
        south, north = self._ends(self.latitudes, squares.rows, squares.level)
        west, east = self._ends(self.longitudes, squares.cols, squares.level)
        equatorial = np.where(south * north < 0, 0.0, np.minimum(np.abs(south), np.abs(north)))
        width = (east - west) * np.cos(np.radians(equatorial))
        half_m = DEGREE_M / 2 * np.hypot(north - south, width)
        return earth_centred((west + east) / 2, (south + north) / 2), half_m

    @staticmethod
    def _ends(values: Floats, index: Counts, level: int) -> tuple[Floats, Floats]:
        return values[index << level], values[np.minimum((index + 1) << level, len(values)) - 1]


@dataclass(frozen=True)
class Squares:
    """Squares of 2 ** level nodes a side; the first `counts[0]` of `candidates` are those of the first square, etc."""

    level: int
    rows: Counts
    cols: Counts
    counts: Counts
    candidates: Indices


def earth_centred(longitudes: Floats, latitudes: Floats) -> Floats:
    """Earth-centred coordinates (3, n) in metres of longitudes and latitudes on the WGS84 ellipsoid."""
    lon, lat = np.radians(longitudes), np.radians(latitudes)
    normal = WGS84_AXIS_M / np.sqrt(1 - WGS84_ECCENTRICITY_2 * np.sin(lat) ** 2)
    ring = normal * np.cos(lat)
    return np.stack([ring * np.cos(lon), ring * np.sin(lon), normal * (1 - WGS84_ECCENTRICITY_2) * np.sin(lat)])


def nearest_places(places: Floats, lattice: Lattice, limit_m: float, tolerance_m: float = TOLERANCE_M) -> Indices:
    """The index of the place (3, n) nearest to each node (rows, columns), within `tolerance_m`.

    NONE where no place is within `limit_m`, and for squares of idle nodes only; other idle nodes may hold any.
    """
    found = np.full(lattice.idle.shape, NONE, dtype=np.int32)
    if places.shape[1] == 0:
        return found
    idle = _idle_squares(lattice.idle)
    root, all_places = np.zeros(1, dtype=np.intp), np.arange(places.shape[1], dtype=np.int32)
    pending = [Squares(len(idle) - 1, root, root, np.array([places.shape[1]]), all_places)]
    while pending:
        unsettled = _settle(pending.pop(), places, lattice, limit_m, tolerance_m, found)
        if len(unsettled.rows):
            pending += _quarters(unsettled, idle[unsettled.level - 1])
    return found


def _idle_squares(idle: Mask) -> list[Mask]:
    """Which squares hold idle nodes only, from single nodes up to the one square of all."""
    levels = [idle]
    while levels[-1].size > 1:
        finer = levels[-1]
        finer = np.pad(finer, [(0, length % 2) for length in finer.shape], constant_values=True)
        coarser = finer[::2] & finer[1::2]
        levels.append(coarser[:, ::2] & coarser[:, 1::2])
    return levels


def _settle(
    squares: Squares, places: Floats, lattice: Lattice, limit_m: float, tolerance_m: float, found: Indices
) -> Squares:
    """Write the squares that have one nearest place into `found`; the others come back with fewer candidates."""
    counts, candidates = squares.counts, squares.candidates
    centres, half_m = lattice.around(squares)
    starts = np.cumsum(counts) - counts
    apart = [of_all.take(candidates) for of_all in places]
    for axis, centre in zip(apart, centres, strict=True):
        axis -= np.repeat(centre, counts)
    farther = _square_sum(apart)
    nearest_2 = np.minimum.reduceat(farther, starts)
    farther -= np.repeat(nearest_2, counts)
    ties = np.flatnonzero(farther == 0)
    nearest = ties[np.searchsorted(ties, starts)]
    distance = np.sqrt(nearest_2)
    for axis in apart:
        axis -= np.repeat(axis[nearest], counts)
    reach = np.sqrt(_square_sum(apart))
    reach *= np.repeat(2 * half_m, counts)
    reach -= farther
    within = distance < limit_m + half_m
    one = np.maximum.reduceat(reach, starts) <= 2 * tolerance_m * np.maximum(distance - half_m, 0)
    _fill(found, squares, within & one, candidates[nearest])
    unsettled = within & ~one
    kept = reach > 0
    kept[nearest] = True
    kept &= np.repeat(unsettled, counts)
    left = np.add.reduceat(kept, starts, dtype=np.intp)[unsettled]
    return Squares(squares.level, squares.rows[unsettled], squares.cols[unsettled], left, candidates[kept])


def _square_sum(axes: list[Floats]) -> Floats:
    total = axes[0] * axes[0]
    for axis in axes[1:]:
        total += axis * axis
    return total


def _fill(found: Indices, squares: Squares, chosen: Mask, values: Indices) -> None:
    """Give all nodes of the chosen squares their square's value."""
    side = 1 << squares.level
    rows, cols, values = squares.rows[chosen] << squares.level, squares.cols[chosen] << squares.level, values[chosen]
    if side > 16:
        for row, col, value in zip(rows, cols, values, strict=True):
            found[row : row + side, col : col + side] = value
        return
    along = np.arange(side)
    node_rows = np.minimum(rows[:, None, None] + along[:, None], found.shape[0] - 1)
    node_cols = np.minimum(cols[:, None, None] + along, found.shape[1] - 1)
    found[node_rows, node_cols] = values[:, None, None]


def _quarters(squares: Squares, idle: Mask) -> list[Squares]:
    """The squares cut in four, without those beyond the lattice or idle: apart where they have many candidates."""
    quarters = []
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        rows, cols = 2 * squares.rows + down, 2 * squares.cols + right
        wanted = (rows < idle.shape[0]) & (cols < idle.shape[1])
        wanted[wanted] = ~idle[rows[wanted], cols[wanted]]
        candidates = squares.candidates[np.repeat(wanted, squares.counts)]
        quarters.append(Squares(squares.level - 1, rows[wanted], cols[wanted], squares.counts[wanted], candidates))
    if 4 * len(squares.candidates) > PAIRS_AT_ONCE:
        return [quarter for quarter in quarters if len(quarter.rows)]
    joined = Squares(
        squares.level - 1,
        np.concatenate([quarter.rows for quarter in quarters]),
        np.concatenate([quarter.cols for quarter in quarters]),
        np.concatenate([quarter.counts for quarter in quarters]),
        np.concatenate([quarter.candidates for quarter in quarters]),
    )
    return [joined] if len(joined.rows) else []
