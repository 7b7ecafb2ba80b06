"""Spreading a coarse field over a grid's pixels, bilinearly and strip by strip.

A field holds one value a node, already scaled to 0..255; nodes lie evenly along both axes. Every pixel depends on its
own four nodes only, so that the result does not depend on how the rows are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Field = NDArray[np.float32]
FieldRows = Callable[[int, int], Field]
"""Gives rows first..stop (exclusive) of a field."""


@dataclass(frozen=True)
class Axis:
    """Where the pixels of one axis of a grid lie among the nodes of a field.

    `before` is the index of the node before a pixel and `share` the weight of the node after it; `inside` are the
    pixels that lie on the field, which reaches half a node beyond its outer nodes.
    """

    before: NDArray[np.intp]
    share: NDArray[np.float32]
    inside: slice

    @classmethod
    def of(cls, positions: NDArray[np.float64], nodes: int) -> Axis:
        """The axis for positions in units of nodes (0 is the first node), which rise or fall steadily."""
        inside = np.flatnonzero((positions >= -0.5) & (positions <= nodes - 0.5))
        clipped = np.clip(positions, 0, nodes - 1)
        before = np.minimum(clipped.astype(np.intp), max(0, nodes - 2))
        extent = slice(int(inside[0]), int(inside[-1]) + 1) if len(inside) else slice(0, 0)
        return cls(before, (clipped - before).astype(np.float32), extent)


@dataclass(frozen=True)
class SpreadField:
    """A context channel made from a field: bilinear between its nodes, `outside` (0..255) where the field ends."""

    name: str
    inputs: tuple[str, ...]
    field_rows: FieldRows
    row_axis: Axis
    col_axis: Axis
    outside: int

    def rows(self, start: int, stop: int) -> Bytes:
        """Rows start..stop (exclusive) of the grid as uint8 (rows, columns), rounded to the nearest."""
        out = np.full((stop - start, len(self.col_axis.before)), self.outside, dtype=np.uint8)
        first, last = max(start, self.row_axis.inside.start), min(stop, self.row_axis.inside.stop)
        if first >= last or self.col_axis.inside.start == self.col_axis.inside.stop:
            return out
        before = self.row_axis.before[first:last]
        top = int(before.min())
        field = self.field_rows(top, int(before.max()) + 2)
        shares = self.row_axis.share[first:last]
        _spread(field, before - top, shares, self.col_axis, out[first - start : last - start, self.col_axis.inside])
        return out


def _spread(field: Field, before: NDArray[np.intp], shares: NDArray[np.float32], cols: Axis, out: Bytes) -> None:
    """Fill `out` row by row, each from two rows of the field; rows of one value are not computed."""
    low, high = field.min(axis=1), field.max(axis=1)
    buffer = np.empty(out.shape[1], dtype=np.float32)
    upper = lower = difference = buffer
    above = -1
    for row, (node, share) in enumerate(zip(before.tolist(), shares, strict=True)):
        below = min(node + 1, len(field) - 1)
        if low[node] == high[node] == low[below] == high[below]:
            out[row] = int(min(max(low[node], 0.0), 255.0) + 0.5)
            continue
        if node != above:
            upper = lower if node == above + 1 and above >= 0 else _widened(field[node], cols)
            lower = _widened(field[below], cols)
            difference, above = lower - upper, node
        np.multiply(difference, share, out=buffer)
        np.add(buffer, upper, out=buffer)
        if max(high[node], high[below]) > 255:
            np.minimum(buffer, np.float32(255.5), out=buffer)
        np.copyto(out[row], buffer, casting="unsafe")


def _widened(nodes: Field, cols: Axis) -> Field:
    """One row of the field at the grid's columns, and a half more, so that cutting off decimals rounds."""
    before, share = cols.before[cols.inside], cols.share[cols.inside]
    left = nodes[before]
    right = nodes[np.minimum(before + 1, len(nodes) - 1)]
    return np.asarray(left + (right - left) * share + np.float32(0.5))
