"""Context channels sampled from a raster of one band: bilinear at the grid's pixel centres, then scaled to 0..255.

Pixels without a value (nodata, not finite, negative) count as the channel's `outside`, and so does all ground that the
raster does not cover.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.errors import ContextError, GeoreferenceError
from ceruleanml.scenes.context_vectors import Box, Floats
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import Grid
from ceruleanml.scenes.sampling import Axis, Bytes, Field, SpreadField

HELD_PIXELS = 1 << 24
"""A raster with more pixels over the scene than this is read strip by strip instead of being held in memory."""
BLOCK_ROWS = 64
"""Rows of the grid whose places in a raster of another projection are computed together."""


@dataclass(frozen=True)
class Scaling:
    """What turns a raster's values into 0..255: a factor, and the 8-bit value of ground without one."""

    factor: float
    outside: int


@dataclass(frozen=True)
class RasterWindow:
    """A rectangle of a raster's pixels, read as 0..255 float32."""

    path: str
    label: str
    rows: tuple[int, int]
    cols: tuple[int, int]
    scaling: Scaling

    def field_rows(self, first: int, stop: int) -> Field:
        """Rows first..stop of the window, counted from its own first row; fewer where the window ends."""
        from rasterio.windows import Window

        top = self.rows[0]
        stop = min(top + stop, self.rows[1])
        window = Window.from_slices((top + first, stop), self.cols)
        with opened(self.path, self.label) as dataset:
            read = dataset.read(1, window=window, masked=True)
            values = np.asarray(read.data, dtype=np.float32) * np.float32(dataset.scales[0])
            values += np.float32(dataset.offsets[0])
        known = ~np.ma.getmaskarray(read) & np.isfinite(values) & (values >= 0)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.minimum(values * np.float32(self.scaling.factor), np.float32(1e30))
        return np.where(known, scaled, np.float32(self.scaling.outside))

    @property
    def height_width(self) -> tuple[int, int]:
        """The window's height and width in pixels."""
        return self.rows[1] - self.rows[0], self.cols[1] - self.cols[0]


@dataclass(frozen=True)
class ProjectedField:
    """A context channel from a raster in another projection, or a rotated one: bilinear, in blocks of whole rows."""

    name: str
    inputs: tuple[str, ...]
    field: Field
    georeference: AffineGeoreference
    grid: Grid
    outside: int

    def rows(self, start: int, stop: int) -> Bytes:
        """Rows start..stop (exclusive) of the grid as uint8 (rows, columns)."""
        first = start // BLOCK_ROWS * BLOCK_ROWS
        blocks = [self._block(row) for row in range(first, stop, BLOCK_ROWS)]
        empty = np.empty((0, self.grid.height_width[1]), dtype=np.uint8)
        return np.concatenate([empty, *blocks])[start - first : stop - first]

    def _block(self, start: int) -> Bytes:
        from scipy.ndimage import map_coordinates

        latitudes = self.grid.latitudes(start, start + BLOCK_ROWS)
        with np.errstate(invalid="ignore"):  # places that the projection does not reach are infinite
            rows, cols = self.georeference.source_row_col(self.grid.longitudes, latitudes)
        height, width = self.field.shape
        covered = (rows >= 0) & (rows <= height) & (cols >= 0) & (cols <= width)
        at = np.stack([np.where(covered, rows - 0.5, 0), np.where(covered, cols - 0.5, 0)])
        values = map_coordinates(self.field, at, order=1, mode="nearest", output=np.float32)
        rounded = np.minimum(values + np.float32(0.5), np.float32(255.5)).astype(np.uint8)
        return np.where(covered, rounded, np.uint8(self.outside))


def open_raster(
    name: str, path: str, inputs: tuple[str, ...], bounds: Box | None, grid: Grid, scaling: Scaling
) -> SpreadField | ProjectedField:
    """The channel of a raster on a grid; `bounds` (degrees) tell where it lies, whatever the file says of that.

    Raises ContextError for what is no raster of one band, or lies nobody knows where.
    """
    label = inputs[0]
    with opened(path, label) as dataset:
        if dataset.count != 1:
            raise ContextError(f"{label}: has {dataset.count} bands; give a raster of one band")
        height_width = int(dataset.height), int(dataset.width)
        georeference = _georeference(dataset, bounds, label)
    if _is_upright(georeference):
        return _spread(name, path, inputs, height_width, georeference.transform, grid, scaling)
    return _projected(name, path, inputs, height_width, georeference, grid, scaling)


@contextmanager
def opened(path: str, label: str) -> Iterator[Any]:
    """The raster, open; what GDAL refuses then becomes a ContextError that names `label`."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                yield dataset
    except RasterioError as error:
        raise ContextError(f"{label}: cannot be read as a raster: {' '.join(str(error).split())}") from error


def _georeference(dataset: Any, bounds: Box | None, label: str) -> AffineGeoreference:
    if bounds is not None:
        west, south, east, north = bounds
        size = (east - west) / dataset.width, (south - north) / dataset.height
        return AffineGeoreference(Affine(size[0], 0, west, 0, size[1], north), "EPSG:4326")
    if dataset.crs is None or dataset.transform.is_identity:
        lacks = "CRS" if dataset.crs is None else "transform"
        raise ContextError(f"{label}: has no {lacks}; say where it lies by adding @WEST,SOUTH,EAST,NORTH in degrees")
    try:
        return AffineGeoreference(dataset.transform, dataset.crs.to_wkt())
    except GeoreferenceError as error:
        raise ContextError(f"{label}: {error}") from error


def _is_upright(georeference: AffineGeoreference) -> bool:
    """Whether rows run along parallels and columns along meridians."""
    from pyproj import CRS

    transform = georeference.transform
    if transform.b or transform.d:
        return False
    return CRS.from_user_input(georeference.crs).equals(CRS.from_epsg(4326), ignore_axis_order=True)


def _spread(
    name: str,
    path: str,
    inputs: tuple[str, ...],
    height_width: tuple[int, int],
    transform: Affine,
    grid: Grid,
    scaling: Scaling,
) -> SpreadField:
    middle_of_raster = transform.c + transform.a * height_width[1] / 2
    longitudes = grid.longitudes
    turns = round((middle_of_raster - longitudes.mean()) / 360)
    cols = (longitudes + 360 * turns - transform.c) / transform.a - 0.5
    rows = (grid.latitudes(0, grid.height_width[0]) - transform.f) / transform.e - 0.5
    window = _window(path, inputs[0], rows, cols, height_width, scaling)
    row_axis, col_axis = Axis.of(rows, height_width[0]), Axis.of(cols, height_width[1])
    row_axis = Axis(row_axis.before - window.rows[0], row_axis.share, row_axis.inside)
    col_axis = Axis(col_axis.before - window.cols[0], col_axis.share, col_axis.inside)
    source = window.field_rows
    if window.height_width[0] * window.height_width[1] <= HELD_PIXELS:
        held = window.field_rows(0, window.height_width[0])
        source = lambda first, stop: held[first:stop]  # noqa: E731
    return SpreadField(name, inputs, source, row_axis, col_axis, scaling.outside)


def _projected(
    name: str,
    path: str,
    inputs: tuple[str, ...],
    height_width: tuple[int, int],
    georeference: AffineGeoreference,
    grid: Grid,
    scaling: Scaling,
) -> ProjectedField:
    longitudes, latitudes = grid.longitudes, grid.latitudes(0, grid.height_width[0])
    across = np.linspace(longitudes[0], longitudes[-1], 65)
    down = np.linspace(latitudes[0], latitudes[-1], 65)
    with np.errstate(invalid="ignore"):
        rows, cols = georeference.source_row_col(across, down)
    finite = np.isfinite(rows) & np.isfinite(cols)
    margin = 2 + max((float(np.ptp(axis[finite])) for axis in (rows, cols) if finite.any()), default=0.0) / 64
    around = np.array([-margin, margin])
    window = _window(path, inputs[0], _ends(rows[finite]) + around, _ends(cols[finite]) + around, height_width, scaling)
    t, row, col = georeference.transform, window.rows[0], window.cols[0]
    moved = Affine(t.a, t.b, t.a * col + t.b * row + t.c, t.d, t.e, t.d * col + t.e * row + t.f)
    field = window.field_rows(0, window.height_width[0])
    return ProjectedField(name, inputs, field, AffineGeoreference(moved, georeference.crs), grid, scaling.outside)


def _ends(positions: Floats) -> NDArray[np.float64]:
    return np.array([positions.min(initial=np.inf), positions.max(initial=-np.inf)]) if len(positions) else np.zeros(2)


def _window(
    path: str, label: str, rows: Floats, cols: Floats, height_width: tuple[int, int], scaling: Scaling
) -> RasterWindow:
    """The raster's pixels that bilinear sampling at those positions needs, at least one each way."""
    spans = []
    for positions, length in zip((rows, cols), height_width, strict=True):
        low, high = np.clip([positions.min() - 1, positions.max() + 2], 0, length - 1)
        spans.append((int(np.floor(low)), int(np.ceil(high)) + 1))
    return RasterWindow(path, label, spans[0], spans[1], scaling)
