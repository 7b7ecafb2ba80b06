"""Sentinel-1 GRD products: a .SAFE folder or zip, here or in a bucket, as a scene.

Peak memory is that of the rows asked for plus about 100 MB, whatever the product's size.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import GeoreferenceError, SceneError, UsageError
from ceruleanml.scenes.blocks import block_means
from ceruleanml.scenes.calibration import (
    LineVectors,
    Noise,
    NoiseTable,
    Table,
    db_bytes,
    dn_bytes,
    parse_calibration,
    parse_noise,
    sigma0,
)
from ceruleanml.scenes.georeference import GroundControlPoints
from ceruleanml.scenes.product_files import POLARISATIONS, ProductFiles, find_files
from ceruleanml.scenes.product_xml import integer_of, numbers_of, parse_xml, text_of
from ceruleanml.scenes.raster import stem_of
from ceruleanml.scenes.scene import NODATA, Radiometry, Scene
from ceruleanml.storage import gdal_environment

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

DN = NDArray[np.unsignedinteger[Any]]
CHUNK_PIXELS = 1 << 20
"""Pixels calibrated at once."""


def open_safe(location: str, polarisation: str = "vv", radiometry: Radiometry | None = None) -> Scene:
    """The scene of a Sentinel-1 GRD product, its ground control points taken from the annotation.

    `location` is a .SAFE folder or a zip that holds one: a local path, gs:// or s3://. Raises SceneError (no such
    polarisation, not a GRD product, unreadable, truncated, a zip member that leaves its folder), GeoreferenceError
    (no or unusable ground control points) and UsageError (unknown polarisation).
    """
    radiometry = radiometry or Radiometry()
    polarisation = polarisation.lower()
    if polarisation not in POLARISATIONS:
        raise UsageError(f"polarisation {polarisation!r} is not known; choose from {', '.join(POLARISATIONS)}")
    files = find_files(location)
    annotation, height_width, points = _read_annotation(files, polarisation)
    measurement = files.only("measurement", polarisation)
    calibration, noise, names = _read_calibration(files, polarisation, radiometry)
    reader = SafeReader(files.gdal_path(measurement), files.label(measurement), radiometry, calibration, noise)
    reader.check(height_width)
    return Scene(
        stem_of(location),
        location,
        height_width,
        points,
        NODATA,
        polarisation,
        radiometry,
        reader,
        files.inputs(measurement, annotation, *names),
    )


class SafeReader:
    """Reads a product's measurement as 8-bit pixels. It can be pickled; each process opens the file for itself."""

    def __init__(
        self, path: str, label: str, radiometry: Radiometry, calibration: LineVectors | None, noise: Noise | None
    ) -> None:
        self._path = path
        self._label = label
        self._radiometry = radiometry
        self._calibration = calibration
        self._noise = noise
        self._open: _Open | None = None

    def check(self, height_width: tuple[int, int]) -> None:
        """Raise SceneError where the measurement is not an image of amplitudes of that size."""
        dataset = self._opened().dataset
        if dataset.dtypes[0] not in ("uint8", "uint16"):
            raise SceneError(f"{self._label}: holds {dataset.dtypes[0]} numbers; only GRD amplitudes (uint16) are read")
        if (dataset.height, dataset.width) != height_width:
            raise SceneError(
                f"{self._label}: is {dataset.height} x {dataset.width} pixels, its annotation says "
                f"{height_width[0]} x {height_width[1]}; fetch the product again"
            )

    def rows(self, start: int, stop: int, factor: int = 1) -> NDArray[np.uint8]:
        """Rows start..stop (exclusive) as uint8 (rows, columns), averaged in blocks with a factor above 1.

        Amplitude is averaged for `dn`, power for `sigma0_db`. Raises SceneError for a truncated measurement.
        """
        opened = self._opened()
        width = opened.dataset.width
        pixels = np.empty(((stop - start) // factor, width // factor), dtype=np.uint8)
        step = max(1, CHUNK_PIXELS // (width * factor)) * factor
        with gdal_environment(siblings=False):
            for row in range(start, stop, step):
                end = min(row + step, stop)
                chunk = self._to_bytes(opened, self._read(opened, row, end), row, end, factor)
                pixels[(row - start) // factor : (end - start) // factor] = chunk
        return pixels

    def _read(self, opened: _Open, start: int, stop: int) -> DN:
        from rasterio.errors import RasterioIOError

        try:
            pixels: DN = opened.dataset.read(1, window=((start, stop), (0, opened.dataset.width)))
        except RasterioIOError as error:
            raise SceneError(f"{self._label}: is truncated or damaged near row {start}; fetch it again") from error
        return pixels

    def _to_bytes(self, opened: _Open, dn: DN, start: int, stop: int, factor: int) -> NDArray[np.uint8]:
        valid = dn > NODATA
        if opened.lut is None:
            return dn_bytes(dn if factor == 1 else np.floor(block_means(dn, valid, factor)[0] + 0.5))
        noise = None if opened.noise is None else opened.noise.rows(start, stop)
        power = sigma0(dn, opened.lut.rows(start, stop), noise)
        if factor > 1:
            power, valid = block_means(power, valid, factor)
        return db_bytes(power, valid, self._radiometry.db_range)

    def _opened(self) -> _Open:
        if self._open is None:
            dataset = _open_measurement(self._path, self._label)
            lut = None if self._calibration is None else self._calibration.across(dataset.width)
            noise = None if self._noise is None else self._noise.across(dataset.width)
            self._open = _Open(dataset, lut, noise)
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}


@dataclass(frozen=True, eq=False)
class _Open:
    """What a reader keeps between calls: the open measurement, and its tables at the image's width."""

    dataset: DatasetReader
    lut: Table | None
    noise: NoiseTable | None


def _read_annotation(files: ProductFiles, polarisation: str) -> tuple[str, tuple[int, int], GroundControlPoints]:
    """The annotation's name, the image's height and width, and its ground control points.

    A point's line and pixel are used as they are, just as the measurement's own tags repeat them. Raises SceneError
    where the product is not GRD (SLC is complex, say), whatever polarisations it holds.
    """
    annotations = files.of_kind("annotation")
    first = (annotations.get(polarisation) or sum(annotations.values(), []))[:1]
    name = first[0] if first else files.only("annotation", polarisation)
    label = files.label(name)
    root = parse_xml(files.read(name), label)
    product_type = text_of(root, "adsHeader/productType", label)
    if product_type != "GRD":
        raise SceneError(f"{files.location}: is a product of type {product_type}; only GRD products are read")
    name = files.only("annotation", polarisation)
    image = "imageAnnotation/imageInformation/"
    height_width = integer_of(root, f"{image}numberOfLines", label), integer_of(root, f"{image}numberOfSamples", label)
    return name, height_width, _ground_control_points(root, label)


def _ground_control_points(root: Element, label: str) -> GroundControlPoints:
    grid = root.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    tags = ("line", "pixel", "longitude", "latitude")
    numbers = [[float(numbers_of(point, tag, label)[0]) for tag in tags] for point in grid]
    try:
        return GroundControlPoints(tuple((n[0], n[1]) for n in numbers), tuple((n[2], n[3]) for n in numbers))
    except GeoreferenceError as error:
        raise GeoreferenceError(f"{label}: {error}") from error


def _read_calibration(
    files: ProductFiles, polarisation: str, radiometry: Radiometry
) -> tuple[LineVectors | None, Noise | None, tuple[str, ...]]:
    """The calibration and noise that the radiometry needs, and the files they come from."""
    if radiometry.name == "dn":
        return None, None, ()
    name = files.only("calibration", polarisation)
    calibration = parse_calibration(files.read(name), files.label(name))
    if not radiometry.subtract_noise:
        return calibration, None, (name,)
    noise_name = files.only("noise", polarisation)
    return calibration, parse_noise(files.read(noise_name), files.label(noise_name)), (name, noise_name)


def _open_measurement(path: str, label: str) -> DatasetReader:
    """The measurement, opened as GeoTIFF and as nothing else."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioIOError

    try:
        with warnings.catch_warnings(), gdal_environment(siblings=False):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path, driver="GTiff")
    except RasterioIOError as error:
        raise SceneError(f"{label}: cannot be read as a GeoTIFF; it is missing, truncated or damaged") from error
