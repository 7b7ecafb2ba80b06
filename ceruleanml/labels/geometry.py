"""Polygons in and out of GeoJSON: checking coordinates, repairing, and rounding without breaking."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.errors import LabelError

if TYPE_CHECKING:
    from shapely import Geometry, MultiPolygon, Polygon

DIGITS = 7
"""Digits after the point of written coordinates: about a centimetre on the ground."""
MAX_PIXEL = 1 << 24
"""No image has so many rows or columns."""


def polygons_of(geometry: Any, where: str, pixels: bool = False) -> tuple[MultiPolygon, bool]:
    """The polygons of a GeoJSON geometry, and whether they had to be repaired. `where` begins every error.

    Raises LabelError for anything but polygons, for rings that are short or not closed, and for coordinates that are
    no longitudes and latitudes, or with `pixels` no columns and rows of an image.
    """
    import shapely

    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise LabelError(f"{where} has no polygon but {kind or 'no geometry'}; draw it as Polygon or MultiPolygon")
    coordinates = geometry.get("coordinates")
    parts = [coordinates] if kind == "Polygon" else coordinates
    if not isinstance(parts, list) or not parts:
        raise LabelError(f"{where} has no polygon: its coordinates are empty; leave the feature out")
    drawn = shapely.MultiPolygon([_polygon(part, where, pixels) for part in parts])
    if drawn.is_valid:
        return drawn, False
    repaired = only_polygons(shapely.make_valid(drawn))
    if repaired.is_empty:
        raise LabelError(f"{where} has no polygon: its outline encloses no area; draw it again")
    return repaired, True


def only_polygons(geometry: Geometry) -> MultiPolygon:
    """The polygons among a geometry's parts; lines and points fall away."""
    import shapely

    parts = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.MultiPolygon(list(shapely.get_parts(parts)))


def precise(geometry: MultiPolygon) -> MultiPolygon:
    """The geometry with every coordinate on the lattice of DIGITS digits, valid.

    Outer rings run anticlockwise, and rings and parts stand in one fixed order.
    """
    import shapely
    from shapely.geometry.polygon import orient

    sound = geometry if geometry.is_valid else only_polygons(shapely.make_valid(geometry))
    snapped = only_polygons(shapely.set_precision(sound, 10.0**-DIGITS)).normalize()
    return shapely.MultiPolygon([orient(part, sign=1.0) for part in snapped.geoms])


def area_km2(geometry: Geometry) -> float:
    """The area of polygons in degrees on the WGS 84 ellipsoid, in square kilometres."""
    from pyproj import Geod
    from shapely.geometry.polygon import orient

    parts = [orient(part) for part in only_polygons(geometry).geoms]  # the sign of an area tells the way of its rings
    return round(sum(Geod(ellps="WGS84").geometry_area_perimeter(part)[0] for part in parts) / 1e6, 6)


def _polygon(rings: Any, where: str, pixels: bool) -> Polygon:
    import shapely

    if not isinstance(rings, list) or not rings:
        raise LabelError(f"{where} has a polygon without an outline; leave it out")
    outline, *holes = [_ring(ring, where, pixels) for ring in rings]
    return shapely.Polygon(outline, holes)


def _ring(ring: Any, where: str, pixels: bool) -> list[tuple[float, float]]:
    if not isinstance(ring, list) or len(ring) < 4:
        raise LabelError(f"{where} has a ring of fewer than 4 positions; a triangle is 4, the first one repeated")
    positions = [_position(position, where, pixels) for position in ring]
    if positions[0] != positions[-1]:
        raise LabelError(f"{where} has a ring that is not closed; repeat its first position at the end")
    longitudes = np.array(positions)[:, 0]
    if not pixels and np.abs(np.diff(longitudes)).max() > 180:
        raise LabelError(f"{where} has an edge across the antimeridian; cut it there (RFC 7946, 3.1.9)")
    if len(np.unique(positions, axis=0)) < 3:
        raise LabelError(f"{where} has a ring of fewer than 3 different positions; draw it again")
    return positions


def _position(position: Any, where: str, pixels: bool) -> tuple[float, float]:
    if not isinstance(position, list) or len(position) < 2 or not all(_is_number(value) for value in position):
        raise LabelError(f"{where} has a position {position!r:.60}; each is [longitude, latitude] in numbers")
    try:
        longitude, latitude = float(position[0]), float(position[1])
    except OverflowError:
        longitude = latitude = math.inf
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise LabelError(f"{where} has a coordinate that is not a number; longitudes and latitudes must be finite")
    if pixels:
        if max(abs(longitude), abs(latitude)) > MAX_PIXEL:
            raise LabelError(f"{where} has the position [{longitude:g}, {latitude:g}], which no image has a pixel at")
    elif abs(longitude) > 180 or abs(latitude) > 90:
        raise LabelError(
            f"{where} has the position [{longitude:g}, {latitude:g}]; give longitude (-180 to 180) and latitude "
            "(-90 to 90) in degrees, in that order"
        )
    return longitude, latitude


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
