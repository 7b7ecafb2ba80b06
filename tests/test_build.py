"""What a data set built from scenes holds: pixels, labels, tiles and its record."""

import json

import numpy as np
import pytest
import rasterio
from builds_made import RED, build, coco_of, slick
from pycocotools.coco import COCO
from scenes_made import pixels, write_photopea, write_png, write_tiff

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.scenes.context import parse_context


def test_labels_come_back_pixel_by_pixel(photopea):
    """Each tile pixel is labelled exactly where the image pixel under its centre is."""
    across, with_hole = slick(slice(20, 24), slice(10, 80)), slick(slice(40, 52), slice(30, 45))
    with_hole[44:48, 35:40] = False
    truth_of = {"a/coincident_vessel_1": across, "b/red": across, "b/natural_seep_1": with_hole}
    build(photopea)
    coco = COCO(photopea / "out" / "instances.json")
    seen = set()
    for annotation in coco.dataset["annotations"]:
        image = coco.imgs[annotation["image_id"]]
        a, _, c, _, e, f = image["transform"]
        rows, cols = np.mgrid[: image["height"], : image["width"]]
        source_rows = np.floor((40 - (f + e * (rows + 0.5))) / 0.001).astype(int)
        source_cols = np.floor((c + a * (cols + 0.5) - 10) / 0.001).astype(int)
        inside = (source_rows < 60) & (source_cols < 90)
        truth = truth_of[annotation["slick_id"]][source_rows.clip(0, 59), source_cols.clip(0, 89)] & inside
        mask = coco.annToMask(annotation)
        np.testing.assert_array_equal(mask, truth)
        assert annotation["area"] == mask.sum() and annotation["iscrowd"] == 0
        seen.add(annotation["slick_id"])
    assert seen == set(truth_of)


def test_a_slick_cut_by_tiles_keeps_its_id(photopea):
    build(photopea)
    pieces = [a for a in coco_of(photopea / "out")["annotations"] if a["slick_id"] == "a/coincident_vessel_1"]
    assert len(pieces) >= 3 and len({piece["image_id"] for piece in pieces}) == len(pieces)
    assert {piece["category_id"] for piece in pieces} == {3}


def test_tiles_glued_back_are_the_scene(photopea):
    build(photopea, "tiles", keep_scenes=True)
    dataset = open_dataset(photopea / "tiles")
    with rasterio.open(photopea / "tiles" / "scenes" / "a.tif") as file:
        whole, tags = file.read(), file.tags()
        assert file.descriptions == ("vv",) and file.crs.to_epsg() == 4326 and file.nodata == 0
    assert tags["radiometry"] == "dn" and tags["scene_id"] == "a"
    glued = np.zeros((1, 32 * 10, 32 * 10), np.uint8)
    for tile in dataset.tiles:
        if tile.scene_id == "a":
            window = tile.window
            glued[:, window.row : window.row + 32, window.col : window.col + 32] = dataset.read(tile)
    np.testing.assert_array_equal(glued[:, : whole.shape[1], : whole.shape[2]], whole)
    assert not glued[:, whole.shape[1] :].any() and not glued[:, :, whole.shape[2] :].any()


def test_overlapping_tiles_show_the_same_pixels(photopea):
    build(photopea, "strided", stride=(20, 12), tile_size=(32, 48))
    build(photopea, "whole", tile_size=None)
    with rasterio.open(photopea / "whole" / "scenes" / "a.tif") as file:
        whole = np.zeros((file.height + 64, file.width + 64), np.uint8)
        whole[: file.height, : file.width] = file.read(1)
    dataset = open_dataset(photopea / "strided")
    tiles = [tile for tile in dataset.tiles if tile.scene_id == "a"]
    assert len(tiles) > 9
    for tile in tiles:
        w = tile.window
        np.testing.assert_array_equal(dataset.read(tile)[0], whole[w.row : w.row + 32, w.col : w.col + 48])


def test_whole_scenes(photopea):
    report = build(photopea, tile_size=None)
    coco = coco_of(photopea / "out")
    assert report.tiles == 3 and not (photopea / "out" / "tiles").exists()
    assert [image["file_name"] for image in coco["images"]] == ["scenes/a.tif", "scenes/b.tif", "scenes/c.tif"]
    assert [a["slick_id"] for a in coco["annotations"]] == ["a/coincident_vessel_1", "b/natural_seep_1", "b/red"]
    assert 0.9 < coco["images"][0]["valid_fraction"] <= 1


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (1.0, 1, 1), (0.5, 0.2, 0.8)])
def test_empty_tiles(photopea, share, low, high):
    everything = build(photopea, "all")
    labelled = {a["image_id"] for a in coco_of(photopea / "all")["annotations"]}
    empty = everything.tiles - len(labelled)
    kept = build(photopea, f"share{share}", empty_tiles=share, seed=4).tiles - len(labelled)
    assert low * empty <= kept <= high * empty


def test_hard_negatives_are_kept_and_shares_only_add(photopea):
    ids = {}
    for share in (0.0, 0.3, 0.7):
        build(photopea, f"{share}", empty_tiles=share, hard_negatives=frozenset({"c_00000_00032"}))
        ids[share] = {image["tile_id"] for image in coco_of(photopea / f"{share}")["images"]}
    assert "c_00000_00032" in ids[0.0]
    assert ids[0.0] < ids[0.3] < ids[0.7]


def test_least_valid_fraction(photopea):
    build(photopea, "all")
    build(photopea, "full", min_valid=0.9)
    valid = {image["tile_id"]: image["valid_fraction"] for image in coco_of(photopea / "all")["images"]}
    kept = {image["tile_id"] for image in coco_of(photopea / "full")["images"]}
    assert 0 < len(kept) < len(valid)
    assert kept == {tile_id for tile_id, fraction in valid.items() if fraction >= 0.9}


def test_manifest_tells_how_to_make_it_again(photopea):
    build(photopea, seed=3, context=(parse_context("full"),))
    manifest = json.loads((photopea / "out" / "dataset.json").read_text())
    assert manifest["channels"] == ["vv", "full"] and manifest["seed"] == 3
    assert manifest["arguments"]["georeference"].endswith("{scene_id}.json")
    scene = manifest["scenes"]["b"]
    assert scene["state"] == "built" and len(scene["inputs"]) == 4 and all(scene["inputs"].values())
    assert scene["grid"]["name"] == "native" and len(scene["footprint"]) > 4
    assert manifest["versions"]["rasterio"] == rasterio.__version__


def test_label_snapshot_changes_with_a_label_alone(photopea):
    build(photopea, "one")
    write_photopea(photopea / "in" / "c", pixels(3), {"red_1": (RED, slick(slice(5, 9), slice(5, 9)))})
    build(photopea, "two")
    one, two = (json.loads((photopea / name / "dataset.json").read_text())["label_snapshot"] for name in ("one", "two"))
    assert len(one) == len(two) == 64 and one != two


def test_torchvision_and_pil_read_it(photopea):
    from torchvision.datasets import CocoDetection

    build(photopea, context=(parse_context("full"), parse_context("zeros")))
    dataset = CocoDetection(photopea / "out", photopea / "out" / "instances.json")
    tiles = open_dataset(photopea / "out")
    for index, tile in enumerate(tiles.tiles):
        image, annotations = dataset[index]
        np.testing.assert_array_equal(np.asarray(image).transpose(2, 0, 1), tiles.read(tile))
        assert all(annotation["image_id"] == index + 1 for annotation in annotations)


def test_plain_images_and_masks(tmp_path):
    mask = slick(slice(5, 40), slice(60, 70))
    for name in ("one", "two"):
        write_png(tmp_path / "images" / f"{name}.png", np.stack([pixels()] * 3))
    write_png(tmp_path / "masks" / "one.png", 255 * mask.astype(np.uint8))
    report = make_dataset(
        [str(tmp_path / "images")], tmp_path / "out",
        BuildOptions(labels=str(tmp_path / "masks"), tile_size=(64, 64), mask_class="natural_seep"),
    )  # fmt: skip
    assert (report.scenes, report.tiles, report.failed) == (2, 4, {})
    coco = coco_of(tmp_path / "out")
    assert sum(a["area"] for a in coco["annotations"]) == mask.sum()
    assert {a["category_id"] for a in coco["annotations"]} == {2} and coco["images"][0]["crs"] is None


def test_geojson_beside_a_geotiff(tmp_path):
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    ring = [[10.02, 39.97], [10.06, 39.97], [10.06, 39.96], [10.02, 39.96], [10.02, 39.97]]
    feature = {
        "type": "Feature", "properties": {"class": "old_vessel"},
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
    }  # fmt: skip
    collection = {"type": "FeatureCollection", "complete": True, "features": [feature]}
    (tmp_path / "in" / "s.geojson").write_text(json.dumps(collection))
    for grid in ("native", "serving"):
        make_dataset([str(tmp_path / "in" / "s.tif")], tmp_path / grid, BuildOptions(grid=grid))
        coco = coco_of(tmp_path / grid)
        a, e = coco["images"][0]["transform"][0], coco["images"][0]["transform"][4]
        area = sum(annotation["area"] for annotation in coco["annotations"])
        assert {annotation["category_id"] for annotation in coco["annotations"]} == {5}
        assert area == pytest.approx(0.04 * 0.01 / (a * -e), rel=0.05)
