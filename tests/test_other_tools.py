"""FiftyOne, CVAT and Label Studio: what goes to them, and what comes back in the forms that they write."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets_made import box_mask, make_dataset_folder, speckle
from imports_made import only, take
from label_states import write
from pycocotools import mask as coco_mask

from ceruleanml.annotation.importing_frames import frames_of
from ceruleanml.annotation.tool_export import export_for_tools, polygons_of_mask
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import DatasetError
from ceruleanml.scenes.raster import open_dataset as open_raster
from ceruleanml.storage import read_json

CLASSES = load_classes()


# ---- labelling tools: each function turns our export into the file that the tool writes of it


def plain(content, names):
    """Images and annotations without what tools drop, the categories renumbered in that order from that number."""
    first, ordered = names
    numbers = {name: number for number, name in enumerate(ordered, start=first)}
    old = {one["id"]: one["name"] for one in content["categories"]}
    images = [{key: image[key] for key in ("id", "width", "height", "file_name")} for image in content["images"]]
    kept = ("id", "image_id", "segmentation")
    pieces = [
        {**{key: one[key] for key in kept}, "category_id": numbers[old[one["category_id"]]]}
        for one in content["annotations"]
    ]
    return images, pieces, [{"id": number, "name": name} for name, number in numbers.items()]


def uncompressed(segmentation):
    mask = coco_mask.decode(segmentation)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.ravel(order="F"), [0]])))
    counts = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return {"counts": counts.tolist(), "size": segmentation["size"]}


def by_cvat(exported):
    """COCO 1.0 of CVAT: run lengths as numbers, iscrowd 1, images in another order, attributes."""
    images, pieces, categories = plain(exported["instances"], (1, CLASSES.slick_names))
    about = {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    images = [{**one, **about, "file_name": one["file_name"].removeprefix("images/")} for one in reversed(images)]
    drawn = {"iscrowd": 1, "attributes": {"occluded": False}}
    pieces = [{**one, **drawn, "segmentation": uncompressed(one["segmentation"])} for one in pieces]
    return {"licenses": [], "info": {"date_created": ""}, "categories": categories, "images": images,
            "annotations": pieces}  # fmt: skip


def by_fiftyone(exported):
    """FiftyOne's COCODetectionDataset of masks that it was told to write as crowds: categories in alphabetic order."""
    images, pieces, categories = plain(exported["instances"], (1, sorted(CLASSES.slick_names)))
    images = [{**one, "file_name": Path(one["file_name"]).name, "license": None, "coco_url": None} for one in images]
    slicks = [one["slick_id"] for one in exported["instances"]["annotations"]]
    pieces = [
        {**one, "iscrowd": 1, "segmentation": uncompressed(one["segmentation"]), "slick_id": slick_id}
        for one, slick_id in zip(pieces, slicks, strict=True)
    ]
    return {"info": {"date_created": "2026-11-20T08:00:00"}, "licenses": [], "categories": categories,
            "images": images, "annotations": pieces}  # fmt: skip


def by_label_studio(exported):
    """Label Studio's COCO: ids from 0, a polygon a region, uploads' prefixes, no size where nothing was drawn."""
    images, pieces, categories = plain(exported["polygons"], (0, sorted(CLASSES.slick_names)))
    shown = {one["image_id"] for one in pieces}
    for number, image in enumerate(images):
        size = {} if image["id"] in shown else {"width": None, "height": None}
        image |= {"file_name": f"images/{number * 7919:08x}-{Path(image['file_name']).name}", **size}
        image["id"] -= 1
    regions = [
        {"id": 0, "image_id": one["image_id"] - 1, "category_id": one["category_id"], "segmentation": [ring],
         "ignore": 0, "iscrowd": 0}
        for one in pieces for ring in one["segmentation"]
    ]  # fmt: skip
    return {"images": images, "categories": categories, "annotations": regions, "info": {"contributor": "Label Studio"}}


TOOLS = {"cvat": by_cvat, "fiftyone": by_fiftyone, "label studio": by_label_studio}


def build(folder, name, **options):
    options = BuildOptions(georeference=f"{folder}/gcps/{{scene_id}}.json", tile_size=(32, 32), **options)
    assert make_dataset([str(folder / "in")], folder / name, options).failed == {}
    return open_dataset(folder / name)


def exported_from(folder, dataset):
    out = export_for_tools(dataset.root, folder / "tools")
    return {name: json.loads((out / f"{name}.json").read_text()) for name in ("instances", "polygons")}


@pytest.mark.parametrize("tool", TOOLS)
def test_labels_come_back_from_a_tool_pixel_by_pixel(photopea, tool):
    first = build(photopea, "first")
    file = write(photopea / "back.json", TOOLS[tool](exported_from(photopea, first)))
    report = take(photopea, file, annotator="ann", frames=frames_of(datasets=[first.root]))
    assert report.refused == {} and [one.scene_id for one in report.taken] == ["a", "b", "c"]
    second = build(photopea, "second", labels=str(photopea / "store"))
    for tile in first.tiles:
        np.testing.assert_array_equal(first.mask(tile), second.mask(tile), err_msg=tile.tile_id)
    shown = {tile_id for tile_id, pieces in first.annotations.items() if pieces}
    states = [read_json(one.path) for one in report.taken]
    assert shown and {name for one in states for name, about in one["tiles"].items() if about["reviewed"]} == shown
    assert not any(one["complete"] for one in states)


def test_that_all_tiles_were_gone_through_is_said_by_the_user(photopea):
    first = build(photopea, "first")
    file = write(photopea / "back.json", by_cvat(exported_from(photopea, first)))
    report = take(photopea, file, annotator="ann", complete=True, frames=frames_of(datasets=[first.root]))
    states = [read_json(one.path) for one in report.taken]
    assert all(about["reviewed"] and about["bounds"] for one in states for about in one["tiles"].values())
    assert sum(len(one["tiles"]) for one in states) == len(first.tiles)
    assert not any(one["complete"] for one in states), "tiles are not the whole scene"


NAMES = (
    "s_0.png",
    "images/s_0.png",
    "../up/1/0a1b2c3d-s_0.jpg",
    "C:\\tiles\\s_0.png",
    "/data/local-files/?d=x%2Fs_0.png",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_tile_is_known_by_its_name_whatever_stands_around_it(tmp_path, name):
    frames = frames_of(datasets=[dataset_of(tmp_path)])
    assert frames.tile_of(name.replace("s_0", only_tile(tmp_path))).tile_id == only_tile(tmp_path)
    assert frames.tile_of("other.png") is None


def dataset_of(folder, mask=None):
    mask = box_mask(slice(4, 9), slice(6, 12)) if mask is None else mask
    if not (folder / "data").exists():
        make_dataset_folder(folder / "data", {"s": [((0, 0), speckle(1), [(2, "s/1", mask)])]})
    return folder / "data"


def only_tile(folder):
    return open_dataset(dataset_of(folder)).tiles[0].tile_id


WRONG = {
    "another tile": ({"file_name": "t.png"}, "'t.png' is no tile of the data sets given"),
    "another size": ({"height": 64}, "is 64 x 32 pixels, tile"),
}


@pytest.mark.parametrize(("change", "says"), WRONG.values(), ids=WRONG.keys())
def test_images_that_are_no_tiles_are_refused(tmp_path, change, says):
    content = by_cvat(exported_from(tmp_path, open_dataset(dataset_of(tmp_path))))
    content["images"][0] |= change
    file = write(tmp_path / "back.json", content)
    refused = take(tmp_path, file, annotator="ann", frames=frames_of(datasets=[dataset_of(tmp_path)])).refused
    assert says in refused[str(file)]


def test_a_tile_that_two_people_drew_on_is_no_state_of_one(tmp_path):
    content = by_cvat(exported_from(tmp_path, open_dataset(dataset_of(tmp_path))))
    content["images"].append({**content["images"][0], "id": 99})
    file = write(tmp_path / "back.json", content)
    refused = take(tmp_path, file, annotator="ann", frames=frames_of(datasets=[dataset_of(tmp_path)])).refused
    assert "stands there twice; export what each annotator drew alone" in refused[str(file)]


def test_an_outline_without_area_is_left_out_and_told(tmp_path):
    """FiftyOne simplifies a mask of a pixel to a line."""
    content = by_cvat(exported_from(tmp_path, open_dataset(dataset_of(tmp_path))))
    content["annotations"].append({**content["annotations"][0], "segmentation": [[1, 1, 5, 5, 1, 1]]})
    file = write(tmp_path / "back.json", content)
    one = only(take(tmp_path, file, annotator="ann", frames=frames_of(datasets=[dataset_of(tmp_path)])))
    assert one.slicks == 1 and "annotation 2: its outline holds no area" in one.notes[0]


def test_polygons_cover_what_the_mask_does(tmp_path):
    mask = box_mask(slice(2, 20), slice(3, 25))
    mask[5:9, 6:11] = mask[12:13, 8:9] = False
    mask[20:24, 25:30] = True  # meets the rest at a corner
    rings = polygons_of_mask(mask)
    found = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(rings, *mask.shape))).astype(bool)
    np.testing.assert_array_equal(found, mask)
    assert len(polygons_of_mask(box_mask(slice(2, 9), slice(3, 9)))) == 1


def test_the_export_is_8_bit_png_and_leaves_what_is_there_alone(tmp_path):
    dataset = open_dataset(dataset_of(tmp_path))
    exported = exported_from(tmp_path, dataset)
    assert {*exported["instances"]["annotations"][0]} >= {"bbox", "segmentation", "slick_id"}
    assert "bbox" not in exported["polygons"]["annotations"][0], "Label Studio would make a label of it"
    (image,) = exported["instances"]["images"]
    with open_raster(str(tmp_path / "tools" / image["file_name"])) as picture:
        pixels = picture.read()
    seen = dataset.read(dataset.tiles[0])[0]
    assert pixels.dtype == np.uint8 and pixels.shape == (1, *seen.shape)
    assert (pixels[0] == 255).mean() == pytest.approx(0.02, abs=0.02)
    np.testing.assert_array_equal(
        np.argsort(seen.ravel(), kind="stable")[:50], np.argsort(pixels.ravel(), kind="stable")[:50]
    )
    with pytest.raises(DatasetError, match="is there already"):
        export_for_tools(dataset.root, tmp_path / "tools")
    with pytest.raises(DatasetError, match="has no band vh; give one of vv, infra_distance"):
        export_for_tools(dataset.root, tmp_path / "vh", "vh")
