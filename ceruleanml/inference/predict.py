"""Predicting scenes: units side by side, each resumable, all by one model and one set of options in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ceruleanml.errors import SceneError, UsageError
from ceruleanml.inference.options import PredictOptions, check_fits
from ceruleanml.inference.unit import Model, SceneResult, is_done, loaded, predict_unit, result_path
from ceruleanml.models.card import Card
from ceruleanml.models.predictor import model_sha256
from ceruleanml.parallel import run_scenes
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.storage import make_folder, read_json, write_json

RECORD_NAME = "prediction.json"


@dataclass(frozen=True)
class PredictReport:
    """What a prediction made: the number of slicks a scene, which scenes are new, and the error of each failed one."""

    out: Path
    slicks: dict[str, int]
    predicted_now: tuple[str, ...]
    failed: dict[str, str]


def predict_scenes(
    model: Model,
    scenes: Sequence[str],
    out: Path,
    options: PredictOptions | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> PredictReport:
    """Predict the slicks of scenes into the folder `out`: `<scene_id>.geojson`, and `<scene_id>.tif` where asked.

    `model` is a run folder, an exported file, or a Predictor (which several workers must be able to pickle). Scenes
    are named as `find_scenes` takes them. Those that are there already, by the same model and options, are passed
    over; one that cannot be predicted is reported and the others are done. Raises CeruleanError subclasses: UsageError
    where `out` holds another model's outlines or something else, SceneError where no scene could be predicted.
    """
    options = options or PredictOptions()
    locations = find_scenes(scenes)
    predictor = loaded(model, options.device)
    check_fits(options, predictor.card)
    _check_workers(options.device, workers, scheduler)
    record = _record(model, predictor.card, options)
    _open_folder(out, record)
    waiting = [location for location in locations if not is_done(location, options, record, out)]
    unit = partial(predict_unit, model=model, model_record=record, options=options, out=out)
    results = _run(unit, waiting, len(locations), workers, scheduler, progress or Silent())
    failed = {result.scene_id: result.error for result in results if result.error is not None}
    if locations and len(failed) == len(locations):
        _forget_if_empty(out)
        others = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
        raise SceneError(f"no scene could be predicted: {next(iter(failed.values()))}{others}")
    done = [scene_id for scene_id in map(scene_id_of, locations) if scene_id not in failed]
    now = tuple(sorted(result.scene_id for result in results if result.error is None))
    return PredictReport(out, {scene_id: _count(out, scene_id) for scene_id in done}, now, failed)


def _run(
    unit: partial[SceneResult],
    waiting: Sequence[str],
    total: int,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> list[SceneResult]:
    """The results in the order of their scenes. A scene alone shows its own windows' progress."""
    if len(waiting) == 1 and scheduler is None:
        return [unit(waiting[0], progress=progress)]
    base = Path.cwd() if scheduler else None
    unit = partial(unit, base=base)
    return run_scenes(unit, waiting, total, "Predicting scenes", workers, scheduler, progress)


def _check_workers(device: str, workers: int, scheduler: str | None) -> None:
    """Raise UsageError for no workers, and where several processes here would share one GPU."""
    if workers < 1:
        raise UsageError(f"workers {workers} cannot be; give 1 or more")
    if workers > 1 and scheduler is None:
        from ceruleanml.models.predictor import choose_device

        if choose_device(device).type != "cpu":
            raise UsageError(f"workers {workers} would share one GPU; leave --workers at 1, or give --device cpu")


def _record(model: Model, card: Card, options: PredictOptions) -> dict[str, Any]:
    """Which model, and with what options: what two runs in one folder must have in common."""
    about = {
        "name": card.name, "kind": card.kind, "sha256": _fingerprint(model, card), "classes": list(card.classes),
        "temperature": card.temperature,
    }  # fmt: skip
    return {"model": about, "options": options.as_record(card)}


def _fingerprint(model: Model, card: Card) -> str:
    """The sha256 of the model's weights, or of the exported file."""
    return model_sha256(model) if isinstance(model, Path) else card.weights_sha256


def _open_folder(out: Path, record: dict[str, Any]) -> None:
    """Make the folder and say in it whose outlines it holds. Raises UsageError where it holds others."""
    path = out / RECORD_NAME
    if path.is_file():
        before = read_json(path)
        if before.get("model") != record["model"]:
            name = before.get("model", {}).get("name")
            raise UsageError(f"{out}: holds outlines of another model ({name}); choose another --out")
        changed = sorted(key for key, value in record["options"].items() if before.get("options", {}).get(key) != value)
        if changed:
            raise UsageError(f"{out}: holds outlines predicted with other {changed[0]}; choose another --out")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and holds no predictions; choose another --out")
    write_json(make_folder(out) / RECORD_NAME, record)


def _forget_if_empty(out: Path) -> None:
    """Take the record away again where it is all that the folder holds."""
    if [path.name for path in out.iterdir()] == [RECORD_NAME]:
        (out / RECORD_NAME).unlink()
        out.rmdir()


def _count(out: Path, scene_id: str) -> int:
    return len(read_json(result_path(out, scene_id))["features"])
