"""From the pixels of a tile to one number: the mean, the worst window, the worst few per cent.

`maps` are (..., rows, columns) and `valid` the pixels with data, of the same shape or one that broadcasts to it; what
comes back is (...), NaN where a tile has no valid pixel. The plain mean drowns thin slicks: one wholly unsure pixel of
16 gives 0.0625. Lists and numpy arrays are computed in float64, torch tensors in their precision and on their device.
"""

from __future__ import annotations

import math

import numpy as np

from ceruleanml.errors import UsageError
from ceruleanml.selection.arrays import Array, floats, namespace, on_host

WINDOW_PX = 32
TOP_SHARE = 0.05
LEAST_COVER = 0.5
"""A window counts that has at least this share of the valid pixels of the fullest one: no sliver at a scene's rim."""


def mean(maps: Array, valid: Array) -> Array:
    """The mean over the valid pixels."""
    values = floats(maps)
    return Reducer(valid, values).mean(values)


def window_maximum(maps: Array, valid: Array, window_px: int = WINDOW_PX) -> Array:
    """The greatest mean over the valid pixels of a square window that slides pixel by pixel inside the tile.

    The window is as small as the tile where that is smaller. Raises UsageError for a side below 1.
    """
    values = floats(maps)
    return Reducer(valid, values, window_px=window_px).window_maximum(values)


def top_share(maps: Array, valid: Array, share: float = TOP_SHARE) -> Array:
    """The mean of the greatest values of the valid pixels: of this share of them, at least of one pixel.

    Raises UsageError for a share that is not above 0 and at most 1.
    """
    values = floats(maps)
    return Reducer(valid, values, share=share).top_share(values)


class Reducer:
    """The three reductions for tiles whose valid pixels are known, for any number of maps of them.

    `like` is an array of the kind and on the device of the maps to come.
    """

    def __init__(self, valid: Array, like: Array, window_px: int = WINDOW_PX, share: float = TOP_SHARE) -> None:
        if window_px < 1:
            raise UsageError(f"window {window_px} cannot be; give its side in pixels, 1 or more")
        if not 0 < share <= 1:
            raise UsageError(f"top share {share:g} cannot be; give more than 0 and at most 1")
        host, xp = np.asarray(on_host(valid), bool), namespace(like)
        self._share = share
        self._whole = bool(host.all())
        self._counts = host.sum(axis=(-2, -1))
        self._sides = [min(window_px, side) for side in host.shape[-2:]]
        self._valid = host if xp is np else xp.tensor(host, device=like.device)
        self._count = np.float64(self._counts) if xp is np else xp.tensor(self._counts, device=like.device)
        windows = self._sums(self._valid * 1.0)
        fullest = xp.amax(windows, axis=(-2, -1))[..., None, None]
        self._windows, self._counted = windows.clip(min=1), windows >= (LEAST_COVER * fullest).clip(min=1)

    def mean(self, maps: Array) -> Array:
        """The mean over the valid pixels, (...) of maps (..., rows, columns)."""
        return self._known(self._masked(maps, 0).sum((-2, -1)) / self._count.clip(min=1))

    def window_maximum(self, maps: Array) -> Array:
        """The greatest mean over the valid pixels of a window, (...) of maps (..., rows, columns)."""
        xp = namespace(maps)
        means = self._sums(self._masked(maps, 0)) / self._windows
        return self._known(xp.amax(means if self._whole else xp.where(self._counted, means, -1e30), axis=(-2, -1)))

    def top_share(self, maps: Array) -> Array:
        """The mean of the greatest values of the valid pixels, (...) of maps (..., rows, columns)."""
        xp, lead = namespace(maps), maps.shape[:-2]
        flat = self._masked(maps, -1e30).reshape(-1, math.prod(maps.shape[-2:]))
        most = np.maximum(1, np.ceil(np.round(self._share * np.broadcast_to(self._counts, tuple(lead)), 6)))
        found = [_mean_of_greatest(one, int(number)) for one, number in zip(flat, most.ravel(), strict=True)]
        return self._known((xp.stack(found) if found else flat.sum(-1)).reshape(lead))

    def _masked(self, maps: Array, elsewhere: float) -> Array:
        """The maps, with another value where nothing is valid."""
        return maps if self._whole else namespace(maps).where(self._valid, maps, elsewhere)

    def _known(self, found: Array) -> Array:
        """What was found, NaN for tiles without a valid pixel."""
        return namespace(found).where(self._count > 0, found, math.nan)[()]

    def _sums(self, values: Array) -> Array:
        """The sum of each window, (..., rows - side + 1, columns - side + 1)."""
        return _sliding_sums(_sliding_sums(values, self._sides[0], -2), self._sides[1], -1)


def _sliding_sums(values: Array, length: int, axis: int) -> Array:
    """The sums of so many neighbours along an axis, put together from sums of 1, 2, 4, ... of them.

    Exact to a few roundings, unlike differences of running totals in float32, and as fast on a GPU.
    """
    count = values.shape[axis] - length + 1
    block, total, begin, size = values, None, 0, 1
    while True:
        if length & size:
            part = _slice(block, begin, begin + count, axis)
            total = part if total is None else total + part
            begin += size
        if size * 2 > length:
            return total
        block = _slice(block, 0, block.shape[axis] - size, axis) + _slice(block, size, block.shape[axis], axis)
        size *= 2


def _slice(values: Array, start: int, stop: int, axis: int) -> Array:
    return values[..., start:stop, :] if axis == -2 else values[..., start:stop]


def _mean_of_greatest(values: Array, number: int) -> Array:
    """The mean of so many of the greatest values (pixels,)."""
    xp, rest = namespace(values), len(values) - number
    if xp is np:
        return np.partition(values, rest)[rest:].mean()
    if values.device.type == "cpu":  # numpy's selection is ten times as fast
        return xp.tensor(np.partition(values.numpy(), rest)[rest:].mean())
    return values.topk(number, sorted=False).values.mean()
