"""Batches of several parts: clasp-pe, the default mix, and classes that are balanced."""

from collections import Counter

import numpy as np
import pytest
from candidates_made import ids_of, pool, table, turned

from ceruleanml.errors import SelectionError
from ceruleanml.selection.balance import shared_out
from ceruleanml.selection.candidates import Candidates
from ceruleanml.selection.choosing import choose
from ceruleanml.selection.clasp import beta, turns
from ceruleanml.selection.options import SelectOptions


def chosen(items, strategy, n=99, texts=None, **options):
    return choose(items, SelectOptions(strategy, n=n, **options), texts)


def test_chance_fades_over_the_rounds():
    assert [beta(number, 5) for number in (0, 1, 2, 3, 4, 7)] == pytest.approx([1, 10**0.5, 10, 10**1.5, 100, 100])
    assert beta(0, 1) == 1


def test_turns_are_spread_evenly():
    assert turns([2, 4]) == [1, 0, 1, 1, 0, 1]
    assert turns([0, 2]) == [1, 1] and turns([]) == []


def test_clasp_shares_two_thirds_out_over_the_classes():
    items = pool(300, labelled=0, evaluation=0)
    found = chosen(items, "clasp-pe", 50, round=9)
    parts = Counter(pick.reason.split(":")[0] for pick in found.picks)
    assert parts == {"infra_slick": 16, "natural_seep": 17, "any class": 17} or parts == {
        "infra_slick": 17, "natural_seep": 16, "any class": 17,
    }  # fmt: skip
    last = {part: [pick.score for pick in found.picks if pick.reason.startswith(part)] for part in parts}
    for column, part in (("uncertain_infra_slick", "infra_slick"), ("uncertain_natural_seep", "natural_seep")):
        assert min(last[part]) > np.quantile(items.scores[column], 0.85)


def test_early_rounds_hold_more_chance_than_late_ones():
    items = pool(400, labelled=0, evaluation=0)
    means = [np.mean([pick.score for pick in chosen(items, "clasp-pe", 40, round=r).picks]) for r in (0, 9)]
    assert means[0] < 0.85 < 0.9 < means[1]


def test_a_class_that_never_appears_gives_its_share_away():
    items = pool(60)
    items.scores["uncertain_natural_seep"][:] = 0
    for strategy in ("clasp-pe", "default"):
        found = chosen(items, strategy, 20, round=3)
        assert len(found.picks) == 20
        assert (
            "natural_seep: uncertain_natural_seep is 0 in all items left, so its share goes to the others"
            in found.notes
        )


def test_the_mix_starts_with_typical_and_likely_items():
    found = chosen(pool(100, groups=20), "default", 20)
    kinds = Counter(pick.reason.split(";")[0].split(":")[0] for pick in found.picks)
    assert kinds["typical of its cluster"] == 9
    assert kinds["drawn among the foreground"] == 6
    assert kinds["plain random"] == 3
    assert kinds["plain random, the share that estimates without bias"] == 2


def test_the_mix_goes_on_with_uncertain_items_that_differ_and_some_at_random():
    found = chosen(pool(100, groups=20), "default", 20, round=4)
    at_random = [pick.rank for pick in found.picks if pick.reason.startswith("plain random")]
    assert len(at_random) == 2 and at_random[0] <= 10 < at_random[1]  # spread through the ranks
    assert all(pick.score is None for pick in found.picks if pick.rank in at_random)
    assert max(Counter(pick.group for pick in found.picks).values()) <= 2  # twice the even share


def test_the_random_share_is_an_even_draw_from_everything_left():
    items = pool(30, groups=1, labelled=0, evaluation=0)
    drawn = Counter(
        pick.id
        for seed in range(300)
        for pick in chosen(items, "default", 10, seed=seed, round=1).picks
        if pick.reason.startswith("plain random")
    )
    assert sum(drawn.values()) == 300 and len(drawn) == 30 and max(drawn.values()) < 25


@pytest.mark.parametrize(("n", "at_random"), [(4, 0), (5, 1), (14, 1), (15, 2)])
def test_the_random_share_is_rounded(n, at_random):
    found = chosen(pool(100, groups=20), "default", n, round=4)
    assert sum(pick.reason.startswith("plain random") for pick in found.picks) == at_random


def test_the_mix_says_what_it_went_without():
    bare = table({"entropy_window": [0.1, 0.9, 0.5]})
    assert chosen(bare, "default", 2, round=1).notes == (
        "without columns uncertain_<class> the batch goes by entropy_window alone, not by class",
        "without embeddings (ceruleanml embed) the batch goes by score alone, not by distance",
    )
    first = choose(Candidates(("a", "b"), ("", "")), SelectOptions(n=1))
    assert len(first.picks) == 1 and "without a column foreground the batch is plain random" in first.notes
    typical = chosen(table({}, embeddings=turned(0, 40, 80)), "default", 2, round=0, foreground="fore")
    assert typical.notes == ("without a column fore no item is drawn among the foreground",)


def test_the_mix_takes_what_differs_among_what_scores_alike():
    items = table({"entropy_window": [0.1, 0.80, 0.81, 0.82]}, embeddings=turned(0, 170, 3, 2), labelled="a")
    assert ids_of(chosen(items, "default", 1, round=9, random_share=0.0)) == ["b"]


def test_classes_are_balanced_by_text_and_what_is_missing_goes_to_others():
    items = table({"entropy_window": np.linspace(1, 0.1, 10)})
    kinds = {"kind": ("x",) * 6 + ("y",) * 3 + ("z",)}
    found = chosen(items, "uncertainty", 6, kinds, balance={"kind:x": 0.5, "kind:y": 0.5})
    assert ids_of(found) == list("abcghi")
    short = chosen(items, "uncertainty", 8, kinds, balance={"kind:x": 0.5, "kind:y": 0.5})
    assert sorted(ids_of(short)) == list("abcdeghi")
    assert short.notes == ("kind:y: 3 of 4 asked for, the items that may be chosen hold no more",)
    some = chosen(items, "uncertainty", 4, kinds, balance={"kind:z": 0.25})
    assert ids_of(some) == list("abcj")


@pytest.mark.parametrize(
    ("n", "shares", "parts"),
    [
        (10, [0.35, 0.33, 0.32], [4, 3, 3]),
        (10, [0.36, 0.27, 0.37], [3, 3, 4]),
        (3, [0.5, 0.5], [2, 1]),
        (0, [1.0], [0]),
    ],
)
def test_places_left_over_go_to_the_largest_remainders(n, shares, parts):
    assert shared_out(n, np.array(shares)).tolist() == parts


def test_classes_are_balanced_by_foreground():
    scores = {
        "entropy_window": [0.9, 0.8, 0.7, 0.6, 0.5], "foreground_a": [0.9, 0.8, 0.7, 0.1, 0],
        "foreground_b": [0, 0.1, 0.2, 0.3, 0],
    }  # fmt: skip
    for strategy in ("uncertainty", "random", "coral"):
        found = chosen(table(scores, embeddings=turned(0, 20, 40, 60, 80)), strategy, 2, balance={"a": 0.5, "b": 0.5})
        assert set(ids_of(found)) & set("abc") and "d" in ids_of(found)
    with pytest.raises(SelectionError, match="balance c: no column of the scores tells of it; they tell of a, b"):
        chosen(table(scores), "uncertainty", 2, balance={"c": 0.5})
