"""Laws of the tile grid: it covers, it does not overlap at stride = size, cut and glued back is the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.datasets.tiling import TileGrid
from ceruleanml.errors import UsageError
from ceruleanml.scenes.grid import Window

lengths = st.tuples(st.integers(1, 40), st.integers(1, 40))
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def tile_grids(draw):
    size = draw(sizes)
    stride = (draw(st.integers(1, size[0])), draw(st.integers(1, size[1])))
    return TileGrid(draw(lengths), size, stride)


def times_covered(tiles):
    count = np.zeros(tiles.padded_height_width, int)
    for window in tiles:
        count[window.row : window.row + window.height, window.col : window.col + window.width] += 1
    return count


@given(tile_grids())
def test_every_pixel_is_covered(tiles):
    height, width = tiles.height_width
    assert times_covered(tiles)[:height, :width].min() >= 1


@given(lengths, sizes)
def test_no_overlap_at_stride_size(height_width, size):
    assert times_covered(TileGrid(height_width, size, size)).max() == 1


@given(tile_grids())
def test_cut_and_glued_back_is_the_same(tiles):
    height, width = tiles.height_width
    image = np.arange(height * width).reshape(height, width) + 1
    padded = np.zeros(tiles.padded_height_width, int)
    padded[:height, :width] = image
    glued = np.zeros_like(padded)
    for window in tiles:
        place = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
        glued[place] = padded[place].copy()
    np.testing.assert_array_equal(glued[:height, :width], image)


@given(tile_grids())
def test_no_tile_is_needless(tiles):
    rows, cols = tiles.rows_cols
    assert len(list(tiles)) == len(tiles) == rows * cols
    for length, count, size, stride in zip(
        tiles.height_width, tiles.rows_cols, tiles.tile_size, tiles.stride, strict=True
    ):
        assert count == 1 or (count - 2) * stride + size < length


def test_index_gives_the_window():
    tiles = TileGrid((10, 20), (4, 8), (3, 8))
    assert tiles.rows_cols == (3, 3)
    assert tiles[0, 0] == Window(0, 0, 4, 8)
    assert tiles[2, 1] == Window(6, 8, 4, 8)
    with pytest.raises(IndexError):
        tiles[3, 0]


@pytest.mark.parametrize(
    ("size", "stride", "message"),
    [((0, 4), (1, 1), "at least 1 pixel"), ((4, 4), (5, 4), "leave gaps"), ((4, 4), (4, 0), "leave gaps")],
)
def test_refused(size, stride, message):
    with pytest.raises(UsageError, match=message):
        TileGrid((10, 10), size, stride)
