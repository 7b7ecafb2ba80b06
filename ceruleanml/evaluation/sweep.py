"""Thresholds: what each would give on this data, and which gives most."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.calibration import FINE_BINS
from ceruleanml.evaluation.confusion import ratio

Floats = NDArray[np.float64]
Curve = dict[str, Floats]
GATES = np.arange(1, 100) / 100


def pixel_sweep(counts: NDArray[Any]) -> Curve:
    """Precision, recall and F1 of slick pixels at each threshold of the slick probability.

    `counts` is (2, FINE_BINS) of `probability_counts`; thresholds are the bins' lower edges without 0.
    """
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
    return _curve(np.arange(1, FINE_BINS) / FINE_BINS, above[1], above.sum(axis=0), counts[1].sum())


def instance_sweep(gates: Floats, hits: NDArray[np.bool_], labelled: int) -> Curve:
    """Precision, recall and F1 of slicks at each least gate; a hit is a prediction that took a labelled slick."""
    kept = gates[None, :] >= GATES[:, None] - 1e-9
    return _curve(GATES, (kept & hits).sum(axis=1), kept.sum(axis=1), labelled)


def best_threshold(curve: Curve) -> float | None:
    """The threshold of greatest F1, the middle one where several give it; None where none gives any."""
    f1 = np.nan_to_num(curve["f1"])
    if f1.size == 0 or f1.max() <= 0:
        return None
    best = np.flatnonzero(np.isclose(f1, f1.max(), rtol=1e-12))
    return float(curve["threshold"][best[(len(best) - 1) // 2]])


def _curve(thresholds: Floats, right: NDArray[Any], predicted: NDArray[Any], labelled: Any) -> Curve:
    return {
        "threshold": thresholds,
        "precision": ratio(right, predicted),
        "recall": ratio(right, labelled),
        "f1": ratio(2 * right, predicted + labelled),
    }
