"""COCO: run-length encoding of masks and the `instances.json` of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.scenes.grid import Window

Record = dict[str, Any]


def annotation(mask: NDArray[np.bool_], window: Window, height_width: tuple[int, int]) -> Record:
    """Segmentation (compressed RLE), area and box of a mask that fills `window` of an image of that size.

    `area` counts pixels, `bbox` is [x, y, width, height] of the pixels that are set, `iscrowd` is 0. The mask must
    hold a pixel and lie inside the image.
    """
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = window.col + int(cols[0]), window.row + int(rows[0])
    return {
        "segmentation": {"size": list(height_width), "counts": rle_counts(mask, window, height_width)},
        "area": int(np.count_nonzero(mask)),
        "bbox": [x, y, int(cols[-1] - cols[0]) + 1, int(rows[-1] - rows[0]) + 1],
        "iscrowd": 0,
    }


def rle_counts(mask: NDArray[np.bool_], window: Window, height_width: tuple[int, int]) -> str:
    """COCO's compressed run lengths of a mask that fills `window` of an image, which is never drawn out itself."""
    from pycocotools import mask as coco_mask

    height, width = height_width
    starts, stops = _runs(mask)
    starts, stops = (_in_image(edges, mask.shape[0], window, height) for edges in (starts, stops))
    joined = np.flatnonzero(starts[1:] == stops[:-1])  # a column filled to its foot goes on at the next one's head
    starts, stops = np.delete(starts, joined + 1), np.delete(stops, joined)
    edges = np.stack([starts, stops], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
    if counts[-1] == 0:
        counts = counts[:-1]
    encoded = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return str(encoded["counts"].decode("ascii"))


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last+1 row of each vertical run of set pixels, as position row + column * (height + 1)."""
    gap = np.zeros((mask.shape[1], mask.shape[0] + 2), dtype=np.int8)
    gap[:, 1:-1] = mask.T
    change = np.diff(gap, axis=1).ravel()
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def _in_image(edges: NDArray[np.int64], mask_height: int, window: Window, height: int) -> NDArray[np.int64]:
    cols, rows = np.divmod(edges, mask_height + 1)
    return (cols + window.col) * height + rows + window.row


def assemble(units: Iterable[Record], classes: ClassTable, info: Record) -> Record:
    """The COCO data set of the units' images and annotations, numbered in the order given, from 1.

    A unit holds `images`, each with its `annotations`; scenes are numbered as `big_image_id`.
    """
    images: list[Record] = []
    annotations: list[Record] = []
    for scene_number, unit in enumerate(units, start=1):
        for image in unit["images"]:
            pieces: Sequence[Record] = image["annotations"]
            image_id = len(images) + 1
            row = {key: value for key, value in image.items() if key != "annotations"}
            images.append({"id": image_id, **row, "big_image_id": scene_number})
            annotations += [
                {"id": number, "image_id": image_id, **piece}
                for number, piece in enumerate(pieces, start=len(annotations) + 1)
            ]
    categories = [
        {"id": number, "name": row.name, "supercategory": "slick"} for number, row in enumerate(classes) if number
    ]
    return {"info": info, "licenses": [], "categories": categories, "images": images, "annotations": annotations}
