"""Pre-labels: a model's outlines of a scene, as `ceruleanml predict` writes them, for the page to offer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError, StorageError
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.storage import read_json

SHA_DIGITS = 12
RECORD_NAME = "prediction.json"
Json = dict[str, Any]


def prediction_files(given: Sequence[str]) -> dict[str, Path]:
    """The file of predictions for each scene id, of folders and files. Raises LabelError.

    A folder's are its `<scene_id>.geojson`; a file is of the scene that it names, else that it is named after.
    """
    found: dict[str, Path] = {}
    for argument in given:
        for path in _files(Path(argument)):
            scene_id = _scene_of(path)
            if scene_id in found:
                raise LabelError(f"{path}: scene {scene_id} has predictions in {found[scene_id]} too; give one of them")
            found[scene_id] = path
    return found


def prelabels_of(path: Path, classes: ClassTable, scene_id: str, placed: bool) -> Json:
    """The collection of a scene's pre-labels, checked; each has a `slick_id` and the `model` it comes from.

    `placed` says whether the scene has a georeference: outlines are then in longitude and latitude, else in columns
    and rows. Raises LabelError naming the file and the feature.
    """
    content = _collection(path)
    in_pixels = "crs" in content and content["crs"] is None
    if in_pixels == placed:
        has = ("a georeference", "columns and rows") if placed else ("no georeference", "longitude and latitude")
        raise LabelError(f"{path}: is in {has[1]}, but scene {scene_id} has {has[0]}; predict it as it is prepared")
    if placed:
        read_label_file(path, classes, scene_id)
    model = model_name(content)
    features = [_feature(one, place, path, scene_id, model) for place, one in enumerate(content["features"], start=1)]
    for place, feature in enumerate(features, start=1):
        if feature["properties"].get("class") not in classes.slick_names:
            raise LabelError(f"{path}: feature {place} has no class of the class table; give --classes")
    outside = {} if placed else {"crs": None, "pixels": True}
    return {"type": "FeatureCollection", "scene_id": scene_id, "model": model, "features": features, **outside}


def model_name(content: Json) -> str | None:
    """Name and first digits of the sha256 of the model that made predictions; None where they do not say."""
    prediction = content.get("prediction")
    about = prediction.get("model") if isinstance(prediction, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("name"), str):
        return None
    digest = about.get("sha256")
    return f"{about['name']}@{digest[:SHA_DIGITS]}" if isinstance(digest, str) else str(about["name"])


def _feature(feature: Any, place: int, path: Path, scene_id: str, model: str | None) -> Json:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(properties, dict) or not isinstance(geometry, dict):
        raise LabelError(f"{path}: feature {place} has no properties or no geometry; predict the scene again")
    own = properties.get("slick_id") or f"{scene_id}/{model or 'model'}/{place}"
    return {
        "type": "Feature",
        "properties": {**properties, "slick_id": own, "model": properties.get("model") or model},
        "geometry": geometry,
    }


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        found = sorted(path for path in place.glob("*.geojson") if path.name[0] != ".")
        if not found and not (place / RECORD_NAME).is_file():
            raise LabelError(f"{place}: holds no predictions; name a folder that ceruleanml predict wrote")
        return found
    if not place.is_file():
        raise LabelError(f"{place}: no such file or folder of predictions")
    return [place]


def _scene_of(path: Path) -> str:
    scene_id = _collection(path).get("scene_id")
    return scene_id if isinstance(scene_id, str) else path.stem


def _collection(path: Path) -> Json:
    try:
        content = read_json(path)
    except StorageError as error:
        raise LabelError(str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("features"), list):
        raise LabelError(f"{path}: is no GeoJSON FeatureCollection; give what ceruleanml predict wrote")
    return content
