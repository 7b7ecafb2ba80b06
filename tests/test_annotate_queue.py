"""The queue of a page: the order, the reasons, who is blind, and where tiles lie on another grid."""

import json

import numpy as np
import pytest
from affine import Affine
from annotate_made import queue_of
from hypothesis import given
from hypothesis import strategies as st
from scenes_made import HEIGHT_WIDTH, pixels, write_png, write_tiff

from ceruleanml.annotation.options import PageOptions
from ceruleanml.annotation.page_queue import queue_items, window_on
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import TileRecord, open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import LabelError, SelectionError
from ceruleanml.scenes.grid import Window
from ceruleanml.selection.candidates import Pick, Selection
from ceruleanml.selection.selection_files import write_queue, write_selection

GRID = Affine(0.001, 0, 10, 0, -0.001, 40)


def picks(count=4, scene_id="a"):
    return [
        Pick(f"{scene_id}_{n:05d}_00000", scene_id, n, n / 7, f"entropy {n}, the highest") for n in range(1, 1 + count)
    ]


def pool_of(folder, names="ab", **options):
    for seed, name in enumerate(names):
        write_tiff(folder / "in" / f"{name}.tif", pixels(seed, HEIGHT_WIDTH))
    make_dataset([str(folder / "in")], folder / "pool", BuildOptions(tile_size=(32, 32), **options))
    return open_dataset(folder / "pool")


# ---- order, reason, blind


@pytest.mark.parametrize("blind_share", [0.0, 0.1, 0.35, 1.0])
def test_a_selection_gives_the_queue_that_select_writes(tmp_path, blind_share):
    chosen = picks(20)
    write_selection(tmp_path, Selection(tuple(chosen)))
    write_queue(tmp_path / "queue.json", chosen, {}, blind_share, seed=3)
    of_selection = queue_items(["a"], PageOptions(selection=tmp_path, blind_share=blind_share, seed=3))
    of_queue = queue_items(["a"], PageOptions(queue=tmp_path / "queue.json"))
    assert of_selection == of_queue
    assert sum(item.blind for item in of_queue) == int(blind_share * 20 + 0.5)
    assert [item.id for item in of_queue] == [pick.id for pick in chosen]


def test_a_queue_is_gone_through_in_its_order(tmp_path):
    items = [
        {"tile_id": "a_1", "scene_id": "a", "order": 2, "score": 0.5, "reason": "second", "blind": True},
        {"tile_id": None, "scene_id": "b", "order": 1, "score": None, "reason": "first", "blind": False},
    ]
    (tmp_path / "q.json").write_text(json.dumps({"format_version": 1, "items": items}))
    first, second = queue_items(["a", "b"], PageOptions(queue=tmp_path / "q.json"))
    assert (first.id, first.tile_id, first.reason, first.score) == ("b", None, "first", None)
    assert (second.id, second.tile_id, second.blind, second.score) == ("a_1", "a_1", True, 0.5)


def test_scenes_are_blind_only_where_there_is_something_to_hide():
    names = [f"s{number}" for number in range(20)]
    assert not any(item.blind for item in queue_items(names, PageOptions()))
    assert sum(item.blind for item in queue_items(names, PageOptions(predictions=("x",)))) == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"format_version": 2, "items": []}, "is no queue of format version 1"),
        ([], "is no queue of format version 1"),
        ({"format_version": 1, "items": []}, "holds no item"),
        ({"format_version": 1, "items": [{"tile_id": "a_1"}]}, "item 1 cannot be read"),
        ({"format_version": 1, "items": ["a"]}, "item 1 cannot be read"),
        ({"format_version": 1, "items": [{"tile_id": 3, "scene_id": "a"}]}, "item 1 cannot be read"),
        ({"format_version": 1, "items": [{"tile_id": "a", "scene_id": "a", "score": "much"}]}, "item 1 cannot be read"),
        ({"format_version": 1, "items": [{"tile_id": "a", "scene_id": "a", "blind": 1}]}, "blind true or false"),
        ({"format_version": 1, "items": [{"tile_id": "c_1", "scene_id": "c"}]}, "is of scene c, which is not among"),
    ],
)
def test_broken_queues_are_refused(tmp_path, content, sentence):
    (tmp_path / "q.json").write_text(json.dumps(content))
    with pytest.raises(SelectionError, match=sentence):
        queue_items(["a", "b"], PageOptions(queue=tmp_path / "q.json"))


# ---- where a tile lies


def tile(transform, height_width=(32, 32), window=None, crs="EPSG:4326"):
    place = window or Window(0, 0, *height_width)
    return TileRecord(1, "t", "a", "tiles/t.tif", height_width, place, transform, crs, 1.0)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40), st.integers(1, 40))
def test_on_its_own_grid_a_tile_is_its_window(row, col, height, width):
    place = GRID @ Affine.translation(col, row)
    found = window_on(GRID, (100, 100), tile(place, (height, width)), "EPSG:4326")
    assert found == Window(row, col, height, width)


@pytest.mark.parametrize(
    ("transform", "size", "window"),
    [
        (GRID @ Affine.scale(4), (5, 6), [0, 0, 20, 24]),
        (GRID @ Affine.scale(0.25), (10, 10), [0, 0, 3, 3]),
        (GRID @ Affine.translation(2.5, 3.25) @ Affine.scale(0.5), (4, 4), [3, 2, 3, 3]),
        (GRID @ Affine.translation(-10, -5), (32, 32), [0, 0, 27, 22]),
        (GRID @ Affine.translation(90, 90), (32, 32), [90, 90, 10, 10]),
        (GRID @ Affine.translation(200, 0), (32, 32), None),
    ],
)
def test_on_another_grid_its_edges_go_outwards(transform, size, window):
    found = window_on(GRID, (100, 100), tile(transform, size), "EPSG:4326")
    assert (found and found.as_list) == window


def test_a_tile_without_georeference_is_its_window_and_fits_no_other_scene():
    plain = tile(Affine.identity(), (32, 32), Window(64, 32, 32, 32), crs=None)
    assert window_on(Affine.identity(), (80, 90), plain, None) == Window(64, 32, 16, 32)
    for crs, one in (("EPSG:4326", plain), (None, tile(GRID))):
        with pytest.raises(SelectionError, match="give --georeference as make-dataset was given it"):
            window_on(GRID, (100, 100), one, crs)


def test_the_windows_of_a_page_show_the_tiles_of_the_pool(tmp_path):
    from PIL import Image

    pool = pool_of(tmp_path)
    chosen = [Pick(tile.tile_id, tile.scene_id, n, 0.5, "r") for n, tile in enumerate(pool.tiles[::-1], start=1)]
    write_selection(tmp_path / "selection", Selection(tuple(chosen)))
    options = PageOptions(selection=tmp_path / "selection", dataset=tmp_path / "pool")
    report = prepare_page([str(tmp_path / "in")], tmp_path / "page", options)
    assert (report.items, report.scenes) == (len(chosen), 2)
    of_id = {tile.tile_id: tile for tile in pool.tiles}
    for order, item in enumerate(queue_of(tmp_path / "page")["items"], start=1):
        record = of_id[item["tile_id"]]
        assert (item["order"], item["reason"], item["scene"]) == (
            order,
            "r",
            {"b": "s000", "a": "s001"}[item["scene_id"]],
        )
        row, col, height, width = item["window"]
        image = np.asarray(Image.open(tmp_path / "page" / "data" / "scenes" / item["scene"] / "0" / "0_0.png"))
        shown, expected = image[row : row + height, col : col + width], pool.read(record)[0]
        assert np.array_equal(shown, expected[:height, :width])
        assert not expected[height:].any()
        assert not expected[:, width:].any()


def test_only_the_scenes_of_the_queue_are_prepared(tmp_path):
    pool = pool_of(tmp_path, "abc")
    first = next(tile for tile in pool.tiles if tile.scene_id == "b")
    write_selection(tmp_path, Selection((Pick(first.tile_id, "b", 1, 0.5, "r"),)))
    report = prepare_page(
        [str(tmp_path / "in")], tmp_path / "page", PageOptions(selection=tmp_path, dataset=tmp_path / "pool")
    )
    assert report.scenes == 1
    assert [path.name for path in (tmp_path / "page" / "data" / "scenes").iterdir()] == ["s000"]


def test_tiles_need_the_data_set_that_they_are_of(tmp_path):
    pool_of(tmp_path)
    write_selection(tmp_path, Selection((Pick("a_99999_00000", "a", 1, 0.5, "r"),)))
    for options, sentence in [
        (PageOptions(selection=tmp_path), "name the data set that tells where it lies with --dataset"),
        (PageOptions(selection=tmp_path, dataset=tmp_path / "pool"), "has no tile a_99999_00000"),
    ]:
        with pytest.raises(SelectionError, match=sentence):
            prepare_page([str(tmp_path / "in")], tmp_path / "page", options)
    write_selection(tmp_path, Selection((Pick("a_00000_00000", "b", 1, 0.5, "r"),)))
    with pytest.raises(SelectionError, match="tile a_00000_00000 is of scene a, not b"):
        prepare_page([str(tmp_path / "in")], tmp_path / "page", options)


# ---- pre-labels

RING = [[10.02, 39.97], [10.06, 39.97], [10.06, 39.96], [10.02, 39.96], [10.02, 39.97]]
MODEL = {"model": {"name": "unet", "sha256": "0123456789abcdef"}}


def prediction(scene_id="a", ring=RING, **members):
    feature = {
        "type": "Feature", "properties": {"class": "old_vessel", "machine_confidence": 0.7},
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
    }  # fmt: skip
    return {"type": "FeatureCollection", "scene_id": scene_id, "prediction": MODEL, "features": [feature], **members}


def prepared(folder, *contents, **options):
    """The page of two scenes with predictions in files of these contents."""
    for number, name in enumerate("ab"):
        write_tiff(folder / "in" / f"{name}.tif", pixels(number, HEIGHT_WIDTH))
    names = []
    for number, content in enumerate(contents):
        names.append(str(folder / f"{number}.geojson"))
        (folder / f"{number}.geojson").write_text(json.dumps(content))
    report = prepare_page([str(folder / "in")], folder / "page", PageOptions(predictions=tuple(names), **options))
    return report, folder / "page" / "data" / "scenes"


def test_predictions_become_pre_labels_with_a_name_of_their_own(tmp_path):
    _, scenes = prepared(tmp_path, prediction())
    about = json.loads((scenes / "s000" / "scene.json").read_text())
    assert (about["prelabels"], about["model"]) == (True, "unet@0123456789ab")
    found = json.loads((scenes / "s000" / "prelabels.geojson").read_text())
    (feature,) = found["features"]
    assert feature["geometry"]["coordinates"] == [[RING]]
    assert feature["properties"] == {
        "class": "old_vessel", "machine_confidence": 0.7, "slick_id": "a/unet@0123456789ab/1",
        "model": "unet@0123456789ab",
    }  # fmt: skip
    assert not (scenes / "s001" / "prelabels.geojson").exists()
    assert queue_of(tmp_path / "page")["created_from"]["models"] == ["unet@0123456789ab"]


def test_a_folder_of_predictions_is_taken_as_predict_leaves_it(tmp_path):
    folder = tmp_path / "slicks"
    folder.mkdir()
    (folder / "prediction.json").write_text("{}")
    (folder / "b.geojson").write_text(json.dumps(prediction("b")))
    _, scenes = prepared(tmp_path)
    report = prepare_page([str(tmp_path / "in")], tmp_path / "two", PageOptions(predictions=(str(folder),)))
    assert not report.failed
    assert (tmp_path / "two" / "data" / "scenes" / "s001" / "prelabels.geojson").is_file()


def test_pixels_stay_pixels_for_plain_images(tmp_path):
    square = [[1, 2], [9, 2], [9, 8], [1, 8], [1, 2]]
    write_png(tmp_path / "in" / "s.png", pixels())
    (tmp_path / "s.geojson").write_text(json.dumps(prediction("s", square, crs=None)))
    options = PageOptions(predictions=(str(tmp_path / "s.geojson"),))
    prepare_page([str(tmp_path / "in")], tmp_path / "page", options)
    found = json.loads((tmp_path / "page/data/scenes/s000/prelabels.geojson").read_text())
    assert (found["crs"], found["pixels"], found["features"][0]["geometry"]["coordinates"]) == (None, True, [[square]])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (prediction(crs=None), "is in columns and rows, but scene a has a georeference"),
        (prediction(ring=[[1000, 2], [9, 2], [9, 8], [1000, 2]]), "feature 1 has the position"),
        ({**prediction(), "features": [{"type": "Feature", "properties": {}, "geometry": None}]}, "feature 1"),
    ],
)
def test_predictions_that_do_not_fit_fail_their_scene_alone(tmp_path, content, sentence):
    report, _ = prepared(tmp_path, content)
    assert sentence in report.failed["a"]
    assert [item["scene_id"] for item in queue_of(tmp_path / "page")["items"]] == ["b"]


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        ([prediction(), prediction()], "scene a has predictions in .*; give one of them"),
        ([[]], "is no GeoJSON FeatureCollection"),
    ],
)
def test_predictions_that_are_none_are_refused(tmp_path, contents, sentence):
    with pytest.raises(LabelError, match=sentence):
        prepared(tmp_path, *contents)


def test_a_folder_without_predictions_is_refused(tmp_path):
    write_tiff(tmp_path / "in" / "a.tif", pixels())
    for name, sentence in (("in", "holds no predictions"), ("none", "no such file or folder")):
        with pytest.raises(LabelError, match=sentence):
            prepare_page([str(tmp_path / "in")], tmp_path / "p", PageOptions(predictions=(str(tmp_path / name),)))
