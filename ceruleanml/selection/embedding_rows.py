"""Embeddings as a value, and how their rows are checked and gathered in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.storage import storage_error

IN_MEMORY_BYTES = 256 << 20
"""Larger arrays lie in a temporary file that is mapped into memory; the system drops its pages where it needs room."""
UNIT_TOLERANCE = 1e-5
"""Rows whose length is 1 but for this are unit length in float32, and are left as they are, bit by bit."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """What items look like to an encoder; all are in the order of `ids`.

    `ids` (n) are text and unique. `vectors` are float32 (n, d) of unit length, maybe mapped from a file and read-only.
    `about` says what they were made by: {method, model, pool, ...}, {} for files of others. `groups` (n) name what an
    item is a part of, such as its scene, None where that is not known. `columns` (each n) are what else a file of
    Lightly's says, as the text that stands there: labels, masked, selected, al_score. Raises SelectionError where these
    do not fit together.
    """

    ids: tuple[str, ...]
    vectors: Floats
    about: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] | None = None
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in {"vectors": self.vectors, "groups": self.groups, **self.columns}.items():
            if values is not None and len(values) != len(self.ids):
                raise SelectionError(f"{name} has {len(values)} rows for {len(self.ids)} embeddings")

    def __len__(self) -> int:
        return len(self.ids)


def check_ids(ids: Sequence[str], source: Path, name: str = "id") -> None:
    """Raise SelectionError for an id that is empty or stands twice; `name` is what the source calls ids."""
    if len(set(ids)) == len(ids) and "" not in ids:
        return
    seen: set[str] = set()
    for row, one in enumerate(ids, start=1):
        if not one:
            raise SelectionError(f"{source}: row {row} has no {name}; give each item one")
        if one in seen:
            raise SelectionError(f"{source}: item {one} is listed twice; give each item once")
        seen.add(one)


def unit_rows(rows: NDArray[np.floating], ids: Sequence[str], source: Path) -> Floats:
    """The rows (n, d) at unit length, float32; those of unit length stay as they are.

    Raises SelectionError, naming the id, for a row that holds NaN or infinity, or nothing but zeros.
    """
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        what = "is all zeros" if lengths[wrong[0]] == 0 else "holds NaN, infinity or nothing"
        raise SelectionError(f"{source}: the embedding of {ids[wrong[0]]} {what}; leave that item out, or embed again")
    lengths[np.abs(lengths - 1) <= UNIT_TOLERANCE] = 1
    scaled: Floats = (wide / lengths[:, None]).astype(np.float32)
    return scaled


class RowStore:
    """Gathers rows, float32 (n, d): in memory, and beyond IN_MEMORY_BYTES in a temporary file that no one else sees.

    For a `with`, which closes the file; an array that was mapped from it stays. `dimensions` is d
    as long as there is no row.
    """

    def __init__(self, dimensions: int = 0) -> None:
        self.dimensions = dimensions
        self._rows: list[Floats] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> RowStore:
        return self

    def __exit__(self, *of_the_error: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, rows: Floats) -> None:
        """Put rows behind those that are there. Raises StorageError where the disk is full."""
        self.dimensions = rows.shape[1]
        self._bytes += rows.nbytes
        self._rows.append(rows)
        if self._bytes > IN_MEMORY_BYTES:
            self._spill()

    def array(self) -> Floats:
        """All rows, (n, d); those in a file are read-only."""
        if self._file is None:
            return np.concatenate([np.zeros((0, self.dimensions), np.float32), *self._rows])
        mapped: Floats = np.memmap(self._file, np.float32, "r").reshape(-1, self.dimensions)
        return mapped

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="ceruleanml-embeddings-")  # noqa: SIM115 # see __exit__
            for rows in self._rows:
                self._file.write(np.ascontiguousarray(rows).data)
            self._file.flush()
        except OSError as error:
            raise storage_error(tempfile.gettempdir(), error) from error
        self._rows = []
