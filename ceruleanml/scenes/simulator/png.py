"""PNG written row strip by row strip, so that no whole image need stand in memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLOUR_TYPES = {1: 0, 4: 6}
"""PNG's number for gray and for RGBA images, by channels."""


def write_png(
    path: Path, height_width: tuple[int, int], channels: int, strips: Iterable[NDArray[np.uint8]], level: int = 1
) -> None:
    """Write an 8-bit PNG from strips of rows, each (rows, columns) or (rows, columns, channels).

    `channels` is 1 (gray) or 4 (RGBA). Raises OSError where the file cannot be written.
    """
    height, width = height_width
    squeeze = zlib.compressobj(level)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)))
        for strip in strips:
            lines = np.zeros((len(strip), 1 + width * channels), dtype=np.uint8)  # each row's first byte: no filter
            lines[:, 1:] = strip.reshape(len(strip), width * channels)
            squeezed = squeeze.compress(lines.tobytes())
            if squeezed:
                file.write(_chunk(b"IDAT", squeezed))
        file.write(_chunk(b"IDAT", squeeze.flush()))
        file.write(_chunk(b"IEND", b""))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
