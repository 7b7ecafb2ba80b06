"""Slicks as instances: how much a predicted one and a labelled one overlap, and which belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Instance:
    """One slick on one tile, labelled or predicted.

    `mask` is bool (rows, columns) of the tile. A predicted one has the `score` by which it is ranked, the `gate`, which
    is what the threshold of the score cuts (the same for Mask R-CNN, the highest pixel of a U-Net's slick), and `soft`,
    float32 (rows, columns), the probability of its pixels.
    """

    class_id: int
    mask: Mask
    score: float = 1.0
    gate: float = 1.0
    soft: NDArray[np.float32] | None = field(default=None, repr=False)

    @cached_property
    def area(self) -> int:
        """Its number of pixels."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def rle(self) -> dict[str, Any]:
        """Its mask as COCO's run lengths."""
        from pycocotools import mask as coco_mask

        encoded: dict[str, Any] = coco_mask.encode(np.asfortranarray(self.mask, dtype=np.uint8))
        return encoded


def mask_iou(predicted: Sequence[Instance], labelled: Sequence[Instance]) -> Floats:
    """The IoU of each predicted with each labelled mask, (predicted, labelled)."""
    from pycocotools import mask as coco_mask

    if not predicted or not labelled:
        return np.zeros((len(predicted), len(labelled)))
    found = coco_mask.iou([one.rle for one in predicted], [one.rle for one in labelled], [0] * len(labelled))
    return np.asarray(found, np.float64)


def soft_dice(predicted: Sequence[Instance], labelled: Sequence[Instance]) -> Floats:
    """The soft Dice 2 Σ √(u v) / Σ (u + v) of each pair, (predicted, labelled); u is the probability, v the label.

    It is the overlap by which the serving post-processing suppresses doubles.
    """
    found = np.zeros((len(predicted), len(labelled)))
    places = [np.flatnonzero(one.mask) for one in labelled]
    for row, one in enumerate(predicted):
        soft = (one.mask if one.soft is None else one.soft).ravel()
        total = float(soft.sum(dtype=np.float64))
        for column, place in enumerate(places):
            shared = np.sqrt(soft[place], dtype=np.float64).sum()
            found[row, column] = 2 * shared / (total + len(place)) if total + len(place) else 0.0
    return found


def one_to_one(overlap: Floats, least: float) -> list[tuple[int, int]]:
    """Pairs (row, column) that overlap by `least` or more, the best first, no row and no column twice.

    Equal overlaps are taken in the order of rows, then columns.
    """
    pairs: list[tuple[int, int]] = []
    rows: set[int] = set()
    columns: set[int] = set()
    flat = overlap.ravel()
    candidates = np.flatnonzero((flat >= least) & (flat > 0))
    for place in candidates[np.argsort(-flat[candidates], kind="stable")]:
        row, column = divmod(int(place), overlap.shape[1])
        if row not in rows and column not in columns:
            pairs.append((row, column))
            rows.add(row)
            columns.add(column)
    return pairs


def instance_confusion(
    predicted: Sequence[Instance], labelled: Sequence[Instance], overlap: Floats, least: float, rows: int, columns: int
) -> NDArray[np.int64]:
    """Labelled (row) against predicted class (column) of the pairs of `one_to_one`, int64 (rows, columns).

    Column 0 counts labelled slicks that were missed, row 0 predicted ones that nothing was labelled under; [0, 0] is 0.
    """
    matrix = np.zeros((rows, columns), np.int64)
    pairs = one_to_one(overlap, least)
    for row, column in pairs:
        matrix[labelled[column].class_id, predicted[row].class_id] += 1
    for number in set(range(len(labelled))) - {column for _, column in pairs}:
        matrix[labelled[number].class_id, 0] += 1
    for number in set(range(len(predicted))) - {row for row, _ in pairs}:
        matrix[0, predicted[number].class_id] += 1
    return matrix


def covered(ones: Sequence[Instance], others: Sequence[Instance]) -> Floats:
    """The share of each one's pixels that lie on any of the others, (ones,)."""
    if not ones:
        return np.zeros(0)
    union = np.zeros(ones[0].mask.shape, bool)
    for other in others:
        union |= other.mask
    return np.array([np.count_nonzero(union & one.mask) / max(one.area, 1) for one in ones])
