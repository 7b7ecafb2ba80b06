"""Labels of other tools that come in: COCO in its forms, data sets, Photopea layers, and folders of these."""

import json

import numpy as np
import pytest
from imports_made import MASK, RED, built, only, seen, take
from label_states import NOON, save, write
from pycocotools import mask as coco_mask
from scenes_made import NORTH, STEP, WEST, pixels, write_gcps, write_photopea, write_png, write_tiff

from ceruleanml.annotation.importing_frames import frames_of
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import LabelError
from ceruleanml.labels.store import append
from ceruleanml.storage import read_json


def coco(segmentation, image=None, **annotation):
    """A COCO file of one image with one annotation."""
    image = {"id": 7, "file_name": "x/s.tif", "height": 60, "width": 90, **(image or {})}
    one = {"id": 1, "image_id": 7, "category_id": 5, "segmentation": segmentation, "iscrowd": 0, **annotation}
    return {"images": [image], "annotations": [one], "categories": [{"id": 5, "name": "natural_seep"}]}


def compressed(mask):
    encoded = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}


def uncompressed(mask):
    flat = np.concatenate([[0], mask.ravel(order="F"), [0]])
    edges = np.flatnonzero(np.diff(flat))
    counts = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return {"size": list(mask.shape), "counts": counts.tolist()}


RECTANGLES = [[10, 20, 80, 20, 80, 24, 10, 24], [40, 30, 50, 30, 50, 50, 40, 50]]
SEGMENTATIONS = {"compressed": compressed(MASK), "uncompressed": uncompressed(MASK), "polygons": RECTANGLES}


@pytest.mark.parametrize("kind", SEGMENTATIONS)
@pytest.mark.parametrize("placed", ["by itself", "by its scene", "nowhere"])
def test_coco_is_burnt_as_it_was_drawn(tmp_path, kind, placed):
    """North-up scenes of square degrees: the image's pixels are the data set's."""
    place = {"transform": [STEP, 0, WEST, 0, -STEP, NORTH], "crs": "EPSG:4326"} if placed == "by itself" else {}
    path = write(tmp_path / "c.json", coco(SEGMENTATIONS[kind], place))
    if placed == "nowhere":
        write_png(tmp_path / "in" / "s.png", pixels())
    else:
        write_tiff(tmp_path / "in" / "s.tif", pixels())
    frames = frames_of([str(tmp_path / "in")] if placed == "by its scene" else [])
    one = only(take(tmp_path, path, annotator="ann", frames=frames))
    stored = read_json(one.path)
    assert (stored.get("pixels"), stored.get("complete"), one.slicks) == (placed == "nowhere" or None, None, 1)
    expected = MASK.copy()
    if kind == "polygons":  # which have no holes in COCO
        expected[36:40, 43:46] = True
    tile, found = built(tmp_path, tmp_path / "in")
    np.testing.assert_array_equal(found, expected if placed == "nowhere" else seen(tile, expected))


@pytest.mark.parametrize("grid", ["native", "serving"])
def test_a_data_set_comes_back_as_the_labels_it_was_made_of(tmp_path, photopea, grid):
    """Tiles that cut slicks, their pieces joined: built again on the same grid, each pixel is the same."""
    options = {"georeference": f"{photopea}/gcps/{{scene_id}}.json", "grid": grid, "tile_size": (32, 32)}
    make_dataset([str(photopea / "in")], photopea / "first", BuildOptions(**options))
    report = take(photopea, photopea / "first", annotator="ann")
    assert report.refused == {} and [one.scene_id for one in report.taken] == ["a", "b", "c"]
    stored = read_json(report.taken[0].path)
    assert [len(one["geometry"]["coordinates"]) for one in stored["features"]] == [1], "one slick, joined again"
    assert "complete" not in stored and all(tile["reviewed"] for tile in stored["tiles"].values())
    again = BuildOptions(**options, labels=str(photopea / "store"))
    make_dataset([str(photopea / "in")], photopea / "second", again)
    first, second = open_dataset(photopea / "first"), open_dataset(photopea / "second")
    for tile in first.tiles:
        np.testing.assert_array_equal(first.mask(tile), second.mask(tile), err_msg=tile.tile_id)
        assert {one.slick_id for one in first.annotations[tile.tile_id]} == {
            one.slick_id for one in second.annotations[tile.tile_id]
        }


BROKEN = {
    "another size": (coco({"size": [10, 10], "counts": "0"}), "its mask has the size [10, 10], its image [60, 90]"),
    "too short": (coco({"size": [60, 90], "counts": [5, 5]}), "do not fill 60 x 90 pixels; the mask is broken"),
    "no text of COCO": (coco({"size": [60, 90], "counts": "~~~"}), "no text of COCO"),
    "endless numbers": (coco({"size": [60, 90], "counts": "oooooooooooooooooooo0"}), "no text of COCO"),
    "neither": (coco({"size": [60, 90], "counts": {"a": 1}}), "neither text nor whole numbers"),
    "negative": (coco({"size": [60, 90], "counts": [-5, 5405]}), "neither text nor whole numbers"),
    "true for one": (coco({"size": [60, 90], "counts": [True, 5399]}), "neither text nor whole numbers"),
    "nothing drawn": (coco([]), "has no polygon and no run lengths"),
    "half a point": (coco([[1, 2, 3, 4, 5, 6, 7]]), "list of x, y of 3 or more corners"),
    "no image": (coco(compressed(MASK), image_id=1), "is of an image that is not there"),
    "no category": (coco(compressed(MASK), category_id=1), "is of a category that is not there"),
    "a huge image": (coco(compressed(MASK), {"height": 1 << 30}), "height and width must be numbers of pixels"),
    "a place that is none": (coco(RECTANGLES, {"transform": [1, 2]}), "its transform must be 6 numbers"),
    "a place of 400 digits": (coco(RECTANGLES, {"transform": [10**400, 0, 0, 0, 1, 0]}), "its transform must be 6"),
    "a place beyond all": (coco(RECTANGLES, {"transform": [1, 0, 1e308, 0, 1, 0]}), "its transform must be 6 numbers"),
    "a window of 400 digits": (coco(RECTANGLES, {"window": [10**400, 0, 60, 90]}), "its window must be row, column"),
    "an odd crs": (coco(RECTANGLES, {"transform": [1, 0, 0, 0, 1, 0], "crs": "EPSG:x"}), "crs 'EPSG:x' is not known"),
    "out of the world": (coco(RECTANGLES, {"transform": [9, 0, 0, 0, 9, 0], "crs": "EPSG:4326"}), "must be degrees"),
    "images no list": ({"images": {}, "annotations": []}, "its images must be a list"),
    "no images": ({"images": [], "annotations": [], "categories": []}, "holds no image"),
    "a name out of the folder": (coco(RECTANGLES, {"scene_id": "../../etc"}), "scene '../../etc': may hold letters"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_coco_is_refused_with_a_sentence(tmp_path, content, says):
    path = write(tmp_path / "c.json", content)
    reason = take(tmp_path, path, annotator="ann").refused[str(path)]
    assert says in reason and reason.startswith(str(path)) and "\n" not in reason
    assert not (tmp_path / "store").exists()


def test_a_coco_of_another_size_than_its_scene_is_refused(tmp_path):
    write_tiff(tmp_path / "s.tif", pixels(0, (30, 40)))
    path = write(tmp_path / "c.json", coco(compressed(MASK)))
    report = take(tmp_path, path, annotator="ann", frames=frames_of([str(tmp_path / "s.tif")]))
    assert "image 7: is 60 x 90 pixels, scene s is 30 x 40" in report.refused[str(path)]


def test_coco_says_when_it_was_made_as_the_page_does_and_never_whether_it_is_complete(tmp_path):
    by_page = {**coco(RECTANGLES, annotator="ann"), "info": {"date_created": "2026-11-20T08:00:00Z"}}
    one = only(take(tmp_path, write(tmp_path / "c.json", by_page)))
    assert (one.path.name, read_json(one.path).get("complete")) == ("20261120T080000Z_ann.geojson", None)
    of_others = {**coco(RECTANGLES), "info": {"date_created": "2017/09/01"}}
    one = only(take(tmp_path, write(tmp_path / "d.json", of_others), annotator="bob", complete=True))
    assert (one.path.name, read_json(one.path)["complete"]) == ("20261121T120000Z_bob.geojson", True)


# ---- layers


@pytest.mark.parametrize("georeferenced", [True, False])
def test_photopea_layers_come_in_as_make_dataset_reads_them(tmp_path, georeferenced):
    write_photopea(tmp_path / "in" / "s", pixels(), {"coincident_vessel_1": (RED, MASK)})
    write_gcps(tmp_path / "gcps" / "s.json")
    options = {"georeference": f"{tmp_path}/gcps/{{scene_id}}.json"} if georeferenced else {}
    frames = frames_of([str(tmp_path / "in")], georeference=options.get("georeference"))
    one = only(take(tmp_path, tmp_path / "in" / "s", annotator="ann", frames=frames))
    assert (one.slicks, read_json(one.path).get("pixels")) == (1, None if georeferenced else True)
    make_dataset([str(tmp_path / "in")], tmp_path / "first", BuildOptions(tile_size=None, **options))
    dataset = open_dataset(tmp_path / "first")
    straight = dataset.annotations[dataset.tiles[0].tile_id][0].mask()
    _, through = built(tmp_path, tmp_path / "in", **options)
    np.testing.assert_array_equal(through, straight)


def test_layers_of_a_scene_that_was_not_given_or_of_another_size_are_refused(tmp_path):
    write_photopea(tmp_path / "s", pixels(), {"coincident_vessel_1": (RED, MASK)})
    write_photopea(tmp_path / "t" / "other", pixels(), {})
    write_tiff(tmp_path / "u" / "s.tif", pixels(0, (30, 40)))
    refused = take(tmp_path, tmp_path / "s", annotator="ann", frames=frames_of([str(tmp_path / "t")])).refused
    assert "is of scene s, which is not among the given ones" in refused[str(tmp_path / "s")]
    refused = take(tmp_path, tmp_path / "s", annotator="ann", frames=frames_of([str(tmp_path / "u")])).refused
    assert "its layers are 60 x 90 pixels, its scene is 30 x 40" in refused[str(tmp_path / "s")]


def test_a_folder_is_gone_through(tmp_path):
    write(tmp_path / "in" / "a.geojson", save())
    write(tmp_path / "in" / "b.json", save(annotator="bob"))
    write_photopea(tmp_path / "in" / "t", pixels(), {})
    write(tmp_path / "in" / ".hidden.json", save(annotator="cy"))
    report = take(tmp_path, tmp_path / "in", annotator="dee")
    assert [(one.scene_id, one.source.name) for one in report.taken] == [
        ("s", "a.geojson"),
        ("s", "b.json"),
        ("t", "t"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelError, match="empty: holds no label files"):
        take(tmp_path, tmp_path / "empty")


def test_of_two_states_in_one_run_the_user_is_told_which_counts(tmp_path):
    first = write(tmp_path / "a.json", coco(compressed(MASK)))
    second = write(tmp_path / "b.json", coco(RECTANGLES))
    report = take(tmp_path, first, second, annotator="ann")
    assert f"labels scene s as {first} does; of one annotator's states the newest counts" in report.taken[1].notes[0]
    assert append(tmp_path / "store", "s", read_json(report.taken[1].path), "ann", NOON) == report.taken[1].path
    assert json.loads(first.read_text()) == coco(compressed(MASK)), "what came in is left as it was"
