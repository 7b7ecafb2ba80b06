"""From pixels to a tile: one unsure pixel is not drowned, and what holds no data does not count."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceruleanml.errors import UsageError
from ceruleanml.selection.reductions import Reducer, mean, top_share, window_maximum

WHOLE = np.ones((4, 4), bool)
ONE_PIXEL = np.zeros((4, 4))
ONE_PIXEL[1, 2] = 1

sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
maps = sides.flatmap(lambda side: arrays(np.float64, side, elements=st.floats(0, 1)))


def slow_window_maximum(values, side):
    """The same by looking at every window."""
    rows, cols = (min(side, length) for length in values.shape)
    places = np.ndindex(values.shape[0] - rows + 1, values.shape[1] - cols + 1)
    return max(values[row : row + rows, col : col + cols].mean() for row, col in places)


def test_one_unsure_pixel_of_sixteen():
    assert mean(ONE_PIXEL, WHOLE) == 0.0625
    assert window_maximum(ONE_PIXEL, WHOLE, 1) == 1
    assert window_maximum(ONE_PIXEL, WHOLE, 2) == 0.25
    assert window_maximum(ONE_PIXEL, WHOLE, 3) == pytest.approx(1 / 9)
    assert window_maximum(ONE_PIXEL, WHOLE) == 0.0625  # a window of 32 is as small as the tile
    assert top_share(ONE_PIXEL, WHOLE) == 1
    assert top_share(ONE_PIXEL, WHOLE, 0.25) == 0.25
    assert top_share(ONE_PIXEL, WHOLE, 1.0) == 0.0625


def test_a_thin_bright_slick_beats_a_tile_that_is_a_little_unsure_everywhere():
    valid = np.ones((128, 128), bool)
    slick, murky = np.full((128, 128), 0.05), np.full((128, 128), 0.1)
    slick[60:63, 20:100] = 0.9
    assert mean(slick, valid) < mean(murky, valid)
    assert window_maximum(slick, valid) > window_maximum(murky, valid)
    assert top_share(slick, valid, 0.01) > top_share(murky, valid, 0.01)


@given(maps, st.integers(1, 12))
def test_the_window_is_the_greatest_of_all(values, side):
    valid = np.ones(values.shape, bool)
    assert window_maximum(values, valid, side) == pytest.approx(slow_window_maximum(values, side))


@given(maps, st.floats(0.01, 1))
def test_reductions_lie_between_what_stands_there(values, share):
    valid = np.ones(values.shape, bool)
    middle = mean(values, valid)
    assert middle == pytest.approx(values.mean())
    assert middle - 1e-12 <= top_share(values, valid, share) <= values.max() + 1e-12
    assert values.min() - 1e-12 <= window_maximum(values, valid, 3) <= values.max() + 1e-12


@given(maps, st.data())
def test_what_holds_no_data_does_not_count(values, data):
    valid = data.draw(arrays(np.bool_, values.shape))
    emptied = np.where(valid, values, np.nan)
    if not valid.any():
        assert np.isnan([mean(emptied, valid), window_maximum(emptied, valid), top_share(emptied, valid)]).all()
        return
    assert mean(emptied, valid) == pytest.approx(values[valid].mean())
    assert window_maximum(emptied, valid, 99) == pytest.approx(values[valid].mean())
    assert top_share(emptied, valid, 0.001) == values[valid].max()


def test_a_sliver_at_the_rim_is_no_window():
    values, valid = np.full((8, 8), 0.2), np.zeros((8, 8), bool)
    valid[:, 3:] = True
    values[0, 3] = 1
    assert window_maximum(values, valid, 2) == pytest.approx((1 + 0.2) / 2)  # of two valid pixels, half of the fullest
    assert window_maximum(values, valid, 3) == pytest.approx((1 + 5 * 0.2) / 6)  # not of three pixels, at column 1


def test_nan_where_there_is_data_is_never_silent():
    values = ONE_PIXEL.copy()
    values[0, 0] = np.nan
    assert np.isnan([mean(values, WHOLE), window_maximum(values, WHOLE, 2), top_share(values, WHOLE)]).all()


def test_many_maps_of_many_tiles_at_once_as_arrays_and_as_tensors():
    rng = np.random.default_rng(0)
    values, valid = rng.random((2, 3, 20, 30)), rng.random((2, 1, 20, 30)) > 0.3
    for reduction in (mean, window_maximum, top_share):
        each = [[reduction(one, keep[0]) for one in tile] for tile, keep in zip(values, valid, strict=True)]
        assert reduction(values, valid) == pytest.approx(np.array(each))
        assert reduction(torch.from_numpy(values), torch.from_numpy(valid)).numpy() == pytest.approx(np.array(each))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_px": 0}, "window 0 cannot be; give its side in pixels, 1 or more"),
        ({"share": 0.0}, "top share 0 cannot be; give more than 0 and at most 1"),
        ({"share": 1.5}, "top share 1.5 cannot be"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        Reducer(WHOLE, ONE_PIXEL, **options)
