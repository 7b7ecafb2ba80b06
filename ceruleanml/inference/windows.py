"""Windows of one size that overlap and together cover a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ceruleanml.errors import UsageError
from ceruleanml.scenes.grid import Window

MULTIPLE = 32
"""Networks halve their input five times."""
MAX_OVERLAP = 0.75


@dataclass(frozen=True)
class SceneWindows:
    """Square windows of `size` pixels over a scene; neighbours share at least `overlap` of a side.

    The last window of a row or column is shifted back until it ends with the scene, so that the network sees real
    pixels there and no padding, which it was hardly trained on. A scene smaller than a window lies in one that leaves
    it; what is outside is nodata.
    """

    height_width: tuple[int, int]
    size: int
    overlap: float

    def __post_init__(self) -> None:
        if self.size < 1 or self.size % MULTIPLE:
            raise UsageError(
                f"windows of {self.size} pixels cannot be halved five times; give a multiple of {MULTIPLE}"
            )
        if not 0 <= self.overlap <= MAX_OVERLAP:
            raise UsageError(f"overlap {self.overlap:g} cannot be; give a share from 0 to {MAX_OVERLAP:g}")

    @property
    def shared_px(self) -> int:
        """The pixels that neighbours share, shifted ones apart, which share more."""
        return math.ceil(self.size * self.overlap)

    @property
    def rows(self) -> list[int]:
        """The first row of each row of windows, from above."""
        return starts(self.height_width[0], self.size, self.size - self.shared_px)

    @property
    def cols(self) -> list[int]:
        """The first column of each column of windows, from the left."""
        return starts(self.height_width[1], self.size, self.size - self.shared_px)

    @property
    def padded_height_width(self) -> tuple[int, int]:
        """The scene's height and width, at least a window's."""
        return max(self.height_width[0], self.size), max(self.height_width[1], self.size)

    def __len__(self) -> int:
        return len(self.rows) * len(self.cols)

    def __getitem__(self, row_col: tuple[int, int]) -> Window:
        return Window(self.rows[row_col[0]], self.cols[row_col[1]], self.size, self.size)


def starts(length: int, size: int, stride: int) -> list[int]:
    """Where windows of `size` begin that cover `length` pixels, at most `stride` apart; the last one ends with it."""
    last = max(0, length - size)
    return [*range(0, last, stride), last]
