"""The masks that the page's tools should leave, worked out without the page. Places are columns and rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Ids = NDArray[np.uint16]
Way = Sequence[tuple[float, float]]
EIGHT = np.ones((3, 3), bool)
BESIDE = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def swept(shape: tuple[int, int], points: Way, radius: float) -> Mask:
    """The pixels whose centres lie within the radius of a way."""
    found = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        top, bottom = max(0, int(min(y0, y1) - radius) - 1), int(max(y0, y1) + radius) + 2
        left, right = max(0, int(min(x0, x1) - radius) - 1), int(max(x0, x1) + radius) + 2
        part = found[top:bottom, left:right]
        rows, columns = np.ogrid[top : top + part.shape[0], left : left + part.shape[1]]
        rows, columns = rows + 0.5 - y0, columns + 0.5 - x0
        across, down = x1 - x0, y1 - y0
        along = ((columns * across + rows * down) / max(across**2 + down**2, 1e-9)).clip(0, 1)
        part |= np.hypot(columns - along * across, rows - along * down) <= radius
    return found


def inside(shape: tuple[int, int], vertices: Way) -> Mask:
    """The pixels whose centres lie in a polygon: those with an odd number of edges to their left."""
    turns = np.zeros((shape[0], shape[1] + 1), np.int8)
    for (x0, y0), (x1, y1) in zip(vertices, [*vertices[1:], vertices[0]], strict=True):
        rows = np.arange(shape[0])
        centres = rows + 0.5
        crossed = (centres < y0) != (centres < y1)
        x = x0 + (centres[crossed] - y0) * (x1 - x0) / (y1 - y0) if crossed.any() else np.empty(0)
        np.add.at(turns, (rows[crossed], np.ceil(x - 0.5).clip(0, shape[1]).astype(int)), 1)
    return (np.cumsum(turns[:, :-1], axis=1, dtype=np.int8) & 1).astype(bool)


def cut(mask: Mask, column: int) -> tuple[Mask, Mask]:
    """The pieces left and right of a column that parts a mask; the column's pixels go with the piece beside them.

    Where both are, the one counts whose pixel comes first in reading order.
    """
    columns = np.arange(mask.shape[1])
    sides = np.where(columns < column, 1, np.where(columns > column, 2, 0)) * mask
    for row in np.flatnonzero(mask[:, column]):
        beside = [sides[row + down, column + across] for down, across in BESIDE]
        sides[row, column] = -next(side for side in beside if side > 0)
    return abs(sides) == 1, abs(sides) == 2


def parts(mask: Mask) -> list[Mask]:
    """The parts that hang together by sides or corners, the largest first."""
    labels, count = ndimage.label(mask, EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    return [labels == label for label in sorted(range(1, count + 1), key=lambda label: -sizes[label])]


def filled(mask: Mask) -> Mask:
    """The mask without holes."""
    return np.asarray(ndimage.binary_fill_holes(mask))


def smoothed(mask: Mask) -> Mask:
    """The mask as smoothing by two pixels leaves it.

    Three means over 3 x 3 pixels, half or more of which is the mask's; what that takes away of streaks of 8 pixels or
    more stays, and what of the mask lies within two pixels of these.
    """
    nines = mask.astype(np.int32)
    for _ in range(3):
        nines = sum(np.roll(nines, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1))
    smooth = 2 * nines >= 9**3
    near = np.ones((5, 5), bool)
    labels, _ = ndimage.label(mask & ~ndimage.binary_dilation(smooth, near), EIGHT)
    streaks = np.zeros_like(mask)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if max(side.stop - side.start for side in box) >= 8:
            streaks |= labels == label
    return smooth | streaks | (mask & ndimage.binary_dilation(streaks, near))


def in_window(work: object, mask: Mask, margin: int = 12) -> object:
    """What a function makes of the part of a mask that holds anything, put back into its place."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    window = np.s_[
        max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, columns[0] - margin) : columns[-1] + margin + 1
    ]
    return placed(mask.shape, window, work(mask[window]))


def placed(shape: tuple[int, int], window: tuple[slice, slice], found: object) -> object:
    """A mask, or several, of a window on the whole scene."""
    if not isinstance(found, np.ndarray):
        return [placed(shape, window, one) for one in found]
    whole = np.zeros(shape, found.dtype)
    whole[window] = found
    return whole


def same_slicks(before: Ids, after: Ids) -> bool:
    """Whether two maps show the same slicks under whatever ids."""
    if before.shape != after.shape:
        return False
    either = np.flatnonzero(before | after)
    pairs = np.divmod(np.unique(before.ravel()[either].astype(np.uint32) * 65536 + after.ravel()[either]), 65536)
    return all(side.all() and len(np.unique(side)) == len(side) for side in pairs)
