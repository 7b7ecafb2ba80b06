"""Moving many files at once: one file's failure is told and stops no other, a bucket's refusal stops all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

AT_ONCE = 8
"""Requests at once. The client keeps ten connections open; more would be opened anew each time."""
WHOLE = 8 << 20
"""A file of at most so many bytes is moved in one request, in memory; a slice or part of a larger one has so many."""
LARGE = 64 << 20
"""A larger file is moved in parts side by side, and goes on with the missing ones."""
TRIES = 3
"""So often is fetched what comes corrupted."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class FileRefused(Exception):
    """Why one file was not moved, as the end of a sentence that begins with its name."""


class Taken(FileRefused):
    """Another writer was there: an object is no longer the one that was listed."""

    def __init__(self) -> None:
        super().__init__("was changed in the bucket by another writer meanwhile; run it again to compare anew")


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], at_once: int) -> Iterator[Result]:
    """What `work` makes of each item, as it gets done, in `at_once` threads; few items wait at a time.

    The first error ends it: what has not begun is left undone.
    """
    coming = iter(items)
    running: set[Future[Result]] = set()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while True:
                running |= {pool.submit(work, item) for item in islice(coming, 2 * at_once - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
