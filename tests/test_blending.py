"""Blending: weights sum to one, constants stay, order is nothing, and the strip equals the whole canvas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.inference.blending import Blender, axis_weights, blend
from ceruleanml.inference.seams import Seams
from ceruleanml.inference.windows import SceneWindows

SCENES = st.tuples(st.integers(1, 150), st.integers(1, 150), st.sampled_from([32, 64]), st.floats(0, 0.75))


def windows_of(scene):
    height, width, size, overlap = scene
    return SceneWindows((height, width), size, overlap)


def answers(windows, planes=2, seed=0):
    rng = np.random.default_rng(seed)
    return [
        (row, col, rng.random((planes, windows.size, windows.size), dtype=np.float32))
        for row in range(len(windows.rows))
        for col in range(len(windows.cols))
    ]


def rolled(windows, found, planes=2, block=7):
    """The rolling strip's rows, put together."""
    blender, rows = Blender(windows, planes), []
    for number in range(len(windows.rows)):
        for row, col, probabilities in found:
            if row == number:
                blender.add(row, col, probabilities)
        for start, part in blender.finished(number, block):
            assert start == sum(done.shape[1] for done in rows)
            rows.append(part.copy())
    return np.concatenate(rows, axis=1)


@given(SCENES)
def test_weights_sum_to_one_at_every_pixel(scene):
    windows = windows_of(scene)
    for begins, length in zip((windows.rows, windows.cols), windows.padded_height_width, strict=True):
        total = np.zeros(length)
        for begin, weight in zip(begins, axis_weights(begins, windows.size, windows.shared_px), strict=True):
            assert (weight > 0).all()
            total[begin : begin + windows.size] += weight
        np.testing.assert_allclose(total, 1, atol=1e-6)


def test_weights_fall_towards_neighbours_and_not_at_the_scenes_edge():
    first, middle, last = axis_weights([0, 4, 8], 8, 4)
    np.testing.assert_allclose(first[:4], 1)
    assert (np.diff(first[3:]) < 0).all() and (np.diff(middle[:4]) > 0).all() and (np.diff(middle[4:]) < 0).all()
    np.testing.assert_allclose(last[4:], 1)
    np.testing.assert_allclose(middle, np.sin(np.pi * (np.arange(8) + 0.5) / 8) ** 2, atol=1e-6)  # Hann's window


@given(SCENES)
def test_a_constant_stays_itself(scene):
    windows = windows_of(scene)
    found = [(row, col, np.full_like(answer, 0.3)) for row, col, answer in answers(windows)]
    np.testing.assert_allclose(rolled(windows, found), 0.3, atol=1e-6)


@given(SCENES, st.randoms(use_true_random=False), st.integers(1, 80))
def test_the_strip_equals_the_canvas_in_any_order(scene, random, block):
    windows = windows_of(scene)
    found = answers(windows)
    shuffled = list(found)
    random.shuffle(shuffled)
    whole = blend(windows, 2, iter(found))
    assert whole.shape == (2, scene[0], scene[1])
    np.testing.assert_allclose(blend(windows, 2, iter(shuffled)), whole, atol=1e-6)
    np.testing.assert_allclose(rolled(windows, shuffled, block=block), whole, atol=1e-6)


def test_without_overlap_windows_stand_side_by_side():
    windows = SceneWindows((64, 64), 32, 0.0)
    found = [(row, col, np.full((1, 32, 32), row * 2 + col, np.float32)) for row in range(2) for col in range(2)]
    expected = np.repeat(np.repeat([[0, 1], [2, 3]], 32, axis=0), 32, axis=1)
    np.testing.assert_array_equal(rolled(windows, found, planes=1)[0], expected)


def seam_ratio(picture, windows, valid=None, step=5):
    seams = Seams(windows)
    valid = np.ones(picture.shape, bool) if valid is None else valid
    for row in range(0, len(picture), step):
        seams.add(picture[row : row + step].astype(np.float32), valid[row : row + step])
    return seams.figure()


def test_the_seam_figure_is_one_without_seams_and_tells_them():
    windows = SceneWindows((96, 96), 32, 0.0)
    rows, cols = np.mgrid[:96, :96]
    assert seam_ratio((rows + cols) / 200, windows)["ratio"] == pytest.approx(1, abs=1e-3)
    stepped = (rows + cols) / 200 + 0.1 * ((rows // 32 + cols // 32) % 2)
    assert seam_ratio(stepped, windows)["ratio"] > 5
    assert seam_ratio(stepped, windows) == seam_ratio(stepped, windows, step=96)


def test_the_seam_figure_leaves_nodata_out():
    windows = SceneWindows((64, 64), 32, 0.0)
    picture, valid = np.zeros((64, 64)), np.ones((64, 64), bool)
    picture[:, 32:], valid[:, 32:] = 1, False
    assert seam_ratio(picture, windows, valid) == {"at_borders": 0.0, "elsewhere": 0.0, "ratio": None}
    assert seam_ratio(picture, windows, np.zeros_like(valid))["at_borders"] is None
