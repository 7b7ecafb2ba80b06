"""Strategies as laws that hold for all of them, and as small tables for each."""

from collections import Counter

import numpy as np
import pytest
from candidates_made import ids_of, pool, shuffled, table, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.candidates import Candidates
from ceruleanml.selection.choosing import choose
from ceruleanml.selection.drawing import weighted_order
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.strategies import STRATEGIES, needs

NAN = float("nan")
CASES = st.tuples(
    st.sampled_from(sorted(STRATEGIES)), st.integers(0, 5), st.integers(0, 50), st.integers(0, 5),
    st.sampled_from([None, 1, 3]),
)  # fmt: skip


def chosen(items, strategy, n=99, texts=None, **options):
    return choose(items, SelectOptions(strategy, n=n, **options), texts)


@settings(max_examples=60)
@given(CASES, st.randoms(use_true_random=False))
def test_what_holds_for_every_strategy(case, shuffle):
    strategy, seed, n, number, most = case
    items = pool(40, seed)
    options = {"seed": seed, "round": number, "max_per_group": most}
    found = chosen(items, strategy, n, **options)
    ids = ids_of(found)
    free = set(items.ids[8:35])
    assert set(ids) <= free and len(set(ids)) == len(ids)  # nothing labelled or frozen, nothing twice
    groups = Counter(items.groups[8:35]).values()
    if most is not None or strategy != "default":  # which sets itself a limit
        assert len(ids) == min(n, sum(min(size, most or size) for size in groups))
    if most is not None:
        assert max(Counter(pick.group for pick in found.picks).values(), default=0) <= most
    assert [pick.rank for pick in found.picks] == list(range(1, len(ids) + 1))
    assert all(pick.reason for pick in found.picks)
    order = list(range(40))
    shuffle.shuffle(order)
    assert chosen(shuffled(items, order), strategy, n, **options) == found  # picks, removed, notes, figures


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_seed_draws_others_where_there_is_a_draw(strategy):
    items = pool(200, labelled=20)
    found = {tuple(ids_of(chosen(items, strategy, 12, seed=seed, round=1))) for seed in range(4)}
    assert (len(found) > 1) == (strategy not in ("uncertainty", "vote-entropy", "coreset", "coral"))


@pytest.mark.parametrize("strategy", ["random", "foreground-random", "badge"])
def test_another_round_draws_others(strategy):
    items = pool(200, labelled=20)
    assert len({tuple(ids_of(chosen(items, strategy, 12, round=number))) for number in range(4)}) == 4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fewer_items_than_asked_for_are_all_offered(strategy):
    found = chosen(pool(30, groups=1), strategy, 50)
    assert len(found.picks) == 17
    assert "50 were asked for, all 17 that are left are offered" in found.notes


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_to_choose_from_is_a_sentence(strategy):
    found = chosen(pool(10, labelled=6, evaluation=4), strategy, 5)
    assert (found.picks, len(found.removed)) == ((), 10)
    assert found.notes == ("nothing is left to choose from: 4 of a frozen evaluation set, 6 labelled already",)
    none = choose(Candidates((), ()), SelectOptions(strategy, n=5))
    assert (none.picks, none.notes) == ((), ("there are no items to choose from",))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_model_that_sees_nothing_still_gives_a_batch(strategy):
    items = pool(40)
    blind = {name: np.zeros(40) for name in items.scores}
    found = chosen(Candidates(items.ids, items.groups, blind, items.embeddings), strategy, 10, round=2)
    assert len(found.picks) == 10


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_share_counts_what_is_labelled_and_is_of_all_but_the_frozen(strategy):
    items = pool(50)  # 8 labelled, 5 frozen: a third of 45 is 15
    assert len(choose(items, SelectOptions(strategy, share=1 / 3)).picks) == 7
    assert len(choose(items, SelectOptions(strategy, n=10, count_preselected=True)).picks) == 2
    full = choose(items, SelectOptions(strategy, share=0.1))
    assert full.picks == () and "nothing to choose: 8 labelled items are as many as were asked for" in full.notes
    assert chosen(pool(), strategy, 0).notes == ("nothing to choose: 0 items were asked for",)


def test_ids_stay_text():
    items = table({"entropy_window": [0.1, 0.3, 0.2]}, ids=["007", "7", "07"])
    assert ids_of(chosen(items, "uncertainty")) == ["7", "07", "007"]


def test_the_greatest_score_comes_first_and_says_its_rank():
    found = chosen(table({"entropy_window": [0.2, 0.83, NAN, 0.5, 0.9]}), "uncertainty", 2)
    assert [(pick.id, pick.score, pick.reason) for pick in found.picks] == [
        ("e", 0.9, "entropy_window 0.90 (rank 1 of 4)"),
        ("b", 0.83, "entropy_window 0.83 (rank 2 of 4)"),
    ]
    assert found.picks[0].figures == {"entropy_window": 0.9}


@pytest.mark.parametrize(
    ("columns", "asked", "by"),
    [
        (["entropy_window", "mutual_information_window"], None, "mutual_information_window"),
        (["margin_window", "entropy_window"], None, "entropy_window"),
        (["entropy_window", "margin_window"], "margin_window", "margin_window"),
        (["brightness", "foreground", "foreground_a", "uncertain_a", "som_cell"], None, "brightness"),
    ],
)
def test_which_column_ranks(columns, asked, by):
    items = table({name: np.roll([1, 0, 0, 0, 0, 0], place) for place, name in enumerate(columns)})
    assert ids_of(chosen(items, "uncertainty", 1, score=asked)) == ["abcdef"[columns.index(by)]]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (
            "uncertainty",
            "uncertainty needs the column mutual_information_window; make it with ceruleanml score",
        ),
        ("vote-entropy", "needs the column vote_entropy_window; score an ensemble of ceruleanml train-ensemble"),
        ("foreground-random", "needs the column foreground, .*name another with --foreground; the scores have a, b"),
        ("clasp-pe", "strategy clasp-pe needs the column entropy_window"),
        ("coreset", "strategy coreset needs embeddings; make them with ceruleanml embed"),
        ("typical", "strategy typical needs embeddings"),
        ("badge", "strategy badge needs embeddings"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(strategy, message):
    with pytest.raises(SelectionError, match=message):
        chosen(table({"a": [1, 2], "b": [1, 2]}), strategy, 1)


def test_further_errors_name_the_column():
    items = table({"entropy_window": [0.5, -0.5]}, embeddings=turned(0, 90))
    with pytest.raises(SelectionError, match="score entropy_window of item b is -0.5; strategy coral multiplies by it"):
        chosen(items, "coral", 1)
    with pytest.raises(SelectionError, match="score entropie: is no column of the scores, which have entropy_window"):
        chosen(items, "uncertainty", 1, score="entropie")
    with pytest.raises(SelectionError, match="needs columns uncertain_<class>; make them with ceruleanml score"):
        chosen(items, "clasp-pe", 1)
    with pytest.raises(UsageError, match="strategy best: is not known; there are default, random,"):
        chosen(items, "best", 1)


@given(st.integers(0, 10), st.integers(1, 10))
def test_limits_that_do_not_bind_change_no_pick(seed, n):
    items = pool(40, seed)
    for strategy in ("coreset", "coral"):
        assert ids_of(chosen(items, strategy, n)) == ids_of(chosen(items, strategy, n, max_per_group=40))


@given(st.permutations([30, 60, 90, 120]))
def test_at_equal_score_more_distance_never_ranks_lower(angles):
    items = table({"entropy_window": [0.5] * 5}, embeddings=turned(0, *angles), labelled="a")
    farthest = "bcde"[angles.index(120)]
    for strategy in ("coral", "coreset"):
        for most in (None, 9):
            assert ids_of(chosen(items, strategy, 4, max_per_group=most))[0] == farthest
    sharp = {"round": 9, "rounds": 10, "random_share": 0.0}  # chance has faded
    scores = {"entropy_window": [0.5, 0.5, 0.5, 0.5, 0.5]}
    both = chosen(table(scores, embeddings=turned(0, *angles), labelled="a"), "default", 1, **sharp)
    assert ids_of(both) == [farthest]


def test_the_product_of_lightly():
    """Lightly's example: (distance, score) = (1, .3) (.8, .8) (.5, 1), of which the second is taken."""
    angles = np.degrees(2 * np.arcsin(np.array([1, 0.8, 0.5]) / 2))
    items = table({"x": [0.9, 0.3, 0.8, 1]}, embeddings=turned(0, *angles), labelled="a")
    (pick,) = chosen(items, "coral", 1).picks
    assert (pick.id, pick.reason) == ("c", "x 0.80 (rank 2 of 3); distance to the nearest labelled 0.80")
    assert pick.figures["distance_to_labelled"] == pytest.approx(0.8)


def test_two_thirds_are_drawn_among_the_foreground():
    items = table({"foreground": [0.9] * 10 + [0.1] * 990}, ids=[f"{number:04d}" for number in range(1000)])
    found = chosen(items, "foreground-random", 12)
    likely = [pick for pick in found.picks if pick.id < "0010"]
    assert len(likely) in (8, 9)  # the plain third may hit one too
    assert likely[0].reason == "drawn among the foreground: foreground 0.90"
    assert sum(pick.reason == "plain random" for pick in found.picks) == 4


def test_a_prior_of_just_a_half_is_likely():
    found = chosen(table({"foreground": [0.5] * 6 + [0.0] * 20}), "foreground-random", 9)
    assert {pick.id for pick in found.picks if pick.reason.startswith("drawn among")} == set("abcdef")


def test_where_the_foreground_runs_out_the_prior_weighs():
    items = table({"foreground": [0.9, 0.4, 0.4, 0.4, *[0.0] * 96]}, ids=[f"{number:02d}" for number in range(100)])
    found = ids_of(chosen(items, "foreground-random", 6))
    assert found[0] == "00" and set(found[:4]) == {"00", "01", "02", "03"}


def test_a_draw_by_weights_is_fair():
    """Of weights 1, 2, 3 without replacement, 3 comes first in half of all draws, and 1 last in more than half."""
    rng = np.random.Generator(np.random.PCG64(5))
    orders = [tuple(weighted_order(np.array([1.0, 2.0, 3.0, 0.0]), rng)) for _ in range(4000)]
    assert np.mean([order[0] == 2 for order in orders]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([order == (2, 1, 0) for order in orders]) == pytest.approx(3 / 6 * 2 / 3, abs=0.03)
    assert {len(order) for order in orders} == {3}


def test_labelled_items_without_embedding_are_noted():
    vectors = turned(0, 10, 20, 90)
    vectors[0] = np.nan
    found = chosen(table({}, embeddings=vectors, labelled="ab"), "coreset", 1)
    assert ids_of(found) == ["d"]
    assert "1 labelled items have no embedding, so nothing keeps its distance from them" in found.notes


def test_embeddings_that_tell_nothing_apart_are_noted():
    """As those of an encoder that has learned for an epoch; the picks come all the same."""
    alike, apart = turned(0, 0.1, 0.2, 0.3), turned(0, 2, 4, 6)
    found = chosen(table({}, embeddings=alike), "coreset", 2)
    assert len(found.picks) == 2 and "hardly tell items apart" in " ".join(found.notes)
    assert chosen(table({}, embeddings=apart), "coreset", 2).notes == ()
    assert chosen(table({}, embeddings=alike), "random", 2).notes == ()


def test_needs_are_said_in_words():
    assert needs("random") == "nothing"
    assert needs("coral").endswith("and embeddings") and "; uses " in needs("badge")
    assert "a column foreground" in needs("foreground-random") and "columns uncertain_<class>" in needs("clasp-pe")
    assert needs("default").startswith("nothing; uses ") and "a column foreground" in needs("default")
