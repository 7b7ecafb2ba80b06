"""Who answers in the demo: draws what the simulation knows to be there, as the annotation page would export it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceruleanml.storage import make_folder, read_json, write_json

NAME = "simulated"
SAVED = ("2026-01-01T08:00:00Z", "2026-01-02T08:00:00Z")
"""When the first and the second labels count as saved: fixed, so that the same seed gives the same store."""
Json = dict[str, Any]


def draw_all(scenes: Path, truth: Path, out: Path) -> None:
    """Write all slicks of each scene of a list, each scene gone through to its end."""
    for line in scenes.read_text().splitlines():
        scene_id = Path(line).stem
        features = read_json(truth / f"{scene_id}.geojson")["features"]
        _write(out, scene_id, features, {"complete": True, "saved": SAVED[0], "tiles": {}})


def answer(page: Path, truth: Path, out: Path) -> None:
    """Write what lies in the tiles that a page asks for, those tiles and no others gone through."""
    from shapely import box, intersection, union_all
    from shapely.geometry import mapping, shape

    queue = read_json(page / "data" / "queue.json")
    asked: dict[str, dict[str, Any]] = {}
    for item in queue["items"]:
        scene = read_json(page / "data" / "scenes" / item["scene"] / "scene.json")
        asked.setdefault(item["scene_id"], {})[item["tile_id"]] = box(*_bounds(scene, item["window"]))
    for scene_id, tiles in asked.items():
        seen, features = union_all(list(tiles.values())), []
        for feature in read_json(truth / f"{scene_id}.geojson")["features"]:
            part = intersection(shape(feature["geometry"]), seen)
            if part.area:
                features.append({**feature, "geometry": mapping(_outline(part))})
        said = {tile_id: {"reviewed": True, "empty": not _meets(tile, features)} for tile_id, tile in tiles.items()}
        _write(out, scene_id, features, {"complete": False, "saved": SAVED[1], "tiles": said})


def _outline(part: Any) -> Any:
    """The polygons of what is left of a slick; lines and points where it only touches a tile are none."""
    from shapely import MultiPolygon

    pieces = [one for one in getattr(part, "geoms", [part]) if one.geom_type == "Polygon"]
    return MultiPolygon(pieces)


def _meets(tile: Any, features: list[Json]) -> bool:
    from shapely.geometry import shape

    return any(shape(feature["geometry"]).intersects(tile) for feature in features)


def _bounds(scene: Json, window: list[int]) -> tuple[float, float, float, float]:
    """West, south, east, north of a window [row, column, height, width] of a scene of the page."""
    a, _, c, _, e, f = scene["transform"][:6]
    row, col, height, width = window
    return c + a * col, f + e * (row + height), c + a * (col + width), f + e * row


def _write(out: Path, scene_id: str, features: list[Json], members: Json) -> None:
    write_json(make_folder(out) / f"{scene_id}.geojson", {
        "type": "FeatureCollection", "scene_id": scene_id, "annotator": NAME, "rejected": [], **members,
        "features": [
            {**one, "properties": {**one["properties"], "annotator": NAME, "source": "drawn"}} for one in features
        ],
    })  # fmt: skip
