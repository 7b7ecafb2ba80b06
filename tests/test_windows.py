"""Windows: they cover everything, keep to the scene, and overlap as asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import UsageError
from ceruleanml.inference.windows import SceneWindows, starts


@pytest.mark.parametrize(
    ("length", "size", "stride", "expected"),
    [
        (100, 40, 20, [0, 20, 40, 60]),  # fits
        (90, 40, 20, [0, 20, 40, 50]),  # the last one is shifted back
        (40, 40, 20, [0]),
        (30, 40, 20, [0]),  # smaller than a window
        (41, 40, 40, [0, 1]),
    ],
)
def test_where_windows_begin(length, size, stride, expected):
    assert starts(length, size, stride) == expected


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([32, 64, 96]), st.floats(0, 0.75))
def test_windows_cover_and_stay_inside(height, width, size, overlap):
    windows = SceneWindows((height, width), size, overlap)
    seen = np.zeros(windows.padded_height_width, bool)
    for row in range(len(windows.rows)):
        for col in range(len(windows.cols)):
            window = windows[row, col]
            assert (window.row + size <= max(height, size)) and (window.col + size <= max(width, size))
            seen[window.row : window.row + size, window.col : window.col + size] = True
    assert seen.all() and windows.shared_px >= size * overlap
    for begins in (windows.rows, windows.cols):
        assert all(
            after - before <= size - windows.shared_px for before, after in zip(begins, begins[1:], strict=False)
        )


@pytest.mark.parametrize(
    ("size", "overlap", "message"),
    [
        (100, 0.25, "windows of 100 pixels cannot be halved five times; give a multiple of 32"),
        (64, 0.9, "overlap 0.9 cannot be; give a share from 0 to 0.75"),
        (64, -0.1, "overlap -0.1 cannot be"),
        (64, float("nan"), "overlap nan cannot be"),
    ],
)
def test_windows_that_cannot_be(size, overlap, message):
    with pytest.raises(UsageError, match=message):
        SceneWindows((200, 200), size, overlap)
