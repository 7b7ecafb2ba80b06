"""A scene laid on its grid from above, with only those rows of the image in memory that a strip of the grid needs.

`scenes.prepared` holds the whole image, a byte a pixel; here pixels may have 16 bits, and a full product would take
0.9 GB. The pixels are the same.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.georeference import Georeference
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.scene import NODATA, Scene
from ceruleanml.scenes.warp import block_factor, warp

STRIP_ROWS = 512
SAMPLE_PX = 64
"""Where a strip's pixels come from is looked up at every so-manieth one."""
MARGIN_ROWS = 8
"""Rows beyond those: between samples so close the way to the image bends by far less."""
READ_PIXELS = 1 << 23


class Reader(Protocol):
    """Gives an image's pixels of some whole-number type, see `scenes.scene.PixelReader`."""

    def rows(self, start: int, stop: int, factor: int = 1) -> NDArray[Any]:
        """Rows start..stop (exclusive), averaged in blocks with a factor above 1."""


class GridStrips:
    """The pixels of a scene on a grid, read by `reader`, of the type `dtype`; strips are best asked from above."""

    def __init__(self, scene: Scene, grid: Grid, reader: Reader, dtype: Any) -> None:
        self._grid, self._reader, self._dtype = grid, reader, np.dtype(dtype)
        self._georeference: Georeference | None = None
        if scene.georeference is None:
            return
        factor = block_factor(scene, grid)
        size = scene.height_width[0] // factor, scene.height_width[1] // factor
        self._georeference = scene.georeference.scaled(1 / factor, 1 / factor)
        self._framed = _FramedRows(reader, size, factor, self._dtype)
        tallest = 0
        for start in range(0, grid.height_width[0], STRIP_ROWS):
            first, last = self._needed(start, min(start + STRIP_ROWS, grid.height_width[0]))
            tallest = max(tallest, last - first)
        self._framed.reserve(tallest)

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Grid rows start..stop (exclusive), at most STRIP_ROWS of them: (rows, columns)."""
        if self._georeference is None:
            return self._reader.rows(start, stop)
        first, last = self._needed(start, stop)
        window = Window(start, 0, stop - start, self._grid.height_width[1])
        if last - first < 2:
            return np.full((window.height, window.width), NODATA, dtype=self._dtype)
        crop: Any = self._framed.crop(first, last)
        return warp(crop, self._georeference, self._grid, window, (first, 0))

    def _needed(self, start: int, stop: int) -> tuple[int, int]:
        """The rows of the framed image that grid rows start..stop take their pixels from."""
        if self._georeference is None:
            return 0, 0
        rows = 2 + (stop - start) // SAMPLE_PX
        cols = 2 + self._grid.height_width[1] // SAMPLE_PX
        latitudes = _sampled(self._grid.latitudes(start, stop), rows)
        longitudes = _sampled(self._grid.longitudes, cols)
        found, _ = self._georeference.source_row_col(longitudes, latitudes)
        first = math.floor(found.min()) - MARGIN_ROWS
        last = math.ceil(found.max()) + MARGIN_ROWS + 2
        return min(max(0, first), self._framed.height), max(0, min(last, self._framed.height))


def _sampled(axis: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """So many values from an axis's first to its last, evenly spaced."""
    return np.linspace(float(axis[0]), float(axis[-1]), count)


class _FramedRows:
    """Rows of an image in a border of nodata one pixel wide; those that two crops share are read once."""

    def __init__(self, reader: Reader, size: tuple[int, int], factor: int, dtype: np.dtype[Any]) -> None:
        self._reader, self._size, self._factor = reader, size, factor
        self.height = size[0] + 2
        self._buffer = np.zeros((0, size[1] + 2), dtype=dtype)
        self._first = self._last = 0

    def reserve(self, rows: int) -> None:
        """Make room for crops of so many rows."""
        self._buffer = np.zeros((max(rows, len(self._buffer)), self._size[1] + 2), dtype=self._buffer.dtype)
        self._first = self._last = 0

    def crop(self, first: int, last: int) -> NDArray[Any]:
        """Framed rows first..last (exclusive), a view that the next crop overwrites."""
        if last - first > len(self._buffer):
            self.reserve(last - first)
        begin, end = max(first, self._first), min(last, self._last)
        if begin < end:
            self._move(begin - self._first, begin - first, end - begin)
        else:
            begin = end = first
        self._fill(first, begin, first)
        self._fill(end, last, first)
        self._first, self._last = first, last
        return self._buffer[: last - first]

    def _move(self, source: int, target: int, count: int) -> None:
        """Move rows within the buffer, a part at a time that does not overlap its target."""
        shift = abs(source - target)
        parts = range(0, count, shift) if shift else range(0)
        for start in parts if source > target else reversed(parts):
            stop = min(start + shift, count)
            self._buffer[target + start : target + stop] = self._buffer[source + start : source + stop]

    def _fill(self, first: int, last: int, origin: int) -> None:
        """Read framed rows first..last into the buffer, whose first row is `origin`."""
        if first >= last:
            return
        self._buffer[first - origin : last - origin] = NODATA
        height, width = self._size
        step = max(1, READ_PIXELS // max(1, width * self._factor))
        for row in range(max(first - 1, 0), min(last - 1, height), step):
            stop = min(row + step, last - 1, height)
            pixels = self._reader.rows(row * self._factor, stop * self._factor, self._factor)
            self._buffer[row + 1 - origin : stop + 1 - origin, 1:-1] = pixels
