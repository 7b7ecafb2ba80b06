"""Burning labels onto a scene's grid: image masks through the scene's own warp, ground shapes by pixel centres.

A slick too thin for the grid to hit is not lost: where no pixel centre falls into it, every pixel that it touches
is set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import LabelError
from ceruleanml.labels.instances import GridInstance, GroundShape, ImageMask, Mask, bounding_box
from ceruleanml.labels.pixels import joined
from ceruleanml.scenes.georeference import Georeference
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.warp import warp

BLOCK = 256
"""Image pixels, each way, that are warped at once: long thin slicks leave most of their bounding box empty."""
Part = tuple[int, int, Mask]
"""First row, first column and mask (rows, columns) of a piece of an instance."""


def burn(instance: ImageMask | GroundShape, grid: Grid, georeference: Georeference | None) -> GridInstance | None:
    """The instance on the grid, cropped to its bounding box there; None where it lies outside the grid.

    `georeference` is that of the scene whose image an ImageMask belongs to; without it the grid is the image's own.
    Raises LabelError for a ground shape on a scene without georeference.
    """
    if isinstance(instance, GroundShape):
        parts = _burn_shape(instance, grid)
    elif grid.crs is None or georeference is None:
        parts = _inside(instance, grid)
    else:
        parts = _burn_mask(instance, grid, georeference)
    if not parts:
        return None
    top, left, mask = joined(parts)
    box = bounding_box(mask)
    if box is None:
        return None
    row, col, height, width = box
    window = Window(top + row, left + col, height, width)
    cropped = mask[row : row + height, col : col + width]
    return GridInstance(instance.slick_id, instance.class_id, window, cropped, instance.source)


def _inside(instance: ImageMask, grid: Grid) -> list[Part]:
    """The mask where the grid is the image's own pixels."""
    height, width = instance.mask.shape
    window = Window(instance.row, instance.col, height, width).intersection(Window(0, 0, *grid.height_width))
    if window is None:
        return []
    row, col = window.row - instance.row, window.col - instance.col
    return [(window.row, window.col, instance.mask[row : row + window.height, col : col + window.width])]


def _burn_mask(instance: ImageMask, grid: Grid, georeference: Georeference) -> list[Part]:
    """The mask through the scene's warp, block by block; each grid pixel takes the image pixel its centre falls in."""
    margin = _margin(instance, grid, georeference)
    parts = []
    for row, col, mask in _blocks(instance):
        outline = grid.row_col(georeference.lon_lat(_outline(row, col, mask)))
        window = _window(outline, grid, margin)
        if window is not None:
            framed = np.pad(mask, 1).view(np.uint8)
            burnt = warp(framed, georeference, grid, window, (row, col)).view(np.bool_)
            if burnt.any():
                parts.append((window.row, window.col, burnt))
    return parts or _touched(instance, grid, georeference)


def _touched(instance: ImageMask, grid: Grid, georeference: Georeference) -> list[Part]:
    """The grid pixels that centres of labelled image pixels fall in."""
    row_col = np.argwhere(instance.mask) + np.array([instance.row + 0.5, instance.col + 0.5])
    pixels = np.floor(grid.row_col(georeference.lon_lat(row_col))).astype(np.int64)
    pixels = pixels[((pixels >= 0) & (pixels < grid.height_width)).all(axis=1)]
    if not len(pixels):
        return []
    row, col = (int(first) for first in pixels.min(axis=0))
    mask = np.zeros(pixels.max(axis=0) - (row, col) + 1, dtype=np.bool_)
    mask[pixels[:, 0] - row, pixels[:, 1] - col] = True
    return [(row, col, mask)]


def _blocks(instance: ImageMask) -> Iterator[Part]:
    """The mask in pieces of at most BLOCK x BLOCK image pixels, each its own bounding box; empty ones left out."""
    height, width = instance.mask.shape
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            block = instance.mask[top : top + BLOCK, left : left + BLOCK]
            box = bounding_box(block)
            if box is not None:
                row, col, rows, cols = box
                inner = block[row : row + rows, col : col + cols]
                yield instance.row + top + row, instance.col + left + col, inner


def _outline(row: int, col: int, mask: Mask, points: int = 5) -> NDArray[np.float64]:
    """Image coordinates (n, 2) on a mask's outline, its corners among them."""
    t = np.linspace(0, 1, points)
    sides = np.concatenate(
        [np.stack(side, axis=1) for side in ((0 * t, t), (0 * t + 1, t), (t, 0 * t), (t, 0 * t + 1))]
    )
    return np.asarray(sides * mask.shape + (row, col))


def _margin(instance: ImageMask, grid: Grid, georeference: Georeference) -> int:
    """Grid pixels by which the warp may miss where an outline maps to: a georeference's two maps differ a little."""
    outline = _outline(instance.row, instance.col, instance.mask)
    lon_lat = georeference.lon_lat(outline)
    back = np.array([_image_row_col(georeference, *point) for point in lon_lat])
    spans = np.ptp(grid.row_col(lon_lat), axis=0).max() / np.ptp(outline, axis=0).min()
    return math.ceil(2 * float(np.abs(back - outline).max()) * float(spans)) + 2


def _image_row_col(georeference: Georeference, longitude: float, latitude: float) -> tuple[float, float]:
    rows, cols = georeference.source_row_col(np.array([longitude]), np.array([latitude]))
    return float(rows[0, 0]), float(cols[0, 0])


def _window(row_col: NDArray[np.float64], grid: Grid, margin: int) -> Window | None:
    """The pixels of the grid within `margin` of the box around coordinates (n, 2) on it, or None."""
    row, col = (int(first) for first in np.floor(row_col.min(axis=0)) - margin)
    bottom, right = (int(last) for last in np.ceil(row_col.max(axis=0)) + margin)
    return Window(row, col, bottom - row, right - col).intersection(Window(0, 0, *grid.height_width))


def _burn_shape(shape: GroundShape, grid: Grid) -> list[Part]:
    """The pixels whose centres lie in the shape; where there are none, those that it touches."""
    from rasterio.features import rasterize

    if grid.crs is None:
        raise LabelError(
            f"{shape.source}: {shape.slick_id} is in longitude and latitude but its scene has no georeference; "
            "name its companion file with --georeference"
        )
    west, south, east, north = shape.geometry.bounds
    window = _window(grid.row_col(np.array([[west, north], [east, south]])), grid, margin=1)
    if window is None:
        return []
    size, transform = (window.height, window.width), grid.window_transform(window)
    for all_touched in (False, True):
        burnt = rasterize(
            [(shape.geometry, 1)], out_shape=size, transform=transform, all_touched=all_touched, dtype="uint8"
        ).view(np.bool_)
        if burnt.any():
            return [(window.row, window.col, burnt)]
    return []
