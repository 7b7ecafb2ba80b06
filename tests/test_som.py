"""The self-organising map: it wraps, a seed gives it again, order is nothing, and lone items stand out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceruleanml.errors import SelectionError
from ceruleanml.selection import som
from ceruleanml.selection.som import SelfOrganisingMap, fit_map, outliers, side_for, wrapped_distance


def clustered(n, d=8, seed=0, clusters=6, spread=0.3):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, d))
    rows = centres[rng.integers(0, clusters, n)] + spread * rng.standard_normal((n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ring(n):
    """Items around a circle, in order."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_opposite_edges_are_neighbours():
    assert wrapped_distance(5)[0].tolist() == [0, 1, 2, 2, 1]
    apart = wrapped_distance(45)
    assert apart[0, 44] == apart[44, 0] == 1 and apart.max() == 22
    np.testing.assert_array_equal(apart, np.roll(apart, (7, 7), axis=(0, 1)))


def test_neighbouring_cells_are_alike_over_the_edges_too():
    weights = fit_map(clustered(2000, clusters=40, spread=0.5), side=8).weights
    far = np.linalg.norm(weights - np.roll(weights, (4, 4), axis=(0, 1)), axis=2).mean()
    for axis in (0, 1):
        steps = np.linalg.norm(weights - np.roll(weights, 1, axis=axis), axis=2).mean(axis=1 - axis)
        assert steps[0] < 0.6 * far  # from the last row or column to the first
        assert steps.max() < 0.6 * far


def test_a_turn_of_the_map_turns_the_mean_around_each_cell():
    rng = np.random.default_rng(0)
    rows, cells = rng.random((60, 3)).astype(np.float32), rng.integers(0, 36, 60)
    turned = (cells // 6 + 2) % 6 * 6 + (cells % 6 + 5) % 6
    still, none = som._mean_around(rows, cells, np.zeros((36, 3), np.float32), 6, 1.5), np.zeros((36, 3), np.float32)
    moved = som._mean_around(rows, turned, none, 6, 1.5)
    np.testing.assert_allclose(moved.reshape(6, 6, 3), np.roll(still.reshape(6, 6, 3), (2, 5), axis=(0, 1)), rtol=1e-5)


def test_the_mean_around_a_cell_is_kohonens_batch_rule():
    rng = np.random.default_rng(1)
    rows, cells, side, width = rng.random((40, 2)).astype(np.float32), rng.integers(0, 16, 40), 4, 0.8
    apart = wrapped_distance(side)
    expected = np.empty((16, 2))
    for cell in range(16):
        squared = apart[cell // side, cells // side] ** 2 + apart[cell % side, cells % side] ** 2
        expected[cell] = np.average(rows, axis=0, weights=np.exp(-squared / (2 * width**2)))
    found = som._mean_around(rows, cells, np.zeros((16, 2), np.float32), side, width)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_cell_with_nothing_near_keeps_its_weights():
    kept = np.arange(800, dtype=np.float32).reshape(400, 2)
    found = som._mean_around(np.ones((3, 2), np.float32), np.zeros(3, int), kept, 20, 0.6)
    np.testing.assert_allclose(found[[0, 1, 20]], 1, rtol=1e-6)
    np.testing.assert_array_equal(found[210], kept[210])


def test_the_cell_of_an_item_is_the_nearest():
    rng = np.random.default_rng(0)
    weights, rows = rng.standard_normal((3, 3, 4)).astype(np.float32), rng.standard_normal((2500, 4))
    expected = np.linalg.norm(rows[:, None] - weights.reshape(1, 9, 4), axis=2).argmin(axis=1)
    found = SelfOrganisingMap(weights).cells(rows)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)


def test_items_around_a_circle_share_cells_with_their_neighbours():
    cells = fit_map(ring(400), side=6).cells(ring(400))
    assert (cells != np.roll(cells, 1)).sum() <= 2 * len(np.unique(cells))


@settings(max_examples=20)
@given(st.integers(1, 120), st.integers(1, 5), st.integers(0, 99))
def test_the_order_of_items_only_orders_their_cells(n, d, seed):
    rng = np.random.default_rng(seed)
    rows, order = rng.standard_normal((n, d)), rng.permutation(n)
    fitted, again = fit_map(rows, iterations=5), fit_map(rows[order], iterations=5)
    np.testing.assert_array_equal(fitted.weights, again.weights)
    np.testing.assert_array_equal(fitted.cells(rows)[order], again.cells(rows[order]))


def test_a_seed_draws_the_same_items_of_many(monkeypatch, tmp_path):
    monkeypatch.setattr(som, "FITTED", 500)
    rows, order = clustered(2000), np.random.default_rng(3).permutation(2000)
    one = fit_map(rows, seed=1)
    np.testing.assert_array_equal(one.weights, fit_map(rows, seed=1).weights)
    np.testing.assert_array_equal(one.weights, fit_map(rows[order], seed=1).weights)
    assert not np.array_equal(one.weights, fit_map(rows, seed=2).weights)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    np.testing.assert_array_equal(one.cells(rows), fit_map(mapped, seed=1).cells(mapped))


def test_planted_outliers_are_found():
    rows = clustered(3000, clusters=3, spread=0.05)
    rows[:4] = -rows[4:8]
    found = outliers(fit_map(rows).cells(rows))
    assert found[:4].all()
    assert found.mean() < 0.15


@pytest.mark.parametrize(
    "counts, percentile, cut",
    [
        ([1, 9, 9, 9, 9, 9, 9, 9], 15, [0]),  # the percentile is 9, as in most cells
        ([1, 2, 9, 9, 9, 9, 9, 9], 15, [0, 1]),  # the percentile is 2.35
        ([1, 2, 9, 9, 9, 9, 9, 9], 0, [0]),
        ([2, 2, 9, 9, 9, 9, 9, 9], 0, [0, 1]),
        ([3, 1], 15, [1]),
        ([5, 5, 5], 15, []),  # all alike: nothing stands out
        ([1] * 40 + [2] * 3, 15, []),  # most cells hold one item
        ([7], 15, []),
    ],
)
def test_outliers_lie_in_cells_at_or_below_the_percentile(counts, percentile, cut):
    cells = np.repeat(np.arange(len(counts)) * 3 + 1, counts)  # cells between these are empty
    np.testing.assert_array_equal(outliers(cells, percentile=percentile), np.isin((cells - 1) // 3, cut))


@given(st.lists(st.integers(0, 30), max_size=80), st.randoms())
def test_outliers_do_not_hang_on_order_or_names_of_cells(cells, random):
    order = random.sample(range(len(cells)), len(cells))
    found = outliers(cells)
    np.testing.assert_array_equal(found[order], outliers([5 * cells[place] for place in order]))


@pytest.mark.parametrize("items, side", [(1, 1), (20, 1), (80, 2), (500, 5), (10_000, 22), (40_500, 45), (10**6, 45)])
def test_a_small_pool_gets_a_small_map(items, side):
    assert side_for(items) == side


def test_few_and_equal_items_have_cells():
    assert fit_map([[1.0, 0.0]]).cells([[1.0, 0.0]]).tolist() == [0]
    same = np.ones((50, 3), np.float32)
    cells = fit_map(same, side=4).cells(same)
    assert len(np.unique(cells)) == 1 and not outliers(cells).any()
    assert outliers([]).shape == (0,)


@pytest.mark.parametrize(
    "message, wrong",
    [
        ("no items", lambda: fit_map(np.zeros((0, 3)))),
        ("not finite", lambda: fit_map([[np.nan, 1.0]])),
        ("not finite", lambda: fit_map([[0.0, 1.0]]).cells([[np.inf, 1.0]])),
        ("have 3 figures and the map 2", lambda: fit_map([[0.0, 1.0]]).cells(np.ones((4, 3)))),
        ("map of side 0", lambda: fit_map([[0.0, 1.0]], side=0)),
        ("give numbers of shape", lambda: fit_map(["x"])),
    ],
)
def test_what_cannot_be_mapped_is_said(message, wrong):
    with pytest.raises(SelectionError, match=message):
        wrong()
