"""COCO's run lengths of unknown origin, decoded without trust: checked against the size, cut to where the mask is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import LabelError
from ceruleanml.labels.instances import Mask

MOST_PIXELS = 1 << 34
"""Of an image; scenes of the largest products have 2^29."""
MOST_BOX = 1 << 30
"""Pixels of the box around one mask, a byte each."""
MOST_DIGITS = 12
"""Letters of one number: 5 bits each, so that no sum of them overflows."""


def decode(segmentation: Any, height_width: tuple[int, int], where: str) -> tuple[int, int, Mask] | None:
    """First row, first column and mask of COCO run lengths, {"size", "counts"}; None where no pixel is set.

    `counts` is a list (uncompressed) or text (compressed); runs go down the columns, the first one unset. Raises
    LabelError, which `where` begins, where they are broken or not of an image of that (height, width).
    """
    height, width = height_width
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if size != [height, width]:
        raise LabelError(f"{where}: its mask has the size {size!r:.40}, its image {[height, width]}; export both anew")
    if height * width > MOST_PIXELS or min(height, width) < 1:
        raise LabelError(f"{where}: an image of {height} x {width} pixels cannot be; export it anew")
    counts = run_lengths(segmentation.get("counts"), where)
    if ((counts < 0) | (counts > height * width)).any() or int(counts.sum()) != height * width:
        raise LabelError(f"{where}: its run lengths do not fill {height} x {width} pixels; the mask is broken")
    return _mask(counts, height, where)


def run_lengths(counts: Any, where: str) -> NDArray[np.int64]:
    """The run lengths, int64, in a list or in COCO's compressed text. Raises LabelError for what is neither."""
    if isinstance(counts, list) and all(type(count) is int and 0 <= count <= MOST_PIXELS for count in counts):
        return np.array(counts, dtype=np.int64)
    if isinstance(counts, str) and counts.isascii():
        return _uncompressed(np.frombuffer(counts.encode(), np.uint8).astype(np.int64) - 48, where)
    raise LabelError(f"{where}: its run lengths are neither text nor whole numbers; the mask is broken")


def _uncompressed(letters: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    """The numbers of pycocotools' text: 5 bits a letter, the lowest first, a sixth says that more follow.

    The last letter's fifth bit is the sign; from the fourth number on each is the difference to the one two before.
    """
    if not len(letters):
        return np.zeros(0, np.int64)
    last = (letters & 32) == 0
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if (letters < 0).any() or (letters > 63).any() or not last[-1] or (ends - starts >= MOST_DIGITS).any():
        raise LabelError(f"{where}: its run lengths are no text of COCO; the mask is broken")
    place = np.arange(len(letters)) - np.repeat(starts, ends - starts + 1)
    numbers = np.add.reduceat((letters & 31) << (5 * place), starts)
    numbers -= ((letters[ends] & 16) > 0) * (np.int64(1) << (5 * (place[ends] + 1)))
    if np.abs(numbers).max() > MOST_PIXELS or len(numbers) > MOST_BOX:
        raise LabelError(f"{where}: its run lengths are longer than any image; the mask is broken")
    for first in (1, 2):  # each is told by the one two before, the first three by themselves
        numbers[first::2] = np.cumsum(numbers[first::2])
    return np.asarray(numbers)


def _mask(counts: NDArray[np.int64], height: int, where: str) -> tuple[int, int, Mask] | None:
    """The set runs laid into the smallest box that holds them."""
    edges = np.cumsum(counts)
    starts, stops = edges[:-1:2], edges[1::2]
    held = stops > starts
    starts, stops = starts[held], stops[held]
    if not len(starts):
        return None
    left, right = int(starts[0]) // height, int(stops[-1] - 1) // height + 1
    whole = (starts // height) < ((stops - 1) // height)  # a run that goes on in the next column touches both ends
    top = 0 if whole.any() else int((starts % height).min())
    bottom = height if whole.any() else int(((stops - 1) % height).max()) + 1
    if (right - left) * height > MOST_BOX:
        raise LabelError(f"{where}: its mask spans {bottom - top} x {right - left} pixels; split it")
    changes = np.zeros((right - left) * height + 1, np.int8)
    np.add.at(changes, starts - left * height, 1)
    np.add.at(changes, stops - left * height, -1)
    columns = np.cumsum(changes[:-1], dtype=np.int8).view(np.bool_).reshape(right - left, height)
    return top, left, np.ascontiguousarray(columns[:, top:bottom].T)
