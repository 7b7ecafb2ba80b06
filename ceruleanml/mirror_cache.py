"""Copies of what lies in buckets, for work that wants files: inputs brought here first, outputs brought up after.

All lies in the cache folder: `inputs/BUCKET/…` is what buckets hold, `outputs/BUCKET/…` what commands made for them.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.locks import locked
from ceruleanml.mirror import MirrorReport, carry_out, plan_mirror
from ceruleanml.mirror_checksums import Checksums, crc32c_of
from ceruleanml.mirror_claims import claim
from ceruleanml.mirror_copies import INPUTS, OUTPUTS, cache_folder, copy_of, is_in_bucket, location_of
from ceruleanml.mirror_plan import Change
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder, read_json, storage_error, write_json
from ceruleanml.storage_bucket import open_place, split_location

LOOK_AGAIN_S = 0.2
Known = Mapping[str, tuple[int, str]]
"""Generation and CRC-32C of each object that an unfinished command began with; generation 0 after a finished one."""


def cached(location: str | Path, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """Where a file or folder lies on this machine: a local one where it is, one of a bucket after it was brought here.

    The copy holds what the bucket holds now, no more and no less; only what differs is moved. It stays so for as long
    as this process lives: a process that finds the bucket changed meanwhile brings a copy of its own beside it. `cache`
    is the cache folder, in place of $CERULEANML_CACHE or ~/.cache/ceruleanml. Waits where another process brings the
    same. Raises StorageError.
    """
    if not is_in_bucket(location):
        return Path(location)
    text = location_of(location)
    cache = cache or cache_folder()
    number = 0
    with one_at_a_time(text, cache, progress):
        while (here := _brought(text, cache, f"{INPUTS}.{number}" if number else INPUTS, progress)) is None:
            number += 1
    return here


def _brought(location: str, cache: Path, kind: str, progress: Progress | None) -> Path | None:
    """The copy below `kind`, made to hold what the bucket does; None where another process reads it as it was."""
    copy, bucket = copy_of(location, cache, kind), split_location(location)[0]
    progress = progress or Silent()
    with one_at_a_time(f"claims on {bucket}", cache):
        claimed = claim(copy, cache, bucket)
    with ExitStack() as failed:
        failed.callback(claimed.end)
        make_folder(copy.parent)
        plan = plan_mirror(location, str(copy), True, progress)
        if not claimed.is_alone and (plan.moves or plan.deletes):
            progress.note(f"{location}: was changed while another process reads its copy here; fetching one beside it")
            return None
        if claimed.is_alone:
            _check(carry_out(plan, progress=progress), location, StorageError)
        for name, why in plan.left_out.items():
            progress.note(f"{location}: {name} {why}")
        failed.pop_all()
    return copy


@contextmanager
def remote_output(location: str | Path, progress: Progress | None = None) -> Iterator[Path]:
    """Where a command is to write its output folder, for a `with`: a local one where it is, else a folder in the cache.

    What the bucket holds there is brought here first, so that a command goes on with it on any machine. When the block
    ends well, the bucket is made to hold what the folder does; an error leaves the folder for the next try. What
    another writer changed in the bucket meanwhile is never overwritten. Raises StorageError, WriteError.
    """
    if not is_in_bucket(location):
        yield Path(location)
        return
    text = location_of(location)
    if not split_location(text)[1]:
        raise UsageError(f"{text}: is a whole bucket; name a folder in it, gs://BUCKET/FOLDER")
    cache = cache_folder()
    folder = copy_of(text, cache, OUTPUTS)
    with one_at_a_time(text, cache, progress):
        record = make_folder(cache / "known") / f"{_key(text)}.json"
        make_folder(folder.parent)
        if not folder.is_dir():
            _keep(record, {})  # what was known of a folder that is gone would look as if a command had emptied it
        known = _brought_here(text, folder, _known(record), progress)
        _keep(record, known)
        yield folder
        _brought_up(text, folder, known, progress)
        _keep(record, _finished(text, folder))


@contextmanager
def one_at_a_time(location: str, cache: Path, progress: Progress | None = None) -> Iterator[None]:
    """Hold the lock of a location's copy, waiting for whoever holds it; it ends with the process that does."""
    path = make_folder(cache / "locks") / _key(location)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        with ExitStack() as held:
            for turn in count():
                try:
                    held.enter_context(locked(handle))
                    break
                except BlockingIOError:
                    if not turn:
                        (progress or Silent()).note(f"{location}: waiting for another process that works on it here")
                    time.sleep(LOOK_AGAIN_S)
            yield
    finally:
        os.close(handle)


def _key(location: str) -> str:
    """The name of a file about a location."""
    return hashlib.sha256(location.rstrip("/").encode()).hexdigest()[:32]


def _brought_here(location: str, folder: Path, known: Known, progress: Progress | None) -> dict[str, tuple[int, str]]:
    """Bring what the bucket holds of an output here, except over what an unfinished command wrote; what is known then.

    Raises StorageError where both were changed.
    """
    plan = plan_mirror(location, str(folder), progress=progress, empty=True)
    for change in plan.moves:
        if change.local and not _is_ours(change, known) and _sum(change, known) != crc32c_of(change.path):
            raise StorageError(
                f"{location}: {change.name} was changed in the bucket and, by an unfinished command, in {folder}; "
                "remove that folder to go on with what the bucket holds"
            )
    moves = tuple(change for change in plan.moves if not _is_ours(change, known))
    _check(carry_out(replace(plan, moves=moves), progress=progress), location, StorageError)
    for name, (_, crc32c) in known.items():
        path = folder / name
        if name not in plan.remote and path.is_file() and crc32c_of(path) == crc32c:
            path.unlink()  # another machine did so, in the bucket
    return {
        name: (file.generation, file.crc32c)
        for name, file in plan.remote.items()
        if name in known or (folder / name).is_file()  # what cannot be a file here is no loss of a command
    }


def _brought_up(location: str, folder: Path, known: Known, progress: Progress | None) -> None:
    """Make the bucket hold what the folder does, as far as it is still as it was known."""
    plan = plan_mirror(str(folder), location, True, progress, empty=True)
    for change in plan.moves:
        if change.generation and not _is_ours(change, known):
            raise WriteError(
                f"{location}: {change.name} was changed in the bucket by another writer meanwhile; "
                f"what was made here lies in {folder}"
            )
    inner = tuple(change for change in plan.moves if "/" in change.name)
    last = tuple(change for change in plan.moves if "/" not in change.name)  # they say that the rest is there
    deletes = tuple(change for change in plan.deletes if _is_ours(change, known))
    _check(carry_out(replace(plan, moves=inner, deletes=()), progress=progress), location, WriteError)
    for name, why in plan.left_out.items():
        raise WriteError(f"{location}: {name} {why}; what was made here lies in {folder}")
    _check(carry_out(replace(plan, moves=last, deletes=deletes), progress=progress), location, WriteError)


def _is_ours(change: Change, known: Known) -> bool:
    """Whether the object is as it was when it was last known."""
    return change.name in known and known[change.name][0] == change.generation


def _sum(change: Change, known: Known) -> str | None:
    return known[change.name][1] if change.name in known else None


def _finished(location: str, folder: Path) -> dict[str, tuple[int, str]]:
    """What is known after a command that ended well: the files here, and of the bucket nothing.

    Generation 0 is no object's. So the next command takes what lies in the bucket then, whoever wrote it, and deletes
    nothing that it has not seen itself.
    """
    with open_place(location) as place:
        names = [file.name for file in place.listed() if (folder / file.name).is_file()]
    checksums = Checksums(folder)
    return {name: (0, checksums.of(folder / name, name)) for name in names}


def _known(record: Path) -> Known:
    content = read_json(record) if record.is_file() else {}
    return {name: (int(generation), str(crc32c)) for name, (generation, crc32c) in content.items()}


def _keep(record: Path, known: Known) -> None:
    write_json(record, {name: list(one) for name, one in known.items()}, indent=None)


def _check(report: MirrorReport, location: str, kind: type[StorageError]) -> None:
    """Raise an error of that kind where a file was not moved."""
    for name, why in report.failed.items():
        raise kind(f"{location}: {name} {why}")
