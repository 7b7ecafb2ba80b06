"""Which states of a scene count: the heads, those that no other state took the place of.

An annotator's newer state takes the place of his older ones, and a state takes the place of those that it names in
`based_on`. So one person who goes on with another's work leaves one head, and two who drew on their own leave two.
What a state says it began from goes before the times in the names, since clocks go wrong and are put back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ceruleanml.errors import LabelError
from ceruleanml.labels.states import annotator_of, files_of, read_state
from ceruleanml.storage import storage_error

REMEMBERED = 4096
"""Files whose `based_on` is kept in mind; they never change, and reading one means reading all that it draws."""


def heads_of(store: Path, scene_id: str) -> list[Path]:
    """The scene's states that count, oldest first; none where nothing was saved. Raises StorageError, LabelError."""
    return heads_among(files_of(store, scene_id))


def state_of(store: Path, scene_id: str, annotator: str | None = None) -> dict[str, Any] | None:
    """The scene's state as a FeatureCollection: this annotator's head, else the only head there is, else None."""
    heads = heads_of(store, scene_id)
    mine = [path for path in heads if annotator_of(path) == annotator]
    chosen = mine or (heads if len(heads) == 1 else [])
    return read_state(chosen[0]) if chosen else None


def heads_among(files: Sequence[Path]) -> list[Path]:
    """The heads among the files of one scene, in their order.

    Files that name each other, which no honest writer makes, stay heads together rather than vanish together.
    """
    replaces = replaced(files)
    pairs = [(newer, older) for newer in files for older in replaces[newer]]
    circles = _may_circle(replaces)
    gone = {older for newer, older in pairs if not (circles and newer in reached(older, replaces))}
    return [path for path in files if path not in gone]


def replaced(files: Sequence[Path]) -> dict[Path, set[Path]]:
    """The files that each of the files of one scene takes the place of by itself."""
    by_name = {path.name: path for path in files}
    replaces = {
        path: {by_name[name] for name in based_on(path) if name in by_name and name != path.name} for path in files
    }
    circles = _may_circle(replaces)
    last: dict[str, Path] = {}
    for path in files:
        before = last.get(annotator_of(path))
        if before is not None:
            if circles and path in reached(before, replaces):
                continue  # his state of the earlier time began from this one
            replaces[path].add(before)
        last[annotator_of(path)] = path
    return replaces


def reached(path: Path, replaces: Mapping[Path, set[Path]]) -> set[Path]:
    """All files that a file takes the place of, by itself or through others."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for older in replaces[waiting.pop()]:
            if older not in found:
                found.add(older)
                waiting.append(older)
    return found


def based_on(path: Path) -> tuple[str, ...]:
    """The names of the files that a state began from. Raises LabelError, StorageError."""
    try:
        stat = path.stat()
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return _based_on(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _based_on(path: Path, size: int, changed: int) -> tuple[str, ...]:
    """Size and time of change are there to tell another file of the same name."""
    named = read_state(path).get("based_on")
    if named is None:
        return ()
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise LabelError(f"{path}: based_on is {json.dumps(named):.60}; it must list names of files")
    return tuple(named)


def _may_circle(replaces: Mapping[Path, set[Path]]) -> bool:
    """Whether a file takes the place of one of a later time; where none does, no file can reach itself."""
    return any(older.name > newer.name for newer, others in replaces.items() for older in others)
