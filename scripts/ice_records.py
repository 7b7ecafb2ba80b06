"""Tiles as icevision's records: its COCO parser, given masks as runs, empty tiles and any number of bands.

As it stands that parser takes runs for crowds only, never sees an image without annotations, and reads images through
PIL as three colours. `load_icevision` must have been called before this module is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from icevision.all import (
    AreasRecordComponent,
    BaseRecord,
    BBoxesRecordComponent,
    EncodedRLEs,
    FilepathRecordComponent,
    ImgSize,
    InstanceMasksRecordComponent,
    InstancesLabelsRecordComponent,
    IsCrowdsRecordComponent,
    SingleSplitSplitter,
    parsers,
)
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ceruleanml.models.targets import boxes_of, instance_masks, without_tiny
from ceruleanml.models.tile_reading import Tile, read_pixels
from ceruleanml.models.tiles import TrainingData

Record = dict[str, Any]


class TilePixels:
    """The pixels of a tile, read when asked for."""

    def __init__(self, tile: Tile, bands: Sequence[int]) -> None:
        self._tile, self._bands = tile, bands

    def __deepcopy__(self, memo: Any) -> TilePixels:
        return self  # each loading of a record copies it whole, and with a tile comes its data set

    def read(self) -> NDArray[np.uint8]:
        """The pixels as icevision has them, uint8 (rows, columns, bands). Raises DatasetError."""
        pixels, _ = read_pixels(self._tile.dataset, self._tile.record, self._tile.window, self._bands)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0))


class TileComponent(FilepathRecordComponent):
    """The part of a record that loads its image."""

    pixels: TilePixels

    def _load(self) -> None:
        self.set_img(self.pixels.read())


class TileParser(parsers.COCOMaskParser):
    """icevision's parser of COCO data sets, over the tiles of one side of a training."""

    def __init__(self, tiles: Sequence[Tile], data: TrainingData) -> None:
        super().__init__(coco_of(tiles, data), img_dir=tiles[0].dataset.root)
        self._pixels = {number: TilePixels(tile, data.band_numbers) for number, tile in enumerate(tiles, start=1)}

    def __iter__(self) -> Iterator[Record]:
        """Each image without annotations, then each annotation."""
        shown = {piece["image_id"] for piece in self.annotations_dict["annotations"]}
        yield from ({"image_id": number} for number in self._record_id2info if number not in shown)
        yield from self.annotations_dict["annotations"]

    def template_record(self) -> Any:
        """The record of a tile before it is filled."""
        return BaseRecord((
            TileComponent(), InstancesLabelsRecordComponent(), AreasRecordComponent(), IsCrowdsRecordComponent(),
            BBoxesRecordComponent(), InstanceMasksRecordComponent(),
        ))  # fmt: skip

    def img_size(self, o: Record) -> Any:
        """The size that the data set says, so that no file is opened."""
        return ImgSize(self._info["width"], self._info["height"])

    def masks(self, o: Record) -> list[Any]:
        """The mask of an annotation; runs are no sign of a crowd here."""
        return [EncodedRLEs([o["segmentation"]])]

    def parse_fields(self, o: Record, record: Any, is_new: bool) -> None:
        """Fill a record with an annotation, or with a tile that has none."""
        if is_new:
            record.set_filepath(self.filepath(o))
            record.set_img_size(self.img_size(o))
            next(one for one in record.components if isinstance(one, TileComponent)).pixels = self._pixels[
                o["image_id"]
            ]
        if "id" in o:
            super().parse_fields(o, record, is_new=False)
        else:
            record.detection.set_class_map(self.class_map)


def records_of(tiles: Sequence[Tile], data: TrainingData) -> Any:
    """The records of icevision for the tiles, in their order, with the classes of the model."""
    parser = TileParser(tiles, data)
    (records,) = parser.parse(SingleSplitSplitter(), autofix=False, show_pbar=False)
    return records.new(sorted(records, key=lambda record: record.record_id))


def coco_of(tiles: Sequence[Tile], data: TrainingData) -> Record:
    """The COCO data set of the tiles, images numbered from 1: one annotation a slick, with the model's class ids."""
    images: list[Record] = []
    annotations: list[Record] = []
    for image_id, tile in enumerate(tiles, start=1):
        height, width = tile.window.height, tile.window.width
        images.append({"id": image_id, "file_name": tile.record.file_name, "width": width, "height": height})
        labels, masks = without_tiny(*instance_masks(tile.pieces, tile.window, data.class_map))
        for label, mask, box in zip(labels.tolist(), masks, boxes_of(masks).tolist(), strict=True):
            piece = {"id": len(annotations) + 1, "image_id": image_id, "category_id": label, "iscrowd": 0}
            x0, y0, x1, y1 = box
            shape = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": int(mask.sum())}
            annotations.append({**piece, **shape, "segmentation": coco_mask.encode(np.asfortranarray(mask))})
    categories = [{"id": number, "name": name} for number, name in enumerate(data.classes) if number]
    return {"images": images, "annotations": annotations, "categories": categories}
