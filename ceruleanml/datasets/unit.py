"""One scene of a data set: the unit of work that stands alone, writes its own files and can be done again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.coco import Record, annotation
from ceruleanml.datasets.labelled import LabelledScene, label_scene
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.tile_io import encode_tile
from ceruleanml.datasets.tiling import TileGrid
from ceruleanml.errors import CeruleanError, UsageError, WriteError
from ceruleanml.labels.finding import NOT_COMPLETE
from ceruleanml.labels.instances import GridInstance
from ceruleanml.scenes.grid import Grid, Window, footprint
from ceruleanml.scenes.prepared import PreparedScene, write_cog
from ceruleanml.scenes.reading import scene_id_of
from ceruleanml.seeds import generator
from ceruleanml.storage import gdal_environment, sha256_of, storage_error, write_json


def build_unit(location: str, options: BuildOptions, folder: Path, base: Path | None = None) -> Record:
    """The record of one scene, whose tiles are then in `folder` and which is itself in `folder/units`.

    Relative paths count from `base`, where this runs on another machine. A scene that cannot be built gives a record
    with the state "failed" and the error. Raises WriteError where nothing can be written and UsageError for options
    that cannot be, since those would stop every scene.
    """
    if base is not None and Path.cwd() != base:
        os.chdir(base)
    scene_id = scene_id_of(location)
    try:
        with gdal_environment():
            record = _build(location, options, folder)
    except (WriteError, UsageError):
        raise
    except CeruleanError as error:
        record = _failed(location, scene_id, str(error))
    except Exception as error:  # whatever a file makes a library do must not take the other scenes with it
        logging.getLogger(__name__).debug("%s", location, exc_info=True)  # shown by --debug
        reason = " ".join(str(error).split())[:200]
        record = _failed(location, scene_id, f"{location}: cannot be built: {type(error).__name__}: {reason}")
    write_json(unit_path(folder, scene_id), record)
    return record


def _failed(location: str, scene_id: str, error: str) -> Record:
    scene = {"state": "failed", "error": error, "source": location}
    return {"scene_id": scene_id, "scene": scene, "images": [], "stamps": {}}


def unit_path(folder: Path, scene_id: str) -> Path:
    """Where the record of a finished unit lies while its data set is being built."""
    return folder / "units" / f"{scene_id}.json"


def stamps(paths: Sequence[str]) -> dict[str, list[int]]:
    """Size and time of change of each local file, by which a changed input is noticed."""
    found = {path: Path(path) for path in paths}
    return {name: [p.stat().st_size, p.stat().st_mtime_ns] for name, p in found.items() if p.is_file()}


def tile_grid(grid: Grid, options: BuildOptions) -> TileGrid:
    """The tile grid of a scene's grid; one tile as large as the grid for whole scenes."""
    tile_size = options.tile_size or grid.height_width
    return TileGrid(grid.height_width, tile_size, options.stride or tile_size)


def _build(location: str, options: BuildOptions, folder: Path) -> Record:
    labelled = label_scene(location, options)
    prepared = PreparedScene(labelled.scene, labelled.grid, labelled.context)
    images = []
    if options.tile_size is None or options.keep_scenes:
        valid = write_cog(prepared, folder / "scenes" / f"{labelled.scene.scene_id}.tif")
        images = [_whole(labelled, valid)]
    if options.tile_size is not None:
        images = list(_tiles(prepared, labelled, options, folder))
    return {
        "scene_id": labelled.scene.scene_id,
        "scene": _scene_record(labelled, images, options),
        "images": images,
        "stamps": stamps(labelled.inputs),
    }


def _scene_record(labelled: LabelledScene, images: list[Record], options: BuildOptions) -> Record:
    scene, grid = labelled.scene, labelled.grid
    outline = None if scene.georeference is None else footprint(scene.georeference, scene.height_width, points=9)
    return {
        "state": "built",
        "source": labelled.location,
        "sensing_time": scene.sensing_time.isoformat() if scene.sensing_time else None,
        "inputs": {path: _sha256(path) for path in sorted(set(labelled.inputs))},
        "labels": sorted(labelled.label_inputs),
        "nodata": scene.nodata,
        "grid": {
            "name": grid.name, "transform": list(grid.transform)[:6], "crs": grid.crs,
            "height_width": list(grid.height_width),
        },
        "footprint": None if outline is None else outline.round(7).tolist(),
        "metres_per_pixel": list(grid.metres_per_pixel) if grid.metres_per_pixel else None,
        "tiles": len(images),
        "annotations": sum(len(image["annotations"]) for image in images),
        "notes": [*_of_labels(labelled, options), *_left_out(labelled, images, options)],
    }  # fmt: skip


def _of_labels(labelled: LabelledScene, options: BuildOptions) -> list[str]:
    """The notes of the labels; where tiles that nobody went through are left out, none of these is background."""
    return [note for note in labelled.notes if not (options.reviewed_only and NOT_COMPLETE in note)]


def _left_out(labelled: LabelledScene, images: list[Record], options: BuildOptions) -> list[str]:
    """A note for each slick that no tile shows."""
    shown = {piece["slick_id"] for image in images for piece in image["annotations"]}
    lost = [instance.slick_id for instance in labelled.instances if instance.slick_id not in shown]
    why = "too few pixels with data" + (", or nobody's review" if options.reviewed_only else "")
    return [f"{slick_id}: lies only where tiles were left out, for {why}" for slick_id in lost]


def _sha256(path: str) -> str | None:
    """None for what lies in a bucket, which is not fetched again for this."""
    return sha256_of(Path(path)) if Path(path).is_file() else None


def _tiles(prepared: PreparedScene, labelled: LabelledScene, options: BuildOptions, folder: Path) -> Iterator[Record]:
    """Write the tiles that are to be kept, one row of tiles in memory at a time, and yield their records."""
    tiles = tile_grid(prepared.grid, options)
    scene_id, nodata = prepared.scene.scene_id, prepared.scene.nodata
    random = generator(options.seed, "empty tiles", scene_id)
    for tile_row, strip in enumerate(_strips(prepared, tiles)):
        keeps_empty = random.random(tiles.rows_cols[1]) < options.empty_tiles
        for tile_col in range(tiles.rows_cols[1]):
            window = tiles[tile_row, tile_col]
            tile_id = f"{scene_id}_{window.row:05d}_{window.col:05d}"
            hard_negative = tile_id in options.hard_negatives
            if options.reviewed_only and not (hard_negative or labelled.was_seen(window)):
                continue
            pixels = strip[:, :, window.col : window.col + window.width]
            valid = _valid_pixels(pixels[0], window, prepared.grid.height_width, nodata) / pixels[0].size
            if valid == 0 or valid < options.min_valid:
                continue
            pieces = _pieces(labelled.instances, window)
            if not (pieces or keeps_empty[tile_col] or hard_negative):
                continue
            _write_tile(folder / "tiles" / f"{tile_id}.tif", pixels, prepared, window, options)
            yield _image_record(labelled, window, f"tiles/{tile_id}.tif", tile_id, valid, pieces)


def _strips(prepared: PreparedScene, tiles: TileGrid) -> Iterator[NDArray[np.uint8]]:
    """Each row of tiles as uint8 (bands, tile height, padded width); rows shared with the row above are kept."""
    tile_height, stride = tiles.tile_size[0], tiles.stride[0]
    strip = np.zeros((len(prepared.channels), tile_height, tiles.padded_height_width[1]), dtype=np.uint8)
    shared = 0
    for tile_row in range(tiles.rows_cols[0]):
        if shared:
            strip[:, :shared] = strip[:, stride:].copy()
        strip[:, shared:] = 0
        start = tile_row * stride + shared
        if start < prepared.grid.height_width[0]:
            prepared.fill(strip[:, shared:], start)
        yield strip
        shared = tile_height - stride


def _valid_pixels(pixels: NDArray[np.uint8], window: Window, height_width: tuple[int, int], nodata: int | None) -> int:
    if nodata is not None:
        return int(np.count_nonzero(pixels != nodata))
    inside = window.intersection(Window(0, 0, *height_width))
    return inside.height * inside.width if inside else 0


def _pieces(instances: Sequence[GridInstance], window: Window) -> list[Record]:
    """The annotations of a tile: the part of each instance that lies in its window."""
    pieces = []
    for instance in instances:
        shared = instance.window.intersection(window)
        if shared is None:
            continue
        row, col = shared.row - instance.window.row, shared.col - instance.window.col
        mask = instance.mask[row : row + shared.height, col : col + shared.width]
        if mask.any():
            place = Window(shared.row - window.row, shared.col - window.col, shared.height, shared.width)
            about = {"category_id": instance.class_id, "slick_id": instance.slick_id}
            pieces.append({**annotation(mask, place, (window.height, window.width)), **about})
    return pieces


def _write_tile(
    path: Path, pixels: NDArray[np.uint8], prepared: PreparedScene, window: Window, options: BuildOptions
) -> None:
    crs = prepared.grid.crs
    transform = prepared.grid.window_transform(window) if crs else None
    content = encode_tile(pixels, transform, crs, options.channels, prepared.scene.nodata)
    try:
        path.unlink(missing_ok=True)  # it may be a link to a tile of a finished data set
        path.write_bytes(content)
    except OSError as error:
        raise storage_error(path, error) from error


def _whole(labelled: LabelledScene, valid: float) -> Record:
    """The image record of a whole scene."""
    window = Window(0, 0, *labelled.grid.height_width)
    scene_id = labelled.scene.scene_id
    pieces = _pieces(labelled.instances, window)
    return _image_record(labelled, window, f"scenes/{scene_id}.tif", f"{scene_id}_00000_00000", valid, pieces)


def _image_record(
    labelled: LabelledScene, window: Window, file_name: str, tile_id: str, valid: float, pieces: list[Record]
) -> dict[str, Any]:
    return {
        "file_name": file_name,
        "tile_id": tile_id,
        "width": window.width,
        "height": window.height,
        "scene_id": labelled.scene.scene_id,
        "window": window.as_list,
        "transform": list(labelled.grid.window_transform(window))[:6],
        "crs": labelled.grid.crs,
        "valid_fraction": round(valid, 6),
        "big_image_original_fname": Path(labelled.location).name,
        "annotations": pieces,
    }
