"""One scene of a scoring: the unit of work that stands alone and writes its own part."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, TileRecord, open_dataset
from ceruleanml.errors import CeruleanError, ModelError, UsageError, WriteError
from ceruleanml.progress import Progress
from ceruleanml.selection.passes import load_members
from ceruleanml.selection.score_files import part_path, write_part
from ceruleanml.selection.score_tiles import ScoreOptions, score_tiles
from ceruleanml.storage import gdal_environment


@dataclass(frozen=True)
class SceneTiles:
    """The tiles of one scene that are to be scored, in the order of their ids."""

    scene_id: str
    tile_ids: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """What all scenes of one scoring have in common; `model_sha256` and `pool_sha256` are written to each row.

    `base` is the folder from which relative paths count, where units run on other machines.
    """

    model: Path
    pool: Path
    out: Path
    options: ScoreOptions
    model_sha256: str
    pool_sha256: str
    base: Path | None = None


@dataclass(frozen=True)
class SceneResult:
    """What came of one scene: None, or the error in one line."""

    scene_id: str
    error: str | None = None


def score_scene(scene: SceneTiles, work: Work, progress: Progress | None = None) -> SceneResult:
    """Score the tiles of one scene and write its part.

    A scene that cannot be scored gives its error; what would stop every scene (model, options, a full disk) is raised.
    """
    if work.base is not None and Path.cwd() != work.base:
        os.chdir(work.base)
    try:
        members = load_members(work.model, work.options.device)
        dataset, records = _opened(work.pool, (work.pool / MANIFEST_NAME).stat().st_mtime_ns)
        with gdal_environment():
            columns = score_tiles(members, dataset, [records[one] for one in scene.tile_ids], work.options, progress)
        write_part(part_path(work.out, scene.scene_id), scene.scene_id, scene.tile_ids, columns,
                   work.model_sha256, work.pool_sha256, work.options.seed)  # fmt: skip
    except (WriteError, UsageError, ModelError):
        raise
    except CeruleanError as error:
        return SceneResult(scene.scene_id, str(error))
    except Exception as error:  # whatever a file makes a library do must not take the other scenes with it
        _check_memory(error, work.options)
        logging.getLogger(__name__).debug("%s", scene.scene_id, exc_info=True)  # shown by --debug
        reason = " ".join(str(error).split())[:200]
        return SceneResult(scene.scene_id, f"{scene.scene_id}: cannot be scored: {type(error).__name__}: {reason}")
    return SceneResult(scene.scene_id)


@lru_cache(maxsize=1)
def _opened(root: Path, stamp: int) -> tuple[Dataset, dict[str, TileRecord]]:
    """The pool with its tiles by id, read once in each process, and again where it changed."""
    dataset = open_dataset(root)
    return dataset, {tile.tile_id: tile for tile in dataset.tiles}


def _check_memory(error: Exception, options: ScoreOptions) -> None:
    """Raise UsageError where the device has not the memory for a batch."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        raise UsageError(
            f"--batch-size {options.batch_size}: takes more memory than the GPU has; give a smaller one"
        ) from error
