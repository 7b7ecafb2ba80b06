"""The page on `annotate serve`: saves reach the label store, wait while it does not answer, and are never double."""

import json
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from page_driven import Hand, chromium
from page_made import TRANSFORM, make_page, sea

from ceruleanml.annotation.page_server import PageServer, open_page
from ceruleanml.classes import load_classes
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.labels.store import files_of, heads_of
from ceruleanml.scenes.grid import Grid

SHAPE = (240, 320)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("server"), {"a": sea(*SHAPE), "b": sea(*SHAPE, seed=1)})


@contextmanager
def running(page, store):
    with PageServer(open_page(page, store)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)


def burnt(path):
    """The pixels that make-dataset makes of a file of the store."""
    mask = np.zeros(SHAPE, bool)
    for shape in read_label_file(path, load_classes(), "a").shapes:
        piece = burn(shape, Grid("native", TRANSFORM, SHAPE, "EPSG:4326"), None)
        row, column, height, width = piece.window.as_list
        mask[row : row + height, column : column + width] |= piece.mask
    return mask


def in_store(hand):
    hand.tab.wait_for_function("() => document.querySelector('#saved').innerText.startsWith('in the store')")
    return hand


def test_saves_reach_the_store_with_the_very_pixels(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser).open(server.url)
        hand.press("3", "b").drag((60, 60), (120, 90), (60, 120))
        assert not files_of(tmp_path / "store", "a")
        in_store(hand.press("Control+s"))
        (path,) = files_of(tmp_path / "store", "a")
        assert path.name in hand.tab.inner_text("#saved")
        assert (burnt(path) == (hand.ids() > 0)).all()
        hand.press("Control+s").ready()
        assert files_of(tmp_path / "store", "a") == [path]
        hand.press("r")
        hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'b'")
        hand.tab.wait_for_function("() => !Cerulean.desk.server.waiting && !Cerulean.desk.server.sending")
        newest = json.loads(files_of(tmp_path / "store", "a")[-1].read_text())
        assert newest["complete"] is True and newest["tiles"]["a"]["reviewed"] is True
        hand.close()


def test_what_the_server_does_not_take_waits_and_is_sent_when_it_is_back(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser).open(server.url)
        hand.context.set_offline(True)
        hand.press("b").drag((60, 60), (120, 60)).press("Control+s")
        hand.tab.wait_for_function("() => document.querySelector('#saved').innerText.includes('does not answer')")
        assert "saved in this browser" in hand.tab.inner_text("#saved")
        assert "1 to send" in hand.tab.inner_text("#saved") and not files_of(tmp_path / "store", "a")
        hand.drag((60, 90), (120, 90)).press("Control+s")
        hand.errors.clear()  # the connections that failed
        hand.context.set_offline(False)
        in_store(hand)
        (path,) = files_of(tmp_path / "store", "a")
        assert (burnt(path) == (hand.ids() > 0)).all() and len(hand.slicks()) == 1
        hand.errors.clear()
        hand.close()


def test_two_annotators_at_once_lose_nothing(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        first, second = Hand(browser, "ana").open(server.url), Hand(browser, "bo").open(server.url)
        first.press("b").drag((60, 60), (120, 60))
        second.press("b").drag((60, 160), (120, 160))
        first.press("Control+s")
        second.press("Control+s")
        in_store(first)
        in_store(second)
        files = files_of(tmp_path / "store", "a")
        masks = {json.loads(path.read_text())["annotator"]: burnt(path) for path in files}
        assert (masks["ana"] == (first.ids() > 0)).all() and (masks["bo"] == (second.ids() > 0)).all()
        first.close()
        second.close()


def test_another_browser_goes_on_where_the_store_stands(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser, "ana").open(server.url)
        hand.press("5", "b").drag((60, 60), (120, 60))
        in_store(hand.press("Control+s"))
        drawn = hand.ids()
        hand.close()
        again = Hand(browser, "ana").open(server.url)
        assert (again.ids() == drawn).all() and again.slicks()[0]["classId"] == 5
        again.told("earlier slick")
        again.close()
        other = Hand(browser, "bo").open(server.url)
        assert ((other.ids() > 0) == (drawn > 0)).all()
        other.press("Escape", "b").drag((60, 160), (120, 160)).press("Control+s")
        in_store(other)
        newest = json.loads(files_of(tmp_path / "store", "a")[-1].read_text())
        assert newest["based_on"] == [files_of(tmp_path / "store", "a")[0].name] and len(newest["features"]) == 2
        other.close()


def test_nothing_can_be_drawn_before_the_store_has_answered(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser, "ana").open(server.url)
        hand.press("b").drag((60, 60), (120, 60))
        in_store(hand.press("Control+s"))
        drawn = hand.ids()
        hand.close()
        again, held = Hand(browser, "ana"), []
        again.tab.route("**/api/labels/**", lambda route: held.append(route))
        again.tab.goto(server.url)
        again.tab.wait_for_function("() => Cerulean.desk?.editor && Cerulean.desk.pyramid.sharp")
        again.press("b").begin((60, 160), (120, 160)).tab.mouse.up()
        again.told("still being opened")
        assert not again.slicks()
        held[0].continue_()
        assert (again.ready().ids() == drawn).all()
        again.close()


def test_a_store_that_does_not_answer_is_named_and_asked_again(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser, "ana").open(server.url)
        hand.press("b").drag((60, 60), (120, 60))
        in_store(hand.press("Control+s"))
        drawn = hand.ids()
        hand.close()
        again = Hand(browser, "ana")
        again.tab.route("**/api/labels/**", lambda route: route.abort())
        again.open(server.url).told("does not say what it has")
        again.tab.unroute_all()
        again.errors.clear()  # the request that failed
        again.tab.locator(".notice button").click()
        again.told("earlier slick")
        assert (again.ready().ids() == drawn).all()
        again.close()


def test_labels_of_two_scenes_that_the_store_refuses_are_not_sent_for_ever(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand, asked = Hand(browser).open(server.url), []

        def refuse(route):
            asked.append(route.request.url)
            route.fulfill(status=400, json={"error": "no such class"})

        hand.tab.route(lambda url: "/api/labels/" in url and "?" not in url, refuse)
        for scene in ("a", "b"):
            hand.tab.wait_for_function("(id) => Cerulean.desk.scene?.scene_id === id", arg=scene)
            hand.ready().press("Escape", "b").drag((60, 60), (120, 60)).press("Control+s", "n")
            hand.told(f"refuses the labels of {scene}")
        hand.tab.wait_for_function("() => !Cerulean.desk.server.sending")
        assert len(asked) <= 6
        hand.errors.clear()  # the answers that refuse
        hand.close()


def test_what_was_drawn_in_another_browser_meanwhile_is_offered(browser, page, tmp_path):
    with running(page, tmp_path / "store") as server:
        hand = Hand(browser, "ana").open(server.url)
        hand.press("b").drag((60, 60), (120, 60))
        in_store(hand.press("Control+s"))
        here = hand.ids()
        other = Hand(browser, "ana").open(server.url)
        other.press("Escape", "b").drag((60, 160), (120, 160))
        in_store(other.press("Control+s"))
        there = other.ids()
        other.close()
        hand.reload().told("newer state of yours")
        assert (hand.ids() == here).all()
        hand.tab.locator(".notice button").click()
        assert ((hand.ready().ids() > 0) == (there > 0)).all()
        hand.press("Control+z")
        assert (hand.ready().ids() == here).all()
        hand.close()


def test_who_goes_on_with_their_own_leaves_the_head_of_another_in_the_vote(browser, page, tmp_path):
    store = tmp_path / "store"
    with running(page, store) as server:
        for name, place in (("ann", 60), ("na_ann", 160)):
            hand = Hand(browser, name)
            hand.tab.route(
                "**/api/labels/**?annotator=*",
                lambda route: route.fulfill(json={"files": [], "state": None, "heads": []}),
            )
            in_store(hand.open(server.url).press("b").drag((place, 60), (place + 20, 60)).press("Control+s"))
            hand.close()
        assert len(heads_of(store, "a")) == 2
        again = Hand(browser, "ann").open(server.url)  # another browser: nothing of hers is kept here
        again.told("1 earlier slick of yours")
        in_store(again.press("b", "Escape").drag((60, 120), (80, 120)).press("Control+s"))
        again.close()
    first, second = heads_of(store, "a")
    assert {first.name[17:], second.name[17:]} == {"ann.geojson", "na_ann.geojson"}
    assert len(files_of(store, "a")) == 3
