"""Locks on files and folders that end with the process that took them, whatever it started meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_held: set[int] = set()


@contextmanager
def locked(handle: int) -> Iterator[None]:
    """Hold the lock of an open file or folder, until the block ends or the process does.

    Raises BlockingIOError where another process holds it, OSError on a file system that locks nothing.
    """
    lock(handle)
    try:
        yield
    finally:
        _held.discard(handle)
        fcntl.flock(handle, fcntl.LOCK_UN)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that is there, until the block ends or the process does.

    Raises BlockingIOError where another process holds it. On a file system that locks no folders nobody is kept out.
    """
    handle = os.open(folder, os.O_RDONLY)
    with ExitStack() as held:
        held.callback(os.close, handle)
        try:
            held.enter_context(locked(handle))
        except BlockingIOError:
            raise
        except OSError:
            pass
        yield


def lock(handle: int) -> None:
    """Take the lock of an open file or folder until `close` or the end of the process; else as `locked`."""
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held.add(handle)


def close(handle: int) -> None:
    """Close a file that `lock` was called for, which ends the lock."""
    _held.discard(handle)
    os.close(handle)


def _let_go() -> None:
    """Close the copies that a forked process has: while one is open, the lock outlives who took it.

    The processes that load tiles are forked; when a training is killed they need seconds to notice.
    """
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_let_go)
