"""Sending files to a bucket of Google Cloud Storage: only what differs there, side by side, and nothing deleted."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ceruleanml.errors import UsageError, WriteError
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import storage_error

GCS_PREFIX = "gs://"
AT_ONCE = 8
PATIENCE_S = 120.0
"""A request that a busy or absent server does not answer is tried again for so long."""
CHUNK = 1 << 20


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
    rule. What else lies there stays. An upload that was cut short goes on when it is called again. Raises UsageError
    for a target that is none, WriteError where the bucket refuses or does not answer.
    """
    bucket_name, prefix = split_target(target)
    progress = progress or Silent()
    with _told(target), closing(_client()) as client:
        bucket = client.bucket(bucket_name)
        there = {blob.name: blob for blob in client.list_blobs(bucket, prefix=prefix, retry=_retry())}
        waiting = [[file for file in batch if _differs(file, there.get(prefix + file.name))] for batch in batches]
        total = sum(map(len, batches))
        progress.start("Uploading", total)
        progress.advance(total - sum(map(len, waiting)))
        try:
            for batch in waiting:
                _send(batch, bucket, prefix, _retry(), at_once, progress)
        finally:
            progress.finish()
    sent = [file for batch in waiting for file in batch]
    return UploadReport(len(sent), sum(file.path.stat().st_size for file in sent), total - len(sent))


def split_target(target: str) -> tuple[str, str]:
    """The bucket's name, and the prefix of object names with its "/" at the end ("" for none). Raises UsageError."""
    bucket, _, prefix = target.removeprefix(GCS_PREFIX).partition("/")
    parts = prefix.rstrip("/").split("/") if prefix.strip("/") else []
    if not target.startswith(GCS_PREFIX) or not bucket or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"{target}: is no place in a bucket; write gs://BUCKET/PREFIX")
    return bucket, "".join(f"{part}/" for part in parts)


def crc32c_of(path: Path) -> str:
    """The CRC-32C of a file as Google Cloud Storage writes it: base64 of its four bytes, the highest first."""
    checksum = _module("google_crc32c").Checksum()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                checksum.update(chunk)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return base64.b64encode(checksum.digest()).decode()


def _client() -> Any:
    """The client of the user's own credentials; of none where STORAGE_EMULATOR_HOST names a stand-in."""
    return _module("google.cloud.storage").Client()


def _retry() -> Any:
    return _module("google.cloud.storage.retry").DEFAULT_RETRY.with_timeout(PATIENCE_S)


def _module(name: str) -> Any:
    """One of Google's modules, without the remark that a part of gRPC is missing, which nothing here uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        return import_module(name)


def _differs(file: OutgoingFile, blob: Any) -> bool:
    if blob is None or blob.size != file.path.stat().st_size or blob.crc32c != crc32c_of(file.path):
        return True
    return bool(blob.content_type != file.content_type or (blob.cache_control or "") != file.cache_control)


def _send(
    files: Sequence[OutgoingFile], bucket: Any, prefix: str, retry: Any, at_once: int, progress: Progress
) -> None:
    def one(file: OutgoingFile) -> None:
        blob = bucket.blob(prefix + file.name)
        blob.cache_control = file.cache_control
        blob.upload_from_filename(str(file.path), content_type=file.content_type, checksum="crc32c", retry=retry)

    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(one, file) for file in files]
        try:
            for future in as_completed(futures):
                future.result()
                progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def _told(target: str) -> Iterator[None]:
    """What the client raises, as one line that names the target."""
    from requests import RequestException

    api, auth = _module("google.api_core.exceptions"), _module("google.auth.exceptions")
    storage = _module("google.cloud.storage.exceptions")
    try:
        yield
    except auth.GoogleAuthError as error:
        raise WriteError(
            f"{target}: no credentials for Google Cloud; log in with `gcloud auth application-default login` "
            f"({_short(error)})"
        ) from error
    except (api.GoogleAPIError, storage.InvalidResponse, RequestException) as error:
        raise WriteError(f"{target}: cannot be written: {_short(error)}") from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
