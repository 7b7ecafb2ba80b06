"""The images of a COCO file and where they lie: by themselves, as tiles of a data set, or as scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from affine import Affine

from ceruleanml.annotation.importing_frames import Frames
from ceruleanml.annotation.importing_shapes import ToGround
from ceruleanml.datasets.folder import TileRecord
from ceruleanml.errors import LabelError
from ceruleanml.labels.geometry import MAX_PIXEL
from ceruleanml.scenes.georeference import AffineGeoreference, GroundControlPoints
from ceruleanml.scenes.grid import Window

Json = dict[str, Any]
MOST_RECORDS = 200_000
"""Images or annotations of one file."""
FARTHEST = 1e12
"""Of the numbers of a transform, in degrees or metres."""


@dataclass(frozen=True)
class CocoImage:
    """One image of a COCO file and where it lies: `to_ground` takes its (column, row) to longitude and latitude.

    Where that is not known, `window` says which pixels of the scene it shows. `looked_at` says whether all of the tile
    was gone through: what another tool has shown tells that by a slick on it alone.
    """

    scene_id: str
    height_width: tuple[int, int]
    tile_id: str | None
    to_ground: ToGround | None
    affine: bool
    window: Window | None = None
    looked_at: bool = True


def images_in(content: Json, source: str, frames: Frames) -> dict[int, CocoImage]:
    """The images of a COCO file by their ids. Raises LabelError for one that is broken, unknown or twice there."""
    found: dict[int, CocoImage] = {}
    tiles: set[str] = set()
    for image in records(content, "images", source):
        number, where = image.get("id"), f"{source}: image {image.get('id')!r:.20}"
        if type(number) is not int or number in found:
            raise LabelError(f"{where}: its id must be a number of its own; export it again")
        tile = _tile_of(image, where, frames)
        size = _size(image, tile)
        if not all(type(value) is int and 0 < value < MAX_PIXEL for value in size):
            raise LabelError(f"{where}: its height and width must be numbers of pixels; export it again")
        height_width = (int(size[0] or 0), int(size[1] or 0))
        if tile is None:
            found[number] = _image(image, where, height_width, content, frames)
            continue
        if tile.tile_id in tiles:
            raise LabelError(f"{where}: tile {tile.tile_id} stands there twice; export what each annotator drew alone")
        tiles.add(tile.tile_id)
        found[number] = _tile_image(tile, where, height_width)
    if not found:
        raise LabelError(f"{source}: holds no image, so no scene is labelled; export it again")
    return found


def _tile_of(image: Json, where: str, frames: Frames) -> TileRecord | None:
    if not frames.tiles:
        return None
    name = str(image.get("file_name") or "")
    tile = frames.tile_of(name)
    if tile is None:
        raise LabelError(f"{where}: {name[-80:]!r} is no tile of the data sets given; name the one it was made from")
    return tile


def _size(image: Json, tile: TileRecord | None) -> tuple[Any, Any]:
    """Height and width as the image says; tools that could not open it leave them out."""
    size = image.get("height"), image.get("width")
    return tile.height_width if tile is not None and size == (None, None) else size


def _tile_image(tile: TileRecord, where: str, height_width: tuple[int, int]) -> CocoImage:
    """A tile of a data set as another tool has shown it."""
    if height_width != tile.height_width:
        sizes = [f"{height} x {width}" for height, width in (height_width, tile.height_width)]
        raise LabelError(f"{where}: is {sizes[0]} pixels, tile {tile.tile_id} is {sizes[1]}; export it at its own size")
    name = None if tile.valid_fraction is None else tile.tile_id  # None: the whole scene
    if tile.crs is None:
        return CocoImage(tile.scene_id, height_width, name, None, affine=True, window=tile.window, looked_at=False)
    to_ground = _ground(AffineGeoreference(tile.transform, tile.crs))
    return CocoImage(tile.scene_id, height_width, name, to_ground, affine=True, looked_at=False)


def _ground(place: AffineGeoreference) -> ToGround:
    return lambda xy: place.lon_lat(xy[:, ::-1])


def _image(image: Json, where: str, height_width: tuple[int, int], content: Json, frames: Frames) -> CocoImage:
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
        return CocoImage(scene_id, height_width, tile, _ground(ground), affine=True)
    window = _window(image, where, height_width)
    for frame in known[-1:] if window else known:  # windows are cut from the image itself
        if window or frame.height_width == height_width:
            affine = not isinstance(frame.georeference, GroundControlPoints)
            return CocoImage(scene_id, height_width, tile, _shifted(frame.to_ground, window), affine, window)
    if known:
        sizes = " or ".join("{} x {}".format(*frame.height_width) for frame in known)
        raise LabelError(f"{where}: is {height_width[0]} x {height_width[1]} pixels, scene {scene_id} is {sizes}")
    return CocoImage(scene_id, height_width, tile, None, affine=True, window=window)


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


def bounds_of(image: CocoImage) -> Json:
    """The member `bounds` of what is said of a tile: degrees, or columns and rows of a plain image."""
    height, width = image.height_width
    if image.to_ground is None:
        row, col = (image.window.row, image.window.col) if image.window else (0, 0)
        return {"bounds": [col, row, col + width, row + height]}
    corners = image.to_ground(np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64))
    return {"bounds": [round(float(value), 9) for value in (*corners.min(axis=0), *corners.max(axis=0))]}


def records(content: Json, name: str, source: str) -> list[Json]:
    """The objects of a member of a COCO file. Raises LabelError for what is no list of objects, or too long."""
    found = content.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise LabelError(f"{source}: its {name} must be a list of objects, as in COCO; export it again")
    if len(found) > MOST_RECORDS:
        raise LabelError(f"{source}: holds {len(found):,} {name}; split it into files of at most {MOST_RECORDS:,}")
    return found
