"""What falls out before a choice: each item once, by the first reason, and never silently."""

import numpy as np
import pytest
from candidates_made import ids_of, table, turned
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.choosing import choose
from ceruleanml.selection.filters import REASONS, counted_reasons
from ceruleanml.selection.options import SelectOptions, Threshold, parse_balance, parse_threshold

NAN = float("nan")


def removed(items, texts=None, **options):
    """Reason by id of a choice by score."""
    selection = choose(items, SelectOptions(**{"strategy": "uncertainty", "n": 200, **options}), texts)
    assert sorted([*ids_of(selection), *(one.id for one in selection.removed)]) == sorted(items.ids)
    return {one.id: one.reason for one in selection.removed}


def test_each_item_falls_by_the_first_reason_that_applies():
    items = table(
        {"entropy_window": [NAN, NAN, NAN, NAN, 0.1, 0.9, 0.8, 0.7]}, labelled="ab", evaluation="a",
    )  # fmt: skip
    found = removed(items, excluded=frozenset("abc"), thresholds=("entropy_window>=0.2",))
    assert found == {"a": "evaluation", "b": "labelled", "c": "excluded", "d": "no_score", "e": "threshold"}


def test_the_detail_says_what_was_asked_and_what_is():
    items = table({"entropy_window": [0.1, NAN], "foreground": [0.5, 0.5]})
    selection = choose(items, SelectOptions("uncertainty", n=1, thresholds=("entropy_window>=0.2",)))
    assert [one.detail for one in selection.removed] == [
        "entropy_window is 0.10, asked for is entropy_window>=0.2",
        "entropy_window is nan",
    ]
    assert selection.notes == ("nothing is left to choose from: 1 without a score, 1 beyond a threshold",)


def test_a_tile_without_data_is_not_even_drawn_at_random():
    items = table({"entropy_window": [0.5, NAN, 0.5], "foreground": [0.1, NAN, NAN]})
    assert removed(items, strategy="random") == {"b": "no_score"}


def test_an_item_without_embedding_is_dropped_by_those_that_need_it_alone():
    vectors = turned(0, 40, 80)
    vectors[1] = np.nan
    items = table({"entropy_window": [0.5, 0.6, 0.7]}, embeddings=vectors)
    assert removed(items, strategy="coreset") == removed(items, strategy="default") == {"b": "no_embedding"}
    assert removed(items, strategy="uncertainty") == {}


@pytest.mark.parametrize(
    ("threshold", "left"),
    [("x>=2", "bc"), ("x>2", "c"), ("x<=2", "ab"), ("x<2", "a"), ("x==2", "b"), ("x!=2", "ac"), (" x >= -1e3 ", "abc")],
)
def test_thresholds(threshold, left):
    items = table({"x": [1, 2, 3, NAN], "entropy_window": [1, 1, 1, 1]})
    selection = choose(items, SelectOptions("uncertainty", n=9, thresholds=(threshold,)))
    assert sorted(ids_of(selection)) == list(left)


@pytest.mark.parametrize("text", ["x", "x>=", ">=3", "x=3", "x>=three", "x>=nan", ""])
def test_what_is_no_threshold_is_refused_first(text):
    with pytest.raises(UsageError, match="write COLUMN>=NUMBER, as in entropy_window>=0.2"):
        SelectOptions(n=1, thresholds=(text,))


@given(st.floats(-1e6, 1e6), st.sampled_from([">=", "<=", "==", "!=", ">", "<"]))
def test_a_threshold_is_read_as_it_is_said(value, comparison):
    said = Threshold("entropy_window", comparison, float(f"{value:g}"))
    assert parse_threshold(str(said)) == said


def test_of_each_kind_the_best_stays():
    items = table({"entropy_window": [0.3, 0.9, 0.5, 0.5, 0.1, 0.2]}, labelled="b")
    kinds = {"target": ("x", "x", "x", "x", "", "")}
    assert removed(items, kinds, best_of_group="target") == {
        "a": "best_of_group", "b": "labelled", "d": "best_of_group",
    }  # fmt: skip


def test_kinds_may_be_numbers_or_groups():
    items = table({"entropy_window": [0.3, 0.9, 0.5], "target": [7, 7, NAN]}, groups="sst")
    assert removed(items, best_of_group="target") == {"a": "best_of_group"}
    assert removed(items, best_of_group="scene_id") == {"a": "best_of_group"}
    with pytest.raises(SelectionError, match="plate: is no column of the scores, which have entropy_window, target"):
        removed(items, best_of_group="plate")
    with pytest.raises(SelectionError, match="a score must say which is best; name a column with --score"):
        removed(items, best_of_group="target", strategy="random")


def test_cells_of_the_scores_cut_outliers():
    items = table({"entropy_window": [0.5] * 8, "som_cell": [3, 3, 3, 9, 9, 9, 4, NAN]})
    assert removed(items, som_percentile=15.0) == {"g": "som_outlier"}


def test_without_cells_a_map_of_the_embeddings_does():
    rng = np.random.Generator(np.random.PCG64(3))
    rows = np.concatenate([rng.normal(loc, 0.02, (60, 4)) for loc in ([1, 0, 0, 0], [0, 1, 0, 0])] + [[[0, 0, 1, 1]]])
    ids = [f"{number:03d}" for number in range(121)]
    items = table({"entropy_window": [0.5] * 121}, embeddings=rows.astype(np.float32), ids=ids)
    assert removed(items, som_percentile=15.0)["120"] == "som_outlier"
    with pytest.raises(SelectionError, match="--som-cut needs embeddings, or a column som_cell"):
        removed(table({"entropy_window": [0.5]}), som_percentile=15.0)


def test_what_a_full_group_keeps_out_is_said():
    items = table({"entropy_window": [0.9, 0.8, 0.7, 0.1]}, groups="ssst")
    selection = choose(items, SelectOptions("uncertainty", n=3, max_per_group=1))
    assert ids_of(selection) == ["a", "d"]
    assert [(one.id, one.reason, one.detail) for one in selection.removed] == [
        ("b", "group_limit", "s has its 1 in this batch already"),
        ("c", "group_limit", "s has its 1 in this batch already"),
    ]
    assert selection.notes == ("2 of 3 are offered: 1 of a group at most",)


def test_every_reason_is_explained():
    items = table({"entropy_window": [NAN, 0.1]}, labelled="b")
    selection = choose(items, SelectOptions("uncertainty", n=1))
    assert counted_reasons(selection.removed) == {"labelled": 1, "no_score": 1}
    assert {one.reason for one in selection.removed} <= REASONS.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "n and share: neither was given"),
        ({"n": 3, "share": 0.5}, "n and share: both was given"),
        ({"n": -1}, "n -1: cannot be; give 0 or more"),
        ({"share": 1.5}, "share 1.5: cannot be; give above 0, up to 1"),
        ({"n": 1, "max_per_group": 0}, "max_per_group 0: cannot be; give 1 or more"),
        ({"n": 1, "som_percentile": 100}, "som_percentile 100: cannot be; give 0 to below 100"),
        ({"n": 1, "random_share": 2}, "random_share 2: cannot be; give 0 to 1"),
        ({"n": 1, "balance": {"a": 0.6, "b": 0.6}}, "balance of 1.2 in all: cannot be; give shares that sum to 1"),
        ({"n": 1, "balance": {"a": -0.6}}, "balance a -0.6: cannot be; give 0 to 1"),
        ({"n": 1, "round": -1}, "round -1: cannot be"),
        ({"n": 1, "rounds": 0}, "rounds 0: cannot be"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(UsageError, match=message):
        SelectOptions(**options)


def test_balance_is_read_from_texts():
    assert parse_balance(["natural_seep=0.3", "kind:a=b=0.5"]) == {"natural_seep": 0.3, "kind:a=b": 0.5}
    for texts in (["seep"], ["=0.3"], ["seep=much"]):
        with pytest.raises(UsageError, match="write CLASS=SHARE, or COLUMN:VALUE=SHARE"):
            parse_balance(texts)
    with pytest.raises(UsageError, match="a has a share already; give each class once"):
        parse_balance(["a=0.1", "a=0.2"])
