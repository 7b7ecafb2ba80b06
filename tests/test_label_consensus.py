"""Consensus of annotators who drew on their own: who votes where, what stays one slick, and of which class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.labels.consensus import Ballot, consensus
from ceruleanml.labels.instances import GridInstance, bounding_box
from ceruleanml.scenes.grid import Window

INFRA, SEEP, OLD = 1, 2, 5


def drawn(text, class_of=lambda letter: {"a": INFRA, "b": SEEP, "c": OLD}[letter.lower()]):
    """Slicks by letter on a small grid, rows divided by blanks; a letter's parts are one slick."""
    rows = [list(row) for row in text.split()]
    letters = np.array(rows)
    return [of_mask(letters == letter, class_of(letter)) for letter in sorted(set(letters.ravel()) - {"."})]


def of_mask(mask, class_id=INFRA):
    row, col, height, width = bounding_box(mask)
    inner = mask[row : row + height, col : col + width]
    return GridInstance("x", class_id, Window(row, col, height, width), inner, "x")


def ballot(text, everywhere=True, looked=()):
    return Ballot(drawn(text), everywhere, looked)


def shown(found, height_width):
    """The grid as text: a digit for the slick, counted from 1."""
    grid = np.full(height_width, ".")
    for slick in found:
        number = slick.slick_id.rsplit("/", 1)[1]
        window = slick.window
        grid[window.row : window.row + window.height, window.col : window.col + window.width][slick.mask] = number
    return " ".join("".join(row) for row in grid)


VOTES = {
    "one alone": (["aa..", "...."], "...."),
    "one of two is not more than half": (["aaa.", ".aaa"], ".11."),
    "two of three": (["aa..", ".aa.", ".a.a"], ".1.."),
    "three of three": (["aaaa", "aaaa", "aaaa"], "1111"),
    "two of four is not more than half": (["aa..", "aa..", "..aa", "..aa"], "...."),
    "three of four": (["aa..", "aa..", "aa..", "...."], "11.."),
    "nobody": (["....", "...."], "...."),
}


@pytest.mark.parametrize(("ballots", "agreed"), VOTES.values(), ids=VOTES.keys())
def test_more_than_half_of_those_who_looked(ballots, agreed):
    found = consensus([Ballot([] if set(text) == {"."} else drawn(text), True) for text in ballots], "s")
    assert shown(found, (1, 4)) == agreed
    assert [one.slick_id for one in found] == [f"s/consensus/{n}" for n in range(1, len(found) + 1)]


ONE_SLICK = {
    "parts drawn as one stay one": (["aa.aa", "aa.aa"], "11.11"),
    "parts drawn as two stay two": (["aa.bb", "aa.bb"], "11.22"),
    "of equals, one": (["aa.aa", "aa.bb"], "11.11"),
    "two against one": (["aa.bb", "aa.bb", "aa.aa"], "11.22"),
    "two that touch stay two": (["aabb", "aabb"], "1122"),
    "two that touch, one by most": (["aabb", "aaaa", "aaaa"], "1111"),
    "from part to part": (["aa.a..", "..aa.a", "aaaa.a"], "1111.1"),
    "far apart": (["a....b", "a....b"], "1....2"),
}


@pytest.mark.parametrize(("ballots", "agreed"), ONE_SLICK.values(), ids=ONE_SLICK.keys())
def test_parts_of_one_slick_stay_one_slick(ballots, agreed):
    width = len(agreed)
    found = consensus([ballot(text) for text in ballots], "s")
    assert shown(found, (1, width)) == agreed


CLASS = {
    "all of one mind": (["bb", "bb"], SEEP),
    "two against one": (["bb", "bb", "aa"], SEEP),
    "of equals the lowest id": (["cc", "bb"], SEEP),
    "by pixels": (["bbbb", "a..a", "bbbb"], SEEP),
}


@pytest.mark.parametrize(("ballots", "class_id"), CLASS.values(), ids=CLASS.keys())
def test_the_class_is_what_most_drawn_pixels_have(ballots, class_id):
    assert {one.class_id for one in consensus([ballot(text) for text in ballots], "s")} == {class_id}


def test_who_did_not_look_does_not_vote():
    tile = Window(0, 0, 1, 2)
    whole = ballot("aaaa")
    assert shown(consensus([whole, Ballot([], True)], "s"), (1, 4)) == "....", "a complete state says: nothing here"
    assert shown(consensus([whole, Ballot([], False)], "s"), (1, 4)) == "1111", "one that was not finished says nothing"
    assert shown(consensus([whole, Ballot([], False, [tile])], "s"), (1, 4)) == "..11", "but of its tiles it does"
    partly = Ballot(drawn("..aa"), False)
    assert shown(consensus([Ballot([], True), partly], "s"), (1, 4)) == "....", "who draws has looked there"
    assert shown(consensus([partly, Ballot(drawn("a..."), False)], "s"), (1, 4)) == "1.22"


def test_of_overlapping_slicks_of_one_annotator_the_later_is_seen():
    both = Ballot([*drawn("aaaa"), *drawn("..bb")], True)
    assert shown(consensus([both, both], "s"), (1, 4)) == "1122"


def test_holes_and_places_are_kept():
    ring = "..... .aaa. .a.a. .aaa."
    (slick,) = consensus([ballot(ring), ballot(ring)], "s")
    assert slick.window == Window(1, 1, 3, 3)
    np.testing.assert_array_equal(slick.mask, [[1, 1, 1], [1, 0, 1], [1, 1, 1]])


MASKS = st.lists(st.lists(st.sampled_from(".ab"), min_size=6, max_size=6), min_size=1, max_size=4)


@given(st.lists(MASKS.map(lambda rows: " ".join("".join(row) for row in rows)), min_size=1, max_size=4))
def test_laws_of_the_vote(texts):
    """The order of annotators changes nothing, and each pixel is set by the count of those who drew it."""
    height = max(len(text.split()) for text in texts)
    texts = [" ".join([*text.split(), *["......"] * (height - len(text.split()))]) for text in texts]
    ballots = [ballot(text) for text in texts]
    found = consensus(ballots, "s")
    text = shown(found, (height, 6))
    assert shown(consensus(ballots[::-1], "s"), (height, 6)) == text
    votes = sum(np.array([list(row) for row in one.split()]) != "." for one in texts)
    np.testing.assert_array_equal(np.array([list(row) for row in text.split()]) != ".", 2 * votes > len(texts))
    alone = consensus([ballots[0]], "s")
    assert sum(int(slick.mask.sum()) for slick in alone) == sum(int(one.mask.sum()) for one in ballots[0].slicks)
    assert shown(consensus([ballots[0]] * 3, "s"), (height, 6)) == shown(alone, (height, 6))
