"""GeoJSON labels: one RFC 7946 FeatureCollection a scene, a feature an instance, in longitude and latitude.

Properties of a feature: `class`, `slick_id`, `annotator`, `source` (drawn, accepted, edited), `started`, `finished`,
`model` (whose pre-label it was). Members of the collection: `scene_id`, and `complete`: whether every slick is in it.
For a scene without georeference `pixels` is true and positions are (column, row) of its image, from its outer corner.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.errors import ClassTableError, LabelError, StorageError
from ceruleanml.labels.geometry import DIGITS, polygons_of, precise
from ceruleanml.labels.instances import GroundShape
from ceruleanml.storage import read_json, write_json

PROPERTIES = ("annotator", "source", "started", "finished", "model")
SOURCES = ("drawn", "accepted", "edited")
LON_LAT_CRS = ("CRS84", "EPSG::4326", "EPSG:4326")
"""How the names of the one coordinate system that GeoJSON may have end in old files."""


@dataclass(frozen=True)
class LabelFile:
    """What a label file says: its instances, whether it calls itself complete (None: no word of it), and notes.

    `pixels` says that the geometries are (column, row) of the scene's image, not longitude and latitude.
    """

    shapes: tuple[GroundShape, ...]
    complete: bool | None
    notes: tuple[str, ...]
    pixels: bool = False


def read_geojson(path: Path, classes: ClassTable, scene_id: str) -> list[GroundShape]:
    """The instances of a label file. Raises LabelError naming the file, the feature and the mend."""
    return list(read_label_file(path, classes, scene_id).shapes)


def read_label_file(path: Path, classes: ClassTable, scene_id: str) -> LabelFile:
    """A label file, checked: polygons that cross themselves are repaired and noted, all else raises LabelError.

    Instances without a `slick_id` of their own get "<scene_id>/<id of the feature, or its place counted from 1>".
    """
    try:
        content = read_json(path)
    except StorageError as error:
        raise LabelError(str(error)) from error
    return labels_in(content, classes, scene_id, str(path))


def labels_in(content: Any, classes: ClassTable, scene_id: str, source: str) -> LabelFile:
    """What the content of a label file says, checked as `read_label_file` does; `source` begins every error."""
    collection = _checked(content, scene_id, source)
    pixels = bool(collection.get("pixels"))
    shapes, notes = [], []
    for place, feature in enumerate(collection["features"], start=1):
        where = f"{source}: feature {place}"
        shape, repaired = _shape(feature, where, source, classes, f"{scene_id}/{place}", scene_id, pixels)
        shapes.append(shape)
        if repaired:
            notes.append(f"{where} ({shape.slick_id}) crossed itself and was repaired")
    _check_unique(shapes, source)
    return LabelFile(tuple(shapes), collection.get("complete"), tuple(notes), pixels)


def write_geojson(
    path: Path, shapes: Iterable[GroundShape], classes: ClassTable, scene_id: str, complete: bool = True
) -> None:
    """Write a scene's label file, whole or not at all, with coordinates of 7 digits (about a centimetre).

    Raises LabelError for a shape that vanishes at that precision, StorageError where it cannot be written.
    """
    shapes = list(shapes)
    _check_unique(shapes, path)
    features = [_feature(shape, classes, path) for shape in shapes]
    write_json(path, {"type": "FeatureCollection", "scene_id": scene_id, "complete": complete, "features": features})


def _feature(shape: GroundShape, classes: ClassTable, path: Path) -> dict[str, Any]:
    geometry = precise(shape.geometry)
    if geometry.is_empty:
        raise LabelError(f"{path}: {shape.slick_id} is smaller than {DIGITS} digits of a degree; leave it out")
    known = {"source": "drawn", **{key: shape.properties[key] for key in PROPERTIES if key in shape.properties}}
    properties = {**dict.fromkeys(PROPERTIES), **known}
    properties |= {"class": classes[shape.class_id].name, "slick_id": shape.slick_id}
    coordinates = [[_ring(ring) for ring in (part.exterior, *part.interiors)] for part in geometry.geoms]
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "MultiPolygon", "coordinates": coordinates},
    }


def _ring(ring: Any) -> list[list[float]]:
    return [[round(value, DIGITS) + 0.0 for value in position] for position in ring.coords]  # + 0.0: no -0.0


def _checked(content: Any, scene_id: str, path: str) -> dict[str, Any]:
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise LabelError(f"{path}: is not a GeoJSON FeatureCollection; labels are one, with a feature for each slick")
    if not isinstance(content.get("features"), list):
        raise LabelError(f"{path}: its features must be a list")
    if content.get("scene_id") not in (None, scene_id):
        raise LabelError(f"{path}: labels scene {content['scene_id']}, not {scene_id}; name the file after its scene")
    if not isinstance(content.get("complete"), (bool, type(None))):
        raise LabelError(f"{path}: complete must be true or false, got {content['complete']!r:.40}")
    if not isinstance(content.get("pixels"), (bool, type(None))):
        raise LabelError(f"{path}: pixels must be true or false, got {content['pixels']!r:.40}")
    crs = content.get("crs")
    if crs is not None and not _is_lon_lat(crs):
        raise LabelError(f"{path}: is in {_name_of(crs)}; GeoJSON labels are in longitude and latitude (EPSG:4326)")
    return content


def _is_lon_lat(crs: Any) -> bool:
    return _name_of(crs).upper().endswith(LON_LAT_CRS)


def _name_of(crs: Any) -> str:
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) else json.dumps(crs)


def _shape(
    feature: Any, where: str, source: str, classes: ClassTable, default_id: str, scene_id: str, pixels: bool
) -> tuple[GroundShape, bool]:
    """The instance of a feature, and whether its geometry had to be repaired."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise LabelError(f"{where} is not a GeoJSON Feature")
    properties = feature.get("properties")
    if not isinstance(properties, dict):
        raise LabelError(f"{where} has no properties; it needs at least a class")
    geometry, repaired = polygons_of(feature.get("geometry"), where, pixels)
    own_id = properties.get("slick_id")
    if own_id is None:
        own_id = default_id if feature.get("id") is None else f"{scene_id}/{feature['id']}"
    if not isinstance(own_id, str) or not own_id:
        raise LabelError(f"{where}: slick_id must be text, got {own_id!r}")
    class_id = _class_id(properties, where, classes)
    return GroundShape(own_id, class_id, geometry, source, _known(properties, where)), repaired


def _class_id(properties: dict[str, Any], where: str, classes: ClassTable) -> int:
    name = properties.get("class")
    if name is None:
        raise LabelError(f"{where} has no class; give one of {', '.join(classes.slick_names)}")
    try:
        class_id = classes.id_of(name)
    except ClassTableError as error:
        raise LabelError(f"{where}: {error}") from error
    if class_id == 0:
        raise LabelError(f"{where}: class {name} is no slick; give one of {', '.join(classes.slick_names)}")
    return class_id


def _known(properties: dict[str, Any], where: str) -> dict[str, Any]:
    """The properties of the contract that are there."""
    if properties.get("source") not in (None, *SOURCES):
        raise LabelError(f"{where}: source must be one of {', '.join(SOURCES)}, got {properties['source']!r}")
    return {key: properties[key] for key in PROPERTIES if properties.get(key) is not None}


def _check_unique(shapes: list[GroundShape], path: Path | str) -> None:
    seen: set[str] = set()
    for shape in shapes:
        if shape.slick_id in seen:
            raise LabelError(f"{path}: slick_id {shape.slick_id} stands twice; each slick needs its own")
        seen.add(shape.slick_id)
