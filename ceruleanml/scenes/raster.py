"""Scenes that are one raster: GeoTIFF or COG, a Photopea background, a plain image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import GeoreferenceError, SceneError
from ceruleanml.scenes.blocks import block_means
from ceruleanml.scenes.georeference import AffineGeoreference, Georeference, GroundControlPoints
from ceruleanml.scenes.intact import check_intact
from ceruleanml.scenes.scene import NODATA, Radiometry, Scene
from ceruleanml.storage import gdal_environment, gdal_path, is_remote

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

MAX_PIXELS = 1 << 32
"""Ten times a full product; a header that says more is damaged, and nobody's memory would hold the image."""
WHOLE_NUMBERS = ("uint8", "uint16", "int16", "uint32", "int32")


class RasterReader:
    """Reads the first band as 8-bit amplitude: palettes through their colours, wider numbers clipped to 0..255."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._dataset: DatasetReader | None = None
        self._lut: NDArray[np.uint8] | None = None
        self._nodata: float | None = None

    def rows(self, start: int, stop: int, factor: int = 1) -> NDArray[np.uint8]:
        """Rows start..stop (exclusive) as uint8 (rows, columns), averaged in blocks with a factor above 1."""
        from rasterio.errors import RasterioIOError

        if self._dataset is None:
            self._dataset = open_dataset(self._location)
            self._lut = _palette(self._dataset)
            self._nodata = self._dataset.nodata
        window = ((start, stop), (0, self._dataset.width))
        try:
            with gdal_environment():
                pixels = self._dataset.read(1, window=window)
        except RasterioIOError as error:
            raise SceneError(f"{self._location}: is truncated or damaged near row {start}; fetch it again") from error
        pixels = self._amplitudes(pixels)
        if factor > 1:
            means, _ = block_means(pixels, pixels > NODATA, factor)
            pixels = np.floor(means + 0.5)
        return _clipped(pixels)

    def _amplitudes(self, pixels: NDArray[Any]) -> NDArray[Any]:
        if self._lut is not None:
            return np.asarray(self._lut[pixels])
        if self._nodata not in (None, NODATA):
            return np.where(pixels == self._nodata, NODATA, pixels)
        return pixels

    def __getstate__(self) -> dict[str, Any]:
        return {"_location": self._location, "_dataset": None, "_lut": None, "_nodata": None}


def _clipped(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return pixels if pixels.dtype == np.uint8 else np.asarray(np.clip(pixels, 0, 255), dtype=np.uint8)


def open_raster(location: str, scene_id: str, georeference: Georeference | None = None, band: str = "vv") -> Scene:
    """The scene in a raster file, with its own georeference unless another is given.

    A raster with a georeference has nodata 0; one without is a plain image, where every pixel counts.
    Raises SceneError for a file that cannot be read or holds no whole numbers.
    """
    if not is_remote(location):
        check_intact(Path(location))
    with open_dataset(location) as dataset:
        if dataset.height * dataset.width > MAX_PIXELS:
            raise SceneError(f"{location}: says it has {dataset.height} x {dataset.width} pixels; too many, or damaged")
        if _has_palette(dataset) and dataset.dtypes[0] != "uint8":
            raise SceneError(f"{location}: holds a palette of {dataset.dtypes[0]}; export it as gray")
        if dataset.dtypes[0] not in WHOLE_NUMBERS:
            raise SceneError(
                f"{location}: holds {dataset.dtypes[0]} numbers; give amplitude DN as uint8 or uint16: "
                "docs/howto/own_sensor.md shows how to make them"
            )
        height_width = (dataset.height, dataset.width)
        georeference = georeference or georeference_of(dataset, location)
    nodata = None if georeference is None else NODATA
    return Scene(
        scene_id, location, height_width, georeference, nodata, band, Radiometry(), RasterReader(location), (location,)
    )


def open_dataset(location: str) -> DatasetReader:
    """The raster, opened by GDAL. Raises SceneError."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings(), gdal_environment():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(gdal_path(location))
    except RasterioIOError as error:
        raise SceneError(f"{location}: cannot be read as an image: {_reason(error)}") from error
    if dataset.count < 1:
        raise SceneError(f"{location}: holds no band")
    return dataset


def georeference_of(dataset: DatasetReader, location: str) -> Georeference | None:
    """A raster's own georeference: its ground control points, else its transform, else None."""
    points, crs = dataset.gcps
    try:
        if points:
            return _ground_control_points(points, crs)
        if dataset.crs is not None and not dataset.transform.is_identity:
            return AffineGeoreference(dataset.transform, dataset.crs.to_wkt())
    except GeoreferenceError as error:
        raise GeoreferenceError(f"{location}: {error}") from error
    return None


def _ground_control_points(points: list[Any], crs: Any) -> GroundControlPoints:
    x, y = [point.x for point in points], [point.y for point in points]
    if crs is not None and crs.to_epsg() != 4326:
        from pyproj import Transformer

        x, y = Transformer.from_crs(crs.to_wkt(), "EPSG:4326", always_xy=True).transform(x, y)
    rows_cols = tuple((float(point.row), float(point.col)) for point in points)
    return GroundControlPoints(rows_cols, tuple(zip(map(float, x), map(float, y), strict=True)))


def _has_palette(dataset: DatasetReader) -> bool:
    from rasterio.enums import ColorInterp

    return bool(dataset.colorinterp[0] == ColorInterp.palette)


def _palette(dataset: DatasetReader) -> NDArray[np.uint8] | None:
    """The red value of each palette index (backgrounds are gray, all three alike), or None without a palette."""
    if not _has_palette(dataset):
        return None
    colours = dataset.colormap(1)
    return np.array([colours.get(index, (0,))[0] for index in range(256)], dtype=np.uint8)


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if len(text) < 200 else text[:200] + "…"


def stem_of(location: str) -> str:
    """The scene id that a file or folder's name gives: its last part without suffix."""
    name = PurePosixPath(location.rstrip("/")).name
    for suffix in (".SAFE.zip", ".SAFE", ".zip", ".tar"):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return PurePosixPath(name).stem
