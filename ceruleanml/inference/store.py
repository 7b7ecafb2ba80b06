"""A scene's slick probabilities in a temporary file, written and read in strips, so that no scene is held in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import WriteError
from ceruleanml.storage import storage_error

Floats = NDArray[np.float32]
STRIP_ROWS = 128
LEVELS = 65535


class ProbabilityStore:
    """Rows of probabilities, (classes, rows, width), in the order in which they come; removed when the `with` ends.

    `exact` keeps float32, otherwise 16-bit steps of 1/65535 that take half of the disk: 2 bytes a pixel and class,
    0.9 GB a class for a full product. Where a valid pixel's classes all round to 0, the first becomes one step, since 0
    means that nothing was measured. Raises WriteError for a full disk.
    """

    def __init__(self, folder: Path, classes: int, width: int, exact: bool = False) -> None:
        self._shape = (classes, width)
        self._dtype: Any = np.dtype(np.float32 if exact else np.uint16)
        self._folder = folder
        self.height = 0
        try:
            self._file = tempfile.TemporaryFile(dir=folder, prefix=".probabilities.")  # noqa: SIM115
        except OSError as error:
            raise storage_error(folder, error) from error

    def __enter__(self) -> ProbabilityStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # on a full disk, closing tries once more what append has told of
            self._file.close()

    def append(self, probabilities: Floats, valid: NDArray[np.bool_]) -> None:
        """Add rows below; pixels that are not valid become 0."""
        rows = probabilities * valid
        if self._dtype == np.uint16:
            np.rint(rows * LEVELS, out=rows)
            rows[0][(rows.sum(axis=0) == 0) & valid] = 1
        try:
            self._file.write(np.ascontiguousarray(rows.transpose(1, 0, 2).astype(self._dtype)).data)
            self._file.flush()
        except OSError as error:
            raise WriteError(f"{self._folder}: probabilities cannot be kept there: {error.strerror}") from error
        self.height += rows.shape[1]

    def strips(self, rows: int = STRIP_ROWS) -> Iterator[Floats]:
        """The probabilities from above, float32 (classes, rows, width) at a time."""
        classes, width = self._shape
        row_bytes = classes * width * self._dtype.itemsize
        for start in range(0, self.height, rows):
            count = min(rows, self.height - start)
            self._file.seek(start * row_bytes)
            found = np.frombuffer(self._file.read(count * row_bytes), self._dtype).reshape(count, classes, width)
            strip = found.transpose(1, 0, 2).astype(np.float32)
            if self._dtype == np.uint16:
                strip /= LEVELS
            yield strip
