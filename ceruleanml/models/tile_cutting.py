"""From the records of a data set to the tiles of a training: whole scenes cut up, unwanted tiles left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ceruleanml.datasets.folder import AnnotationRecord, Dataset, TileRecord
from ceruleanml.errors import DatasetError
from ceruleanml.models.targets import IGNORE, ClassMap, overlap, piece_mask
from ceruleanml.models.tile_reading import Tile, holds_data, is_large
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator

Tiles = tuple[Tile, ...]


def cut_tiles(dataset: Dataset, records: Iterable[TileRecord], crop_px: int | None, everything: bool) -> Tiles:
    """The records as tiles.

    With `crop_px` a tile of a whole scene is cut into windows of that side, which cover it once; those of the last row
    and column may be smaller. With `everything` every tile is, so that what is judged has the scale of what is learnt
    from crops. Raises DatasetError for a whole scene without `crop_px`.
    """
    tiles: list[Tile] = []
    for record in records:
        if is_large(record) and crop_px is None:
            raise DatasetError(
                f"{dataset.path(record)}: is a whole scene of {record.height_width[0]} x {record.height_width[1]} "
                "pixels; give the side of the squares to learn from, as in data.crop_px=512"
            )
        cut = crop_px is not None and (everything or is_large(record))
        windows = _lattice(record.height_width, crop_px) if cut and crop_px else [Window(0, 0, *record.height_width)]
        tiles += [_tile(dataset, record, window) for window in windows]
    return tuple(tiles)


def crop_of(tile: Tile, side: int, classes: ClassMap, rng: np.random.Generator) -> Window:
    """A square of that side, as far as the tile goes, to learn from: half of the time it holds a pixel of a slick.

    In a window of a whole scene it lies about that window, elsewhere anywhere on the tile.
    """
    height_width = tile.record.height_width
    sides = [min(side, whole) for whole in height_width]
    slicks = [piece for piece in tile.pieces if classes.of(piece) != IGNORE]
    if slicks and rng.random() < 0.5:
        pixel = _slick_pixel(slicks[int(rng.integers(len(slicks)))], tile.window, rng)
        corner = [at - int(rng.integers(mine)) for at, mine in zip(pixel, sides, strict=True)]
    elif (tile.window.height, tile.window.width) == height_width:
        corner = [int(rng.integers(whole - mine + 1)) for whole, mine in zip(height_width, sides, strict=True)]
    else:
        corner = [at + int(rng.integers(-side // 2, side // 2 + 1)) for at in (tile.window.row, tile.window.col)]
    row, col = (min(max(at, 0), whole - mine) for at, whole, mine in zip(corner, height_width, sides, strict=True))
    return Window(row, col, *sides)


def without_classes(tiles: Tiles, dropped: Sequence[bool]) -> tuple[Tiles, list[str]]:
    """The tiles that show no class whose id is `dropped`, and a note of how many were left out."""
    kept = tuple(tile for tile in tiles if not any(dropped[piece.class_id] for piece in tile.pieces))
    gone = Counter(
        tile.dataset.classes[class_id].name
        for tile in tiles
        for class_id in {piece.class_id for piece in tile.pieces}
        if dropped[class_id]
    )
    return kept, [f"{number} tiles left out, which show {name}" for name, number in sorted(gone.items())]


def without_nodata(tiles: Tiles) -> Tiles:
    """The tiles that hold any data; windows of whole scenes are read for it."""
    return tuple(tile for tile in tiles if holds_data(tile))


def with_negatives(tiles: Tiles, ratio: float | None, seed: int) -> Tiles:
    """The tiles with a slick, and so many times as many without one, drawn with the seed; all with ratio None."""
    empty = [number for number, tile in enumerate(tiles) if not tile.pieces]
    wanted = len(empty) if ratio is None else round(ratio * (len(tiles) - len(empty)))
    if wanted >= len(empty):
        return tiles
    drawn = generator(seed, "negative tiles").choice(len(empty), wanted, replace=False)
    kept = {empty[int(number)] for number in drawn}
    return tuple(tile for number, tile in enumerate(tiles) if tile.pieces or number in kept)


def resampled(tiles: Tiles, by: str | None, seed: int) -> Tiles:
    """The tiles drawn with replacement by the seed, in their own order; as they are where `by` is None.

    By "tile", as many tiles as there are; by "scene", as many scenes as there are, each with all of its tiles.
    Source: the bootstrap of Efron 1979; with whole scenes, whose tiles resemble each other, its block form.
    """
    if by is None:
        return tiles
    names = [tile.tile_id if by == "tile" else tile.scene_id for tile in tiles]
    units = sorted(set(names))
    drawn = generator(seed, "bootstrap").integers(len(units), size=len(units))
    times = dict(zip(units, np.bincount(drawn, minlength=len(units)).tolist(), strict=True))
    return tuple(tile for name, tile in zip(names, tiles, strict=True) for _ in range(times[name]))


def ignored_classes(tiles: Tiles, classes: ClassMap) -> list[str]:
    """A note for each class that tiles show and that the model has not: its pixels are neither slick nor sea."""
    shown = sorted({piece.class_id for tile in tiles for piece in tile.pieces})
    gone = [class_id for class_id in shown if classes.ids[class_id] == IGNORE]
    return [f"{tiles[0].dataset.classes[class_id].name} is ignored: data.classes lacks it" for class_id in gone]


def _tile(dataset: Dataset, record: TileRecord, window: Window) -> Tile:
    pieces = dataset.annotations[record.tile_id]
    if (window.height, window.width) != record.height_width:
        shared = [(piece, overlap(piece, window)) for piece in pieces]
        pieces = tuple(piece for piece, part in shared if part is not None and piece_mask(piece, part).any())
    return Tile(dataset, record, window, pieces)


def _slick_pixel(piece: AnnotationRecord, window: Window, rng: np.random.Generator) -> tuple[int, int]:
    """Row and column, in the tile, of one pixel of a piece in a window that holds some of it."""
    shared = overlap(piece, window) or window
    rows, cols = np.nonzero(piece_mask(piece, shared))
    number = int(rng.integers(len(rows)))
    return shared.row + int(rows[number]), shared.col + int(cols[number])


def _lattice(height_width: tuple[int, int], side: int) -> Iterator[Window]:
    height, width = height_width
    for row in range(0, height, side):
        for col in range(0, width, side):
            yield Window(row, col, min(side, height - row), min(side, width - col))
