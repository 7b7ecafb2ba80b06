"""Ensembles: the same training several times, each with its own seed and its own draw of the tiles."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import CeruleanError, TrainingStopped, UsageError, WriteError
from ceruleanml.models.card import read_card
from ceruleanml.models.config import TrainConfig, check
from ceruleanml.models.distributed import ranks_of_environment
from ceruleanml.models.ensemble_folder import claim, member_configs, read_ensemble
from ceruleanml.models.logs import check_logger
from ceruleanml.models.run_folder import RunFolder
from ceruleanml.models.stopping import StopFile
from ceruleanml.models.training import SIGNAL_STATUS, train
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress, Silent

__all__ = ["EnsembleReport", "read_ensemble", "train_ensemble"]

MOST_MEMBERS = 100
STOP_NAME = "stop"
"""A file in the ensemble's folder, there while its trainings are to stop."""
BOOTSTRAPS = ("scene", "tile")

_turn = threading.Lock()
"""Held while a member is trained: PyTorch's random state is one for all threads of a process."""


@dataclass(frozen=True)
class EnsembleReport:
    """What came of an ensemble: `figures` of each finished member's card by its name, `failed` what ended others.

    `trained_now` are the members that were not finished before.
    """

    out: Path
    figures: dict[str, dict[str, float]]
    trained_now: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Outcome:
    """How the training of one member ended: neither stopped nor with an error, it is finished."""

    name: str
    stopped: bool = False
    error: CeruleanError | None = None


def train_ensemble(
    config: TrainConfig,
    n: int,
    out: Path,
    bootstrap: str | None = "scene",
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> EnsembleReport:
    """Train `n` members as `config` says into `out/member_00` ...; what is there of them already is gone on with.

    Each draws the training tiles with replacement, by "scene" or by "tile" (None: all as they are), with a seed that
    follows from `config.trainer.seed`. All else is the same, the scenes held out too. With several `workers` or a
    Dask `scheduler` they are trained at once, to the same bits on a CPU. A member that fails lets the others go on.
    Raises UsageError for what cannot be and for other arguments than the folder's, TrainingStopped after SIGTERM or
    Ctrl-C when all members have written their checkpoints, and the first member's error where all failed.
    Source: bagging, Breiman 1996; Lakshminarayanan, Pritzel and Blundell 2017.
    """
    _check(config, n, bootstrap, workers)
    members = member_configs(config, n, out, bootstrap)
    claim(out, config, members, bootstrap)
    waiting = [member for member in members if not RunFolder(Path(member.run)).finished]
    outcomes = _train_all(waiting, n, out, workers, scheduler, progress or Silent())
    failed = {one.name: one.error for one in sorted(outcomes, key=lambda one: one.name) if one.error is not None}
    if len(failed) == n:
        raise next(iter(failed.values()))
    runs = [Path(member.run) for member in members]
    figures = {run.name: dict(read_card(run).metrics) for run in runs if RunFolder(run).finished}
    now = tuple(sorted(one.name for one in outcomes if one.error is None))
    return EnsembleReport(out, figures, now, {name: str(error) for name, error in failed.items()})


def _check(config: TrainConfig, n: int, bootstrap: str | None, workers: int) -> None:
    """Raise UsageError or DatasetError for what no member could be trained with."""
    check(config)
    check_logger(config)
    if not 1 <= n <= MOST_MEMBERS:
        raise UsageError(f"-n {n} cannot be; give 1 to {MOST_MEMBERS} members")
    if bootstrap not in (None, *BOOTSTRAPS):
        raise UsageError(f"--bootstrap {bootstrap} is not known; choose {', '.join(BOOTSTRAPS)} or none")
    if config.data.bootstrap not in (None, bootstrap):
        raise UsageError("data.bootstrap is for a single training; say --bootstrap for an ensemble")
    if config.run != TrainConfig().run:
        raise UsageError(f"run={config.run} is for a single training; say --out for an ensemble")
    if workers < 1:
        raise UsageError(f"workers {workers} cannot be; give 1 or more")
    if not ranks_of_environment().alone:
        raise UsageError(
            "train-ensemble was started by a launcher of several processes; start it alone, with --workers"
        )
    for folder in (config.data.train, config.data.validation):
        if folder is not None:
            open_dataset(Path(folder))


def _train_all(
    waiting: list[TrainConfig], n: int, out: Path, workers: int, scheduler: str | None, progress: Progress
) -> list[_Outcome]:
    """How each of the waiting members ended. Raises TrainingStopped where a signal stopped some."""
    here = scheduler is None and (workers == 1 or len(waiting) < 2)
    stop_path = out / STOP_NAME
    stop_path.unlink(missing_ok=True)
    unit = partial(
        train_member, stop_path=stop_path, base=Path.cwd() if scheduler else None, progress=progress if here else None
    )
    outcomes = []
    with StopFile(stop_path) as stop, _shown(Silent() if here else progress, n, n - len(waiting)) as shown:
        try:
            for outcome in run_units(unit, waiting, workers, scheduler):
                outcomes.append(outcome)
                progress.note(_line(outcome, out))
                shown.advance()
        except BaseException:
            stop.ask()  # members on other machines would go on, with no one to wait for them
            raise
        number = stop.asked()
    stop_path.unlink(missing_ok=True)
    if any(one.stopped for one in outcomes):
        finished = n - len(waiting) + sum(not one.stopped and one.error is None for one in outcomes)
        raise TrainingStopped(
            f"stopped with {finished} of {n} members trained; the others' checkpoints are written, the same command "
            "goes on",
            SIGNAL_STATUS + number,
        )
    return outcomes


def train_member(
    config: TrainConfig, stop_path: Path, base: Path | None = None, progress: Progress | None = None
) -> _Outcome:
    """Train one member from where its run folder stands; how that ended. Raises WriteError.

    Relative paths count from `base`, where this runs on another machine.
    """
    if base is not None and Path.cwd() != base:
        os.chdir(base)
    folder = RunFolder(Path(config.run))
    if multiprocessing.current_process().daemon:
        config.data.workers = 0  # a process of a cluster may start none itself; what is learnt is the same
    try:
        with _turn:
            if StopFile(stop_path).asked():
                return _Outcome(folder.root.name, stopped=True)
            train(config, folder.started, progress, stop=StopFile(stop_path))
    except TrainingStopped:
        return _Outcome(folder.root.name, stopped=True)
    except WriteError:
        raise
    except CeruleanError as error:
        return _Outcome(folder.root.name, error=error)
    return _Outcome(folder.root.name)


@contextmanager
def _shown(progress: Progress, total: int, done: int) -> Iterator[Progress]:
    progress.start("Training members", total)
    progress.advance(done)
    try:
        yield progress
    finally:
        progress.finish()


def _line(outcome: _Outcome, out: Path) -> str:
    if outcome.stopped:
        return f"{outcome.name}: stopped"
    if outcome.error is not None:
        return f"failed: {outcome.name}: {outcome.error}"
    score = read_card(out / outcome.name).metrics.get("mean_iou")
    return f"{outcome.name}: trained" + ("" if score is None else f", mean IoU at validation {score:.3f}")
