"""A scene's numbers as they were measured, 16 bits wide, where its source has more than 8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SceneError
from ceruleanml.scenes.blocks import block_means
from ceruleanml.scenes.photopea import find_background
from ceruleanml.scenes.product_files import find_files
from ceruleanml.scenes.raster import open_dataset
from ceruleanml.scenes.reading import is_safe
from ceruleanml.scenes.scene import NODATA, Scene
from ceruleanml.storage import gdal_environment, is_remote

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

HIGHEST = 65535


class WideReader:
    """Reads the first band of a raster as uint16: other numbers clipped to 0..65535, nodata as 0."""

    def __init__(self, path: str, label: str) -> None:
        self._path, self._label = path, label
        self._dataset: DatasetReader | None = None

    @property
    def dataset(self) -> DatasetReader:
        """The raster, opened once."""
        if self._dataset is None:
            self._dataset = open_dataset(self._path)
        return self._dataset

    def rows(self, start: int, stop: int, factor: int = 1) -> NDArray[np.uint16]:
        """Rows start..stop (exclusive) as uint16, averaged in blocks with a factor above 1. Raises SceneError."""
        from rasterio.errors import RasterioIOError

        try:
            with gdal_environment():
                pixels: NDArray[Any] = self.dataset.read(1, window=((start, stop), (0, self.dataset.width)))
        except RasterioIOError as error:
            raise SceneError(f"{self._label}: is truncated or damaged near row {start}; fetch it again") from error
        nodata = self.dataset.nodata
        if nodata not in (None, NODATA):
            pixels = np.where(pixels == nodata, NODATA, pixels)
        if pixels.dtype != np.uint16:
            pixels = np.clip(pixels, 0, HIGHEST)
        if factor > 1:
            pixels = np.floor(block_means(pixels, pixels > NODATA, factor)[0] + 0.5)
        return pixels.astype(np.uint16, copy=False)


def wide_reader(location: str, scene: Scene, bits: int | None) -> WideReader | None:
    """The reader of 16 bits for a scene, or None where its 8-bit pixels are to be taken.

    `bits` is 8, 16, or None: 16 where the source has them. Decibels (`sigma0_db`) are 8 bits. Raises SceneError where
    16 bits are asked for and there are none.
    """
    if bits == 8:
        return None
    calibrated = scene.radiometry.name != "dn"
    reader = None if calibrated else _reader(location, scene)
    if reader is None and bits == 16:
        why = "its decibels are laid on 8 bits" if calibrated else "its source holds 8-bit pixels"
        raise SceneError(f"{location}: {why}; leave --bits out, or give --bits 8")
    return reader


def _reader(location: str, scene: Scene) -> WideReader | None:
    if is_safe(location):
        files = find_files(location)
        name = files.only("measurement", scene.band)
        found = WideReader(files.gdal_path(name), files.label(name))
    elif not is_remote(location) and _is_photopea(location):
        return None
    else:
        found = WideReader(location, location)
    return None if found.dataset.dtypes[0] == "uint8" else found


def _is_photopea(location: str) -> bool:
    from pathlib import Path

    return Path(location).is_dir() and find_background(Path(location)) is not None
