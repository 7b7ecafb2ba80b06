"""A model's outlines, a blind tile and a scene without slicks on large scenes, pixel by pixel."""

import json

import numpy as np
import pytest
from page_driven import chromium
from page_large import CROSSED, large, look, opened, painted

from ceruleanml.annotation.importing import import_files
from ceruleanml.classes import load_classes
from ceruleanml.labels.heads import heads_of
from ceruleanml.labels.scene_states import read_scene_state


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(params=CROSSED, ids="-".join)
def both(request, browser, tmp_path_factory):
    """What is known of a scene, and a hand on its page with storage of its own."""
    scene, way = request.param
    known = large(scene, tmp_path_factory, request)
    with opened(browser, known, way) as hand:
        yield known, look(hand, known.centre)


def pending(hand):
    return hand.of("desk.pending().map((one) => one.slickId)")


def stroke(scene, hand, tool, *places):
    """Drag along places; the pixels within the tool's radius of where the pointer really was."""
    hand.drag(*places)
    exact = [hand.exact(*place) for place in places]
    return scene.swept(exact, hand.of(f"desk.tools.{tool}.radius"))


def middle(scene, mask):
    """Column and row of the scene in the middle of a mask."""
    rows, columns = np.nonzero(mask)
    return float(columns.mean()) + scene.area[1], float(rows.mean()) + scene.area[0]


def test_outlines_are_accepted_edited_and_rejected_pixel_by_pixel(both):
    scene, hand = both
    *offered, hidden = scene.said
    assert pending(hand) == offered and hidden not in offered
    first, second, third, fourth = sorted(offered, key=lambda name: middle(scene, scene.said[name])[1])  # as Tab steps
    x, y = middle(scene, scene.said[second])
    maps = [scene.empty]
    maps.append(painted(maps[-1], stroke(scene, hand.press("Escape", "b"), "brush", (x - 60, y), (x, y + 5)), 1))

    def now(after):
        maps.append(after)
        assert (hand.ready().ids() == after).all()

    hand.press("Escape", "Tab", "Enter")
    now(painted(maps[-1], scene.said[first], 2))
    hand.press("6")  # the next, as another class; what is drawn already stays as it is
    now(painted(maps[-1], scene.said[second], 3))
    assert (maps[-1] == 3).sum() < scene.said[second].sum()
    hand.press("Delete")
    now(maps[-1])
    hand.press("q")
    now(painted(maps[-1], scene.said[fourth], 4))
    look(hand, scene.centre)
    x, y = middle(scene, scene.said[fourth])
    now(painted(maps[-1], stroke(scene, hand.press("b"), "brush", (x, y), (x + 90, y + 10)), 4))
    gone = stroke(scene, hand.press("e"), "eraser", (x, y - 60), (x, y + 60))
    now(np.where(gone & (maps[-1] == 4), 0, maps[-1]).astype(np.uint16))
    table = [(one["slickId"], one["source"], one["classId"]) for one in hand.slicks()]
    drawn = (f"{scene.scene_id}/ana/1", "drawn", 1)
    assert table == [drawn, (first, "accepted", 5), (second, "accepted", 6), (fourth, "edited", 5)]
    assert pending(hand) == []
    exported = json.loads(hand.downloaded("Control+e").read_text())
    assert [one["slick_id"] for one in exported["rejected"]] == [third]

    for state in reversed(maps[:-1]):
        assert (hand.press("Control+z").ready().ids() == state).all()
    assert pending(hand) == offered
    for state in maps[1:]:
        hand.press("Control+Shift+z")
        assert (hand.ready().ids() == state).all()
    assert (hand.reload().ids() == maps[-1]).all() and pending(hand) == []
    assert [(one["slickId"], one["source"], one["classId"]) for one in hand.slicks()] == table


def go(hand, key, index):
    hand.press(key).tab.wait_for_function("(index) => Cerulean.desk.index === index", arg=index)
    return hand.ready().frame()


def test_a_blind_tile_is_drawn_without_outlines_and_keeps_every_pixel(both):
    scene, hand = both
    row, col, height, width = scene.blind
    hidden = list(scene.said)[-1]
    go(hand, "n", 1)
    shown = hand.of("desk.prelabels.map((one) => one.slickId)")
    assert hidden not in shown and len(shown) == len(scene.said) - 1
    lines = hand.tab.inner_text("#queue li:nth-child(2)") + hand.tab.inner_text("#top")
    assert "blind" in lines and "0.875" not in lines and "votes" not in lines
    x, y = middle(scene, scene.said[hidden])
    assert row < y < row + height and col < x < col + width
    empty = scene.empty
    first = painted(empty, stroke(scene, hand.press("b"), "brush", (x - 40, y - 20), (x + 45, y + 25)), 1)
    assert (hand.ids() == first).all() and hand.slicks()[0]["source"] == "drawn"
    go(hand, "r", 2)
    assert not hand.ids().any()
    go(hand, "PageUp", 1)
    assert (hand.ids() == first).all()
    go(hand, "PageUp", 0)
    assert (hand.ids() == first).all() and hidden not in pending(hand)
    tile = json.loads(hand.downloaded("Control+e").read_text())["tiles"][f"{scene.scene_id}_{row}_{col}"]
    assert (tile["blind"], tile["reviewed"], tile["empty"]) == (True, True, False)


def test_a_scene_without_slicks_is_marked_empty_only_while_no_pixel_is_drawn(both, tmp_path):
    scene, hand = both
    go(hand, "n", 1)
    go(hand, "n", 2)
    assert hand.of("desk.scene.scene_id") == scene.calm_id
    empty = scene.empty
    look(hand, scene.centre)
    drawn = painted(empty, stroke(scene, hand.press("b"), "brush", *scene.at((-40, 0), (40, 10))), 1)
    hand.press("0").told("There is a slick here")
    assert (hand.ids() == drawn).all() and not hand.of("desk.map.facts.has('complete')")
    hand.press("Control+z").ready()
    assert (hand.ids() == empty).all()
    fact = f"desk.map.facts.get('tile:{scene.calm_id}')"
    hand.press("0").tab.wait_for_function(f"() => Cerulean.{fact}")
    hand.ready()
    assert hand.of(fact) == {"reviewed": True, "empty": True} and (hand.reload().ids() == empty).all()
    assert hand.of(fact) == {"reviewed": True, "empty": True}
    saved = tmp_path / "calm.geojson"
    saved.write_bytes(hand.downloaded("Control+e").read_bytes())
    report = import_files([saved], tmp_path / "store")
    assert not report.refused and [one.slicks for one in report.taken] == [0]
    (head,) = heads_of(tmp_path / "store", scene.calm_id)
    state = read_scene_state(head, load_classes(), scene.calm_id)
    assert state.complete and not state.labels.shapes and state.tiles[scene.calm_id].reviewed
