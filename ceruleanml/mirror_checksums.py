"""CRC-32C of local files, and remembering it while they stay as they are."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ceruleanml.errors import StorageError
from ceruleanml.mirror_copies import cache_folder
from ceruleanml.storage import make_folder, read_json, storage_error, write_json
from ceruleanml.storage_bucket import google

CHUNK = 1 << 20
SETTLED_NS = 2_000_000_000
"""A file that changed less than so long ago may change again without its times telling."""


def crc32c_of(path: Path) -> str:
    """The CRC-32C of a file as Google Cloud Storage writes it: base64 of its four bytes, the highest first."""
    checksum = google("google_crc32c").Checksum()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                checksum.update(chunk)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return _text(checksum)


def crc32c_of_parts(path: Path, length: int) -> tuple[str, tuple[str, ...]]:
    """The CRC-32C of a file, and of each of its parts of `length` bytes, the last of which may be shorter."""
    new = google("google_crc32c").Checksum
    whole, parts, left = new(), [], 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(min(CHUNK, left) if left else min(CHUNK, length)):
                if not left:
                    parts.append(new())
                    left = length
                whole.update(chunk)
                parts[-1].update(chunk)
                left -= len(chunk)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return _text(whole), tuple(map(_text, parts))


def crc32c_of_bytes(content: bytes | memoryview) -> str:
    """The same of some bytes."""
    return base64.b64encode(google("google_crc32c").value(bytes(content)).to_bytes(4, "big")).decode()


class Checksums:
    """The CRC-32C of the files below a folder; of those that are as they were, without reading them again.

    What is known lies in the cache folder, by size, inode, and times of change and of status, and only of files that
    had been left alone for a while when they were read. Where it cannot be read or written, files are read again.
    """

    def __init__(self, root: Path) -> None:
        digest = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:32]
        self._path = cache_folder() / "checksums" / f"{digest}.json"
        self._known: dict[str, Any] = {}
        self._seen: dict[str, Any] = {}
        with suppress(StorageError):
            content = read_json(self._path)
            self._known = content if isinstance(content, dict) else {}

    def of(self, path: Path, name: str) -> str:
        """The CRC-32C of the file with that name below the folder. Raises StorageError."""
        before = _state(path)
        known = self._known.get(name)
        if not (isinstance(known, list) and known[:-1] == before):
            settled = max(before[2], before[3]) < time.time_ns() - SETTLED_NS
            known = [*before, crc32c_of(path)]
            if not settled:
                return str(known[-1])
        self._seen[name] = known
        return str(known[-1])

    def keep(self) -> None:
        """Remember what was asked for since."""
        if self._seen != self._known:
            with suppress(StorageError):
                make_folder(self._path.parent)
                write_json(self._path, self._seen, indent=None)


def _text(checksum: Any) -> str:
    return base64.b64encode(checksum.digest()).decode()


def _state(path: Path) -> list[int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return [stat.st_size, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns]
