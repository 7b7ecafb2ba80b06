"""What would lose or falsify a day of work: leaving too early, other names, queues, sizes, keyboards, screens."""

import json

import pytest
from page_driven import Hand, chromium
from page_made import disc, make_page, predictions, put, sea, served, square

SHAPE = (240, 320)
FAIL = """(() => { const storage = desk.storage; storage.kept = storage.write;
    storage.write = () => Promise.reject(new DOMException("full", "QuotaExceededError")); })()"""
MEND = "(() => { desk.storage.write = desk.storage.kept; })()"


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("care"), {"a": sea(*SHAPE), "b": sea(*SHAPE, seed=1)})


@pytest.fixture
def hand(browser, page):
    """The page from its folder."""
    drawing = Hand(browser).open(page)
    yield drawing
    drawing.close()


def shown(hand, scene_id):
    hand.tab.wait_for_function("(id) => Cerulean.desk.scene?.scene_id === id && Cerulean.desk.isReady", arg=scene_id)


def test_a_scene_that_is_left_while_storage_is_full_is_still_there_and_is_kept_later(hand):
    hand.of(FAIL)
    hand.press("b").begin((60, 60), (120, 60)).tab.mouse.up()
    hand.tab.wait_for_function("() => Cerulean.desk.autosave.state === 'failed'")
    drawn = hand.ids()
    hand.press("n")
    shown(hand, "b")
    hand.tab.wait_for_function("() => document.querySelector('#saved').innerText.startsWith('NOT SAVED')")
    hand.press("PageUp")
    shown(hand, "a")
    assert drawn.any() and (hand.ids() == drawn).all()
    hand.press("n")
    shown(hand, "b")
    hand.of(MEND)
    hand.of("desk.unkept.values().next().value.autosave.flush()")
    hand.tab.wait_for_function("() => Cerulean.desk.unkept.size === 0")
    hand.press("PageUp")
    shown(hand, "a")
    assert (hand.reload().ids() == drawn).all()


def test_a_write_that_fails_twice_while_the_scene_is_left_is_tried_again(hand):
    hand.of("""(() => { const { storage } = desk; const { write } = storage;
        const after = (ms, then) => new Promise((done) => setTimeout(done, ms)).then(then);
        const fail = () => { throw new Error("busy"); };
        let calls = 0, kept = false, refused = false;
        storage.write = (names, ...given) => {
            if (!names.includes("journal")) return write.call(storage, names, ...given);
            if (!calls++) return after(500, fail);
            if (!kept) return after(900, () => write.call(storage, names, ...given)).then(() => { kept = true; });
            if (!refused) { refused = true; return after(400, fail); }
            return write.call(storage, names, ...given);
        };
        desk.editor.paint(null, Cerulean.brushMask([[60, 60]], 3), {classId: 1});
        desk.editor.paint(null, Cerulean.brushMask([[90, 60]], 3), {classId: 2});
    })()""")
    drawn = hand.ids()
    hand.press("n")
    shown(hand, "b")
    hand.of("desk.unkept.values().next().value.autosave.flush()")
    hand.tab.wait_for_function("() => Cerulean.desk.unkept.size === 0")
    hand.press("PageUp")
    shown(hand, "a")
    assert set(drawn.flat) == {0, 1, 2} and (hand.reload().ids() == drawn).all()


def test_leaving_the_page_before_all_is_kept_is_asked_about(hand):
    asked = "(() => { const event = new Event('beforeunload', {cancelable: true}); return !dispatchEvent(event); })()"
    assert not hand.press("b").drag((60, 60), (90, 60)).of(asked)
    hand.of(FAIL)
    hand.begin((60, 100), (120, 100)).tab.mouse.up()
    hand.tab.wait_for_function("() => Cerulean.desk.autosave.state === 'failed'")
    assert hand.of(asked)
    hand.of(MEND)


def test_a_write_that_succeeds_does_not_hide_one_that_failed(hand):
    hand.of("""(() => { const { storage } = desk; const { write } = storage; let calls = 0;
        storage.write = (names, ...given) => names.includes("journal") && !calls++
            ? Promise.reject(new Error("once")) : write.call(storage, names, ...given);
        desk.autosave.pending = []; desk.autosave.small = null;
        desk.editor.paint(null, Cerulean.brushMask([[60, 60]], 3), {classId: 1});
        desk.editor.paint(null, Cerulean.brushMask([[90, 60]], 3), {classId: 2});
    })()""")
    hand.ready()
    assert hand.of("desk.autosave.pending.length") == 0
    drawn = hand.ids()
    assert (hand.reload().ids() == drawn).all()


def test_a_key_in_mid_stroke_keeps_what_was_painted(hand):
    hand.press("b").begin((60, 60), (120, 60), steps=8).press("w")
    hand.tab.mouse.up()
    assert hand.ready().ids()[60, 62:118].all()
    hand.press("Escape", "b").begin((60, 120), (120, 120), steps=8).press("Escape").tab.mouse.up()
    assert len(hand.ready().slicks()) == 1


def test_another_name_and_back_again_can_go_on_and_keeps_its_own_reviews(hand):
    hand.press("0")
    shown(hand, "b")
    for name in ("bo", "ana"):
        hand.tab.fill("#annotator", name)
        hand.press("Enter")
        hand.tab.wait_for_function("(name) => Cerulean.desk.editor?.annotator === name", arg=name)
        hand.ready()
        assert hand.of("desk.readOnly") == ""
        assert hand.tab.inner_text("#queue-count") == ("1 of 2 done" if name == "ana" else "0 of 2 done")


def test_without_a_name_a_press_asks_for_it_and_names_in_other_letters_are_explained(browser, page):
    hand = Hand(browser, name="")
    hand.tab.goto((page / "index.html").as_uri())
    hand.tab.wait_for_function("() => Cerulean.desk?.index === 0 && document.activeElement.id === 'annotator'")
    hand.of("document.querySelector('#notices').replaceChildren()")
    hand.click(60, 60)
    hand.told("Type your name")
    hand.tab.fill("#annotator", "李明")
    hand.press("Enter")
    hand.told("letters A to Z")
    hand.close()


def test_reviews_of_tiles_that_this_queue_does_not_hold_are_kept(browser, page, tmp_path):
    hand = Hand(browser).open(page)
    tile = {"reviewed": True, "seconds": 12.5, "clicks": 3, "blind": True, "empty": True, "comment": "calm"}
    given = {"type": "FeatureCollection", "scene_id": "a", "features": [], "tiles": {"a_512_0": tile}}
    (tmp_path / "before.geojson").write_text(json.dumps(given))
    hand.tab.set_input_files("#import-files", tmp_path / "before.geojson")
    hand.told("0 slicks from")
    hand.ready().press("b").drag((60, 60), (90, 60))
    hand.reload()
    assert json.loads(hand.downloaded("Control+e").read_text())["tiles"]["a_512_0"] == tile
    hand.close()


def test_work_on_a_copy_of_another_size_stays_apart_and_comes_back_with_its_scene(browser, tmp_path):
    sizes = {"small": (200, 290), "large": SHAPE}
    copies = {name: make_page(tmp_path / name, {"a": sea(*size)}) for name, size in sizes.items()}
    place = tmp_path / "place"
    with served(place) as address:
        hand = Hand(browser)
        put(copies["large"], place, 1)
        hand.open(address).press("b").drag((60, 60), (120, 60))
        drawn = hand.ids()
        put(copies["small"], place, 2)
        hand.reload().told("of another size")
        assert hand.ids().shape == sizes["small"] and not hand.slicks()
        hand.press("b").drag((60, 90), (120, 90))
        small = hand.ids()
        assert (hand.reload().ids() == small).all()
        put(copies["large"], place, 3)
        assert (hand.reload().ids() == drawn).all()
        hand.close()


def test_an_offer_of_one_scene_is_not_taken_in_another(hand):
    hand.of("(() => { Cerulean.ui.notice('newer', {seconds: 0, action: ['load that one', () => {}]}); })()")
    assert hand.tab.locator(".notice button").count() == 1
    hand.press("n")
    shown(hand, "b")
    assert hand.tab.locator(".notice button").count() == 0


def test_a_folder_of_suggestions_that_cannot_be_read_stops_nothing(browser, tmp_path):
    said = {"a": predictions(square(20, 20, 30, slick_id="a/1"))}
    page = make_page(tmp_path, {"a": sea(*SHAPE)}, said=said)
    (path,) = page.glob("data/scenes/*/prelabels.js")
    path.write_text(path.read_text().replace("MultiPolygon", "Nothing"))
    hand = Hand(browser).open(page)
    hand.told("slicks are areas")
    hand.press("b").drag((60, 60), (90, 60))
    assert len(hand.slicks()) == 1
    hand.close()


def test_a_second_press_of_the_wand_drops_nothing_of_a_first_that_waits_for_tiles(browser, tmp_path):
    samples = sea(*SHAPE)
    for x in (80, 240):
        samples[disc(SHAPE, x, 120, 20)] //= 4
    hand = Hand(browser).open(make_page(tmp_path, {"a": samples}))
    hand.of("""(() => { const { samples } = desk.pyramid; desk.pyramid.samples = async function (window) {
        await new Promise((go) => setTimeout(go, 300)); return samples.call(this, window); }; })()""")
    hand.click(80, 120).click(240, 120)
    hand.tab.wait_for_function("() => Cerulean.desk.map.instances.size === 2")
    ids = hand.settled().ids()
    assert ids[120, 80] and ids[120, 240] and ids[120, 80] != ids[120, 240]
    hand.close()


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"key": "ц", "code": "KeyW"}, "w"),
        ({"key": "[", "code": "Digit8", "ctrlKey": True, "altKey": True, "modifierAltGraph": True}, "["),
        ({"key": "Я", "code": "KeyZ", "ctrlKey": True, "shiftKey": True}, "Ctrl+Shift+z"),
        ({"key": "ö", "code": "Semicolon"}, "ö"),
        ({"key": "!", "code": "Digit1", "altKey": True, "shiftKey": True}, "Alt+Shift+1"),
    ],
)
def test_keys_of_other_keyboards_are_known(hand, event, key):
    assert hand.of("Cerulean.ui.keyOf(new KeyboardEvent('keydown', given))", event) == key


def test_lines_and_letters_are_as_large_on_a_fine_screen(browser, page):
    share = {}
    for ratio in (1, 2):
        hand = Hand(browser, device_scale_factor=ratio).open(page)
        hand.of("desk.editor.paint(null, Cerulean.brushMask([[60, 60], [160, 60]], 3), { classId: 1 })")
        hand.ready().press("j")
        hand.tab.wait_for_function("""() => { const { view, overlay, renderer } = Cerulean.desk;
            view.fit([0, 0, 240, 320]); renderer.draw();
            return overlay.now.scale === view.scale && !overlay.behind && !overlay.old; }""")
        share[ratio] = hand.of("""(() => { const { width, height } = desk.canvas;
            const context = new OffscreenCanvas(width, height).getContext("2d"); desk.overlay.draw(context, desk.view);
            const { data } = context.getImageData(0, 0, width, height); let some = 0;
            for (let i = 3; i < data.length; i += 4) some += data[i] ? 1 : 0; return some / (width * height); })()""")
        hand.close()
    assert share[1] > 0.001 and 0.85 < share[2] / share[1] < 1.15


def test_tiles_on_screen_are_never_dropped_and_failed_ones_are_asked_for_again(hand):
    hand.tab.wait_for_function("() => Cerulean.desk.pyramid.sharp")
    assert hand.of("(() => { desk.pyramid.bytes += 1e9; desk.pyramid.forget(); return desk.pyramid.tiles.size })()")
    hand.of("""(() => { const { source, pyramid } = desk; let calls = 0;
        pyramid.source = { image: (path) => calls++ ? source.image(path) : Promise.reject(new Error("gone")) };
        for (const tile of pyramid.tiles.values()) tile.bitmap.close();
        pyramid.tiles.clear(); desk.renderer.invalidate(); })()""")
    hand.told("gone")
    hand.tab.wait_for_function("() => Cerulean.desk.pyramid.tiles.size > 0 && Cerulean.desk.pyramid.sharp")
