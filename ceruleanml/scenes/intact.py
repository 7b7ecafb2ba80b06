"""Whether an image file is whole: GDAL fills what is missing from a cut PNG or JPEG without a word."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from ceruleanml.errors import SceneError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"


def check_intact(path: Path) -> None:
    """Raise SceneError where a PNG's chunks are not all there and sound, or a JPEG lacks its end. Others pass."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            if start == PNG_SIGNATURE:
                whole = _png_is_whole(file)
            elif start[:2] == JPEG_START:
                file.seek(-min(64, path.stat().st_size), os.SEEK_END)
                whole = file.read().rstrip(b"\0\r\n").endswith(JPEG_END)
            else:
                return
    except OSError as error:
        raise SceneError(f"{path}: cannot be read as an image: {error.strerror}") from error
    if not whole:
        raise SceneError(f"{path}: is truncated or damaged; fetch or export it again")


def _png_is_whole(file: BinaryIO) -> bool:
    """Walk the chunks after the signature: length, kind, data, CRC-32 of kind and data (PNG specification, 5.3)."""
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        data, crc = file.read(length), file.read(4)
        if len(data) < length or len(crc) < 4 or struct.unpack(">I", crc)[0] != zlib.crc32(data, zlib.crc32(kind)):
            return False
        if kind == b"IEND":
            return True
    return False
