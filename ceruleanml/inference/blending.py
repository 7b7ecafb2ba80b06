"""Blending windows' probabilities into whole rows of a scene, in a strip as high as one window.

Probabilities are blended, not logits: a mean of probabilities is one again, whatever network or file gave it, and
Mask R-CNN has no logits to blend.

A window's weight falls along each side that has a neighbour, as a raised cosine over the shared pixels, and stays 1
along the scene's own edges (N. Pielawski, C. Wählby, "Introducing Hann windows for reducing edge-effects in patch-based
image segmentation", PLoS ONE 15(3), 2020). Weights are products of one factor for the row and one for the column, so
they are made to sum to one along each axis beforehand, and nothing is left to divide by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ceruleanml.inference.windows import SceneWindows

Floats = NDArray[np.float32]


def axis_weights(begins: Sequence[int], size: int, shared: int) -> list[Floats]:
    """The weight of each window's pixels along one axis, float32 (size,); over all windows each pixel's sum is 1."""
    ramp = np.sin(0.5 * np.pi * (np.arange(shared) + 0.5) / max(shared, 1)) ** 2
    raw = []
    for number in range(len(begins)):
        weight = np.ones(size)
        if number > 0:
            weight[:shared] = ramp
        if number < len(begins) - 1:
            weight[size - shared :] *= ramp[::-1]
        raw.append(weight)
    total = np.zeros(begins[-1] + size)
    for begin, weight in zip(begins, raw, strict=True):
        total[begin : begin + size] += weight
    return [
        (weight / total[begin : begin + size]).astype(np.float32) for begin, weight in zip(begins, raw, strict=True)
    ]


class Blender:
    """A rolling sum of weighted windows: `add` a row of windows in any order, then take what is `finished`.

    Holds planes x window height x scene width float32 numbers: 53 MB a plane for a full product.
    """

    def __init__(self, windows: SceneWindows, planes: int) -> None:
        self._windows = windows
        self._row_weights = axis_weights(windows.rows, windows.size, windows.shared_px)
        self._col_weights = axis_weights(windows.cols, windows.size, windows.shared_px)
        self._sum = np.zeros((planes, windows.size, windows.padded_height_width[1]), dtype=np.float32)

    def add(self, row: int, col: int, probabilities: Floats) -> None:
        """Add window (row, col), float32 (planes, size, size); its row must be the one in work."""
        left = self._windows.cols[col]
        weight = self._row_weights[row][:, None] * self._col_weights[col]
        self._sum[:, :, left : left + self._windows.size] += probabilities * weight

    def begin(self, row: int) -> int:
        """The first row of the scene that a row of windows covers."""
        return self._windows.rows[row]

    def finished(self, row: int, block: int = 1 << 30) -> Iterator[tuple[int, Floats]]:
        """The rows that no later window touches, once row `row` was added: first row and (planes, rows, scene width).

        At most `block` rows at a time, as views that hold until the next; all must be taken before `add` goes on.
        """
        rows, (height, width) = self._windows.rows, self._windows.height_width
        begin = rows[row]
        done = (rows[row + 1] if row + 1 < len(rows) else height) - begin
        for start in range(0, done, block):
            yield begin + start, self._sum[:, start : min(start + block, done), :width]
        for plane in self._sum:  # one after the other: numpy copies what it moves within an array
            plane[: len(plane) - done] = plane[done:].copy()
            plane[len(plane) - done :] = 0


def blend(windows: SceneWindows, planes: int, found: Iterator[tuple[int, int, Floats]]) -> Floats:
    """The whole scene, float32 (planes, height, width), of windows (row, col, probabilities) in any order.

    For scenes that fit into memory, and to compare the rolling strip with.
    """
    rows = axis_weights(windows.rows, windows.size, windows.shared_px)
    cols = axis_weights(windows.cols, windows.size, windows.shared_px)
    canvas = np.zeros((planes, *windows.padded_height_width), dtype=np.float32)
    for row, col, probabilities in found:
        window = windows[row, col]
        part = canvas[:, window.row : window.row + window.height, window.col : window.col + window.width]
        part += probabilities * (rows[row][:, None] * cols[col])
    return canvas[:, : windows.height_width[0], : windows.height_width[1]]
