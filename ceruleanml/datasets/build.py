"""Building a data set folder: units side by side, then one COCO file, then the folder takes its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ceruleanml
from ceruleanml.datasets import staging
from ceruleanml.datasets.coco import Record, assemble
from ceruleanml.datasets.folder import FORMAT_VERSION, INSTANCES_NAME, MANIFEST_NAME
from ceruleanml.datasets.labelled import check_labels_match, label_paths
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.unit import build_unit, stamps, unit_path
from ceruleanml.errors import DatasetError
from ceruleanml.labels.snapshots import find_store, take_snapshot
from ceruleanml.mirror_copies import is_in_bucket, origin_of
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.storage import read_json, sha256_of, write_json

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
    the same arguments; a scene that cannot be built is reported, the others are built, and a further call tries it
    again. The result does not depend on `workers` or `scheduler`. Raises CeruleanError subclasses; DatasetError when
    `out` holds something else or when no scene could be built.
    """
    locations = find_scenes(scenes)
    check_labels_match(locations, options)
    plan = _plan(locations, options)
    options = _fixed(options)
    place = staging.place_of(out)
    with staging.lock(place):
        before = _existing(place, plan, options)
        if before is not None and not _failed(before):
            return _report(out, before, built_now=False)
        folder = staging.open_staging(place, plan)
        try:
            if before is not None:
                staging.take_over(place, folder, before)
            _build_units(locations, options, folder, workers, scheduler, progress or Silent())
            manifest = _assemble(locations, options, plan, folder)
        except BaseException:
            staging.forget_if_nothing_is_built(folder)
            raise
        staging.publish(folder, place)
    return _report(out, manifest, built_now=True)


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


def _fixed(options: BuildOptions) -> BuildOptions:
    """The same options with a label store as it is now: what is saved meanwhile comes into the next data set.

    Raises WriteError where the store cannot take its snapshot.
    """
    store = None if options.labels_folder is None else find_store(options.labels_folder)
    if store is None:
        return options
    snapshot = store.snapshot or take_snapshot(store.root)
    return replace(options, labels=f"{store.root}@{snapshot.sha256}")


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def _existing(out: Path, plan: Record, options: BuildOptions) -> Record | None:
    """The manifest of a data set that is already what was asked for, None where nothing is there.

    Raises DatasetError where something else is there, or where the data set was made of other arguments or files.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST_NAME).is_file():
        raise DatasetError(f"{out}: exists and is no data set; choose another --out")
    manifest = _with_paths(read_json(out / MANIFEST_NAME), options)
    changed = [key for key in ("classes", "format_version") if manifest.get(key) != plan[key]]
    before, now = manifest.get("arguments", {}), plan["arguments"]
    changed += [f"arguments ({key})" for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
    made_at = (out / MANIFEST_NAME).stat().st_mtime
    for scene_id, scene in manifest.get("scenes", {}).items() if not changed else ():
        if scene["state"] == "built":
            changed += _changed_inputs(scene_id, scene, made_at, options)
    if changed:
        raise DatasetError(f"{out}: was built from other {changed[0]}; remove it or choose another --out")
    return manifest


def _with_paths(manifest: Record, options: BuildOptions) -> Record:
    """A manifest whose label files are named by where they lie here; in a bucket records name their place there."""
    scenes = {}
    for scene_id, scene in manifest.get("scenes", {}).items():
        if any(is_in_bucket(path) for path in scene.get("labels", ())):
            here = {origin_of(path): path for path in label_paths(scene["source"], scene_id, options)}
            scene = _renamed(scene, here)
        scenes[scene_id] = scene
    return {**manifest, "scenes": scenes} if scenes else manifest


def _renamed(scene: Record, names: Mapping[str, str]) -> Record:
    """A scene's record with other names of its files; those without one keep theirs."""
    inputs = {names.get(path, path): digest for path, digest in scene["inputs"].items()}
    return {**scene, "inputs": inputs, "labels": sorted(names.get(path, path) for path in scene["labels"])}


def _with_origins(scene: Record) -> Record:
    """A scene's record that names copies of what lies in a bucket by their place there."""
    return _renamed(scene, {path: origin_of(path) for path in scene["inputs"]}) if "inputs" in scene else scene


def _changed_inputs(scene_id: str, scene: Record, made_at: float, options: BuildOptions) -> list[str]:
    """What a scene was not built from. A file is compared by content if it is a label or was touched since."""
    if label_paths(scene["source"], scene_id, options) != scene["labels"]:
        return [f"labels of {scene_id}"]
    for path, digest in scene["inputs"].items():
        file = Path(path)
        if not file.is_file():
            continue
        touched = max(file.stat().st_mtime, file.stat().st_ctime) >= made_at  # a copy may keep the older mtime
        if (touched or path in scene["labels"]) and sha256_of(file) != digest:
            return [path]
    return []


def _failed(manifest: Record) -> bool:
    return any(scene["state"] == "failed" for scene in manifest["scenes"].values())


def _build_units(
    locations: Sequence[str],
    options: BuildOptions,
    folder: Path,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> None:
    waiting = [location for location in locations if not _is_done(location, options, folder)]
    progress.start("Building scenes", len(locations))
    progress.advance(len(locations) - len(waiting))
    base = Path.cwd() if scheduler else None
    unit = partial(build_unit, options=options, folder=folder, base=base)
    try:
        for record in run_units(unit, waiting, workers, scheduler):
            progress.advance()
            if record["scene"]["state"] == "failed":
                progress.note(f"failed: {record['scene']['error']}")
    finally:
        progress.finish()


def _is_done(location: str, options: BuildOptions, folder: Path) -> bool:
    """Whether an earlier run built the scene from the same files. Failed scenes are tried again."""
    scene_id = scene_id_of(location)
    path = unit_path(folder, scene_id)
    if not path.is_file():
        return False
    record = read_json(path)
    if record["scene"]["state"] == "failed":
        return False
    same_files = record["stamps"] == stamps(list(record["stamps"]))
    return bool(same_files and record["scene"]["labels"] == label_paths(location, scene_id, options))


def _assemble(locations: Sequence[str], options: BuildOptions, plan: Record, folder: Path) -> Record:
    units = [read_json(unit_path(folder, scene_id_of(location))) for location in locations]
    scenes = {unit["scene_id"]: _with_origins(unit["scene"]) for unit in units}
    failed = [scene["error"] for scene in scenes.values() if scene["state"] == "failed"]
    if len(failed) == len(scenes):
        others = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
        raise DatasetError(f"no scene could be built: {failed[0]}{others}")
    manifest = {**plan, "scenes": scenes, "label_snapshot": _label_snapshot(scenes, options)}
    info = {"description": "ceruleanml data set", "version": ceruleanml.__version__}
    write_json(folder / INSTANCES_NAME, assemble(units, options.classes, info), indent=None)
    write_json(folder / MANIFEST_NAME, manifest)
    staging.tidy(folder, {image["file_name"] for unit in units for image in unit["images"]}, options.keep_scenes)
    return manifest


def _label_snapshot(scenes: Record, options: BuildOptions) -> str:
    """The snapshot of the label store, else the sha256 over the label files of all scenes, by scene and file name."""
    store = None if options.labels_folder is None else find_store(options.labels_folder)
    if store is not None and store.snapshot is not None:
        return store.snapshot.sha256
    lines = [
        f"{scene_id} {Path(path).name} {scene['inputs'][path]}"
        for scene_id, scene in sorted(scenes.items())
        for path in scene.get("labels", [])
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
