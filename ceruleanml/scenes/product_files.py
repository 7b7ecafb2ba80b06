"""The files of a Sentinel-1 product: a folder or a zip, here or in a bucket, and which of them belong together.

Two layouts are read: the agency's, whose names begin with the mission (`s1a-iw-grd-vv-….tiff`), and that of the
Sentinel-1 bucket on S3, whose names do not (`iw-vv.tiff`).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from zipfile import BadZipFile, ZipFile

from ceruleanml.errors import CeruleanError, SceneError, StorageError
from ceruleanml.scenes.product_xml import parse_xml
from ceruleanml.storage import gdal_environment, gdal_path, is_remote
from ceruleanml.vsi import MAX_BYTES, VirtualFile, list_folder, read_file

POLARISATIONS = ("vv", "vh", "hh", "hv")
KINDS = {
    "measurement": re.compile(r"measurement/[^/]+\.tiff?"),
    "annotation": re.compile(r"annotation/[^/]+\.xml"),
    "calibration": re.compile(r"annotation/calibration/calibration-[^/]+\.xml"),
    "noise": re.compile(r"annotation/calibration/noise-[^/]+\.xml"),
}
FOLDERS = ("measurement", "annotation", "annotation/calibration")
POLARISATION = re.compile(r"[/-](vv|vh|hh|hv)(?=[-.])")


@dataclass(frozen=True)
class ProductFiles:
    """The files of one product: `names` relative to its folder, sorted.

    `location` is the product as the user named it; `inside` is the folder of the product in a zip, else None.
    """

    location: str
    names: tuple[str, ...]
    inside: str | None = None

    def gdal_path(self, name: str) -> str:
        """What GDAL opens to read the file."""
        if self.inside is None:
            return f"{gdal_path(self.location).rstrip('/')}/{name}"
        return f"/vsizip/{{{gdal_path(self.location)}}}/{self.inside}/{name}"

    def label(self, name: str) -> str:
        """What an error calls the file."""
        return f"{self.location.rstrip('/')}/{name}"

    def inputs(self, *names: str | None) -> tuple[str, ...]:
        """The locations that hold these files: the files themselves, or the zip they lie in."""
        return (self.location,) if self.inside else tuple(self.label(name) for name in names if name)

    def read(self, name: str) -> bytes:
        """The bytes of one of the smaller files. Raises SceneError."""
        if self.inside is None:
            return _read(self.label(name))
        with _zip(self.location) as archive, archive.open(f"{self.inside}/{name}") as member:
            content = member.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SceneError(f"{self.label(name)}: holds more than {MAX_BYTES} bytes, which no annotation does")
        return content

    def of_kind(self, kind: str) -> dict[str, list[str]]:
        """The files of a kind (a key of KINDS) by polarisation."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            polarisation = POLARISATION.search(name)
            if KINDS[kind].fullmatch(name) and polarisation:
                found.setdefault(polarisation[1], []).append(name)
        return found

    def only(self, kind: str, polarisation: str) -> str:
        """The one file of a kind and polarisation. Raises SceneError that names the polarisations there are."""
        found = self.of_kind(kind)
        names = found.get(polarisation, [])
        if len(names) == 1:
            return names[0]
        if names:
            raise SceneError(f"{self.location}: holds {len(names)} {polarisation.upper()} {kind} files; one is right")
        if found:
            there = ", ".join(sorted(found))
            raise SceneError(
                f"{self.location}: holds no {polarisation.upper()} {kind}; choose --polarisation from: {there}"
            )
        raise SceneError(f"{self.location}: holds no {kind} file; fetch the whole product again")


def find_files(location: str) -> ProductFiles:
    """The files of the product at a location: a folder or zip, local, gs:// or s3://. Raises SceneError."""
    if not is_remote(location) and not Path(location).exists():
        raise SceneError(f"{location}: no such file or folder")
    if location.endswith(".zip"):
        return _in_zip(location)
    base = location.rstrip("/")
    names = [f"{folder}/{name}" for folder in FOLDERS for name in list_folder(f"{base}/{folder}")]
    if not any(pattern.fullmatch(name) for pattern in KINDS.values() for name in names):
        names = _in_manifest(base)
    return ProductFiles(location, tuple(sorted(names)))


def _in_manifest(base: str) -> list[str]:
    """The names that the manifest lists, for folders that cannot be listed."""
    name = f"{base}/manifest.safe"
    try:
        content = _read(name)
    except SceneError as error:
        reason = str(error).removeprefix(f"{name}: ")
        raise SceneError(
            f"{base}: is no Sentinel-1 product: it holds no annotation, and its manifest.safe {reason}"
        ) from error
    hrefs = (element.get("href", "") for element in parse_xml(content, name).iter("fileLocation"))
    names = [href.removeprefix("./") for href in hrefs if href]
    for listed in names:
        _check_stays(listed, name)
    return names


def _in_zip(location: str) -> ProductFiles:
    with _zip(location) as archive:
        members = archive.infolist()
    names = [member.filename for member in members if not member.is_dir()]
    for member in members:
        _check_stays(member.orig_filename, location)
    roots = sorted(
        {top for top, slash, _ in (name.partition("/") for name in names) if slash and top.endswith(".SAFE")}
    )
    if len(roots) != 1:
        raise SceneError(f"{location}: holds {len(roots)} .SAFE folders; a product's zip holds exactly one")
    inside = [name.removeprefix(f"{roots[0]}/") for name in names if name.startswith(f"{roots[0]}/")]
    if len(set(inside)) < len(inside):
        raise SceneError(f"{location}: holds a member twice; fetch the product again")
    return ProductFiles(location, tuple(sorted(inside)), roots[0])


def _check_stays(name: str, holder: str) -> None:
    parts = name.split("/")
    if not parts[0] or ".." in parts or ":" in parts[0] or "\\" in name or "\0" in name:
        raise SceneError(f"{holder}: its member {name!r} leaves the product's folder; do not use this file")


@contextmanager
def _zip(location: str) -> Iterator[ZipFile]:
    """The open zip. What is wrong with it, or with a member read within the block, becomes a SceneError."""
    try:
        with gdal_environment(siblings=False), VirtualFile(location) as file, ZipFile(cast(IO[bytes], file)) as archive:
            yield archive
    except StorageError as error:
        raise SceneError(str(error)) from error
    except CeruleanError:
        raise
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise SceneError(f"{location}: is no whole zip file ({error}); fetch it again") from error


def _read(location: str) -> bytes:
    try:
        return read_file(location)
    except StorageError as error:
        raise SceneError(str(error)) from error
