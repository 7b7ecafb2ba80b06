"""COCO as label files: the page's export, data sets of ceruleanml and plain COCO, one state for each scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine

from ceruleanml.annotation.importing_frames import Frames
from ceruleanml.annotation.importing_shapes import (
    ToGround,
    geometry_json,
    joined,
    mask_outline,
    on_ground,
    rings_outline,
)
from ceruleanml.classes import ClassTable
from ceruleanml.errors import GeoreferenceError, LabelError
from ceruleanml.labels.geometry import MAX_PIXEL
from ceruleanml.labels.rle import decode
from ceruleanml.scenes.georeference import AffineGeoreference, GroundControlPoints
from ceruleanml.scenes.grid import Window

if TYPE_CHECKING:
    from shapely import MultiPolygon

Json = dict[str, Any]
PROPERTIES = ("source", "started", "finished", "model", "comment", "annotator")
MEMBERS = ("annotator", "saved", "comment", "complete", "based_on")
MOST_ANNOTATIONS = 200_000
FARTHEST = 1e12
"""Of the numbers of a transform, in degrees or metres."""


@dataclass(frozen=True)
class _Image:
    """One image of a COCO file and where it lies: `to_ground` takes its (column, row) to longitude and latitude.

    Where that is not known, `window` says which pixels of the scene it shows.
    """

    scene_id: str
    height_width: tuple[int, int]
    tile_id: str | None
    to_ground: ToGround | None
    affine: bool
    window: Window | None = None


@dataclass
class _Scene:
    """What is found of a scene while a file is gone through."""

    pixels: bool
    pieces: dict[str, list[MultiPolygon]] = field(default_factory=dict)
    properties: dict[str, Json] = field(default_factory=dict)
    tiles: dict[str, Json] = field(default_factory=dict)


def is_coco(content: Any) -> bool:
    """Whether a document is COCO: it has images and annotations."""
    return isinstance(content, dict) and {"images", "annotations"} <= content.keys()


def collections_in(content: Json, source: str, classes: ClassTable, frames: Frames) -> list[Json]:
    """The state of each scene that a COCO file labels, as the page would save it, in the order of the scenes' ids.

    An image lies where its `transform` and `crs` say, else where a frame of its scene of the same size does; without
    both the labels stay in its pixels. Pieces that share a `slick_id` become one slick. COCO does not say whether a
    scene is complete; tiles of a data set were gone through. Raises LabelError.
    """
    images = _images(content, source, frames)
    names = _categories(content, source)
    scenes: dict[str, _Scene] = {}
    for image in images.values():
        scene = scenes.setdefault(image.scene_id, _Scene(pixels=image.to_ground is None))
        if scene.pixels != (image.to_ground is None):
            raise LabelError(f"{source}: only some images of scene {image.scene_id} have a place; export all alike")
        if image.tile_id is not None:
            scene.tiles[image.tile_id] = {"reviewed": True} | _bounds(image)
    _add_pieces(content, source, images, names, scenes)
    return [_collection(content, scene_id, scenes[scene_id], source) for scene_id in sorted(scenes)]


def _records(content: Json, name: str, source: str) -> list[Json]:
    found = content.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise LabelError(f"{source}: its {name} must be a list of objects, as in COCO; export it again")
    if len(found) > MOST_ANNOTATIONS:
        raise LabelError(f"{source}: holds {len(found):,} {name}; split it into files of at most {MOST_ANNOTATIONS:,}")
    return found


def _categories(content: Json, source: str) -> dict[int, str]:
    return {
        one["id"]: one["name"]
        for one in _records(content, "categories", source)
        if type(one.get("id")) is int and isinstance(one.get("name"), str)
    }


def _images(content: Json, source: str, frames: Frames) -> dict[int, _Image]:
    found: dict[int, _Image] = {}
    for image in _records(content, "images", source):
        number, where = image.get("id"), f"{source}: image {image.get('id')!r:.20}"
        if type(number) is not int or number in found:
            raise LabelError(f"{where}: its id must be a number of its own; export it again")
        size = (image.get("height"), image.get("width"))
        if not all(type(value) is int and 0 < value < MAX_PIXEL for value in size):
            raise LabelError(f"{where}: its height and width must be numbers of pixels; export it again")
        found[number] = _image(image, where, (int(size[0] or 0), int(size[1] or 0)), content, frames)
    if not found:
        raise LabelError(f"{source}: holds no image, so no scene is labelled; export it again")
    return found


def _image(image: Json, where: str, height_width: tuple[int, int], content: Json, frames: Frames) -> _Image:
    named = image.get("scene_id", content.get("scene_id"))
    file_name = str(image.get("file_name") or "")
    scene_id = str(named if named is not None else PurePosixPath(file_name).stem)
    tile_id = image.get("tile_id")
    tile = str(tile_id) if tile_id is not None else None
    known = frames.of(scene_id)
    if frames and not known:
        raise LabelError(
            f"{where}: is of scene {scene_id!r:.80}, which is not among the given ones; give its scene too"
        )
    place = _own_place(image, where)
    if place is not None and image.get("crs") is not None:
        ground = AffineGeoreference(place, _crs(image["crs"], where))
        return _Image(scene_id, height_width, tile, lambda xy: ground.lon_lat(xy[:, ::-1]), affine=True)
    window = _window(image, where, height_width)
    for frame in known[-1:] if window else known:  # windows are cut from the image itself
        if window or frame.height_width == height_width:
            affine = not isinstance(frame.georeference, GroundControlPoints)
            return _Image(scene_id, height_width, tile, _shifted(frame.to_ground, window), affine, window)
    if known:
        sizes = " or ".join("{} x {}".format(*frame.height_width) for frame in known)
        raise LabelError(f"{where}: is {height_width[0]} x {height_width[1]} pixels, scene {scene_id} is {sizes}")
    return _Image(scene_id, height_width, tile, None, affine=True, window=window)


def _own_place(image: Json, where: str) -> Affine | None:
    transform = image.get("transform")
    if transform is None:
        return None
    numbers = isinstance(transform, list) and len(transform) == 6
    if not numbers or not all(type(value) in (int, float) and abs(value) <= FARTHEST for value in transform):
        raise LabelError(f"{where}: its transform must be 6 numbers (a, b, c, d, e, f); export it again")
    return Affine(*transform)


def _crs(crs: Any, where: str) -> str:
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        CRS.from_user_input(crs if isinstance(crs, str) else None)
    except CRSError as error:
        raise LabelError(f"{where}: its crs {crs!r:.60} is not known; write it as EPSG:4326") from error
    return str(crs)


def _window(image: Json, where: str, height_width: tuple[int, int]) -> Window | None:
    window = image.get("window")
    if window is None:
        return None
    numbers = isinstance(window, list) and len(window) == 4
    if not numbers or not all(type(value) is int and abs(value) <= MAX_PIXEL for value in window):
        raise LabelError(f"{where}: its window must be row, column, height and width; export it again")
    return Window(window[0], window[1], *height_width)


def _shifted(to_ground: ToGround | None, window: Window | None) -> ToGround | None:
    """The same map for the pixels of a window of the scene."""
    if to_ground is None or window is None:
        return to_ground
    return lambda xy: to_ground(xy + np.array([window.col, window.row], np.float64))


def _bounds(image: _Image) -> Json:
    height, width = image.height_width
    if image.to_ground is None:
        row, col = (image.window.row, image.window.col) if image.window else (0, 0)
        return {"bounds": [col, row, col + width, row + height]}
    corners = image.to_ground(np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64))
    return {"bounds": [round(float(value), 9) for value in (*corners.min(axis=0), *corners.max(axis=0))]}


def _add_pieces(
    content: Json, source: str, images: dict[int, _Image], names: dict[int, str], scenes: dict[str, _Scene]
) -> None:
    for place, record in enumerate(_records(content, "annotations", source), start=1):
        where = f"{source}: annotation {place}"
        image = images.get(record.get("image_id")) if type(record.get("image_id")) is int else None  # type: ignore[arg-type]
        if image is None:
            raise LabelError(f"{where}: is of an image that is not there; export it again")
        name = names.get(record["category_id"]) if type(record.get("category_id")) is int else None
        if name is None:
            raise LabelError(f"{where}: is of a category that is not there; export it again")
        outline = _outline(record.get("segmentation"), image, where)
        if outline is None:
            continue
        scene = scenes[image.scene_id]
        slick_id = str(record.get("slick_id") or f"{image.scene_id}/{place}")
        about = {"class": name, "slick_id": slick_id, **{key: record[key] for key in PROPERTIES if key in record}}
        before = scene.properties.setdefault(slick_id, about)
        if before["class"] != name:
            raise LabelError(f"{where}: slick {slick_id!r:.80} is of two classes; give it one, or two slick_ids")
        scene.pieces.setdefault(slick_id, []).append(outline)


def _outline(segmentation: Any, image: _Image, where: str) -> MultiPolygon | None:
    if isinstance(segmentation, dict):
        found = decode(segmentation, image.height_width, where)
        if found is None:
            return None
        outline = mask_outline(*found)
    else:
        outline = rings_outline(segmentation, where)
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


def _collection(content: Json, scene_id: str, scene: _Scene, source: str) -> Json:
    features: Sequence[Json] = [
        {"type": "Feature", "properties": scene.properties[slick_id], "geometry": geometry_json(joined(pieces))}
        for slick_id, pieces in scene.pieces.items()
    ]
    kept: Json = {name: content[name] for name in MEMBERS if name in content}
    return {
        "type": "FeatureCollection", "scene_id": scene_id, "features": features, **_created(content), **kept,
        **({"tiles": scene.tiles} if scene.tiles else {}), **({"crs": None, "pixels": True} if scene.pixels else {}),
    }  # fmt: skip
