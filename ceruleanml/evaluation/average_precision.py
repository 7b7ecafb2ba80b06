"""Average precision as COCO defines it, on tables that can be weighed, for intervals and groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

IOUS = np.linspace(0.05, 0.95, 19)
"""Least IoU of a match, .05 to .95 by .05."""
RECALLS = np.linspace(0.0, 1.0, 101)
MOST_A_TILE = 100
"""Detections of one class on one tile that count, as in COCO."""
_CELLS = 2_000_000


def coco_matches(iou: Floats) -> Ints:
    """For each detection and each of IOUS the labelled slick that it takes, int64 (detections, 19), -1 for none.

    `iou` is (detections, labelled) of one class on one tile, the best score first. As in COCO a detection takes the
    free label of greatest IoU, the later one of equals, and none once every label it reaches is taken.
    """
    detections, labelled = iou.shape
    found = np.full((detections, len(IOUS)), -1, np.int64)
    reach = iou >= IOUS[0]
    if not reach.any():
        return found
    if reach.sum(axis=0).max() <= 1 and reach.sum(axis=1).max() <= 1:  # nothing to contend for
        rows, columns = np.nonzero(reach)
        found[rows] = np.where(iou[rows, columns, None] >= IOUS, columns[:, None], -1)
        return found
    free = np.ones((len(IOUS), labelled), bool)
    every = np.arange(len(IOUS))
    for row in np.flatnonzero(reach.any(axis=1)):
        able = np.where(free & (iou[row] >= IOUS[:, None]), iou[row], -1.0)
        best = labelled - 1 - np.argmax(able[:, ::-1], axis=1)
        taken = able[every, best] >= 0
        found[row, taken] = best[taken]
        free[every[taken], best[taken]] = False
    return found


def average_precision(
    scores: Floats,
    hits: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    scenes: Ints,
    weights: Floats,
    positives: Floats,
) -> Floats:
    """The average precision of one class at each of IOUS under several weightings, (weightings, 19).

    NaN without labels. `scores` is (detections,), `hits` and `counted` bool (detections, 19): whether it is right and
    whether it counts at all; `scenes` (detections,) the scene of each. `weights` is (weightings, scenes), how often a
    scene occurs, `positives` (weightings,) the labelled slicks. Precision is made to fall with recall and read at 101
    recalls, as in COCO.
    """
    found = np.full((len(positives), len(IOUS)), np.nan)
    order = np.argsort(-scores, kind="mergesort")
    hits, counted, scenes = hits[order], counted[order], scenes[order]
    step = max(1, _CELLS // max(len(order), 1))
    for first in range(0, len(positives), step):
        rows = slice(first, first + step)
        occurs = weights[rows][:, scenes]
        for level in range(len(IOUS)):
            right = np.cumsum(occurs * (hits[:, level] & counted[:, level]), axis=1)
            wrong = np.cumsum(occurs * (~hits[:, level] & counted[:, level]), axis=1)
            found[rows, level] = _areas(right, wrong, positives[rows])
    return found


def _areas(right: Floats, wrong: Floats, positives: Floats) -> Floats:
    precision = right / (right + wrong + np.spacing(1))
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    found = np.full(len(positives), np.nan)
    for row in np.flatnonzero(positives > 0):
        place = np.searchsorted(right[row] / positives[row], RECALLS, side="left")
        reached = place < right.shape[1]
        found[row] = falling[row, place[reached]].sum() / len(RECALLS)
    return found
