"""Reloads and crashes in the middle of strokes on large scenes: every pixel and every undo is there again."""

import numpy as np
import pytest
from page_driven import chromium, crash
from page_large import CROSSED, large, look, opened, painted


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def both(request, browser, tmp_path_factory):
    """What is known of a scene, and a hand on its page with storage of its own."""
    scene, way = request.param
    known = large(scene, tmp_path_factory, request)
    with opened(browser, known, way) as hand:
        yield known, look(hand, known.centre)


def drawn(hand, scene):
    """Two slicks, committed; the map of them."""
    before = scene.empty
    for slick, down in enumerate((-80, 80), start=1):
        places = scene.at((-90, down), (90, down - 40))
        hand.press("Escape", "b").drag(*places)
        exact = [hand.exact(*place) for place in places]
        before = painted(before, scene.swept(exact, hand.of("desk.tools.brush.radius")), slick)
    assert (hand.ids() == before).all()
    return before


def begun(hand, scene, tool, *offsets):
    """Begin a stroke and leave the button down; where the page saw the pointer, once all of it is kept."""
    look(hand, scene.centre).begin(*scene.at(*offsets), steps=8)
    first, last = (hand.exact(*scene.at(one)[0]) for one in offsets)
    whole = "Math.hypot(tool.points.at(-1)[0] - last[0], tool.points.at(-1)[1] - last[1]) < 0.01"
    kept = "desk.editor.running && desk.autosave.state === 'saved' && tool.sent === tool.points.length"
    tool_of = f"const {{ desk }} = Cerulean, tool = desk.tools.{tool};"
    hand.tab.wait_for_function(f"(last) => {{ {tool_of} return {whole} && {kept}; }}", arg=list(last))
    assert np.allclose(hand.of(f"desk.tools.{tool}.points[0]"), first)
    return scene.swept([first, last], hand.of(f"desk.tools.{tool}.radius"))


def reloaded(hand):
    hand.reload()
    hand.tab.mouse.up()
    return hand.ready()


def crashed(hand):
    """The page in a new tab after its renderer died."""
    address = hand.tab.url
    crash(hand.tab)
    hand.tab = hand.new_tab()
    return hand.open(address)


FULL, HATTERAS = CROSSED
ENDS = {"full-crashed": (FULL, crashed), "real-reloaded": (HATTERAS, reloaded)}
each_end = pytest.mark.parametrize(("both", "broken"), ENDS.values(), indirect=["both"], ids=ENDS)


@each_end
def test_a_stroke_that_is_cut_off_is_kept_and_can_be_undone(both, broken):
    scene, hand = both
    before = drawn(hand, scene)
    mask = begun(hand.press("Escape", "b"), scene, "brush", (-100, -100), (60, 110))
    more = painted(before, mask, 3)
    assert (broken(hand).ids() == more).all() and [one["id"] for one in hand.slicks()] == [1, 2, 3]
    mask = begun(hand.press("Escape", "e"), scene, "eraser", (30, -120), (-30, 120))
    less = np.where(mask, 0, more).astype(np.uint16)
    assert (broken(hand).ids() == less).all()
    for state in (more, before):
        assert (hand.press("Control+z").ready().ids() == state).all()
    hand.press("Control+z").ready()
    assert (broken(hand).ids() == np.where(before == 1, before, 0)).all()
    for state in (before, more, less):
        assert (hand.press("Control+Shift+z").ready().ids() == state).all()


@each_end
def test_an_open_polygon_and_a_wand_that_is_cut_off_change_no_pixel(both, broken):
    scene, hand = both
    before = drawn(hand, scene)
    places = scene.at((-60, -20), (70, -10), (20, 50))
    hand.press("Escape", "p")
    for place in places:
        hand.click(*place)
    exact = [hand.exact(*place) for place in places]
    hand.ready()
    assert (broken(hand).ids() == before).all()
    assert np.allclose(hand.of("desk.tools.polygon.draft.vertices"), exact)
    after = painted(before, scene.inside(exact), 3)
    assert (hand.press("Enter").ready().ids() == after).all()
    look(hand.press("Escape", "w"), scene.dark).begin(scene.dark, (scene.dark[0] + 20, scene.dark[1]))
    hand.tab.wait_for_function("() => Cerulean.desk.tools.wand.stroke?.found?.mask")
    assert (broken(hand).ids() == after).all() and not hand.of("desk.tools.wand.busy")
