"""Laying a scene's pixels on a grid, exactly: nearest neighbour through the georeference's own map.

Equal to GDAL's warper with nearest neighbour and tolerance 0. Where the grid is at least twice as coarse as the
image, the image is first averaged in whole blocks (as overviews are), so that speckle is averaged and not sampled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.georeference import Floats, Georeference
from ceruleanml.scenes.grid import Grid, Window, source_resolution_m
from ceruleanml.scenes.scene import NODATA, Scene

Bytes = NDArray[np.uint8]
CHUNK_PIXELS = 1 << 17
"""Grid pixels warped at once, so that their coordinates stay in the processor's cache."""
READ_PIXELS = 1 << 24
"""Image pixels read at once."""
NEARLY_WHOLE = 0.05
"""A grid pixel of 1.95 image pixels or more counts as two: nominal resolutions are a few percent off."""
GDAL_ROUNDING = 1e-10
"""GDAL adds this to a source coordinate before it takes the floor (gdalwarpkernel.cpp, GWKNearestThread)."""


def block_factor(scene: Scene, grid: Grid) -> int:
    """How many image pixels, each way, one grid pixel spans in whole numbers; 1 where they are alike or finer."""
    if scene.georeference is None or grid.metres_per_pixel is None:
        return 1
    ratio = min(grid.metres_per_pixel) / source_resolution_m(scene.georeference, scene.height_width)
    return max(1, int(ratio + NEARLY_WHOLE))


def framed_pixels(scene: Scene, factor: int = 1) -> Bytes:
    """The scene's pixels in a border of nodata one pixel wide: uint8 (rows / factor + 2, columns / factor + 2).

    With a factor above 1 pixels are block means (see `PixelReader.rows`); rows and columns that fill no whole block at
    the far edges are left out.
    """
    height, width = (length // factor for length in scene.height_width)
    framed = np.full((height + 2, width + 2), NODATA, dtype=np.uint8)
    step = max(1, READ_PIXELS // (scene.height_width[1] * factor))
    for row in range(0, height, step):
        stop = min(row + step, height)
        framed[row + 1 : stop + 1, 1:-1] = scene.reader.rows(row * factor, stop * factor, factor)
    return framed


def warp(
    framed: Bytes, georeference: Georeference, grid: Grid, window: Window, origin_row_col: tuple[int, int] = (0, 0)
) -> Bytes:
    """The pixels of a window inside the grid, as `framed.dtype` (height, width).

    `framed` holds the image in a border one pixel wide, to which every place outside the image is sent. Where it is
    a crop, `origin_row_col` is the image's row and column of its first pixel inside the border.
    """
    out = np.empty((window.height, window.width), dtype=framed.dtype)
    pixels = framed.ravel()
    longitudes = grid.longitudes[window.col : window.col + window.width]
    step = max(1, CHUNK_PIXELS // window.width)
    for row in range(0, window.height, step):
        stop = min(row + step, window.height)
        latitudes = grid.latitudes(window.row + row, window.row + stop)
        rows, cols = georeference.source_row_col(longitudes, latitudes)
        index = _in_frame(rows, origin_row_col[0], framed.shape[0]) * framed.shape[1]
        index += _in_frame(cols, origin_row_col[1], framed.shape[1])
        np.take(pixels, index, out=out[row:stop], mode="clip")
    return out


def _in_frame(positions: Floats, origin: int, length: int) -> NDArray[np.int64]:
    """Indices into a framed axis; positions outside the image become those of its border. Overwrites its input."""
    positions += 1 - origin + GDAL_ROUNDING
    np.clip(positions, 0, length - 1, out=positions)
    return positions.astype(np.int64)
