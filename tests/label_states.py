"""Label files as the annotation page saves them, small and made for tests."""

import json
from datetime import UTC, datetime
from pathlib import Path

from scenes_made import NORTH, STEP, WEST

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def box(row, col, height, width, north=NORTH, west=WEST, step=STEP):
    """The ring around a rectangle of pixels of `scenes_made`, of 9 digits; counterclockwise."""
    left, right = west + step * col, west + step * (col + width)
    top, bottom = north - step * row, north - step * (row + height)
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    return [[round(x, 9), round(y, 9)] for x, y in ring]


def pixel_box(row, col, height, width):
    """The same in (column, row) of an image."""
    right, bottom = col + width, row + height
    return [[col, row], [right, row], [right, bottom], [col, bottom], [col, row]]


def feature(*rings, name="old_vessel", slick_id=None, **properties):
    """One slick of so many parts, each a ring without holes."""
    about = {"class": name, **({"slick_id": slick_id} if slick_id else {}), **properties}
    return {
        "type": "Feature",
        "properties": about,
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]},
    }


def save(*features, scene_id="s", annotator="ann", complete=True, **members):
    """What the page posts or exports."""
    return {
        "type": "FeatureCollection", "scene_id": scene_id, "annotator": annotator, "complete": complete,
        "saved": "2026-11-21T12:00:00Z", "page": 1, "features": list(features), **members,
    }  # fmt: skip


def write(path: Path, content) -> Path:
    """A JSON file, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
