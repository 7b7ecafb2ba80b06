"""Claims on copies in the cache: a copy that a command reads is changed by no other command until that one has ended.

A claim is a file `claims/BUCKET/…` that names the copy, and whose lock ends with the process that took it.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ceruleanml import locks
from ceruleanml.storage import make_folder, storage_error

MOST_BYTES = 1 << 16
_ours: set[Path] = set()


@dataclass(frozen=True)
class Claim:
    """A claim of this process. `is_alone`: no other process had one on the copy then, or on what is within or above."""

    file: Path
    handle: int
    is_alone: bool

    def end(self) -> None:
        """Give the copy free; otherwise it is claimed for as long as this process lives."""
        self.file.unlink(missing_ok=True)
        _ours.discard(self.file)
        locks.close(self.handle)


def claim(copy: Path, cache: Path, bucket: str) -> Claim:
    """Claim a copy in the cache. Only one that `is_alone` may be changed.

    To be called by one process at a time for each bucket. Raises WriteError.
    """
    folder = make_folder(cache / "claims" / bucket)
    part = copy.relative_to(cache)
    file = folder / secrets.token_hex(16)
    try:
        others = [other for path in sorted(folder.iterdir()) if (other := _claimed(path)) is not None]
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        locks.lock(handle)
        os.write(handle, os.fsencode(part))
    except OSError as error:
        raise storage_error(file, error) from error
    _ours.add(file)
    return Claim(file, handle, not any(one.is_relative_to(part) or part.is_relative_to(one) for one in others))


def _claimed(file: Path) -> Path | None:
    """What another process that lives claims; None for a claim of this one, and of one that ended, which is removed."""
    if file in _ours:
        return None
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:  # its process has just given the copy free
        return None
    try:
        with locks.locked(handle):
            file.unlink(missing_ok=True)
        return None
    except BlockingIOError:
        return Path(os.fsdecode(os.read(handle, MOST_BYTES)))
    finally:
        os.close(handle)


os.register_at_fork(after_in_child=_ours.clear)
