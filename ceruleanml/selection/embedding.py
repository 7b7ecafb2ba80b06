"""Embedding a pool: checks first, then scene by scene, each resumable, then one file sorted by tile."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.datasets.checks import CheckReport, Finding, write_removed
from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, TileRecord, open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress, Silent
from ceruleanml.selection.embedding_files import Embeddings, embeddings_about, read_embeddings, write_embeddings
from ceruleanml.selection.embedding_rows import RowStore
from ceruleanml.selection.embedding_unit import SceneTiles, UnitWork, embed_scene, part_path
from ceruleanml.selection.pool_tiles import asked_tiles, duplicates, radar_statistics
from ceruleanml.storage import make_folder, read_json, sha256_of, write_json

if TYPE_CHECKING:
    from ceruleanml.selection.embedding_encoder import EncoderSource

FORMAT_VERSION = 1
RECORD_NAME, DUPLICATES_NAME = "embedding.json", "duplicates.json"

Record = dict[str, Any]


@dataclass(frozen=True)
class EmbedOptions:
    """How to embed.

    With `keep_duplicates` tiles that are, or look like, an earlier one are embedded too. `device` is auto, cpu or cuda;
    `batch_size` counts tiles at once on a GPU. `seed` draws the tiles that a pool's mean is measured on.
    """

    keep_duplicates: bool = False
    batch_size: int = 32
    device: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class EmbedReport:
    """What an embedding made: how many vectors of how many numbers, and how many tiles were left out, by reason."""

    out: Path
    tiles: int
    dimensions: int
    removed: dict[str, int]
    removed_path: Path
    made_now: bool


def embed_pool(
    source: EncoderSource,
    pool: Path,
    out: Path,
    options: EmbedOptions | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
    tile_ids: Collection[str] | None = None,
) -> EmbedReport:
    """Embed the tiles of a data set into the Parquet file `out`, sorted by tile id.

    A vector is the mean of the encoder's deepest features over where the tile holds data, at unit length. Left out,
    and listed in `<stem>_removed_samples.csv` beside `out`, are tiles that cannot be read or hold nothing, and of tiles
    that look alike all but the first, unless `options.keep_duplicates` is set or `tile_ids` says which to embed. A
    killed run goes on with the scenes that are missing; a file that is there, made by the same, stays.
    Raises SelectionError where no tile is left or a tile id is not there, UsageError where `out` holds something else,
    ModelError for what is no encoder.
    """
    options, progress = options or EmbedOptions(), progress or Silent()
    dataset = open_dataset(pool)
    tiles = asked_tiles(dataset, tile_ids)
    about = _about(source, dataset, options, tile_ids)
    if out.exists():
        return _there(out, about)
    _check_workers(options, workers, scheduler)
    parts = _open_parts(out, about)
    keeps = options.keep_duplicates or tile_ids is not None
    alike = [] if keeps else duplicates(pool, progress, parts / DUPLICATES_NAME)
    scenes = _by_scene(tiles, {one.tile_id for one in alike})
    statistics = radar_statistics(dataset, tiles, options.seed, progress) if about["statistics"] else None
    base = Path.cwd() if scheduler else None
    work = UnitWork(source, pool, parts, statistics, options.batch_size, options.device, base)
    _run(work, scenes, workers, scheduler, progress)
    found, removed = _gathered(parts, dataset, scenes)
    _finish(out, about, found, [*alike, *removed], len(tiles), pool)
    shutil.rmtree(parts)
    return _report(out, True)


def removed_path(out: Path) -> Path:
    """Where the tiles that were left out are listed."""
    return out.with_name(f"{out.stem}_removed_samples.csv")


def _about(source: EncoderSource, dataset: Dataset, options: EmbedOptions, tile_ids: Collection[str] | None) -> Record:
    """What an embedding is made by, which two runs into one file must have in common."""
    from ceruleanml.models.predictor import choose_device
    from ceruleanml.selection.embedding_encoder import load_encoder

    model = sha256_of(source.weights)
    encoder = load_encoder(source, None, choose_device(options.device))
    places = encoder.places(dataset)
    digest = None if tile_ids is None else hashlib.sha256("\n".join(sorted(set(tile_ids))).encode()).hexdigest()
    return {
        "format_version": FORMAT_VERSION,
        "method": encoder.method,
        "model": model,
        "pool": sha256_of(dataset.root / MANIFEST_NAME),
        "encoder": encoder.name,
        "channels": [dataset.channels[place] for place in places],
        "scale": encoder.scale,
        "statistics": {"seed": options.seed} if encoder.method == "weights" else None,
        "keep_duplicates": options.keep_duplicates,
        "tile_ids": digest,
    }


def _there(out: Path, about: Record) -> EmbedReport:
    if not out.is_file():
        raise UsageError(f"{out}: is a folder; name a file, such as embeddings.parquet")
    found, _, _ = embeddings_about(out)
    changed = [key for key, value in about.items() if found.get(key) != value]
    if changed:
        raise UsageError(f"{out}: holds embeddings with another {changed[0]}; choose another --out")
    return _report(out, False)


def _report(out: Path, made_now: bool) -> EmbedReport:
    about, rows, dimensions = embeddings_about(out)
    return EmbedReport(out, rows, dimensions, about["removed"], removed_path(out), made_now)


def _check_workers(options: EmbedOptions, workers: int, scheduler: str | None) -> None:
    """Raise UsageError for no workers or tiles at once, and where several processes here would share one GPU."""
    from ceruleanml.models.predictor import choose_device

    if workers < 1 or options.batch_size < 1:
        raise UsageError(f"workers {workers} and batch size {options.batch_size}: give 1 or more of both")
    if options.seed < 0:
        raise UsageError(f"seed {options.seed} cannot be; give 0 or more")
    if workers > 1 and scheduler is None and choose_device(options.device).type != "cpu":
        raise UsageError(f"workers {workers} would share one GPU; leave --workers at 1, or give --device cpu")


def _open_parts(out: Path, about: Record) -> Path:
    """The hidden folder of the scenes' parts: new, or what a killed run of the same left."""
    parts = make_folder(out.parent) / f".{out.name}.parts"
    record = parts / RECORD_NAME
    if record.is_file() and read_json(record) != about:
        raise UsageError(f"{parts}: holds an unfinished embedding by other settings; finish that or remove it")
    write_json(make_folder(parts) / RECORD_NAME, about)
    return parts


def _by_scene(tiles: Sequence[TileRecord], left_out: set[str]) -> list[SceneTiles]:
    of_scene: dict[str, list[str]] = {}
    for tile in tiles:
        if tile.tile_id not in left_out:
            of_scene.setdefault(tile.scene_id, []).append(tile.tile_id)
    return [SceneTiles(scene_id, tuple(of_scene[scene_id])) for scene_id in sorted(of_scene)]


def _run(work: UnitWork, scenes: Sequence[SceneTiles], workers: int, scheduler: str | None, progress: Progress) -> None:
    waiting = [scene for scene in scenes if not part_path(work.parts, scene.scene_id).is_file()]
    progress.start("Embedding scenes", len(scenes))
    progress.advance(len(scenes) - len(waiting))
    try:
        for _ in run_units(partial(embed_scene, work=work), waiting, workers, scheduler):
            progress.advance()
    finally:
        progress.finish()


def _gathered(parts: Path, dataset: Dataset, scenes: Sequence[SceneTiles]) -> tuple[Embeddings | None, list[Finding]]:
    """All parts as one, None where they hold no vector, and the tiles that could not be embedded."""
    ids: list[str] = []
    groups: list[str] = []
    removed: list[Finding] = []
    with RowStore() as store:
        for scene in scenes:
            part = read_embeddings(part_path(parts, scene.scene_id))
            removed += [Finding(str(dataset.root), tile_id, scene.scene_id, reason, detail)
                        for tile_id, reason, detail in part.about["removed"]]  # fmt: skip
            if len(part):
                store.add(part.vectors)
                ids += part.ids
                groups += [scene.scene_id] * len(part)
        return (Embeddings(tuple(ids), store.array(), {}, tuple(groups)) if ids else None), removed


def _finish(
    out: Path, about: Record, found: Embeddings | None, removed: Sequence[Finding], tiles: int, pool: Path
) -> None:
    """Write the list of what was left out, then the embeddings. Raises SelectionError where there are none."""
    rows = sorted(removed, key=lambda one: (one.scene_id, one.tile_id))
    write_removed(CheckReport((str(pool),), tiles, 0, tuple(rows)), removed_path(out))
    counts = dict(sorted(Counter(one.reason for one in removed).items()))
    if found is None:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts.items())
        raise SelectionError(f"{pool}: no tile is left to embed: {reasons}; see {removed_path(out)}")
    order = np.array(sorted(range(len(found)), key=found.ids.__getitem__), np.intp)
    write_embeddings(out, found.ids, found.vectors, {**about, "removed": counts}, found.groups, order)
