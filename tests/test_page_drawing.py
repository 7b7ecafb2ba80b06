"""Each tool of the annotation page, driven by pointer and keys; masks compared pixel by pixel."""

import numpy as np
import pytest
from matplotlib.path import Path
from page_driven import Hand, chromium
from page_expected import swept
from page_made import disc, make_page, sea

SHAPE = (240, 320)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One scene with a dark disc of radius 30 around column 200, row 120."""
    samples = sea(*SHAPE)
    dark = disc(SHAPE, 200, 120, 30)
    samples[dark] = (samples[dark] * 0.45).astype(np.uint8).clip(1)
    return make_page(tmp_path_factory.mktemp("drawing"), {"a": samples})


@pytest.fixture(scope="module")
def tab(browser, page):
    drawing = Hand(browser).open(page)
    yield drawing
    drawing.close()


@pytest.fixture
def hand(tab):
    """The page with nothing drawn on it."""
    yield tab.fresh()
    tab.check()


def test_the_brush_paints_the_pixels_within_its_radius(hand):
    way = [hand.exact(60, 60), hand.exact(120, 80), hand.exact(150, 40)]
    hand.press("b").drag(*way)
    drawn = hand.ids() > 0
    assert (drawn == swept(SHAPE, way, hand.of("desk.tools.brush.radius"))).all()
    who = hand.of("desk.annotator")
    assert hand.slicks()[0] | {"started": "", "finished": ""} == {
        "id": 1, "slickId": f"a/{who}/1", "classId": 1, "source": "drawn", "model": None, "annotator": who,
        "started": "", "finished": "", "comment": None, "area": int(drawn.sum()),
    }  # fmt: skip


def test_brackets_change_the_size_of_the_brush(hand):
    before = hand.press("b").of("desk.tools.brush.radius")
    assert hand.press("]", "]").of("desk.tools.brush.radius") > before
    assert hand.press("[", "[", "[").of("desk.tools.brush.radius") < before
    hand.press("]", "]", "]", "]").drag((80.5, 80.5), (80.6, 80.5))
    radius = hand.of("desk.tools.brush.radius")
    assert abs((hand.ids() > 0).sum() - np.pi * radius**2) < 4 * radius


def test_a_stroke_adds_to_the_selected_slick_and_escape_begins_another(hand):
    hand.press("b").drag((40, 40), (60, 40)).drag((40, 60), (60, 60))
    assert len(hand.slicks()) == 1
    hand.press("Escape").drag((40, 80), (60, 80))
    assert [one["id"] for one in hand.slicks()] == [1, 2]
    hand.tab.keyboard.down("Shift")
    hand.drag((40, 100), (60, 100))
    hand.tab.keyboard.up("Shift")
    assert [one["slickId"].split("/")[-1] for one in hand.slicks()] == ["1", "2", "3"]


def test_pixels_of_another_slick_stay_with_it(hand):
    hand.press("b").drag((40, 40), (60, 40))
    first = hand.ids() == 1
    hand.press("Escape", "]", "]").drag((50, 30), (50, 50))
    assert ((hand.ids() == 1) == first).all() and (hand.ids() == 2).any()
    assert "stay with another slick" in hand.notices()


def test_the_polygon_takes_the_pixels_whose_centres_lie_in_it(hand):
    hand.press("p").click(50, 50).click(150, 60).click(140, 100).click(50, 90)
    hand.tab.wait_for_function("() => Cerulean.desk.tools.polygon.draft.vertices.length === 4")
    vertices = hand.of("desk.tools.polygon.draft.vertices")
    hand.press("Enter").ready()
    rows, columns = np.indices(SHAPE) + 0.5
    expected = Path(vertices).contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1)).reshape(SHAPE)
    assert 3700 < expected.sum() < 4000
    assert ((hand.ids() > 0) == expected).all()


def test_vertices_can_be_moved_inserted_and_removed(hand):
    hand.press("p").click(50, 50).click(150, 50).click(150, 100)
    hand.drag((150, 100), (160, 110))
    vertices = hand.of("desk.tools.polygon.draft.vertices")
    assert np.allclose(vertices[2], (160, 110), atol=0.5)
    hand.drag((100, 50), (100, 30))
    assert np.allclose(hand.of("desk.tools.polygon.draft.vertices")[1], (100, 30), atol=0.5)
    hand.tab.mouse.move(*hand.at(100, 30))
    hand.press("Backspace")
    assert len(hand.of("desk.tools.polygon.draft.vertices")) == 3
    hand.press("Control+z")
    assert len(hand.of("desk.tools.polygon.draft.vertices")) == 4
    hand.press("Control+Shift+z", "Escape")
    assert not hand.of("desk.tools.polygon.busy") and not hand.slicks()


def test_an_undone_polygon_is_open_again(hand):
    hand.press("p").click(50, 50).click(150, 50).click(150, 100).press("Enter", "Control+z")
    assert len(hand.of("desk.tools.polygon.draft.vertices")) == 3 and not hand.slicks()
    hand.drag((150, 100), (50, 100)).press("Enter")
    assert (hand.ready().ids() > 0)[95, 55]


def test_the_eraser_takes_pixels_away_and_leaves_no_empty_slick(hand):
    hand.press("b").drag((60, 60), (120, 60))
    before = hand.ids() > 0
    way = [hand.exact(80, 40), hand.exact(84, 80)]
    hand.press("Escape", "e").drag(*way)
    left = before & ~swept(SHAPE, way, hand.of("desk.tools.eraser.radius"))
    assert ((hand.ids() > 0) == left).all()
    hand.press("]", "]", "]", "]").drag((50, 60), (130, 60))
    assert not hand.ids().any() and not hand.slicks()
    hand.press("Control+z").ready()
    assert ((hand.ids() > 0) == left).all() and len(hand.slicks()) == 1


def test_the_wand_takes_the_dark_patch_and_dragging_changes_its_tolerance(hand):
    dark = disc(SHAPE, 200, 120, 30)
    hand.drag((200, 120), (200, 120))
    drawn = hand.ids() > 0
    assert (drawn & dark).sum() / (drawn | dark).sum() > 0.9
    hand.press("Control+z", "Escape").begin((200, 120))
    hand.tab.wait_for_function("() => Cerulean.desk.tools.wand.stroke?.found?.mask")
    first = hand.of("desk.tools.wand.stroke.found.tolerance")
    hand.tab.mouse.move(*(hand.at(240, 120)), steps=3)
    hand.tab.wait_for_function("(first) => Cerulean.desk.tools.wand.stroke.found.tolerance > first", arg=first)
    assert "tolerance" in hand.tab.inner_text("#tool-state") and " px" in hand.tab.inner_text("#tool-state")
    hand.press("Escape")
    hand.tab.mouse.up()
    assert not hand.settled().slicks()


def test_the_wand_follows_a_thin_slick(browser, tmp_path):
    rows, columns = np.indices(SHAPE) + 0.5
    thin = (abs(rows - 120 - 30 * np.sin(columns / 40)) < 2) & (columns > 40) & (columns < 280)
    samples = sea(*SHAPE, seed=3)
    samples[thin] = (samples[thin] * 0.4).astype(np.uint8).clip(1)
    hand = Hand(browser).open(make_page(tmp_path, {"thin": samples}))
    way = [(x, 120 + 30 * np.sin(x / 40) + (2 if x % 40 else -2)) for x in range(44, 280, 12)]
    hand.press("l").drag(*way, steps=2)
    drawn = hand.ids() > 0
    near = [np.roll(thin, (r, c), (0, 1)) for r in (-1, 0, 1) for c in (-1, 0, 1)]
    assert (drawn & np.any(near, axis=0)).sum() / drawn.sum() > 0.9
    assert thin[:, 50:270][drawn[:, 50:270]].sum() / thin[:, 50:270].sum() > 0.75
    hand.close()


def test_a_line_cuts_a_slick_in_two_and_merging_joins_it_again(hand):
    hand.press("b", "]", "]", "]").drag((60, 60), (160, 60))
    whole = hand.ids() > 0
    hand.press("x").drag((110, 40), (110, 80))
    parts = hand.ids()
    assert sorted(np.unique(parts)) == [0, 1, 2] and ((parts > 0) == whole).all()
    assert (parts[60, 62], parts[60, 158]) in ((1, 2), (2, 1))
    hand.press("v").click(70, 60)
    hand.tab.keyboard.down("Shift")
    hand.click(150, 60)
    hand.tab.keyboard.up("Shift")
    hand.press("m").ready()
    assert ((hand.ids() == hand.slicks()[0]["id"]) == whole).all() and len(hand.slicks()) == 1


def test_parts_become_slicks_of_their_own(hand):
    hand.press("b").drag((60, 60), (80, 60)).drag((60, 100), (100, 100)).press("k").ready()
    assert len(hand.slicks()) == 2 and hand.ids()[60, 70] != hand.ids()[100, 70]


def test_holes_are_filled_and_edges_smoothed(hand):
    hand.press("b").drag((60, 60), (120, 60), (120, 120), (60, 120), (60, 60), steps=8)
    assert not hand.ids()[90, 90]
    hand.press("g").ready()
    filled = hand.ids() > 0
    assert filled[90, 90] and filled[55:125, 55:125].sum() == filled.sum()
    hand.press("e").drag((70, 58), (70, 57)).press("s").ready()
    smooth = hand.ids() > 0
    assert 0 < (smooth != filled).sum() < 200 and smooth[90, 90]


def test_digits_set_the_class_of_what_is_selected_and_of_what_comes(hand):
    hand.press("3", "b").drag((60, 60), (80, 60)).press("Escape", "5").drag((60, 100), (80, 100))
    assert [one["classId"] for one in hand.slicks()] == [3, 5]
    hand.press("v").click(70, 60).press("2")
    assert [one["classId"] for one in hand.slicks()] == [2, 5]
    hand.press("Control+z")
    assert [one["classId"] for one in hand.slicks()] == [3, 5]


def test_delete_and_comment_are_undone_and_done_again(hand):
    hand.press("b").drag((60, 60), (80, 60)).press("t")
    hand.tab.keyboard.type("seen on <b>AIS</b>")
    hand.press("Enter")
    assert hand.slicks()[0]["comment"] == "seen on <b>AIS</b>"
    assert hand.tab.inner_text("#instances .comment") == "seen on <b>AIS</b>"
    before = hand.ids()
    hand.press("Delete")
    assert not hand.slicks()
    hand.press("Control+z").ready()
    assert (hand.ids() == before).all() and hand.slicks()[0]["comment"] == "seen on <b>AIS</b>"
    hand.press("Control+z", "Control+z")
    assert not hand.slicks() and not hand.ids().any()
    hand.press("Control+z").told("Nothing is left to undo")
    hand.press("Control+y", "Control+y", "Control+y")
    assert not hand.slicks()


def test_a_comment_typed_before_the_next_frame_is_a_comment(hand):
    hand.press("b").drag((60, 60), (80, 60))
    hand.of("""[["z", true, false], ["z", true, true], ["t", false, false]].map(([key, ctrlKey, shiftKey]) =>
        document.body.dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey, shiftKey, bubbles: true })))""")
    hand.frame().tab.keyboard.type("no 1")
    hand.press("Enter").ready()
    assert [(one["classId"], one["comment"]) for one in hand.slicks()] == [(1, "no 1")]


def test_every_step_back_and_forth_gives_the_same_map(hand):
    states = [hand.ids()]
    hand.press("b")
    for place in (40, 70, 100):
        hand.press("Escape").drag((40, place), (90, place + 20))
        states.append(hand.ids())
    hand.press("e").drag((60, 30), (60, 130))
    states.append(hand.ids())
    for state in reversed(states[:-1]):
        assert (hand.press("Control+z").ids() == state).all()
    for state in states[1:]:
        assert (hand.press("Control+Shift+z").ids() == state).all()
