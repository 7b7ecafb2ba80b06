"""The tile grid: how a scene's pixels are cut into windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ceruleanml.errors import UsageError
from ceruleanml.scenes.grid import Window

HeightWidth = tuple[int, int]


@dataclass(frozen=True)
class TileGrid:
    """Windows of one size at a regular stride that together cover `height_width`.

    `tiles[row, col]` is a window. Those of the last row and column may leave the image; what lies outside is nodata.
    """

    height_width: HeightWidth
    tile_size: HeightWidth
    stride: HeightWidth

    def __post_init__(self) -> None:
        for axis, size, stride in zip(("height", "width"), self.tile_size, self.stride, strict=True):
            if size < 1:
                raise UsageError(
                    f"tile {axis} {size} cannot be; give at least 1 pixel, or tile size 0 for whole scenes"
                )
            if not 1 <= stride <= size:
                raise UsageError(f"stride {stride} with tile {axis} {size} would leave gaps; give 1 to {size}")

    @property
    def rows_cols(self) -> tuple[int, int]:
        """How many rows and columns of tiles there are."""
        rows, cols = (
            1 + max(0, -(-(length - size) // stride))
            for length, size, stride in zip(self.height_width, self.tile_size, self.stride, strict=True)
        )
        return rows, cols

    @property
    def padded_height_width(self) -> HeightWidth:
        """The height and width that the windows reach, at least the image's."""
        last = self[self.rows_cols[0] - 1, self.rows_cols[1] - 1]
        return max(last.row + last.height, self.height_width[0]), max(last.col + last.width, self.height_width[1])

    def __getitem__(self, row_col: tuple[int, int]) -> Window:
        rows, cols = self.rows_cols
        row, col = row_col
        if not (0 <= row < rows and 0 <= col < cols):
            raise IndexError(f"tile {row}, {col} of {rows} x {cols}")
        return Window(row * self.stride[0], col * self.stride[1], *self.tile_size)

    def __iter__(self) -> Iterator[Window]:
        rows, cols = self.rows_cols
        return (self[row, col] for row in range(rows) for col in range(cols))

    def __len__(self) -> int:
        rows, cols = self.rows_cols
        return rows * cols
