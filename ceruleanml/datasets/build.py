"""Building a data set folder: units side by side, then one COCO file, then the folder takes its name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ceruleanml
from ceruleanml.datasets.coco import Record, assemble
from ceruleanml.datasets.folder import FORMAT_VERSION, MANIFEST_NAME
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.unit import build_unit, label_scene, stamps, tile_grid, unit_path
from ceruleanml.errors import CeruleanError, DatasetError, StorageError, UsageError
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.storage import make_folder, read_json, storage_error, write_json

VERSIONED = ("numpy", "rasterio", "pycocotools", "shapely", "zstandard")
"""The libraries whose versions could change a data set's bytes."""


@dataclass(frozen=True)
class BuildReport:
    """What a build made: counts, and the error of each scene that failed.

    `built_now` is False for a data set that was already there.
    """

    out: Path
    scenes: int
    tiles: int
    annotations: int
    failed: dict[str, str]
    notes: dict[str, list[str]]
    built_now: bool


@dataclass(frozen=True)
class Estimate:
    """What a build would make at most: tiles and uncompressed bytes, and the labelled instances it found."""

    scenes: int
    tiles: int
    instances: int
    raw_bytes: int
    failed: dict[str, str]


def make_dataset(
    scenes: Sequence[str],
    out: Path,
    options: BuildOptions,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Build the data set of the scenes in the folder `out`, which appears whole or not at all.

    Scenes are named as `find_scenes` takes them. A killed build goes on where it stood when it is called again with
    the same arguments; a scene that cannot be built is reported and the others are built. The result does not depend
    on `workers` or `scheduler`. Raises CeruleanError subclasses; DatasetError when `out` holds something else or
    when no scene could be built.
    """
    locations = find_scenes(scenes)
    plan = _plan(locations, options)
    with _lock(out):
        if _holds_something(out):
            return _report(out, _existing(out, plan), built_now=False)
        folder = _building_folder(out, plan)
        try:
            _build_units(locations, options, folder, workers, scheduler, progress or Silent())
            manifest = _assemble(locations, options, plan, folder)
        except CeruleanError:
            _forget_if_nothing_is_built(folder)
            raise
        _publish(folder, out)
    return _report(out, manifest, built_now=True)


def estimate(scenes: Sequence[str], options: BuildOptions, progress: Progress | None = None) -> Estimate:
    """What `make_dataset` would make of the scenes at most, from their headers and labels alone. Writes nothing."""
    progress = progress or Silent()
    locations = find_scenes(scenes)
    tiles = instances = pixels = 0
    failed = {}
    progress.start("Looking at scenes", len(locations))
    for location in locations:
        try:
            labelled = label_scene(location, options)
            grid = tile_grid(labelled.grid, options)
        except UsageError:
            raise
        except CeruleanError as error:
            failed[scene_id_of(location)] = str(error)
        else:
            tiles += len(grid)
            pixels += len(grid) * grid.tile_size[0] * grid.tile_size[1]
            instances += len(labelled.instances)
        progress.advance()
    progress.finish()
    return Estimate(len(locations), tiles, instances, pixels * len(options.channels), failed)


def _plan(locations: Sequence[str], options: BuildOptions) -> Record:
    """All that the bytes of the data set depend on, apart from the files' content."""
    return {
        "format_version": FORMAT_VERSION,
        "ceruleanml_version": ceruleanml.__version__,
        "versions": {name: _version(name) for name in VERSIONED},
        "arguments": {"scenes": list(locations), **options.as_arguments()},
        "seed": options.seed,
        "classes": options.classes.as_rows(),
        "channels": options.channels,
        "tile_size": list(options.tile_size) if options.tile_size else 0,
        "stride": list(options.stride or options.tile_size or ()) or None,
        "grid": options.grid or "native",
        "resolution_m": options.resolution_m,
        "radiometry": options.radiometry.name,
    }


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


@contextmanager
def _lock(out: Path) -> Iterator[None]:
    """Nobody else builds this data set meanwhile. Raises StorageError where somebody does."""
    make_folder(out.parent)
    path = out.with_name(f".{out.name}.lock")
    try:
        file = path.open("w")
    except OSError as error:
        raise storage_error(out, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(
                f"{out}: is being built by another process; wait for it or choose another --out"
            ) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _holds_something(out: Path) -> bool:
    return out.exists() and not (out.is_dir() and not any(out.iterdir()))


def _existing(out: Path, plan: Record) -> Record:
    """The manifest of a data set that is already what was asked for. Raises DatasetError where it is another."""
    if not (out / MANIFEST_NAME).is_file():
        raise DatasetError(f"{out}: exists and is no data set; choose another --out")
    manifest: Record = read_json(out / MANIFEST_NAME)
    changed = [key for key in ("arguments", "classes", "format_version") if manifest.get(key) != plan[key]]
    changed += [
        path
        for scene in manifest.get("scenes", {}).values()
        for path in scene.get("inputs", {})
        if Path(path).is_file() and Path(path).stat().st_mtime > (out / MANIFEST_NAME).stat().st_mtime
    ][:1]
    if changed:
        raise DatasetError(f"{out}: was built from other {changed[0]}; remove it or choose another --out")
    return manifest


def _building_folder(out: Path, plan: Record) -> Path:
    """The hidden folder beside `out` in which it is built: new, or what a killed build of the same plan left."""
    folder = out.with_name(f".{out.name}.building")
    if folder.exists():
        left = read_json(folder / "plan.json") if (folder / "plan.json").is_file() else None
        if left is not None and left != plan:
            raise DatasetError(f"{folder}: holds an unfinished build with other arguments; finish that or remove it")
    for name in ("units", "tiles", "scenes"):
        make_folder(folder / name)
    write_json(folder / "plan.json", plan)
    return folder


def _forget_if_nothing_is_built(folder: Path) -> None:
    units = folder / "units"
    if not any(read_json(path)["scene"]["state"] == "built" for path in units.glob("*.json")):
        shutil.rmtree(folder, ignore_errors=True)


def _build_units(
    locations: Sequence[str],
    options: BuildOptions,
    folder: Path,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> None:
    waiting = [location for location in locations if not _is_done(location, folder)]
    progress.start("Building scenes", len(locations))
    progress.advance(len(locations) - len(waiting))
    unit = partial(build_unit, options=options, folder=folder.absolute())
    try:
        for record in run_units(unit, waiting, workers, scheduler):
            progress.advance()
            if record["scene"]["state"] == "failed":
                progress.note(f"failed: {record['scene']['error']}")
    finally:
        progress.finish()


def _is_done(location: str, folder: Path) -> bool:
    """Whether an earlier run built the scene from the same files. Failed scenes are tried again."""
    path = unit_path(folder, scene_id_of(location))
    if not path.is_file():
        return False
    record = read_json(path)
    return bool(record["scene"]["state"] == "built" and record["stamps"] == stamps(list(record["stamps"])))


def _assemble(locations: Sequence[str], options: BuildOptions, plan: Record, folder: Path) -> Record:
    units = [read_json(unit_path(folder, scene_id_of(location))) for location in locations]
    scenes = {unit["scene_id"]: unit["scene"] for unit in units}
    failed = [scene["error"] for scene in scenes.values() if scene["state"] == "failed"]
    if len(failed) == len(scenes):
        raise DatasetError(f"no scene could be built, the first because {failed[0]}")
    manifest = {**plan, "scenes": scenes, "label_snapshot": _label_snapshot(scenes)}
    info = {"description": "ceruleanml data set", "version": ceruleanml.__version__}
    write_json(folder / "instances.json", assemble(units, options.classes, info), indent=None)
    write_json(folder / MANIFEST_NAME, manifest)
    _tidy(folder, {image["file_name"] for unit in units for image in unit["images"]}, options.keep_scenes)
    return manifest


def _label_snapshot(scenes: Record) -> str:
    """The sha256 over the label files of all scenes, by scene and file name."""
    lines = [
        f"{scene_id} {Path(path).name} {scene['inputs'][path]}"
        for scene_id, scene in sorted(scenes.items())
        for path in scene.get("labels", [])
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _tidy(folder: Path, wanted: set[str], keeps_scenes: bool) -> None:
    """Remove what only the build needed, and files that a killed run left of tiles that are no longer wanted."""
    shutil.rmtree(folder / "units")
    (folder / "plan.json").unlink()
    for name in ("tiles", "scenes"):
        for path in (folder / name).iterdir():
            if f"{name}/{path.name}" not in wanted and not (name == "scenes" and keeps_scenes and path.name[0] != "."):
                path.unlink()
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()


def _publish(folder: Path, out: Path) -> None:
    try:
        os.replace(folder, out)
    except OSError as error:
        raise storage_error(out, error) from error


def _report(out: Path, manifest: dict[str, Any], built_now: bool) -> BuildReport:
    scenes = manifest["scenes"]
    built = [scene for scene in scenes.values() if scene["state"] == "built"]
    return BuildReport(
        out,
        scenes=len(scenes),
        tiles=sum(scene["tiles"] for scene in built),
        annotations=sum(scene["annotations"] for scene in built),
        failed={name: scene["error"] for name, scene in scenes.items() if scene["state"] == "failed"},
        notes={name: scene["notes"] for name, scene in scenes.items() if scene.get("notes")},
        built_now=built_now,
    )
