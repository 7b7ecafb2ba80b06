"""Scoring a pool: scene by scene, each resumable, all by one model and one set of options in one folder."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ceruleanml
from ceruleanml.datasets.folder import MANIFEST_NAME as DATASET_NAME
from ceruleanml.datasets.folder import Dataset, open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.evaluation.class_map import channel_places
from ceruleanml.inference.thresholds import thresholds_of
from ceruleanml.models.ensemble_folder import is_ensemble, read_ensemble
from ceruleanml.models.predictor import choose_device, weights_file
from ceruleanml.parallel import run_scenes
from ceruleanml.progress import Progress, Silent
from ceruleanml.selection.passes import Member, check_samples, load_members
from ceruleanml.selection.pool_tiles import asked_tiles
from ceruleanml.selection.score_files import MANIFEST_NAME, PARTS_NAME, part_path, read_manifest, read_tile_ids
from ceruleanml.selection.score_tiles import ScoreOptions
from ceruleanml.selection.score_unit import SceneResult, SceneTiles, Work, score_scene
from ceruleanml.selection.vote_table import check_votes, write_votes
from ceruleanml.storage import make_folder, sha256_of, write_json

__all__ = ["ScoreOptions", "ScoreReport", "model_sha256", "score_pool"]

FORMAT_VERSION = 1


@dataclass(frozen=True)
class ScoreReport:
    """What a scoring made: the number of tiles by scene, which scenes are new, the error of each failed one.

    `votes` is the table of an ensemble's votes.
    """

    out: Path
    tiles: dict[str, int]
    scored_now: tuple[str, ...]
    failed: dict[str, str]
    votes: Path | None = None


def score_pool(
    model: Path,
    pool: Path,
    out: Path,
    options: ScoreOptions | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    tile_ids: Collection[str] | None = None,
) -> ScoreReport:
    """Score the tiles of the data set `pool`, or those of `tile_ids`, into the folder `out`.

    `model` is a run folder, an exported file or an ensemble. Written are `scores.json` and a part a scene,
    `parts/<scene_id>.parquet`; of an ensemble also a table of votes. Scenes that are there already are passed over; one
    that cannot be scored is reported and the others are done. Raises CeruleanError subclasses: UsageError where `out`
    holds scores of another model, pool or options, SelectionError where no tile is there or no scene could be scored.
    """
    options, progress = options or ScoreOptions(), progress or Silent()
    _check(options, workers, scheduler)
    dataset = open_dataset(pool)
    scenes = _by_scene(dataset, tile_ids, out)
    members = load_members(model, options.device)
    check_samples(members, options.samples)
    channel_places(members[0].card, dataset)
    manifest = _manifest(model, members, dataset, options, scenes, tile_ids)
    check_votes(options, len(members) > 1, manifest["pool"])
    _open_folder(out, manifest)
    waiting = [scene for scene in scenes if read_tile_ids(part_path(out, scene.scene_id)) != scene.tile_ids]
    work = Work(model, pool, out, options, manifest["model"], manifest["pool"], Path.cwd() if scheduler else None)
    results = _run(work, waiting, len(scenes), workers, scheduler, progress)
    failed = {result.scene_id: result.error for result in results if result.error is not None}
    if len(failed) == len(scenes):
        others = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
        raise SelectionError(f"no scene could be scored: {next(iter(failed.values()))}{others}")
    done = {scene.scene_id: len(scene.tile_ids) for scene in scenes if scene.scene_id not in failed}
    votes = write_votes(out, options) if len(members) > 1 else None
    return ScoreReport(out, done, tuple(one.scene_id for one in results if one.error is None), failed, votes)


def model_sha256(model: Path) -> str:
    """The sha256 of a model's weights or exported file; for an ensemble that over its members'. Raises ModelError."""
    digests = [sha256_of(weights_file(path)) for path in read_ensemble(model)]
    return hashlib.sha256("".join(digests).encode()).hexdigest() if is_ensemble(model) else digests[0]


def _by_scene(dataset: Dataset, tile_ids: Collection[str] | None, out: Path) -> list[SceneTiles]:
    """The tiles to score by their scene, both sorted by id."""
    of_scene: dict[str, list[str]] = {}
    for tile in asked_tiles(dataset, tile_ids):
        of_scene.setdefault(tile.scene_id, []).append(tile.tile_id)
        part_path(out, tile.scene_id)
    return [SceneTiles(scene_id, tuple(sorted(of_scene[scene_id]))) for scene_id in sorted(of_scene)]


def _manifest(
    model: Path,
    members: Sequence[Member],
    dataset: Dataset,
    options: ScoreOptions,
    scenes: Sequence[SceneTiles],
    tile_ids: Collection[str] | None,
) -> dict[str, Any]:
    """What was scored by what and how: what two runs in one folder must have in common, paths and version aside."""
    cards = [member.card for member in members]
    asked = None if tile_ids is None else "\n".join(one for scene in scenes for one in scene.tile_ids)
    return {
        "format_version": FORMAT_VERSION,
        "model": model_sha256(model),
        "model_path": str(model),
        "kind": cards[0].kind,
        "members": len(cards),
        "temperatures": [card.temperature for card in cards],
        "thresholds": [thresholds_of(card.kind, card.thresholds).poly_score_thresh for card in cards],
        "classes": list(cards[0].classes),
        "pool": sha256_of(dataset.root / DATASET_NAME),
        "pool_path": str(dataset.root),
        "tiles": None if asked is None else hashlib.sha256(asked.encode()).hexdigest(),
        "scenes": len(scenes),
        "samples": options.samples,
        "seed": options.seed,
        "reduction": {"window_px": options.window_px, "top_percent": options.top_percent},
        "ceruleanml_version": ceruleanml.__version__,
    }  # fmt: skip


def _open_folder(out: Path, manifest: dict[str, Any]) -> None:
    """Make the folder and say in it what scores it holds. Raises UsageError where it holds others."""
    before = read_manifest(out)
    if before is None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out}: exists and holds no scores; choose another --out")
        write_json(make_folder(out) / MANIFEST_NAME, manifest)
    else:
        free = ("model_path", "pool_path", "ceruleanml_version")
        changed = [name for name, value in manifest.items() if name not in free and before.get(name) != value]
        if changed:
            raise UsageError(
                f"{out}: holds scores of another {_WORDS.get(changed[0], changed[0])}; choose another --out"
            )
    make_folder(out / PARTS_NAME)


_WORDS = {
    "temperatures": "temperature",
    "thresholds": "poly_score_thresh",
    "tiles": "choice of tiles",
    "samples": "number of samples",
    "reduction": "window or top share",
}


def _run(
    work: Work,
    waiting: Sequence[SceneTiles],
    total: int,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> list[SceneResult]:
    """The results in the order of their scenes. A scene alone shows its own tiles' progress."""
    if len(waiting) == 1 and scheduler is None:
        return [score_scene(waiting[0], work, progress)]
    unit = partial(score_scene, work=work)
    return run_scenes(unit, waiting, total, "Scoring scenes", workers, scheduler, progress)


def _check(options: ScoreOptions, workers: int, scheduler: str | None) -> None:
    """Raise UsageError for options that cannot be, and where several processes here would share one GPU."""
    limits = {"--samples": options.samples, "--window": options.window_px, "--batch-size": options.batch_size,
              "--workers": workers}  # fmt: skip
    for name, value in limits.items():
        if value < 1:
            raise UsageError(f"{name} {value} cannot be; give 1 or more")
    if not 0 < options.top_percent <= 100:
        raise UsageError(f"--top {options.top_percent:g} cannot be; give a percentage above 0 and up to 100")
    if options.seed < 0:
        raise UsageError(f"--seed {options.seed} cannot be; give 0 or more")
    if workers > 1 and scheduler is None and choose_device(options.device).type != "cpu":
        raise UsageError(f"workers {workers} would share one GPU; leave --workers at 1, or give --device cpu")
