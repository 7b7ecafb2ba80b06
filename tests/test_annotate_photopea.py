"""Photopea: links that carry any name unharmed, and the page of buttons against a stand-in that speaks as Photopea."""

import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote

import numpy as np
import pytest
from builds_made import CERULEANML
from hypothesis import given
from hypothesis import strategies as st
from page_driven import chromium
from processes import finished
from scenes_made import pixels, write_photopea, write_png

from ceruleanml.annotation.photopea_links import (
    image_address,
    page_link,
    photopea_link,
    photopea_source,
    scene_ids_of,
    write_links,
)
from ceruleanml.classes import load_classes
from ceruleanml.errors import SceneError, UsageError
from ceruleanml.labels.layers import find_layers, read_layer

PRODUCT = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"
STAND_IN = Path(__file__).with_name("photopea_stand_in.html")
HOSTILE = 'https://h/a.png?x="><script>alert(1)</script>&y=#z'


# ---- links


def test_lists_of_scene_ids_are_taken(tmp_path):
    (tmp_path / "a.list").write_text(f"{PRODUCT}\n# checked\n\nother_scene # cloudy\n{PRODUCT}.SAFE\n")
    write_photopea(tmp_path / "scenes" / "drawn", pixels(), {})
    found = scene_ids_of([str(tmp_path / "a.list"), "third", str(tmp_path / "scenes")])
    assert found == [PRODUCT, "other_scene", "third", "drawn"]


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ('x" onclick="y\n', UsageError, "is no scene id"),
        ("..\n", UsageError, "is no scene id"),
        ("\n", SceneError, "names no scene"),
    ],
)
def test_what_is_no_id_is_refused(tmp_path, text, error, sentence):
    (tmp_path / "a.list").write_text(text)
    with pytest.raises(error, match=sentence):
        scene_ids_of([str(tmp_path / "a.list")])


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("https://host/grd", f"https://host/grd/{PRODUCT}/Background.png"),
        ("http://host/grd/", f"http://host/grd/{PRODUCT}/Background.png"),
        ("https://host/{scene_id}.png?v=1", f"https://host/{PRODUCT}.png?v=1"),
    ],
)
def test_where_a_background_lies(pattern, address):
    assert image_address(pattern, PRODUCT) == address


@pytest.mark.parametrize("pattern", ["javascript:alert(1)//{scene_id}", "file:///etc", "host/grd", "data:,x", ""])
def test_only_web_addresses_are_linked(pattern):
    with pytest.raises(UsageError, match="is no web address"):
        image_address(pattern, "a")


@given(st.text(max_size=40))
def test_links_carry_any_address_unharmed(image):
    address = page_link("photopea.html", "a", image)
    assert parse_qs(address.partition("#")[2], keep_blank_values=True) == {"scene": ["a"], "image": [image]}
    direct = photopea_link(image)
    assert json.loads(unquote(direct.removeprefix("https://www.photopea.com/#"))) == {"files": [image]}
    assert not set("\"'<> ") & set(address + direct)


def test_a_page_of_links_stands_alone(tmp_path):
    out = tmp_path / "new" / "links.html"
    write_links(out, ["a", PRODUCT], "https://host/x&y", load_classes())
    text = out.read_text()
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*)"', text)]
    assert links[::2] == [
        page_link("photopea.html", name, f"https://host/x&y/{name}/Background.png") for name in ("a", PRODUCT)
    ]
    assert all(link.startswith("https://www.photopea.com/#%7B") for link in links[1::2])
    assert sorted(str(path.relative_to(out.parent)) for path in out.parent.rglob("*") if path.is_file()) == [
        "links.html", "photopea.css", "photopea.html", "photopea.js", "public/classes.js",
    ]  # fmt: skip


def test_the_links_do_not_take_the_place_of_what_they_lead_to(tmp_path):
    with pytest.raises(UsageError, match=r"photopea\.html: the file that the links lead to has that name"):
        write_links(tmp_path / "photopea.html", ["a"], "https://host", load_classes())


def test_the_verb_prints_or_writes(tmp_path):
    command = [CERULEANML, "annotate", "photopea-links", "a", "b", "--base-url", "https://host"]
    printed = finished(command)
    assert [line.split("\t")[0] for line in printed.stdout.splitlines()] == ["a", "b"]
    written = finished([*command, "--out", tmp_path / "links.html"])
    assert (written.returncode, written.stdout) == (0, f"{tmp_path}/links.html links 2 scenes\n")


# ---- the page in a browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    """Opens photopea.html with these parameters; photopea.com and a host of images are stood in for."""
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(15_000)
    background = write_png(tmp_path / "Background.png", pixels())
    context.route("https://www.photopea.com/**", lambda route: route.fulfill(path=STAND_IN, content_type="text/html"))
    context.route(
        "https://images.example/**",
        lambda route: route.fulfill(path=background, headers={"Access-Control-Allow-Origin": "*"}),
    )
    errors = []

    def open_page(**parameters):
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(
            page_link((photopea_source() / "photopea.html").as_uri(), "", "").partition("#")[0] + _hash(parameters)
        )
        return tab

    yield open_page
    context.close()
    assert errors == []


def _hash(parameters):
    from urllib.parse import urlencode

    return "#" + urlencode(parameters)


def frame_of(tab):
    return next(frame for frame in tab.frames if frame.url.startswith("https://www.photopea.com"))


def said(tab, text):
    tab.wait_for_function("text => document.querySelector('#state').textContent.includes(text)", arg=text)


def test_six_buttons_open_layers_of_their_class_and_all_are_saved(opened, tmp_path):
    tab = opened(scene="scene_1", image="https://images.example/scene_1/Background.png")
    said(tab, "Choose a class")
    rows = load_classes().as_rows()[1:]
    buttons = tab.query_selector_all("#classes button")
    assert [button.inner_text() for button in buttons] == [row["title"] for row in rows]
    boxes = {}
    for place, row in enumerate([*rows, rows[4]]):
        name = f"{row['name']}_{1 + (place == 6)}"
        tab.click(f"button[data-class={row['name']}]")
        said(tab, f"Draw on the layer {name}")
        boxes[name] = (3 * place, 2 * place, 5, 4)
        frame_of(tab).evaluate("box => draw(...box)", boxes[name])
    shown = frame_of(tab).evaluate("() => state()")
    assert [layer["name"] for layer in shown] == [*list(boxes)[::-1], "Background"]
    downloads = []
    tab.on("download", lambda download: downloads.append(download))
    tab.click("#save")
    said(tab, "Saved 7 layers; put them into a folder named scene_1")
    assert frame_of(tab).evaluate("() => state()") == shown
    folder = tmp_path / "scene_1"
    for download in downloads:
        download.save_as(folder / download.suggested_filename)
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"scene_1_{name}.png" for name in boxes)
    write_png(folder / "Background.png", pixels())
    found = {path.stem: read_layer(path, (60, 90), load_classes(), "scene_1") for path in find_layers(folder)}
    for name, (x, y, width, height) in boxes.items():
        one = found[f"scene_1_{name}"]
        assert load_classes()[one.class_id].name == name.rsplit("_", 1)[0]
        assert (one.row, one.col, one.mask.shape) == (y, x, (height, width))
        assert np.all(one.mask)


def test_the_address_reaches_photopea_as_data_alone(opened):
    tab = opened(scene="scene_1", image=HOSTILE.replace("https://h/", "https://images.example/"))
    said(tab, "Choose a class")
    frame = frame_of(tab)
    frame.wait_for_function("() => globalThis.asked")
    asked = frame.evaluate("() => asked")
    assert asked["script"] == 'app.echoToOE("ceruleanml ready");'
    assert [unquote(file) for file in asked["files"]] == [HOSTILE.replace("https://h/", "https://images.example/")]
    assert tab.evaluate("() => document.scripts.length") == 2


def test_a_file_of_this_machine_is_opened_without_any_server(opened, tmp_path):
    tab = opened(scene="mine")
    said(tab, "Open a scene's Background.png")
    tab.set_input_files("#file", tmp_path / "Background.png")
    said(tab, "Choose a class")
    tab.keyboard.press("2")
    said(tab, "Draw on the layer natural_seep_1")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"scene": "<b>x</b>", "image": "https://images.example/a"}, "The address names no scene"),
        ({"scene": "a", "image": "javascript:alert(1)"}, "must lie on a web server"),
        ({"scene": "a", "image": "file:///etc/passwd"}, "must lie on a web server"),
        ({"scene": "a", "image": "http://["}, "The address names no image"),
    ],
)
def test_other_addresses_open_nothing(opened, parameters, sentence):
    tab = opened(**parameters)
    said(tab, sentence)
    assert tab.get_attribute("#photopea", "src") is None
    assert tab.is_disabled("#save")


def test_messages_of_others_are_not_photopea_s(opened):
    tab = opened(scene="scene_1", image="https://images.example/scene_1/Background.png")
    said(tab, "Choose a class")
    tab.click("button[data-class=natural_seep]")
    tab.evaluate("""() => {
        for (const text of ["ceruleanml 1", "layer <img src=x>", "done"]) window.postMessage(text, "*");
    }""")
    said(tab, "Draw on the layer natural_seep_1")
