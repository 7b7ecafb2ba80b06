"""One scene of a page: the unit of work that stands alone, writes its own folder and can be done again."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine

from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.overlays import write_overlay
from ceruleanml.annotation.page_folder import inputs_of
from ceruleanml.annotation.page_writer import PageWriter
from ceruleanml.annotation.prelabels import prelabels_of
from ceruleanml.annotation.pyramid import TILE_PX, level_sizes, stretch_of, write_pyramid
from ceruleanml.annotation.strips import GridStrips
from ceruleanml.annotation.wide import wide_reader
from ceruleanml.errors import CeruleanError, UsageError, WriteError
from ceruleanml.labels.heads import heads_of, state_of
from ceruleanml.scenes.grid import Grid, make_grid
from ceruleanml.scenes.raster import open_dataset
from ceruleanml.scenes.reading import is_safe, open_scene
from ceruleanml.scenes.scene import Scene
from ceruleanml.storage import gdal_environment, is_remote, write_json

SCENE_VERSION = 1
Json = dict[str, Any]


@dataclass(frozen=True)
class SceneTask:
    """What one unit needs to know of its scene: where it is, its folder's name, its predictions and the pool's grid."""

    location: str
    scene_id: str
    key: str
    predictions: str | None
    pool_grid: Json | None


@dataclass(frozen=True)
class UnitResult:
    """What came of one scene: the error in one line, or None."""

    scene_id: str
    error: str | None = None


def prepare_unit(task: SceneTask, options: PageOptions, folder: Path, base: Path | None = None) -> UnitResult:
    """Write one scene's folder below `folder/data/scenes`, and last its record below `folder/units`.

    Relative paths count from `base`, where this runs on another machine. A scene that cannot be prepared gives its
    error; what would stop every scene (options, a full disk) is raised.
    """
    if base is not None and Path.cwd() != base:
        os.chdir(base)
    place = folder / "data" / "scenes" / task.key
    shutil.rmtree(place, ignore_errors=True)
    try:
        with gdal_environment():
            record = _prepare(task, options, folder)
    except (WriteError, UsageError):
        raise
    except CeruleanError as error:
        record = {"error": str(error)}
    except Exception as error:  # whatever a file makes a library do must not take the other scenes with it
        logging.getLogger(__name__).debug("%s", task.location, exc_info=True)  # shown by --debug
        reason = " ".join(str(error).split())[:200]
        record = {"error": f"{task.location}: cannot be prepared: {type(error).__name__}: {reason}"}
    if "error" in record:
        shutil.rmtree(place, ignore_errors=True)
    write_json(unit_path(folder, task.key), {"scene_id": task.scene_id, "key": task.key, **record})
    return UnitResult(task.scene_id, record.get("error"))


def unit_path(folder: Path, key: str) -> Path:
    """Where the record of a finished scene lies while its page is being prepared."""
    return folder / "units" / f"{key}.json"


def page_grid(scene: Scene, options: PageOptions, pool_grid: Json | None) -> Grid:
    """The grid of a scene on the page: the one asked for, else the pool's, else a prepared scene's own, else native."""
    if options.grid is not None or options.resolution_m is not None or scene.georeference is None:
        return make_grid(scene, options.grid or "native", options.resolution_m)
    if pool_grid is not None and pool_grid["crs"] is not None:
        return _grid_of(pool_grid["name"], Affine(*pool_grid["transform"]), tuple(pool_grid["height_width"]))
    return _own_grid(scene) or make_grid(scene)


def _grid_of(name: str, transform: Affine, height_width: tuple[int, ...]) -> Grid:
    return Grid(name, transform, (height_width[0], height_width[1]))


def _own_grid(scene: Scene) -> Grid | None:
    """The grid of a scene that make-dataset prepared, None for all others."""
    if is_safe(scene.source) or (not is_remote(scene.source) and Path(scene.source).is_dir()):
        return None
    if scene.inputs != (scene.source,):  # its georeference comes from a companion file
        return None
    with open_dataset(scene.source) as dataset:
        tags, transform = dataset.tags(), dataset.transform
        lon_lat = dataset.crs is not None and dataset.crs.to_epsg() == 4326
    if lon_lat and tags.get("grid") in ("native", "serving") and "scene_id" in tags:
        return _grid_of(tags["grid"], transform, scene.height_width)
    return None


def _prepare(task: SceneTask, options: PageOptions, folder: Path) -> Json:
    scene = open_scene(task.location, options.polarisation, options.radiometry, options.georeference)
    wide = wide_reader(task.location, scene, options.bits)
    grid = page_grid(scene, options, task.pool_grid)
    writer, place = PageWriter(folder / "data", options.twins), f"scenes/{task.key}"
    strips = GridStrips(scene, grid, wide or scene.reader, "uint16" if wide else "uint8")
    counts = write_pyramid(strips.rows, grid.height_width, scene.nodata, writer.tiles(place))
    model = _write_prelabels(task, options, grid, writer, place)
    overlays = [
        write_overlay(spec, number, scene.scene_id, grid, writer, f"{place}/overlays")
        for number, spec in enumerate(options.overlays)
    ]
    about = {
        **_about(scene, grid, bits=16 if wide else 8), "stretch": list(stretch_of(counts)), "overlays": overlays,
        "prelabels": task.predictions is not None, "model": model, "labels": _write_state(task, options, writer, place),
    }  # fmt: skip
    writer.json(f"{place}/scene.json", about)
    return {"grid": {"transform": list(grid.transform)[:6], "height_width": list(grid.height_width), "crs": grid.crs},
            "model": model, "inputs": _inputs(task, scene, options)}  # fmt: skip


def _about(scene: Scene, grid: Grid, bits: int) -> Json:
    """What scene.json says of the image itself."""
    time = scene.sensing_time
    return {
        "format_version": SCENE_VERSION,
        "scene_id": scene.scene_id,
        "height_width": list(grid.height_width),
        "tile_px": TILE_PX,
        "levels": [{"height_width": list(size)} for size in level_sizes(grid.height_width)],
        "bits": bits,
        "nodata": scene.nodata,
        "unit": _unit(scene, bits),
        "crs": grid.crs,
        "transform": None if grid.crs is None else list(grid.transform)[:6],
        "sensing_time": None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}",
        "source": scene.source.rstrip("/").rsplit("/", 1)[-1],
    }


def _unit(scene: Scene, bits: int) -> str:
    if scene.radiometry.name == "sigma0_db":
        low, high = scene.radiometry.db_range
        return f"sigma nought, {low:g} to {high:g} dB as 1 to 255"
    return "DN" if bits == 16 else "8-bit backscatter"


def _write_prelabels(task: SceneTask, options: PageOptions, grid: Grid, writer: PageWriter, place: str) -> str | None:
    """Write the scene's pre-labels, if there are any; the model they come from."""
    if task.predictions is None:
        return None
    found = prelabels_of(Path(task.predictions), options.table, task.scene_id, grid.crs is not None)
    writer.json(f"{place}/prelabels.geojson", found)
    model: str | None = found["model"]
    return model


def _write_state(task: SceneTask, options: PageOptions, writer: PageWriter, place: str) -> bool:
    """Write what the label store holds of the scene, where one state counts; whether it does."""
    state = None if options.store is None else state_of(options.store, task.scene_id)
    if options.store is None or state is None:
        return False
    heads = [path.name for path in heads_of(options.store, task.scene_id)]
    writer.json(f"{place}/labels.geojson", {**state, "scene_id": task.scene_id, "based_on": heads})
    return True


def _inputs(task: SceneTask, scene: Scene, options: PageOptions) -> Json:
    """What is known of each file that the scene's folder was made from."""
    overlays = [spec.file(task.scene_id) for spec in options.overlays]
    states = [] if options.store is None else [str(path) for path in heads_of(options.store, task.scene_id)]
    return inputs_of([*scene.inputs, *overlays, *states, *([task.predictions] if task.predictions else [])])
