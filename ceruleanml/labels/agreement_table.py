"""Agreement between annotators as plain figures, for a table or JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ceruleanml.classes import ClassTable
from ceruleanml.labels.agreement import LEAST_IOU, Pair
from ceruleanml.labels.agreement_figures import kappa, kappa_of_class, slick_iou

Json = dict[str, Any]
DEFINITIONS = {
    "iou": "pixels that both took for slick, of those that either did",
    "kappa": "Cohen's kappa over the pixels of all classes and none; by class, of that class against all else",
    "matched": f"slicks of the two that belong together: one to one, of greatest overlap, IoU {LEAST_IOU:g} or more",
    "same_class": "share of the matched slicks that both gave one class",
    "boundary_mean_m": "mean distance from an outline pixel of a matched slick to the other's outline, both ways",
    "boundary_p95_m": "95th percentile of these distances",
    "hausdorff_m": "greatest of these distances",
}


def rows_of(pairs: Sequence[Pair], classes: ClassTable) -> list[Json]:
    """The figures of each pair of annotators, None where one is not defined; see DEFINITIONS."""
    return [_row(pair, classes) for pair in pairs]


def _row(pair: Pair, classes: ClassTable) -> Json:
    distances = np.concatenate([np.zeros(0), *pair.distances_m])
    same = [one == other for _, one, other in pair.matched]
    by_class = {
        row.name: _number(kappa_of_class(pair.confusion, number)) for number, row in enumerate(classes) if number
    }
    return {
        "annotators": list(pair.names),
        "kind": pair.kind,
        "scenes": pair.scenes,
        "tiles": pair.tiles,
        "pixels": int(pair.confusion.sum()),
        "iou": _number(slick_iou(pair.confusion)),
        "kappa": _number(kappa(pair.confusion)),
        "kappa_by_class": by_class,
        "matched": len(pair.matched),
        "alone": dict(zip(pair.names, pair.alone, strict=True)),
        "matched_iou": _number(float(np.mean([iou for iou, _, _ in pair.matched])) if pair.matched else math.nan),
        "same_class": _number(float(np.mean(same)) if same else math.nan),
        "boundary_mean_m": _number(float(distances.mean()) if distances.size else math.nan, 1),
        "boundary_p95_m": _number(float(np.percentile(distances, 95)) if distances.size else math.nan, 1),
        "hausdorff_m": _number(float(distances.max()) if distances.size else math.nan, 1),
    }


def _number(value: float, digits: int = 4) -> float | None:
    return None if math.isnan(value) else round(value, digits)
