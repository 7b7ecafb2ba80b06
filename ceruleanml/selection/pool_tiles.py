"""The tiles of a pool before anything is computed on them: which are asked for, which look alike, what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.checks import Finding, check
from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.datasets.statistics import valid_mask
from ceruleanml.errors import DatasetError, SelectionError
from ceruleanml.models.tile_reading import Statistics, Tile, statistics_of
from ceruleanml.progress import Progress
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator
from ceruleanml.storage import read_json, write_json

DUPLICATES = ("exact_duplicate", "near_duplicate")
MEASURED_TILES = 2000
"""Tiles, drawn by the seed, whose pixels tell the mean and deviation of a pool's radar."""


def asked_tiles(dataset: Dataset, tile_ids: Collection[str] | None) -> list[TileRecord]:
    """The tiles of these ids, in the data set's order; all where they are None.

    Raises SelectionError where one is not there, and where there is none at all.
    """
    if not dataset.tiles:
        raise SelectionError(f"{dataset.root}: holds no tile; make the pool from more scenes")
    if tile_ids is None:
        return list(dataset.tiles)
    wanted = set(tile_ids)
    absent = sorted(wanted - {tile.tile_id for tile in dataset.tiles})
    if absent or not wanted:
        what = f"has no tile {absent[0]}" if absent else "is asked for no tile at all"
        raise SelectionError(f"{dataset.root}: {what}; name tiles by the tile_id of its instances.json")
    return [tile for tile in dataset.tiles if tile.tile_id in wanted]


def duplicates(pool: Path, progress: Progress, kept: Path) -> list[Finding]:
    """The tiles that are, or look like, an earlier one; found once, and then read from the JSON file `kept`."""
    if not kept.is_file():
        found = [asdict(one) for one in check([pool], progress).findings if one.reason in DUPLICATES]
        write_json(kept, found)
    return [Finding(**one) for one in read_json(kept)]


def radar_statistics(dataset: Dataset, tiles: Sequence[TileRecord], seed: int, progress: Progress) -> Statistics:
    """Mean and deviation of the radar band, which is the first, over at most MEASURED_TILES tiles that can be read."""
    drawn = generator(seed, "tiles to measure").permutation(len(tiles))[:MEASURED_TILES]
    readable = usable(dataset, [tiles[place] for place in sorted(drawn)])
    whole = [Tile(dataset, one, Window(0, 0, *one.height_width), ()) for one in readable]
    return statistics_of(whole, [0], progress)


def tile_classes(dataset: Dataset) -> dict[str, int]:
    """For each tile id the slick class with most pixels labelled on the tile, the first of equals; 0 for none."""
    classes: dict[str, int] = {}
    for tile_id, pieces in dataset.annotations.items():
        areas = Counter[int]()
        for piece in pieces:
            areas[piece.class_id] += piece.area
        classes[tile_id] = min(areas, key=lambda one: (-areas[one], one)) if areas else 0
    return classes


def usable(dataset: Dataset, tiles: Sequence[TileRecord]) -> list[TileRecord]:
    """The tiles that can be read and hold something, each read once."""
    return [tile for tile in tiles if _holds_something(dataset, tile)]


def _holds_something(dataset: Dataset, tile: TileRecord) -> bool:
    try:
        pixels = dataset.read(tile)
    except DatasetError:
        return False
    return not isinstance(where_valid(pixels, tile, dataset), str)


def where_valid(pixels: NDArray[np.uint8], tile: TileRecord, dataset: Dataset) -> NDArray[np.bool_] | str:
    """Which pixels (rows, columns) of a tile hold data; in words, why it is empty, where there is nothing to see."""
    valid = valid_mask(pixels, tile, dataset.scene(tile.scene_id))
    values = pixels[0][valid]
    if values.size == 0:
        return "holds no valid pixel"
    return f"all {values.size:,} valid pixels are {values[0]}" if values.min() == values.max() else valid
