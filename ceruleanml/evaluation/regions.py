"""In which region a scene lies: a cell of 10 degrees, or a named area of the user's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ceruleanml.datasets.folder import Dataset
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.storage import read_json

CELL_DEGREES = 10
NOWHERE, ELSEWHERE = "unplaced", "elsewhere"

NamedAreas = Sequence[tuple[str, Any]]


def read_regions(path: Path) -> NamedAreas:
    """The names and shapes of a GeoJSON's polygons, in their order. Raises UsageError for anything else."""
    from shapely.errors import ShapelyError
    from shapely.geometry import shape

    try:
        content = read_json(path)
        areas = [(str(one["properties"]["name"]), shape(one["geometry"])) for one in content["features"]]
    except StorageError as error:
        raise UsageError(f"--regions {error}; give a GeoJSON of polygons") from error
    except (KeyError, TypeError, ValueError, AttributeError, ShapelyError) as error:
        raise UsageError(f"--regions {path}: is no GeoJSON of polygons that each have a name") from error
    if not areas or any(area.geom_type not in ("Polygon", "MultiPolygon") for _, area in areas):
        raise UsageError(f"--regions {path}: must hold polygons, each with a name among its properties")
    return areas


def region_of(scene: dict[str, Any], areas: NamedAreas | None = None) -> str:
    """The region of a scene of the manifest, by the middle of its footprint.

    Without `areas` a cell of CELL_DEGREES, named by its southern and western edge; NOWHERE without position.
    """
    footprint = scene.get("footprint")
    if not footprint:
        return NOWHERE
    lon, lat = _middle(footprint)
    if areas is None:
        south, west = (math.floor(value / CELL_DEGREES) * CELL_DEGREES for value in (lat, lon))
        return f"{abs(south):02d}{'S' if south < 0 else 'N'} {abs(west):03d}{'W' if west < 0 else 'E'}"
    from shapely.geometry import Point

    return next((name for name, area in areas if area.covers(Point(lon, lat))), ELSEWHERE)


def regions_of(dataset: Dataset, scene_ids: Sequence[str], path: Path | None) -> list[str]:
    """The region of each scene."""
    areas = None if path is None else read_regions(path)
    return [region_of(dataset.scene(scene_id), areas) for scene_id in scene_ids]


def _middle(footprint: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The middle of the corners; a footprint across the date line is put together first."""
    first = footprint[0][0]
    lons = [lon + 360 * round((first - lon) / 360) for lon, _ in footprint]
    lon = (min(lons) + max(lons)) / 2
    lats = [lat for _, lat in footprint]
    return (lon + 180) % 360 - 180, (min(lats) + max(lats)) / 2
