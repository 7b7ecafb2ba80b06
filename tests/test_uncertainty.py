"""Measures of uncertainty: their values to four places, and the laws they keep."""

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceruleanml.errors import UsageError
from ceruleanml.selection.uncertainty import (
    RunningInformation,
    entropy,
    least_confidence,
    margin,
    mutual_information,
    soft_mutual_information,
    vote_entropy,
    vote_mutual_information,
    vote_shares,
)

NORMALISED = (least_confidence, margin, entropy)


def near(value):
    return pytest.approx(value, abs=1e-4)


def normalised(weights):
    return weights / weights.sum(axis=-1, keepdims=True)


def one_column(p):
    return np.asarray(p)[..., None]


probabilities = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.floats(0.001, 1)).map(
    normalised
)
samples = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(2, 5)), elements=st.floats(0.001, 1)
).map(normalised)


@pytest.mark.parametrize(
    ("p", "values"),
    [
        ([0.7, 0.2, 0.1], (0.45, 0.5, 0.7298)),
        ([0.1, 0.9], (0.2, 0.2, 0.4690)),
        ([0.9], (0.2, 0.2, 0.4690)),
        ([0.0, 0.5, 0.5], (0.75, 1.0, 0.6309)),
        ([0.0, 1.0, 0.0], (0.0, 0.0, 0.0)),
        ([0.25] * 4, (1.0, 1.0, 1.0)),
    ],
)
def test_normalised_measures(p, values):
    assert [measure(p) for measure in NORMALISED] == [near(value) for value in values]


def test_raw_measures():
    p = [0.7, 0.2, 0.1]
    assert least_confidence(p, normalised=False) == near(0.3)
    assert entropy(p, normalised=False) == near(0.8018)
    assert entropy([0.5, 0.5], normalised=False) == near(np.log(2))


def test_classes_lie_on_the_last_axis():
    p = np.array([[[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]])
    for measure, expected in zip(NORMALISED, ([0.45, 0.75], [0.5, 1.0], [0.7298, 0.6309]), strict=True):
        assert measure(p) == pytest.approx(np.array([expected]), abs=1e-4)


@pytest.mark.parametrize(
    ("rho", "votes", "value"),
    [
        ([0.2, 0.4, 0.6], 1, 0.05754),
        ([0.2, 0.4, 0.6], 10, 0.38929),
        ([0.2, 0.4, 0.6], 40, 0.80759),
        ([0.1, 0.9], 1, 0.36806),
        ([0.1, 0.9], 40, 0.69315),
        ([0.45, 0.55], 40, 0.16839),
        ([0.0, 1.0], 1000, 0.69315),
        ([0.3, 0.3], 1000, 0.0),
    ],
)
def test_information_of_votes(rho, votes, value):
    assert vote_mutual_information(rho, votes) == near(value)


def test_information_of_votes_of_several_items_at_once():
    rho = np.array([[0.2, 0.1], [0.4, 0.9], [0.6, 0.5]])
    each = [vote_mutual_information(rho[:, number], 40) for number in range(2)]
    assert vote_mutual_information(rho, 40) == pytest.approx(each)


@given(arrays(np.float64, st.integers(1, 6), elements=st.floats(0, 1)))
def test_one_vote_is_ordinary_mutual_information(rho):
    assert vote_mutual_information(rho, 1) == pytest.approx(mutual_information(one_column(rho)), abs=1e-9)


@given(arrays(np.float64, st.integers(2, 5), elements=st.floats(0, 1)), st.integers(1, 60))
def test_more_votes_never_tell_less_and_never_more_than_which_sample_it_is(rho, votes):
    fewer, more = vote_mutual_information(rho, votes), vote_mutual_information(rho, votes + 1)
    assert fewer <= more + 1e-9 <= np.log(len(rho)) + 2e-9


@pytest.mark.parametrize("votes", [0, 1.5, float("nan")])
def test_no_votes_cannot_be(votes):
    with pytest.raises(UsageError, match=f"votes {votes} cannot be; give the number of volunteers"):
        vote_mutual_information([0.5], votes)


NOTHING = {
    "samples of shape \\(0, 3\\)": lambda: mutual_information(np.zeros((0, 3))),
    "samples of shape \\(0, 4\\)": lambda: vote_mutual_information(np.zeros((0, 4)), 1),
    "labels of shape \\(0, 2\\)": lambda: vote_entropy(np.zeros((0, 2), int), 3),
    "probabilities of shape \\(0,\\)": lambda: entropy([]),
    "probabilities of shape \\(\\)": lambda: margin(0.3),
    "probabilities from 0.5 to 2": lambda: vote_mutual_information([0.5, 2], 3),
}


@pytest.mark.parametrize("message", NOTHING)
def test_what_has_no_sample_or_class_is_said(message):
    with pytest.raises(UsageError, match=message):
        NOTHING[message]()


def test_rounding_of_probabilities_leads_out_of_no_range():
    off = np.array([[1 + 1e-7, -1e-7], [-1e-7, 1 + 1e-7], [0.4999999, 0.4999999], [1, 0]])
    for measure in NORMALISED:
        for p in (off, off[:, :1], off.astype(np.float32), torch.from_numpy(off)):
            found = np.asarray(measure(p))
            assert np.all((found >= 0) & (found <= 1)) and not np.signbit(found).any()
    assert vote_mutual_information(off, 4) == pytest.approx(vote_mutual_information(off.clip(0, 1), 4))


@pytest.mark.parametrize(
    ("labels", "value"),
    [([1, 1, 1, 1], 0.0), ([0, 1, 0, 1], 0.6931), ([0, 1, 2], 1.0986), ([0, 0, 0, 2], 0.5623)],
)
def test_vote_entropy(labels, value):
    assert vote_entropy(labels, 3) == near(value)


def test_shares_of_votes():
    assert vote_shares([[0, 2], [0, 1], [2, 1]], 3).tolist() == [[2 / 3, 0, 1 / 3], [0, 2 / 3, 1 / 3]]
    with pytest.raises(UsageError, match="votes are for classes 0 to 3, there are 0 to 2"):
        vote_shares([0, 3], 3)


def test_members_that_are_sure_and_disagree_tell_most_members_that_are_unsure_alike_nothing():
    assert soft_mutual_information([[[1.0, 0.0]], [[0.0, 1.0]]]) == pytest.approx([np.log(2)])
    assert soft_mutual_information([[[0.5, 0.5]], [[0.5, 0.5]]]) == pytest.approx([0.0])


@given(probabilities, st.randoms(use_true_random=False))
def test_the_order_of_classes_does_not_matter(p, random):
    order = random.sample(range(p.shape[-1]), p.shape[-1])
    for measure in NORMALISED:
        assert measure(p[..., order]) == pytest.approx(measure(p))


@given(probabilities)
def test_normalised_measures_lie_between_one_hot_and_uniform(p):
    classes = p.shape[-1]
    for measure in NORMALISED:
        assert np.all((measure(p) >= 0) & (measure(p) <= 1 + 1e-12))
        assert measure(np.eye(classes)) == pytest.approx(np.zeros(classes))
        assert measure(np.full(classes, 1 / classes)) == pytest.approx(1.0)


@given(probabilities)
def test_one_column_is_the_second_of_two_classes(p):
    column = p[..., :1]
    for measure in NORMALISED:
        assert measure(column) == pytest.approx(measure(np.concatenate([1 - column, column], axis=-1)))


@given(samples, st.randoms(use_true_random=False))
def test_streaming_gives_what_stacking_gives_in_any_order(p, random):
    running = RunningInformation()
    for number in random.sample(range(len(p)), len(p)):
        running.add(p[number])
    assert running.mutual_information() == pytest.approx(mutual_information(p), abs=1e-9)
    assert running.mean == pytest.approx(p.mean(axis=0))


@given(samples)
def test_information_is_never_negative_nor_more_than_the_entropy_of_the_mean(p):
    found = mutual_information(p)
    assert np.all(found >= 0) and np.all(found <= entropy(p.mean(axis=0), normalised=False) + 1e-12)
    assert mutual_information(np.stack([p[0]] * 3)) == pytest.approx(np.zeros(p.shape[1]), abs=1e-12)


def test_streaming_takes_single_predictions_and_columns():
    running = RunningInformation()
    with pytest.raises(UsageError, match="no sample was added"):
        running.mutual_information()
    for p in ([0.1], [0.9]):
        running.add(p)
    assert running.mutual_information() == near(0.36806) and running.mean.tolist() == [0.5]


def test_a_tensor_gives_what_an_array_gives():
    p = normalised(np.random.default_rng(0).random((3, 7, 5)))
    running = RunningInformation()
    for one in torch.from_numpy(p):
        running.add(one)
    assert running.mutual_information().numpy() == pytest.approx(mutual_information(p))
    for measure in NORMALISED:
        assert measure(torch.from_numpy(p)).numpy() == pytest.approx(measure(p))


def test_nan_is_never_silent():
    p = [[np.nan, np.nan], [0.5, 0.5]]
    for measure in NORMALISED:
        assert np.isnan(measure(p)).tolist() == [True, False]
    assert np.isnan(mutual_information([p, p])).tolist() == [True, False]


def test_memory_does_not_grow_with_the_number_of_samples():
    p = normalised(np.random.default_rng(0).random((256, 256, 7))).astype(np.float32)
    peaks = []
    for count in (2, 40):
        tracemalloc.start()
        running = RunningInformation()
        for _ in range(count):
            running.add(p)
        assert running.mutual_information() == pytest.approx(np.zeros((256, 256)), abs=1e-4)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0] < 3.5 * p.nbytes
