"""Slicks as GeoJSON: outlines in longitude and latitude with what was measured of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.inference.ground import Ground
from ceruleanml.inference.slicks import Slick
from ceruleanml.labels.geometry import precise

if TYPE_CHECKING:
    from shapely import Geometry, MultiPolygon


def features_of(
    slicks: Sequence[Slick], classes: Sequence[str], ground: Ground, min_area_km2: float = 0.0
) -> list[dict[str, Any]]:
    """A GeoJSON feature for each slick of at least that area, valid MultiPolygons of 7 digits.

    Properties: `class`, `inf_idx`, `machine_confidence`, `mean_conf`, `median_conf`, `max_conf` (0 to 1), and of the
    ground `area_km2` (on the ellipsoid), `length_km` and `orientation_degrees` (of the smallest rectangle around it,
    0 to 180 clockwise from north). In pixels of an image without georeference those three are None and `area_px` says
    the size, so that no one takes a guessed pixel size for a measurement.
    """
    features = []
    for slick in slicks:
        geometry = precise(slick.geometry)
        if geometry.is_empty:
            continue
        measures = measures_of(geometry, ground)
        area_km2 = measures["area_km2"]
        if area_km2 is not None and area_km2 < min_area_km2:
            continue
        confidences = {name: round(getattr(slick, name), 6) for name in CONFIDENCES}
        properties = {"class": classes[slick.class_id], "inf_idx": slick.class_id, **confidences, **measures}
        features.append({"type": "Feature", "properties": properties, "geometry": _geometry(geometry)})
    return features


CONFIDENCES = ("machine_confidence", "mean_conf", "median_conf", "max_conf")


def measures_of(geometry: MultiPolygon, ground: Ground) -> dict[str, float | None]:
    """Area, length and orientation of an outline, see `features_of`."""
    if ground.pixel_m is not None:
        return {"area_km2": None, "length_km": None, "orientation_degrees": None, "area_px": round(geometry.area, 3)}
    (flat,), zone = ground.in_metres([geometry])
    length, along = _longest_side(flat)
    first, second = (ground.back(_point(end), zone) for end in along)
    turn = _azimuth((first.x, first.y), (second.x, second.y))
    return {
        "area_km2": round(geodesic_area_m2(geometry) / 1e6, 6),
        "length_km": round(length / 1e3, 4),
        "orientation_degrees": round(turn % 180, 2) % 180,
    }


def geodesic_area_m2(geometry: Geometry) -> float:
    """The area of polygons in degrees on the WGS 84 ellipsoid, in square metres."""
    from pyproj import Geod

    return float(abs(Geod(ellps="WGS84").geometry_area_perimeter(geometry)[0]))


def _longest_side(flat: Geometry) -> tuple[float, tuple[Any, Any]]:
    """The longer side of the smallest rectangle around a shape: its length and ends."""
    box = np.asarray(flat.minimum_rotated_rectangle.exterior.coords)
    sides = np.hypot(*np.diff(box, axis=0).T)[:2]
    longer = int(np.argmax(sides))
    return float(sides[longer]), (box[longer], box[longer + 1])


def _point(xy: Any) -> Geometry:
    from shapely import Point

    return Point(xy)


def _azimuth(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Degrees clockwise from north, from the first longitude and latitude towards the second."""
    from pyproj import Geod

    return float(Geod(ellps="WGS84").inv(*first, *second)[0])


def _geometry(geometry: MultiPolygon) -> dict[str, Any]:
    coordinates = [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in geometry.geoms]
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _ring(ring: Any) -> list[list[float]]:
    return [[round(value, 7) + 0.0 for value in position] for position in ring.coords]  # + 0.0: no -0.0
