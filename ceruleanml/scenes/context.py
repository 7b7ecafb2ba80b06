"""Context channels: what is known of the ground beside the radar image, laid on a scene's grid as 8-bit bands.

    infra_distance=PATH          geodesic distance to points, lines or polygons (inside: 0) of any OGR format, or read
                                 from a raster of metres; 0 at the feature, 255 at 60 km and beyond
    ship_density=PATH            a raster, times 255 / 100, clipped
    zeros, full                  all 0, all 255

PATH may hold `{scene_id}`, be a zip with one such file in it, or lie in a bucket. A raster that does not say where it
lies is given its bounds: PATH@WEST,SOUTH,EAST,NORTH.
"""

from __future__ import annotations

import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import ContextError, UsageError
from ceruleanml.scenes.context_rasters import Scaling, open_raster
from ceruleanml.scenes.context_vectors import Box, is_vector, read_features
from ceruleanml.scenes.distance import FULL_DISTANCE_M, Nodes, distance_field, reach_of
from ceruleanml.scenes.grid import Grid
from ceruleanml.scenes.sampling import Axis, SpreadField
from ceruleanml.storage import gdal_path, is_remote

CONSTANTS = {"zeros": 0, "full": 255}
RASTER_SCALING = {
    "infra_distance": Scaling(255 / FULL_DISTANCE_M, outside=255),
    "ship_density": Scaling(255 / 100, outside=0),
}
FORMS = "infra_distance=PATH, ship_density=PATH, ship_density=PATH@WEST,SOUTH,EAST,NORTH, zeros or full"
ZIP_MEMBERS = {".tif", ".tiff", ".img", ".nc", ".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml", ".gml"}
"""Endings of the files that are looked for in a zip; their companions (.shx, .prj, .aux.xml) are left alone."""


class ContextChannel(Protocol):
    """One context band on a grid: its name, the files it comes from and its pixels."""

    @property
    def name(self) -> str:
        """The band's name."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The files the band is made from."""

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows start..stop (exclusive) of the grid as uint8 (rows, columns), however the rows are cut."""


@dataclass(frozen=True)
class ContextSpec:
    """Which channel is asked: its name, the file it comes from, and where that lies (west, south, east, north)."""

    name: str
    source: str | None = None
    bounds: Box | None = None

    def __str__(self) -> str:
        """The form that `parse_context` takes."""
        place = "" if self.bounds is None else "@" + ",".join(f"{edge:.15g}" for edge in self.bounds)
        return self.name if self.source is None else f"{self.name}={self.source}{place}"


@dataclass(frozen=True)
class Constant:
    """A context channel of one value."""

    name: str
    value: int
    width: int
    inputs: tuple[str, ...] = ()

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Rows start..stop (exclusive) of the grid as uint8 (rows, columns)."""
        return np.full((stop - start, self.width), self.value, dtype=np.uint8)


def parse_context(text: str) -> ContextSpec:
    """The channel that a command line option asks for. Raises UsageError with the forms that are right."""
    name, equals, rest = text.strip().partition("=")
    if name in CONSTANTS:
        if equals:
            raise UsageError(f"context {text!r}: {name} is made from no file; write {name} alone")
        return ContextSpec(name)
    if name not in RASTER_SCALING:
        raise UsageError(f"context {text!r} is not known; write {FORMS}")
    path, bounds = _path_and_bounds(rest, text)
    if not path:
        raise UsageError(f"context {text!r} names no file; write {name}=PATH")
    if re.search(r"[{}]", path.replace("{scene_id}", "")):
        raise UsageError(f"context {text!r}: only {{scene_id}} may stand in braces in its path")
    return ContextSpec(name, path, bounds)


def open_context(spec: ContextSpec, grid: Grid, scene_id: str) -> ContextChannel:
    """The channel of a scene on its grid. Raises ContextError, which names the file and what would be right."""
    if spec.name in CONSTANTS:
        return Constant(spec.name, CONSTANTS[spec.name], grid.height_width[1])
    if spec.name not in RASTER_SCALING or spec.source is None:
        raise UsageError(f"context {spec.name!r} is not known or names no file; give {FORMS}")
    location = spec.source.replace("{scene_id}", scene_id)
    if grid.crs is None:
        raise ContextError(
            f"{location}: {spec.name} cannot be laid on {scene_id}, an image without georeference; "
            "give its georeference, or take zeros or full"
        )
    path = _readable(location)
    scaling = RASTER_SCALING[spec.name]
    if spec.name == "infra_distance" and is_vector(path):
        if spec.bounds is not None:
            raise ContextError(f"{location}: bounds are for rasters, and this is vector data; leave the @ part out")
        return _distance(spec.name, path, location, grid)
    return open_raster(spec.name, path, (location,), spec.bounds, grid, scaling)


def _path_and_bounds(rest: str, text: str) -> tuple[str, Box | None]:
    """PATH@WEST,SOUTH,EAST,NORTH as path and bounds; an @ without commas after it belongs to the path."""
    path, at, tail = rest.rpartition("@")
    if not at or "," not in tail or "/" in tail:
        return rest, None
    try:
        west, south, east, north = (float(number) for number in tail.split(","))
    except ValueError as error:
        raise UsageError(f"context {text!r}: bounds are four numbers in degrees: @WEST,SOUTH,EAST,NORTH") from error
    if not all(math.isfinite(number) for number in (west, south, east, north)):
        raise UsageError(f"context {text!r}: bounds must be finite: @WEST,SOUTH,EAST,NORTH")
    if not (-180 <= west < east <= 360 and -90 <= south < north <= 90):
        raise UsageError(
            f"context {text!r}: bounds must be degrees with west before east and south before north: "
            "@WEST,SOUTH,EAST,NORTH"
        )
    return path, (west, south, east, north)


def _readable(location: str) -> str:
    """What GDAL opens for a location: the one file inside where it is a zip. Raises ContextError."""
    path = gdal_path(location)
    if is_remote(location):
        return f"/vsizip/{path}" if location.lower().endswith(".zip") else path
    if not Path(location).exists():
        raise ContextError(f"{location}: there is no such file; correct the path of the context channel")
    if not location.lower().endswith(".zip"):
        return path
    return f"/vsizip/{Path(location).absolute()}/{_zip_member(location)}"


def _zip_member(location: str) -> str:
    try:
        with zipfile.ZipFile(location) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ContextError(f"{location}: cannot be read as a zip: {error}; fetch it again") from error
    for name in names:
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise ContextError(f"{location}: its member {name!r} leaves the zip's folder; make the zip anew without it")
    found = [name for name in names if PurePosixPath(name).suffix.lower() in ZIP_MEMBERS and "__MACOSX" not in name]
    if len(found) != 1:
        held = ", ".join(found[:5]) or "none"
        raise ContextError(f"{location}: must hold exactly one raster or vector file, and holds {len(found)}: {held}")
    return found[0]


def _distance(name: str, path: str, location: str, grid: Grid) -> SpreadField:
    box = reach_of(grid)
    nodes = Nodes.of(grid)
    field = distance_field(read_features(path, box, location), nodes, box)
    rows, cols = (np.arange(length, dtype=np.float64) for length in grid.height_width)
    return SpreadField(
        name,
        (location,),
        lambda first, stop: field[first:stop],
        Axis.of(rows / nodes.row_step, len(nodes.latitudes)),
        Axis.of(cols / nodes.col_step, len(nodes.longitudes)),
        outside=255,
    )
