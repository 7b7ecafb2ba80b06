"""The pixels of a window of a tile, and what all training tiles hold in the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import AnnotationRecord, Dataset, TileRecord
from ceruleanml.datasets.statistics import valid_mask
from ceruleanml.errors import DatasetError
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.grid import Window

WHOLE_PX = 2048 * 2048
"""Tiles up to this many pixels are read whole; of larger ones, which are whole scenes, only the window."""
GREY_STEP = 1 / 255


@dataclass(frozen=True)
class Tile:
    """A tile to learn from, or a window of one; `window` counts in its pixels, `pieces` are those that lie there."""

    dataset: Dataset
    record: TileRecord
    window: Window
    pieces: tuple[AnnotationRecord, ...]

    @property
    def tile_id(self) -> str:
        """The tile's id; a window's row and column in it follow where it is not the whole tile."""
        whole = (self.window.height, self.window.width) == self.record.height_width
        return self.record.tile_id if whole else f"{self.record.tile_id}@{self.window.row}_{self.window.col}"

    @property
    def scene_id(self) -> str:
        """The scene that the tile is of."""
        return self.record.scene_id


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel over valid pixels, in [0, 1]; a constant channel's deviation is 1."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def is_large(record: TileRecord) -> bool:
    """Whether a tile is so large, as whole scenes are, that it is read window by window."""
    return record.height_width[0] * record.height_width[1] > WHOLE_PX


def read_pixels(
    dataset: Dataset, record: TileRecord, window: Window, bands: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The pixels, uint8 (bands, rows, columns), of a window of a tile, and which of them (rows, columns) hold data.

    `bands` are numbers of the data set's channels. Raises DatasetError for a file that cannot be read.
    """
    if is_large(record):
        pixels = _window_of_file(dataset.path(record), window, len(dataset.channels))
    else:
        pixels = dataset.read(record)
        pixels = pixels[:, window.row : window.row + window.height, window.col : window.col + window.width]
    placed = Window(record.window.row + window.row, record.window.col + window.col, window.height, window.width)
    part = replace(record, height_width=(window.height, window.width), window=placed)
    valid = valid_mask(pixels, part, dataset.scene(record.scene_id))
    return (pixels if list(bands) == list(range(len(pixels))) else pixels[list(bands)]), valid


def statistics_of(tiles: Sequence[Tile], bands: Sequence[int], progress: Progress | None = None) -> Statistics:
    """The statistics of the chosen channels over the valid pixels of the tiles, each read once.

    Sums are of whole numbers, so neither the order of tiles nor rounding matters. A deviation below one grey step, by
    which a network's input would be blown up, is taken as one step.
    """
    progress = progress or Silent()
    histograms = np.zeros((len(bands), 256), np.int64)
    progress.start("Reading training tiles", len(tiles))
    try:
        for tile in tiles:
            pixels, valid = read_pixels(tile.dataset, tile.record, tile.window, bands)
            shown = pixels.reshape(len(pixels), -1) if valid.all() else pixels[:, valid]
            histograms += np.stack([np.bincount(band, minlength=256) for band in shown])
            progress.advance()
    finally:
        progress.finish()
    figures = [_mean_and_deviation(histogram) for histogram in histograms]
    return Statistics(tuple(mean for mean, _ in figures), tuple(deviation for _, deviation in figures))


def holds_data(tile: Tile) -> bool:
    """Whether a tile holds any valid pixel; a window of a large one is looked at, the record of others is believed."""
    if not is_large(tile.record):
        return tile.record.valid_fraction != 0
    return bool(read_pixels(tile.dataset, tile.record, tile.window, [0])[1].any())


def _mean_and_deviation(histogram: NDArray[np.int64]) -> tuple[float, float]:
    values = np.arange(256)
    count, total = int(histogram.sum()), int(histogram @ values)
    if not count:
        return 0.0, 1.0
    spread = count * int(histogram @ values**2) - total**2
    deviation = float(spread**0.5 / count / 255)
    return total / count / 255, max(deviation, GREY_STEP) if spread else 1.0


def _window_of_file(path: Path, window: Window, bands: int) -> NDArray[np.uint8]:
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    from ceruleanml.storage import gdal_environment

    place = ((window.row, window.row + window.height), (window.col, window.col + window.width))
    try:
        with warnings.catch_warnings(), gdal_environment(siblings=False):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            file = rasterio.open(path)
        with file:
            if file.count != bands or set(file.dtypes) != {"uint8"}:
                raise DatasetError(f"{path}: does not hold {bands} bands of 8 bits; make the data set again")
            pixels = np.asarray(file.read(window=place))
    except (RasterioError, OSError) as error:
        raise DatasetError(f"{path}: the scene is truncated or corrupt; make the data set again") from error
    if pixels.shape[1:] != (window.height, window.width):
        raise DatasetError(f"{path}: is smaller than the data set says; make it again")
    return pixels
