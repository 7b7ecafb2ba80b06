"""ZIP files of labels, as the page exports those of several scenes: one GeoJSON file a scene."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

from ceruleanml.errors import LabelError
from ceruleanml.labels.documents import MAX_BYTES, parse_document

MAX_ALL_BYTES = 8 * MAX_BYTES


def documents_in(file: Path) -> list[tuple[str, Any]]:
    """Where each GeoJSON file of a ZIP lies, `FILE/NAME`, and what it holds, in order of their names.

    Raises LabelError for what is no ZIP, holds no GeoJSON, or holds more than label files do; nothing is unpacked.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            found = sorted(
                (one for one in archive.infolist() if one.filename.lower().endswith(".geojson")),
                key=lambda one: one.filename,
            )
            size = sum(one.file_size for one in found)
            if size > MAX_ALL_BYTES:
                raise LabelError(f"{file}: holds {size / 1e6:,.0f} MB of labels; unpack it and name its files")
            if not found:
                raise LabelError(f"{file}: holds no GeoJSON; unpack it and name the folders of layers")
            return [(f"{file}/{one.filename}", _document(archive, one, f"{file}/{one.filename}")) for one in found]
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise LabelError(f"{file}: cannot be read as a ZIP file: {error}") from error


def _document(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Any:
    with archive.open(member) as content:
        return parse_document(content.read(MAX_BYTES + 1), name)
