"""What a label is, in the frame it was drawn in and on a scene's grid: one value an instance (one slick)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.grid import Window

if TYPE_CHECKING:
    from shapely import MultiPolygon

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ImageMask:
    """One instance in the scene image's pixels: `mask` (rows, columns) is its bounding box, first pixel `row`, `col`.

    It may have several parts and holes. `slick_id` is unique in a data set, `source` the file it came from.
    """

    slick_id: str
    class_id: int
    row: int
    col: int
    mask: Mask
    source: str


@dataclass(frozen=True)
class GroundShape:
    """One instance on the ground: `geometry` in longitude and latitude (EPSG:4326), holes and parts included.

    `properties` holds what else the label says: annotator, source (drawn, accepted, edited), started, finished, model.
    """

    slick_id: str
    class_id: int
    geometry: MultiPolygon
    source: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GridInstance:
    """One instance on a scene's grid: `mask` (rows, columns) fills `window`, its bounding box there."""

    slick_id: str
    class_id: int
    window: Window
    mask: Mask
    source: str


def bounding_box(mask: Mask) -> tuple[int, int, int, int] | None:
    """First row, first column, height and width of what is set in a mask (rows, columns); None where nothing is."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    row, height = int(rows[0]), int(rows[-1] - rows[0]) + 1
    cols = np.flatnonzero(mask[row : row + height].any(axis=0))
    return row, int(cols[0]), height, int(cols[-1] - cols[0]) + 1
