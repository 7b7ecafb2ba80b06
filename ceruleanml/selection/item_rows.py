"""Where items stand in the file that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError


class ItemRows:
    """The rows of the items of a file by their ids; `of` is from id to row."""

    def __init__(self, ids: Sequence[str], path: Path) -> None:
        self.of = {item_id: row for row, item_id in enumerate(ids)}
        self._path = path

    def row(self, item_id: str) -> int:
        """The row of an item. Raises SelectionError where the file has none of that id."""
        if item_id not in self.of:
            raise SelectionError(f"{self._path}: has no item {item_id}; ids are text, as they stand in the file")
        return self.of[item_id]

    def rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The rows of items, (n,). Raises SelectionError as `row` does."""
        return np.array([self.row(item_id) for item_id in ids], np.int64)
