"""JSON of unknown origin: refused before it costs time or memory, and never more than text, numbers and lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from ceruleanml.errors import LabelError
from ceruleanml.storage import storage_error

MAX_BYTES = 64 << 20
"""A scene with 200 slicks drawn along pixel edges takes a few MB."""
MAX_OPENINGS = 3_000_000
"""Brackets and braces: an empty list takes 3 bytes of text and 64 of memory."""


def read_document(path: Path) -> Any:
    """The content of a JSON file. Raises LabelError for one that is too large or is not JSON, StorageError."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise LabelError(f"{path}: has {size / 1e6:,.1f} MB, label files at most {MAX_BYTES / 1e6:.0f}; split it")
        content = path.read_bytes()
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return parse_document(content, str(path))


def parse_document(content: bytes, source: str) -> Any:
    """The JSON in some bytes; `source` begins every error. Raises LabelError."""
    if len(content) > MAX_BYTES:
        raise LabelError(f"{source}: has {len(content) / 1e6:,.1f} MB, labels at most {MAX_BYTES / 1e6:.0f}; split it")
    if content.count(b"[") + content.count(b"{") > MAX_OPENINGS:
        raise LabelError(f"{source}: holds more than {MAX_OPENINGS:,} lists and objects; no labels need as many")
    try:
        return json.loads(content.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, numbers or nesting beyond all bounds
        raise LabelError(f"{source}: is not JSON: {error}") from error


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
