"""What Ctrl+E brings home: all that somebody drew on a page, in one file, whichever scene is open."""

import json
import zipfile

import pytest
from page_driven import Hand, chromium
from page_made import make_page, put, sea, served

from ceruleanml.annotation.importing import ImportRules, import_files
from ceruleanml.annotation.importing_frames import frames_of
from ceruleanml.labels.heads import heads_of
from ceruleanml.storage import read_json

SHAPE = (240, 320)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("three"), {name: sea(*SHAPE, seed) for seed, name in enumerate("abc")})


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def hand(browser, page):
    drawing = Hand(browser).open(page)
    yield drawing
    drawing.check()
    drawing.close()


def step(hand, key, scene_id):
    hand.press(key).tab.wait_for_function(
        "(id) => Cerulean.desk.isReady && Cerulean.desk.scene.scene_id === id", arg=scene_id
    )
    return hand.settled()


def drawn_on_two(hand):
    """A slick on a, on b nothing but the mark that nothing is there, and the untouched c open."""
    hand.press("2", "b").drag((60, 60), (120, 60))
    step(hand, "n", "b").press("0")
    hand.tab.wait_for_function("() => Cerulean.desk.scene.scene_id === 'c' && Cerulean.desk.isReady")
    return hand.settled()


def test_scenes_that_are_not_open_are_exported_too_and_taken_by_import(hand, page, tmp_path):
    whole = drawn_on_two(hand).downloaded("Control+e")
    hand.told("labels_ana.zip is in your downloads: the labels of 2 scenes")
    path = tmp_path / "labels_ana.zip"
    path.write_bytes(whole.read_bytes())
    with zipfile.ZipFile(path) as archive:
        saved = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert {name: (one["scene_id"], len(one["features"]), one["complete"]) for name, one in saved.items()} == {
        "a_ana.geojson": ("a", 1, False),
        "b_ana.geojson": ("b", 0, True),
    }
    report = import_files([path], tmp_path / "store", ImportRules(frames=frames_of(page=page)))
    assert [(one.scene_id, one.slicks) for one in report.taken] == [("a", 1), ("b", 0)] and not report.refused
    (head,) = heads_of(tmp_path / "store", "a")
    assert read_json(head)["features"][0]["geometry"] == saved["a_ana.geojson"]["features"][0]["geometry"]


def test_what_was_drawn_before_a_reload_is_among_it(hand):
    drawn_on_two(hand).reload()
    assert sorted(zipfile.ZipFile(hand.downloaded("Control+e")).namelist()) == ["a_ana.geojson", "b_ana.geojson"]


def test_one_scene_is_plain_geojson_though_another_is_open(hand):
    hand.press("2", "b").drag((60, 60), (120, 60))
    exported = json.loads(step(hand, "n", "b").downloaded("Control+e").read_text())
    assert (exported["scene_id"], len(exported["features"])) == ("a", 1)


def test_of_a_scene_that_has_another_size_now_the_work_on_that_is_exported(browser, tmp_path):
    for name, size in (("before", SHAPE), ("now", (200, 290))):
        make_page(tmp_path / name, {"a": sea(*size), "b": sea(*SHAPE)})
    place = tmp_path / "place"
    with served(place) as address:
        drawing = Hand(browser)
        put(tmp_path / "before" / "page", place, 1)
        drawing.open(address).press("b").drag((60, 60), (120, 60))
        put(tmp_path / "now" / "page", place, 2)
        drawing.reload().told("of another size")
        drawing.press("2", "b").drag((60, 90), (120, 90))
        exported = json.loads(step(drawing, "n", "b").downloaded("Control+e").read_text())
        drawing.close()
    (slick,) = exported["features"]
    assert (exported["scene_id"], slick["properties"]["class"]) == ("a", "natural_seep")


def test_of_nothing_the_open_scene_is_exported(hand):
    exported = json.loads(step(hand, "n", "b").downloaded("Control+e").read_text())
    assert (exported["scene_id"], exported["features"], exported["complete"]) == ("b", [], False)


def test_coco_says_that_it_holds_one_scene(hand):
    coco = json.loads(drawn_on_two(hand).downloaded("Control+Shift+e").read_text())
    assert coco["annotations"] == []
    hand.told("this scene alone; Ctrl+E exports all")
