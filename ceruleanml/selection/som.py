"""A self-organising map that wraps around: items that look alike share a cell, and nearly empty cells hold outliers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.seeds import generator

Floats = NDArray[np.float32]

SIDE = 45
ITEMS_A_CELL = 20  # that a map of the usual size has at least
FITTED = 40_000  # items that a map is fitted to at most
BLOCK = 1024
LAST_WIDTH = 0.6  # of the neighbourhood, in cells


@dataclass(frozen=True, eq=False)
class SelfOrganisingMap:
    """One embedding a cell, float32 (side, side, d), neighbours alike; opposite edges are neighbours."""

    weights: Floats

    @property
    def side(self) -> int:
        """Cells along each edge."""
        return int(self.weights.shape[0])

    def cells(self, embeddings: ArrayLike) -> NDArray[np.int64]:
        """The cell nearest to each embedding, row x side + column, int64 (n,). Raises SelectionError for another d."""
        rows = _table(embeddings)
        if rows.shape[1] != self.weights.shape[2]:
            raise SelectionError(
                f"embeddings have {rows.shape[1]} figures and the map {self.weights.shape[2]}; fit a map to them"
            )
        return _nearest_cells(self.weights.reshape(-1, rows.shape[1]), rows)


def side_for(items: int) -> int:
    """Cells along each edge of a map of so many items: 45 from some 40,000 on, fewer for fewer, 20 items a cell.

    On a map as large as its pool each cell holds one item or none, and whoever is alone would seem an outlier.
    """
    return min(SIDE, max(1, round(math.sqrt(items / ITEMS_A_CELL))))


def fit_map(embeddings: ArrayLike, side: int | None = None, seed: int = 0, iterations: int = 30) -> SelfOrganisingMap:
    """A map fitted to embeddings (n, d), by Kohonen's batch rule (Essentials of the self-organizing map, 2013).

    In each iteration every cell becomes the mean of all items, weighted by a Gaussian of the distance from the cell to
    the item's own, around the edges; its width falls from a quarter of the side to 0.6 cells. It starts from a torus
    through the four greatest principal components. `side` is `side_for(n)` unless given. Of more than 40,000 items,
    40,000 are drawn. The items' order does not matter. Raises SelectionError for no items or figures not finite.
    """
    rows = _table(embeddings)
    if not len(rows):
        raise SelectionError("a map of no items cannot be made; give embeddings of one item at least")
    side = side_for(len(rows)) if side is None else side
    if side < 1 or iterations < 1:
        raise SelectionError(f"a map of side {side} in {iterations} iterations cannot be; give 1 or more for each")
    drawn = _draw(rows, seed)
    weights = _start(drawn, side)
    for width in np.geomspace(max(side / 4, LAST_WIDTH), LAST_WIDTH, iterations):
        weights = _mean_around(drawn, _nearest_cells(weights, drawn), weights, side, width)
    return SelfOrganisingMap(weights.reshape(side, side, -1))


def wrapped_distance(side: int) -> NDArray[np.int64]:
    """Cells from each row (or column) of a map to each, the shorter way around, int64 (side, side)."""
    apart = np.abs(np.arange(side)[:, None] - np.arange(side))
    return np.asarray(np.minimum(apart, side - apart))


def outliers(cells: ArrayLike, *, percentile: float = 15) -> NDArray[np.bool_]:
    """Which items lie in a cell that is nearly empty, bool (n,), from the cell of each item (QuasarNET's cut).

    These are the cells whose count is at or below the percentile of the counts, empty cells left out. If that is more
    than half of the items, as the count at the percentile is the common one, it is only the cells below it: none where
    all cells hold equally few.
    """
    _, place, counts = np.unique(np.asarray(cells), return_inverse=True, return_counts=True)
    if not len(counts):
        return np.zeros(0, bool)
    cut = np.percentile(counts, percentile)
    found = (counts <= cut)[place]
    return np.asarray(found if found.mean() <= 0.5 else (counts < cut)[place], bool)


def _table(embeddings: ArrayLike) -> NDArray[Any]:
    rows = np.asarray(embeddings)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise SelectionError(f"embeddings are {rows.dtype} of shape {rows.shape}; give numbers of shape (items, d)")
    return rows


def _check_finite(rows: Floats) -> None:
    if not np.isfinite(rows).all():
        raise SelectionError("embeddings hold figures that are not finite; leave those items out, or embed them again")


def _draw(rows: NDArray[Any], seed: int) -> Floats:
    """The rows to fit, in an order that hangs on the rows alone, float32."""
    drawn = np.array(rows, np.float32, order="C")
    _check_finite(drawn)
    order = np.argsort(drawn.view(f"V{drawn.itemsize * drawn.shape[1]}").ravel(), kind="stable")
    if len(order) > FITTED:
        order = order[np.sort(generator(seed, "map").choice(len(order), FITTED, replace=False))]
    return drawn[order]


def _start(rows: Floats, side: int) -> Floats:
    """Cells on a torus through the four greatest principal components, as wide as the items are, (side², d)."""
    mean = rows.mean(axis=0, dtype=np.float64)
    spread = rows - mean
    values, axes = np.linalg.eigh(spread.T @ spread / len(rows))
    values, axes = np.maximum(values[::-1], 0), axes[:, ::-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(len(values))] < 0, -1, 1)
    angles = 2 * np.pi * np.arange(side) / side
    row, col = (angle.ravel() for angle in np.meshgrid(angles, angles, indexing="ij"))
    waves = np.stack([np.cos(row), np.cos(col), np.sin(row), np.sin(col)], axis=1)[:, : len(values)]
    arms = (np.sqrt(2 * values) * axes)[:, :4].T
    return np.asarray(mean + waves @ arms, np.float32)


def _nearest_cells(weights: Floats, rows: NDArray[Any]) -> NDArray[np.int64]:
    """The nearest of the weights (cells, d) to each row, the first of equals, some rows at a time."""
    half = (weights.astype(np.float64) ** 2).sum(axis=1).astype(np.float32) / 2
    found = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = np.asarray(rows[start : start + BLOCK], np.float32)
        _check_finite(block)
        found[start : start + BLOCK] = (block @ weights.T - half).argmax(axis=1)
    return found


def _mean_around(rows: Floats, cells: NDArray[np.int64], weights: Floats, side: int, width: float) -> Floats:
    """The mean of the rows around each cell; a cell with none near keeps its weights."""
    order = np.argsort(cells, kind="stable")
    counts = np.bincount(cells, minlength=side * side).astype(np.float64)
    sums = np.zeros((side * side, rows.shape[1]))
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sums[cells[order][starts]] = np.add.reduceat(rows[order].astype(np.float64), starts)
    # a Gaussian of two directions is one of rows times one of columns
    kernel = np.exp(-(wrapped_distance(side) ** 2) / (2 * width**2))
    near = np.einsum("ar,rcd->acd", kernel, sums.reshape(side, side, -1), optimize=True)
    near = np.einsum("bc,acd->abd", kernel, near, optimize=True).reshape(side * side, -1)
    share = (kernel @ counts.reshape(side, side) @ kernel).reshape(-1, 1)
    return np.where(share > 1e-9, near / np.maximum(share, 1e-9), weights).astype(np.float32)
