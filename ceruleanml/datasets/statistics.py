"""What a data set holds: slicks by class with their sizes, channels with their statistics, tiles by scene."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.grid import Window

Counts = NDArray[np.int64]
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Slick:
    """One slick put together from its pieces.

    `length_px` is the longer side of the smallest rectangle, however turned, that holds it, `elongation` that side
    over the other one; both on square ground where the pixel's size is known. Curved slicks are longer than that.
    `area_km2` and `length_km` are None for scenes without georeference.
    """

    scene_id: str
    slick_id: str
    class_id: int
    pieces: int
    area_px: int
    length_px: float
    elongation: float
    area_km2: float | None
    length_km: float | None


@dataclass(frozen=True)
class ClassStatistics:
    """What a data set holds of one class; quantiles are minimum, quartiles and maximum over its slicks, or None."""

    name: str
    slicks: int
    pieces: int
    tiles: int
    scenes: int
    area_px: int
    area_km2: float | None
    area_km2_quantiles: tuple[float, ...] | None
    length_km_quantiles: tuple[float, ...] | None
    elongation_quantiles: tuple[float, ...] | None


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation (of the population) over the valid pixels of all tiles, and their histogram."""

    name: str
    mean: float | None
    deviation: float | None
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class SceneTiles:
    """How many tiles a scene gave, and how many of them show no slick."""

    scene_id: str
    tiles: int
    empty: int


@dataclass(frozen=True)
class DatasetStatistics:
    """All that `describe` finds. `valid_fraction` is the share of the tiles' pixels that hold data."""

    scenes: tuple[SceneTiles, ...]
    failed_scenes: int
    tiles: int
    empty_tiles: int
    valid_fraction: float
    classes: tuple[ClassStatistics, ...]
    channels: tuple[ChannelStatistics, ...]
    slicks: tuple[Slick, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON-ready values, with every slick."""
        return asdict(self)


def describe(dataset: Dataset, progress: Progress | None = None) -> DatasetStatistics:
    """The statistics of a data set; every tile is read once.

    Pixels in the overlap of two tiles count twice for channels, as they do in training, and once for slicks. Raises
    DatasetError for a tile that cannot be read.
    """
    progress = progress or Silent()
    histograms = np.zeros((len(dataset.channels), 256), dtype=np.int64)
    pixels = 0
    progress.start("Reading tiles", len(dataset.tiles))
    try:
        for tile in dataset.tiles:
            histograms += _histograms(dataset.read(tile), tile, dataset)
            pixels += tile.height_width[0] * tile.height_width[1]
            progress.advance()
    finally:
        progress.finish()
    slicks = tuple(slicks_of(dataset))
    scenes = dataset.manifest["scenes"].values()
    return DatasetStatistics(
        scenes=tuple(_by_scene(dataset)),
        failed_scenes=sum(scene.get("state") == "failed" for scene in scenes),
        tiles=len(dataset.tiles),
        empty_tiles=sum(not pieces for pieces in dataset.annotations.values()),
        valid_fraction=float(histograms[0].sum()) / pixels if pixels else 0.0,
        classes=tuple(_of_class(number, dataset, slicks) for number in range(1, len(dataset.classes))),
        channels=tuple(map(_of_channel, dataset.channels, histograms)),
        slicks=slicks,
    )


def slicks_of(dataset: Dataset) -> list[Slick]:
    """Every slick of a data set, by scene and slick id.

    Holds the pixels of one scene's slicks and one mask at a time.
    """
    tiles = sorted(dataset.tiles, key=lambda tile: tile.scene_id)
    return [
        slick
        for scene_id, of_scene in groupby(tiles, key=lambda tile: tile.scene_id)
        for slick in _slicks_of_scene(scene_id, list(of_scene), dataset)
    ]


def valid_mask(pixels: NDArray[np.uint8], tile: TileRecord, scene: dict[str, Any]) -> NDArray[np.bool_]:
    """Which pixels (rows, columns) of a tile hold data: those inside the scene whose first band is not nodata."""
    nodata = scene.get("nodata", None if tile.crs is None else 0)
    valid = np.zeros(tile.height_width, dtype=bool)
    height_width = (scene.get("grid") or {}).get("height_width") or _reach(tile.window)
    inside = tile.window.intersection(Window(0, 0, *height_width))
    if inside is not None:
        row, col = inside.row - tile.window.row, inside.col - tile.window.col
        valid[row : row + inside.height, col : col + inside.width] = True
    return valid if nodata is None else valid & (pixels[0] != nodata)


def rectangle_sides(row_col: NDArray[np.float64]) -> tuple[float, float]:
    """The longer and the shorter side of the smallest-area rectangle, however turned, around points (n, 2).

    One side of it lies on the convex hull (Freeman and Shapira 1975), so each edge of the hull is tried.
    """
    import shapely

    hull = shapely.get_coordinates(shapely.convex_hull(shapely.MultiPoint(row_col)))
    edges = np.diff(hull, axis=0)
    along = edges / np.linalg.norm(edges, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    sides = np.stack([np.ptp(hull @ axes.T, axis=0) for axes in (along, across)], axis=1)
    smallest = sides[np.argmin(sides.prod(axis=1))]
    return float(smallest.max()), float(smallest.min())


def _reach(window: Window) -> tuple[int, int]:
    return window.row + window.height, window.col + window.width


def _histograms(pixels: NDArray[np.uint8], tile: TileRecord, dataset: Dataset) -> Counts:
    """How often each value stands in each band (bands, 256), counting valid pixels."""
    valid = valid_mask(pixels, tile, dataset.scene(tile.scene_id))
    bands = pixels.reshape(len(pixels), -1) if valid.all() else pixels[:, valid]
    return np.stack([np.bincount(band, minlength=256) for band in bands])


def _slicks_of_scene(scene_id: str, tiles: Sequence[TileRecord], dataset: Dataset) -> Iterable[Slick]:
    width = max(tile.window.col + tile.window.width for tile in tiles)
    found: dict[tuple[str, int], list[Counts]] = {}
    for tile in tiles:
        for piece in dataset.annotations[tile.tile_id]:
            rows, cols = np.nonzero(piece.mask())
            flat = (rows + tile.window.row) * width + cols + tile.window.col
            found.setdefault((piece.slick_id, piece.class_id), []).append(flat)
    metres = dataset.scene(scene_id).get("metres_per_pixel")
    for (slick_id, class_id), pieces in sorted(found.items()):
        whole = pieces[0] if len(pieces) == 1 else np.unique(np.concatenate(pieces))  # both in the order of rows
        rows, cols = np.divmod(whole, width)
        yield _measured(scene_id, slick_id, class_id, len(pieces), rows, cols, metres)


def _measured(
    scene_id: str, slick_id: str, class_id: int, pieces: int, rows: Counts, cols: Counts, metres: list[float] | None
) -> Slick:
    """A slick from its pixels, sorted by row; `metres` is a pixel's height and width on the ground."""
    height, width = metres or (1.0, 1.0)
    longer, shorter = rectangle_sides(_outer_corners(rows, cols) * [height, width])
    side = (height * width) ** 0.5
    return Slick(
        scene_id, slick_id, class_id, pieces,
        area_px=len(rows),
        length_px=longer / side,
        elongation=longer / shorter,
        area_km2=len(rows) * height * width / 1e6 if metres else None,
        length_km=longer / 1000 if metres else None,
    )  # fmt: skip


def _outer_corners(rows: Counts, cols: Counts) -> NDArray[np.float64]:
    """The corners (n, 2) of the first and last pixel of each row; pixels are sorted by row, then column."""
    firsts = np.flatnonzero(np.diff(rows, prepend=-1))
    lasts = np.append(firsts[1:], len(rows)) - 1
    above = rows[firsts]
    west, east = cols[firsts], cols[lasts] + 1
    corners = [(above, west), (above, east), (above + 1, west), (above + 1, east)]
    return np.concatenate([np.stack(corner, axis=1) for corner in corners]).astype(np.float64)


def _by_scene(dataset: Dataset) -> Iterable[SceneTiles]:
    empties: dict[str, list[bool]] = {}
    for tile in dataset.tiles:
        empties.setdefault(tile.scene_id, []).append(not dataset.annotations[tile.tile_id])
    return (SceneTiles(name, len(empty), sum(empty)) for name, empty in sorted(empties.items()))


def _of_class(class_id: int, dataset: Dataset, slicks: Iterable[Slick]) -> ClassStatistics:
    mine = [slick for slick in slicks if slick.class_id == class_id]
    shows = [tile for tile in dataset.tiles if any(p.class_id == class_id for p in dataset.annotations[tile.tile_id])]
    areas = [slick.area_km2 for slick in mine if slick.area_km2 is not None]
    return ClassStatistics(
        name=dataset.classes[class_id].name,
        slicks=len(mine),
        pieces=sum(slick.pieces for slick in mine),
        tiles=len(shows),
        scenes=len({tile.scene_id for tile in shows}),
        area_px=sum(slick.area_px for slick in mine),
        area_km2=sum(areas) if areas else None,
        area_km2_quantiles=_quantiles(areas),
        length_km_quantiles=_quantiles([slick.length_km for slick in mine if slick.length_km is not None]),
        elongation_quantiles=_quantiles([slick.elongation for slick in mine]),
    )


def _quantiles(values: Sequence[float]) -> tuple[float, ...] | None:
    return tuple(float(value) for value in np.quantile(values, QUANTILES)) if values else None


def _of_channel(name: str, histogram: Counts) -> ChannelStatistics:
    """Whole-number sums, so the figures are exact whatever the number of tiles."""
    values = np.arange(256)
    count, total = int(histogram.sum()), int(histogram @ values)
    counts = tuple(int(number) for number in histogram)
    if not count:
        return ChannelStatistics(name, None, None, counts)
    spread = count * int(histogram @ values**2) - total**2
    return ChannelStatistics(name, total / count, spread**0.5 / count, counts)
