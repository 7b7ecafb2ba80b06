"""Publishing files in a bucket, each with its type and cache rule: only what differs there, and nothing deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ceruleanml.errors import StorageError, WriteError
from ceruleanml.mirror_checksums import crc32c_of
from ceruleanml.mirror_listing import local_file
from ceruleanml.mirror_moving import AT_ONCE
from ceruleanml.mirror_names import is_own
from ceruleanml.mirror_upload import send_all
from ceruleanml.mirror_writing import Outgoing
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage_bucket import RemoteFile, open_place


@dataclass(frozen=True)
class OutgoingFile:
    """A local file, the name that it is to have below the target, and what the bucket is to say of it."""

    path: Path
    name: str
    content_type: str
    cache_control: str


@dataclass(frozen=True)
class UploadReport:
    """What an upload did: files sent and their bytes, and files that were there already."""

    sent: int
    sent_bytes: int
    unchanged: int


def upload(
    batches: Sequence[Sequence[OutgoingFile]], target: str, progress: Progress | None = None, at_once: int = AT_ONCE
) -> UploadReport:
    """Bring files to `target` (gs://BUCKET[/PREFIX]); a batch begins when the one before it is there as a whole.

    A file is sent where the bucket has none of that name, or one of another size, content (CRC-32C), type or cache
    rule. What else lies there stays. An upload that was cut short goes on when it is called again. Progress is in
    bytes. Raises UsageError for a target that is none, StorageError for a file that cannot be read, WriteError where
    the bucket refuses or does not answer, or another writer is at work there.
    """
    progress = progress or Silent()
    with open_place(target) as place:
        listed = place.listed()
        there = {file.name: file for file in listed}
        waiting = [[_outgoing(file, there) for file in batch if _differs(file, there)] for batch in batches]
        sizes = [sum(file.file.size for file in batch) for batch in waiting]
        progress.start("Uploading", sum(sizes))
        try:
            parts = [file for file in listed if is_own(file.name)]
            sent = 0
            for batch in waiting:
                failed: dict[str, str] = {}
                sent += send_all(place, batch, parts, at_once, failed, progress.advance)
                for name, why in failed.items():
                    raise WriteError(f"{target}: {name} {why}")
        finally:
            progress.finish()
    count = sum(map(len, waiting))
    return UploadReport(count, sent, sum(map(len, batches)) - count)


def _outgoing(file: OutgoingFile, there: dict[str, RemoteFile]) -> Outgoing:
    local = local_file(file.path)
    if local is None:
        raise StorageError(f"{file.path}: cannot be read; it is gone, or no ordinary file")
    remote = there.get(file.name)
    return Outgoing(local, file.name, remote.generation if remote else 0, file.content_type, file.cache_control)


def _differs(file: OutgoingFile, there: dict[str, RemoteFile]) -> bool:
    remote, local = there.get(file.name), local_file(file.path)
    if remote is None or local is None or remote.size != local.size or remote.crc32c != crc32c_of(file.path):
        return True
    return (remote.content_type, remote.cache_control) != (file.content_type, file.cache_control)
