"""Sending files to a bucket: small ones each in a request, large ones in parts that outlive an interruption."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ceruleanml.errors import StorageError
from ceruleanml.mirror_checksums import crc32c_of, crc32c_of_parts
from ceruleanml.mirror_listing import read_range
from ceruleanml.mirror_moving import LARGE, WHOLE, FileRefused, side_by_side
from ceruleanml.mirror_names import STATE_FOLDER
from ceruleanml.mirror_writing import CHANGED, Outgoing, described, put, stream, written
from ceruleanml.storage_bucket import Place, RemoteFile, google, retry

COMPOSED = 32
"""Objects that one request can put together."""
COMPOSING_S = 600.0
LONGEST_PART = 256 << 20
KEPT_PARTS_S = 7 * 86_400.0
"""Parts that no upload went on with for so long are deleted by the next one."""


def send_all(
    place: Place, files: Sequence[Outgoing], parts: Iterable[RemoteFile], at_once: int, failed: dict[str, str],
    sent: Callable[[int], None],
) -> int:  # fmt: skip
    """Send files, the large ones first and in parts; the bytes sent. Why a file was not sent goes into `failed`.

    `parts` are those that interrupted uploads left. `sent` is told the bytes that are there. Raises StorageError.
    """
    large = [file for file in files if file.file.size > LARGE]
    there = {part.name: part for part in parts}
    moved = 0
    for file in large:
        try:
            with _refusing(file):
                moved += _send_in_parts(place, file, there, at_once, sent)
        except FileRefused as refused:
            failed[file.name] = str(refused)

    def one(file: Outgoing) -> tuple[Outgoing, str]:
        try:
            with _refusing(file):
                _send(place, file)
        except FileRefused as refused:
            return file, str(refused)
        return file, ""

    for file, refusal in side_by_side(one, [file for file in files if file.file.size <= LARGE], at_once):
        if refusal:
            failed[file.name] = refusal
        else:
            moved += file.file.size
        sent(file.file.size)
    return moved


@contextmanager
def _refusing(file: Outgoing) -> Iterator[None]:
    """A file that cannot be read, as one that is gone by now, is refused in the block; it keeps no other one here."""
    try:
        yield
    except StorageError as error:
        raise FileRefused(str(error).removeprefix(f"{file.file.path}: ")) from error


def part_length(size: int) -> int:
    """The bytes of the parts of a large file: as few as one request can put together, but none too long to lose."""
    return min(max(WHOLE, -(-size // COMPOSED)), LONGEST_PART)


def remove_parts(place: Place, names: Iterable[str], at_once: int) -> None:
    """Delete parts that are no longer needed; where the bucket lets nobody delete, they stay."""
    api = google("google.api_core.exceptions")

    def one(name: str) -> None:
        with suppress(api.NotFound, api.Forbidden):
            place.blob(name).delete(retry=retry())

    for _ in side_by_side(one, names, at_once):
        pass


def forgotten(parts: Iterable[RemoteFile]) -> list[str]:
    """The names of the parts that no upload went on with for a week."""
    return [part.name for part in parts if part.created and part.created < time.time() - KEPT_PARTS_S]


def _send(place: Place, file: Outgoing) -> None:
    """Send a file of up to LARGE bytes as it is."""
    size, path = file.file.size, file.file.path
    if size > WHOLE:
        stream(place, file, file.name, 0, size, crc32c_of(path), file.generation)
        return
    content = read_range(path, 0, WHOLE + 1)
    if len(content) != size or not file.file.is_as_listed():
        raise FileRefused(CHANGED)
    put(place, file.name, content, file.generation, file.kind, file.cache_control)


def _send_in_parts(
    place: Place, file: Outgoing, there: Mapping[str, RemoteFile], at_once: int, sent: Callable[[int], None]
) -> int:
    """Send a large file as parts, side by side, and put them together under its name; the bytes sent.

    Parts that an interrupted upload left, `there` by name, are not sent again.
    """
    size = file.file.size
    length = part_length(size)
    crc32c, of_parts = crc32c_of_parts(file.file.path, length)
    digest = hashlib.sha256(f"{file.name} {size} {crc32c} {length}".encode()).hexdigest()[:32]
    names = [f"{STATE_FOLDER}/{digest}/{number:06d}" for number in range(len(of_parts))]

    def one(number: int) -> tuple[int, int]:
        start = number * length
        span, found = min(length, size - start), there.get(names[number])
        if found is not None and (found.size, found.crc32c) == (span, of_parts[number]):
            return span, 0
        stream(place, file, names[number], start, span, of_parts[number], found.generation if found else 0)
        return span, span

    moved = 0
    for span, new in side_by_side(one, range(len(names)), at_once):
        moved += new
        sent(span)
    if not file.file.is_as_listed():
        raise FileRefused(CHANGED)
    remove_parts(place, _composed(place, file, names, crc32c, at_once), at_once)
    return moved


def _composed(place: Place, file: Outgoing, names: Sequence[str], crc32c: str, at_once: int) -> list[str]:
    """Put the parts together under the file's name, in rounds of 32; the names of all parts that this took."""
    try:
        return _joined(place, file, names, crc32c, at_once)
    except google("google.api_core.exceptions").NotFound as error:
        raise FileRefused("is being sent by another mirror too, which was done with its parts; run it again") from error


def _joined(place: Place, file: Outgoing, names: Sequence[str], crc32c: str, at_once: int) -> list[str]:
    every = list(names)
    folder = names[0].rpartition("/")[0]

    def join(group: tuple[str, list[str]]) -> None:
        name, members = group
        place.blob(name).compose([place.blob(one) for one in members], timeout=COMPOSING_S, retry=retry())

    level = 0
    while len(names) > COMPOSED:
        level += 1
        groups = [list(names[start : start + COMPOSED]) for start in range(0, len(names), COMPOSED)]
        names = [f"{folder}/{level}-{number:06d}" for number in range(len(groups))]
        for _ in side_by_side(join, zip(names, groups, strict=True), at_once):
            pass
        every += names
    blob = described(place, file.name, file.kind, file.cache_control)

    def write() -> tuple[int, str]:
        sources = [place.blob(name) for name in names]
        blob.compose(sources, if_generation_match=file.generation, timeout=COMPOSING_S, retry=retry())
        return int(blob.generation or 0), blob.crc32c

    written(place, file.name, write, file.file.size, crc32c)
    return every
