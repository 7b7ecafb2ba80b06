"""From Mask R-CNN's detections to slicks, as the deployed service does it: a window at a time, then a whole set.

`reduced`, then `outlines` for each window; `stitched` over all windows of a set.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.inference.ground import Ground
from ceruleanml.inference.slicks import Slick
from ceruleanml.inference.thresholds import DISTANCES, Distances, Thresholds
from ceruleanml.labels.geometry import only_polygons
from ceruleanml.models.predictor import Detections

Floats = NDArray[np.float32]
ROUND = 16
"""Segments of a quarter circle in buffers, as the service's library takes them."""


def soft_dice(masks: Floats) -> Floats:
    """How alike each pair of masks (n, height, width) of probabilities is, (n, n), 0 to 1; 0 for two empty ones.

    2 sum(sqrt(u v)) / sum(u + v). As sqrt(u v) is sqrt(u) sqrt(v), one matrix product gives all pairs.
    """
    roots = np.sqrt(masks.reshape(len(masks), math.prod(masks.shape[1:])))
    totals = np.square(roots).sum(axis=1)
    both = totals[:, None] + totals
    return np.asarray(np.divide(2 * (roots @ roots.T), both, out=np.zeros_like(both), where=both > 0))


def reduced(found: Detections, thresholds: Thresholds) -> Detections:
    """The detections of one window that are sure enough, each slick once.

    Boxes must score above `bbox_score_thresh` and masks somewhere reach above `pixel_score_thresh`; of two of one class
    with more soft Dice than `pixel_nms_thresh` the later one falls. Detections come best first.
    """
    kept = _taken(found, np.flatnonzero(found.scores > thresholds.bbox_score_thresh))
    peaks = kept.masks.max(axis=(1, 2)) if len(kept.masks) else np.zeros(0, np.float32)
    kept = _taken(kept, np.flatnonzero(peaks > thresholds.pixel_score_thresh))
    alike = (soft_dice(kept.masks) > thresholds.pixel_nms_thresh) & (kept.labels[:, None] == kept.labels)
    dropped: set[int] = set()
    for first in range(len(kept.scores)):
        for second in range(first + 1, len(kept.scores)):
            if alike[first, second] and first not in dropped:
                dropped.add(second)
    return _taken(kept, np.array([n for n in range(len(kept.scores)) if n not in dropped], dtype=np.int64))


def outlines(found: Detections, thresholds: Thresholds, transform: Affine) -> list[Slick]:
    """A slick for each detection with pixels above `poly_score_thresh`, 8-connected, in the transform's coordinates."""
    import shapely
    from rasterio.features import shapes
    from shapely.geometry import shape

    slicks = []
    for label, score, mask in zip(found.labels, found.scores, found.masks, strict=True):
        inside = mask > thresholds.poly_score_thresh
        if inside.any():
            parts = shapes(inside.astype(np.uint8), mask=inside, connectivity=8, transform=transform)
            # rings of 8-connected pixels touch themselves, which is not valid
            valid = shapely.make_valid(shapely.MultiPolygon([shape(part) for part, _ in parts]))
            slicks.append(Slick(only_polygons(valid), int(label), *[float(score)] * 4))
    return slicks


def stitched(slicks: Sequence[Slick], ground: Ground, distances: Distances = DISTANCES) -> list[Slick]:
    """Slicks of all windows, joined where those of one class come within twice `proximity_m` of each other.

    The joined outline is closed by `closing_m`; its confidences are the median, mean and greatest of its parts.
    """
    import shapely

    if not slicks:
        return []
    shapes, zone = ground.in_metres([slick.geometry for slick in slicks])
    joined = []
    for members in _groups(slicks, shapely.buffer(shapes, distances.proximity_m, quad_segs=ROUND)):
        whole = shapely.union_all([shapes[number] for number in members])
        closed = whole.buffer(distances.closing_m, quad_segs=ROUND).buffer(-distances.closing_m, quad_segs=ROUND)
        geometry = only_polygons(shapely.make_valid(ground.back(closed, zone)))
        if not geometry.is_empty:
            scores = np.array([slicks[number].machine_confidence for number in members])
            median = float(np.median(scores))
            joined.append(
                Slick(geometry, slicks[members[0]].class_id, median, float(scores.mean()), median, float(scores.max()))
            )
    return joined


def _groups(slicks: Sequence[Slick], buffered: Sequence[object]) -> list[list[int]]:
    """The numbers of slicks that hang together, class by class, each group and all groups in order."""
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    classes = np.array([slick.class_id for slick in slicks])
    left, right = shapely.STRtree(buffered).query(buffered, predicate="intersects")
    alike = classes[left] == classes[right]
    links = coo_array((np.ones(alike.sum()), (left[alike], right[alike])), shape=(len(slicks), len(slicks)))
    count, group = connected_components(links, directed=False)
    return [np.flatnonzero(group == number).tolist() for number in range(count)]


def _taken(found: Detections, numbers: NDArray[np.int64]) -> Detections:
    return Detections(found.boxes[numbers], found.labels[numbers], found.scores[numbers], found.masks[numbers])
