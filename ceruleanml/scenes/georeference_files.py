"""A scene's georeference from a companion file: a raster, or ground control points as JSON, GeoJSON or CSV.

JSON: a list of {"row", "col", "lon", "lat"}, or {"gcps": that list, "height_width": [rows, columns]}.
GeoJSON: point features with the properties `row` and `col`. CSV: a header with the columns row, col, lon, lat.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from ceruleanml.errors import CeruleanError, GeoreferenceError, UsageError
from ceruleanml.scenes.georeference import Georeference, GroundControlPoints
from ceruleanml.scenes.raster import georeference_of, open_dataset
from ceruleanml.storage import is_remote

HeightWidth = tuple[int, int]


def companion(pattern: str, scene_id: str) -> str:
    """The location that a pattern with `{scene_id}` names for a scene."""
    if "{scene_id}" not in pattern:
        raise UsageError(f"georeference {pattern!r} must hold {{scene_id}}, as in georeference/{{scene_id}}.json")
    return pattern.replace("{scene_id}", scene_id)


def load_georeference(location: str, height_width: HeightWidth) -> Georeference:
    """The georeference in a companion file, in the pixel frame of an image of that size.

    The file's own frame is a raster's size, the `height_width` beside the points, or else what the points span. Where
    it is larger by a whole factor (an image reduced to a quarter, say) coordinates are divided by just that factor.
    Raises GeoreferenceError naming the file.
    """
    try:
        georeference, frame = _load(location)
        row_factor, col_factor = _factor(height_width[0], frame[0]), _factor(height_width[1], frame[1])
        if not 0.95 < row_factor / col_factor < 1.05:
            raise GeoreferenceError(
                f"is for an image of {frame[0]:g} x {frame[1]:g} pixels, of another shape than {height_width[0]} x "
                f"{height_width[1]}"
            )
    except CeruleanError as error:
        message = str(error)
        raise GeoreferenceError(message if location in message else f"{location}: {message}") from error
    return georeference.scaled(row_factor, col_factor)


def _factor(length: int, frame: float) -> float:
    """Image pixels a frame pixel: 1 / k where the image is the frame reduced by a whole k, its remainder cut off."""
    k = round(frame / length)
    return 1 / k if k >= 1 and abs(frame - k * length) <= k else length / frame


def _load(location: str) -> tuple[Georeference, tuple[float, float]]:
    if not location.lower().endswith((".json", ".geojson", ".csv")):
        return _from_raster(location)
    if is_remote(location):
        raise GeoreferenceError("ground control points must lie in a local file; copy it here first")
    try:
        text = Path(location).read_text(encoding="utf-8")
        points, frame = _rows_of_csv(text) if location.lower().endswith(".csv") else _rows_of_json(json.loads(text))
    except FileNotFoundError as error:
        raise GeoreferenceError("is missing; each scene needs one, or leave --georeference out") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GeoreferenceError(f"cannot be read: {error}") from error
    georeference = _points(points)
    rows, cols = zip(*georeference.row_col, strict=True)
    return georeference, frame or (max(rows) + 1, max(cols) + 1)


def _from_raster(location: str) -> tuple[Georeference, tuple[float, float]]:
    with open_dataset(location) as dataset:
        georeference = georeference_of(dataset, location)
        if georeference is None:
            raise GeoreferenceError("holds neither ground control points nor a transform with a CRS")
        return georeference, (dataset.height, dataset.width)


def _rows_of_csv(text: str) -> tuple[list[Any], None]:
    return list(csv.DictReader(text.splitlines())), None


def _rows_of_json(value: Any) -> tuple[list[Any], tuple[float, float] | None]:
    frame = value.get("height_width") if isinstance(value, dict) else None
    if frame is not None:
        if not (isinstance(frame, list) and len(frame) == 2 and all(isinstance(n, int) and n > 0 for n in frame)):
            raise GeoreferenceError("height_width must be [rows, columns]")
        frame = (float(frame[0]), float(frame[1]))
    if isinstance(value, dict) and value.get("type") == "FeatureCollection":
        return [_of_feature(feature) for feature in value.get("features") or []], frame
    points = value.get("gcps") if isinstance(value, dict) else value
    if not isinstance(points, list):
        raise GeoreferenceError("must be a list of {row, col, lon, lat}, or hold one under gcps")
    return points, frame


def _of_feature(feature: Any) -> dict[str, Any]:
    try:
        longitude, latitude = feature["geometry"]["coordinates"][:2]
        return {**feature["properties"], "lon": longitude, "lat": latitude}
    except (KeyError, TypeError, ValueError) as error:
        raise GeoreferenceError("each feature must be a point with the properties row and col") from error


def _points(points: list[Any]) -> GroundControlPoints:
    try:
        numbers = [tuple(float(point[key]) for key in ("row", "col", "lon", "lat")) for point in points]
    except (KeyError, TypeError, ValueError) as error:
        raise GeoreferenceError("each point needs row, col, lon and lat as numbers") from error
    return GroundControlPoints(tuple((n[0], n[1]) for n in numbers), tuple((n[2], n[3]) for n in numbers))
