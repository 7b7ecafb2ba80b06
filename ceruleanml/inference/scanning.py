"""A model's answers over a whole scene: windows read, asked and blended, one row of windows in memory at a time.

Memory beside the model: the scene's own pixels (one byte each, see `PreparedScene`), and for the width of the scene a
window's height of 8-bit bands and of float32 slick probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.inference.blending import Blender
from ceruleanml.inference.sea import Sea
from ceruleanml.inference.windows import SceneWindows
from ceruleanml.models.predictor import Detections, Predictor
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.prepared import PreparedScene

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
BLOCK_ROWS = 64
"""Finished rows handed on at once."""


@dataclass(frozen=True)
class Scan:
    """A scene and the windows to ask of it.

    Where a file of the `sea` is given, windows that show land only are skipped, and with `masks_land` land pixels count
    as nodata.
    """

    prepared: PreparedScene
    windows: SceneWindows
    batch_size: int = 4
    sea: Sea | None = None
    masks_land: bool = True


@dataclass(frozen=True)
class _Strip:
    """A row of windows: pixels uint8 (bands, size, padded width), which hold data, and which are worth asking for."""

    row: int
    pixels: NDArray[np.uint8]
    valid: Bools
    worth: Bools


@dataclass(frozen=True)
class Rows:
    """Finished rows: slick classes' probabilities float32 (classes, rows, width) and where they are measured."""

    start: int
    probabilities: Floats
    valid: Bools


def probability_rows(
    scan: Scan, predictor: Predictor, flips: bool = False, progress: Progress | None = None
) -> Iterator[Rows]:
    """The blended probabilities of the slick classes, all rows from above; 0 where nothing is measured.

    With `flips` each window is asked four times, mirrored both ways, and the mean is taken.
    """
    ask = _flipped(predictor) if flips else predictor.probabilities
    blender = Blender(scan.windows, len(predictor.card.classes) - 1)
    for strip in _strips(scan, progress or Silent()):
        for cols, images in _batches(scan, strip):
            for col, found in zip(cols, ask(images), strict=True):
                blender.add(strip.row, col, found[1:])
        yield from _finished(blender, strip)


def detections(
    scan: Scan, predictor: Predictor, take: Callable[[int, int, Detections], None], progress: Progress | None = None
) -> Iterator[Rows]:
    """Mask R-CNN's detections, given to `take(row, column, detections)` window by window, and their probabilities.

    The probabilities are blended as a U-Net's are; a pixel's is 1 - product(1 - score x mask) over the detections of
    its class.
    """
    classes = len(predictor.card.classes)
    blender = Blender(scan.windows, classes - 1)
    for strip in _strips(scan, progress or Silent()):
        for cols, images in _batches(scan, strip):
            for col, found in zip(cols, predictor.detections(images), strict=True):
                take(scan.windows.rows[strip.row], scan.windows.cols[col], found)
                blender.add(strip.row, col, merged(found, classes)[1:])
        yield from _finished(blender, strip)


def merged(found: Detections, classes: int) -> Floats:
    """The probability of each class at each pixel, float32 (classes, rows, columns), of one window's detections.

    They are taken as independent, as `MaskRcnn` does: sea is where none of them is, the rest is shared out by class.
    """
    absent = np.ones((classes, *found.masks.shape[1:]), np.float32)
    for label, score, mask in zip(found.labels, found.scores, found.masks, strict=True):
        absent[label] *= 1 - score * mask
    sea, present = absent[1:].prod(axis=0), 1 - absent[1:]
    share = present / np.maximum(present.sum(axis=0), np.float32(1e-12))
    return np.concatenate([sea[None], (1 - sea) * share])


def _finished(blender: Blender, strip: _Strip) -> Iterator[Rows]:
    for start, rows in blender.finished(strip.row, BLOCK_ROWS):
        first = start - blender.begin(strip.row)
        valid = strip.valid[first : first + rows.shape[1], : rows.shape[2]]
        yield Rows(start, rows * valid, valid)


def _strips(scan: Scan, progress: Progress) -> Iterator[_Strip]:
    """Each row of windows; what it shares with the row above is not read again."""
    windows, prepared = scan.windows, scan.prepared
    height, width = windows.height_width
    size, begins = windows.size, windows.rows
    pixels = np.zeros((len(prepared.channels), size, windows.padded_height_width[1]), dtype=np.uint8)
    worth = np.zeros(pixels.shape[1:], dtype=bool)
    shared = 0
    progress.start(f"Predicting {prepared.scene.scene_id}", len(begins))
    try:
        for row, begin in enumerate(begins):
            if shared:
                for plane in (*pixels, worth):
                    plane[:shared] = plane[size - shared :].copy()
            pixels[:, shared:], worth[shared:] = 0, False
            stop = min(begin + size, height)
            prepared.fill(pixels[:, shared:], begin + shared)
            worth[shared : stop - begin, :width] = _measured(scan, pixels[0, shared : stop - begin, :width])
            valid = worth.copy()
            if scan.sea is not None:
                worth[shared : stop - begin, :width] &= scan.sea.rows(begin + shared, stop)
                valid = worth.copy() if scan.masks_land else _whole_measured(scan, pixels[0], stop - begin)
            yield _Strip(row, pixels, valid, worth)
            shared = begin + size - begins[row + 1] if row + 1 < len(begins) else 0
            progress.advance()
    finally:
        progress.finish()


def _measured(scan: Scan, image: NDArray[np.uint8]) -> Bools:
    nodata = scan.prepared.scene.nodata
    return np.ones(image.shape, dtype=bool) if nodata is None else image != nodata


def _whole_measured(scan: Scan, image: NDArray[np.uint8], rows: int) -> Bools:
    """Where a strip holds data, land or sea, (size, padded width)."""
    valid = np.zeros(image.shape, dtype=bool)
    width = scan.windows.height_width[1]
    valid[:rows, :width] = _measured(scan, image[:rows, :width])
    return valid


def _batches(scan: Scan, strip: _Strip) -> Iterator[tuple[list[int], Floats]]:
    """The windows of a row that are worth asking for: their columns and images, float32 in [0, 1]."""
    size, begins = scan.windows.size, scan.windows.cols
    cols = [col for col, begin in enumerate(begins) if strip.worth[:, begin : begin + size].any()]
    for start in range(0, len(cols), scan.batch_size):
        batch = cols[start : start + scan.batch_size]
        images = np.stack([strip.pixels[:, :, begins[col] : begins[col] + size] for col in batch])
        yield batch, np.divide(images, 255, dtype=np.float32)


def _flipped(predictor: Predictor) -> Callable[[Floats], Floats]:
    """Asks for the mean over the image, its two mirror images and its half turn."""

    def ask(images: Floats) -> Floats:
        total = predictor.probabilities(images).copy()
        for axes in ((2,), (3,), (2, 3)):
            total += np.flip(predictor.probabilities(np.ascontiguousarray(np.flip(images, axes))), axes)
        return np.asarray(total / 4, dtype=np.float32)

    return ask
