"""The two sides of a mirror, listed: what can be mirrored by name, and why the rest is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ceruleanml.mirror_names import file_fault, is_own, object_fault
from ceruleanml.storage import storage_error
from ceruleanml.storage_bucket import RemoteFile


@dataclass(frozen=True)
class LocalFile:
    """A file as it was listed: its path, bytes, and time of change in nanoseconds."""

    path: Path
    size: int
    mtime_ns: int

    def is_as_listed(self) -> bool:
        """Whether size and time of change are still those."""
        now = local_file(self.path)
        return now is not None and (now.size, now.mtime_ns) == (self.size, self.mtime_ns)


def local_file(path: Path) -> LocalFile | None:
    """A file as it is now; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return LocalFile(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def read_range(path: Path, start: int, length: int) -> bytes:
    """So many bytes of a file, or as many as there are. Raises StorageError."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(length)
    except OSError as error:
        raise storage_error(path, error, "read") from error


def list_local(folder: Path) -> tuple[dict[str, LocalFile], dict[str, str]]:
    """The files below a folder by name, and why others are left out: links that lead out of it, sockets, odd names.

    Links to files within the folder count as files; linked folders are left out. Raises StorageError.
    """
    root = folder.resolve()
    found: dict[str, LocalFile] = {}
    left_out: dict[str, str] = {}
    for name, entry in _walk(folder, ""):
        fault = file_fault(name) or _fault(entry, root)
        file = None if fault else local_file(Path(entry.path))
        if file is None:
            left_out[name] = fault or "cannot be read"
        else:
            found[name] = file
    return found, left_out


def usable(listed: Iterable[RemoteFile]) -> tuple[dict[str, RemoteFile], dict[str, str]]:
    """The objects that can be files, by name, and why others cannot. Empty ones that mark a folder do not count."""
    found: dict[str, RemoteFile] = {}
    left_out: dict[str, str] = {}
    for file in listed:
        marks_folder = not file.size and (not file.name or file.name.endswith("/"))
        if marks_folder or is_own(file.name):
            continue
        fault = object_fault(file.name)
        if fault is None:
            found[file.name] = file
        else:
            left_out[file.name] = fault
    return found, left_out


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The names and entries of all that lies below a folder and is no folder itself, sorted."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise storage_error(folder, error, "read") from error
    for entry in entries:
        name = prefix + entry.name
        if is_own(name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), f"{name}/")
        else:
            yield name, entry


def _fault(entry: os.DirEntry[str], root: Path) -> str | None:
    """Why something in a folder is no file to mirror; None where it is one."""
    try:
        if not entry.is_symlink():
            return None if entry.is_file() else "is no ordinary file"
        if not Path(os.path.realpath(entry.path, strict=True)).is_relative_to(root):
            return "is a link that leads out of the folder; copy what it leads to"
        return None if entry.is_file() else "is a link to a folder; only links to files are followed"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
