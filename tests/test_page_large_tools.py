"""Each tool on a full-size and on a real scene: every pixel is compared, also those that no tool may have reached."""

import numpy as np
import pytest
from page_driven import chromium
from page_expected import cut, filled, in_window, inside, parts, smoothed, swept
from page_large import CROSSED, FOLLOW_SIDE, STRAIGHT, WAND_SIDE, large, look, opened, painted

both_scenes = pytest.mark.parametrize("both", STRAIGHT, ids="-".join, indirect=True, scope="module")
both_ways = pytest.mark.parametrize("both", STRAIGHT + CROSSED, ids="-".join, indirect=True, scope="module")


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def both(request, browser, tmp_path_factory):
    """What is known of a scene, and a hand on its page."""
    scene, way = request.param
    known = large(scene, tmp_path_factory, request)
    with opened(browser, known, way) as hand:
        yield known, hand


@pytest.fixture
def scene(both):
    return both[0]


@pytest.fixture
def hand(both):
    """The page with nothing drawn on it, at full size around the centre."""
    scene, drawing = both
    yield look(drawing.fresh(), scene.centre)
    drawing.check()


@pytest.fixture
def empty(scene):
    return scene.empty


def step(hand, before, after, window=None):
    """What the last step made of the map, and that it is undone and done again, pixel by pixel."""
    assert (hand.ids(window) == after).all()
    table = hand.slicks()
    assert (hand.press("Control+z").ready().ids(window) == before).all()
    assert (hand.press("Control+Shift+z").ready().ids(window) == after).all() and hand.slicks() == table
    assert {one["id"]: one["area"] for one in table} == areas(after)
    return after


def areas(ids):
    counts = np.bincount(ids[ids > 0])
    return {int(slick): int(counts[slick]) for slick in np.flatnonzero(counts)}


def stroke(hand, scene, *offsets):
    """Drag along places around the centre; where the pointer really was."""
    places = scene.at(*offsets)
    hand.drag(*places)
    return [hand.exact(*place) for place in places]


def radius(hand, tool="brush"):
    return hand.of(f"desk.tools.{tool}.radius")


@both_scenes
def test_the_brush_paints_what_lies_within_its_radius_and_leaves_others_theirs(hand, scene, empty):
    way = stroke(hand.press("b"), scene, (-120, -90), (30, 40), (140, -60))
    first = step(hand, empty, painted(empty, scene.swept(way, radius(hand)), 1))
    way = stroke(hand.press("]", "]"), scene, (30, 40), (60, 90))
    more = step(hand, first, painted(first, scene.swept(way, radius(hand)), 1))
    way = stroke(hand.press("Escape"), scene, (-100, 60), (100, -100))
    step(hand, more, painted(more, scene.swept(way, radius(hand)), 2))
    assert "stay with another slick" in hand.notices()


@both_scenes
def test_a_wide_brush_goes_across_the_whole_scene(hand, scene):
    (height, width), empty = scene.shape, np.zeros(scene.shape, np.uint16)
    hand.press("f", "f", "b", *["]"] * 9).frame()
    way = [(width * across, height * down) for across, down in ((0.1, 0.2), (0.9, 0.5), (0.3, 0.95))]
    hand.drag(*way, steps=8)
    exact = [hand.exact(*place) for place in way]
    mask = swept(scene.shape, exact, radius(hand))
    step(hand, empty, mask.astype(np.uint16), [0, 0, *scene.shape])
    assert radius(hand) > 20


@both_scenes
def test_the_eraser_takes_from_all_or_from_the_selected_slick(hand, scene, empty):
    ways = [stroke(hand.press("Escape", "b"), scene, (-90, down), (90, down)) for down in (-30, 30)]
    both = empty
    for slick, way in enumerate(ways, start=1):
        both = painted(both, scene.swept(way, radius(hand)), slick)
    way = stroke(hand.press("Escape", "e"), scene, (-20, -70), (10, 70))
    gone = scene.swept(way, radius(hand, "eraser"))
    left = step(hand, both, np.where(gone, 0, both).astype(np.uint16))
    hand.press("v").click(*scene.at((60, 30))[0])
    way = stroke(hand.press("e"), scene, (50, -70), (50, 70))
    gone = scene.swept(way, radius(hand, "eraser"))
    step(hand, left, np.where(gone & (left == 2), 0, left).astype(np.uint16))


def polygon(hand, places):
    """Click a polygon; its vertices, and its pixels' map where there was none."""
    hand.press("p")
    for place in places:
        hand.click(*place)
    hand.tab.wait_for_function(f"() => Cerulean.desk.tools.polygon.draft?.vertices.length === {len(places)}")
    vertices = hand.of("desk.tools.polygon.draft.vertices")
    exact = [hand.exact(*place) for place in places]
    assert np.allclose(vertices, exact)
    hand.press("Enter").ready()
    return exact


@both_scenes
def test_the_polygon_takes_the_centres_that_lie_in_it(hand, scene, empty):
    places = scene.at((-110, -80), (130.5, -60), (40, 20), (120, 110), (-60.5, 90), (20, -100))
    exact = polygon(hand, places)
    expected = painted(empty, scene.inside(exact), 1)
    assert (hand.ids() == expected).all()
    hand.press("Control+z").ready()
    assert (hand.ids() == empty).all() and len(hand.of("desk.tools.polygon.draft.vertices")) == len(places)
    hand.press("Enter").ready()
    assert ((hand.ids() > 0) == (expected > 0)).all()


@both_scenes
def test_a_polygon_around_most_of_the_scene_is_taken_whole(hand, scene):
    (height, width), whole = scene.shape, [0, 0, *scene.shape]
    hand.press("f", "f").frame()
    places = [(width * across, height * down) for across, down in ((0.02, 0.1), (0.98, 0.03), (0.9, 0.97), (0.5, 0.4))]
    exact = polygon(hand, places)
    expected = inside(scene.shape, exact)
    area = int(expected.sum())
    assert area > 0.3 * expected.size
    assert (hand.ids(whole) == expected).all() and [one["area"] for one in hand.slicks()] == [area]
    hand.press("Escape", "Control+z", "Escape").ready()
    assert not hand.ids(whole).any()
    hand.press("Control+Shift+z").ready()
    assert (hand.ids(whole) == expected).all()


@both_ways
def test_the_wand_takes_what_its_engine_finds_in_the_scene(hand, scene, empty):
    look(hand, scene.dark).drag(scene.dark, scene.dark)
    seed = hand.exact(*scene.dark)
    window = scene.window(seed, WAND_SIDE)
    first = painted(empty, scene.engine("wand", window, clicks=[seed]), 1)
    assert (first > 0).sum() > 100
    step(hand, empty, first)
    hand.press("Control+z", "Escape").ready()
    ends = [scene.dark, (scene.dark[0] + 45, scene.dark[1])]
    hand.drag(*ends, steps=1)
    start, end = (hand.at(*place)[0] for place in ends)
    mask = scene.engine("wand", window, clicks=[seed], tolerance=0.5 + (end - start) / 300)
    assert mask.sum() > (first > 0).sum()
    step(hand, empty, painted(empty, mask, hand.slicks()[0]["id"]))


@both_ways
def test_the_wand_along_takes_what_its_engine_finds_along_the_drag(hand, scene, empty):
    reach = max(place[0] for place in scene.thin) - min(place[0] for place in scene.thin)
    scale = min(1.5, 900 / reach)
    look(hand, np.mean([scene.thin[0], scene.thin[-1]], axis=0), scale).press("l")
    hand.begin(*scene.thin, steps=6)
    pieces = hand.of("desk.tools.follow.stroke.pieces.map(({ points, window }) => ({ points, window }))")
    hand.tab.mouse.up()
    hand.settled()
    assert pieces[0]["window"] == scene.window(pieces[0]["points"][0], FOLLOW_SIDE)
    found = empty.astype(bool)
    for piece in pieces:
        if len(piece["points"]) > 1:
            given = {"drag": piece["points"], "reach": max(16, 16 / scale)}
            found |= scene.engine("follow", piece["window"], **given)
    assert found.sum() > 300
    step(hand, empty, painted(empty, found, 1))


@both_scenes
def test_a_slick_is_cut_and_its_pieces_are_merged(hand, scene, empty):
    way = stroke(hand.press("b", "]", "]", "]", "]"), scene, (-90, -20), (110, 30))
    whole = step(hand, empty, painted(empty, scene.swept(way, radius(hand)), 1))
    (x, _), _ = stroke(hand.press("x"), scene, (20, -60), (20, 60))
    column = int(x) - scene.area[1]
    pieces = in_window(lambda mask: cut(mask, column - box(whole)[1]), whole > 0)
    larger, smaller = sorted(pieces, key=lambda mask: -mask.sum())
    after = step(hand, whole, (larger + 2 * smaller).astype(np.uint16))
    assert {1, 2} == set(areas(after))
    hand.press("v").click(*scene.at((-80, -17))[0])
    hand.tab.keyboard.down("Shift")
    hand.click(*scene.at((100, 27))[0])
    hand.tab.keyboard.up("Shift")
    kept = hand.of("[...desk.selected][0]")
    hand.press("m").ready()
    step(hand, after, np.where(whole > 0, kept, 0).astype(np.uint16))


def box(ids, margin=12):
    """First row and column of what `in_window` works on."""
    return [max(0, int(np.flatnonzero((ids > 0).any(axis=axis))[0]) - margin) for axis in (1, 0)]


@both_scenes
def test_parts_become_slicks_of_their_own(hand, scene, empty):
    hand.press("b")
    for down, across in ((-60, 40), (0, 90), (60, 60)):
        stroke(hand, scene, (-across, down), (across, down))
    before = hand.ids()
    found = in_window(parts, before > 0)
    assert len(found) == 3
    hand.press("k").ready()
    step(hand, before, sum(np.uint16(slick) * part for slick, part in enumerate(found, start=1)).astype(np.uint16))


@both_scenes
def test_holes_are_filled_and_edges_are_smoothed(hand, scene, empty):
    stroke(hand.press("b"), scene, (-70, -60), (80, -50), (60, 70), (-60, 50), (-70, -60))
    before = hand.ids()
    hand.press("g").ready()
    full = step(hand, before, in_window(filled, before > 0).astype(np.uint16))
    assert (full > 0).sum() > 2 * (before > 0).sum()
    stroke(hand.press("[", "[", "["), scene, (60, 40), (130, 45))  # a streak that is thinner than the smoothing
    stroke(hand.press("e", "[", "["), scene, (0, -60), (0, -50))
    before = hand.ids()
    hand.press("s").ready()
    after = in_window(smoothed, before > 0).astype(np.uint16)
    ((column, row),) = scene.here([scene.centre])
    assert (after != before).any() and after[row + 44, column + 120]
    step(hand, before, after)


@both_scenes
def test_class_comment_and_delete_change_no_other_pixel(hand, scene, empty):
    ways = [
        stroke(hand.press("Escape", key, "b"), scene, (-60, down), (60, down)) for key, down in (("3", 0), ("5", 40))
    ]
    both = empty
    for slick, way in enumerate(ways, start=1):
        both = painted(both, scene.swept(way, radius(hand)), slick)
    hand.press("v").click(*scene.at((0, 0))[0]).press("2")
    assert [one["classId"] for one in hand.slicks()] == [2, 5]
    step(hand, both, both)
    hand.press("Control+z").ready()
    assert [one["classId"] for one in hand.slicks()] == [3, 5]
    hand.press("Control+Shift+z", "t").tab.keyboard.type("near the shelf")
    hand.press("Enter").ready()
    assert [one["comment"] for one in hand.slicks()] == ["near the shelf", None]
    step(hand, both, both)
    hand.press("Delete").ready()
    step(hand, both, np.where(both == 1, 0, both).astype(np.uint16))


@both_scenes
def test_all_steps_are_undone_one_by_one_and_done_again(hand, scene, empty):
    states = [empty]
    steps = [
        lambda: stroke(hand.press("b", "]", "]"), scene, (-90, -40), (90, -40)),
        lambda: stroke(hand.press("Escape", "4"), scene, (-90, 40), (60, 60), (20, 0), (-90, 40)),
        lambda: hand.press("g"),
        lambda: hand.press("6"),
        lambda: stroke(hand.press("e"), scene, (0, 0), (10, 90)),
        lambda: hand.press("s"),
        lambda: hand.press("k"),
        lambda: polygon(hand.press("Escape"), scene.at((80, 0), (140, 10), (100, 120))),
        lambda: stroke(hand.press("x"), scene, (105, -20), (105, 130)),
        lambda: hand.press("Delete"),
        lambda: look(hand, scene.dark).press("w", "Escape").drag(scene.dark, scene.dark),
    ]
    for number, work in enumerate(steps, start=1):
        work()
        states.append(hand.settled().ids())
        assert len(hand.of("desk.editor.done.map((one) => one.name)")) == number
    for state in reversed(states[:-1]):
        hand.press("v", "Control+z").settled()
        assert (hand.ids() == state).all()
        hand.press("Escape")
    for state in states[1:]:
        assert (hand.press("v", "Control+Shift+z").settled().ids() == state).all()
