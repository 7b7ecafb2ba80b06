"""A place in a bucket of Google Cloud Storage: what lies there, and what the bucket's refusals mean in one line."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ceruleanml.errors import StorageError, UsageError, WriteError

GCS_PREFIX = "gs://"
PATIENCE_S = 120.0
"""A request that a busy or absent server does not answer is tried again for so long."""
FIELDS = "items(name,size,crc32c,generation,contentType,cacheControl,timeCreated),nextPageToken"
LOG_IN = "log in with `gcloud auth application-default login`"
QUIET_CLIENT = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
"""Set, the client does not ask beside for the bucket's own record, which few may read and nothing here needs."""


@dataclass(frozen=True)
class RemoteFile:
    """An object as it was listed: name below the place, bytes, CRC-32C in base64, generation, type and cache rule."""

    name: str
    size: int
    crc32c: str
    generation: int
    content_type: str
    cache_control: str
    created: float
    """Seconds since 1970; 0 where the bucket does not say."""


@dataclass(frozen=True)
class Place:
    """A prefix of a bucket, open: `prefix` ends in "/", or is empty for the bucket as a whole."""

    location: str
    bucket: Any
    prefix: str

    def blob(self, name: str, generation: int | None = None) -> Any:
        """The client's handle on an object, of one generation of it when given."""
        return self.bucket.blob(self.prefix + name, generation=generation)

    def listed(self, below: str = "") -> list[RemoteFile]:
        """All objects whose name begins with `below`, by name."""
        found = self.bucket.list_blobs(prefix=self.prefix + below, fields=FIELDS, retry=retry())
        return [self._as_file(blob) for blob in found]

    def found(self, name: str) -> RemoteFile | None:
        """An object as it is now; None where there is none."""
        blob = self.bucket.get_blob(self.prefix + name, retry=retry())
        return None if blob is None else self._as_file(blob)

    def _as_file(self, blob: Any) -> RemoteFile:
        return RemoteFile(
            blob.name.removeprefix(self.prefix), int(blob.size or 0), blob.crc32c or "", int(blob.generation or 0),
            blob.content_type or "", blob.cache_control or "",
            blob.time_created.timestamp() if blob.time_created else 0.0,
        )  # fmt: skip


def split_location(location: str) -> tuple[str, str]:
    """The bucket's name, and the prefix of object names with its "/" at the end ("" for none). Raises UsageError."""
    bucket, _, prefix = location.removeprefix(GCS_PREFIX).partition("/")
    parts = prefix.rstrip("/").split("/") if prefix.strip("/") else []
    if not location.startswith(GCS_PREFIX) or not bucket or any(part in ("", ".", "..") for part in parts):
        raise UsageError(f"{location}: is no place in a bucket; write gs://BUCKET/PREFIX")
    return bucket, "".join(f"{part}/" for part in parts)


@contextmanager
def open_place(location: str, verb: str = "written") -> Iterator[Place]:
    """The place that gs://BUCKET[/PREFIX] names, for a `with`; what the bucket refuses in it is told in one line.

    `verb` says what the place is to be: written (errors are WriteErrors) or read. Raises UsageError for what is no
    place, StorageError without credentials, permission, bucket or answer.
    """
    name, prefix = split_location(location)
    with told(location, verb), closing(_client()) as client:
        yield Place(location, client.bucket(name, user_project=os.environ.get("GS_USER_PROJECT")), prefix)


@contextmanager
def told(location: str, verb: str = "written") -> Iterator[None]:
    """What the client raises in the block, as one line that names the location. Raises StorageError, WriteError."""
    from requests import RequestException

    kind = WriteError if verb == "written" else StorageError
    api, auth = google("google.api_core.exceptions"), google("google.auth.exceptions")
    storage = google("google.cloud.storage.exceptions")
    try:
        yield
    except auth.RefreshError as error:
        raise kind(f"{location}: Google Cloud does not accept the credentials; {LOG_IN} ({_short(error)})") from error
    except auth.DefaultCredentialsError as error:
        raise kind(f"{location}: no credentials for Google Cloud; {LOG_IN} ({_short(error)})") from error
    except (auth.GoogleAuthError, api.GoogleAPIError, storage.InvalidResponse, RequestException) as error:
        raise kind(f"{location}: {_meaning(error, location, verb)}") from error


def retry() -> Any:
    """How often and how long a request is tried again."""
    return google("google.cloud.storage.retry").DEFAULT_RETRY.with_timeout(PATIENCE_S)


def google(name: str) -> Any:
    """One of Google's modules, without the remark that a part of gRPC is missing, which nothing here uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        return import_module(name)


def _client() -> Any:
    """The client of the user's own credentials; of none where STORAGE_EMULATOR_HOST names a stand-in."""
    os.environ.setdefault(QUIET_CLIENT, "true")
    return google("google.cloud.storage").Client(project=None)


def _meaning(error: Exception, location: str, verb: str) -> str:
    """What is wrong and the mend, from the status of the answer; the answer itself in brackets."""
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    bucket = split_location(location)[0]
    role = "roles/storage.objectUser" if verb == "written" else "roles/storage.objectViewer"
    meanings = {
        401: f"the credentials are not accepted; {LOG_IN}",
        403: f"you have no permission there; ask for {role} on the bucket {bucket}",
        404: f"there is no bucket {bucket}, or it is hidden from you; check the name",
    }
    if status == 404 and "/o/" in str(getattr(getattr(error, "response", None), "url", "")):
        return f"an object there is gone meanwhile; run it again ({_short(error)})"
    if status in meanings:
        return f"{meanings[status]} ({_short(error)})"
    return f"cannot be {verb}, run it again later: {_short(error)}"


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
