"""The files of a label store: their names, which there are, and what one holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ceruleanml.errors import LabelError, StorageError
from ceruleanml.storage import read_json, storage_error

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What names of annotators and scenes are made of, so that none leaves its folder."""
STATE = re.compile(r"(?P<time>\d{8}T\d{6}Z)_(?P<annotator>[A-Za-z0-9][A-Za-z0-9._-]*)\.geojson")
TIME = "%Y%m%dT%H%M%SZ"
MOST_NAME, MOST_SCENE = 100, 220
"""Characters of an annotator's and of a scene's name; file systems allow names of 255 bytes."""


def check_name(what: str, name: Any, most: int = MOST_NAME) -> None:
    """Raise LabelError unless the name of an annotator or scene can be a file's."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise LabelError(
            f"{what} {name!r:.80}: may hold letters, digits, dot, hyphen and underscore; choose another name"
        )
    if len(name) > most:
        raise LabelError(f"{what} {name[:40]}…: has {len(name)} characters; choose a name of at most {most}")


def scenes_of(store: Path) -> list[str]:
    """The ids of the scenes that the store holds a state of, sorted. Raises StorageError."""
    check_store(store)
    return sorted(path.name for path in _entries(store) if NAME.fullmatch(path.name) and files_of(store, path.name))


def files_of(store: Path, scene_id: str) -> list[Path]:
    """The files of a scene, oldest first; none where nothing was saved. Raises StorageError."""
    folder = store / scene_id
    if not folder.is_dir():
        return []
    return sorted(path for path in _entries(folder) if STATE.fullmatch(path.name))


def annotator_of(path: Path) -> str:
    """Who saved a file of a store."""
    return _parts(path)["annotator"]


def time_of(path: Path) -> datetime:
    """When a file of a store was saved (UTC), as its name says."""
    return datetime.strptime(_parts(path)["time"], TIME).replace(tzinfo=UTC)


def check_store(store: Path) -> None:
    """Raise StorageError where the store is no folder."""
    if not store.is_dir():
        raise StorageError(f"{store}: is no label store; name the folder into which the page's labels are imported")


def read_state(path: Path) -> dict[str, Any]:
    """The FeatureCollection in a file of a store. Raises LabelError for what is none, StorageError."""
    try:
        content = read_json(path)
    except StorageError as error:
        raise LabelError(f"{error}; import the labels again") from error
    if not isinstance(content, dict):
        raise LabelError(f"{path}: is not a GeoJSON FeatureCollection; import the labels again")
    return content


def is_store(folder: Path) -> bool:
    """Whether a folder is a label store: some scene's folder in it holds a saved state."""
    return any(STATE.fullmatch(file.name) for scene in _entries(folder) if _is_scene(scene) for file in _entries(scene))


def _is_scene(path: Path) -> bool:
    return NAME.fullmatch(path.name) is not None and path.is_dir()


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError as error:
        raise storage_error(folder, error, "read") from error


def _parts(path: Path) -> re.Match[str]:
    found = STATE.fullmatch(path.name)
    if found is None:
        raise LabelError(f"{path}: is no file of a label store; those are named <time>_<annotator>.geojson")
    return found
