"""The lattice of pixels that a scene is laid on: `native`, `serving` or the image's own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.errors import GeoreferenceError, UsageError
from ceruleanml.scenes.georeference import Georeference, check_lon_lat
from ceruleanml.scenes.scene import Scene

METRES_PER_DEGREE = 111_195.0
"""Length of one degree of latitude on a sphere of the Earth's mean radius (6,371 km)."""
MIN_RESOLUTION_M = 0.1
SERVING_ZOOM = 9
SERVING_TILE_PX = 512
SERVING_DEGREES_PER_PX = 180 / 2**SERVING_ZOOM / SERVING_TILE_PX
"""Pixel of the WorldCRS84Quad tile matrix set at zoom 9 with 512-pixel tiles: about 76 m of latitude."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: its first row and column, and its height and width. It may leave the grid."""

    row: int
    col: int
    height: int
    width: int

    @property
    def as_list(self) -> list[int]:
        """[row, column, height, width], as data sets store it."""
        return [self.row, self.col, self.height, self.width]

    def intersection(self, other: Window) -> Window | None:
        """The pixels both hold, or None."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = min(self.row + self.height, other.row + other.height) - row
        width = min(self.col + self.width, other.col + other.width) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None


@dataclass(frozen=True)
class Grid:
    """A lattice of pixels; `transform` takes (column, row) to longitude and latitude, or to pixels without `crs`."""

    name: str
    transform: Affine
    height_width: tuple[int, int]
    crs: str | None = "EPSG:4326"

    @property
    def longitudes(self) -> NDArray[np.float64]:
        """Longitudes of the pixel centres, one a column."""
        return np.asarray(self.transform.c + self.transform.a * (np.arange(self.height_width[1]) + 0.5))

    def latitudes(self, start: int, stop: int) -> NDArray[np.float64]:
        """Latitudes of the pixel centres of rows start..stop."""
        return np.asarray(self.transform.f + self.transform.e * (np.arange(start, stop) + 0.5))

    def row_col(self, lon_lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel coordinates (n, 2) of longitudes and latitudes (n, 2)."""
        inverse = ~self.transform
        cols = inverse.a * lon_lat[:, 0] + inverse.b * lon_lat[:, 1] + inverse.c
        rows = inverse.d * lon_lat[:, 0] + inverse.e * lon_lat[:, 1] + inverse.f
        return np.stack([rows, cols], axis=1)

    def window_transform(self, window: Window) -> Affine:
        """The transform of the pixels of a window."""
        return self.transform @ Affine.translation(window.col, window.row)

    @property
    def metres_per_pixel(self) -> tuple[float, float] | None:
        """Ground height and width of a pixel at the grid's centre; None without georeference."""
        if self.crs is None:
            return None
        latitude = self.transform.f + self.transform.e * self.height_width[0] / 2
        shrink = math.cos(math.radians(latitude))
        return abs(self.transform.e) * METRES_PER_DEGREE, abs(self.transform.a) * METRES_PER_DEGREE * shrink


def make_grid(scene: Scene, name: str = "native", resolution_m: float | None = None) -> Grid:
    """The grid of that name for a scene; a scene without georeference keeps its own pixels.

    `native`: longitude-latitude pixels that measure `resolution_m` (default: the scene's own resolution) both ways
    at the scene's central latitude. `serving`: the WorldCRS84Quad lattice of zoom 9 at 512 px, its corner on a tile's
    corner. Raises GeoreferenceError for scenes across the antimeridian or near a pole.
    """
    check_grid(name, resolution_m)
    if scene.georeference is None:
        return Grid("image", Affine.identity(), scene.height_width, crs=None)
    outline = footprint(scene.georeference, scene.height_width)
    if name == "serving":
        return _serving(outline)
    return _native(outline, resolution_m or source_resolution_m(scene.georeference, scene.height_width))


def check_grid(name: str, resolution_m: float | None) -> None:
    """Raise UsageError for a grid that is not known or a resolution that cannot be."""
    if name not in ("native", "serving"):
        raise UsageError(f"grid {name!r} is not known; choose native or serving")
    if resolution_m is not None and not (math.isfinite(resolution_m) and resolution_m >= MIN_RESOLUTION_M):
        raise UsageError(
            f"resolution {resolution_m:g} m cannot be; give a number of metres, {MIN_RESOLUTION_M:g} or more"
        )


def footprint(georeference: Georeference, height_width: tuple[int, int], points: int = 65) -> NDArray[np.float64]:
    """Longitudes and latitudes (n, 2) along the image's outline, clockwise from its first pixel."""
    height, width = height_width
    t = np.linspace(0, 1, points)[:-1]
    sides = [(0 * t, t), (t, 0 * t + 1), (0 * t + 1, 1 - t), (1 - t, 0 * t)]
    row_col = np.concatenate([np.stack([rows * height, cols * width], axis=1) for rows, cols in sides])
    outline = georeference.lon_lat(row_col)
    check_lon_lat(outline)
    return outline


def source_resolution_m(georeference: Georeference, height_width: tuple[int, int]) -> float:
    """Ground size of the image's central pixel: the mean of its height and width, in metres."""
    row, col = height_width[0] / 2, height_width[1] / 2
    centre, below, right = georeference.lon_lat(np.array([[row, col], [row + 1, col], [row, col + 1]]))
    to_metres = METRES_PER_DEGREE * np.array([math.cos(math.radians(centre[1])), 1.0])
    return float((np.hypot(*((below - centre) * to_metres)) + np.hypot(*((right - centre) * to_metres))) / 2)


def _native(outline: NDArray[np.float64], resolution_m: float) -> Grid:
    (west, south), (east, north) = outline.min(axis=0), outline.max(axis=0)
    lat_step = resolution_m / METRES_PER_DEGREE
    lon_step = lat_step / math.cos(math.radians((south + north) / 2))
    height, width = math.ceil((north - south) / lat_step), math.ceil((east - west) / lon_step)
    return Grid("native", Affine(lon_step, 0, west, 0, -lat_step, north), _checked(height, width, resolution_m))


def _serving(outline: NDArray[np.float64]) -> Grid:
    tile = SERVING_DEGREES_PER_PX * SERVING_TILE_PX
    (west, south), (east, north) = outline.min(axis=0), outline.max(axis=0)
    first_col, last_col = math.floor((west + 180) / tile), math.ceil((east + 180) / tile)
    first_row, last_row = math.floor((90 - north) / tile), math.ceil((90 - south) / tile)
    transform = Affine(
        SERVING_DEGREES_PER_PX, 0, first_col * tile - 180, 0, -SERVING_DEGREES_PER_PX, 90 - first_row * tile
    )
    return Grid(
        "serving", transform, ((last_row - first_row) * SERVING_TILE_PX, (last_col - first_col) * SERVING_TILE_PX)
    )


def _checked(height: int, width: int, resolution_m: float) -> tuple[int, int]:
    if height * width > 2**34:
        raise GeoreferenceError(
            f"a grid of {height} x {width} pixels is too large; give a coarser resolution than {resolution_m:g} m"
        )
    return height, width
