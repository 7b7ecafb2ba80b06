"""Parquet files, opened so that a process that read one comes to a clean end."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_parquet(path: Path) -> Any:
    """The file as pyarrow's ParquetFile, to be closed by a `with`.

    Python only tries whether the file can be read, and raises the OSError that says why not; Arrow then reads it by its
    path. Arrow's threads may still clean up when the process ends: one that held a file of Python's would want the
    interpreter back, and abort (github.com/apache/arrow/issues/34314). Raises pyarrow.ArrowException for no Parquet.
    """
    from pyarrow.parquet import ParquetFile

    with path.open("rb"):
        return ParquetFile(str(path), buffer_size=1 << 20)
