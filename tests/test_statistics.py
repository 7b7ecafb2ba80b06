"""Describe: counts, sizes and channel figures against what one can work out by hand or with numpy."""

import json
import math

import numpy as np
import pytest
from datasets_made import METRES_PER_PIXEL, box_mask, change, make_dataset_folder, speckle
from PIL import Image

from ceruleanml.cli.describe import describe as describe_verb
from ceruleanml.datasets.figure import draw
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.statistics import describe, rectangle_sides
from ceruleanml.errors import DatasetError, StorageError

HEIGHT_M, WIDTH_M = METRES_PER_PIXEL  # 100 x 80
EDGE_ROW = box_mask(slice(4, 8), slice(20, 32))  # the left piece of a slick that a tile border cuts
HEAD = box_mask(slice(4, 8), slice(0, 8))  # and its right piece


@pytest.fixture
def folder(tmp_path):
    seep = box_mask(slice(0, 32), slice(10, 12))
    return make_dataset_folder(tmp_path / "made", {
        "one": [((0, 0), speckle(1), [(1, "cut", EDGE_ROW)]), ((0, 32), speckle(2), [(1, "cut", HEAD)])],
        "two": [((0, 0), speckle(3), [(2, "seep", seep), (1, "other", HEAD)]), ((32, 0), speckle(4), [])],
    })  # fmt: skip


def test_pieces_of_one_slick_are_one_slick(folder):
    found = describe(open_dataset(folder))
    infra, seep = found.classes[0], found.classes[1]
    assert (infra.slicks, infra.pieces, infra.tiles, infra.scenes) == (2, 3, 3, 2)
    assert (seep.slicks, seep.pieces, seep.tiles, seep.scenes) == (1, 1, 1, 1)
    assert infra.area_px == 4 * 12 + 4 * 8 + 4 * 8
    assert (found.tiles, found.empty_tiles) == (4, 1)
    assert [(scene.scene_id, scene.tiles, scene.empty) for scene in found.scenes] == [("one", 2, 0), ("two", 2, 1)]


def test_a_cut_slick_is_measured_whole_and_in_metres(folder):
    cut = next(slick for slick in describe(open_dataset(folder)).slicks if slick.slick_id == "cut")
    assert cut.pieces == 2
    assert cut.area_km2 == pytest.approx(4 * 20 * HEIGHT_M * WIDTH_M / 1e6)
    assert cut.length_km == pytest.approx(20 * WIDTH_M / 1000)
    assert cut.elongation == pytest.approx(20 * WIDTH_M / (4 * HEIGHT_M))


def test_where_tiles_overlap_a_slick_counts_once(tmp_path):
    left, right = box_mask(slice(0, 4), slice(10, 30)), box_mask(slice(0, 4), slice(0, 14))
    root = make_dataset_folder(tmp_path / "overlapping", {
        "one": [((0, 0), speckle(1), [(1, "a", left)]), ((0, 16), speckle(2), [(1, "a", right)])],
    })  # fmt: skip
    (slick,) = describe(open_dataset(root)).slicks
    assert (slick.area_px, slick.pieces) == (4 * 20, 2)


def test_sizes_stay_in_pixels_where_the_ground_is_not_known(tmp_path):
    root = make_dataset_folder(tmp_path / "plain", {"one": [((0, 0), speckle(1), [(1, "a", HEAD)])]}, None, ("vv", "x"),
                               georeferenced=False)  # fmt: skip
    found = describe(open_dataset(root))
    (slick,) = found.slicks
    assert (slick.area_km2, slick.length_km, found.classes[0].area_km2_quantiles) == (None, None, None)
    assert (slick.area_px, slick.length_px, slick.elongation) == (32, 8.0, 2.0)


@pytest.mark.parametrize("degrees", [0, 17, 45, 80])
def test_the_sides_of_a_turned_rectangle(degrees):
    turn = np.array([[math.cos(math.radians(degrees)), -math.sin(math.radians(degrees))],
                     [math.sin(math.radians(degrees)), math.cos(math.radians(degrees))]])  # fmt: skip
    corners = np.array([[0, 0], [0, 30], [7, 30], [7, 0], [3, 11]]) @ turn.T
    assert rectangle_sides(corners) == pytest.approx((30, 7))


def test_channel_figures_are_those_of_all_valid_pixels(tmp_path):
    tiles = []
    for number in range(3):
        pixels = speckle(number)
        pixels[:, :, : 5 * number] = 0
        pixels[1, :, : 5 * number] = 200  # context is filled where nothing was measured
        tiles.append(((0, 32 * number), pixels, []))
    found = describe(open_dataset(make_dataset_folder(tmp_path / "made", {"one": tiles})))
    pixels = np.concatenate([tile[1] for tile in tiles], axis=2)
    valid = pixels[:, pixels[0] != 0].astype(float)
    assert [row.mean for row in found.channels] == pytest.approx(valid.mean(axis=1), rel=1e-12)
    assert [row.deviation for row in found.channels] == pytest.approx(valid.std(axis=1), rel=1e-12)
    assert found.valid_fraction == pytest.approx(np.mean(pixels[0] != 0))


def test_a_plain_image_counts_inside_its_scene_only(tmp_path):
    dark = np.zeros((1, 32, 32), np.uint8)
    root = make_dataset_folder(tmp_path / "plain", {"one": [((0, 0), dark, [])]}, None, ("vv",), georeferenced=False)
    change(root / "dataset.json", "scenes", "one", "grid", "height_width", to=[32, 24])
    found = describe(open_dataset(root))
    assert (found.valid_fraction, found.channels[0].mean) == (0.75, 0.0)


def test_a_data_set_without_slicks_or_tiles_is_described(tmp_path):
    found = describe(open_dataset(make_dataset_folder(tmp_path / "empty", {})))
    assert found.classes[0].slicks == 0 and found.channels[0].mean is None and found.valid_fraction == 0
    draw(open_dataset(tmp_path / "empty"), found, tmp_path / "empty.png")


def test_a_tile_that_cannot_be_read_is_named(folder):
    (folder / "tiles" / "two_00000_00000.tif").write_bytes(b"II*\0")
    with pytest.raises(DatasetError, match="two_00000_00000.tif: the tile is truncated or corrupt"):
        describe(open_dataset(folder))


def test_the_verb_writes_json_and_figure_and_prints(folder, tmp_path, capsys):
    assert describe_verb(folder, tmp_path / "all.json", tmp_path / "all.png", 0, False) == 0
    written = json.loads((tmp_path / "all.json").read_text())
    assert written["tiles"] == 4 and {slick["slick_id"] for slick in written["slicks"]} == {"cut", "seep", "other"}
    printed = capsys.readouterr().out
    assert "4 tiles (1 without a slick) of 2 scenes" in printed
    row = next(line for line in printed.splitlines() if line.startswith("infra_slick")).split()
    assert row[1:5] == ["2", "3", "3", "2"]


def test_the_figure_shows_every_class_in_its_display_colour(folder, tmp_path):
    dataset = open_dataset(folder)
    draw(dataset, describe(dataset), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 1000
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    for class_id in (1, 2):
        colour = [int(dataset.classes[class_id].display[at : at + 2], 16) for at in (1, 3, 5)]
        assert np.count_nonzero((pixels == colour).all(axis=1)) > 500


def test_a_figure_of_another_kind_is_refused(folder, tmp_path):
    dataset = open_dataset(folder)
    with pytest.raises(StorageError, match="figure.bmp: a figure ends in .png, .pdf or .svg"):
        draw(dataset, describe(dataset), tmp_path / "figure.bmp")
    assert not (tmp_path / "figure.bmp").exists()
