"""A model's outlines on the page: accepted, edited or rejected one by one, never shown on blind tiles; reviews."""

import json

import numpy as np
import pytest
from page_driven import Hand, chromium
from page_made import MODEL, make_page, predictions, sea, square

SHAPE = (240, 320)
SQUARES = {f"a/{MODEL}/1": (40, 40, 20), f"a/{MODEL}/2": (150, 60, 24), f"a/{MODEL}/3": (250, 150, 30)}
BLIND = [120, 200, 100, 110]


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def said():
    """Three squares: a seep, and two old vessels' slicks."""
    classes = ("natural_seep", "old_vessel", "old_vessel")
    given = zip(SQUARES.values(), classes, strict=True)
    return predictions(*(square(*place, name, machine_confidence=0.9) for place, name in given))


@pytest.fixture(scope="module")
def tab(browser, said, tmp_path_factory):
    folder = tmp_path_factory.mktemp("suggestions")
    drawing = Hand(browser).open(make_page(folder, {"a": sea(*SHAPE)}, said={"a": said}))
    yield drawing
    drawing.close()


@pytest.fixture
def hand(tab):
    yield tab.fresh()
    tab.check()


@pytest.fixture(scope="module")
def blind_page(said, tmp_path_factory):
    """A page whose second item is blind; the third square lies in it."""
    windows = [("a", [0, 0, 120, 200], False), ("a", BLIND, True), ("b", [0, 0, 100, 100], False)]
    scenes = {"a": sea(*SHAPE), "b": sea(*SHAPE, seed=1)}
    return make_page(tmp_path_factory.mktemp("blind"), scenes, windows, said={"a": said})


def mask_of(*names):
    mask = np.zeros(SHAPE, bool)
    for name in names:
        x, y, side = SQUARES[name]
        mask[y : y + side, x : x + side] = True
    return mask


def pending(hand):
    return hand.of("desk.pending().map((one) => one.slickId)")


def test_suggestions_are_accepted_pixel_by_pixel_and_rejected_one_by_one(hand):
    first, second, third = SQUARES
    assert pending(hand) == [first, second, third] and not hand.slicks()
    hand.press("Tab", "Enter").ready()
    assert ((hand.ids() > 0) == mask_of(first)).all()
    (accepted,) = hand.slicks()
    expected = {"slickId": first, "source": "accepted", "model": MODEL, "classId": 2}
    assert accepted | expected == accepted
    assert hand.of("desk.focus.slickId") == second
    hand.press("Delete").ready()
    assert pending(hand) == [third] and hand.of("desk.focus.slickId") == third
    hand.press("6").ready()
    assert ((hand.ids() > 0) == mask_of(first, third)).all() and hand.slicks()[1]["classId"] == 6
    exported = json.loads(hand.downloaded("Control+e").read_text())
    assert exported["rejected"] == [{"slick_id": second, "model": MODEL}]
    assert [one["properties"]["source"] for one in exported["features"]] == ["accepted", "accepted"]


def test_what_is_changed_of_a_suggestion_is_edited(hand):
    first = next(iter(SQUARES))
    hand.press("Tab", "q", "b").drag((50, 58), (50, 70))
    (edited,) = hand.slicks()
    assert (edited["slickId"], edited["source"], edited["model"]) == (first, "edited", MODEL)
    drawn = hand.ids() > 0
    assert (drawn & mask_of(first)).sum() == mask_of(first).sum() < drawn.sum()


def test_undo_brings_suggestions_back(hand):
    everything = pending(hand)
    hand.press("Tab", "Enter", "Delete")
    assert len(pending(hand)) == 1
    hand.press("Control+z")
    assert len(pending(hand)) == 2
    hand.press("Control+z").ready()
    assert pending(hand) == everything and not hand.ids().any()
    hand.press("Control+Shift+z", "Control+Shift+z").ready().reload()
    assert len(pending(hand)) == 1 and ((hand.ids() > 0) == mask_of(next(iter(SQUARES)))).all()


def test_stepping_goes_round_and_a_click_chooses(hand):
    first, second, third = SQUARES
    assert hand.press("Tab").of("desk.focus.slickId") == first
    assert hand.press("Tab", "Tab", "Tab").of("desk.focus.slickId") == first
    assert hand.press("Shift+Tab").of("desk.focus.slickId") == third
    assert hand.press("v").click(160, 70).of("desk.focus.slickId") == second
    assert "Enter accept" in hand.tab.inner_text("#hint")
    hand.press("u")
    assert hand.click(50, 50).of("desk.focus") is None


def test_a_blind_tile_shows_no_suggestion_no_score_and_no_reason(browser, blind_page):
    hand = Hand(browser).open(blind_page)
    assert pending(hand) == list(SQUARES)[:2]
    assert hand.of("desk.prelabels.length") == 2  # what touches the blind tile is not even kept
    assert "0.875" in hand.tab.inner_text("#queue li:nth-child(1)")
    hand.press("n")
    hand.tab.wait_for_function("() => Cerulean.desk.index === 1")
    shown = hand.tab.inner_text("#queue li:nth-child(2)") + hand.tab.inner_text("#top")
    lines = "#queue li:nth-child(2), #queue li:nth-child(2) *"
    titles = hand.tab.eval_on_selector_all(lines, "all => all.map(e => e.title).join()")
    assert "0.875" not in shown + titles and "votes" not in shown + titles and "blind" in shown
    hand.press("b").drag((250, 170), (280, 170)).press("r")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'b'")
    hand.ready().press("PageUp")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'a'")
    tiles = json.loads(hand.ready().downloaded("Control+e").read_text())["tiles"]
    assert tiles["a_120_200"]["blind"] is True and tiles["a_120_200"]["reviewed"] is True
    assert tiles["a_120_200"]["empty"] is False and tiles["a_120_200"]["clicks"] >= 3
    hand.close()


def test_an_empty_tile_is_marked_with_one_key_unless_it_holds_a_slick(browser, blind_page):
    hand = Hand(browser, "bo").open(blind_page)
    hand.press("b").drag((20, 20), (40, 20)).press("0").told("There is a slick here")
    assert hand.of("desk.index") == 0
    hand.press("Control+z", "0")
    hand.tab.wait_for_function("() => Cerulean.desk.index === 1")
    assert hand.ready().of("desk.map.facts.get('tile:a_0_0')") == {"reviewed": True, "empty": True}
    assert hand.tab.inner_text("#queue-count") == "1 of 3 done"
    hand.press("PageUp", "Control+z")
    assert hand.ready().of("desk.map.facts.has('tile:a_0_0')") is False
    hand.press("0")
    hand.tab.wait_for_function("() => Cerulean.desk.index === 1")
    exported = json.loads(hand.ready().downloaded("Control+e").read_text())
    assert exported["tiles"]["a_0_0"]["empty"] is True and exported["features"] == [] and not exported["complete"]
    hand.reload()
    assert hand.tab.inner_text("#queue-count") == "1 of 3 done"
    hand.press("c").told("whole scene counts")
    hand.press("t").tab.keyboard.type("calm, <i>no</i> wind")
    hand.press("Enter")
    assert "calm, <i>no</i> wind" in hand.tab.inner_text("#review-state")
    exported = json.loads(hand.downloaded("Control+e").read_text())
    assert exported["complete"] is True and exported["comment"] == "calm, <i>no</i> wind"
    hand.close()


def test_time_and_presses_are_counted_for_each_item(browser, blind_page):
    hand = Hand(browser, "cy").open(blind_page)
    hand.press("b").drag((20, 20), (40, 20)).drag((20, 40), (40, 40))
    assert hand.of("desk.state.costs['a_0_0'].clicks") >= 3
    hand.of("(() => { desk.clock.now = () => performance.now() + 30_000; desk.clock.tick(); })()")
    assert 29 < hand.of("desk.state.costs['a_0_0'].seconds") < 60
    hand.of("(() => { desk.clock.now = () => performance.now() + 3_630_000; desk.clock.tick(); })()")
    assert hand.of("desk.state.costs['a_0_0'].seconds") < 100 and hand.of("desk.clock.paused")
    hand.press("n").tab.wait_for_function("() => Cerulean.desk.index === 1")
    before = hand.of("desk.state.costs['a_0_0'].seconds")
    hand.of("(() => { desk.clock.now = () => performance.now() + 3_640_000; desk.clock.tick(); })()")
    assert hand.of("desk.state.costs['a_0_0'].seconds") == before
    assert 5 < hand.of("desk.state.costs['a_120_200'].seconds") < 30
    hand.close()
