"""Preparing a page: scenes side by side, then the queue, then the folder takes its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from affine import Affine

import ceruleanml
from ceruleanml.annotation import page_folder
from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.page_files import classes_sha256, copy_page, page_parts, page_source
from ceruleanml.annotation.page_queue import Item, check_tiles, queue_items, queue_record, window_on
from ceruleanml.annotation.page_unit import SceneTask, UnitResult, prepare_unit, unit_path
from ceruleanml.annotation.page_writer import PageWriter
from ceruleanml.annotation.prelabels import prediction_files
from ceruleanml.classes import ClassTable
from ceruleanml.datasets.folder import Dataset, open_dataset
from ceruleanml.datasets.staging import lock, publish
from ceruleanml.errors import SceneError, UsageError
from ceruleanml.labels.heads import heads_of
from ceruleanml.mirror_copies import origin_of
from ceruleanml.parallel import run_scenes
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.storage import read_json, sha256_of

Json = dict[str, Any]


@dataclass(frozen=True)
class PrepareReport:
    """What came of a page: counts, the error of each scene that failed, and items that lie beside their scene.

    `prepared_now` is False for a page that was already there.
    """

    out: Path
    items: int
    scenes: int
    failed: dict[str, str]
    beside: tuple[str, ...]
    prepared_now: bool


@dataclass(frozen=True)
class _Plan:
    """All that a page is made from: the units of work, the queue, and what two runs must have in common."""

    tasks: tuple[SceneTask, ...]
    items: tuple[Item, ...]
    pool: Dataset | None
    record: Json


def prepare_page(
    scenes: Sequence[str],
    out: Path,
    options: PageOptions | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Prepare the page of scenes in the folder `out`, which appears whole or not at all.

    Scenes are named as `find_scenes` takes them; of those only what the queue asks for is prepared. A killed run goes
    on where it stood when it is called again with the same arguments; a scene that cannot be prepared is reported and
    left out of the queue, and a further call tries it again. The bytes do not depend on `workers` or `scheduler`.
    Raises CeruleanError subclasses; UsageError where `out` holds something else, SceneError where every scene failed.
    """
    options = options or PageOptions()
    pool = None if options.dataset is None else open_dataset(options.dataset)
    if pool is not None:
        options = replace(options, classes=_classes(pool, options.classes))
    plan = _plan(find_scenes(scenes), options, pool)
    place = page_folder.place_of(out)
    with lock(place):
        before = page_folder.existing(place, plan.record, _here(plan, options))
        if before is not None and before["plan"] == plan.record and not _failed(before):
            return _report(out, before, prepared_now=False)
        folder = page_folder.open_staging(place, plan.record)
        try:
            if before is not None:
                page_folder.take_over(place, folder, before)
            _run_units(plan, options, folder, workers, scheduler, progress or Silent())
            record = _assemble(plan, options, folder)
        except BaseException:
            page_folder.forget_if_nothing_is_done(folder)
            raise
        page_folder.finish(folder, page_folder.renamed(record, origin_of))
        publish(folder, place)
    return _report(out, record, prepared_now=True)


def _classes(pool: Dataset, asked: ClassTable | None) -> ClassTable:
    """Those of the data set: what is drawn on its tiles must fit into it."""
    if asked is not None and asked != pool.classes:
        raise UsageError(
            f"{pool.root}: its classes are {', '.join(pool.classes.slick_names)}, and --classes gives another table; "
            "leave --classes out, or build the data set with that table"
        )
    return pool.classes


def _plan(locations: Sequence[str], options: PageOptions, pool: Dataset | None) -> _Plan:
    by_id = {scene_id_of(location): location for location in locations}
    items = queue_items(list(by_id), options)
    check_tiles(items, pool)
    predictions = prediction_files(options.predictions)
    wanted = list(dict.fromkeys(item.scene_id for item in items))
    tasks = tuple(
        SceneTask(
            by_id[scene_id], scene_id, f"s{number:03d}", _text(predictions.get(scene_id)),
            None if pool is None else pool.scene(scene_id).get("grid"),
        )
        for number, scene_id in enumerate(wanted)
    )  # fmt: skip
    return _Plan(tasks, tuple(items), pool, _plan_record(tasks, items, options))


def _plan_record(tasks: Sequence[SceneTask], items: Sequence[Item], options: PageOptions) -> Json:
    """What two runs must have in common. The page's own files are among it: a newer page is worth a new folder."""
    source = page_source()
    return {
        "ceruleanml_version": ceruleanml.__version__,
        "page": {str(part): sha256_of(source / part) for part in page_parts(source)},
        "scenes": [task.location for task in tasks],
        "grids": [task.pool_grid for task in tasks],
        "files of predictions": [task.predictions and origin_of(task.predictions) for task in tasks],
        "labels": [_heads(task.scene_id, options) for task in tasks],
        "items": [[item.id, item.scene_id, item.score, item.reason, item.blind] for item in items],
        **options.as_arguments(),
    }


def _run_units(
    plan: _Plan, options: PageOptions, folder: Path, workers: int, scheduler: str | None, progress: Progress
) -> None:
    done = page_folder.done_units(folder)
    waiting = [task for task in plan.tasks if task.key not in done]
    base = Path.cwd() if scheduler else None
    unit = partial(prepare_unit, options=options, folder=folder, base=base)
    results: list[UnitResult] = run_scenes(
        unit, waiting, len(plan.tasks), "Preparing scenes", workers, scheduler, progress
    )
    if plan.tasks and not done and all(result.error for result in results):
        others = f" (and {len(results) - 1} more failed)" if len(results) > 1 else ""
        raise SceneError(f"no scene could be prepared: {results[0].error}{others}")


def _assemble(plan: _Plan, options: PageOptions, folder: Path) -> Json:
    """Write the queue and the page's own files; the record of the page."""
    units = {task.scene_id: read_json(unit_path(folder, task.key)) for task in plan.tasks}
    tiles = {} if plan.pool is None else {tile.tile_id: tile for tile in plan.pool.tiles}
    records: list[Json] = []
    beside = []
    for item in plan.items:
        unit = units[item.scene_id]
        if "error" in unit:
            continue
        window = None
        if item.tile_id is not None:
            grid = unit["grid"]
            height, width = grid["height_width"]
            window = window_on(Affine(*grid["transform"]), (height, width), tiles[item.tile_id], grid["crs"])
            if window is None:
                beside.append(item.id)
                continue
        records.append(item.as_record(len(records) + 1, unit["key"], window))
    models = sorted({unit["model"] for unit in units.values() if unit.get("model")})
    queue = queue_record(options.title, _created_from(options, models), classes_sha256(options.table), records)
    PageWriter(folder / "data", options.twins).json("queue.json", queue)
    copy_page(page_source(), folder, options.table)
    return {"plan": plan.record, "units": list(units.values()), "items": len(records), "beside": beside}


def _created_from(options: PageOptions, models: Sequence[str]) -> Json:
    """What the queue was made from, by name: pages are published, and folders of this machine are nobody's matter."""
    sources = {"selection": options.selection, "queue": options.queue, "pool": options.dataset, "store": options.store}
    return {
        "ceruleanml_version": ceruleanml.__version__, "seed": options.seed, "models": list(models),
        **{name: path.resolve().name for name, path in sources.items() if path is not None},
    }  # fmt: skip


def _failed(record: Json) -> dict[str, str]:
    return {unit["scene_id"]: unit["error"] for unit in record["units"] if "error" in unit}


def _report(out: Path, record: Json, prepared_now: bool) -> PrepareReport:
    failed = _failed(record)
    scenes = len(record["units"])
    return PrepareReport(out, record["items"], scenes, failed, tuple(record["beside"]), prepared_now)


def _heads(scene_id: str, options: PageOptions) -> list[str]:
    return [] if options.store is None else [path.name for path in heads_of(options.store, scene_id)]


def _here(plan: _Plan, options: PageOptions) -> dict[str, str]:
    """Where files lie here that records name by their place in a bucket."""
    states = [path for task in plan.tasks if options.store for path in heads_of(options.store, task.scene_id)]
    files = [str(path) for path in states] + [task.predictions for task in plan.tasks if task.predictions]
    return {origin_of(file): file for file in files}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
