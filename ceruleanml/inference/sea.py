"""Where the sea is, from polygons of a file, so that land is skipped."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml.errors import ContextError
from ceruleanml.scenes.grid import Grid


@dataclass(frozen=True)
class Sea:
    """The ocean's polygons near a grid, in its degrees."""

    grid: Grid
    polygons: tuple[Any, ...]

    def rows(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Whether the pixel centres of grid rows start..stop lie in the sea, (rows, columns)."""
        from rasterio.features import rasterize

        shape = (stop - start, self.grid.height_width[1])
        if not self.polygons:
            return np.zeros(shape, dtype=bool)
        transform = self.grid.transform @ Affine.translation(0, start)
        return np.asarray(rasterize(self.polygons, out_shape=shape, transform=transform, dtype=np.uint8) == 1)


def read_sea(path: Path, grid: Grid) -> Sea:
    """The polygons of a file (any OGR format, longitude and latitude) that reach into a grid.

    Raises ContextError for a file that cannot be read, holds no polygons or lies in another CRS.
    """
    import shapely

    if grid.crs is None:
        raise ContextError(f"--ocean {path}: cannot be laid on an image without georeference; leave it out")
    height, width = grid.height_width
    (west, north), (east, south) = grid.transform @ (0, 0), grid.transform @ (width, height)
    found = shapely.from_wkb(_geometries(path, (west, south, east, north)))
    whole = [one if one.is_valid else shapely.make_valid(one) for one in found if one is not None]
    cut = [shapely.clip_by_rect(one, west - 1, south - 1, east + 1, north + 1) for one in whole]
    return Sea(grid, tuple(one for one in cut if not one.is_empty))


def _geometries(path: Path, box: tuple[float, float, float, float]) -> NDArray[Any]:
    import pyogrio.raw
    from pyogrio.errors import DataSourceError
    from pyproj import CRS

    if not path.exists():
        raise ContextError(f"--ocean {path}: there is no such file; name polygons of the sea")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            about, _, geometries, _ = pyogrio.raw.read(str(path), columns=[], bbox=box)
    except (DataSourceError, ValueError) as error:
        raise ContextError(f"--ocean {path}: cannot be read as polygons: {error}") from error
    if about["crs"] is not None and not CRS.from_user_input(about["crs"]).is_geographic:
        raise ContextError(f"--ocean {path}: is in {about['crs']}; give longitudes and latitudes (EPSG:4326)")
    if "Polygon" not in str(about["geometry_type"]) and "Unknown" not in str(about["geometry_type"]):
        raise ContextError(f"--ocean {path}: holds {about['geometry_type']}; give polygons of the sea")
    return np.asarray(geometries)
