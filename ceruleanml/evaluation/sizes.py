"""Figures by the size of the slick: the small ones are most of them, and the hard ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.average_precision import average_precision
from ceruleanml.evaluation.confusion import ratio
from ceruleanml.evaluation.counts import Counts
from ceruleanml.evaluation.figures import PRECISION_ROWS

Floats = NDArray[np.float64]
LIMITS_KM2 = (0.10, 0.24, 0.66)
"""Quartiles of the areas of real slicks on Sentinel-1."""

SIZE_DEFINITIONS = {
    "detection_rate": "share of the labelled slicks of that size covered to {cover} or more by predictions",
    "pixel_recall": "share of their pixels that are predicted as slick",
    "instance_recall": "share of them that are matched one to one by IoU >= {match_iou}",
    "instance_precision": "share of the predicted slicks of that size that match a labelled one",
    "ap": "average precision (COCO, classes taken for one) of predictions that took a labelled slick of that size, or "
    "none and are of that size themselves",
}


def size_names() -> tuple[str, ...]:
    """The names of the sizes, the smallest first."""
    limits = [f"{limit:.2f}" for limit in LIMITS_KM2]
    between = [f"{low} to {high} km²" for low, high in zip(limits[:-1], limits[1:], strict=True)]
    return (f"below {limits[0]} km²", *between, f"{limits[-1]} km² and more")


def size_figures(counts: Counts, weights: Floats) -> dict[tuple[str, str], Floats]:
    """The figures by (size, name), each (weightings,), for weights (weightings, scenes); scenes need known areas."""
    label_size, found_size = (_sizes(table, counts.pixel_km2) for table in (counts.labels, counts.found))
    kept = counts.found["kept"]
    figures: dict[tuple[str, str], Floats] = {}
    for size, name in enumerate(size_names()):
        mine, given = label_size == size, kept & (found_size == size)
        labelled = _weighed(weights, counts.labels, mine)
        figures[(name, "detection_rate")] = ratio(
            _weighed(weights, counts.labels, mine & counts.labels["hit"]), labelled
        )
        figures[(name, "pixel_recall")] = ratio(
            _weighed(weights, counts.labels, mine, counts.labels["pixels_hit"]),
            _weighed(weights, counts.labels, mine, counts.labels["area_px"]),
        )
        matched = _weighed(weights, counts.labels, mine & counts.labels["matched"])
        figures[(name, "instance_recall")] = ratio(matched, labelled)
        right = _weighed(weights, counts.found, given & counts.found["matched"])
        figures[(name, "instance_precision")] = ratio(right, _weighed(weights, counts.found, given))
        figures[(name, "ap")] = _precision(counts, weights[:PRECISION_ROWS], size, label_size, found_size, labelled)
    return figures


def size_counts(counts: Counts) -> dict[str, dict[str, int]]:
    """How many slicks of each size are labelled and predicted."""
    label_size, found_size = (_sizes(table, counts.pixel_km2) for table in (counts.labels, counts.found))
    given = counts.found["kept"]
    return {
        name: {
            "labelled_slicks": int(np.count_nonzero(label_size == size)),
            "predicted_slicks": int(np.count_nonzero(given & (found_size == size))),
        }
        for size, name in enumerate(size_names())
    }


def _sizes(table: dict[str, NDArray[Any]], pixel_km2: Floats) -> NDArray[np.int64]:
    areas = table["area_px"] * pixel_km2[table["scene"]]
    sizes: NDArray[np.int64] = np.digitize(areas, LIMITS_KM2).astype(np.int64)
    return sizes


def _weighed(weights: Floats, table: dict[str, NDArray[Any]], rows: NDArray[np.bool_], what: Any = None) -> Floats:
    amounts = None if what is None else what[rows]
    summed: Floats = weights @ np.bincount(table["scene"][rows], weights=amounts, minlength=weights.shape[1])
    return summed


def _precision(
    counts: Counts, weights: Floats, size: int, label_size: Any, found_size: Any, positives: Floats
) -> Floats:
    taken = counts.found["taken_any"]
    hits = taken >= 0
    of_label = np.append(label_size, -1)[taken]
    counted = np.where(hits, of_label == size, (found_size == size)[:, None])
    chosen = counted.any(axis=1)
    scores, scenes = counts.found["score"][chosen], counts.found["scene"][chosen]
    by_iou = average_precision(scores, hits[chosen], counted[chosen], scenes, weights, positives[: len(weights)])
    means: Floats = by_iou.mean(axis=1)
    return means
