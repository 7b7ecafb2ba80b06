"""How predictions of classes and lines of spectra fit what is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ceruleanml.selection.task import Figures

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
LIGHT_KM_S = 299_792.458
SEEN = 0.5
"""A line counts as found from this confidence on."""


def spectra_figures(
    classes: Sequence[str],
    truth: Numbers,
    predicted: Numbers,
    groups: Sequence[str],
    lines: Floats,
    known: NDArray[np.bool_],
    confidence: Floats | None,
    places: Floats | None,
    tolerance_km_s: float,
) -> Figures:
    """Figures of predicted class numbers (n,) and, where there are any, of lines (n, lines).

    `balanced_accuracy` is the mean over the classes that appear of the share that is found; its parts by group are
    (weight of the right ones, weight), each spectrum weighing one over its class's number. `accuracy` and
    `recall_<class>` are plain shares. See `line_figures` for lines.
    """
    counts = np.bincount(truth, minlength=len(classes))
    weights = 1 / counts[truth]
    right = truth == predicted
    parts: dict[str, tuple[float, float]] = {}
    for group, weight, is_right in zip(groups, weights, right, strict=True):
        found, total = parts.get(group, (0.0, 0.0))
        parts[group] = (found + float(weight) * bool(is_right), total + float(weight))
    values = {"balanced_accuracy": float((weights * right).sum() / weights.sum()), "accuracy": float(right.mean())}
    for number, name in enumerate(classes):
        if counts[number]:
            values[f"recall_{name}"] = float(right[truth == number].mean())
    if confidence is not None and places is not None and known.any():
        values |= line_figures(lines[known], confidence[known], places[known], tolerance_km_s)
    return Figures(values, parts)


def line_figures(lines: Floats, confidence: Floats, places: Floats, tolerance_km_s: float) -> dict[str, float]:
    """Figures of lines at these angstrom (n, lines), NaN for one that is not seen.

    A seen line is found where the confidence is 0.5 or more and the place is right within the tolerance, a velocity.
    `line_accuracy` is the share of lines that are found or rightly not claimed, `line_completeness` that of the seen
    ones that are found, `line_purity` that of the claimed ones that are right; the last two only where there are any.
    """
    seen, claimed = np.isfinite(lines), confidence >= SEEN
    with np.errstate(invalid="ignore"):
        near = np.abs(places / lines - 1) * LIGHT_KM_S <= tolerance_km_s
    found = seen & claimed & near
    values = {"line_accuracy": float((found | (~seen & ~claimed)).mean())}
    if seen.any():
        values["line_completeness"] = float(found.sum() / seen.sum())
    if claimed.any():
        values["line_purity"] = float(found.sum() / claimed.sum())
    return values
