"""Nothing drawn is lost: reloads and crashes in the middle of a stroke, full storage, two windows at once."""

import json

import pytest
from page_driven import Hand, chromium, crash
from page_made import make_page, sea, served

SHAPE = (240, 320)


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("keeping"), {"a": sea(*SHAPE), "b": sea(*SHAPE, seed=1)})


@pytest.fixture
def hand(browser, page):
    """The page from its folder."""
    drawing = Hand(browser).open(page)
    yield drawing
    drawing.close()


@pytest.fixture(params=["file", "http"])
def either(request, browser, page):
    """The page from its folder, and from a web server."""
    with served(page) as address:
        drawing = Hand(browser).open(page if request.param == "file" else address)
        yield drawing
        drawing.close()


def test_a_reload_brings_back_every_pixel_and_every_undo(hand):
    hand.press("3", "b").drag((60, 60), (120, 60)).press("Escape").drag((60, 100), (120, 100))
    hand.press("e").drag((90, 40), (90, 120))
    drawn, table = hand.ids(), hand.slicks()
    hand.reload()
    assert (hand.ids() == drawn).all() and hand.slicks() == table
    assert "2 slicks are back" in hand.notices()
    hand.press("Control+z", "Control+z").ready().reload()
    assert len(hand.slicks()) == 1
    hand.press("Control+Shift+z", "Control+Shift+z")
    assert (hand.ids() == drawn).all()


def test_a_reload_in_the_middle_of_a_stroke_loses_nothing_committed_and_keeps_the_stroke(either):
    either.press("b").drag((60, 60), (120, 60)).press("Escape")
    before = either.ids()
    either.begin((60, 120), (120, 120), steps=12)
    either.tab.wait_for_function("() => Cerulean.desk.autosave.state === 'saved' && Cerulean.desk.editor.running")
    either.reload()
    after = either.ids()
    assert (after[before > 0] == 1).all() and len(either.slicks()) == 2
    assert (after[120, 62:118] == 2).all()
    either.press("Control+z").ready()
    assert (either.ids() == before).all()
    either.press("b").drag((60, 180), (120, 180)).reload()
    assert len(either.slicks()) == 2


def test_a_reload_without_local_storage_opens_the_same_item_for_the_same_annotator(hand):
    hand.press("n")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'b'")
    hand.ready().press("b").drag((60, 60), (120, 60))
    drawn = hand.ids()
    hand.tab.add_init_script("localStorage.clear()")  # as Chromium now and then opens a page on file://
    hand.reload()
    assert hand.of("[desk.item.id, desk.annotator]") == ["b", "ana"]
    assert drawn.any() and (hand.ids() == drawn).all()


def test_saved_is_not_said_while_a_part_of_a_stroke_waits_to_be_written(hand):
    said = hand.of("""(async () => { const { storage, autosave, editor } = desk, { write } = storage, said = [];
        let written;
        storage.write = (...given) => (written = write.apply(storage, given));
        editor.begin("stroke");
        editor.setFact("first", 1);
        autosave.flush();
        editor.setFact("second", 2);
        await written;
        await new Promise((go) => setTimeout(go, 0));
        said.push([autosave.state, autosave.pending.length]);
        editor.commit();
        await written;
        await new Promise((go) => setTimeout(go, 0));
        return [...said, [autosave.state, autosave.pending.length]]; })()""")
    assert said == [["saving", 1], ["saved", 0]]


def test_a_window_that_folds_the_journal_while_another_reads_hides_nothing_from_it(hand):
    hand.press("b").drag((60, 60), (120, 60))
    read = hand.of("""(async () => { const { storage, autosave, editor } = desk, other = new storage.constructor();
        await other.open();
        const { database } = storage, { transaction } = database, snapshot = Cerulean.snapshot(editor);
        let folds = 0;
        database.transaction = function (...given) {
            const begun = transaction.apply(this, given);
            if (folds++) return begun;
            const fold = other.database.transaction(["journal", "snapshots"], "readwrite");
            fold.objectStore("snapshots").put(snapshot, autosave.key);
            fold.objectStore("journal").delete(Cerulean.ui.journalRange(autosave.key, snapshot.seq));
            return begun; };
        const found = [await autosave.recover(), await autosave.recover()];
        delete database.transaction;
        return found.map(({ snapshot, entries }) => [Boolean(snapshot), entries.length > 0]); })()""")
    assert read == [[False, True], [True, False]]


def test_an_open_polygon_is_back_after_a_reload(hand):
    hand.press("p").click(50, 50).click(150, 60).click(140, 100).ready()
    vertices = hand.of("desk.tools.polygon.draft.vertices")
    hand.reload()
    assert hand.of("desk.tools.polygon.draft.vertices") == vertices
    hand.press("Enter").ready()
    assert hand.ids()[70, 120] == 1
    hand.reload()
    assert not hand.of("desk.tools.polygon.busy") and len(hand.slicks()) == 1


def test_a_crashed_renderer_loses_no_stroke(either):
    either.press("b").drag((60, 60), (120, 60)).press("Escape")
    drawn, address = either.ids(), either.tab.url
    either.begin((60, 120), (120, 120), steps=12)
    either.tab.wait_for_function("() => Cerulean.desk.autosave.state === 'saved' && Cerulean.desk.editor.running")
    crash(either.tab)
    either.tab = either.new_tab()
    either.open(address)
    assert (either.ids()[drawn > 0] == 1).all()
    assert (either.ids()[120, 62:118] == 2).all() and len(either.slicks()) == 2


def test_scenes_and_annotators_keep_apart(hand):
    hand.press("b").drag((60, 60), (120, 60)).press("n")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'b'")
    assert not hand.ready().slicks()
    hand.press("b").drag((60, 100), (120, 100))
    hand.tab.fill("#annotator", "Bo Ñ")
    hand.press("Enter")
    hand.tab.wait_for_function("() => Cerulean.desk.editor?.annotator === 'Bo-N'")
    assert not hand.ready().slicks()
    hand.press("PageUp")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'a'")
    assert not hand.ready().slicks()
    hand.tab.fill("#annotator", "ana")
    hand.press("Enter")
    hand.tab.wait_for_function("() => Cerulean.desk.editor?.annotator === 'ana'")
    assert [one["slickId"] for one in hand.ready().slicks()] == ["a/ana/1"]


def test_many_strokes_are_folded_into_a_snapshot_and_all_come_back(browser, page):
    hand = Hand(browser).open(page)
    hand.of("""(() => { for (let n = 0; n < 300; n++) {
        const points = [[5 + n, 20 + (n % 7) * 20], [5 + n, 30 + (n % 7) * 20]];
        desk.editor.paint(null, Cerulean.brushMask(points, 0.5), {classId: 1 + n % 6});
    } })()""")
    hand.ready()
    drawn, table = hand.ids(), hand.slicks()
    hand.tab.wait_for_function("() => Cerulean.desk.autosave.entries === 0")
    assert len(table) == 300
    assert (hand.reload().ids() == drawn).all() and hand.slicks() == table
    hand.close()


def test_full_storage_is_said_at_once_with_a_way_out_and_nothing_is_dropped(browser, page):
    hand = Hand(browser).open(page)
    hand.press("b").drag((60, 60), (120, 60))
    hand.of("""(() => { const storage = desk.storage; storage.kept = storage.write;
        storage.write = () => Promise.reject(new DOMException("full", "QuotaExceededError")); })()""")
    hand.begin((60, 100), (120, 100)).tab.mouse.up()
    hand.tab.wait_for_function("() => document.querySelector('#saved').dataset.state === 'failed'")
    assert "NOT SAVED: this browser's storage is full" in hand.tab.inner_text("#saved")
    assert "Ctrl+E" in hand.tab.inner_text("#saved")
    exported = json.loads(hand.downloaded("Control+e").read_text())
    assert len(exported["features"]) == 1
    drawn = hand.ids()
    hand.of("(() => { desk.storage.write = desk.storage.kept; })()")
    hand.press("Escape").drag((60, 140), (120, 140))
    both = hand.ids()
    assert (both[drawn > 0] == 1).all()
    assert (hand.reload().ids() == both).all()
    hand.close()


def test_one_window_draws_and_the_other_can_take_over(browser, page):
    hand = Hand(browser).open(page)
    hand.press("b").drag((60, 60), (120, 60))
    first, second = hand.tab, hand.new_tab()
    second.goto(first.url)
    second.wait_for_function("() => Cerulean.desk?.isReady")
    hand.tab = second
    assert "open in another window" in second.inner_text("#saved")
    hand.press("b").begin((60, 100), (120, 100)).tab.mouse.up()
    assert len(hand.slicks()) == 1
    second.locator(".notice button").click()
    hand.tab.wait_for_function("() => Cerulean.desk.isReady && !Cerulean.desk.readOnly")
    hand.ready().press("b").drag((60, 100), (120, 100))
    assert len(hand.slicks()) == 2
    first.wait_for_function("() => Cerulean.desk.readOnly")
    hand.tab = first
    hand.begin((60, 140), (120, 140)).tab.mouse.up()
    assert len(hand.slicks()) == 1
    hand.close()
