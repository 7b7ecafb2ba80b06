"""The page and its server in a real browser: what two annotators draw at once lands in the store, pixel by pixel."""

import json

import numpy as np
import pytest
from annotate_made import make_page, running
from page_driven import CHROMIUM, FLAGS, Hand, chromium

from ceruleanml.classes import load_classes
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_geojson
from ceruleanml.labels.heads import heads_of
from ceruleanml.scenes.grid import Grid


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def served(tmp_path):
    with running(make_page(tmp_path, scenes=("a",)), tmp_path / "labels") as server:
        yield server


def stored(path, hand):
    """The slicks of a label file on the pixels that the page shows."""
    from affine import Affine

    scene = hand.of("desk.scene")
    grid = Grid("page", Affine(*scene["transform"]), tuple(scene["height_width"]))
    mask = np.zeros(grid.height_width, bool)
    for shape in read_geojson(path, load_classes(), "a"):
        one = burn(shape, grid, None)
        window = one.window
        mask[window.row : window.row + window.height, window.col : window.col + window.width] |= one.mask
    return mask


def test_two_annotators_at_once_both_land_pixel_by_pixel(browser, served):
    store = served.content.store
    hands = [Hand(browser, name).open(served.url) for name in ("ana", "bob")]
    for hand, row in zip(hands, (20, 35), strict=True):
        hand.press("b").begin((20, row), (50, row + 4)).tab.mouse.up()
    for hand in hands:
        hand.press("r")  # reviewed: it is sent at once
    for hand in hands:
        hand.tab.wait_for_function("() => !Cerulean.ui.unsent(Cerulean.desk)")
    heads = {json.loads(path.read_text())["annotator"]: path for path in heads_of(store, "a")}
    assert sorted(heads) == ["ana", "bob"]
    for hand in hands:
        drawn = hand.ids() > 0
        assert drawn.sum() > 50
        assert np.array_equal(stored(heads[hand.name], hand), drawn)
        hand.close()


def test_a_name_that_leads_to_this_machine_opens_nothing(browser, served):
    """DNS rebinding: the browser takes the server for the other site's own."""
    rebound = browser.browser_type.launch(
        executable_path=CHROMIUM, args=[*FLAGS, "--host-resolver-rules=MAP evil.example 127.0.0.1"]
    )
    tab = rebound.new_page()
    answer = tab.goto(served.url.replace("127.0.0.1", "evil.example"))
    assert answer.status == 403
    assert tab.evaluate("url => fetch(url).then((answer) => answer.status)", "api/labels/a") == 403
    rebound.close()


def test_another_site_reads_and_saves_nothing(browser, served):
    """A page of another origin that has even guessed the address."""
    context = browser.new_context()
    context.route("https://evil.example/", lambda route: route.fulfill(body="<h1>hello</h1>", content_type="text/html"))
    tab = context.new_page()
    tab.goto("https://evil.example/")
    tried = tab.evaluate(
        """async (url) => {
            const answers = [];
            const ways = [
              ["data/queue.json", {}], ["api/labels/a", {}], ["data/queue.json", { mode: "no-cors" }],
              ["api/labels/a", { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }],
              ["api/labels/a", { method: "POST", body: "{}", mode: "no-cors" }],
            ];
            for (const [path, options] of ways) {
              try { answers.push((await fetch(url + path, options)).type); } catch { answers.push("refused"); }
            }
            return answers;
        }""",
        served.url,
    )
    assert tried == ["refused"] * 5
    assert not (served.content.store / "a").exists()
    tab.set_content(f'<iframe src="{served.url}"></iframe>')
    assert "Cerulean" not in tab.frames[-1].evaluate("() => Object.keys(window).join()")
    context.close()
