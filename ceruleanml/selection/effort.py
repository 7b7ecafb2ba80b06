"""What drawing outlines costs, for simulations: the vertices that an annotator would have to click."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TOLERANCE_PX = 1.0
"""How far a clicked outline may stray from the labelled one."""


def clicks_of(masks: Iterable[NDArray[np.bool_]]) -> float:
    """Clicks to draw the masks (rows, columns) of a tile, one for each vertex, and one to say that it is done.

    Vertices are those that the outline keeps when it is simplified to a pixel (Douglas and Peucker 1973), holes
    included.
    """
    return 1.0 + sum(_vertices(mask) for mask in masks)


def _vertices(mask: NDArray[np.bool_]) -> int:
    from rasterio.features import shapes
    from shapely.geometry import shape

    found = [shape(outline) for outline, _ in shapes(mask.astype(np.uint8), mask=mask)]
    rings = [ring for one in found for ring in (one.exterior, *one.interiors)]
    return sum(len(ring.simplify(TOLERANCE_PX).coords) - 1 for ring in rings)
