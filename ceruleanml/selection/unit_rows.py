"""Embeddings as rows of length 1, read in blocks, so that a memory-mapped array stays on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ceruleanml.errors import SelectionError

BLOCK = 1024


@dataclass(frozen=True, eq=False)
class UnitRows:
    """Rows (n, d), float32 or float64, and the factors, float64 (n,), that give them the length 1."""

    values: NDArray[Any]
    factors: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)

    def at(self, where: slice | NDArray[np.int64], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """The rows at these places, of length 1, as a new contiguous array."""
        rows = np.array(self.values[where], dtype, order="C")
        rows *= self.factors[where, None].astype(dtype)
        return rows

    def cosines(self, place: int) -> NDArray[Any]:
        """The cosine of each row to one of them, (n,), by one product with a vector and no copy of the rows."""
        one = self.at(np.array([place]), self.values.dtype)[0]
        return np.asarray((self.values @ one) * self.factors)

    def blocks(self, dtype: DTypeLike = np.float32, size: int = BLOCK) -> Iterator[tuple[slice, NDArray[Any]]]:
        """All rows in order, some at a time, each block with its places."""
        for start in range(0, len(self), size):
            where = slice(start, start + size)
            yield where, self.at(where, dtype)


def unit_rows(embeddings: ArrayLike) -> UnitRows:
    """The embeddings (n, d) as rows of length 1; float32 and float64, memory-mapped or not, are not copied.

    Raises SelectionError where they are not a table of finite numbers, or where a row is zero and points nowhere.
    """
    values = np.asarray(embeddings)
    values = values.reshape(0, 0) if values.shape == (0,) else values  # an empty list
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise SelectionError(f"embeddings are {values.dtype} of shape {values.shape}; give numbers of shape (items, d)")
    values = values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)
    factors = np.ones(len(values))
    whole = UnitRows(values, np.ones(len(values)))
    for where, rows in whole.blocks(np.float64):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if not ((lengths > 0) & np.isfinite(lengths)).all():
            first = where.start + int(np.argmin((lengths > 0) & np.isfinite(lengths)))
            raise SelectionError(f"embedding {first} is zero or not finite; leave that item out, or embed it again")
        factors[where] = 1 / lengths
    return UnitRows(values, factors)


def indices_of(preselected: ArrayLike | None, n: int) -> NDArray[np.int64]:
    """The preselected places in rising order, each once, int64. Raises SelectionError for one that n items lack."""
    given = np.asarray([] if preselected is None else preselected)
    if given.size == 0:
        return np.zeros(0, np.int64)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise SelectionError(f"preselected is {given.dtype} of shape {given.shape}; give a list of item numbers")
    found = np.unique(given).astype(np.int64)
    if found[0] < 0 or found[-1] >= n:
        raise SelectionError(f"preselected names item {found[0] if found[0] < 0 else found[-1]}, of {n}; count from 0")
    return found


def wanted_of(n: int, rows: int, taken: int) -> int:
    """How many new picks there can be: n, or all that are not taken. Raises SelectionError for fewer than 0."""
    if n < 0:
        raise SelectionError(f"{n} items cannot be chosen; ask for 0 or more")
    return min(int(n), rows - taken)
