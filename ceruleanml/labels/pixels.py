"""Finding the labelled pixels of an image file: where they are, and which colours they have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import LabelError, SceneError
from ceruleanml.labels.instances import Mask, bounding_box
from ceruleanml.scenes.intact import check_intact
from ceruleanml.scenes.raster import open_dataset
from ceruleanml.storage import gdal_environment

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

Bytes = NDArray[np.uint8]
Rgb = tuple[int, int, int]
STRIP_ROWS = 128
"""Rows examined at once, so that they stay in the processor's cache."""
WHOLE_BYTES = 1 << 27
"""Files of up to this many bytes of pixels are decoded in one go, which GDAL does several times faster for PNG."""


@dataclass(frozen=True)
class Labelled:
    """The labelled pixels of a file: their bounding box and, if asked for, how often each colour occurs among them."""

    row: int
    col: int
    mask: Mask
    colours: Counter[Rgb]
    has_alpha: bool


@dataclass(frozen=True)
class Decoder:
    """What a file's bands mean. `palette` is (256, 4): red, green, blue, alpha of each index."""

    palette: Bytes | None
    has_alpha: bool
    factor: int

    def alpha(self, bands: Bytes) -> Bytes:
        """Opacity (rows, columns) of bands (bands, rows, columns) with alpha, 0 to 255."""
        opacity: Bytes = bands[-1] if self.palette is None else np.take(self.palette[:, 3], bands[0])
        return opacity

    def brightness(self, bands: Bytes) -> Bytes:
        """The brightest of red, green and blue (rows, columns), 0 to 255; alpha takes no part."""
        if self.palette is not None:
            brightest: Bytes = np.take(self.palette[:, :3].max(axis=1), bands[0])
            return brightest
        colour = bands[: len(bands) - self.has_alpha]
        brightest = colour[0] if len(colour) == 1 else colour.max(axis=0)
        return brightest if self.factor == 1 else brightest * np.uint8(self.factor)

    def colours(self, bands: Bytes, mask: Mask) -> Counter[Rgb]:
        """How often each colour occurs where the mask is set."""
        if self.palette is not None:
            counts = np.bincount(bands[0][mask], minlength=256)
            used = np.flatnonzero(counts)
            rows = zip(self.palette[used, :3].tolist(), counts[used].tolist(), strict=True)
        else:
            colour = bands[: len(bands) - self.has_alpha][[0, 0, 0] if len(bands) < 3 else [0, 1, 2]]
            red, green, blue = (channel[mask].astype(np.uint32) for channel in colour)
            codes, counts = np.unique(red << 16 | green << 8 | blue, return_counts=True)
            rgb = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
            rows = zip(rgb.tolist(), counts.tolist(), strict=True)
        found: Counter[Rgb] = Counter()
        for (red, green, blue), count in rows:
            found[red, green, blue] += count
        return found


def find_labelled(path: Path, height_width: tuple[int, int], threshold: int, is_layer: bool) -> Labelled | int:
    """The labelled pixels of a file, or the greatest strength in it (below `threshold`) where there are none.

    A pixel is labelled where its strength is `threshold` or more. In a layer (`is_layer`) strength is opacity, or
    without alpha the brightest channel; in a mask it is the brightest channel, or opacity where that is less.
    Holds a few rows beside the result, or the whole file where that is small. Raises LabelError for a file that is
    truncated, of another size than (height, width) or not of 8-bit pixels.
    """
    parts: list[tuple[int, int, Mask]] = []
    colours: Counter[Rgb] = Counter()
    greatest = 0
    with _opened(path) as dataset, gdal_environment():
        decoder = _decoder(dataset, path, height_width)
        for start, bands in _strips(dataset, path):
            strength = _strength(decoder, bands, is_layer)
            greatest = max(greatest, int(strength.max()))
            if greatest < threshold:
                continue
            on = strength >= threshold
            box = bounding_box(on)
            if box is None:
                continue
            row, col, height, width = box
            inside = np.s_[row : row + height, col : col + width]
            parts.append((start + row, col, on[inside].copy()))
            if is_layer:
                colours += decoder.colours(bands[:, *inside], on[inside])
    if not parts:
        return greatest
    row, col, mask = joined(parts)
    return Labelled(row, col, mask, colours, decoder.has_alpha)


def joined(parts: Iterable[tuple[int, int, Mask]]) -> tuple[int, int, Mask]:
    """First row, first column and mask of all parts (first row, first column, mask) laid into one frame."""
    parts = list(parts)
    row, col = min(part[0] for part in parts), min(part[1] for part in parts)
    height = max(top + mask.shape[0] for top, _, mask in parts) - row
    width = max(left + mask.shape[1] for _, left, mask in parts) - col
    whole = np.zeros((height, width), dtype=np.bool_)
    for top, left, mask in parts:
        whole[top - row : top - row + mask.shape[0], left - col : left - col + mask.shape[1]] |= mask
    return row, col, whole


def _opened(path: Path) -> DatasetReader:
    try:
        check_intact(path)
        return open_dataset(str(path))
    except SceneError as error:
        raise LabelError(str(error)) from error


def _decoder(dataset: DatasetReader, path: Path, height_width: tuple[int, int]) -> Decoder:
    from rasterio.enums import ColorInterp

    if (dataset.height, dataset.width) != tuple(height_width):
        raise LabelError(
            f"{path}: is {dataset.height} x {dataset.width} pixels but its scene is {height_width[0]} x "
            f"{height_width[1]}; export both at one size"
        )
    if set(dataset.dtypes) != {"uint8"} or dataset.count > 4:
        raise LabelError(
            f"{path}: holds {dataset.count} band(s) of {dataset.dtypes[0]}; give gray, palette, RGB or RGBA of 8 bits"
        )
    if dataset.colorinterp[0] == ColorInterp.palette:
        colours = dataset.colormap(1)
        palette = np.array([colours.get(index, (0, 0, 0, 0)) for index in range(256)], dtype=np.uint8)
        return Decoder(palette, any(colour[3] < 255 for colour in colours.values()), 1)
    bits = int(dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))
    return Decoder(None, dataset.count in (2, 4), 255 // (2**bits - 1))


def _strips(dataset: DatasetReader, path: Path) -> Iterator[tuple[int, Bytes]]:
    """First row and bands (bands, rows, columns) of each strip, downwards."""
    from rasterio.errors import RasterioIOError

    height, width = dataset.height, dataset.width
    try:
        whole = dataset.read() if dataset.count * height * width <= WHOLE_BYTES else None
        for start in range(0, height, STRIP_ROWS):
            stop = min(start + STRIP_ROWS, height)
            if whole is None:
                yield start, dataset.read(window=((start, stop), (0, width)))
            else:
                yield start, whole[:, start:stop]
    except RasterioIOError as error:
        raise LabelError(f"{path}: is truncated or damaged; export or fetch it again") from error


def _strength(decoder: Decoder, bands: Bytes, is_layer: bool) -> Bytes:
    if is_layer:
        return decoder.alpha(bands) if decoder.has_alpha else decoder.brightness(bands)
    brightness = decoder.brightness(bands)
    return np.minimum(brightness, decoder.alpha(bands)) if decoder.has_alpha else brightness
