"""Outlines of masks: along their pixels' edges, then laid on the ground where that is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.errors import LabelError
from ceruleanml.labels.geometry import only_polygons
from ceruleanml.labels.instances import Mask

if TYPE_CHECKING:
    from shapely import Geometry, MultiPolygon

Floats = NDArray[np.float64]
ToGround = Callable[[Floats], Floats]
STEP_PX = 16.0
"""So long may a straight edge be before it is bent with the ground: maps bend by less than 0.001 pixels over it."""
DIGITS = 9
"""Digits of coordinates in the store: outlines on pixel edges stay on them, and pieces cut by tiles fit together."""


def mask_outline(row: int, col: int, mask: Mask) -> MultiPolygon:
    """The outline of a mask whose first pixel is (row, col), in (column, row), along the edges of its pixels."""
    import shapely
    from rasterio.features import shapes
    from shapely.geometry import shape

    place = Affine.translation(col, row)
    found = shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=place)
    return shapely.MultiPolygon([shape(geometry) for geometry, _ in found])


def rings_outline(rings: Any, where: str) -> MultiPolygon:
    """The outline of COCO's polygons, lists of x, y, x, y, …, as one shape. Raises LabelError."""
    import shapely

    if not isinstance(rings, list) or not rings:
        raise LabelError(f"{where}: has no polygon and no run lengths; leave it out or draw it again")
    parts = []
    for ring in rings:
        good = isinstance(ring, list) and len(ring) >= 6 and len(ring) % 2 == 0
        if not good or not all(type(value) in (int, float) and abs(value) < 1 << 24 for value in ring):
            raise LabelError(f"{where}: a polygon of COCO is a list of x, y of 3 or more corners; draw it again")
        parts.append(shapely.make_valid(shapely.Polygon(np.array(ring, np.float64).reshape(-1, 2))))
    return only_polygons(shapely.union_all(parts))


def on_ground(outline: MultiPolygon, to_ground: ToGround | None, affine: bool) -> MultiPolygon:
    """An outline of (column, row) in longitude and latitude; as it is where that is not known.

    Where the map is not `affine`, long edges get corners on their way.
    """
    import shapely

    if to_ground is None:
        return outline
    bent = outline if affine else only_polygons(shapely.segmentize(outline, STEP_PX))  # GEOS unpacks a single part
    placed = shapely.transform(bent, to_ground)
    return placed if placed.is_valid else only_polygons(shapely.make_valid(placed))


def joined(pieces: list[MultiPolygon]) -> MultiPolygon:
    """The pieces of one slick as one shape."""
    import shapely

    if len(pieces) == 1:
        return pieces[0]
    rounded: list[Geometry] = [shapely.set_precision(piece, 10.0**-DIGITS) for piece in pieces]
    return only_polygons(shapely.union_all(rounded, grid_size=10.0**-DIGITS))


def geometry_json(outline: MultiPolygon) -> dict[str, Any]:
    """The GeoJSON MultiPolygon of an outline, in coordinates of DIGITS digits.

    Parts and holes that are nothing at these digits are left out, so that what is written can be read again.
    """
    parts = [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in outline.geoms]
    kept = [[ring for ring in rings if _is_area(ring)] for rings in parts if _is_area(rings[0])]
    return {"type": "MultiPolygon", "coordinates": kept}


def _ring(ring: Any) -> list[list[float]]:
    return [[round(x, DIGITS) + 0.0, round(y, DIGITS) + 0.0] for x, y, *_ in ring.coords]  # + 0.0: no -0.0


def _is_area(ring: list[list[float]]) -> bool:
    return len({(x, y) for x, y in ring}) >= 3
