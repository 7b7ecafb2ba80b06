"""The label store: what people drew, one file for each time they saved, never changed and never deleted.

`<store>/<scene_id>/<time>_<annotator>.geojson`, the time as 20201121T225759Z, so that names sort by it. Each file is
the whole state of its scene at that time, as its annotator sees it (see `labels.geojson`). Beside `complete` it may
have `based_on`, the names of the files that this state began from, and `tiles`: for the tile_id of each tile that was
gone through alone `reviewed` (true), what it took, `seconds` and `clicks`, whether it was `blind`, and where it lies,
`bounds`. Which states count is said in `labels.heads`. Hidden files are of writers that were killed, and are no labels.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ceruleanml.errors import LabelError
from ceruleanml.labels.heads import heads_of, state_of
from ceruleanml.labels.states import (
    MOST_SCENE,
    TIME,
    annotator_of,
    check_name,
    check_store,
    files_of,
    scenes_of,
    time_of,
)
from ceruleanml.storage import make_folder, storage_error

__all__ = ["Appended", "append", "append_state", "check_store", "files_of", "heads_of", "scenes_of", "state_of"]


@dataclass(frozen=True)
class Appended:
    """The file that holds a state, and whether it was written now or was there already."""

    path: Path
    is_new: bool


def append(store: Path, scene_id: str, collection: Mapping[str, Any], annotator: str, time: datetime) -> Path:
    """The file of the store that holds this state of a scene, written unless it is there; see `append_state`."""
    return append_state(store, scene_id, collection, annotator, time).path


def append_state(store: Path, scene_id: str, collection: Mapping[str, Any], annotator: str, time: datetime) -> Appended:
    """Add the state of a scene to the store, whole and on the disk; nothing that is there is touched.

    `collection` is a GeoJSON FeatureCollection, `time` is aware of its zone. Where the annotator's newest state of
    the scene, or one that was saved at that time or later, is the same to the letter, nothing is added. A second that
    is taken gives the next free one. Raises LabelError for a name that cannot be a file's and for numbers that JSON
    has not, WriteError for a full disk.
    """
    check_name("annotator", annotator)
    check_name("scene", scene_id, MOST_SCENE)
    content = _encoded(collection, scene_id)
    folder = make_folder(store / scene_id)
    there = _holding(files_of(store, scene_id), annotator, time, content)
    return Appended(there, False) if there else _written(folder, annotator, time, content)


def _encoded(collection: Mapping[str, Any], scene_id: str) -> bytes:
    """The one text that a state is written as: keys in order, a line each, half surrogate pairs escaped."""
    try:
        text = json.dumps(collection, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise LabelError(f"scene {scene_id}: its labels cannot be written as JSON: {error}") from error
    return (text + "\n").encode(errors="backslashreplace")


def _holding(files: list[Path], annotator: str, time: datetime, content: bytes) -> Path | None:
    """The annotator's file of that very content, if it is his newest or not older than the time."""
    mine = [path for path in files if annotator_of(path) == annotator]
    second = time.astimezone(UTC).replace(microsecond=0)
    return next((path for path in mine if (path == mine[-1] or time_of(path) >= second) and _is(path, content)), None)


def _is(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError as error:
        raise storage_error(path, error, "read") from error


def _written(folder: Path, annotator: str, time: datetime, content: bytes) -> Appended:
    """The content under the first free second from the time on.

    It is written under a hidden name and linked: a link fails where the name is taken, so two writers never take each
    other's place, and a name that is there holds all of its content. Where another writer was quicker with the same
    content, its file is taken.
    """
    part = None
    try:
        part = _part(folder, content)
        while True:
            target = folder / f"{time.astimezone(UTC):{TIME}}_{annotator}.geojson"
            try:
                os.link(part, target)
            except FileExistsError:
                if _is(target, content):
                    return Appended(target, False)
                time += timedelta(seconds=1)
                continue
            _keep(folder)
            return Appended(target, True)
    except OSError as error:
        raise storage_error(folder / f"{annotator}.geojson", error) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _part(folder: Path, content: bytes) -> Path:
    """A hidden file with the content, on the disk."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _keep(folder: Path) -> None:
    """See to it that the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
