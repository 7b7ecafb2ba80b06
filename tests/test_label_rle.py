"""COCO's run lengths: what pycocotools writes is read to the pixel, and whatever else comes is refused, never drawn."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from ceruleanml.errors import LabelError
from ceruleanml.labels.rle import decode, run_lengths

MASKS = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def whole(found, height_width):
    """A decoded mask on its image."""
    image = np.zeros(height_width, bool)
    if found is not None:
        row, col, mask = found
        assert mask.any(axis=1)[[0, -1]].all() and mask.any(axis=0)[[0, -1]].all(), "the box is the smallest"
        image[row : row + mask.shape[0], col : col + mask.shape[1]] = mask
    return image


@given(MASKS)
def test_both_forms_are_read_to_the_pixel(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    text = {"size": list(mask.shape), "counts": encoded["counts"].decode()}
    np.testing.assert_array_equal(whole(decode(text, mask.shape, "x"), mask.shape), mask)
    numbers = {"size": list(mask.shape), "counts": run_lengths(text["counts"], "x").tolist()}
    np.testing.assert_array_equal(whole(decode(numbers, mask.shape, "x"), mask.shape), mask)


@given(MASKS, st.integers(1, 40), st.integers(0, 400))
def test_long_runs_take_several_letters(mask, scale, rows_below):
    """Runs of hundreds to thousands of pixels, whose differences are negative as often as not."""
    large = np.pad(np.repeat(mask, scale, axis=0), ((0, rows_below), (0, 0)))
    encoded = coco_mask.encode(np.asfortranarray(large, np.uint8))
    text = {"size": list(large.shape), "counts": encoded["counts"].decode()}
    np.testing.assert_array_equal(whole(decode(text, large.shape, "x"), large.shape), large)


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=40) | st.lists(st.integers(-5, 90)))
def test_anything_else_is_refused_or_fills_its_image(counts):
    with contextlib.suppress(LabelError):
        found = decode({"size": [8, 9], "counts": counts}, (8, 9), "x")
        assert int(run_lengths(counts, "x").sum()) == 72
        whole(found, (8, 9))


@pytest.mark.parametrize(
    "segmentation",
    [None, [], {"size": [2, 2]}, {"size": [2, 2], "counts": None}, {"size": "2x2", "counts": [4]},
     {"size": [2, 2], "counts": [1 << 62, 1 << 62]}, {"size": [2, 2], "counts": [1.0, 3.0]},
     {"size": [2, 2], "counts": "\u00e9"}],
)  # fmt: skip
def test_what_is_no_mask_is_refused(segmentation):
    with pytest.raises(LabelError, match="^x: its (mask has the size|run lengths)"):
        decode(segmentation, (2, 2), "x")
    with pytest.raises(LabelError, match="an image of 4294967296 x 4294967296 pixels cannot be"):
        decode({"size": [1 << 32, 1 << 32], "counts": [4]}, (1 << 32, 1 << 32), "x")
