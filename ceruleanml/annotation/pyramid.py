"""An image as a pyramid of tiles, made from rows that come from above, a strip of each level in memory at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

TILE_PX = 512
PERCENTILES = (0.5, 99.5)
"""Of the valid pixels, those that are shown black and white at first."""
COUNTED_PIXELS = 1 << 20
"""Pixels counted at once, since counting widens each to 8 bytes."""

Gray = NDArray[Any]
Rows = Callable[[int, int], Gray]
"""Gives the image's rows start..stop (exclusive), uint8 or uint16 (rows, columns)."""
Put = Callable[[int, int, int, Gray], None]
"""Takes the tile of a level, row and column."""


def level_sizes(height_width: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of each level: the image's own, then half of it, rounded up, until one tile holds it."""
    sizes = [height_width]
    while max(sizes[-1]) > TILE_PX:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def write_pyramid(rows: Rows, height_width: tuple[int, int], nodata: int | None, put: Put) -> NDArray[np.int64]:
    """Give `put` every tile of every level, and return how often each valid value is there at full size (2^bits).

    `rows` is asked from above, once for each row. A coarser pixel is the mean of the valid ones among its four,
    rounded; it is nodata (0) where none is valid. Without `nodata` all are.
    """
    return _Pyramid(rows, level_sizes(height_width), nodata, put).write()


def stretch_of(counts: NDArray[np.int64]) -> tuple[int, int]:
    """The values at PERCENTILES of what was counted, the second above the first; the whole range where nothing was."""
    total = int(counts.sum())
    if total == 0:
        return 0, len(counts) - 1
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, share / 100 * total)) for share in PERCENTILES)
    return (low, high) if low < high else (max(0, low - 1), max(1, low))


def halved(pixels: Gray, nodata: int | None) -> Gray:
    """Each 2 x 2 pixels as one, the mean of the valid ones; at odd edges of those that are there."""
    height, width = pixels.shape
    even = np.pad(pixels, ((0, height % 2), (0, width % 2)))
    corners = [even[row::2, col::2] for row in (0, 1) for col in (0, 1)]
    sums = np.zeros(corners[0].shape, dtype=np.uint32)
    counts = np.zeros(sums.shape, dtype=np.uint32)
    for corner in corners:
        sums += corner
        counts += corner != 0
    if nodata is None:
        counts[:] = 4
        counts[:, width // 2 :] = 2
        counts[height // 2 :] //= 2
    np.maximum(counts, 1, out=counts)
    return np.asarray((2 * sums + counts) // (2 * counts)).astype(pixels.dtype)


class _Pyramid:
    def __init__(self, rows: Rows, sizes: list[tuple[int, int]], nodata: int | None, put: Put) -> None:
        self._rows, self._sizes, self._nodata, self._put = rows, sizes, nodata, put
        self._counts = np.zeros(0, dtype=np.int64)

    def write(self) -> NDArray[np.int64]:
        self._strip(len(self._sizes) - 1, 0)
        return self._counts

    def _strip(self, level: int, row: int) -> Gray:
        """A row of tiles, put. Its pixels come from the two rows of the next finer level, which are put first."""
        if level == 0:
            pixels = self._rows(row * TILE_PX, min((row + 1) * TILE_PX, self._sizes[0][0]))
            self._count(pixels)
        else:
            finer = [two for two in (2 * row, 2 * row + 1) if two * TILE_PX < self._sizes[level - 1][0]]
            pixels = np.concatenate([halved(self._strip(level - 1, one), self._nodata) for one in finer])
        for col, left in enumerate(range(0, pixels.shape[1], TILE_PX)):
            self._put(level, row, col, pixels[:, left : left + TILE_PX])
        return pixels

    def _count(self, pixels: Gray) -> None:
        values = 1 << 8 * pixels.itemsize
        if not len(self._counts):
            self._counts = np.zeros(values, dtype=np.int64)
        step = max(1, COUNTED_PIXELS // pixels.shape[1])
        for start in range(0, len(pixels), step):
            self._counts += np.bincount(pixels[start : start + step].ravel(), minlength=values)
        if self._nodata is not None:
            self._counts[self._nodata] = 0
