"""Distance to features on the ground as a field of nodes, exact enough for 8 bits.

Features become places: points, and steps along edges. The distance from a node is the chord to its nearest place on
the WGS84 ellipsoid, within 0.3 m of the geodesic up to 60 km. An 8-bit value spans 60000 / 255 m; half of that,
117.6 m, may be lost, and at most 117 m are:

- 89.1 m: distance changes by at most a metre a metre, so the field, bilinear in cells of `NODE_SPACING_M`, is wrong by
  at most half a cell's diagonal (grids of wider pixels have a node at each, and nothing between);
- 18.4 m: of several places in a cell of `PLACE_CELL_M` one is kept, at most the cell's diagonal from the others;
- 9 m: the nearest point of an edge lies at most half of `EDGE_STEP_M` from a place; or, where places are farther away
  than a few pixels and the steps change the distance by less than 1 m, the 8 m within which `nearest.py` finds them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.context_vectors import Box, Features, Floats
from ceruleanml.scenes.grid import Grid
from ceruleanml.scenes.nearest import DEGREE_M, NONE, Lattice, earth_centred, nearest_places

FULL_DISTANCE_M = 60_000.0
"""Distance that becomes 255, as does every larger one."""
PER_METRE = 255 / FULL_DISTANCE_M
NODE_SPACING_M = 126.0
EDGE_STEP_M = 18.0
PLACE_CELL_M = 13.0
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Nodes:
    """Nodes on every `row_step`-th row and `col_step`-th column of a grid's pixel centres, to its end or beyond."""

    longitudes: Floats
    latitudes: Floats
    row_step: int
    col_step: int

    @classmethod
    def of(cls, grid: Grid) -> Nodes:
        """The nodes of a grid in longitude and latitude."""
        lon_step, lat_step = grid.transform.a, grid.transform.e
        rows, cols = grid.height_width
        first, last = grid.transform.f, grid.transform.f + lat_step * rows
        nearest_equator = 0.0 if first * last < 0 else min(abs(first), abs(last))
        height_m = abs(lat_step) * DEGREE_M
        width_m = abs(lon_step) * DEGREE_M * math.cos(math.radians(nearest_equator))
        row_step, col_step = (max(1, int(NODE_SPACING_M / size)) for size in (height_m, width_m))
        return cls(
            np.asarray(grid.transform.c + lon_step * (0.5 + col_step * np.arange(_node_count(cols, col_step)))),
            np.asarray(grid.transform.f + lat_step * (0.5 + row_step * np.arange(_node_count(rows, row_step)))),
            row_step,
            col_step,
        )


def reach_of(grid: Grid) -> Box:
    """The box of longitudes and latitudes that holds every feature which matters to a grid."""
    rows, cols = grid.height_width
    west, east = sorted((grid.transform.c, grid.transform.c + grid.transform.a * cols))
    south, north = sorted((grid.transform.f, grid.transform.f + grid.transform.e * rows))
    pad = (FULL_DISTANCE_M + 5_000) / 110_500  # no degree of latitude is shorter than 110.5 km
    south, north = max(-90.0, south - pad), min(90.0, north + pad)
    shrink = max(math.cos(math.radians(max(abs(south), abs(north)))), 1e-2)
    return west - pad / shrink, south, east + pad / shrink, north


def distance_field(features: Features, nodes: Nodes, box: Box) -> Field:
    """The distance from each node to the nearest feature, 0 inside polygons, as 0..255 (rows, columns)."""
    inside = _enclosed(features, nodes)
    places = _places(features, box)
    nearest = nearest_places(places, Lattice(nodes.longitudes, nodes.latitudes, inside), FULL_DISTANCE_M)
    field = np.full(inside.shape, 255, dtype=np.float32)
    ring, _, height = earth_centred(np.zeros(len(nodes.latitudes)), nodes.latitudes)
    cosine, sine = np.cos(np.radians(nodes.longitudes)), np.sin(np.radians(nodes.longitudes))
    for row, of_node in enumerate(nearest):
        cols = np.flatnonzero((of_node != NONE) & ~inside[row])
        x, y, z = (of_all.take(of_node[cols]) for of_all in places)
        metres = np.sqrt(
            (x - ring[row] * cosine[cols]) ** 2 + (y - ring[row] * sine[cols]) ** 2 + (z - height[row]) ** 2
        )
        field[row, cols] = np.minimum(metres * PER_METRE, 255)
    field[inside] = 0
    return field


def _places(features: Features, box: Box) -> Floats:
    """Earth-centred places (3, n) of the features in the box, one for each cell of PLACE_CELL_M that holds any."""
    lon_lat = np.concatenate([features.points, _along_edges(features.edges, box, EDGE_STEP_M)])
    lon_lat = _in(lon_lat, box)
    equatorial = 0.0 if box[1] * box[3] < 0 else min(abs(box[1]), abs(box[3]))
    col = np.floor((lon_lat[:, 0] - box[0]) * (DEGREE_M * math.cos(math.radians(equatorial)) / PLACE_CELL_M))
    row = np.floor((lon_lat[:, 1] - box[1]) * (DEGREE_M / PLACE_CELL_M))
    _, kept = np.unique(row.astype(np.int64) * 2**32 + col.astype(np.int64), return_index=True)
    return earth_centred(lon_lat[kept, 0], lon_lat[kept, 1])


def _node_count(pixels: int, step: int) -> int:
    return max(1, -(-(pixels - 1) // step)) + 1


def _along_edges(edges: Floats, box: Box, step_m: float) -> Floats:
    """Points (n, 2) along the edges that reach into the box, at most `step_m` apart."""
    west, east = edges[:, 0::2].min(axis=1, initial=np.inf), edges[:, 0::2].max(axis=1, initial=-np.inf)
    south, north = edges[:, 1::2].min(axis=1, initial=np.inf), edges[:, 1::2].max(axis=1, initial=-np.inf)
    reaching = (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
    edges, south, north = edges[reaching], south[reaching], north[reaching]
    shrink = np.cos(np.radians(np.where(south * north < 0, 0, np.minimum(np.abs(south), np.abs(north)))))
    along = edges[:, 2:] - edges[:, :2]
    length_m = DEGREE_M * np.hypot(along[:, 0] * shrink, along[:, 1])
    steps = np.ceil(length_m / step_m).astype(np.intp) + 1
    edge = np.repeat(np.arange(len(edges)), steps)
    position = np.arange(len(edge)) - np.repeat(np.cumsum(steps) - steps, steps)
    share = position / np.maximum(steps - 1, 1)[edge]
    places = along[edge]
    places *= share[:, None]
    places += edges[edge, :2]
    return places


def _in(points: Floats, box: Box) -> Floats:
    low, high = np.array(box[:2]), np.array(box[2:])
    return np.asarray(points[((points >= low) & (points <= high)).all(axis=1)])


def _enclosed(features: Features, nodes: Nodes) -> Mask:
    """Which nodes lie inside a polygon: those that rings wind around, counted along each row of nodes."""
    rows, cols = len(nodes.latitudes), len(nodes.longitudes)
    counts = np.zeros((rows, cols + 1), dtype=np.int16)
    of_ring = features.winding != 0
    if not of_ring.any():
        return np.zeros((rows, cols), dtype=np.bool_)
    edges, sign = features.edges[of_ring], features.winding[of_ring]
    lat_step, lon_step = nodes.latitudes[1] - nodes.latitudes[0], nodes.longitudes[1] - nodes.longitudes[0]
    passed = np.floor((edges[:, 1::2] - nodes.latitudes[0]) / lat_step).astype(np.intp) + 1
    passed = np.clip(passed, 0, rows)
    crossings = np.abs(passed[:, 1] - passed[:, 0])
    edge = np.repeat(np.arange(len(edges)), crossings)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(crossings) - crossings, crossings) + passed.min(axis=1)[edge]
    lon_0, lat_0, lon_1, lat_1 = edges[edge].T
    longitude = lon_0 + (nodes.latitudes[row] - lat_0) * (lon_1 - lon_0) / (lat_1 - lat_0)
    col = np.clip(np.floor((longitude - nodes.longitudes[0]) / lon_step).astype(np.intp) + 1, 0, cols)
    np.add.at(counts, (row, col), (np.sign(lat_0 - lat_1) * sign[edge]).astype(np.int16))
    return np.asarray(np.cumsum(counts[:, :-1], axis=1, dtype=np.int16) > 0)
