"""One scene of a data set: the unit of work that stands alone, writes its own files and can be done again."""

from __future__ import annotations

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
from ceruleanml.errors import CeruleanError, StorageError, UsageError
from ceruleanml.labels.instances import GridInstance
from ceruleanml.scenes.grid import Grid, Window, footprint
from ceruleanml.scenes.prepared import PreparedScene, write_cog
from ceruleanml.scenes.reading import scene_id_of
from ceruleanml.seeds import generator
from ceruleanml.storage import gdal_environment, sha256_of, storage_error, write_json


def build_unit(location: str, options: BuildOptions, folder: Path) -> Record:
    """The record of one scene, whose tiles are then in `folder` and which is itself in `folder/units`.

    A scene that cannot be built gives a record with the state "failed" and the error. Raises StorageError where
    nothing can be written and UsageError for options that cannot be, since those would stop every scene.
    """
    scene_id = scene_id_of(location)
    try:
        with gdal_environment():
            record = _build(location, options, folder)
    except (StorageError, UsageError):
        raise
    except CeruleanError as error:
        failed = {"state": "failed", "error": str(error), "source": location}
        record = {"scene_id": scene_id, "scene": failed, "images": [], "stamps": {}}
    write_json(unit_path(folder, scene_id), record)
    return record


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
        valid = _write_scene(prepared, folder)
        images = [_whole(labelled, valid)]
    if options.tile_size is not None:
        images = list(_tiles(prepared, labelled, options, folder))
    return {
        "scene_id": labelled.scene.scene_id,
        "scene": _scene_record(labelled, images),
        "images": images,
        "stamps": stamps(labelled.inputs),
    }


def _scene_record(labelled: LabelledScene, images: list[Record]) -> Record:
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
        "notes": list(labelled.notes),
    }  # fmt: skip


def _sha256(path: str) -> str | None:
    """None for what lies in a bucket, which is not fetched again for this."""
    return sha256_of(Path(path)) if Path(path).is_file() else None


def _write_scene(prepared: PreparedScene, folder: Path) -> float:
    target = folder / "scenes" / f"{prepared.scene.scene_id}.tif"
    try:
        return write_cog(prepared, target)
    except OSError as error:
        raise storage_error(target, error) from error


def _tiles(prepared: PreparedScene, labelled: LabelledScene, options: BuildOptions, folder: Path) -> Iterator[Record]:
    """Write the tiles that are to be kept, one row of tiles in memory at a time, and yield their records."""
    tiles = tile_grid(prepared.grid, options)
    scene_id, nodata = prepared.scene.scene_id, prepared.scene.nodata
    keeps_empty = generator(options.seed, "empty tiles", scene_id).random(tiles.rows_cols) < options.empty_tiles
    for tile_row, strip in enumerate(_strips(prepared, tiles)):
        for tile_col in range(tiles.rows_cols[1]):
            window = tiles[tile_row, tile_col]
            pixels = strip[:, :, window.col : window.col + window.width]
            valid = _valid_fraction(pixels[0], window, prepared.grid.height_width, nodata)
            if valid == 0 or valid < options.min_valid:
                continue
            tile_id = f"{scene_id}_{window.row:05d}_{window.col:05d}"
            pieces = _pieces(labelled.instances, window)
            if not (pieces or keeps_empty[tile_row, tile_col] or tile_id in options.hard_negatives):
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


def _valid_fraction(
    pixels: NDArray[np.uint8], window: Window, height_width: tuple[int, int], nodata: int | None
) -> float:
    if nodata is not None:
        return round(float(np.count_nonzero(pixels != nodata)) / pixels.size, 6)
    inside = window.intersection(Window(0, 0, *height_width))
    return round(inside.height * inside.width / pixels.size, 6) if inside else 0.0


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
        "valid_fraction": valid,
        "big_image_original_fname": Path(labelled.location).name,
        "annotations": pieces,
    }
