"""What is drawn on large scenes goes out and comes in again, into the page and into a label store, pixel by pixel."""

import io
import json
import zipfile

import numpy as np
import pytest
from page_driven import chromium
from page_expected import same_slicks
from page_large import STRAIGHT, large, look, opened
from PIL import Image
from pycocotools import mask as coco_mask

from ceruleanml.annotation.importing import ImportRules, import_files
from ceruleanml.annotation.importing_frames import frames_of
from ceruleanml.classes import load_classes
from ceruleanml.labels.burn import burn
from ceruleanml.labels.heads import heads_of
from ceruleanml.labels.scene_states import read_scene_state
from ceruleanml.scenes.grid import Grid

KEYS = {"geojson": "Control+e", "coco": "Control+Shift+e", "layers": "Control+Alt+e"}


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module", params=STRAIGHT, ids="-".join)
def both(request, browser, tmp_path_factory):
    """What is known of a scene, and a hand on its page where slicks of all kinds are drawn."""
    scene, way = request.param
    known = large(scene, tmp_path_factory, request)
    with opened(browser, known, way) as hand:
        hand.area = None  # what is drawn lies all over the scene
        draw(hand, known)
        drawn = hand.ids(), {one["id"]: one["classId"] for one in hand.slicks()}
        files = {kind: hand.downloaded(keys).read_bytes() for kind, keys in KEYS.items()}
        yield known, hand, drawn, files


def draw(hand, scene):
    """A ring with a hole and a part of its own, a slick that touches it, ragged outlines, the scene's corners."""
    height, width = scene.shape
    places = scene.at((-100, 120), (-20, 130), (-30, 180), (-90, 170), (-100, 120))
    look(hand, scene.centre).press("4", "b", "]").drag(*places, steps=6).drag(*scene.at((60, 100), (120, 160)))
    hand.press("Escape", "2").drag(*scene.at((-20, 110), (30, 190)))
    hand.press("Tab", "Enter", "Enter").ready()
    for column, row in ((6, 5), (width - 6, height - 5)):
        look(hand, (column, row)).press("Escape", "6").drag((column, row), (column - 3, row + 4))
    hand.press("f", "f", "Escape", "5", *["]"] * 6).frame()
    hand.drag((0.2 * width, 0.8 * height), (0.5 * width, 0.7 * height), (0.45 * width, 0.9 * height))
    assert len(hand.slicks()) == 7


@pytest.mark.parametrize(("kind", "name"), [("geojson", "a.geojson"), ("coco", "a.json"), ("layers", "a.zip")])
def test_what_is_exported_comes_back_into_the_page(both, kind, name):
    _, hand, (drawn, classes), files = both
    assert not hand.fresh().ids().any()
    given = {"name": name, "mimeType": "", "buffer": files[kind]}
    hand.tab.set_input_files("#import-files", [given])
    hand.tab.wait_for_function(f"() => Cerulean.desk.map.instances.size === {len(classes)}")
    after = hand.ready().ids()
    assert same_slicks(drawn, after)
    assert {one["id"]: one["classId"] for one in hand.slicks()} == {
        int(after[drawn == slick][0]): name for slick, name in classes.items()
    }
    assert hand.of("desk.editor.done.length") == (len(classes) if kind == "layers" else 1)
    hand.press(*["Control+z"] * len(classes)).ready()
    assert not hand.ids().any()
    hand.check()


def test_files_hold_the_very_pixels_for_other_readers(both):
    scene, _, (drawn, classes), files = both
    coco = json.loads(files["coco"])
    masks = (coco_mask.decode(one["segmentation"]).T for one in coco["annotations"])  # they run down the columns
    assert same_slicks(drawn, mapped(scene.shape[::-1], masks).T) and len(coco["annotations"]) == len(classes)
    with zipfile.ZipFile(io.BytesIO(files["layers"])) as archive:
        pictures = [Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()]  # reads check sums too
    assert all(one.mode == "P" and one.info["transparency"] == 0 for one in pictures)
    assert same_slicks(drawn, mapped(scene.shape, (np.asarray(one) for one in pictures)))


def mapped(shape, masks):
    """A map of masks of that shape, which may not share a pixel. Where a mask is 0 is outside of it."""
    ids = np.zeros(shape, np.uint16).ravel()
    for slick, mask in enumerate(masks, start=1):
        places = np.flatnonzero(mask)  # few of a large scene's pixels are in a mask
        assert not ids[places].any()
        ids[places] = slick
    return ids.reshape(shape)


@pytest.mark.parametrize("kind", KEYS)
def test_annotate_import_takes_every_pixel_into_the_label_store(both, kind, tmp_path):
    scene, _, (drawn, classes), files = both
    saved = tmp_path / "drawn.json"
    if kind == "layers":
        saved = tmp_path / scene.scene_id
        zipfile.ZipFile(io.BytesIO(files[kind])).extractall(saved)
    else:
        saved.write_bytes(files[kind])
    rules = ImportRules(annotator="ana", frames=frames_of(page=scene.page))
    report = import_files([saved], tmp_path / "store", rules)
    assert not report.refused and [one.slicks for one in report.taken] == [len(classes)]
    (head,) = heads_of(tmp_path / "store", scene.scene_id)
    shapes = read_scene_state(head, load_classes(), scene.scene_id).labels.shapes
    grid, masks = Grid("page", scene.transform, scene.shape), []
    for shape in shapes:
        piece, mask = burn(shape, grid, None), np.zeros(scene.shape, bool)
        row, col, height, width = piece.window.as_list
        mask[row : row + height, col : col + width] = piece.mask
        masks.append(mask)
    assert same_slicks(drawn, mapped(scene.shape, masks))
    found = [(int(drawn[mask][0]), shape.class_id) for shape, mask in zip(shapes, masks, strict=True)]
    assert dict(found) == classes
