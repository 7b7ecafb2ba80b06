"""A data set folder opens as a value, and a broken one says what is wrong with it."""

import json

import numpy as np
import pytest
from datasets_made import box_mask, change, make_dataset_folder, speckle

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import DatasetError


@pytest.fixture
def folder(tmp_path):
    upper, lower = box_mask(slice(2, 6), slice(4, 20)), box_mask(slice(5, 9), slice(18, 22))
    tiles = [((0, 0), speckle(1), [(1, "a", upper), (3, "b", lower)]), ((0, 32), speckle(2), [])]
    return make_dataset_folder(tmp_path / "train", {"scene_a": tiles, "scene_b": [((0, 0), speckle(3), [])]})


def test_a_data_set_gives_back_what_was_put_in(folder):
    dataset = open_dataset(folder)
    first = dataset.tiles[0]
    assert [tile.tile_id for tile in dataset.tiles] == [
        "scene_a_00000_00000", "scene_a_00000_00032", "scene_b_00000_00000",
    ]  # fmt: skip
    assert dataset.channels == ("vv", "infra_distance")
    assert np.array_equal(dataset.read(first), speckle(1))
    assert [(piece.class_id, piece.slick_id, piece.area) for piece in dataset.annotations[first.tile_id]] == [
        (1, "a", 64), (3, "b", 16),
    ]  # fmt: skip
    assert dataset.annotations["scene_b_00000_00000"] == ()


def test_the_later_slick_is_seen_where_two_overlap(folder):
    dataset = open_dataset(folder)
    mask = dataset.mask(dataset.tiles[0])
    assert mask[5, 19] == 3 and mask[5, 5] == 1 and mask[0, 0] == 0
    assert np.count_nonzero(mask == 1) == 64 - 2 and np.count_nonzero(mask == 3) == 16
    assert not dataset.mask(dataset.tiles[1]).any()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: no such data set folder; make it with ceruleanml make-dataset"):
        open_dataset(tmp_path / "nowhere")


def test_an_unfinished_build_says_how_to_finish_it(tmp_path):
    (tmp_path / ".train.building").mkdir()
    with pytest.raises(DatasetError, match="train: was not built to its end; run the same make-dataset again"):
        open_dataset(tmp_path / "train")


def test_any_other_folder_is_no_data_set(tmp_path):
    with pytest.raises(DatasetError, match="is no data set folder, it has no dataset.json"):
        open_dataset(tmp_path)


def test_a_folder_without_instances_is_incomplete(folder):
    (folder / "instances.json").unlink()
    with pytest.raises(DatasetError, match="instances.json: is missing; the data set is incomplete"):
        open_dataset(folder)


@pytest.mark.parametrize("name", ["dataset.json", "instances.json"])
def test_a_cut_json_is_told(folder, name):
    path = folder / name
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DatasetError, match=f"{name}: is not JSON: .*; make the data set again"):
        open_dataset(folder)


@pytest.mark.parametrize(("keys", "value", "message"), [
    (("dataset.json", "format_version"), 2, "dataset.json: has format version 2, this program reads 1"),
    (("instances.json", "images"), None, "instances.json: lacks the list 'images'"),
    (("instances.json", "images", 0, "window"), [1], "instances.json: record 1: "),
    (("instances.json", "images", 0, "file_name"), "../../etc/passwd", "record 1: file name .* leaves the folder"),
    (("instances.json", "annotations", 1, "image_id"), 77, "annotation 2 is of image 77, which is not there"),
    (("instances.json", "annotations", 1, "category_id"), 9, "annotation 2 has category 9, which the class table"),
    (("instances.json", "annotations", 1, "bbox"), "wide", "record 2: "),
])  # fmt: skip
def test_broken_records_are_named(folder, keys, value, message):
    change(folder / keys[0], *keys[1:], to=value)
    with pytest.raises(DatasetError, match=message):
        open_dataset(folder)


def test_a_manifest_that_lacks_its_classes_is_told(folder):
    manifest = json.loads((folder / "dataset.json").read_text())
    del manifest["classes"]
    (folder / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match="dataset.json: lacks classes"):
        open_dataset(folder)


def test_a_tile_of_another_shape_is_refused_when_read(folder):
    change(folder / "instances.json", "images", 0, "height", to=31)
    dataset = open_dataset(folder)
    with pytest.raises(DatasetError, match="holds 2 x 32 x 32 .*, the data set says 2 x 31 x 32; make it again"):
        dataset.read(dataset.tiles[0])
