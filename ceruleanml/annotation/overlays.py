"""Overlays: what else is known of a scene's footprint, as outlines or as an 8-bit layer on the scene's page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.annotation.options import OverlaySpec
from ceruleanml.annotation.page_writer import PageWriter
from ceruleanml.annotation.pyramid import write_pyramid
from ceruleanml.errors import ContextError
from ceruleanml.scenes.context_rasters import opened
from ceruleanml.scenes.context_vectors import is_vector, read_shapes, vector_path
from ceruleanml.scenes.grid import Grid
from ceruleanml.storage import gdal_path

if TYPE_CHECKING:
    from rasterio.vrt import WarpedVRT

COLOURS = ("#f0e442", "#56b4e9", "#d55e00", "#cc79a7", "#009e73", "#e69f00")
"""Colour-blind safe (Okabe & Ito 2008), in the order of the overlays."""
MOST_FEATURES = 20_000
OVERVIEW_PX = 512
"""A raster's range is looked for in so many of its pixels each way."""
RGBA_BANDS = 4
Json = dict[str, Any]


def write_overlay(spec: OverlaySpec, place: int, scene_id: str, grid: Grid, writer: PageWriter, folder: str) -> Json:
    """Write one overlay of a scene below `folder` and return what scene.json says of it.

    A vector file becomes the outlines within the footprint, a raster an 8-bit pyramid on the scene's grid: its own
    range as 1 to 255, nodata 0; of a picture with alpha, what is opaque. Raises ContextError.
    """
    file = spec.file(scene_id)
    about: Json = {
        "name": spec.name,
        "title": spec.name.replace("_", " ").capitalize(),
        "colour": COLOURS[place % len(COLOURS)],
    }
    if grid.crs is None:
        raise ContextError(f"overlay {spec.name}: scene {scene_id} has no georeference to lay it on")
    if is_vector(gdal_path(file)):
        writer.json(f"{folder}/{spec.name}.geojson", outlines_within(file, grid, scene_id))
        return {**about, "kind": "vector"}
    with _on_grid(file, grid) as raster:
        low, high = _range_of(raster)
        rows = _Rows(raster, low, high)
        write_pyramid(rows, grid.height_width, 0, writer.tiles(f"{folder}/{spec.name}"))
    return {**about, "kind": "raster", "stretch": [low, high]}


def outlines_within(file: str, grid: Grid, scene_id: str) -> Json:
    """What a vector file holds within a grid's box, cut there, as GeoJSON in longitude and latitude. ContextError."""
    import shapely

    box = _box(grid)
    found = []
    for name, geometries in read_shapes(vector_path(file), box, file, "class"):
        properties = {} if name is None else {"class": str(name)}
        for geometry in geometries:
            with np.errstate(invalid="ignore"):
                inside = shapely.clip_by_rect(shapely.make_valid(geometry), *box)
            inside = inside.simplify(min(grid.transform.a, -grid.transform.e) / 2)
            if not inside.is_empty:
                rounded = shapely.set_precision(inside, 1e-7, mode="pointwise")
                found.append({"type": "Feature", "properties": properties, "geometry": rounded.__geo_interface__})
    if len(found) > MOST_FEATURES:
        raise ContextError(f"{file}: has {len(found):,} features here; a page shows at most {MOST_FEATURES:,}")
    return {"type": "FeatureCollection", "scene_id": scene_id, "features": found}


def _box(grid: Grid) -> tuple[float, float, float, float]:
    west, north = grid.transform @ (0, 0)
    east, south = grid.transform @ grid.height_width[::-1]
    return west, south, east, north


@contextmanager
def _on_grid(file: str, grid: Grid) -> Iterator[WarpedVRT]:
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    with opened(gdal_path(file), file) as dataset:
        if dataset.crs is None:
            raise ContextError(f"{file}: has no CRS; give a georeferenced raster")
        if dataset.count not in (1, 2, RGBA_BANDS):
            raise ContextError(f"{file}: has {dataset.count} bands; give a raster of one band, or a picture with alpha")
        height, width = grid.height_width
        lacks_mask = dataset.nodata is None and dataset.count == 1
        with WarpedVRT(
            dataset, crs=grid.crs, transform=grid.transform, height=height, width=width, add_alpha=lacks_mask,
            resampling=Resampling.nearest if dataset.count == RGBA_BANDS else Resampling.bilinear,
        ) as raster:  # fmt: skip
            yield raster


def _range_of(raster: WarpedVRT) -> tuple[float, float]:
    """The least and the greatest value on the grid, of a decimated reading; 0 to 1 where there is none."""
    if raster.count == RGBA_BANDS:
        return 0.0, 255.0
    shape = min(raster.height, OVERVIEW_PX), min(raster.width, OVERVIEW_PX)
    values, mask = raster.read(1, out_shape=shape), raster.dataset_mask(out_shape=shape)
    valid = values[(mask > 0) & np.isfinite(values)]
    if not valid.size:
        return 0.0, 1.0
    low, high = float(valid.min()), float(valid.max())
    return (low, high) if low < high else (low, low + 1)


class _Rows:
    """Rows of a raster as 8 bits, for a pyramid."""

    def __init__(self, raster: WarpedVRT, low: float, high: float) -> None:
        self._raster, self._low, self._high = raster, low, high

    def __call__(self, start: int, stop: int) -> NDArray[np.uint8]:
        window = ((start, stop), (0, self._raster.width))
        mask = self._raster.dataset_mask(window=window)
        if self._raster.count == RGBA_BANDS:
            return np.where(mask >= 128, 255, 0).astype(np.uint8)
        values = self._raster.read(1, window=window)
        scaled = np.rint((values - self._low) * (254 / (self._high - self._low))) + 1
        return np.where((mask > 0) & np.isfinite(values), np.clip(scaled, 1, 255), 0).astype(np.uint8)
