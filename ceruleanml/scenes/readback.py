"""Reading a raster back after writing it: GDAL does not always tell of a full disk."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from numpy.typing import NDArray


def checksum(strip: NDArray[Any], before: int = 0) -> int:
    """The CRC-32 of all strips so far, `strip` (bands, rows, columns) the last."""
    return zlib.crc32(strip.data, before)


def check_read_back(path: Path, written: int, strip_rows: int) -> None:
    """Raise OSError where the file does not hold the strips whose checksum is `written`, each of so many rows."""
    import rasterio

    found = 0
    with rasterio.open(path) as file:
        for start in range(0, file.height, strip_rows):
            stop = min(start + strip_rows, file.height)
            found = checksum(file.read(window=((start, stop), (0, file.width))), found)
    if found != written:
        raise OSError("what was written cannot be read back")
