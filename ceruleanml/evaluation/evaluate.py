"""Judging a model by a data set: tiles stream through it once, what is written is read off their counts."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ceruleanml import __version__
from ceruleanml.datasets.folder import Dataset, TileRecord, open_dataset
from ceruleanml.errors import UsageError, WriteError
from ceruleanml.evaluation.answers import answer_of, truth_of
from ceruleanml.evaluation.calibration import fit_temperature
from ceruleanml.evaluation.class_map import class_map, judged_tiles
from ceruleanml.evaluation.counts import COUNTS_NAME, write_counts
from ceruleanml.evaluation.document import EVALUATION_NAME, document
from ceruleanml.evaluation.floor import FLOOR, Floor
from ceruleanml.evaluation.regions import read_regions, regions_of
from ceruleanml.evaluation.streaming import EvaluateOptions, Judged, Task, judge_tiles, rules_of
from ceruleanml.evaluation.worst import Picture, picture
from ceruleanml.models.card import WEIGHTS_NAME, read_card, write_card
from ceruleanml.models.predictor import Predictor, load_predictor
from ceruleanml.models.scaled import at_tile_scale
from ceruleanml.progress import Progress
from ceruleanml.storage import check_local, make_folder, write_json


@dataclass(frozen=True)
class EvaluationReport:
    """What came of it: the content of evaluation.json, and the files written."""

    content: dict[str, Any]
    files: tuple[Path, ...]


def evaluate(
    model: str | Path,
    dataset: Path,
    out: Path,
    options: EvaluateOptions | None = None,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Judge the model in `model` (or the word "floor") by a data set, and write the folder `out`.

    With `write_card` the temperature is fitted first, the model judged with it, and temperature and proposed thresholds
    written to the card of the run. Holds one batch of tiles. Raises ModelError, DatasetError, UsageError, StorageError.
    """  # fmt: skip
    options = options or EvaluateOptions()
    _check(options, out)
    opened = open_dataset(dataset)
    predictor: Predictor = (
        Floor(opened) if str(model) == FLOOR else at_tile_scale(load_predictor(Path(model), options.device))
    )
    run = _run_of(Path(model)) if options.write_card else None
    return evaluate_predictor(predictor, opened, out, options, progress, str(model), run)


def evaluate_predictor(
    predictor: Predictor,
    dataset: Dataset,
    out: Path,
    options: EvaluateOptions,
    progress: Progress | None = None,
    source: str = "",
    run: Path | None = None,
) -> EvaluationReport:
    """The same for a model at hand; `source` is how the report calls it, `run` the folder whose card is written."""
    from ceruleanml.evaluation.report import write_report

    task, judged, content = judged_model(predictor, dataset, options, progress, source, calibrate=run is not None)
    pictures = worst_pictures(task, judged)
    make_folder(out)
    (out / EVALUATION_NAME).unlink(missing_ok=True)  # written last, so where it stands all the rest does
    write_counts(out / COUNTS_NAME, judged.counts)
    files = write_report(out, content, pictures, dataset.classes)
    write_json(out / EVALUATION_NAME, content)
    if run is not None:
        update_card(run, content["proposed_thresholds"], task.temperature, content["all"]["figures"]["slick"])
    return EvaluationReport(content, (out / EVALUATION_NAME, out / COUNTS_NAME, *files))


def judged_model(
    predictor: Predictor,
    dataset: Dataset,
    options: EvaluateOptions,
    progress: Progress | None = None,
    source: str = "",
    calibrate: bool = False,
) -> tuple[Task, Judged, dict[str, Any]]:
    """What was done, what was counted, and the content of evaluation.json; nothing is written.

    With `calibrate` a U-Net's temperature is fitted first and it is judged with that.
    """  # fmt: skip
    classes, rules = class_map(predictor.card, dataset.classes), rules_of(predictor.card, options)
    task = Task(predictor, dataset, classes, rules, options)
    tiles = judged_tiles(dataset, classes)
    fitted = None
    if calibrate and rules.kind == "unet":
        sampled = judge_tiles(task, tiles, progress)
        fitted = fit_temperature(sampled.probabilities, sampled.labelled)
        task = replace(task, temperature=fitted.value if fitted else 1.0)
    judged = judge_tiles(task, tiles, progress)
    if fitted is None and rules.kind == "unet":
        fitted = fit_temperature(judged.probabilities, judged.labelled)
    regions = regions_of(dataset, judged.counts.scene_ids, options.regions)
    content = document(judged.counts, regions, rules, options.bootstrap, options.seed, fitted)
    content["about"] = about(task, tiles, source)
    content["worst_tiles"] = [
        {"tile_id": tile.tile_id, "scene_id": tile.scene_id, "wrong_px": wrong} for tile, wrong in judged.worst
    ]
    return task, judged, content


def worst_pictures(task: Task, judged: Judged) -> list[Picture]:
    """The pictures of the worst tiles, the worst first; they pass through the model once more."""
    found = []
    for prediction in task.predictions([tile for tile, _ in judged.worst]):
        truth, answer = truth_of(task.dataset, prediction.view, task.classes), answer_of(prediction, task.rules)
        found.append(picture(prediction, truth, answer, task.classes, task.dataset.classes))
    return found


def about(task: Task, tiles: Sequence[TileRecord], source: str) -> dict[str, Any]:
    """What was judged by what: the model, the data set, and the tiles, whose sha256 tells them from others."""
    dataset, card = task.dataset, task.predictor.card
    return {
        "model": {
            "path": source, "name": card.name, "kind": card.kind,
            "encoder": card.encoder,
            "channels": list(card.channels),
            "weights_sha256": card.weights_sha256, "temperature": card.temperature * task.temperature,
        },
        "dataset": {
            "path": str(dataset.root), "label_snapshot": dataset.manifest.get("label_snapshot"),
            "tiles": len(dataset.tiles), "tiles_left_out": len(dataset.tiles) - len(tiles),
            "classes_not_in_model": list(task.classes.unknown), "tiles_sha256": tiles_sha256(dataset, tiles),
        },
        "options": {key: getattr(task.options, key) for key in ("seed", "boundary_px", "pixel_m")},
        "code_version": __version__,
    }  # fmt: skip


def tiles_sha256(dataset: Dataset, tiles: Sequence[TileRecord]) -> str:
    """The sha256 over the names and windows of tiles and over what is labelled on them."""
    digest = hashlib.sha256()
    for tile in tiles:
        pieces = dataset.annotations[tile.tile_id]
        said = [tile.tile_id, tile.window.as_list, [(dataset.classes[one.class_id].name, one.rle) for one in pieces]]
        digest.update(json.dumps(said, sort_keys=True).encode())
    return digest.hexdigest()


def update_card(run: Path, thresholds: dict[str, float], temperature: float, figures: dict[str, Any]) -> None:
    """Write thresholds, temperature (times the one it has) and the F1 of pixels and slicks into the card of a run."""
    card = read_card(run)
    named = {"pixel_f1": figures["dice"]["value"], "instance_f1": figures["instance_f1"]["value"]}
    known = {name: value for name, value in named.items() if value is not None}
    write_card(
        run,
        card.with_(
            thresholds={**card.thresholds, **thresholds},
            temperature=card.temperature * temperature,
            metrics={**card.metrics, **known},
        ),
    )


def _run_of(model: Path) -> Path:
    """The run folder whose card is to be written. Raises UsageError for an exported model."""
    if not (model / WEIGHTS_NAME).is_file():
        raise UsageError(
            f"--write-card: {model} is no run folder of ceruleanml train; judge the run, write its card, and export it"
        )
    return model


def _check(options: EvaluateOptions, out: Path) -> None:
    limits = {"--boundary-px": (options.boundary_px, 1), "--batch-size": (options.batch_size, 1),
              "--bootstrap": (options.bootstrap, 0), "--worst": (options.worst, 0)}  # fmt: skip
    for name, (value, least) in limits.items():
        if value < least:
            raise UsageError(f"{name} {value} cannot be; give {least} or more")
    if options.pixel_m is not None and not 0 < options.pixel_m < math.inf:
        raise UsageError(f"--pixel-m {options.pixel_m:g} cannot be; give the side of a pixel in metres, e.g. 10")
    if options.regions is not None:
        read_regions(options.regions)
    check_folder(out)


def check_folder(out: Path) -> None:
    """Raise WriteError where `out` is a file, lies in a bucket, or holds what no evaluation wrote."""
    check_local(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / COUNTS_NAME).is_file()):
        raise WriteError(f"{out}: exists and is no evaluation; choose another --out")
