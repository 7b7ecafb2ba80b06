"""The seam figure: whether probabilities jump where windows end more than they do elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ceruleanml.inference.windows import SceneWindows

Floats = NDArray[np.float32]


class Seams:
    """Collects the steps between neighbouring pixels, rows given from above, and compares those at windows' borders."""

    def __init__(self, windows: SceneWindows) -> None:
        height, width = windows.height_width
        self._height = height
        self._col_borders = _borders(windows.cols, windows.size, width)
        self._row_borders = _borders(windows.rows, windows.size, height)
        self._across, self._across_count = np.zeros(width - 1), np.zeros(width - 1)
        self._down, self._down_count = np.zeros(height), np.zeros(height)
        self._above: tuple[Floats, NDArray[np.bool_]] | None = None
        self._row = 0

    def add(self, slick: Floats, valid: NDArray[np.bool_]) -> None:
        """Add rows of slick probability, float32 (rows, width), and where they are measured."""
        both = valid[:, 1:] & valid[:, :-1]
        self._across += (np.abs(np.diff(slick, axis=1)) * both).sum(axis=0, dtype=np.float64)
        self._across_count += both.sum(axis=0)
        if self._above is not None:
            slick = np.concatenate([self._above[0], slick])
            valid = np.concatenate([self._above[1], valid])
        both = valid[1:] & valid[:-1]
        at = slice(self._row, self._row + len(both))
        self._down[at] = (np.abs(np.diff(slick, axis=0)) * both).sum(axis=1, dtype=np.float64)
        self._down_count[at] = both.sum(axis=1)
        self._row += len(both)
        self._above = slick[-1:].copy(), valid[-1:].copy()

    def figure(self) -> dict[str, float | None]:
        """Mean absolute step of the slick probability at windows' borders and elsewhere, and their ratio.

        1 is what no seams give; None where there is nothing to compare.
        """
        steps = np.concatenate([self._across, self._down[: self._height - 1]])
        counts = np.concatenate([self._across_count, self._down_count[: self._height - 1]])
        border = np.concatenate([self._col_borders, self._row_borders])
        at, elsewhere = _mean(steps[border], counts[border]), _mean(steps[~border], counts[~border])
        ratio = round(at / elsewhere, 4) if at is not None and elsewhere else None
        return {"at_borders": at, "elsewhere": elsewhere, "ratio": ratio}


def _borders(begins: list[int], size: int, length: int) -> NDArray[np.bool_]:
    """Which of the steps between `length` pixels cross the begin or end of a window."""
    border = np.zeros(max(0, length - 1), dtype=bool)
    for begin in begins:
        for edge in (begin, begin + size):
            if 0 < edge < length:
                border[edge - 1] = True
    return border


def _mean(steps: NDArray[np.float64], counts: NDArray[np.float64]) -> float | None:
    total = float(counts.sum())
    return round(float(steps.sum()) / total, 9) if total else None
