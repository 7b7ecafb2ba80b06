"""Which tiles a training gets, of which classes, and what it is told about them."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from datasets_made import box_mask, change, coco_piece, make_dataset_folder
from hypothesis import given
from hypothesis import strategies as st
from tiles_made import AMBIGUOUS, INFRA, OLD, RECENT, SEEP, config, make, sea, slick

from ceruleanml.datasets.folder import AnnotationRecord, open_dataset
from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.evaluation.class_map import DROPPED
from ceruleanml.evaluation.class_map import class_map as judged_as
from ceruleanml.models.card import Card
from ceruleanml.models.targets import IGNORE, ClassMap, boxes_of, instance_masks, piece_mask, pixel_target, without_tiny
from ceruleanml.models.tile_cutting import crop_of
from ceruleanml.models.tile_reading import read_pixels
from ceruleanml.models.tiles import Statistics, open_training
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator


def opened(train, seed=0, kind="unet", **data):
    return open_training(config(train, **data).data, kind, seed)


def ids(tiles):
    return [tile.tile_id for tile in tiles]


def scenes(tiles):
    return {tile.scene_id for tile in tiles}


def as_piece(mask, class_id=1, slick_id="s"):
    record = coco_piece(mask)
    return AnnotationRecord(1, 1, class_id, slick_id, record["segmentation"], record["area"], tuple(record["bbox"]))


@pytest.fixture
def parts(tmp_path):
    """A data set to train on and one of other scenes to validate on."""
    train = make(tmp_path / "train", INFRA, OLD, RECENT, None)
    lon_lat = {"x": (100.0, 0.0), "y": (120.0, 0.0)}
    tiles = {"x": [((0, 0), sea(8), [slick(OLD)])], "y": [((0, 0), sea(9), [slick(SEEP)])]}
    return train, make_dataset_folder(tmp_path / "val", tiles, lon_lat)


def test_the_classes_are_those_that_training_tiles_show_in_the_order_of_the_table(parts):
    data = opened(parts[0], validation=str(parts[1]))
    assert data.classes == ("background", "infra_slick", "recent_vessel", "old_vessel")
    assert data.class_map.ids == (0, 1, IGNORE, IGNORE, 2, 3, IGNORE)
    assert [row["name"] for row in data.class_rows] == list(data.classes)


def test_validation_tiles_of_a_class_that_was_not_learnt_leave_with_a_note(parts):
    data = opened(parts[0], validation=str(parts[1]))
    assert ids(data.validation) == ["x_00000_00000"]
    assert "validation: 1 tiles left out, which show natural_seep; no training tile does" in data.notes


def test_dropped_classes_take_their_tiles_along_and_merged_ones_count_as_their_target(parts):
    data = opened(
        parts[0], validation=str(parts[1]), drop_classes=["infra_slick"], merge_classes={"old_vessel": "recent_vessel"}
    )
    assert data.classes == ("background", "recent_vessel")
    assert scenes(data.train) == {"b", "c", "d"}
    assert data.class_map.ids[OLD] == data.class_map.ids[RECENT] == 1
    assert "training: 1 tiles left out, which show infra_slick" in data.notes


def test_what_is_dropped_and_merged_is_known_to_the_card_and_so_to_the_evaluation(parts):
    merged = {"old_vessel": "recent_vessel"}
    data = opened(parts[0], validation=str(parts[1]), drop_classes=["infra_slick"], merge_classes=merged)
    made = Card("m", "unet", "none", data.classes, ("vv",), 32, (0.0,), (1.0,), dataset=data.about)
    rows = judged_as(made, open_dataset(parts[0]).classes).row_of
    assert rows[OLD] == rows[RECENT] == 1 and rows[INFRA] == DROPPED


def test_asked_for_classes_keep_their_order_and_others_are_ignored(parts):
    data = opened(parts[0], validation=str(parts[1]), classes=["old_vessel", "infra_slick"])
    assert data.classes == ("background", "old_vessel", "infra_slick")
    assert data.class_map.ids[RECENT] == IGNORE and len(data.train) == 4
    assert "recent_vessel is ignored: data.classes lacks it" in data.notes


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ["natural_seep"]}, "shows natural_seep, which data.classes names; leave it out"),
        ({"classes": ["natural_sep"]}, "data.classes: class 'natural_sep' is not in the class table; did you mean"),
        ({"classes": []}, "data.classes is empty"),
        ({"classes": ["background"]}, "background is no slick class"),
        ({"classes": ["old_vessel", "old_vessel"]}, "data.classes: old_vessel stands twice"),
        ({"drop_classes": ["slick"]}, "data.drop_classes: class 'slick' is not in the class table"),
        ({"merge_classes": {"old_vessel": "ship"}}, "data.merge_classes: class 'ship' is not in the class table"),
        ({"merge_classes": {"old_vessel": "recent_vessel"}, "drop_classes": ["recent_vessel"]}, "name each class once"),
        ({"merge_classes": {"old_vessel": "recent_vessel"}, "classes": ["old_vessel"]}, "is dropped or merged"),
        ({"drop_classes": ["infra_slick", "old_vessel", "recent_vessel"]}, "no training tile shows a slick"),
        ({"channels": ["vv", "wind"]}, "data.channels: wind is no channel of"),
        ({"channels": ["vv", "vv"]}, "names a channel twice"),
    ],
)
def test_what_cannot_be_learnt_is_said_in_one_line_with_the_setting(parts, settings, words):
    with pytest.raises((UsageError, DatasetError)) as caught:
        opened(parts[0], validation=str(parts[1]), **settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("grid",), "serving", "its grid is serving, that of"),
        (("radiometry",), "sigma0_db", "its radiometry is sigma0_db"),
        (("resolution_m",), 40.0, "its resolution_m is 40.0"),
        (("channels",), ["vv", "ship_density"], "its channels is vv, ship_density"),
        (("arguments", "polarisation"), "vh", "its polarisation is vh"),
    ],
)
def test_data_sets_that_do_not_go_together_are_refused(parts, keys, value, words):
    change(parts[1] / "dataset.json", *keys, to=value)
    with pytest.raises(DatasetError, match="make both with the same options") as caught:
        opened(parts[0], validation=str(parts[1]))
    assert words in str(caught.value)


def test_a_scene_in_both_is_refused(tmp_path):
    train, validation = make(tmp_path / "train", OLD, OLD), make(tmp_path / "val", OLD)
    with pytest.raises(DatasetError, match="scene a is in .*train too"):
        opened(train, validation=str(validation))


def test_whole_scenes_are_held_out_the_same_for_the_same_seed(tmp_path):
    root = make(tmp_path / "set", *[OLD] * 10, *[None] * 10)
    data = opened(root, validation_share=0.2)
    assert len(data.validation) == 4 and len(data.train) == 16
    assert not scenes(data.train) & scenes(data.validation)
    assert sum(bool(tile.pieces) for tile in data.validation) == 2
    assert ids(opened(root, validation_share=0.2).validation) == ids(data.validation)
    assert len({tuple(ids(opened(root, seed, validation_share=0.2).validation)) for seed in range(5)}) > 1
    assert data.about["validation"]["held_out"] and data.about["train"]["tiles"] == 16


def test_scenes_near_each_other_are_held_out_together(tmp_path):
    lon_lat = {"a": (0.0, 0.0), "b": (0.1, 0.0), "c": (50.0, 0.0), "d": (50.1, 0.0)}
    data = opened(make(tmp_path / "set", OLD, OLD, OLD, OLD, lon_lat=lon_lat), validation_share=0.5)
    assert {frozenset(scenes(data.train)), frozenset(scenes(data.validation))} == {frozenset("ab"), frozenset("cd")}


@pytest.mark.parametrize(
    ("classes", "lon_lat", "words"),
    [
        ([OLD], None, "it holds a single scene, so none can be held out; give data.validation"),
        ([OLD, OLD], {"a": (0.0, 0.0), "b": (0.1, 0.0)}, "its 2 scenes belong together"),
    ],
)
def test_a_single_group_cannot_be_held_out(tmp_path, classes, lon_lat, words):
    with pytest.raises(DatasetError, match=words):
        opened(make(tmp_path / "set", *classes, lon_lat=lon_lat))


def test_a_single_tile_with_a_validation_set_will_do(tmp_path, parts):
    data = opened(make(tmp_path / "one", OLD), validation=str(parts[1]))
    assert len(data.train) == len(data.validation) == 1 and data.classes == ("background", "old_vessel")


@pytest.mark.parametrize(("ratio", "empties"), [(None, 6), (0, 0), (0.5, 1), (2, 4), (9, 6)])
def test_negatives_are_drawn_by_ratio_with_the_seed(tmp_path, parts, ratio, empties):
    root = make(tmp_path / "set", OLD, OLD, *[None] * 6)
    data = opened(root, validation=str(parts[1]), negative_ratio=ratio)
    assert sum(not tile.pieces for tile in data.train) == empties
    assert ids(data.train) == ids(opened(root, validation=str(parts[1]), negative_ratio=ratio).train)


def test_statistics_are_of_valid_training_pixels_and_a_constant_channel_does_not_divide_by_zero(tmp_path, parts):
    pixels = np.zeros((2, 32, 32), np.uint8)
    pixels[0, :, :16] = 51
    pixels[0, :, 8:16] = 153
    pixels[1] = 255
    root = make_dataset_folder(tmp_path / "set", {"a": [((0, 0), pixels, [slick(OLD)])]})
    data = opened(root, validation=str(parts[1]))
    assert data.mean == pytest.approx((0.4, 1.0)) and data.deviation == pytest.approx((0.2, 1.0))
    assert "channel infra_distance is constant in the training tiles" in data.notes
    assert data.bands.blank == (102, 255)
    known = opened_with(root, parts[1], Statistics((0.1, 0.2), (0.3, 0.4)))
    assert known.mean == (0.1, 0.2) and known.deviation == (0.3, 0.4)


def opened_with(train, validation, statistics):
    return open_training(config(train, validation=str(validation)).data, "unet", 0, statistics)


def test_channels_are_chosen_in_the_order_asked_for(parts):
    data = opened(parts[0], validation=str(parts[1]), channels=["infra_distance", "vv"])
    assert data.band_numbers == (1, 0) and data.bands.radar == 1
    tile = data.train[0]
    pixels, _ = read_pixels(tile.dataset, tile.record, tile.window, data.band_numbers)
    assert np.array_equal(pixels, tile.dataset.read(tile.record)[::-1])


def test_a_training_without_the_radar_band_knows_it(parts):
    assert opened(parts[0], validation=str(parts[1]), channels=["infra_distance"]).bands.radar is None


def test_the_card_is_told_where_the_data_is_from(parts):
    about = opened(parts[0], validation=str(parts[1])).about
    assert about["grid"] == "native" and about["radiometry"] == "dn" and about["resolution_m"] == 90.0
    assert about["train"]["label_snapshot"] == "0" * 64 and len(about["train"]["sha256"]) == 64
    assert about["train"]["scenes"] == ["a", "b", "c", "d"] and about["train"]["tiles_with_slicks"] == 3


# Targets


def test_the_pixel_target_ignores_nodata_and_small_pieces_and_shows_the_later_class():
    first, later, small = (
        as_piece(box_mask(slice(0, 2), slice(a, b), (4, 6)), n) for a, b, n in ((0, 3, 1), (2, 5, 2), (4, 6, 1))
    )
    valid = np.ones((4, 6), bool)
    valid[3] = False
    target = pixel_target([first, later, small], Window(0, 0, 4, 6), ClassMap((0, 2, 1), min_area_px=5), valid)
    assert target.tolist() == [[2, 2, 1, 1, 1, 255], [2, 2, 1, 1, 1, 255], [0] * 6, [255] * 6]


def test_pieces_of_one_slick_are_one_instance_and_ignored_ones_are_none():
    pieces = [
        as_piece(box_mask(slice(0, 2), slice(0, 2), (6, 6)), 1, "one"),
        as_piece(box_mask(slice(4, 6), slice(3, 6), (6, 6)), 1, "one"),
        as_piece(box_mask(slice(0, 1), slice(4, 6), (6, 6)), 2, "two"),
        as_piece(box_mask(slice(0, 6), slice(0, 6), (6, 6)), 3, "dropped"),
    ]
    labels, masks = instance_masks(pieces, Window(0, 0, 6, 6), ClassMap((0, 1, 2, IGNORE)))
    assert labels.tolist() == [1, 2] and masks.sum(axis=(1, 2)).tolist() == [10, 2]
    assert boxes_of(masks).tolist() == [[0, 0, 6, 6], [4, 0, 6, 1]]
    assert without_tiny(labels, masks)[0].tolist() == [1]


@given(
    mask=st.integers(1, 9).flatmap(
        lambda height: st.lists(st.lists(st.booleans(), min_size=height, max_size=height), min_size=1, max_size=9)
    ),
    data=st.data(),
)
def test_a_window_of_a_piece_is_that_part_of_its_mask(mask, data):
    mask = np.array(mask, bool)
    height, width = mask.shape
    row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, cols = data.draw(st.integers(1, height - row)), data.draw(st.integers(1, width - col))
    found = piece_mask(as_piece(mask), Window(row, col, rows, cols))
    assert np.array_equal(found, mask[row : row + rows, col : col + cols])


@given(st.integers(0, 2**32))
def test_long_runs_are_read_as_pycocotools_reads_them(seed):
    rng = np.random.Generator(np.random.PCG64(seed))
    mask = np.repeat(rng.random(60) < 0.5, rng.integers(1, 4000, 60))
    piece = as_piece(mask[None, :] if seed % 2 else mask[:, None])
    height, width = piece.rle["size"]
    assert np.array_equal(piece_mask(piece, Window(0, 0, height, width)), piece.mask())


# Crops and whole scenes


def test_half_of_the_crops_hold_a_pixel_of_the_slick_and_none_leaves_the_tile(tmp_path, parts):
    spot = (OLD, "s", box_mask(slice(40, 42), slice(90, 92), (128, 128)))
    root = make_dataset_folder(tmp_path / "set", {"a": [((0, 0), sea(1, 128), [spot])]})
    data = opened(root, validation=str(parts[1]), crop_px=32)
    rng = generator(0, "test")
    crops = [crop_of(data.train[0], 32, data.class_map, rng) for _ in range(400)]
    assert all(0 <= crop.row <= 96 and 0 <= crop.col <= 96 and crop.height == crop.width == 32 for crop in crops)
    hits = sum(crop.row <= 41 < crop.row + 32 + 1 and crop.col <= 91 < crop.col + 32 + 1 for crop in crops)
    assert 0.45 < hits / 400 < 0.68


def test_validation_tiles_are_cut_once_over_at_the_scale_of_the_crops(tmp_path, parts):
    spot = (OLD, "s", box_mask(slice(2, 5), slice(50, 55), (80, 80)))
    root = make_dataset_folder(tmp_path / "val2", {"z": [((0, 0), sea(1, 80), [spot])]}, {"z": (99.0, 0.0)})
    data = opened(parts[0], validation=str(root), crop_px=32)
    assert [tile.window.as_list[:2] for tile in data.validation] == [[r, c] for r in (0, 32, 64) for c in (0, 32, 64)]
    assert [tile.tile_id for tile in data.validation if tile.pieces] == ["z_00000_00000@0_32"]
    assert sum(tile.window.height * tile.window.width for tile in data.validation) == 80 * 80


@pytest.fixture
def whole_scene(tmp_path):
    """A whole scene of 2304 x 2048 pixels with a strip without data, two slicks, and as a GeoTIFF in blocks."""
    height_width = (2304, 2048)
    pixels = np.full((2, *height_width), 40, np.uint8)
    pixels[0, 1024:, :] = 90
    pixels[0, :512, :512] = 0
    masks = [(OLD, "s", box_mask(slice(1500, 1510), slice(700, 1600), height_width))]
    masks += [(AMBIGUOUS, "t", box_mask(slice(600, 650), slice(600, 650), height_width))]
    root = make_dataset_folder(tmp_path / "whole", {"w": [((0, 0), pixels, masks)]}, {"w": (60.0, 0.0)})
    file = next((root / "tiles").glob("*.tif"))
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 2, "height": 2304, "width": 2048, "tiled": True}
    with rasterio.open(file, "w", **profile, interleave="band", compress="zstd") as written:
        written.write(pixels)
    return root, file, pixels


def test_whole_scenes_are_learnt_from_in_windows(whole_scene, parts):
    root, _, pixels = whole_scene
    data = opened(root, validation=str(parts[1]), crop_px=512, drop_classes=["ambiguous"])
    windows = [tuple(tile.window.as_list[:2]) for tile in data.train]
    assert len(windows) == 5 * 4 - 2 and (0, 0) not in windows and (512, 512) not in windows
    assert [tile.window.col for tile in data.train if tile.pieces] == [512, 1024, 1536]
    tile = next(tile for tile in data.train if tile.pieces)
    crop = crop_of(tile, 512, data.class_map, generator(1, "test"))
    read, valid = read_pixels(tile.dataset, tile.record, crop, (0, 1))
    assert np.array_equal(read, pixels[:, crop.row : crop.row + 512, crop.col : crop.col + 512]) and valid.all()
    below = opened(root, validation=str(parts[1]), crop_px=512, classes=["old_vessel"]).about["train"]
    assert below["tiles"] == 19 and below["tiles_with_slicks"] == 4


def test_whole_scenes_need_a_crop_and_truncated_ones_are_named(whole_scene, parts):
    root, file, _ = whole_scene
    with pytest.raises(DatasetError, match="is a whole scene of 2304 x 2048 pixels.*data.crop_px=512"):
        opened(root, validation=str(parts[1]))
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    with pytest.raises(DatasetError, match="the scene is truncated or corrupt; make the data set again") as caught:
        opened(root, validation=str(parts[1]), crop_px=512)
    assert str(file) in str(caught.value)


def test_the_mask_of_a_data_set_is_the_target_of_all_its_classes(parts):
    dataset = open_dataset(Path(parts[0]))
    for record in dataset.tiles:
        target = pixel_target(dataset.annotations[record.tile_id], Window(0, 0, 32, 32), ClassMap(tuple(range(7))))
        assert np.array_equal(target, dataset.mask(record))
