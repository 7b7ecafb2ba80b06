"""Tiles whose labels a model doubts, ranked for another look: probabilities and labels in, a selection out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.annotation.page_queue import window_on
from ceruleanml.classes import ClassTable
from ceruleanml.datasets.folder import Dataset, TileRecord, open_dataset
from ceruleanml.datasets.tiling import TileGrid
from ceruleanml.errors import LabelError, SceneError, UsageError
from ceruleanml.labels.finding import NO_LABELS, labels_of
from ceruleanml.labels.instances import GridInstance, ImageMask
from ceruleanml.labels.on_grid import laid
from ceruleanml.labels.suspicion import KINDS, Suspicion, likely_kinds, suspicion
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.raster import open_dataset as open_raster
from ceruleanml.selection.candidates import Pick, Selection
from ceruleanml.selection.selection_files import write_selection
from ceruleanml.storage import gdal_environment

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

WORDS = {
    "overlooked": "a slick seems overlooked",
    "badly_located": "a slick seems badly located",
    "swapped": "a slick's class seems swapped",
}


@dataclass(frozen=True)
class SuspectTile:
    """One tile and how suspect its labels are."""

    tile_id: str
    scene_id: str
    found: Suspicion


@dataclass(frozen=True)
class Suspects:
    """Every tile that could be judged, in the order of scenes and tiles, and notes on what could not."""

    tiles: tuple[SuspectTile, ...]
    notes: tuple[str, ...]


def of_dataset(probabilities: Path, dataset: Path, progress: Progress | None = None) -> Suspects:
    """The tiles of a data set, judged by the probabilities in a folder, `<scene_id>.tif` as predict writes them.

    Scenes without such a file, or with one on another grid, are left out with a note. Raises DatasetError, LabelError.
    """
    data = open_dataset(dataset)
    by_scene: dict[str, list[TileRecord]] = {}
    for tile in data.tiles:
        by_scene.setdefault(tile.scene_id, []).append(tile)
    notes: list[str] = []
    tiles: list[SuspectTile] = []
    for scene_id, path in _files(probabilities, sorted(by_scene), notes, progress or Silent()):
        with gdal_environment(), open_raster(str(path)) as file:
            tiles += _of_tiles(file, path, data, by_scene[scene_id], notes)
    return _checked(tiles, notes, probabilities)


def of_labels(
    probabilities: Path, labels: Path, classes: ClassTable, tile_size: int = 512, progress: Progress | None = None
) -> Suspects:
    """The tiles of every scene with probabilities, judged with the labels in a store, STORE@SNAPSHOT or folder.

    Tiles are cut as make-dataset cuts that grid, and called alike. Raises LabelError.
    """
    if tile_size < 1:
        raise UsageError(f"--tile-size {tile_size} cannot be; give pixels as make-dataset was given them")
    if not probabilities.is_dir():
        raise LabelError(f"{probabilities}: no such folder; name the one that ceruleanml predict --probabilities wrote")
    notes: list[str] = []
    tiles: list[SuspectTile] = []
    scene_ids = sorted(path.stem for path in probabilities.glob("*.tif") if not path.name.startswith("."))
    for scene_id, path in _files(probabilities, scene_ids, notes, progress or Silent()):
        with gdal_environment(), open_raster(str(path)) as file:
            tiles += _of_scene(file, path, scene_id, labels, classes, tile_size, notes)
    return _checked(tiles, notes, probabilities)


def write_suspects(out: Path, found: Suspects, most: int = 200, kind: str | None = None) -> tuple[Path, int]:
    """Write the most suspect tiles as selection.csv, over all or by one kind; its path and how many tiles it lists.

    Of equals the tile whose id comes first is first. Raises UsageError for an unknown kind, WriteError.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind {kind} is not known; choose {', '.join(KINDS)}")
    if most < 1:
        raise UsageError(f"--most {most} cannot be; list 1 or more tiles")
    ranked = sorted(found.tiles, key=lambda tile: (-tile.found.of(kind), tile.tile_id))
    chosen = [tile for tile in ranked if tile.found.of(kind) > 0][:most]
    kinds = likely_kinds([tile.found for tile in ranked])
    likely = {tile.tile_id: one for tile, one in zip(ranked, kinds, strict=True)}
    picks = [
        Pick(
            tile.tile_id,
            tile.scene_id,
            rank,
            round(tile.found.of(kind), 6),
            _reason(tile.found, kind or likely[tile.tile_id]),
            _figures(tile),
        )
        for rank, tile in enumerate(chosen, start=1)
    ]
    return write_selection(out, Selection(tuple(picks)))[-1], len(picks)


def _reason(found: Suspicion, worst: str | None) -> str:
    """Why a tile is looked at again, in words and figures."""
    least = f"soft minimum {1 - found.score:.2f}"
    if worst is None:
        return f"labels are unlikely to the model: {least}"
    row, col = dict(found.where).get(worst, (0, 0))
    return f"{WORDS[worst]} ({found.of(worst):.2f}) near row {row}, column {col}; {least}"


def _figures(tile: SuspectTile) -> dict[str, float]:
    return {"soft_minimum": round(1 - tile.found.score, 6), **{kind: round(tile.found.of(kind), 6) for kind in KINDS}}


def _files(folder: Path, scene_ids: Sequence[str], notes: list[str], progress: Progress) -> Iterator[tuple[str, Path]]:
    """The file of probabilities of each scene that has one."""
    progress.start("Doubting labels", len(scene_ids))
    try:
        for scene_id in scene_ids:
            path = folder / f"{scene_id}.tif"
            if path.is_file():
                yield scene_id, path
            else:
                notes.append(f"scene {scene_id}: has no probabilities in {folder}, so its tiles are not judged")
            progress.advance()
    finally:
        progress.finish()


def _checked(tiles: list[SuspectTile], notes: list[str], probabilities: Path) -> Suspects:
    if not tiles:
        why = f" ({notes[0]})" if notes else ""
        raise LabelError(
            f"{probabilities}: judges no tile{why}; run ceruleanml predict --probabilities on the labelled scenes"
        )
    return Suspects(tuple(tiles), tuple(notes))


def _of_tiles(
    file: DatasetReader, path: Path, data: Dataset, tiles: Sequence[TileRecord], notes: list[str]
) -> Iterator[SuspectTile]:
    """The tiles of one scene of a data set."""
    bands = _bands(file, data.classes, path)
    crs = file.crs.to_string() if file.crs else None
    for tile in tiles:
        window = window_on(file.transform, (file.height, file.width), tile, crs)
        if window is None or not _same_pixels(file, tile):
            notes.append(f"scene {tile.scene_id}: {path} lies on another grid than its tiles, which are not judged")
            return
        row, col = (window.row, window.col) if crs is None else _corner(file, tile)
        inside = np.s_[window.row - row :, window.col - col :]
        labelled = data.mask(tile)[inside][: window.height, : window.width]
        yield SuspectTile(tile.tile_id, tile.scene_id, _judged(file, window, labelled, bands))


def _same_pixels(file: DatasetReader, tile: TileRecord) -> bool:
    steps = [(file.transform.a, tile.transform.a), (file.transform.e, tile.transform.e)]
    return tile.crs is None or all(abs(one - other) <= 1e-6 * abs(other) for one, other in steps)


def _corner(file: DatasetReader, tile: TileRecord) -> tuple[int, int]:
    left, top = ~file.transform @ tile.transform @ (0, 0)
    return round(top), round(left)


def _of_scene(
    file: DatasetReader, path: Path, scene_id: str, labels: Path, classes: ClassTable, tile_size: int, notes: list[str]
) -> Iterator[SuspectTile]:
    """The tiles of one scene, with labels burnt onto the grid of its probabilities."""
    size = (file.height, file.width)
    bands = _bands(file, classes, path)
    found = labels_of(scene_id, str(path), labels, size, classes)
    if NO_LABELS in found.notes:
        notes.append(f"scene {scene_id}: has no labels, so its tiles are not judged")
        return
    crs = file.crs.to_string() if file.crs else None
    if crs is not None and any(isinstance(instance, ImageMask) for instance in found.instances):
        notes.append(
            f"scene {scene_id}: is labelled in pixels of its image, so its tiles are not judged; use --dataset"
        )
        return
    grid = Grid("native", file.transform, size, crs) if crs else Grid("image", file.transform, size, None)
    slicks, _ = laid(found, scene_id, grid, None, size)
    tiles = TileGrid(size, (tile_size, tile_size), (tile_size, tile_size))
    for tile_row in range(tiles.rows_cols[0]):
        for tile_col in range(tiles.rows_cols[1]):
            window = tiles[tile_row, tile_col].intersection(Window(0, 0, *size))
            if window is not None:
                tile_id = f"{scene_id}_{window.row:05d}_{window.col:05d}"
                yield SuspectTile(tile_id, scene_id, _judged(file, window, _drawn(slicks, window), bands))


def _drawn(slicks: Sequence[GridInstance], window: Window) -> NDArray[np.uint8]:
    """The class of each pixel of a window; where slicks overlap the later one is seen."""
    found = np.zeros((window.height, window.width), np.uint8)
    for slick in slicks:
        shared = slick.window.intersection(window)
        if shared is not None:
            mine = np.s_[shared.row - slick.window.row :, shared.col - slick.window.col :]
            here = np.s_[shared.row - window.row :, shared.col - window.col :]
            part = found[here][: shared.height, : shared.width]
            part[slick.mask[mine][: shared.height, : shared.width]] = slick.class_id
    return found


def _bands(file: DatasetReader, classes: ClassTable, path: Path) -> list[int]:
    """The class ids of the bands of a file of probabilities. Raises LabelError where one is no class of the table."""
    names = list(file.descriptions)
    if file.dtypes[0] != "uint8" or not all(name in classes.slick_names for name in names):
        raise LabelError(f"{path}: its bands {names} are no probabilities of classes; run predict --probabilities")
    return [classes.id_of(name) for name in names]


def _judged(file: DatasetReader, window: Window, labelled: NDArray[np.uint8], bands: list[int]) -> Suspicion:
    """A window's suspicion; 1 to 255 are probabilities 0 to 1, and 0 is not measured."""
    from rasterio.errors import RasterioIOError

    place = ((window.row, window.row + window.height), (window.col, window.col + window.width))
    try:
        pixels = file.read(window=place)
    except RasterioIOError as error:
        raise SceneError(f"{file.name}: is truncated or damaged; predict the scene again") from error
    valid = pixels[0] > 0
    return suspicion(labelled, np.maximum(pixels, 1).astype(np.float32) / 254 - np.float32(1 / 254), bands, valid)
