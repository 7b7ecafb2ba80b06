"""A data set folder as a value: its manifest, its tiles, and what is labelled on each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.datasets.tile_io import read_tile
from ceruleanml.errors import DatasetError, StorageError
from ceruleanml.scenes.grid import Window
from ceruleanml.storage import read_json

FORMAT_VERSION = 1
MANIFEST_NAME = "dataset.json"
INSTANCES_NAME = "instances.json"

Record = dict[str, Any]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class TileRecord:
    """One tile: its file, its window on the scene's grid, and where it lies.

    `transform` takes (column, row) of the tile to `crs`, or to the scene's pixels where `crs` is None.
    `valid_fraction` is None for whole scenes.
    """

    image_id: int
    tile_id: str
    scene_id: str
    file_name: str
    height_width: tuple[int, int]
    window: Window
    transform: Affine
    crs: str | None
    valid_fraction: float | None


@dataclass(frozen=True)
class AnnotationRecord:
    """The piece of one slick on one tile; pieces of one slick share `slick_id`.

    `rle` is COCO's compressed run lengths, `area` counts pixels, `bbox` is (x, y, width, height).
    """

    annotation_id: int
    image_id: int
    class_id: int
    slick_id: str
    rle: Record
    area: int
    bbox: tuple[int, int, int, int]

    def mask(self) -> NDArray[np.bool_]:
        """The pixels of the piece, bool (rows, columns) of the tile."""
        from pycocotools import mask as coco_mask

        mask: NDArray[np.bool_] = coco_mask.decode(self.rle).view(np.bool_)  # of 0 and 1: no copy is needed
        return mask


@dataclass(frozen=True)
class Dataset:
    """A data set folder; `annotations` holds each tile's by `tile_id`, an empty tuple where nothing is labelled."""

    root: Path
    manifest: Record
    classes: ClassTable
    channels: tuple[str, ...]
    tiles: tuple[TileRecord, ...]
    annotations: dict[str, tuple[AnnotationRecord, ...]]

    def path(self, tile: TileRecord) -> Path:
        """The file of a tile."""
        return self.root / tile.file_name

    def scene(self, scene_id: str) -> Record:
        """What the manifest says of a scene."""
        record: Record = self.manifest["scenes"].get(scene_id, {})
        return record

    def read(self, tile: TileRecord) -> NDArray[np.uint8]:
        """The pixels of a tile, uint8 (bands, rows, columns). Raises DatasetError for a file of another shape."""
        pixels = read_tile(self.path(tile))
        expected = (len(self.channels), *tile.height_width)
        if pixels.shape != expected:
            raise DatasetError(
                f"{self.path(tile)}: holds {_times(pixels.shape)} (bands, rows, columns), "
                f"the data set says {_times(expected)}; make it again"
            )
        return pixels

    def mask(self, tile: TileRecord) -> NDArray[np.uint8]:
        """The class id of each pixel of a tile, uint8 (rows, columns); where slicks overlap the later one is seen."""
        class_ids = np.zeros(tile.height_width, dtype=np.uint8)
        for piece in self.annotations[tile.tile_id]:
            class_ids[piece.mask()] = piece.class_id
        return class_ids


def open_dataset(root: Path) -> Dataset:
    """The data set in the folder `root`.

    Raises DatasetError where the folder is missing, unfinished, of another format, or broken.
    """
    manifest = read_manifest(root)
    instances = read_instances(root)
    source = root / INSTANCES_NAME
    tiles = tuple(_parsed(tile_of, image, source) for image in instances["images"])
    pieces = [_parsed(annotation_of, record, source) for record in instances["annotations"]]
    classes = ClassTable.from_rows(manifest["classes"], str(root / MANIFEST_NAME))
    _check_links(tiles, pieces, classes, source)
    return Dataset(root, manifest, classes, tuple(manifest["channels"]), tiles, by_tile(tiles, pieces))


def read_manifest(root: Path) -> Record:
    """The content of a data set's `dataset.json`. Raises DatasetError: missing, broken or of another format."""
    path = root / MANIFEST_NAME
    if not path.is_file():
        raise DatasetError(_why_not_a_dataset(root))
    manifest = _json(path)
    if not isinstance(manifest, dict) or "format_version" not in manifest:
        raise DatasetError(f"{path}: is not the manifest of a data set; make it with ceruleanml make-dataset")
    if manifest["format_version"] != FORMAT_VERSION:
        raise DatasetError(
            f"{path}: has format version {manifest['format_version']}, this program reads {FORMAT_VERSION}; "
            "make the data set again"
        )
    missing = [key for key in ("classes", "channels", "scenes") if key not in manifest]
    if missing:
        raise DatasetError(f"{path}: lacks {', '.join(missing)}; make the data set again")
    return manifest


def read_instances(root: Path) -> Record:
    """The content of a data set's `instances.json`, with its lists. Raises DatasetError."""
    path = root / INSTANCES_NAME
    if not path.is_file():
        raise DatasetError(f"{path}: is missing; the data set is incomplete, make it again")
    instances = _json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(instances, dict) or not isinstance(instances.get(key), list):
            raise DatasetError(f"{path}: lacks the list {key!r} of a COCO data set; make the data set again")
    return dict(instances)


def tile_of(image: Record) -> TileRecord:
    """The tile of a COCO image record. Raises KeyError, TypeError or ValueError where it is none."""
    name = PurePosixPath(image["file_name"])
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"file name {image['file_name']} leaves the folder")
    valid = image["valid_fraction"]
    return TileRecord(
        image_id=int(image["id"]),
        tile_id=str(image["tile_id"]),
        scene_id=str(image["scene_id"]),
        file_name=str(name),
        height_width=(int(image["height"]), int(image["width"])),
        window=Window(*(int(value) for value in image["window"])),
        transform=Affine(*image["transform"]),
        crs=image["crs"],
        valid_fraction=None if valid is None else float(valid),
    )


def annotation_of(record: Record) -> AnnotationRecord:
    """The piece of a COCO annotation record. Raises KeyError, TypeError or ValueError where it is none."""
    height, width = record["segmentation"]["size"]
    x, y, box_width, box_height = (int(value) for value in record["bbox"])
    return AnnotationRecord(
        annotation_id=int(record["id"]),
        image_id=int(record["image_id"]),
        class_id=int(record["category_id"]),
        slick_id=str(record["slick_id"]),
        rle={"size": [int(height), int(width)], "counts": str(record["segmentation"]["counts"])},
        area=int(record["area"]),
        bbox=(x, y, box_width, box_height),
    )


def by_tile(tiles: Iterable[TileRecord], pieces: Iterable[AnnotationRecord]) -> dict[str, tuple[AnnotationRecord, ...]]:
    """The pieces of each tile by its `tile_id`; pieces of unknown images are left out."""
    of_image: dict[int, list[AnnotationRecord]] = {}
    for piece in pieces:
        of_image.setdefault(piece.image_id, []).append(piece)
    return {tile.tile_id: tuple(of_image.get(tile.image_id, ())) for tile in tiles}


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except StorageError as error:
        raise DatasetError(f"{error}; make the data set again") from error


def _why_not_a_dataset(root: Path) -> str:
    if (root / "plan.json").is_file() or root.with_name(f".{root.name}.building").exists():
        return f"{root}: was not built to its end; run the same make-dataset again to finish it"
    if not root.exists():
        return f"{root}: no such data set folder; make it with ceruleanml make-dataset"
    return f"{root}: is no data set folder, it has no {MANIFEST_NAME}; make one with ceruleanml make-dataset"


def _parsed(parse: Callable[[Record], Parsed], record: Any, source: Path) -> Parsed:
    try:
        return parse(record)
    except (KeyError, TypeError, ValueError) as error:
        number = record.get("id", "?") if isinstance(record, dict) else "?"
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise DatasetError(f"{source}: record {number}: {what}; see ceruleanml check") from error


def _check_links(
    tiles: Iterable[TileRecord], pieces: Iterable[AnnotationRecord], classes: ClassTable, source: Path
) -> None:
    image_ids = {tile.image_id for tile in tiles}
    for piece in pieces:
        if piece.image_id not in image_ids:
            raise DatasetError(
                f"{source}: annotation {piece.annotation_id} is of image {piece.image_id}, which is not there; "
                "see ceruleanml check"
            )
        if not 1 <= piece.class_id < len(classes):
            raise DatasetError(
                f"{source}: annotation {piece.annotation_id} has category {piece.class_id}, which the class table "
                "lacks; see ceruleanml check"
            )


def _times(numbers: tuple[int, ...]) -> str:
    return " x ".join(str(number) for number in numbers)
