"""Looking at scenes: tiles, zoom, touch, contrast, the lines around the image; and that nothing foreign ever runs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from page_driven import Hand, chromium
from page_made import TRANSFORM, make_page, sea, square

SHAPE = (700, 1100)
PLATFORMS = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": TRANSFORM @ (300, 300)}},
        square(500, 500, 40),
    ],
}


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def samples():
    return sea(*SHAPE)


@pytest.fixture(scope="module")
def page(samples, tmp_path_factory):
    distance = np.tile(np.linspace(1, 255, SHAPE[1]).astype(np.uint8), (SHAPE[0], 1))
    overlays = {"platforms": PLATFORMS, "distance": distance}
    return make_page(tmp_path_factory.mktemp("view"), {"a": samples}, overlays=overlays, title="<b>Title</b>")


@pytest.fixture(scope="module")
def tab(browser, page):
    drawing = Hand(browser).open(page)
    yield drawing
    drawing.close()


@pytest.fixture
def hand(tab):
    yield tab.fresh().press("f", "Shift+a")
    tab.check()


def test_every_script_is_loaded_once():
    public = Path(__file__).parents[1] / "data-processing" / "public"
    listed = re.findall(r'<script[^>]* src="(js/[^"]+)"', (public / "index.html").read_text())
    assert sorted(listed) == sorted(path.relative_to(public).as_posix() for path in public.glob("js/*/*.js"))


def test_samples_come_through_exactly_across_tiles(hand, samples):
    read = "desk.pyramid.samples([400, 450, 200, 300]).then((window) => [...window.data])"
    assert (np.reshape(hand.of(read), (200, 300)) == samples[400:600, 450:750]).all()


def test_the_image_on_screen_is_the_stretched_scene(hand, samples):
    hand.press("z", "h", "Alt+1")
    hand.of("desk.view.centreOn(600, 400)")
    hand.tab.wait_for_function("() => { Cerulean.desk.renderer.draw(); return Cerulean.desk.pyramid.sharp }")
    low, high, x, y = hand.of("[desk.contrast.low, desk.contrast.high, desk.view.x, desk.view.y]")
    row, column = round(y) + 200, round(x) + 200
    share = (samples[row : row + 100, column : column + 100].astype(float) - low) / (high - low)
    for gamma in (1, 2):
        hand.of("desk.contrast.set({ gamma: given })", gamma)
        hand.tab.wait_for_function("() => !Cerulean.desk.renderer.asked")  # the page draws no further frame by itself
        shown = hand.of("[...desk.renderer.context.getImageData(200, 200, 100, 100).data]")
        gray = np.reshape(shown, (100, 100, 4))[..., 0]
        assert np.abs(gray - 255 * share.clip(0, 1) ** (1 / gamma)).mean() < 1
    hand.press("h", "Alt+1")


def test_the_wheel_zooms_to_the_pointer(hand):
    place = hand.at(300, 200)
    hand.tab.mouse.move(*place)
    before = hand.of("desk.view.scale")
    hand.tab.mouse.wheel(0, -400)
    hand.tab.wait_for_function("(before) => Cerulean.desk.view.scale > before * 1.5", arg=before)
    assert np.allclose(hand.at(300, 200), place, atol=2)
    hand.press("f")
    assert abs(hand.of("desk.view.scale") - before) < 1e-6


def test_arrows_space_and_the_middle_button_pan(hand):
    hand.press("z")
    x, y = hand.of("[desk.view.x, desk.view.y]")
    assert hand.press("ArrowRight").of("desk.view.x") > x and hand.press("ArrowDown").of("desk.view.y") > y
    x = hand.of("desk.view.x")
    hand.tab.keyboard.down(" ")
    hand.tab.mouse.move(400, 400)
    hand.tab.mouse.down()
    hand.tab.mouse.move(350, 400)
    hand.tab.mouse.up()
    hand.tab.keyboard.up(" ")
    assert abs(hand.of("desk.view.x") - x - 50) < 1 and not hand.slicks()


def test_the_cursor_tells_place_and_intensity(hand, samples):
    hand.press("z").tab.wait_for_timeout(50)
    hand.tab.wait_for_function("() => Cerulean.desk.pyramid.sharp")
    x, y = hand.exact(500, 300)
    hand.tab.mouse.move(*hand.at(500, 300))
    lon, lat = TRANSFORM @ (x, y)
    place, value = hand.tab.inner_text("#cursor-place"), hand.tab.inner_text("#cursor-value")
    shown_lat, shown_lon = (float(number) for number in re.findall(r"[\d.]+", place))
    assert abs(shown_lat - lat) < 1e-4 and abs(shown_lon + lon) < 1e-4 and "W" in place
    assert value.startswith(f"{samples[int(y), int(x)]} ")


def test_the_scale_bar_is_as_long_as_it_says(hand):
    words = hand.frame().tab.inner_text("#scale-bar span")
    width = hand.tab.locator("#scale-bar i").bounding_box()["width"]
    number, unit = words.split()
    metres = float(number) * {"m": 1, "km": 1000}[unit]
    pixel = 0.0004 * 111_132 * (1 + np.cos(np.radians(35.86))) / 2
    assert abs(width / hand.of("desk.view.scale") * pixel / metres - 1) < 0.03


def test_contrast_is_set_by_keys_and_by_dragging(hand):
    low, high = hand.of("[desk.contrast.low, desk.contrast.high]")
    hand.tab.mouse.move(400, 300)
    hand.tab.mouse.down(button="right")
    hand.tab.mouse.move(460, 340, steps=3)
    hand.tab.mouse.up(button="right")
    assert hand.of("desk.contrast.high - desk.contrast.low") > high - low and not hand.slicks()
    hand.press(".")
    assert hand.of("desk.contrast.gamma") > 1
    hand.press("Shift+a")
    assert hand.of("[desk.contrast.low, desk.contrast.high, desk.contrast.gamma]") == [low, high, 1]
    assert hand.press("a").of("desk.contrast.high") <= 255


def test_layers_are_toggled_by_keys(hand):
    assert hand.of("[...desk.shows.layers]") == [["platforms", True], ["distance", False]]
    layer = hand.of("desk.marks.layers.get('platforms')")
    assert len(layer["shapes"]) == 1 and np.allclose(layer["points"], [(300, 300)], atol=0.01)
    assert hand.press("Alt+1").of("desk.shows.layers.get('platforms')") is False
    plain = hand.of("[...desk.renderer.context.getImageData(400, 300, 1, 1).data]")
    hand.press("Alt+2")
    hand.tab.wait_for_function("() => Cerulean.desk.marks.layers.get('distance').pyramid.sharp")
    assert hand.frame().of("[...desk.renderer.context.getImageData(400, 300, 1, 1).data]") != plain
    assert hand.press("o").of("[...desk.shows.layers.values()]") == [False, False]
    hand.press("Alt+1")
    assert hand.press("h").of("desk.shows.outlines") is False
    assert hand.press("h").of("desk.shows.outlines") is True


def test_help_lists_every_command_and_closes(hand):
    hand.press("?")
    text = hand.tab.inner_text("#help")
    groups = hand.of("Cerulean.ui.commands")
    assert not [words for _, rows in groups for _, words, *_ in rows if words not in text]
    assert len(groups) > 5 and "Ctrl+Shift+E" in text
    hand.press("b", "Escape")
    assert hand.tab.is_hidden("#help") and hand.of("desk.toolId") == "wand"


def test_the_small_map_moves_the_view(hand):
    hand.press("z")
    hand.tab.locator("#minimap").click(position={"x": 20, "y": 20})
    window = hand.of("desk.view.window()")
    assert window[0] == 0 and window[1] == 0
    hand.press("i").frame()
    assert hand.tab.is_hidden("#minimap")
    hand.press("i")


def test_two_fingers_pinch_and_pan_and_one_draws(browser, page):
    hand = Hand(browser, has_touch=True).open(page)
    devtools = hand.context.new_cdp_session(hand.tab)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    before = hand.of("desk.view.scale")
    touch("touchStart", (350, 300))
    touch("touchStart", (350, 300), (450, 300))
    for step in range(1, 6):
        touch("touchMove", (350 - 10 * step, 300), (450 + 10 * step, 300))
    touch("touchEnd")
    assert abs(hand.of("desk.view.scale") / before - 2) < 0.1 and not hand.slicks()
    hand.press("b")
    places = [hand.at(500, 300), hand.at(520, 300), hand.at(560, 300)]
    touch("touchStart", places[0])
    for place in places[1:]:
        touch("touchMove", place)
    touch("touchEnd")
    assert hand.settled().ids()[300, 500:560].all()
    hand.close()


def test_two_hundred_slicks_are_drawn_as_fast_as_none(hand):
    steps = """(() => { const times = []; for (let n = 0; n < 60; n++) { desk.view.pan(n < 30 ? -7 : 7, 3);
        const start = performance.now(); desk.renderer.draw(); times.push(performance.now() - start); }
        return times.sort((a, b) => a - b)[50]; })()"""
    hand.press("z")
    none = hand.of(steps)
    hand.of("""(() => { for (let n = 0; n < 200; n++) {
        const [x, y] = [30 + (n % 20) * 52, 30 + Math.floor(n / 20) * 65];
        const mask = Cerulean.brushMask([[x, y], [x + 30, y + 20], [x, y + 40]], 5);
        desk.editor.paint(null, mask, {classId: 1 + n % 6}); } })()""")
    hand.ready()
    hand.of(steps)  # the tiles of the overlay are painted now
    assert hand.of(steps) < none + 5
    assert len(hand.slicks()) == 200 and hand.tab.locator("#instances li").count() == 200


def test_nothing_inline_or_foreign_runs(browser, page):
    hand = Hand(browser).open(page)
    hand.of("""(() => {
        globalThis.violations = [];
        document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
        const script = document.createElement("script");
        script.textContent = "globalThis.caught = 1";
        document.head.append(script);
        const image = document.createElement("div");
        image.innerHTML = "<img src=data:, onerror='globalThis.caught = 2'>";
        document.body.append(image);
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.head.append(style);
        setTimeout("globalThis.caught = 3");
    })()""")
    hand.tab.wait_for_function("() => violations.length >= 4")
    assert hand.of("globalThis.caught") is None
    assert hand.tab.evaluate("() => getComputedStyle(document.body).display") == "grid"
    hand.errors.clear()  # the violations
    hand.tab.goto(hand.tab.url + "?x=<script>caught=1</script>#<img src=x onerror=caught=1>")
    assert hand.ready().of("globalThis.caught") is None
    hand.close()


def test_hostile_queues_and_scenes_stay_text_or_are_refused(browser, samples, tmp_path):
    page = make_page(tmp_path, {"a": samples[:100, :100]})
    queue = json.loads((page / "data" / "queue.json").read_text())
    odd = "<img src=x onerror=globalThis.caught=1>"

    def put(**changes):
        changed = {**queue, "items": [{**queue["items"][0], **changes}]}
        text = json.dumps(changed).replace("</", "<\\/")
        (page / "data" / "queue.js").write_text(f'Cerulean.receive("queue.json", {text});')

    put(reason=odd, score="9")
    hand = Hand(browser).open(page)
    assert odd in hand.tab.inner_text("#queue") and hand.tab.locator("#queue img").count() == 0
    put(scene="../../elsewhere")
    hand.tab.reload()
    assert "no plain name" in hand.told("no plain name")
    put(window=[0, 0, "x", 4])
    hand.tab.reload()
    hand.tab.wait_for_function("() => document.querySelector('#welcome').innerText.includes('four whole numbers')")
    assert hand.of("globalThis.caught") is None
    hand.close()


def test_without_data_the_page_says_what_can_be_opened(browser, page, tmp_path):
    import shutil

    shutil.copytree(page, tmp_path / "bare", ignore=shutil.ignore_patterns("data"))
    hand = Hand(browser)
    hand.tab.goto((tmp_path / "bare" / "index.html").as_uri())
    hand.tab.wait_for_function("() => document.querySelector('#welcome').innerText.includes('Open a page')")
    hand.errors.clear()  # the missing file
    hand.close()
