"""Independent units of work, one after the other here, on all cores, or on a Dask cluster's workers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from ceruleanml.errors import UsageError
from ceruleanml.progress import Progress

if TYPE_CHECKING:
    from distributed import Client

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": 1,
    "OPENBLAS_NUM_THREADS": 1,
    "MALLOC_ARENA_MAX": 1,
    "MALLOC_MMAP_MAX_": 0,
    "MALLOC_TRIM_THRESHOLD_": 1 << 31,
}
"""One thread a worker, and freed memory kept for the next scene, which is as large (see glibc's mallopt). Dask's own
setting gives freed blocks back to the system, and being given them again took a third of the time of a scene."""
MALLOC_OPTIONS = ((-8, 1), (-4, 0), (-1, (1 << 31) - 1))
"""The same for mallopt: M_ARENA_MAX, M_MMAP_MAX and M_TRIM_THRESHOLD of glibc's malloc.h."""

PATIENCE = "120s"
"""How long workers are given to start; on a busy machine Dask's 30 s are too few."""
ANSWER = "10s"
"""How long a scheduler that runs already is given to answer."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def keep_freed_memory() -> None:
    """Let this process keep freed memory for the next tile or scene, as workers do; nothing without glibc.

    For programs that ask a network of many tiles: a sixth of the time went into being given memory again. To be called
    before threads start.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for option, value in MALLOC_OPTIONS:
        mallopt(option, value)


def run_units(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int = 1, scheduler: str | None = None
) -> Iterator[Result]:
    """The result of `function` on each item, in the order in which they finish.

    With one worker all runs in this process; with more, in a local Dask cluster of so many processes; with
    `scheduler` (tcp://host:port) on that cluster's workers, which must see the same files under the same paths. A
    unit whose worker dies is done again elsewhere. The first exception ends the whole run.
    """
    if workers < 1:
        raise UsageError(f"workers {workers} cannot be; give 1 or more")
    if scheduler is None and (workers == 1 or len(items) < 2):
        yield from map(function, items)
        return
    from distributed import KilledWorker, as_completed

    with _client(min(workers, len(items)), scheduler) as client:
        futures = client.map(function, items, pure=False)
        try:
            for future in as_completed(futures):
                yield future.result()
                future.release()
        except KilledWorker as error:
            raise UsageError(
                "a scene's worker died again and again, as it does without memory; use fewer workers"
            ) from error


class SceneOutcome(Protocol):
    """What came of one scene: `error` is None, or says in one line why nothing did."""

    @property
    def scene_id(self) -> str:
        """The scene."""

    @property
    def error(self) -> str | None:
        """Why it failed."""


Outcome = TypeVar("Outcome", bound=SceneOutcome)


def run_scenes(
    function: Callable[[Item], Outcome],
    waiting: Sequence[Item],
    total: int,
    title: str,
    workers: int,
    scheduler: str | None,
    progress: Progress,
) -> list[Outcome]:
    """The results of `run_units` in the order of their scenes, shown as they come; of `total` the others are there."""
    results = []
    progress.start(title, total)
    progress.advance(total - len(waiting))
    try:
        for result in run_units(function, waiting, workers, scheduler):
            results.append(result)
            progress.advance()
            if result.error is not None:
                progress.note(f"failed: {result.error}")
    finally:
        progress.finish()
    return sorted(results, key=lambda result: result.scene_id)


@contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    with _local_client(workers) if scheduler is None else _remote_client(scheduler) as client:
        yield client


@contextmanager
def _local_client(workers: int) -> Iterator[Client]:
    import logging

    import dask
    from distributed import Client, LocalCluster

    config = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT, "distributed.comm.timeouts.connect": PATIENCE}
    with dask.config.set(config), _interrupts_ignored():
        try:
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, host="127.0.0.1", memory_limit=None,
                dashboard_address="127.0.0.1:0",  # None takes Dask's own port, with a warning where another has it
                silence_logs=logging.CRITICAL,
            )  # fmt: skip
        except RuntimeError as error:
            raise UsageError(
                f"{workers} workers did not start on this machine ({error}); use fewer, or wait until it is less busy"
            ) from error
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def _remote_client(scheduler: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(scheduler, timeout=ANSWER)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"scheduler {scheduler}: no Dask scheduler answers there ({error}); start one or check"
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise UsageError(f"scheduler {scheduler}: has no workers; start `dask worker {scheduler}` first")
        yield client


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C, which is for this one: it ends them itself."""
    if threading.current_thread() is not threading.main_thread():  # where signals cannot be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
