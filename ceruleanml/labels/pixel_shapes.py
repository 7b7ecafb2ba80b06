"""Outlines that were drawn in the pixels of a scene's image, as masks of that image."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine

from ceruleanml.labels.instances import GroundShape, ImageMask
from ceruleanml.scenes.grid import Window


def image_mask(shape: GroundShape, height_width: tuple[int, int]) -> ImageMask | None:
    """The pixels whose centres lie in a shape of (column, row), of an image of that (height, width).

    Where there are none, the pixels that it touches; None for a shape outside of the image.
    """
    from rasterio.features import rasterize

    left, top, right, bottom = shape.geometry.bounds
    around = Window(math.floor(top), math.floor(left), math.ceil(bottom - math.floor(top)) + 1,
                    math.ceil(right - math.floor(left)) + 1)  # fmt: skip
    window = around.intersection(Window(0, 0, *height_width))
    if window is None:
        return None
    place = Affine.translation(window.col, window.row)
    size = (window.height, window.width)
    for all_touched in (False, True):
        burnt = rasterize(
            [(shape.geometry, 1)], out_shape=size, transform=place, all_touched=all_touched, dtype="uint8"
        ).view(np.bool_)
        if burnt.any():
            return ImageMask(shape.slick_id, shape.class_id, window.row, window.col, burnt, shape.source)
    return None
