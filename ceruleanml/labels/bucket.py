"""A label store in a bucket: a copy here that reads and grows as any store, and a bucket that gets what it lacks.

A state goes up only where the bucket has nothing of its name, so machines that append at once lose nothing. A second
that another machine has taken gives the next free one there, as `labels.store` does here. States that did not go up, as
before a crash or without network, stay in the copy and go up the next time.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ceruleanml.errors import LabelError, StorageError, WriteError
from ceruleanml.labels.snapshots import FOLDER
from ceruleanml.labels.states import MOST_SCENE, STATE, TIME, annotator_of, check_name, time_of
from ceruleanml.mirror_cache import cached, one_at_a_time
from ceruleanml.mirror_checksums import Checksums
from ceruleanml.mirror_copies import STORES, cache_folder, copy_of, is_in_bucket, location_of
from ceruleanml.mirror_download import content_of
from ceruleanml.mirror_moving import AT_ONCE, FileRefused, Taken, side_by_side
from ceruleanml.mirror_writing import put
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder, storage_error
from ceruleanml.storage_bucket import Place, RemoteFile, open_place

KIND = "application/geo+json"
SNAPSHOT = re.compile(re.escape(FOLDER) + r"/[A-Za-z0-9][A-Za-z0-9._-]*\.(json|name)")


@dataclass(frozen=True)
class BucketStore:
    """A label store at gs://BUCKET/PREFIX, and the folder that is its copy here."""

    location: str
    root: Path

    def synced(
        self, scene_id: str | None = None, progress: Progress | None = None, must_send: bool = True
    ) -> dict[Path, Path]:
        """Bring here what the copy lacks, and to the bucket what that lacks; of one scene, or of all.

        The new path of each state that got another second, by its path before. What did not go up goes up the next
        time; unless it `must_send`, it is noted only. Raises StorageError, WriteError.
        """
        below = f"{scene_id}/" if scene_id else ""
        with one_at_a_time(self.location, cache_folder(), progress):
            make_folder(self.root)
            with open_place(self.location, "read") as place:
                there = {file.name: file for file in place.listed(below) if is_of_store(file.name)}
                here = names_in(self.root, scene_id)
                missing = [there[name] for name in sorted(there.keys() - set(here))]
                for _ in side_by_side(lambda file: self._bring(place, file), missing, AT_ONCE):
                    pass
            waiting = self._waiting(here, there)
            if not waiting:
                return {}
            try:
                return self._sent_all(waiting)
            except (WriteError, LabelError) as error:
                if must_send:
                    raise
                (progress or Silent()).note(f"{len(waiting)} of this machine's files did not go up: {error}")
                return {}

    def _sent_all(self, waiting: list[str]) -> dict[Path, Path]:
        with open_place(self.location) as place:
            sent = side_by_side(lambda name: (name, self._send(place, name)), waiting, AT_ONCE)
            return {self.root / name: self.root / new for name, new in sent if name != new}

    def _waiting(self, here: list[str], there: dict[str, RemoteFile]) -> list[str]:
        """What is here and not, or not so, in the bucket."""
        checksums = Checksums(self.root)
        waiting = [
            name for name in here if name not in there or checksums.of(self.root / name, name) != there[name].crc32c
        ]
        checksums.keep()
        return waiting

    def _bring(self, place: Place, file: RemoteFile) -> None:
        """Put an object into the copy, unless a state took its name there meanwhile: that one goes up."""
        with suppress(FileExistsError):
            _linked(self.root / file.name, self._content(place, file))

    def _content(self, place: Place, file: RemoteFile) -> bytes:
        try:
            return content_of(place, file)
        except FileRefused as refused:
            raise StorageError(f"{self.location}: {file.name} {refused}") from refused

    def _send(self, place: Place, name: str) -> str:
        """Send a file under its name, or a state under the first free second from its time on; the name it has now."""
        path = self.root / name
        content = _read(path)
        if self._is_sent(place, name, content):
            return name
        if SNAPSHOT.fullmatch(name):
            path.unlink()
            raise LabelError(
                f"{self.location}: {path.stem} names another snapshot in the bucket; choose another --name"
            )
        new = self._next_free(place, path, content)
        theirs = place.found(name)
        if theirs is not None:
            _replaced(path, self._content(place, theirs))
        return f"{path.parent.name}/{new.name}"

    def _is_sent(self, place: Place, name: str, content: bytes) -> bool:
        """Whether the bucket holds this content under that name now; False where it holds other content."""
        try:
            put(place, name, content, 0, KIND)
        except Taken:
            return False
        except FileRefused as refused:
            raise StorageError(f"{self.location}: {name} {refused}") from refused
        return True

    def _next_free(self, place: Place, path: Path, content: bytes) -> Path:
        """A state's file under the next second that is free there and here, in the bucket and then in the copy."""
        time = time_of(path)
        while True:
            time += timedelta(seconds=1)
            new = path.with_name(f"{time:{TIME}}_{annotator_of(path)}.geojson")
            if new.exists() and _read(new) != content:
                continue
            if self._is_sent(place, f"{path.parent.name}/{new.name}", content):
                with suppress(FileExistsError):
                    _linked(new, content)
                return new


def bucket_store(location: str | Path) -> BucketStore:
    """The label store at a location in a bucket. Raises UsageError for what is none."""
    text = location_of(location)
    return BucketStore(text, copy_of(text, cache_folder(), STORES))


def labels_here(location: str | Path, progress: Progress | None = None, must_send: bool = False) -> Path:
    """The labels that a location names, on this machine: a store or STORE@SNAPSHOT, or a folder of label files.

    What lies in a bucket is brought here first. What lies here alone goes up, or, unless it `must_send`, is noted: who
    reads may have no right to write. Raises StorageError.
    """
    if not is_in_bucket(location):
        return Path(location)
    text, at, named = _split(location_of(location))
    store = bucket_store(text)
    store.synced(progress=progress, must_send=must_send)
    if not names_in(store.root):
        return cached(text, progress=progress)
    return store.root.with_name(f"{store.root.name}{at}{named}")


def is_of_store(name: str) -> bool:
    """Whether a name is one of a label store's files, a state or a snapshot."""
    scene_id, _, file = name.partition("/")
    if SNAPSHOT.fullmatch(name):
        return True
    try:
        check_name("scene", scene_id, MOST_SCENE)
    except LabelError:
        return False
    return STATE.fullmatch(file) is not None


def names_in(root: Path, scene_id: str | None = None) -> list[str]:
    """The names of a store's files, sorted; of one scene, or of all."""
    found = root.glob(f"{scene_id or '*'}/*")
    return [name for name in sorted(path.relative_to(root).as_posix() for path in found) if is_of_store(name)]


def _split(text: str) -> tuple[str, str, str]:
    """Location, "@" and snapshot of STORE@SNAPSHOT; in a bucket a name with an @ of its own is no store."""
    parent, slash, last = text.rstrip("/").rpartition("/")
    name, at, named = last.partition("@")
    return f"{parent}{slash}{name}", at, named


def _linked(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole. Raises FileExistsError, WriteError."""
    part = _part(make_folder(path.parent), content)
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _replaced(path: Path, content: bytes) -> None:
    try:
        os.replace(_part(path.parent, content), path)
    except OSError as error:
        raise storage_error(path, error) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise storage_error(path, error, "read") from error


def _part(folder: Path, content: bytes) -> Path:
    """A hidden file with the content, on the disk."""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(folder, error) from error
    return Path(name)
