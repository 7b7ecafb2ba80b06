"""Distance to features on the ground as a field of nodes, exact enough for 8 bits.

The distance from a node is the chord between Earth-centred coordinates on the WGS84 ellipsoid, within 0.3 m of the
geodesic up to 60 km. As distance changes by at most a metre a metre, the bilinear field between nodes is wrong by at
most half a cell's diagonal; with cells of `NODE_SPACING_M` that and the steps along edges stay below 116 m, half of
the 60000 / 255 m that an 8-bit value spans. Most cells need fewer nodes: where the directions to the nearest feature
at a larger cell's corners agree, the distance is nearly flat across it (`_rough`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.grid import Grid
from ceruleanml.scenes.vectors import Box, Features, Floats

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

FULL_DISTANCE_M = 60_000.0
"""Distance that becomes 255, as does every larger one."""
PER_METRE = 255 / FULL_DISTANCE_M
NODE_SPACING_M = 140.0
EDGE_STEP_M = 30.0
"""Edges are followed in steps of at most this length near a node."""
FAR_EDGE_STEP_M = 240.0
"""The steps along edges farther away, where even they change the distance by less than 8 m."""
FAR_M = 2_000.0
"""The nearest distance for which the far steps do."""
SMOOTH_ERROR_M = 40.0
"""How far a large cell's bilinear field may be from the distance before the cell is cut in four."""
LEVELS = 3
"""The largest cells are 2 ** LEVELS times as wide as the smallest."""
DEGREE_M = 111_700.0
"""A degree of latitude or of the equator is nowhere longer on the WGS84 ellipsoid."""
WGS84_AXIS_M = 6_378_137.0
WGS84_ECCENTRICITY_2 = 0.0066943799901413165
Mask = NDArray[np.bool_]
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Nodes:
    """Nodes on every `row_step`-th row and `col_step`-th column of a grid's pixel centres, and some beyond its end.

    Both axes have a multiple of 2 ** LEVELS cells; `height_width_m` is the size of the widest cell.
    """

    longitudes: Floats
    latitudes: Floats
    row_step: int
    col_step: int
    height_width_m: tuple[float, float]

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
            (height_m * row_step, width_m * col_step),
        )


@dataclass(frozen=True)
class _Places:
    """Earth-centred places of features to search: points and far steps along edges, and near steps along edges."""

    far: cKDTree
    near: cKDTree

    @classmethod
    def of(cls, features: Features, box: Box) -> _Places:
        from scipy.spatial import cKDTree

        far = np.concatenate([features.points, _along_edges(features.edges, box, FAR_EDGE_STEP_M)])
        near = _along_edges(features.edges, box, EDGE_STEP_M)
        return cls(
            *(cKDTree(earth_centred(lon_lat[:, 0], lon_lat[:, 1])) for lon_lat in (_in(far, box), _in(near, box)))
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
    metres = _refined(_Places.of(features, box), nodes, inside)
    metres *= np.float32(PER_METRE)
    return np.minimum(metres, np.float32(255), out=metres)


def earth_centred(longitudes: Floats, latitudes: Floats) -> Floats:
    """Earth-centred coordinates (n, 3) in metres of longitudes and latitudes on the WGS84 ellipsoid."""
    lon, lat = np.radians(longitudes), np.radians(latitudes)
    normal = WGS84_AXIS_M / np.sqrt(1 - WGS84_ECCENTRICITY_2 * np.sin(lat) ** 2)
    ring = normal * np.cos(lat)
    return np.stack(
        [ring * np.cos(lon), ring * np.sin(lon), normal * (1 - WGS84_ECCENTRICITY_2) * np.sin(lat)], axis=-1
    )


def _node_count(pixels: int, step: int) -> int:
    whole = 2**LEVELS
    cells = max(1, -(-(pixels - 1) // step))
    return int(-(-cells // whole) * whole + 1)


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
    return np.asarray(edges[edge, :2] + along[edge] * share[:, None])


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


def _refined(places: _Places, nodes: Nodes, inside: Mask) -> Field:
    """Distances in metres at all nodes: asked where cells are rough, bilinear from larger cells elsewhere."""
    cells = tuple((length - 1) >> LEVELS for length in inside.shape)
    rough = np.ones(cells, dtype=np.bool_)
    metres = np.zeros((cells[0] + 1, cells[1] + 1), dtype=np.float32)
    for level in range(LEVELS, 0, -1):
        half_diagonal = (1 << level) * math.hypot(*nodes.height_width_m) / 2
        asked = _corners(rough)
        place, within = _at(nodes, inside, asked, 1 << level)
        distance, direction = np.empty(len(place)), np.zeros(place.shape, dtype=np.float32)
        deep, far = 2 * half_diagonal + FAR_EDGE_STEP_M, FULL_DISTANCE_M + 4.5 * half_diagonal + FAR_EDGE_STEP_M
        distance[within], _ = _ask(places.far, place[within], deep)
        distance[~within], direction[~within] = _ask(places.far, place[~within], far)
        metres[asked] = np.where(within, 0, distance)
        rough = _rough(rough, asked, distance, direction, within, half_diagonal)
        rough = rough.repeat(2, axis=0).repeat(2, axis=1)
        metres = _doubled(metres)
    asked = _corners(rough)
    place, within = _at(nodes, inside, asked, 1)
    metres[asked] = np.where(within, 0, _finest(places, place, ~within))
    return metres


def _at(nodes: Nodes, inside: Mask, asked: Mask, step: int) -> tuple[Floats, Mask]:
    """Earth-centred places (n, 3) of the asked nodes of a level, and which lie inside polygons."""
    row, col = np.nonzero(asked)
    place = earth_centred(nodes.longitudes[col * step], nodes.latitudes[row * step])
    return place, inside[row * step, col * step]


def _finest(places: _Places, place: Floats, wanted: Mask) -> Floats:
    """Distances (n,) from the wanted places; near edges they are followed in fine steps."""
    distance = np.full(len(place), FULL_DISTANCE_M)
    distance[wanted], _ = _ask(places.far, place[wanted], FULL_DISTANCE_M + FAR_EDGE_STEP_M)
    near = wanted & (distance < FAR_M)
    by_edge, _ = _ask(places.near, place[near], FAR_M)
    distance[near] = np.minimum(distance[near], by_edge)
    return distance


def _corners(cells: Mask) -> Mask:
    """The nodes at the corners of the cells that are set."""
    nodes = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), dtype=np.bool_)
    for rows in (slice(None, -1), slice(1, None)):
        for cols in (slice(None, -1), slice(1, None)):
            nodes[rows, cols] |= cells
    return nodes


def _ask(tree: cKDTree, place: Floats, limit_m: float) -> tuple[Floats, Field]:
    """Distances (n,) from places (n, 3) to the nearest point, at most `limit_m`, and unit directions (n, 3) to it."""
    distance, nearest = tree.query(place, distance_upper_bound=limit_m)
    found = np.isfinite(distance)
    direction = np.zeros(place.shape, dtype=np.float32)
    apart = tree.data[nearest[found]] - place[found]
    direction[found] = apart / np.maximum(distance[found], 1e-3)[:, None]
    return np.where(found, distance, limit_m), direction


def _rough(rough: Mask, asked: Mask, distance: Floats, direction: Field, within: Mask, half_diagonal: float) -> Mask:
    """Which of the rough cells a bilinear field might miss by more than SMOOTH_ERROR_M.

    With g the corners' unit directions and r the smallest distance in the cell, Taylor's formula and the weights' sums
    (of (x - corner): 0; of its square: at most half_diagonal squared) bound the error by
    half_diagonal * max |g - mean g| + half_diagonal ** 2 / (2 r). Cells beyond the full distance or wholly inside
    polygons hold one value.
    """
    row, col = np.nonzero(rough)
    index = np.zeros(asked.shape, dtype=np.intp)
    index[asked] = np.arange(len(distance))
    corner_rows = row[:, None] + np.array([0, 0, 1, 1])
    corner_cols = col[:, None] + np.array([0, 1, 0, 1])
    corner = index[corner_rows, corner_cols]
    closest = distance[corner].min(axis=1) - half_diagonal - FAR_EDGE_STEP_M / 2
    spread = direction[corner] - direction[corner].mean(axis=1, keepdims=True)
    bend = np.sqrt((spread * spread).sum(axis=2).max(axis=1))
    covered = within[corner]
    error = half_diagonal * bend + half_diagonal**2 / (2 * np.maximum(closest, 1e-3))
    smooth = (closest > 0) & (covered.all(axis=1) | (~covered.any(axis=1) & (error <= SMOOTH_ERROR_M)))
    still = np.zeros_like(rough)
    still[row, col] = ~(smooth | ((closest >= FULL_DISTANCE_M) & ~covered.any(axis=1)))
    return still


def _doubled(field: Field) -> Field:
    """The field with a node between each two, their mean: (n + 1, m + 1) becomes (2 n + 1, 2 m + 1)."""
    wide = np.empty((field.shape[0], 2 * field.shape[1] - 1), dtype=np.float32)
    wide[:, ::2] = field
    wide[:, 1::2] = (field[:, 1:] + field[:, :-1]) / 2
    tall = np.empty((2 * field.shape[0] - 1, wide.shape[1]), dtype=np.float32)
    tall[::2] = wide
    tall[1::2] = (wide[1:] + wide[:-1]) / 2
    return tall
