"""From a U-Net's probabilities to slicks, as the deployed service does it, strip by strip.

Slick probability is the sum over all slick classes. Pixels at or above `bbox_score_thresh` hang together (4-connected)
as one slick; a slick counts that reaches `pixel_score_thresh`; its outline runs around its pixels at or above
`poly_score_thresh`. Parts that lie mostly in the rim of nodata are left out. Nodata is where the sum is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.inference.components import Components, Labels, greatest, sums
from ceruleanml.inference.slicks import Slick
from ceruleanml.inference.thresholds import DISTANCES, Distances, Thresholds
from ceruleanml.labels.geometry import only_polygons

if TYPE_CHECKING:
    from shapely import Polygon

Floats = NDArray[np.float32]
Strips = Callable[[], Iterator[Floats]]
"""Gives the slick classes' probabilities, float32 (classes, rows, columns), strip by strip from above, each time anew.
The first plane is the class with id 1."""
COLLECTED = 1 << 20
"""Pixel values of one slick kept apart before equal ones are counted together."""


def slicks_of(probabilities: Floats, thresholds: Thresholds, transform: Affine, **options: Any) -> list[Slick]:
    """The slicks of a scene in memory, float32 (slick classes, rows, columns); see `slicks_in`."""
    return slicks_in(lambda: iter([probabilities]), thresholds, transform, **options)


def slicks_in(
    strips: Strips,
    thresholds: Thresholds,
    transform: Affine,
    distances: Distances = DISTANCES,
    rim: float | None = None,
) -> list[Slick]:
    """The slicks of a scene, in the order of their first pixel, in the coordinates of `transform`.

    `rim` is the width of the nodata edge in those coordinates (default: the service's, in degrees). Each slick has the
    class with the largest sum inside, and the mean, median and greatest probability of its pixels. How the rows are
    cut changes nothing. Memory: some bytes a component and the outlines, beside a strip.
    """
    component_of, is_slick = _components(strips, thresholds)
    if not is_slick.any():
        return []
    parts, values = _parts(strips, thresholds, component_of, is_slick)
    nodata = _nodata_outlines(strips, transform)
    edge = _Edge(nodata, distances.edge_degrees if rim is None else rim)
    slicks = []
    for component in sorted(parts):
        kept = [(_placed(part, transform), part.class_sums) for part in parts[component]]
        kept = [(polygon, total) for polygon, total in kept if edge.share(polygon) <= distances.edge_share]
        if kept:
            slicks.append(_slick(kept, *values[component].statistics()))
    return slicks


def _components(strips: Strips, thresholds: Thresholds) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """The component of each label, and whether each component reaches `pixel_score_thresh`."""
    components = Components()
    peaks = [np.zeros(1, np.float32)]
    for strip in strips():
        total, before = strip.sum(axis=0), components.count
        labels = components.add(total >= thresholds.bbox_score_thresh)
        peaks.append(greatest(labels, total, components.count - before, before + 1))
    component_of = components.joined()
    reaches = np.zeros(int(component_of.max()) + 1, dtype=bool)
    reaches[component_of[np.concatenate(peaks) >= thresholds.pixel_score_thresh]] = True
    reaches[0] = False
    return component_of, reaches


@dataclass
class _Part:
    """One 4-connected region of an outline: polygons in pixels, one a strip, and the sum of each class inside."""

    pieces: list[Polygon] = field(default_factory=list)
    class_sums: Any = 0.0

    def add(self, pieces: list[Polygon], class_sums: NDArray[np.float64]) -> None:
        self.pieces += pieces
        self.class_sums = self.class_sums + class_sums


@dataclass
class _Pieces:
    """What the strips hold of each region label: its component, its polygons and its classes' sums."""

    component: list[int] = field(default_factory=lambda: [0])
    polygons: list[list[Polygon]] = field(default_factory=lambda: [[]])
    class_sums: list[NDArray[np.float64]] = field(default_factory=lambda: [np.zeros(1)])


def _parts(
    strips: Strips, thresholds: Thresholds, component_of: NDArray[np.int32], is_slick: NDArray[np.bool_]
) -> tuple[dict[int, list[_Part]], dict[int, _Values]]:
    """The regions of each slick's outline, and the probabilities of its pixels."""
    grouping, regions, pieces = Components(), Components(), _Pieces()
    values: dict[int, _Values] = {}
    row = 0
    for strip in strips():
        total = strip.sum(axis=0)
        component = component_of[grouping.add(total >= thresholds.bbox_score_thresh)]
        inside = (total >= thresholds.poly_score_thresh) & is_slick[component]
        before = regions.count
        labels = regions.add(inside)
        _collect(pieces, strip, labels, component, regions.count - before, before + 1, row)
        _collect_values(values, component[inside], total[inside])
        row += strip.shape[1]
    return _by_component(pieces, regions.joined()), values


def _collect(
    pieces: _Pieces, strip: Floats, labels: Labels, component: Labels, count: int, first: int, row: int
) -> None:
    """Add the regions that one strip shows."""
    if not count:
        return
    polygons: list[list[Polygon]] = [[] for _ in range(count)]
    for polygon, label in _polygons(labels, labels > 0, row):
        polygons[label - first].append(polygon)
    inside = np.flatnonzero(labels)
    _, at = np.unique(labels.ravel()[inside], return_index=True)
    pieces.component += component.ravel()[inside[at]].tolist()
    pieces.polygons += polygons
    pieces.class_sums += list(np.stack([sums(labels, plane, count, first) for plane in strip], axis=1))


def _polygons(labels: NDArray[Any], mask: NDArray[np.bool_], row: int) -> Iterator[tuple[Polygon, int]]:
    """Each 4-connected region of equal labels in the mask, its corners in whole pixels of the scene, and its label."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    for geometry, label in shapes(labels, mask=mask, connectivity=4, transform=Affine.translation(0, row)):
        yield shape(geometry), int(label)


def _collect_values(values: dict[int, _Values], components: NDArray[np.int32], probabilities: Floats) -> None:
    order = np.argsort(components, kind="stable")
    found, begins = np.unique(components[order], return_index=True)
    for component, part in zip(found.tolist(), np.split(probabilities[order], begins[1:]), strict=False):
        values.setdefault(component, _Values()).add(part)


def _by_component(pieces: _Pieces, region_of: NDArray[np.int32]) -> dict[int, list[_Part]]:
    """The regions, each whole, of each component."""
    regions: dict[int, _Part] = {}
    owner: dict[int, int] = {}
    for label in range(1, len(pieces.component)):
        region = int(region_of[label])
        regions.setdefault(region, _Part()).add(pieces.polygons[label], pieces.class_sums[label])
        owner[region] = pieces.component[label]
    parts: dict[int, list[_Part]] = {}
    for region, part in regions.items():
        parts.setdefault(owner[region], []).append(part)
    return parts


def _placed(part: _Part, transform: Affine) -> Polygon:
    """The region as one polygon in the transform's coordinates."""
    import shapely

    whole = part.pieces[0] if len(part.pieces) == 1 else shapely.union_all(part.pieces).simplify(0)
    return shapely.transform(whole, lambda xy: np.stack(transform @ (xy[:, 0], xy[:, 1]), axis=1))


def _slick(kept: list[tuple[Polygon, Any]], mean: float, median: float, greatest_value: float) -> Slick:
    import shapely

    class_sums = np.sum([total for _, total in kept], axis=0)
    geometry = shapely.MultiPolygon([polygon for polygon, _ in kept])
    if not geometry.is_valid:
        geometry = only_polygons(shapely.make_valid(geometry))
    return Slick(geometry, 1 + int(np.argmax(class_sums)), median, mean, median, greatest_value)


class _Values:
    """Numbers of which the mean, median and greatest are wanted, equal ones counted together when they are many."""

    def __init__(self) -> None:
        self._waiting: list[Floats] = []
        self._numbers = np.zeros(0, np.float32)
        self._counts = np.zeros(0, np.int64)

    def add(self, numbers: Floats) -> None:
        self._waiting.append(numbers)
        if sum(map(len, self._waiting)) > COLLECTED:
            self._count()

    def _count(self) -> None:
        numbers = np.concatenate([self._numbers, *self._waiting])
        counts = np.concatenate([self._counts, np.ones(len(numbers) - len(self._numbers), np.int64)])
        self._numbers, place = np.unique(numbers, return_inverse=True)
        self._counts = np.bincount(place, weights=counts).astype(np.int64)
        self._waiting = []

    def statistics(self) -> tuple[float, float, float]:
        """Mean, median and greatest."""
        self._count()
        upto = np.cumsum(self._counts)
        middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
        mean = float((self._numbers.astype(np.float64) * self._counts).sum() / upto[-1])
        return mean, float(self._numbers[middle].mean(dtype=np.float64)), float(self._numbers[-1])


def _nodata_outlines(strips: Strips, transform: Affine) -> list[Polygon]:
    """Where nothing was measured, in the transform's coordinates; cut along the strips."""
    import shapely

    found, row = [], 0
    for strip in strips():
        empty = strip.sum(axis=0) == 0
        found += [polygon for polygon, _ in _polygons(empty.view(np.uint8), empty, row)]
        row += strip.shape[1]
    if not found:
        return []
    placed = shapely.transform(np.array(found), lambda xy: np.stack(transform @ (xy[:, 0], xy[:, 1]), axis=1))
    return list(placed)


class _Edge:
    """The rim around nodata. It is made only near the outlines that are asked about."""

    def __init__(self, nodata: list[Polygon], rim: float) -> None:
        import shapely

        self._nodata, self._rim = np.array(nodata, dtype=object), rim
        self._tree = shapely.STRtree(nodata)

    def share(self, polygon: Polygon) -> float:
        """The share of a polygon's area that lies in the rim or in nodata."""
        import shapely

        west, south, east, north = polygon.bounds
        reach = self._rim * 1.01
        box = (west - reach, south - reach, east + reach, north + reach)
        near = self._nodata[self._tree.query(shapely.box(*box))]
        if not len(near):
            return 0.0
        rims = shapely.buffer([shapely.clip_by_rect(one, *box) for one in near], self._rim, quad_segs=16)
        return float(polygon.intersection(shapely.union_all(rims)).area / polygon.area)
