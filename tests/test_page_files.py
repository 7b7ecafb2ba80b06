"""Files out of the page and into it again, pixel by pixel; wrong or hostile files are refused in a sentence."""

import io
import json
import zipfile

import numpy as np
import pytest
from page_driven import Hand, chromium
from page_expected import same_slicks
from page_made import TRANSFORM, make_page, sea, square
from PIL import Image
from pycocotools import mask as coco_mask

SHAPE = (240, 320)
SCRIPT = '<img src=x onerror="globalThis.caught=1"><script>globalThis.caught=1</script>'


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def tab(browser, tmp_path_factory):
    drawing = Hand(browser).open(make_page(tmp_path_factory.mktemp("files"), {"a": sea(*SHAPE)}))
    yield drawing
    drawing.close()


@pytest.fixture
def hand(tab):
    yield tab.fresh()
    tab.check()


@pytest.fixture(scope="module")
def plain(browser, tmp_path_factory):
    """A page of a scene without georeference, 16 bits."""
    samples = sea(*SHAPE).astype(np.uint16) * 37
    drawing = Hand(browser).open(make_page(tmp_path_factory.mktemp("plain"), {"p": samples}, placed=False))
    yield drawing
    drawing.close()


def draw_two(hand):
    """A ring with a hole in two parts, and a slick of another class."""
    hand.press("4", "b").drag((60, 60), (120, 60), (120, 120), (60, 120), (60, 60), steps=8).drag((200, 60), (230, 90))
    hand.press("Escape", "2").drag((60, 180), (200, 200))
    return hand.ids()


def labels(*features, scene_id="a", **members):
    return {"type": "FeatureCollection", "scene_id": scene_id, "annotator": "x", "features": list(features), **members}


def give(hand, name, content):
    """Choose a file in the import dialog's place."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    hand.tab.set_input_files("#import-files", [{"name": name, "mimeType": "", "buffer": data}])
    return hand


@pytest.mark.parametrize("keys", ["Control+e", "Control+Shift+e"])
def test_what_is_exported_comes_back_pixel_by_pixel(hand, keys):
    drawn = draw_two(hand)
    classes = [one["classId"] for one in hand.slicks()]
    exported = hand.downloaded(keys).read_bytes()
    give(hand.fresh(), "labels.json", exported).told("2 slicks from labels.json")
    assert same_slicks(drawn, hand.ready().ids())
    assert [one["classId"] for one in hand.slicks()] == classes == [4, 2]


def test_layers_are_a_zip_of_pngs_that_come_back_pixel_by_pixel(hand):
    drawn = draw_two(hand)
    whole = hand.downloaded("Control+Alt+e").read_bytes()
    layers = zipfile.ZipFile(io.BytesIO(whole))
    assert layers.testzip() is None
    hand.fresh()
    for name in layers.namelist():
        picture = np.asarray(Image.open(io.BytesIO(layers.read(name))).convert("RGBA"))
        assert picture.shape == (*SHAPE, 4) and ((picture[..., 3] > 0).sum() > 100)
        give(hand, name, layers.read(name)).told(f"1 slick from {name}")
    for _ in range(2):
        assert same_slicks(drawn, hand.ready().ids())
        assert sorted(one["classId"] for one in hand.slicks()) == [2, 4]
        give(hand.fresh(), "layers.zip", whole).told(f"1 slick from {layers.namelist()[1]}")


def test_a_zip_that_is_compressed_or_cut_short_is_refused(hand):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", "{}" * 99)
    for data in (packed.getvalue(), packed.getvalue()[:-30], b"PK"):
        give(hand.fresh(), "some.zip", data).told("unpack it")
        hand.of("document.querySelector('#notices').replaceChildren()")


def test_coco_masks_are_what_pycocotools_reads(hand):
    drawn = draw_two(hand)
    coco = json.loads(hand.downloaded("Control+Shift+e").read_text())
    for annotation in coco["annotations"]:
        mask = coco_mask.decode(annotation["segmentation"]).astype(bool)
        assert (mask == (drawn == drawn[mask][0])).all() and annotation["area"] == mask.sum()


def test_geojson_is_on_the_ground_and_closes_on_pixel_edges(hand):
    hand.press("b").drag((60, 60), (90, 60))
    collection = json.loads(hand.downloaded("Control+e").read_text())
    (feature,) = collection["features"]
    corners = np.array(feature["geometry"]["coordinates"][0][0])
    edges = np.array([~TRANSFORM @ tuple(corner) for corner in corners])
    assert np.allclose(edges, edges.round(), atol=1e-5) and (corners[0] == corners[-1]).all()
    rows, columns = np.nonzero(hand.ids())
    assert (edges.min(axis=0).round() == [columns.min(), rows.min()]).all()
    assert (edges.max(axis=0).round() == [columns.max() + 1, rows.max() + 1]).all()
    assert collection["scene_id"] == "a" and collection["annotator"] == hand.of("desk.annotator")


def test_an_import_is_one_step_of_undo(hand):
    give(hand, "one.geojson", labels(square(10, 10, 20), square(50, 50, 20, slick_id="second"))).told("2 slicks from")
    assert len(hand.slicks()) == 2
    hand.press("Control+z").ready()
    assert not hand.ids().any()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (labels(square(10, 10, 20), scene_id="b"), "labels scene b, but this page shows a"),
        (labels(square(10, 10, 20, SCRIPT)), "the classes are infra_slick"),
        (labels(square(10, 10, 20, slick_id=SCRIPT)), "an id is plain text"),
        (labels(square(10, 10, 20, "background")), "the classes are"),
        (labels({"type": "Feature", "properties": {"class": "old_vessel"}, "geometry": None}), "no polygon"),
        (b'{"type": "FeatureCollection", ', "is not JSON"),
        (b"[1, 2]", "no JSON object"),
        ({"type": "Topology"}, "no GeoJSON FeatureCollection"),
    ],
)
def test_wrong_geojson_is_refused_in_a_sentence(hand, content, sentence):
    give(hand, "wrong.geojson", content)
    assert "wrong.geojson: " in hand.told(sentence)
    assert not hand.slicks() and hand.of("globalThis.caught === undefined")


@pytest.mark.parametrize("counts", ["````", "0" * 50, [1, 2, 3], "<script>", None])
def test_broken_run_length_codes_are_refused(hand, counts):
    image = {"id": 1, "width": SHAPE[1], "height": SHAPE[0], "file_name": "a", "scene_id": "a"}
    segmentation = {"size": list(SHAPE), "counts": counts}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation, "iscrowd": 0}
    categories = [{"id": 1, "name": "infra_slick"}]
    give(hand, "wrong.json", {"images": [image], "annotations": [annotation], "categories": categories})
    hand.told("wrong.json: ")
    assert not hand.slicks()


def test_a_hundred_megabytes_of_json_are_refused_before_they_are_read(hand, tmp_path):
    with (tmp_path / "huge.json").open("wb") as file:
        file.write(b'{"features": [')
        file.truncate(100 * 1024 * 1024)
    before = hand.of("performance.now()")
    hand.tab.set_input_files("#import-files", tmp_path / "huge.json")
    hand.told("100 MiB and at most 64 are taken")
    assert hand.of("performance.now()") - before < 5000 and not hand.slicks()


def test_scripts_in_names_and_comments_stay_text(hand):
    odd = square(10, 10, 20, comment=SCRIPT, model=SCRIPT, slick_id="a/odd/1")
    give(hand, "odd.geojson", labels(odd)).told("1 slick from")
    assert hand.tab.inner_text("#instances .comment") == SCRIPT
    assert hand.tab.locator("#instances img, #instances script, #notices img").count() == 0
    give(hand, f"{SCRIPT}.geojson".replace("/", "|"), b"no json").told("is not JSON")
    assert hand.tab.locator("#notices img, #notices script").count() == 0
    assert hand.of("globalThis.caught === undefined")


def test_scenes_without_georeference_are_drawn_and_exported_in_pixels(plain):
    drawn = draw_two(plain)
    assert plain.of("desk.scene.bits") == 16 and "row" in cursor_line(plain)
    collection = json.loads(plain.downloaded("Control+e").read_text())
    assert collection["crs"] is None and collection["pixels"] is True
    give(plain.fresh(), "p.geojson", collection).told("2 slicks from")
    assert same_slicks(drawn, plain.ready().ids())


def cursor_line(hand):
    hand.tab.mouse.move(*hand.at(100, 100))
    return hand.tab.inner_text("#cursor-place")


def test_gray_pictures_open_as_scenes_with_their_very_samples(browser, tmp_path):
    samples = sea(700, 600).astype(np.uint16) * 101
    Image.fromarray(samples).save(tmp_path / "deep.png")
    Image.fromarray(sea(200, 300)).save(tmp_path / "flat.png")
    hand = Hand(browser).open(make_page(tmp_path, {"a": sea(*SHAPE)}))
    hand.tab.set_input_files("#scene-files", [tmp_path / "deep.png", tmp_path / "flat.png"])
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'deep'")
    hand.ready()
    read = "desk.pyramid.samples([500, 100, 150, 400]).then((window) => [...window.data])"
    assert (np.reshape(hand.of(read), (150, 400)) == samples[500:650, 100:500]).all()
    hand.press("b").drag((100, 100), (200, 100)).press("n")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'flat'")
    assert hand.ready().of("desk.scene.bits") == 8 and not hand.slicks()
    hand.close()


def test_the_data_folder_of_another_page_opens_by_the_picker(browser, tmp_path):
    other = make_page(tmp_path / "other", {"elsewhere": sea(*SHAPE, seed=5)})
    hand = Hand(browser).open(make_page(tmp_path, {"a": sea(*SHAPE)}))
    hand.press("b").drag((60, 60), (90, 60))
    hand.tab.set_input_files("#folder-files", other / "data")
    hand.tab.wait_for_function("() => Cerulean.desk.scene?.scene_id === 'elsewhere'")
    assert not hand.ready().slicks()
    sample = hand.of("desk.pyramid.samples([0, 0, 4, 320]).then((window) => [...window.data])")
    assert (np.reshape(sample, (4, 320)) == sea(*SHAPE, seed=5)[:4]).all()
    hand.reload()
    assert hand.of("desk.scene.scene_id") == "a" and len(hand.slicks()) == 1
    hand.close()
