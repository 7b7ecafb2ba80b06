"""Confusion matrices, and the figures that are read off them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def ratio(part: Any, whole: Any) -> Floats:
    """The quotient part / whole as float64, NaN where the whole is 0."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    found: Floats = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole != 0)
    return found


def confusion(labelled: NDArray[Any], predicted: NDArray[Any], rows: int, columns: int) -> Counts:
    """How often each labelled id (row) meets each predicted id (column), int64 (rows, columns)."""
    pairs = labelled.astype(np.int64).ravel() * columns + predicted.ravel()
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def by_row(matrix: NDArray[Any]) -> Floats:
    """Each row as shares of its sum, NaN in an empty row: where do labelled things go?"""
    return ratio(matrix, matrix.sum(axis=-1, keepdims=True))


def by_column(matrix: NDArray[Any]) -> Floats:
    """Each column as shares of its sum, NaN in an empty column: where do predictions come from?"""
    return ratio(matrix, matrix.sum(axis=-2, keepdims=True))


def overlap_figures(both: NDArray[Any], labelled: NDArray[Any], predicted: NDArray[Any]) -> dict[str, Floats]:
    """IoU, Dice, precision and recall of what was labelled, predicted, and both; any shape, NaN where undefined.

    IoU is NaN where nothing was labelled nor predicted, recall where nothing was labelled, precision where nothing
    was predicted. Dice is the F1 of pixels.
    """
    return {
        "iou": ratio(both, labelled + predicted - both),
        "dice": ratio(2 * both, labelled + predicted),
        "precision": ratio(both, predicted),
        "recall": ratio(both, labelled),
    }


def class_parts(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Pixels both labelled and predicted, labelled, and predicted, each (..., columns), for every class of a matrix.

    `matrix` is (..., rows, columns); rows beyond the columns are classes that the model does not know.
    """
    both = np.diagonal(matrix, axis1=-2, axis2=-1)
    return both, matrix.sum(axis=-1)[..., : matrix.shape[-1]], matrix.sum(axis=-2)


def slick_parts(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The same for slick of whatever class against none, each (...,): row and column 0 are the background."""
    return matrix[..., 1:, 1:].sum(axis=(-2, -1)), matrix[..., 1:, :].sum(axis=(-2, -1)), matrix[..., 1:].sum((-2, -1))
