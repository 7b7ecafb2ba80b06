"""Thinning out slicks that overlap: within one tile set, and across the sets that saw the same sea three times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.inference.ground import Ground
from ceruleanml.inference.slicks import Slick
from ceruleanml.inference.thresholds import DISTANCES, Distances, Thresholds

if TYPE_CHECKING:
    from shapely import Geometry


@dataclass(frozen=True)
class _Outlines:
    """Outlines in metres, their areas, and the pairs (n, 2) that touch, in the order in which they are compared."""

    shapes: list[Geometry]
    areas: NDArray[np.float64]
    pairs: NDArray[np.int64]


def thinned(
    slicks: Sequence[Slick],
    thresholds: Thresholds,
    ground: Ground,
    min_overlaps: int = 0,
    distances: Distances = DISTANCES,
) -> list[Slick]:
    """The slicks that remain, in their order.

    First fall those that touch fewer than `min_overlaps` others. Then each pair is compared, in order, while both are
    there: with an IoU above `poly_nms_thresh` the less sure one falls (the first of equals); else one that lies by more
    than half in the other falls. Areas are metres in UTM. The rules are the deployed service's.
    """
    if not slicks:
        return []
    outlines = _outlines([slick.geometry for slick in slicks], ground)
    touches = np.bincount(outlines.pairs.ravel(), minlength=len(slicks))
    dropped = {int(number) for number in np.flatnonzero(touches < min_overlaps)}
    for first, second in outlines.pairs.tolist():
        if first not in dropped and second not in dropped:
            falls = _loser(slicks, outlines, first, second, thresholds.poly_nms_thresh, distances.contained_share)
            if falls is not None:
                dropped.add(falls)
    return [slick for number, slick in enumerate(slicks) if number not in dropped]


def ensemble(
    sets: Sequence[Sequence[Slick]], thresholds: Thresholds, ground: Ground, distances: Distances = DISTANCES
) -> list[Slick]:
    """What several tile sets agree on: slicks that touch at least one other, then thinned out."""
    together = [slick for one in sets for slick in one]
    return thinned(together, thresholds, ground, distances.min_overlaps, distances)


def _loser(
    slicks: Sequence[Slick], outlines: _Outlines, first: int, second: int, iou_limit: float, share_limit: float
) -> int | None:
    """Which of the two falls, None: both stay."""
    shared = outlines.shapes[first].intersection(outlines.shapes[second]).area
    areas = outlines.areas
    if shared / (areas[first] + areas[second] - shared) > iou_limit:
        surer = slicks[first].machine_confidence > slicks[second].machine_confidence
        return second if surer else first
    if shared > share_limit * areas[first]:
        return first
    return second if shared > share_limit * areas[second] else None


def _outlines(geometries: Sequence[Geometry], ground: Ground) -> _Outlines:
    import shapely

    shapes, _ = ground.in_metres(geometries)
    shapes = [shape if shape.is_valid else shapely.make_valid(shape) for shape in shapes]
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = np.stack([left, right], axis=1)[left < right].astype(np.int64)
    return _Outlines(shapes, shapely.area(shapes), pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))])
