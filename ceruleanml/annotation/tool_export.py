"""A data set for labelling tools that know neither radar nor maps: tiles as PNG, labels as two files of COCO."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.annotation.png import gray_png
from ceruleanml.datasets.folder import INSTANCES_NAME, Dataset, TileRecord, open_dataset, read_instances
from ceruleanml.errors import DatasetError
from ceruleanml.labels.geometry import only_polygons
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder, storage_error, write_bytes, write_json

if TYPE_CHECKING:
    from shapely import Geometry, Polygon

Json = dict[str, Any]
IMAGES, POLYGONS_NAME = "images", "polygons.json"
BRIGHTEST = 0.98
"""Share of a scene's valid pixels that are not clipped to white."""


def export_for_tools(source: Path, out: Path, band: str = "vv", progress: Progress | None = None) -> Path:
    """The folder `out` with the data set's tiles as 8-bit PNG (rows, columns) of one band, and its labels.

    `instances.json` is COCO with run lengths, `polygons.json` the same with polygons and without boxes, for tools that
    take a box for a label of its own. A slick with holes is cut through them, so that its polygons have none. Images
    keep their ids and are named after their tiles, by which `annotate import` knows them again. The folder appears
    whole. Raises DatasetError, WriteError.
    """
    dataset = open_dataset(source)
    if band not in dataset.channels:
        raise DatasetError(f"{source}: has no band {band}; give one of {', '.join(dataset.channels)}")
    if out.exists():
        raise DatasetError(f"{out}: is there already, and may hold somebody's work; choose another folder")
    partial = out.parent / f".{out.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial / IMAGES)
    _write_images(dataset, dataset.channels.index(band), partial, progress or Silent())
    instances = read_instances(source)
    for image in instances["images"]:
        image["file_name"] = _name_of(image["tile_id"])
    write_json(partial / POLYGONS_NAME, {**instances, "annotations": polygon_annotations(dataset)})
    write_json(partial / INSTANCES_NAME, instances)
    try:
        partial.rename(out)
    except OSError as error:
        raise storage_error(out, error) from error
    return out


def polygon_annotations(dataset: Dataset) -> list[Json]:
    """The annotations of a data set with COCO's polygons, [[x, y, x, y, ...], ...], along the edges of their pixels."""
    return [
        {
            "id": piece.annotation_id, "image_id": piece.image_id, "category_id": piece.class_id, "iscrowd": 0,
            "slick_id": piece.slick_id, "area": piece.area, "segmentation": polygons_of_mask(piece.mask()),
        }
        for tile in dataset.tiles for piece in dataset.annotations[tile.tile_id]
    ]  # fmt: skip


def polygons_of_mask(mask: NDArray[np.bool_]) -> list[list[float]]:
    """The outline of a mask (rows, columns) as rings of x, y that together cover its pixels, and no others.

    Pixels that meet at a corner are in one ring, which touches itself there.
    """
    from rasterio.features import shapes
    from shapely.geometry import shape

    found = [shape(geometry) for geometry, _ in shapes(mask.astype(np.uint8), mask=mask, connectivity=8)]
    parts = [piece for part in found for piece in (_without_holes(part) if part.interiors else [part])]
    return [_flat(part) for part in sorted(parts, key=lambda part: part.bounds)]


def _without_holes(outline: Polygon) -> list[Polygon]:
    """The parts of an outline, cut upright through each hole."""
    import shapely

    done, left = [], _polygons_in(shapely.make_valid(outline))
    while left:
        part = left.pop()
        if not part.interiors:
            done.append(part)
            continue
        west, south, east, north = part.bounds
        middle = (part.interiors[0].bounds[0] + part.interiors[0].bounds[2]) / 2
        for box in (shapely.box(west, south, middle, north), shapely.box(middle, south, east, north)):
            left += _polygons_in(shapely.intersection(part, box))
    return done


def _polygons_in(geometry: Geometry) -> list[Polygon]:
    """The polygons among the parts of a geometry."""
    return list(only_polygons(geometry).geoms)


def _flat(part: Polygon) -> list[float]:
    return [float(value) for position in part.exterior.coords[:-1] for value in position[:2]]


def _write_images(dataset: Dataset, band: int, out: Path, progress: Progress) -> None:
    """The tiles of each scene, as bright as that scene asks for."""
    scenes: dict[str, list[TileRecord]] = defaultdict(list)
    for tile in dataset.tiles:
        scenes[tile.scene_id].append(tile)
    progress.start("Writing tiles", len(dataset.tiles))
    try:
        for tiles in scenes.values():
            white = _white(dataset, tiles, band)
            for tile in tiles:
                pixels = dataset.read(tile)[band].astype(np.float32) * (255 / white)
                write_bytes(out / _name_of(tile.tile_id), gray_png(pixels.clip(0, 255).astype(np.uint8)))
                progress.advance()
    finally:
        progress.finish()


def _white(dataset: Dataset, tiles: list[TileRecord], band: int) -> int:
    """The value that becomes white: of a scene's pixels above 0 only 2 % are brighter."""
    counts = np.zeros(256, np.int64)
    for tile in tiles:
        counts += np.bincount(dataset.read(tile)[band].ravel(), minlength=256)
    counts[0] = 0
    below = np.cumsum(counts)
    return max(1, int(np.searchsorted(below, BRIGHTEST * below[-1])))


def _name_of(tile_id: str) -> str:
    return f"{IMAGES}/{tile_id}.png"
