"""Bytes and names as GDAL sees them: in local folders, in buckets, in zips inside buckets.

rasterio opens rasters only. For the small files beside them its own copy of GDAL is asked through its C interface, so
that credentials, endpoints and who pays are the same for all files of a product (see `gdal_environment`).
"""

from __future__ import annotations

import ctypes
import io
import os
from contextlib import closing
from fnmatch import fnmatchcase
from functools import cache
from glob import has_magic
from typing import Any

from ceruleanml.errors import StorageError
from ceruleanml.storage import gdal_environment, gdal_path

MAX_BYTES = 64 << 20
"""More than any annotation holds; a larger file is refused instead of filling the memory."""


class VirtualFile(io.RawIOBase):
    """A file to read and seek in. Use it within `gdal_environment`. Raises StorageError where it cannot be opened."""

    def __init__(self, location: str) -> None:
        gdal = _gdal()
        gdal.VSIErrorReset()
        self._handle = gdal.VSIFOpenExL(os.fsencode(gdal_path(location)), b"rb", 1)
        if not self._handle:
            reason = gdal.VSIGetLastErrorMsg().decode(errors="replace").splitlines() or ["no such file"]
            raise StorageError(f"{location}: cannot be read: {reason[0]}")

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """How many bytes were put into the buffer: 0 at the end of the file."""
        view = memoryview(buffer).cast("B")
        target = (ctypes.c_char * len(view)).from_buffer(view)
        return int(_gdal().VSIFReadL(target, 1, len(view), self._handle))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """The new position, in bytes from the start."""
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            _gdal().VSIFSeekL(self._handle, 0, io.SEEK_END)
            offset += self.tell()
        if offset < 0:
            raise OSError("position before the start of the file")
        _gdal().VSIFSeekL(self._handle, offset, io.SEEK_SET)
        return offset

    def tell(self) -> int:
        """The position, in bytes from the start."""
        return int(_gdal().VSIFTellL(self._handle))

    def close(self) -> None:
        """Close the file."""
        if not self.closed and getattr(self, "_handle", None):
            _gdal().VSIFCloseL(self._handle)
        super().close()


def read_file(location: str) -> bytes:
    """All bytes of a file (local path, gs://, s3:// or a path of GDAL). Raises StorageError."""
    with gdal_environment(siblings=False), closing(VirtualFile(location)) as file:
        size = file.seek(0, io.SEEK_END)
        if size > MAX_BYTES:
            raise StorageError(f"{location}: holds {size} bytes, more than the {MAX_BYTES} that are read at once")
        file.seek(0)
        content = io.BufferedReader(file).read()
    if len(content) != size:
        raise StorageError(f"{location}: broke off after {len(content)} of {size} bytes; try again")
    return content


def list_folder(location: str) -> list[str]:
    """The names in a folder, sorted; none where there is no such folder or it may not be listed."""
    gdal = _gdal()
    with gdal_environment():
        found = gdal.VSIReadDir(os.fsencode(gdal_path(location)))
    names = []
    for name in found or ():
        if name is None:
            break
        names.append(os.fsdecode(name).rstrip("/"))
    gdal.CSLDestroy(found)
    return sorted(name for name in names if name not in ("", ".", ".."))


def matching(pattern: str) -> list[str]:
    """The locations in a bucket (gs://, s3://) that a pattern with *, ? or [] names, sorted.

    As in a shell, none of the three stands for a slash, nor for a dot at the beginning; a name with such a character in
    it is matched by itself, too. None where nothing matches, or where a folder may not be listed.
    """
    scheme, _, rest = pattern.partition("://")
    bucket, *parts = rest.rstrip("/").split("/")
    found = [f"{scheme}://{bucket}"]
    for part in parts:
        if has_magic(part):
            found = [f"{folder}/{name}" for folder in found for name in list_folder(folder) if _matches(name, part)]
        else:
            found = [f"{folder}/{part}" for folder in found]
    return sorted(found)


def _matches(name: str, part: str) -> bool:
    return name == part or (fnmatchcase(name, part) and (name[0] != "." or part[0] == "."))


@cache
def _gdal() -> ctypes.CDLL:
    """The GDAL that rasterio is linked to, its functions for virtual files declared."""
    import rasterio._env

    gdal = ctypes.CDLL(rasterio._env.__file__)
    handle, size, names = ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_char_p)
    for name, result, arguments in (
        ("VSIErrorReset", None, ()),
        ("VSIGetLastErrorMsg", ctypes.c_char_p, ()),
        ("VSIFOpenExL", handle, (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)),
        ("VSIFReadL", size, (handle, size, size, handle)),
        ("VSIFSeekL", ctypes.c_int, (handle, ctypes.c_uint64, ctypes.c_int)),
        ("VSIFTellL", ctypes.c_uint64, (handle,)),
        ("VSIFCloseL", ctypes.c_int, (handle,)),
        ("VSIReadDir", names, (ctypes.c_char_p,)),
        ("CSLDestroy", None, (names,)),
    ):
        function = getattr(gdal, name)
        function.restype, function.argtypes = result, arguments
    return gdal
