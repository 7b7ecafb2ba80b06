"""Overlays: vectors drawn on a scene's grid as a transparent, class-coloured Cloud-Optimised GeoTIFF.

Polygons are filled and have an opaque edge, lines are a pixel wide, points are discs of a radius in metres and at least
one pixel. What stands later in the files lies on top; points lie on lines, and lines on polygons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import ClassTableError, ContextError, UsageError
from ceruleanml.scenes.cog import as_cog, cog_from_pieces
from ceruleanml.scenes.context_vectors import POINT, POLYGON, Box, read_shapes, vector_path
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.readback import check_read_back, checksum
from ceruleanml.storage import check_local, make_folder, writing

STRIP_ROWS = 512
CLASS_COLUMN = "class"
DISC_CORNERS = 48
Rgba = NDArray[np.uint8]


@dataclass(frozen=True)
class OverlayStyle:
    """How vectors are drawn. `colour` (#rrggbb) is for features without a class, `opacity` (0..1) for filled areas."""

    colour: str = "#f0e442"
    radius_m: float = 500.0
    opacity: float = 0.4
    classes: ClassTable = field(default_factory=load_classes)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.colour):
            raise UsageError(f"colour {self.colour!r} cannot be; write one like #f0e442")
        if not 0 < self.radius_m <= 100_000:
            raise UsageError(f"radius {self.radius_m:g} m cannot be; give more than 0, at most 100000")
        if not 0 <= self.opacity <= 1:
            raise UsageError(f"opacity {self.opacity:g} cannot be; give 0 to 1")

    @property
    def colours(self) -> list[str]:
        """The colours by their numbers: 0 is the one without class, then a slick class each."""
        return [self.colour, *(row.display for row in list(self.classes)[1:])]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Shapely geometries in longitude and latitude, and the number of each one's colour."""

    areas: list[tuple[Any, int]]
    lines: list[tuple[Any, int]]
    points: list[tuple[Any, int]]

    def __len__(self) -> int:
        return len(self.areas) + len(self.lines) + len(self.points) // 2  # a point is there as a disc and as itself


def read_overlay(locations: Sequence[str], grid: Grid, style: OverlayStyle) -> Drawn:
    """What vector files hold on a grid. Raises ContextError for what is no vector data or names an unknown class."""
    drawn = Drawn([], [], [])
    for location in locations:
        for name, shapes in read_shapes(vector_path(location), _box(grid, style.radius_m), location, CLASS_COLUMN):
            _sort_in(drawn, shapes, _number(name, location, style), style.radius_m)
    return drawn


def write_overlay(drawn: Drawn, grid: Grid, style: OverlayStyle, out: Path) -> float:
    """Write the COG (RGBA, transparent where nothing is drawn); the share of its pixels that are not transparent.

    Memory: 0.4 GB for a full scene at 10 m. Raises ContextError for a grid without georeference, StorageError
    for a full disk.
    """
    import rasterio

    check_local(out)
    if grid.crs is None:
        raise ContextError(f"{out.stem}: an image without georeference has no place for vectors; give --georeference")
    make_folder(out.parent)
    height, width = grid.height_width
    written = shown = 0
    with writing(out) as temporary, cog_from_pieces(temporary) as plain:
        with rasterio.open(plain, "w", **_profile(grid)) as file:
            file.colorinterp = _red_green_blue_alpha()
            for start, strip in overlay_strips(drawn, grid, style):
                if strip.any():
                    file.write(strip, window=((start, start + strip.shape[1]), (0, width)))
                written = checksum(strip, written)
                shown += int(np.count_nonzero(strip[3]))
        as_cog(plain, temporary, level="1", sparse_ok="TRUE")
        check_read_back(temporary, written, STRIP_ROWS)
    return shown / (height * width)


def overlay_strips(drawn: Drawn, grid: Grid, style: OverlayStyle, rows: int = STRIP_ROWS) -> Iterator[tuple[int, Rgba]]:
    """First row and pixels, uint8 (4, rows, columns), of each strip, downwards; the pixels do not depend on `rows`."""
    red_green_blue = np.array([[int(name[at : at + 2], 16) for at in (1, 3, 5)] for name in style.colours], np.uint8)
    for start in range(0, grid.height_width[0], rows):
        window = Window(start, 0, min(rows, grid.height_width[0] - start), grid.height_width[1])
        number, alpha = _burnt(drawn, grid, window, round(255 * style.opacity))
        strip = np.zeros((4, *number.shape), dtype=np.uint8)
        rows_on, cols_on = np.nonzero(alpha)
        strip[:3, rows_on, cols_on] = red_green_blue[number[rows_on, cols_on]].T
        strip[3] = alpha
        yield start, strip


def _burnt(drawn: Drawn, grid: Grid, window: Window, fill: int) -> tuple[Rgba, Rgba]:
    """The number of the colour and the opacity of each pixel of a window."""
    number = np.zeros((window.height, window.width), dtype=np.uint8)
    alpha = np.zeros_like(number)
    areas = _reaching(drawn.areas, grid, window)
    edges = [(shape.boundary, colour) for shape, colour in areas]
    for shapes, opacity, touched in (
        (areas, fill, False),
        (edges, 255, True),
        (_reaching(drawn.lines, grid, window), 255, True),
        (_reaching(drawn.points, grid, window), 255, False),
    ):
        burnt = _rasterized(shapes, grid, window, touched)
        on = burnt > 0
        number[on], alpha[on] = burnt[on] - 1, opacity
    return number, alpha


def _rasterized(shapes: list[tuple[Any, int]], grid: Grid, window: Window, touched: bool) -> Rgba:
    """One more than the colour's number where a shape lies, 0 elsewhere."""
    from rasterio.features import rasterize

    size = (window.height, window.width)
    if not shapes:
        return np.zeros(size, dtype=np.uint8)
    values = [(shape, colour + 1) for shape, colour in shapes]
    burnt: Rgba = rasterize(
        values, out_shape=size, transform=grid.window_transform(window), all_touched=touched, dtype="uint8"
    )
    return burnt


def _reaching(shapes: list[tuple[Any, int]], grid: Grid, window: Window) -> list[tuple[Any, int]]:
    """The shapes whose box meets the window's, with two pixels to spare."""
    transform, step = grid.transform, abs(grid.transform.e)
    ends = sorted(transform.f + transform.e * row for row in (window.row, window.row + window.height))
    south, north = ends[0] - 2 * step, ends[1] + 2 * step
    return [one for one in shapes if one[0].bounds[3] >= south and one[0].bounds[1] <= north]


def _sort_in(drawn: Drawn, shapes: NDArray[Any], colour: int, radius_m: float) -> None:
    """Put shapes to their kind; points become discs, with the point itself so that its pixel is always drawn."""
    import shapely

    types = shapely.get_type_id(shapes)
    drawn.areas.extend((shape, colour) for shape in shapes[types == POLYGON])
    drawn.lines.extend((shape, colour) for shape in shapes[(types > POINT) & (types < POLYGON)])
    points = shapes[types == POINT]
    drawn.points.extend((shape, colour) for shape in [*discs(shapely.get_coordinates(points), radius_m), *points])


def discs(lon_lat: NDArray[np.float64], radius_m: float) -> list[Any]:
    """Discs on the ellipsoid around points (n, 2), as shapely polygons in longitude and latitude.

    Their corners lie a little outside, so that the area is the disc's.
    """
    import shapely
    from pyproj import Geod

    if not len(lon_lat):
        return []
    turn = np.arange(DISC_CORNERS) * 360 / DISC_CORNERS
    sector = 2 * np.pi / DISC_CORNERS
    reach = radius_m * np.sqrt(sector / np.sin(sector))
    every = np.repeat(lon_lat, DISC_CORNERS, axis=0)
    azimuths, lengths = np.tile(turn, len(lon_lat)), np.full(len(every), reach)
    longitudes, latitudes, _ = Geod(ellps="WGS84").fwd(every[:, 0], every[:, 1], azimuths, lengths)
    longitudes = every[:, 0] + (longitudes - every[:, 0] + 180) % 360 - 180
    return list(shapely.polygons(np.stack([longitudes, latitudes], axis=-1).reshape(len(lon_lat), DISC_CORNERS, 2)))


def _box(grid: Grid, margin_m: float) -> Box:
    rows, cols = grid.height_width
    west, east = sorted((grid.transform.c, grid.transform.c + grid.transform.a * cols))
    south, north = sorted((grid.transform.f, grid.transform.f + grid.transform.e * rows))
    pad = margin_m / 110_500
    aside = pad / max(np.cos(np.radians(max(abs(south), abs(north)))), 1e-2)
    return west - aside, max(-90.0, south - pad), east + aside, min(90.0, north + pad)


def _number(name: Any, location: str, style: OverlayStyle) -> int:
    """The number of a class's colour. Raises ContextError for a class that is not in the table."""
    if name is None or name == "" or name != name:  # what formats give for a feature without a class
        return 0
    try:
        return style.classes.id_of(str(name))
    except ClassTableError as error:
        raise ContextError(f"{location}: {error}") from error


def _profile(grid: Grid) -> dict[str, Any]:
    height, width = grid.height_width
    return {
        "driver": "GTiff", "dtype": "uint8", "count": 4, "height": height, "width": width, "crs": grid.crs,
        "transform": grid.transform, "tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "pixel",
        "compress": "zstd", "zstd_level": 1, "bigtiff": "if_safer", "sparse_ok": True,
        "photometric": "RGB", "alpha": "unspecified",
    }  # fmt: skip


def _red_green_blue_alpha() -> list[Any]:
    from rasterio.enums import ColorInterp

    return [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
