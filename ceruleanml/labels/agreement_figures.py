"""How far two annotators agree, in figures: kappa over pixels, distances of outlines, slicks that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.labels.instances import GridInstance, Mask
from ceruleanml.scenes.grid import Window

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def kappa(confusion: Counts) -> float:
    """Cohen's kappa of counts (one's classes, the other's classes); NaN where chance alone would agree.

    (observed - expected) / (1 - expected) agreement, the latter of the two marginals (Cohen 1960).
    """
    total = float(confusion.sum())
    if total == 0:
        return float("nan")
    observed = float(np.trace(confusion)) / total
    expected = float((confusion.sum(axis=0) / total) @ (confusion.sum(axis=1) / total))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def kappa_of_class(confusion: Counts, class_id: int) -> float:
    """Cohen's kappa of one class against all else; NaN where neither drew it."""
    both = int(confusion[class_id, class_id])
    one, other = int(confusion[class_id].sum()), int(confusion[:, class_id].sum())
    rest = int(confusion.sum()) - one - other + both
    if one + other == 0:
        return float("nan")
    return kappa(np.array([[both, one - both], [other - both, rest]], np.int64))


def slick_iou(confusion: Counts) -> float:
    """Pixels that both drew, of whatever class, of those that either drew; NaN where neither drew any."""
    either = int(confusion.sum() - confusion[0, 0])
    return float(confusion[1:, 1:].sum()) / either if either else float("nan")


def overlaps(ones: Sequence[Mask], others: Sequence[Mask]) -> Floats:
    """The IoU of each of some masks of one frame with each of others, (ones, others)."""
    found = np.zeros((len(ones), len(others)))
    for row, one in enumerate(ones):
        for column, other in enumerate(others):
            both = np.count_nonzero(one & other)
            found[row, column] = both / np.count_nonzero(one | other) if both else 0.0
    return found


def matches(iou: Floats, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) of greatest total IoU, none twice, each of at least `least`."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(iou >= least, iou, 0.0), maximize=True)
    return [(int(row), int(col)) for row, col in zip(rows, columns, strict=True) if iou[row, col] >= max(least, 1e-9)]


def outline_distances(
    one: GridInstance, other: GridInstance, pixel_m: tuple[float, float], counted: Mask, window: Window
) -> Floats:
    """Metres from each outline pixel of one slick to the other's nearest and back, (n,); `pixel_m` is (height, width).

    Outline pixels are those of a slick with a neighbour above, below or beside that is not of it. Only those in
    `counted` (rows, columns), which fills `window`, count: where a tile cuts a slick is no outline. The greatest of all
    is the Hausdorff distance.
    """
    from scipy.ndimage import distance_transform_edt

    outlines = [_outline(slick, window) for slick in (one, other)]
    if not all((outline & counted).any() for outline in outlines):
        return np.zeros(0)
    away: list[Any] = [distance_transform_edt(~outline, sampling=pixel_m) for outline in outlines]
    return np.concatenate([away[1][outlines[0] & counted], away[0][outlines[1] & counted]])


def _outline(slick: GridInstance, window: Window) -> Mask:
    mask = np.zeros((window.height + 2, window.width + 2), bool)
    row, col = slick.window.row - window.row + 1, slick.window.col - window.col + 1
    mask[row : row + slick.window.height, col : col + slick.window.width] = slick.mask
    inner = mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    found: Mask = mask[1:-1, 1:-1] & ~inner
    return found
