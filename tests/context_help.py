"""Grids, files and references that the tests of context channels share."""

import json

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, settings

from ceruleanml.scenes.context import open_context, parse_context
from ceruleanml.scenes.grid import SERVING_DEGREES_PER_PX, Grid

GEOD = pyproj.Geod(ellps="WGS84")
SMALL = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def from_bounds(west, south, east, north, width, height):
    return Affine((east - west) / width, 0, west, 0, (south - north) / height, north)


def at_centres(transform, rows, cols):
    """x and y of pixel centres."""
    x = transform.a * (cols + 0.5) + transform.b * (rows + 0.5) + transform.c
    return x, transform.d * (cols + 0.5) + transform.e * (rows + 0.5) + transform.f


def native_grid(resolution_m=40.0, height_width=(300, 400), west=56.0, north=26.0):
    lat_step = resolution_m / 111_195
    lon_step = lat_step / np.cos(np.radians(north - lat_step * height_width[0] / 2))
    return Grid("native", Affine(lon_step, 0, west, 0, -lat_step, north), height_width)


def serving_grid(height_width=(512, 512), west=56.25, north=26.3671875):
    step = SERVING_DEGREES_PER_PX
    return Grid("serving", Affine(step, 0, west, 0, -step, north), height_width)


def write_geojson(path, *geometries):
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def mapping(geometry):
    return json.loads(shapely.to_geojson(geometry))


def write_raster(path, values, transform=None, **profile):
    values = np.asarray(values)
    bands = values if values.ndim == 3 else values[None]
    profile = {"driver": "GTiff", "dtype": values.dtype, "crs": "EPSG:4326", "transform": transform, **profile}
    profile = {key: value for key, value in profile.items() if value is not None}
    count, height, width = bands.shape
    warn = "crs" not in profile and "transform" not in profile
    context = pytest.warns(rasterio.errors.NotGeoreferencedWarning) if warn else _nothing()
    with context, rasterio.open(path, "w", count=count, height=height, width=width, **profile) as dataset:
        dataset.write(bands)
    return path


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def channel(text, grid, scene_id="scene"):
    return open_context(parse_context(text), grid, scene_id)


def whole(text, grid):
    return channel(text, grid).rows(0, grid.height_width[0])


def some_pixels(grid, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, grid.height_width[0], count), rng.integers(0, grid.height_width[1], count)


def geodesic_to_points(grid, rows, cols, points):
    lon, lat = grid.longitudes[cols], grid.latitudes(0, grid.height_width[0])[rows]
    points = np.asarray(points, dtype=float)
    pairs = np.broadcast_arrays(lon[:, None], lat[:, None], points[None, :, 0], points[None, :, 1])
    return GEOD.inv(*pairs)[2].min(axis=1)


def geodesic_to_shape(grid, rows, cols, geometry):
    """From each pixel, in the azimuthal equidistant plane around it, where distances from its centre are geodesic."""
    fine = shapely.segmentize(geometry, 0.01)
    distances = []
    latitudes = grid.latitudes(0, grid.height_width[0])
    for row, col in zip(rows, cols, strict=True):
        here = f"+proj=aeqd +ellps=WGS84 +lat_0={latitudes[row]:.10f} +lon_0={grid.longitudes[col]:.10f}"
        plane = pyproj.Transformer.from_crs("EPSG:4326", here, always_xy=True)
        flat = shapely.transform(fine, lambda xy, to=plane: np.stack(to.transform(xy[:, 0], xy[:, 1]), axis=1))
        distances.append(shapely.distance(shapely.Point(0, 0), flat))
    return np.array(distances)


def worst(pixels, metres):
    """The largest error in units of 8 bits against unrounded distances."""
    return np.abs(pixels.astype(float) - np.minimum(metres, 60_000) * 255 / 60_000).max()


def write_layer(path, geometries, crs="EPSG:4326", driver="GPKG", layer=None, **options):
    geometry_type = shapely.get_type_id(geometries[0])
    pyogrio.raw.write(
        path,
        geometry=np.array(shapely.to_wkb(geometries), dtype=object),
        field_data=[np.arange(len(geometries))],
        fields=["id"],
        geometry_type={0: "Point", 3: "Polygon"}[geometry_type],
        crs=crs,
        driver=driver,
        layer=layer,
        **options,
    )
