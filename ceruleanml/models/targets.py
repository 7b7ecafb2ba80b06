"""What a network is to answer on a tile: a class for each pixel, or a mask for each slick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import AnnotationRecord
from ceruleanml.scenes.grid import Window

IGNORE = 255
"""Pixels of this class count in no loss and no metric: nodata, padding, what was left out of the classes."""
TINY_PX = 4
"""Instances that keep fewer pixels than this after cutting and resizing are no instances any more."""

Mask = NDArray[np.bool_]
Layers = NDArray[np.uint8]


@dataclass(frozen=True)
class ClassMap:
    """Which class of the model each class of the data set is: `ids[data set id]`, IGNORE where it is none.

    Pieces of slicks below `min_area_px` are ignored.
    """

    ids: tuple[int, ...]
    min_area_px: int = 0

    def of(self, piece: AnnotationRecord) -> int:
        """The model's class of a piece, or IGNORE."""
        return IGNORE if piece.area < self.min_area_px else self.ids[piece.class_id]


def pixel_target(
    pieces: Sequence[AnnotationRecord], window: Window, classes: ClassMap, valid: Mask | None = None
) -> Layers:
    """The model's class of each pixel of a window of a tile, uint8 (rows, columns).

    Where slicks overlap the later one is seen, and any of them rather than an ignored one. Pixels that are not
    `valid` are IGNORE.
    """
    target = np.zeros((window.height, window.width), np.uint8)
    known = [(piece, classes.of(piece)) for piece in pieces]
    for piece, class_id in sorted(known, key=lambda pair: pair[1] != IGNORE):
        _paint(target, piece, window, class_id)
    if valid is not None and not valid.all():
        target[~valid] = IGNORE
    return target


def instance_masks(
    pieces: Sequence[AnnotationRecord], window: Window, classes: ClassMap
) -> tuple[NDArray[np.int64], Layers]:
    """The class (k,) and the mask, uint8 (k, rows, columns) of 0 and 1, of each slick in a window of a tile.

    Pieces of one slick are one instance; ignored pieces are none.
    """
    slicks: dict[tuple[str, int], list[AnnotationRecord]] = {}
    for piece in pieces:
        class_id = classes.of(piece)
        if class_id != IGNORE and overlap(piece, window) is not None:
            slicks.setdefault((piece.slick_id, class_id), []).append(piece)
    masks = np.zeros((len(slicks), window.height, window.width), np.uint8)
    for mask, mine in zip(masks, slicks.values(), strict=True):
        for piece in mine:
            _paint(mask, piece, window, 1)
    return np.array([class_id for _, class_id in slicks], np.int64), masks


def without_tiny(labels: NDArray[np.int64], masks: Layers) -> tuple[NDArray[np.int64], Layers]:
    """The same instances without those of which fewer than TINY_PX pixels are left."""
    kept = np.flatnonzero(masks.sum(axis=(1, 2), dtype=np.int64) >= TINY_PX)
    return (labels, masks) if len(kept) == len(labels) else (labels[kept], masks[kept])


def boxes_of(masks: Layers) -> NDArray[np.float32]:
    """The box (x0, y0, x1, y1) around each mask, float32 (k, 4); x1 and y1 are one past the last pixel."""
    boxes = np.zeros((len(masks), 4), np.float32)
    for box, mask in zip(boxes, masks, strict=True):
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box[:] = cols[0], rows[0], cols[-1] + 1, rows[-1] + 1
    return boxes


def overlap(piece: AnnotationRecord, window: Window) -> Window | None:
    """The part of a piece's box that lies in a window of its tile, or None."""
    x, y, width, height = piece.bbox
    return window.intersection(Window(y, x, height, width))


def piece_mask(piece: AnnotationRecord, window: Window) -> Mask:
    """The pixels of a piece in a window of its tile, bool (rows, columns).

    Only the columns that are asked for are unpacked, so a window of a whole scene takes little memory.
    """
    height, width = piece.rle["size"]
    start, stop = window.col * height, (window.col + window.width) * height
    inside = window.intersection(Window(0, 0, height, width))
    if inside is None or inside != window:
        raise ValueError(f"window {window.as_list} leaves the tile of {height} x {width} pixels")
    edges = np.cumsum(run_lengths(piece.rle["counts"])).clip(start, stop)
    pixels = np.repeat(np.arange(len(edges)) % 2 == 1, np.diff(edges, prepend=start))
    columns: Mask = pixels.reshape(window.width, height)[:, window.row : window.row + window.height]
    return columns.T


def run_lengths(counts: str) -> NDArray[np.int64]:
    """The runs, of unset pixels first and downwards by column, that COCO's compressed text stands for.

    Five bits a character from "0" on, the sixth says that more follow, the fifth of the last one is the sign; from the
    fourth run on, the difference to the last but one is written (maskApi.c of the COCO API).
    """
    codes = np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48
    last = codes & 32 == 0
    firsts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    place = 5 * (np.arange(len(codes)) - np.repeat(firsts, np.diff(firsts, append=len(codes))))
    values = np.add.reduceat((codes & 31) << place, firsts)
    negative = codes[last] & 16 != 0
    runs: NDArray[np.int64] = values - (negative.astype(np.int64) << (place[last] + 5))
    runs[1::2], runs[2::2] = np.cumsum(runs[1::2]), np.cumsum(runs[2::2])
    return runs


def _paint(layer: Layers, piece: AnnotationRecord, window: Window, value: int) -> None:
    """Set the pixels of a piece in the layer of a window; only the piece's box is unpacked."""
    shared = overlap(piece, window)
    if shared is None:
        return
    row, col = shared.row - window.row, shared.col - window.col
    layer[row : row + shared.height, col : col + shared.width][piece_mask(piece, shared)] = value
