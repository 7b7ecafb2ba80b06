"""Reading points, lines and polygons of any OGR format as plain arrays of longitudes and latitudes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import ContextError
from ceruleanml.storage import gdal_path, is_remote

if TYPE_CHECKING:
    from pyproj import Transformer

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""West, south, east, north."""
INDEXED = {"GPKG", "FlatGeobuf", "ESRI Shapefile"}
"""Drivers that find what lies in a box without reading the whole file; others are read whole and checked whole."""
POINT, POLYGON, FIRST_COLLECTION = 0, 3, 4
"""Shapely's geometry types; what lies between points and polygons are lines."""


@dataclass(frozen=True)
class Features:
    """Points (n, 2) and edges (m, 4: from and to) in degrees, longitudes continuous around the grid.

    `winding` (m,) is 1 for edges of a ring that encloses the inside on its left, -1 where it lies on the right, 0 for
    edges of lines.
    """

    points: Floats
    edges: Floats
    winding: NDArray[np.int8]


def read_features(path: str, box: Box, label: str) -> Features:
    """What lies within a box of longitudes and latitudes, from all layers of a file; `label` names it in errors.

    Files without a CRS are taken as longitude and latitude. Edges are straight in longitude and latitude. Features
    without geometry are passed over. Raises ContextError for what cannot be read or is nowhere.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what GDAL remarks on while reading
        parts = [
            _features(_geometries(read.wkb, read.reach, label), read.to_lon_lat, read.turn, label)
            for layer in _layers(path, label)
            for read in _read_layer(path, layer, box, label)
        ]
    return Features(
        np.concatenate([np.empty((0, 2)), *(part.points for part in parts)]),
        np.concatenate([np.empty((0, 4)), *(part.edges for part in parts)]),
        np.concatenate([np.empty(0, dtype=np.int8), *(part.winding for part in parts)]),
    )


def read_shapes(path: str, box: Box, label: str, column: str) -> list[tuple[Any, NDArray[Any]]]:
    """The single geometries that reach into a box, in longitude and latitude, by the values of a column.

    A pair for each value in each layer, in the order in which they occur: the value (None where the layer lacks the
    column) and shapely geometries (n,). Raises ContextError as `read_features` does.
    """
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what GDAL remarks on while reading
        for layer in _layers(path, label):
            for read in _read_layer(path, layer, box, label, column):
                for value in dict.fromkeys(read.values.tolist()):
                    of_value = np.array([one == value for one in read.values.tolist()], dtype=np.bool_)
                    parts = _geometries(read.wkb[of_value], read.reach, label)
                    found.append((value, _turned(parts, read.to_lon_lat, read.turn, label)))
    return found


def vector_path(location: str) -> str:
    """What GDAL opens for a location of vectors. Raises ContextError where no file or no vector data is there."""
    path = gdal_path(location)
    if not is_remote(location) and not Path(location).exists():
        raise ContextError(f"{location}: there is no such file; correct the path")
    if not is_vector(path):
        raise ContextError(f"{location}: cannot be read as vector data; give points, lines or polygons")
    return path


def is_vector(path: str) -> bool:
    """Whether OGR reads the file as layers of features."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        return len(pyogrio.list_layers(path)) > 0
    except DataSourceError:
        return False


def _layers(path: str, label: str) -> list[str]:
    import pyogrio

    layers = [str(name) for name, geometry_type in pyogrio.list_layers(path) if geometry_type is not None]
    if not layers:
        raise ContextError(f"{label}: no layer has a geometry; give points, lines or polygons")
    return layers


@dataclass(frozen=True)
class _LayerRead:
    """Features of a layer as WKB, and their values of a column.

    `reach` is the box asked for in the layer's CRS (None: all), `turn` the degrees to take off longitudes.
    """

    wkb: NDArray[Any]
    values: NDArray[Any]
    reach: Box | None
    to_lon_lat: Transformer | None
    turn: float


def _read_layer(path: str, layer: str, box: Box, label: str, column: str | None = None) -> list[_LayerRead]:
    """Geometries near the box: one entry for each turn of 360 degrees under which the layer may reach it."""
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        info = pyogrio.read_info(path, layer=layer, force_feature_count=True, force_total_bounds=True)
        if info["features"] == 0:
            return []
        to_lon_lat = _to_lon_lat(info["crs"], label)
        bounds = _layer_bounds(info["total_bounds"], to_lon_lat, label)
        columns = [column] if column in info["fields"] else []
        found = []
        for turn in (0.0, 360.0, -360.0):
            window = (max(box[0] + turn, bounds[0]), box[1], min(box[2] + turn, bounds[2]), box[3])
            if window[0] > window[2]:
                continue
            reach = _in_layer(window, to_lon_lat)
            indexed = reach if info["driver"] in INDEXED else None
            read = pyogrio.raw.read(path, layer=layer, columns=columns, bbox=indexed)
            values = read[3][0] if columns else np.full(len(read[2]), None)
            found.append(_LayerRead(read[2], values, reach, to_lon_lat, turn))
        return found
    except (DataSourceError, DataLayerError) as error:
        raise ContextError(f"{label}: cannot be read as vector data: {_one_line(error)}") from error


def _to_lon_lat(crs: str | None, label: str) -> Transformer | None:
    """What takes the layer's coordinates to EPSG:4326; None where they are that already."""
    from pyproj import CRS, Transformer
    from pyproj.exceptions import CRSError

    if crs is None:
        return None
    try:
        if CRS.from_user_input(crs).equals(CRS.from_epsg(4326), ignore_axis_order=True):
            return None
        return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    except CRSError as error:
        raise ContextError(f"{label}: its CRS is not understood; convert it to EPSG:4326") from error


def _layer_bounds(bounds: Any, to_lon_lat: Transformer | None, label: str) -> Box:
    """West, south, east and north of the layer; of the whole world for a layer in another CRS."""
    values = np.array([np.nan] * 4 if bounds is None else bounds, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ContextError(f"{label}: no feature has a geometry with finite coordinates; correct the file")
    west, south, east, north = values.tolist()
    if to_lon_lat is not None:
        return -180.0, -90.0, 180.0, 90.0
    if west < -180 or east > 360 or south < -90 or north > 90:
        raise ContextError(
            f"{label}: its coordinates are no longitudes and latitudes in degrees; convert it to EPSG:4326"
        )
    return west, south, east, north


def _in_layer(window: Box, to_lon_lat: Transformer | None) -> Box | None:
    """The window in the layer's CRS; None (read all) where that CRS does not reach it."""
    if to_lon_lat is None:
        return window
    from pyproj.exceptions import ProjError

    try:
        bounds = to_lon_lat.transform_bounds(*window, direction="INVERSE")
    except ProjError:
        return None
    return bounds if np.isfinite(bounds).all() and bounds[0] < bounds[2] else None


def _geometries(wkb: NDArray[Any], reach: Box | None, label: str) -> NDArray[Any]:
    """The single geometries of features whose box meets `reach`, collections taken apart, invalid polygons mended."""
    import shapely
    from shapely.errors import GEOSException

    try:
        parts = shapely.from_wkb(wkb)
    except GEOSException as error:
        raise ContextError(f"{label}: holds a geometry that cannot be read: {_one_line(error)}") from error
    parts = parts[~(shapely.is_missing(parts) | shapely.is_empty(parts))]
    if not np.isfinite(shapely.get_coordinates(parts)).all():
        raise ContextError(f"{label}: a coordinate is not a number; correct the file")
    if reach is not None:
        west, south, east, north = shapely.bounds(parts).T
        parts = parts[(west <= reach[2]) & (east >= reach[0]) & (south <= reach[3]) & (north >= reach[1])]
    invalid = ~shapely.is_valid(parts)
    parts[invalid] = shapely.make_valid(parts[invalid])
    while (shapely.get_type_id(parts) >= FIRST_COLLECTION).any():
        parts = shapely.get_parts(parts)
    return np.asarray(parts[~shapely.is_empty(parts)])


def _features(parts: NDArray[Any], to_lon_lat: Transformer | None, turn: float, label: str) -> Features:
    import shapely

    types = shapely.get_type_id(parts)
    rings, polygon = shapely.get_rings(parts[types == POLYGON], return_index=True)
    outer = np.diff(polygon, prepend=-1) != 0
    ring_edges, ring = _edges(rings)
    line_edges, _ = _edges(parts[(types > POINT) & (types < POLYGON)])
    winding = np.where(shapely.is_ccw(rings) == outer, 1, -1).astype(np.int8)[ring]
    edges = np.concatenate([ring_edges, line_edges])
    points = _lon_lat(shapely.get_coordinates(parts[types == POINT]), to_lon_lat, turn, label)
    ends = _lon_lat(edges.reshape(-1, 2), to_lon_lat, turn, label)
    return Features(points, ends.reshape(-1, 4), np.concatenate([winding, np.zeros(len(line_edges), dtype=np.int8)]))


def _edges(lines: NDArray[Any]) -> tuple[Floats, NDArray[np.intp]]:
    """The edges (m, 4) of lines or rings, and which of them each belongs to."""
    import shapely

    coordinates, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    return np.concatenate([coordinates[:-1][same], coordinates[1:][same]], axis=1), line[1:][same]


def _lon_lat(coordinates: Floats, to_lon_lat: Transformer | None, turn: float, label: str) -> Floats:
    if to_lon_lat is not None:
        coordinates = np.stack(to_lon_lat.transform(coordinates[:, 0], coordinates[:, 1]), axis=1)
        if not np.isfinite(coordinates).all():
            raise ContextError(f"{label}: coordinates lie outside their CRS; convert the file to EPSG:4326")
    return np.asarray(coordinates - np.array([turn, 0.0]))


def _turned(parts: NDArray[Any], to_lon_lat: Transformer | None, turn: float, label: str) -> NDArray[Any]:
    import shapely

    return np.asarray(shapely.transform(parts, lambda points: _lon_lat(points, to_lon_lat, turn, label)))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
