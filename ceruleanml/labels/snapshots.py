"""Snapshots of a label store: which files it held, so that what was made of it can be made again.

A snapshot is the sha256 over the sorted (relative path, sha256) of all label files. `<store>/.snapshots/<sha256>.json`
lists them, `<store>/.snapshots/<name>.name` gives one a name. `STORE@…` with a name, or with the first 4 or more digits
of the sha256, is the store as it was then: files are never changed or deleted, so it still holds them.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ceruleanml.errors import LabelError, StorageError
from ceruleanml.labels.heads import heads_among
from ceruleanml.labels.states import STATE, check_name, check_store, files_of, is_store, scenes_of
from ceruleanml.storage import make_folder, read_json, sha256_of, storage_error, write_json

FOLDER = ".snapshots"
FORMAT_VERSION = 1
LEAST_DIGITS = 4


@dataclass(frozen=True)
class Snapshot:
    """What a store holds: the sha256 of each label file by `<scene_id>/<file>`, and the sha256 over them all."""

    sha256: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Store:
    """A label store as it is, or as it was at a snapshot."""

    root: Path
    snapshot: Snapshot | None = None

    def scenes(self) -> list[str]:
        """The ids of the scenes that it holds a state of, sorted. Raises StorageError."""
        if self.snapshot is None:
            return scenes_of(self.root)
        return sorted({name.split("/")[0] for name in self.snapshot.files})

    def files(self, scene_id: str) -> list[Path]:
        """The files of a scene, oldest first. Raises StorageError, LabelError for one that was changed."""
        if self.snapshot is None:
            return files_of(self.root, scene_id)
        known = _by_scene(self.root, self.snapshot.sha256).get(scene_id, ())
        for name in known:
            path = self.root / scene_id / name
            if not path.is_file() or sha256_of(path) != self.snapshot.files[f"{scene_id}/{name}"]:
                raise LabelError(
                    f"{path}: is not what it was in snapshot {self.snapshot.sha256[:12]}; restore it from a copy, or "
                    "take another snapshot"
                )
        return [self.root / scene_id / name for name in known]

    def heads(self, scene_id: str) -> list[Path]:
        """The states of a scene that count, oldest first; see `labels.heads`."""
        return heads_among(self.files(scene_id))


def open_store(text: str | Path) -> Store:
    """The store that a path names, or `PATH@SNAPSHOT`. Raises StorageError, LabelError for an unknown snapshot."""
    root, named = _split(Path(text))
    check_store(root)
    return Store(root, None if named is None else find_snapshot(root, named))


def find_store(path: Path, scene_id: str | None = None) -> Store | None:
    """The store that a path names, or `PATH@SNAPSHOT`; None for a folder of label files, and for what is no folder.

    With a scene, a folder is taken for a store that holds states of it, which is quickly told in a folder of thousands.
    Raises LabelError for an unknown snapshot of a store.
    """
    root, named = _split(path)
    if not root.is_dir():
        return None
    if named is not None:
        return Store(root, find_snapshot(root, named))
    holds = is_store(root) if scene_id is None else bool(files_of(root, scene_id))
    return Store(root) if holds or (root / FOLDER).is_dir() else None


def snapshot_of(store: Path) -> Snapshot:
    """What the store holds now. Raises StorageError."""
    files = {
        f"{scene_id}/{path.name}": sha256_of(path)
        for scene_id in scenes_of(store)
        for path in files_of(store, scene_id)
    }
    return Snapshot(_digest(files), files)


def take_snapshot(store: Path, name: str | None = None) -> Snapshot:
    """What the store holds now, listed in the store and, with `name`, to be found by it.

    Taken again of the same files it is the same and writes nothing. Raises LabelError where the name is another
    snapshot's or is none, WriteError.
    """
    found = snapshot_of(store)
    folder = make_folder(store / FOLDER)
    path = folder / f"{found.sha256}.json"
    if not path.is_file():
        write_json(path, {"format_version": FORMAT_VERSION, "sha256": found.sha256, "files": dict(found.files)})
    if name is not None:
        _name(folder, name, found)
    return found


def find_snapshot(store: Path, named: str) -> Snapshot:
    """The snapshot of a store with that name, or whose sha256 begins so. Raises LabelError, StorageError."""
    if (store / FOLDER / f"{named}.json").is_file():  # by every scene of a build: no look at the names
        return _read(store, named)
    digest = names_of(store).get(named)
    if digest is None and len(named) >= LEAST_DIGITS and re.fullmatch(r"[0-9a-f]+", named):
        fitting = sorted(path.stem for path in (store / FOLDER).glob(f"{named}*.json"))
        if len(fitting) > 1:
            raise LabelError(f"{store}@{named}: begins {len(fitting)} snapshots; give more digits of one")
        digest = fitting[0] if fitting else None
    if digest is None:
        known = ", ".join(sorted(names_of(store))[:5])
        raise LabelError(
            f"{store}@{named}: is no snapshot of the store; "
            + (f"it has {known}" if known else "take one with ceruleanml labels snapshot")
        )
    return _read(store, digest)


def names_of(store: Path) -> dict[str, str]:
    """The sha256 of each named snapshot of a store. Raises StorageError."""
    found = {}
    for path in sorted((store / FOLDER).glob("*.name")):
        try:
            found[path.stem] = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{path}: cannot be read as the name of a snapshot; remove it") from error
    return found


def _split(path: Path) -> tuple[Path, str | None]:
    """Path and snapshot; a folder may have an @ in its own name."""
    if path.is_dir() or "@" not in path.name:
        return path, None
    name, _, named = path.name.rpartition("@")
    return path.with_name(name) if name else path.parent, named


def _digest(files: Mapping[str, str]) -> str:
    return hashlib.sha256("".join(f"{name} {files[name]}\n" for name in sorted(files)).encode()).hexdigest()


def _read(store: Path, digest: str) -> Snapshot:
    path = store / FOLDER / f"{digest}.json"
    found = _listed(path, path.stat().st_mtime_ns) if path.is_file() else None
    if found is None or found.sha256 != digest:
        raise LabelError(f"{path}: is missing or was changed; take the snapshot again")
    return found


@lru_cache(maxsize=8)
def _listed(path: Path, changed: int) -> Snapshot | None:
    """The snapshot that a file lists, for which every scene of a build asks; None where it lists none."""
    content = read_json(path)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(_is_file(name) for name in files):
        return None
    return Snapshot(_digest(files), files)


def _is_file(name: str) -> bool:
    """Whether a listed name stays in the store, whoever wrote the list."""
    scene_id, _, file = name.partition("/")
    try:
        check_name("scene", scene_id, 255)
    except LabelError:
        return False
    return STATE.fullmatch(file) is not None


@lru_cache(maxsize=8)
def _by_scene(store: Path, digest: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(_read(store, digest).files):
        scene_id, _, file = name.partition("/")
        found.setdefault(scene_id, []).append(file)
    return found


def _name(folder: Path, name: str, snapshot: Snapshot) -> None:
    """Give the snapshot a name, which it keeps."""
    check_name("snapshot", name)
    target = folder / f"{name}.name"
    handle, part = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{snapshot.sha256}\n")
        os.link(part, target)
    except FileExistsError as error:
        if names_of(folder.parent)[name] != snapshot.sha256:
            raise LabelError(f"{target}: names another snapshot already; choose another --name") from error
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        Path(part).unlink(missing_ok=True)
