"""Writing one object: whole or not at all, and never over what another writer put there meanwhile."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ceruleanml.mirror_checksums import crc32c_of_bytes
from ceruleanml.mirror_listing import LocalFile
from ceruleanml.mirror_moving import FileRefused, Taken
from ceruleanml.storage import storage_error
from ceruleanml.storage_bucket import Place, google, retry

PATIENCE_S = 120.0
"""Seconds without a byte after which a connection is given up, and opened anew."""
CHANGED = "was changed while it was sent; run it again"


@dataclass(frozen=True)
class Outgoing:
    """A file to send: as listed, the object's name, the generation there now (0: none), and what the object says."""

    file: LocalFile
    name: str
    generation: int
    content_type: str = ""
    cache_control: str = ""

    @property
    def kind(self) -> str:
        """The content type, by the name's ending where none is given."""
        return self.content_type or mimetypes.guess_type(self.name)[0] or "application/octet-stream"


def put(
    place: Place, name: str, content: bytes, generation: int, kind: str = "application/octet-stream", cache: str = ""
) -> int:
    """Write an object of some bytes where it has that generation now (0: where there is none); its generation then.

    The same content by another writer is as good. Raises Taken for other content, FileRefused where what arrived is
    not what was sent.
    """
    blob = described(place, name, kind, cache)

    def write() -> tuple[int, str]:
        blob.upload_from_string(
            content, content_type=kind, if_generation_match=generation, checksum="crc32c", retry=retry()
        )
        return int(blob.generation or 0), blob.crc32c

    return written(place, name, write, len(content), crc32c_of_bytes(content))


def stream(place: Place, file: Outgoing, name: str, start: int, length: int, crc32c: str, generation: int) -> None:
    """Write an object of a file's bytes from `start` on, without holding them in memory; else as `put`."""
    blob = described(place, name, file.kind, file.cache_control)
    blob.crc32c = crc32c  # other content is then refused

    def write() -> tuple[int, str]:
        address = blob.create_resumable_upload_session(
            content_type=file.kind, size=length, checksum=None, if_generation_match=generation, retry=None
        )
        try:
            answer = _sent(address, file.file.path, start, length)
        except google("google.api_core.exceptions").BadRequest as error:
            if file.file.is_as_listed():
                raise
            raise FileRefused(CHANGED) from error
        return int(answer["generation"]), answer["crc32c"]

    written(place, name, lambda: retry()(write)(), length, crc32c)


def delete_object(place: Place, name: str, generation: int) -> None:
    """Delete an object that is of this generation, or gone already. Raises Taken for one that was written since."""
    api = google("google.api_core.exceptions")
    try:
        with suppress(api.NotFound):
            place.blob(name).delete(if_generation_match=generation, retry=retry())
    except api.PreconditionFailed as error:
        raise Taken from error


def written(place: Place, name: str, write: Callable[[], tuple[int, str]], size: int, crc32c: str) -> int:
    """The generation of what `write` wrote, or of the same content that another writer did.

    `write` gives generation and CRC-32C of what arrived.
    """
    try:
        generation, arrived = write()
    except google("google.api_core.exceptions").PreconditionFailed as error:  # or our own, whose answer was lost
        there = place.found(name)
        if there is None or (there.size, there.crc32c) != (size, crc32c):
            raise Taken from error
        return there.generation
    if arrived != crc32c:
        raise FileRefused(f"arrived in the bucket with CRC-32C {arrived}, not {crc32c}; run it again")
    return generation


def _sent(address: str, path: Path, start: int, length: int) -> Any:
    """What the server says of an object whose bytes were sent to the address of an upload."""
    requests = google("requests")
    try:
        with path.open("rb") as file:
            file.seek(start)
            answer = requests.put(address, data=_Span(file, length), timeout=PATIENCE_S)
    except requests.RequestException:  # an OSError too
        raise
    except OSError as error:
        raise storage_error(path, error, "read") from error
    if not answer.ok:
        raise google("google.api_core.exceptions").from_http_response(answer)
    return answer.json()


class _Span:
    """So many bytes of an open file, as a request reads them."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file, self._left = file, length

    def __len__(self) -> int:
        return self._left

    def read(self, most: int = -1) -> bytes:
        """The next bytes. Raises FileRefused where the file has become shorter."""
        content = self._file.read(self._left if most < 0 else min(most, self._left))
        if self._left and not content and most:
            raise FileRefused(CHANGED)
        self._left -= len(content)
        return content


def described(place: Place, name: str, kind: str, cache_control: str) -> Any:
    """The client's handle on an object that is to be written, with its type and cache rule."""
    blob = place.blob(name)
    blob.content_type = kind
    if cache_control:
        blob.cache_control = cache_control
    return blob
