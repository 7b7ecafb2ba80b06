"""COCO as label files: the page's export, data sets of ceruleanml and plain COCO, one state for each scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.annotation.importing_frames import Frames
from ceruleanml.annotation.importing_images import CocoImage, bounds_of, images_in, records
from ceruleanml.annotation.importing_shapes import (
    geometry_json,
    joined,
    mask_outline,
    on_ground,
    rings_outline,
)
from ceruleanml.classes import ClassTable
from ceruleanml.errors import GeoreferenceError, LabelError
from ceruleanml.labels.rle import decode

if TYPE_CHECKING:
    from shapely import MultiPolygon

Json = dict[str, Any]
PROPERTIES = ("source", "started", "finished", "model", "comment", "annotator")
MEMBERS = ("annotator", "saved", "comment", "complete", "based_on")


@dataclass
class _Scene:
    """What is found of a scene while a file is gone through; `partly` where images show tiles of it alone."""

    pixels: bool
    partly: bool = False
    pieces: dict[str, list[MultiPolygon]] = field(default_factory=dict)
    properties: dict[str, Json] = field(default_factory=dict)
    tiles: dict[str, Json] = field(default_factory=dict)


def is_coco(content: Any) -> bool:
    """Whether a document is COCO: it has images and annotations."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def collections_in(
    content: Json, source: str, classes: ClassTable, frames: Frames, complete: bool = False
) -> tuple[list[Json], list[str]]:
    """The state of each scene that a COCO file labels, as the page would save it, by the scenes' ids; and notes.

    With tiles in `frames` each image is the tile that its file name tells. Else it lies where its `transform` and `crs`
    say, else where a frame of its scene of the same size does; without both the labels stay in its pixels. Pieces that
    share a `slick_id` become one slick. COCO does not say whether a scene is complete; tiles of a data set were gone
    through, those of other tools where they show a slick, or all of them if `complete`. Raises LabelError.
    """
    images = images_in(content, source, frames)
    names = _categories(content, source)
    scenes: dict[str, _Scene] = {}
    for image in images.values():
        scene = scenes.setdefault(image.scene_id, _Scene(pixels=image.to_ground is None))
        if scene.pixels != (image.to_ground is None):
            raise LabelError(f"{source}: only some images of scene {image.scene_id} have a place; export all alike")
        if image.tile_id is not None:
            scene.partly |= bool(frames.tiles)
            scene.tiles[image.tile_id] = {"reviewed": complete or image.looked_at} | bounds_of(image)
    notes = _add_pieces(content, source, images, names, scenes)
    return [_collection(content, scene_id, scenes[scene_id]) for scene_id in sorted(scenes)], notes


def _categories(content: Json, source: str) -> dict[int, str]:
    return {
        one["id"]: one["name"]
        for one in records(content, "categories", source)
        if type(one.get("id")) is int and isinstance(one.get("name"), str)
    }


def _add_pieces(
    content: Json, source: str, images: dict[int, CocoImage], names: dict[int, str], scenes: dict[str, _Scene]
) -> list[str]:
    """Give each scene its outlines; what comes back are notes on those that hold nothing."""
    notes = []
    for place, record in enumerate(records(content, "annotations", source), start=1):
        where = f"{source}: annotation {place}"
        image = images.get(record.get("image_id")) if type(record.get("image_id")) is int else None  # type: ignore[arg-type]
        if image is None:
            raise LabelError(f"{where}: is of an image that is not there; export it again")
        name = names.get(record["category_id"]) if type(record.get("category_id")) is int else None
        if name is None:
            raise LabelError(f"{where}: is of a category that is not there; export it again")
        outline = _outline(record.get("segmentation"), image, where)
        if outline is None:
            notes.append(f"{where}: its outline holds no area, and is left out")
            continue
        scene = scenes[image.scene_id]
        if image.tile_id is not None:
            scene.tiles[image.tile_id]["reviewed"] = True
        slick_id = str(record.get("slick_id") or f"{image.scene_id}/{place}")
        about = {"class": name, "slick_id": slick_id, **{key: record[key] for key in PROPERTIES if key in record}}
        before = scene.properties.setdefault(slick_id, about)
        if before["class"] != name:
            raise LabelError(f"{where}: slick {slick_id!r:.80} is of two classes; give it one, or two slick_ids")
        scene.pieces.setdefault(slick_id, []).append(outline)
    return notes


def _outline(segmentation: Any, image: CocoImage, where: str) -> MultiPolygon | None:
    if isinstance(segmentation, dict):
        found = decode(segmentation, image.height_width, where)
        if found is None:
            return None
        outline = mask_outline(*found)
    else:
        outline = rings_outline(segmentation, where)
    if outline.is_empty:
        return None
    if image.to_ground is None and image.window is not None:
        import shapely

        shift = np.array([image.window.col, image.window.row], np.float64)
        return shapely.transform(outline, lambda xy: xy + shift)
    try:
        return on_ground(outline, image.to_ground, image.affine)
    except GeoreferenceError as error:
        raise LabelError(f"{where}: {error}") from error


def _created(content: Json) -> Json:
    """When the file was made, where it says that as the page does."""
    about = content.get("info")
    created = about.get("date_created") if isinstance(about, dict) else None
    try:
        return {"saved": created} if datetime.fromisoformat(created).tzinfo else {}  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return {}


def _collection(content: Json, scene_id: str, scene: _Scene) -> Json:
    features: Sequence[Json] = [
        {"type": "Feature", "properties": scene.properties[slick_id], "geometry": geometry_json(joined(pieces))}
        for slick_id, pieces in scene.pieces.items()
    ]
    kept: Json = {name: content[name] for name in MEMBERS if name in content}
    kept |= {"complete": False} if scene.partly else {}
    kept |= {"tiles": scene.tiles} if scene.tiles else {}
    kept |= {"crs": None, "pixels": True} if scene.pixels else {}
    return {"type": "FeatureCollection", "scene_id": scene_id, "features": features, **_created(content), **kept}
