"""Diversity: the picks of a plain loop, no preselected item, and each strategy's own promise."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ceruleanml.errors import SelectionError
from ceruleanml.selection import farthest
from ceruleanml.selection.diversity import badge, coral, k_center, typical
from ceruleanml.selection.typicality import sparseness, typical_order
from ceruleanml.selection.unit_rows import unit_rows

SQUARE = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
STRATEGIES = {
    "k_center": lambda rows, n, taken=None: k_center(rows, n, taken),
    "coral": lambda rows, n, taken=None: coral(rows, np.linspace(0.1, 1, len(rows)), n, taken),
    "typical": lambda rows, n, taken=None: typical(rows, n, taken),
    "badge": lambda rows, n, taken=None: badge(rows, n, 0, taken),
}


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def made(kind, n, d, seed):
    """Embeddings of one kind: spread evenly, in tight clusters, with many copies, or on few directions."""
    rng = np.random.default_rng(seed)
    if kind == "even":
        return rng.standard_normal((n, d)).astype(np.float32)
    if kind == "clustered":
        return (rng.standard_normal((5, d))[rng.integers(0, 5, n)] + 0.02 * rng.standard_normal((n, d))).astype("f4")
    if kind == "copies":
        return rng.standard_normal((max(n // 4, 1), d)).astype(np.float32)[rng.integers(0, max(n // 4, 1), n)]
    return (rng.integers(-1, 2, (n, d)) + np.eye(1, d) * 3).astype(np.float32)


def plainly(rows, weights, strength, n, taken):
    """The same choice by a loop over all items and all picks in float64."""
    rows, picks = unit(rows), list(taken)
    start = len(picks)
    while len(picks) < min(start + n, len(rows)):
        value = farthest.worth((rows @ rows[picks].T).max(axis=1), weights, strength) if picks else weights.copy()
        if not np.delete(value, picks).any():
            value = weights.copy()
        value[picks] = -1
        picks.append(int(np.argmax(value >= value.max() * (1 - 1e-9))))
    return picks[start:]


POOLS = st.tuples(
    st.sampled_from(["even", "clustered", "copies", "grid"]), st.integers(1, 60), st.integers(2, 6), st.integers(0, 999)
)


@given(POOLS, st.integers(1, 70), st.sets(st.integers(0, 59), max_size=5), st.sampled_from([2, 7, 512]))
def test_k_center_picks_what_a_plain_loop_picks(pool, n, taken, block):
    rows = made(*pool)
    taken = sorted(place for place in taken if place < len(rows))
    with patch.object(farthest, "block_items", lambda d: block):
        picks = k_center(rows, n, taken)
    first = [] if taken else picks[:1].tolist()
    assert first + plainly(rows, np.ones(len(rows)), 1, n - len(first), taken or first) == picks.tolist()
    if first:
        cosines = unit(rows) @ unit(rows).mean(axis=0)
        assert first[0] == np.argmax(cosines <= cosines.min() + 1e-12)


@example(("clustered", 37, 2, 0), 23, set(), 0.5, 1, 2)  # the best lies on a taken item by a hair
@given(
    POOLS,
    st.integers(1, 70),
    st.sets(st.integers(0, 59), max_size=5),
    st.sampled_from([0, 0.5, 1, 3]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([2, 7, 512]),
)
def test_coral_picks_what_a_plain_loop_picks(pool, n, taken, of_distance, of_score, block):
    rows = made(*pool)
    scores = np.random.default_rng(pool[3]).integers(0, 5, len(rows)) / 4
    taken = sorted(place for place in taken if place < len(rows))
    with patch.object(farthest, "block_items", lambda d: block):
        picks = coral(rows, scores, n, taken, (of_distance, of_score))
    weights = np.where(np.isin(np.arange(len(rows)), taken), 0, scores)
    weights = (weights / (weights.max() or 1)) ** of_score
    assert plainly(rows, weights, of_distance, n, taken) == picks.tolist()


@pytest.mark.parametrize("kind", ["even", "clustered", "copies", "grid"])
def test_a_pool_of_several_blocks_gives_a_plain_loops_picks(kind):
    rows = made(kind, 2000, 8, 1)
    picks = k_center(rows, 300, [5, 17])
    assert picks.tolist() == plainly(rows, np.ones(2000), 1, 300, [5, 17])


def test_more_equal_items_than_are_compared_leave_one_of_the_best():
    rows = made("grid", 400, 3, 0)
    with patch.object(farthest, "COMPARED", 3), patch.object(farthest, "block_items", lambda d: 2):
        picks = k_center(rows, 400)
    assert sorted(picks) == list(range(400))
    nearest = np.array([(unit(rows)[picks[:k]] @ unit(rows)[picks[k]]).max() for k in range(1, 20)])
    best = np.array([(unit(rows) @ unit(rows)[picks[:k]].T).max(axis=1).min() for k in range(1, 20)])
    np.testing.assert_allclose(nearest, best, atol=2e-6)


def test_k_center_goes_around_a_square():
    assert k_center(SQUARE, 4, [0]).tolist() == [2, 1, 3]
    assert k_center(np.concatenate([SQUARE, SQUARE[:1], SQUARE[:1]]), 1).tolist() == [2]  # farthest from the mean


def at_distances(*distances):
    """A taken row, and rows at these distances (below 2) from it, all on a circle."""
    angles = 2 * np.arcsin(np.array([0, *distances]) / 2)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_coral_takes_lightlys_second():
    assert coral(at_distances(1, 0.8, 0.5), [0, 0.3, 0.8, 1], 1, [0]).tolist() == [2]


@pytest.mark.parametrize(
    "strengths, first", [((1, 1), 2), ((0, 1), 3), ((1, 0), 1), ((1, 3), 3), ((4, 1), 2), ((9, 1), 1)]
)
def test_strengths_weigh_distance_against_score(strengths, first):
    assert coral(at_distances(1, 0.8, 0.5), [0, 0.3, 0.8, 1], 1, [0], strengths).tolist() == [first]


def test_coral_begins_with_the_greatest_score_and_needs_none_of_what_is_taken():
    assert coral(SQUARE, [0.1, 0.2, 0.9, 0.3], 1).tolist() == [2]
    assert coral(SQUARE, [np.nan, 0.2, 0.9, 0.3], 2, [0]).tolist() == [2, 3]


@given(st.floats(0.1, 1.9), st.floats(0.1, 1.9), st.floats(0.01, 10))
def test_more_distance_never_ranks_lower_at_equal_score(near, far, score):
    near, far = min(near, far), max(near, far)
    if far - near > 1e-4:
        assert coral(at_distances(near, far), [0, score, score], 1, [0]).tolist() == [2]


def test_more_score_never_ranks_lower_at_equal_distance():
    rows = at_distances(1, 1, 1)
    assert coral(rows, [0, 0.2, 0.4, 0.3], 1, [0]).tolist() == [2]


def test_a_greater_unit_of_the_score_changes_nothing():
    rows, scores = made("even", 80, 4, 0), np.random.default_rng(0).random(80)
    np.testing.assert_array_equal(coral(rows, scores, 20), coral(rows, 1e6 * scores, 20))


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=30)
@given(POOLS, st.integers(0, 70), st.sets(st.integers(0, 59), max_size=8))
def test_picks_are_new_each_once_and_all_when_more_are_asked_for(strategy, pool, n, taken):
    rows = made(*pool)
    taken = [place for place in taken if place < len(rows)]
    picks = STRATEGIES[strategy](rows, n, np.array(taken, np.int64))
    assert picks.dtype == np.int64
    assert len(picks) == min(n, len(rows) - len(taken)) == len(set(picks.tolist()) - set(taken))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_length_and_type_of_rows_are_nothing(strategy, tmp_path):
    rows = made("even", 60, 4, 2)
    np.save(tmp_path / "rows.npy", rows)
    expected = STRATEGIES[strategy](rows, 12)
    lengths = np.array([0.5, 2, 4])[np.arange(60) % 3, None]  # exact in binary
    for same in (rows * lengths, (rows * lengths).astype(np.float32), np.load(tmp_path / "rows.npy", mmap_mode="r")):
        np.testing.assert_array_equal(STRATEGIES[strategy](same, 12), expected)


@pytest.mark.parametrize("strategy", ["k_center", "coral"])
@given(st.integers(0, 999))
def test_the_order_of_items_is_nothing(strategy, seed):
    rng = np.random.default_rng(seed)
    rows, scores, order = rng.standard_normal((40, 3)), rng.random(40), rng.permutation(40)
    choose = {"k_center": lambda at: k_center(rows[at], 15), "coral": lambda at: coral(rows[at], scores[at], 15)}
    np.testing.assert_array_equal(order[choose[strategy](order)], choose[strategy](np.arange(40)))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_items_near_a_taken_one_are_passed_over(strategy):
    rng = np.random.default_rng(0)
    rows = np.repeat(SQUARE, 8, axis=0) + 0.001 * rng.standard_normal((32, 2))
    picks = STRATEGIES[strategy](rows, 3, [3])
    assert sorted(picks // 8) == [1, 2, 3]


def test_typical_takes_the_middle_of_the_greatest_clusters():
    rng = np.random.default_rng(0)
    sizes, turned = [30, 20, 10], np.concatenate([np.full(n, 2.1 * k) for k, n in enumerate([30, 20, 10])])
    angles = turned + np.concatenate([np.linspace(-0.3, 0.3, n) * np.linspace(0.2, 1, n) for n in sizes])
    order = rng.permutation(60)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)[order]
    picks = typical(rows, 3)
    assert [int(np.searchsorted([30, 50, 60], place, side="right")) for place in order[picks]] == [0, 1, 2]
    for pick, start, size in zip(order[picks], (0, 30, 50), sizes, strict=True):
        apart = np.abs(angles[start : start + size] - angles[pick])
        assert np.sort(apart)[size // 2] < 0.12  # half of its cluster lies around it
    assert typical(rows, 2, picks[:1]).tolist() == picks[1:].tolist()


def test_typical_leaves_a_cluster_of_outliers_for_the_end():
    rows = np.concatenate([np.repeat(SQUARE[:2], 10, axis=0) + 0.01 * made("even", 20, 2, 0), SQUARE[2:3]])
    assert set(typical(rows, 4) // 10) == {0, 1}
    clusters = np.array([0] * 10 + [1] * 10 + [2])
    assert typical_order(unit_rows(rows), clusters, np.array([0]), 20, 20)[-1] == 20


def test_typicality_is_of_the_nearest_neighbours_in_the_cluster():
    rows = unit_rows(at_distances(0.1, 0.2, 1.0))
    found = sparseness(rows, np.array([0, 1, 2, 3]), neighbours=2)
    chords = np.linalg.norm(at_distances(0.1, 0.2, 1.0)[:, None] - at_distances(0.1, 0.2, 1.0), axis=2)
    np.testing.assert_allclose(found, np.sort(chords, axis=1)[:, 1:3].mean(axis=1), atol=1e-6)
    assert sparseness(rows, np.array([2])).tolist() == [0]


@pytest.mark.parametrize(
    "strategy", [lambda rows, seed: typical(rows, 9, seed=seed), lambda rows, seed: badge(rows, 9, seed)]
)
def test_a_seed_gives_its_picks_again(strategy):
    rows = made("even", 200, 5, 0)
    np.testing.assert_array_equal(strategy(rows, 4), strategy(rows, 4))
    assert len({tuple(strategy(rows, seed)) for seed in range(4)}) > 1


def test_badge_draws_by_squared_distance():
    rows = at_distances(0.5, 1.0, 1.5)
    drawn = np.bincount([int(badge(rows, 1, seed, [0])[0]) for seed in range(2000)], minlength=4) / 2000
    np.testing.assert_allclose(drawn, np.array([0, 0.25, 1, 2.25]) / 3.5, atol=0.03)


def test_badge_draws_uncertain_items_first_and_certain_ones_never():
    first = [int(badge(SQUARE, 1, seed, weights=[0, 1, 2, 0])[0]) for seed in range(1000)]
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 1000, [0, 0.2, 0.8, 0], atol=0.04)
    assert all(badge(SQUARE, 1, seed, [1], [0, np.nan, 2, 0]).tolist() == [2] for seed in range(50))


WRONG = {
    "embedding 1 is zero": lambda: k_center([[1.0, 0], [0, 0]], 1),
    "embedding 0 is zero or not finite": lambda: k_center([[np.nan, 0], [0, 1]], 1),
    "give numbers of shape": lambda: k_center(["a", "b"], 1),
    "preselected names item 4, of 4": lambda: k_center(SQUARE, 1, [4]),
    "preselected names item -1": lambda: k_center(SQUARE, 1, [-1]),
    "preselected is bool": lambda: k_center(SQUARE, 1, [True, False, False, True]),
    "-1 items cannot": lambda: k_center(SQUARE, -1),
    "score of item 2 is -0.5": lambda: coral(SQUARE, [1, 0, -0.5, 0], 1),
    "score of item 1 is nan": lambda: coral(SQUARE, [1, np.nan, 0, 0], 1),
    "score of item 0 is inf": lambda: coral(SQUARE, [np.inf, 1, 0, 0], 1),
    "give one score an item": lambda: coral(SQUARE, [1, 1], 1),
    "strengths are": lambda: coral(SQUARE, np.ones(4), 1, strengths=(-1, 1)),
    "weight of item 3 is nan": lambda: badge(SQUARE, 1, 0, weights=[1, 1, 1, np.nan]),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_cannot_be_chosen_from_is_said(message):
    with pytest.raises(SelectionError, match=message):
        WRONG[message]()


def test_an_empty_pool_gives_no_picks():
    for strategy in STRATEGIES.values():
        assert strategy(np.zeros((0, 3), np.float32), 5).tolist() == []
    assert k_center([], 5, []).tolist() == coral([], [], 5, []).tolist() == []
