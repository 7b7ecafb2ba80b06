"""Files: names that GDAL reads (local, gs://, s3://), and writing that is whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ceruleanml.errors import StorageError, WriteError

if TYPE_CHECKING:
    from rasterio.env import Env

REMOTE_PREFIXES = {"gs://": "/vsigs/", "s3://": "/vsis3/"}
GDAL_CACHE_MB = 64
"""Decoded blocks that GDAL keeps. Rows are read downwards, so more would only hold what is not asked for again."""


def is_remote(location: str) -> bool:
    """Whether a location lies in a bucket."""
    return location.startswith(tuple(REMOTE_PREFIXES))


def gdal_path(location: str) -> str:
    """The location as GDAL opens it: `gs://` and `s3://` become its virtual file systems, the rest stays."""
    for prefix, virtual in REMOTE_PREFIXES.items():
        if location.startswith(prefix):
            return virtual + location.removeprefix(prefix)
    return location


def gdal_environment(siblings: bool = True) -> Env:
    """The environment, for a `with`, in which every file is read through GDAL.

    It bounds GDAL's cache, tries a bucket again when it is busy and takes on the cost of reading buckets whose owner
    asks for that. Credentials and endpoints are GDAL's own (environment variables and the usual files of the cloud's
    tools): `AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `GS_USER_PROJECT` (who pays on `gs://`), ...
    Without `siblings` the files beside an opened one are not looked at, which saves listing its folder.
    """
    from rasterio.env import Env
    from rasterio.session import DummySession

    options = {} if siblings else {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    return Env(
        session=DummySession(),
        GDAL_CACHEMAX=GDAL_CACHE_MB,
        AWS_REQUEST_PAYER="requester",
        GDAL_HTTP_MAX_RETRY=3,
        GDAL_HTTP_CONNECTTIMEOUT=30,
        **options,
    )


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its place when the block ends well, and is removed otherwise.

    Raises StorageError for a full disk, a missing folder or a lack of permission.
    """
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        os.close(handle)
    except OSError as error:
        raise storage_error(target, error) from error
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes | memoryview) -> None:
    """Write a file, whole or not at all."""
    with writing(target) as temporary:
        temporary.write_bytes(content)


def write_json(target: Path, value: Any, indent: int | None = 1) -> None:
    """Write JSON in a fixed order of keys, whole or not at all; without `indent` in one line."""
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(target, (text + "\n").encode(errors="backslashreplace"))  # half a surrogate pair, from another's file


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises StorageError when it cannot be read or is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, numbers or nesting beyond all bounds
        raise StorageError(f"{path}: is not JSON: {error}") from error


def check_local(path: Path) -> None:
    """Raise WriteError for a place in a bucket."""
    if path.parts[:1] in (("gs:",), ("s3:",)):
        raise WriteError(
            f"{path}: lies in a bucket, where this command writes nothing; choose a folder here, and mirror it"
        )


def make_folder(path: Path) -> Path:
    """The folder, made with its parents when missing. Raises WriteError, also for a bucket."""
    check_local(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error
    return path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(path, error, "read") from error


def storage_error(path: Path | str, error: OSError, verb: str = "written") -> StorageError:
    """The one-line error for what the operating system refused: a WriteError unless another verb than written."""
    kind = WriteError if verb == "written" else StorageError
    return kind(f"{path}: cannot be {verb}: {error.strerror or error}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
