"""Fetching objects from a bucket: each whole and checked or not at all, the large ones in slices that are kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ceruleanml.mirror_checksums import crc32c_of, crc32c_of_bytes
from ceruleanml.mirror_listing import LocalFile, local_file, read_range
from ceruleanml.mirror_moving import LARGE, TRIES, WHOLE, FileRefused, Taken, side_by_side
from ceruleanml.storage import storage_error
from ceruleanml.storage_bucket import Place, RemoteFile, google, retry

PART, SLICES = ".part", ".slices"
"""Endings of a file that is being fetched, and of the list of its slices that are there: start, bytes, CRC-32C."""


@dataclass(frozen=True)
class Incoming:
    """An object to fetch, as listed, where it goes, and the file that lay there when it was listed."""

    remote: RemoteFile
    target: Path
    local: LocalFile | None


def fetch_all(
    place: Place, files: Sequence[Incoming], folder: Path, at_once: int, failed: dict[str, str],
    fetched: Callable[[int], None],
) -> int:  # fmt: skip
    """Fetch objects, the large ones first and in slices; the bytes fetched. Why one was not goes into `failed`.

    `folder` holds unfinished files and is gone when all are fetched. `fetched` is told the bytes that are there. Raises
    StorageError, WriteError.
    """
    large = [file for file in files if file.remote.size > LARGE]
    _clear(folder, [file for file in files if file.remote.size > WHOLE])
    moved = 0
    for file in large:
        try:
            moved += _fetch_in_slices(place, file, folder, at_once, fetched)
        except FileRefused as refused:
            failed[file.remote.name] = str(refused)

    def one(file: Incoming) -> tuple[Incoming, int, str]:
        try:
            return file, _fetch(place, file, folder), ""
        except FileRefused as refused:
            return file, 0, str(refused)

    for file, new, refusal in side_by_side(one, [one for one in files if one.remote.size <= LARGE], at_once):
        moved += new
        if refusal:
            failed[file.remote.name] = refusal
        fetched(file.remote.size)
    with suppress(OSError):  # slices of a file that was refused stay
        folder.rmdir()
    return moved


def content_of(place: Place, file: RemoteFile) -> bytes:
    """The bytes of a small object, checked. Raises Taken for one that is no longer the listed one, FileRefused."""
    for _ in range(TRIES):
        content = _received(place, file, 0, file.size)
        if len(content) == file.size and crc32c_of_bytes(content) == file.crc32c:
            return content
    raise _corrupted(file)


def _fetch(place: Place, file: Incoming, folder: Path) -> int:
    """Fetch an object of up to LARGE bytes; the bytes fetched."""
    remote = file.remote
    if remote.size > WHOLE:
        return _fetch_in_slices(place, file, folder, 1, lambda _: None)
    content = content_of(place, remote)
    part = _part(folder, remote)
    with _told_writing(file.target):
        try:
            part.write_bytes(content)
            _placed(part, file)
        finally:
            part.unlink(missing_ok=True)
    return len(content)


def _fetch_in_slices(place: Place, file: Incoming, folder: Path, at_once: int, fetched: Callable[[int], None]) -> int:
    """Fetch a large object in slices, side by side, check it and put it in its place; the bytes fetched.

    A slice that is there is written down with its CRC-32C, so that an interrupted fetch goes on with the missing ones.
    """
    part = _part(folder, file.remote)
    moved = 0
    for turn in range(TRIES):
        for length, new in _slices(place, file.remote, part, at_once):
            moved += new
            if turn == 0:
                fetched(length)
        if crc32c_of(part) == file.remote.crc32c:
            _placed(part, file)
            part.with_suffix(SLICES).unlink(missing_ok=True)
            return moved
        part.with_suffix(SLICES).unlink(missing_ok=True)  # which slice is bad cannot be told
        part.unlink(missing_ok=True)
    raise _corrupted(file.remote)


def _clear(folder: Path, wanted: Sequence[Incoming]) -> None:
    """Remove the unfinished files of objects that are not wanted, or no longer as they were."""
    kept = {_part(folder, file.remote).stem for file in wanted}
    for path in sorted(folder.iterdir()):
        if path.stem not in kept and path.suffix in (PART, SLICES):
            path.unlink(missing_ok=True)


def _slices(place: Place, file: RemoteFile, part: Path, at_once: int) -> Iterator[tuple[int, int]]:
    """The bytes of each slice that is there, and of these the ones fetched now."""
    known = _known_slices(part)
    _make_room(part, file.size)
    missing = []
    for start in range(0, file.size, WHOLE):
        length = min(WHOLE, file.size - start)
        if start in known and known[start] == (length, crc32c_of_bytes(read_range(part, start, length))):
            yield length, 0
        else:
            missing.append(start)
    for start, length, crc32c in side_by_side(lambda at: _slice(place, file, part, at), missing, at_once):
        with _told_writing(part), part.with_suffix(SLICES).open("a", encoding="ascii") as log:
            log.write(f"{start} {length} {crc32c}\n")
        yield length, length


def _slice(place: Place, file: RemoteFile, part: Path, start: int) -> tuple[int, int, str]:
    """Fetch one slice into its place: start, bytes, CRC-32C."""
    length = min(WHOLE, file.size - start)
    for _ in range(TRIES):
        received = _received(place, file, start, length)
        if len(received) == length:
            with _told_writing(part), part.open("r+b") as content:
                content.seek(start)
                content.write(received)
            return start, length, crc32c_of_bytes(received)
    raise FileRefused(f"comes with slices that are not of {length} bytes; run it again")


def _make_room(part: Path, size: int) -> None:
    """Let the unfinished file have its size, without writing what it holds already."""
    with _told_writing(part), part.open("r+b" if part.is_file() else "w+b") as content:
        content.truncate(size)


def _known_slices(part: Path) -> dict[int, tuple[int, str]]:
    """Bytes and CRC-32C of the slices that were written down, by start; none for what is no such list."""
    try:
        lines = part.with_suffix(SLICES).read_text(encoding="ascii").split("\n")[:-1]
        return {int(start): (int(length), crc32c) for start, length, crc32c in (line.split(" ") for line in lines)}
    except (OSError, ValueError):
        return {}


def _received(place: Place, file: RemoteFile, start: int, length: int) -> bytes:
    """Some bytes of the listed generation of an object. Raises Taken where it is gone."""
    span = {} if length == file.size else {"start": start, "end": start + length - 1}
    sink = _Sink()
    try:
        place.blob(file.name, file.generation).download_to_file(
            sink, raw_download=True, checksum=None, single_shot_download=True, retry=retry(), **span
        )
    except google("google.api_core.exceptions").NotFound as error:
        raise Taken from error
    return b"".join(sink.pieces)  # of one piece, without a copy


class _Sink:
    """What the client writes to: it keeps the pieces as they are."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Take a piece; its length."""
        self.pieces.append(piece)
        return len(piece)


def _placed(part: Path, file: Incoming) -> None:
    """Give a whole file its name, unless another file took it since the listing."""
    with _told_writing(file.target):
        try:
            file.target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise FileRefused("cannot be kept here: a file has the name of its folder; move that away") from error
        if file.target.is_dir():
            raise FileRefused("cannot be kept here: a folder has its name; move that away")
        if local_file(file.target) != file.local:
            raise FileRefused("was changed on this machine meanwhile; run it again to compare anew")
        os.replace(part, file.target)


def _part(folder: Path, file: RemoteFile) -> Path:
    digest = hashlib.sha256(file.name.encode()).hexdigest()[:32]
    return folder / f"{digest}-{file.generation}{PART}"


def _corrupted(file: RemoteFile) -> FileRefused:
    return FileRefused(f"came corrupted {TRIES} times: its CRC-32C is not {file.crc32c}; run it again")


@contextmanager
def _told_writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(path, error) from error
