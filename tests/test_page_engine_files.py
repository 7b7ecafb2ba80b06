"""What the page's engine writes is what the package reads, and the other way round: pixel by pixel."""

import base64
import io
import json

import numpy as np
import pytest
import shapely
from affine import Affine
from page_engine_bridge import TRANSFORM, ask, given, random_ids
from PIL import Image
from pycocotools import mask as coco_mask

from ceruleanml.classes import load_classes
from ceruleanml.inference.polygons import geodesic_area_m2
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_geojson, read_label_file, write_geojson
from ceruleanml.labels.instances import GroundShape
from ceruleanml.labels.layers import read_layer
from ceruleanml.scenes.grid import SERVING_DEGREES_PER_PX, Grid

SERVING = SERVING_DEGREES_PER_PX
SIZES = [(40, 61), (300, 270), (1, 9), (257, 2)]


def grid_of(ids, transform=TRANSFORM):
    return Grid("native", Affine(*transform), ids.shape)


def burnt(shapes, grid):
    """Ids 1.. of shapes in their order, burnt on a grid."""
    ids = np.zeros(grid.height_width, np.uint16)
    for number, shape in enumerate(shapes, start=1):
        found = burn(shape, grid, None)
        if found is not None:
            window = found.window
            part = ids[window.row : window.row + window.height, window.col : window.col + window.width]
            part[found.mask & (part == 0)] = number
    return ids


def renumbered(ids):
    """Ids as 1.. in their order, as the bridge numbers them."""
    return np.searchsorted(np.unique(np.append(ids, 0)), ids)


@pytest.mark.parametrize("size", SIZES)
def test_rle_is_that_of_pycocotools(size):
    masks = [np.asfortranarray(random_ids(seed, *size) == 1, dtype=np.uint8) for seed in range(3)]
    masks += [np.asfortranarray(np.zeros(size, np.uint8)), np.asfortranarray(np.ones(size, np.uint8))]
    theirs = [coco_mask.encode(mask) for mask in masks]
    ours = ask(*(("encode", given(mask)) for mask in masks))
    assert [one["counts"] for one in ours] == [one["counts"].decode() for one in theirs]
    plain = [{"size": list(size), "counts": one["counts"].decode()} for one in theirs]
    for mask, back in zip(masks, ask(*(("decode", {"rle": one}) for one in plain)), strict=True):
        whole = np.zeros(size, np.uint8)
        if back is not None:
            rows, cols = (slice(back[a], back[a] + back[b]) for a, b in (("row", "height"), ("col", "width")))
            whole[rows, cols] = np.reshape(back["data"], (back["height"], back["width"]))
        assert (whole == mask).all()


@pytest.mark.parametrize(
    "transform",
    [
        TRANSFORM,
        [9e-5, 0, 170.0123456, 0, -8.99e-5, -33.0123456],
        [360 / 2**19, 0, -76.640625, 0, -360 / 2**19, 36.9140625],
    ],
    ids=["200 m", "10 m", "serving"],
)
def test_exported_labels_burn_to_the_same_pixels(tmp_path, transform):
    ids = random_ids(5, 300, 270)
    (collection,) = ask(("exported", given(ids, transform=transform)))
    path = tmp_path / "scene-1.geojson"
    path.write_text(json.dumps(collection))
    classes = load_classes()
    read = read_label_file(path, classes, "scene-1")
    assert (read.complete, read.notes) == (True, ())  # no polygon needed a repair
    assert [shape.slick_id for shape in read.shapes] == [f"scene-1/ann/{n}" for n in range(1, 6)]
    assert [shape.class_id for shape in read.shapes] == [1, 2, 3, 4, 5]
    assert (burnt(read.shapes, grid_of(ids, transform)) == renumbered(ids)).all()
    rounded = tmp_path / "rounded.geojson"
    write_geojson(rounded, read.shapes, classes, "scene-1")
    again = read_geojson(rounded, classes, "scene-1")
    assert (burnt(again, grid_of(ids, transform)) == renumbered(ids)).all()


def test_exported_outlines_run_as_the_standard_says():
    (collection,) = ask(("exported", given(random_ids(6, 60, 70))))
    polygons = [shapely.geometry.shape(feature["geometry"]) for feature in collection["features"]]
    assert all(polygon.is_valid for polygon in polygons)
    parts = [part for polygon in polygons for part in polygon.geoms]
    assert all(part.exterior.is_ccw for part in parts)
    holes = [hole for part in parts for hole in part.interiors]
    assert holes
    assert not any(hole.is_ccw for hole in holes)


def test_drawn_shapes_are_burnt_as_make_dataset_burns_them(tmp_path):
    random = np.random.default_rng(3)
    shapes = []
    for number in range(12):
        centre = np.array([-76.2 + 0.0022 * random.uniform(5, 75), 36.8 - 0.0018 * random.uniform(5, 55)])
        cloud = shapely.MultiPoint(centre + random.normal(0, 0.02, (9, 2)))
        blob = shapely.concave_hull(cloud, 0.4).difference(shapely.Point(centre).buffer(0.007))
        polygons = [part for part in shapely.get_parts(blob) if part.geom_type == "Polygon"]
        shapes.append(GroundShape(f"scene-1/b/{number}", 1 + number % 6, shapely.MultiPolygon(polygons), "x", {}))
    path = tmp_path / "drawn.geojson"
    write_geojson(path, shapes, load_classes(), "scene-1")
    ids = np.zeros((60, 80), np.uint16)
    read = read_geojson(path, load_classes(), "scene-1")
    (back,) = ask(("imported", {**given(ids), "collection": json.loads(path.read_text())}))
    wanted = burnt(read, grid_of(ids))
    assert (renumbered(np.reshape(back["ids"], ids.shape)) == renumbered(wanted)).all()
    overlaps = sum((burnt([shape], grid_of(ids)) > 0).sum() for shape in read) - (wanted > 0).sum()
    assert overlaps > 0
    assert any("gave up" in note for note in back["notes"])


def test_a_sliver_between_pixel_centres_is_kept_as_make_dataset_keeps_it(tmp_path):
    west, north = -76.2 + 0.0022 * 10.6, 36.8 - 0.0018 * 20.6
    sliver = shapely.box(west, north - 0.0018 * 9, west + 0.0022 * 0.3, north)
    shape = GroundShape("scene-1/b/1", 1, shapely.MultiPolygon([sliver]), "x", {})
    path = tmp_path / "thin.geojson"
    write_geojson(path, [shape], load_classes(), "scene-1")
    ids = np.zeros((60, 80), np.uint16)
    (back,) = ask(("imported", {**given(ids), "collection": json.loads(path.read_text())}))
    wanted = burnt(read_geojson(path, load_classes(), "scene-1"), grid_of(ids))
    assert wanted.sum() == 10
    assert (np.reshape(back["ids"], ids.shape) == wanted).all()


def test_coco_is_read_by_pycocotools():
    ids = random_ids(7, 120, 90)
    (coco,) = ask(("coco", given(ids)))
    for number, annotation in enumerate(coco["annotations"], start=1):
        mask = renumbered(ids) == number
        assert (coco_mask.decode(annotation["segmentation"]).astype(bool) == mask).all()
        assert annotation["area"] == mask.sum() == coco_mask.area(annotation["segmentation"])
        assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
        assert annotation["iscrowd"] == 0


def test_layers_are_read_as_photopea_layers(tmp_path):
    ids = random_ids(8, 50, 70)
    (layers,) = ask(("layers", given(ids)))
    for number, (name, content) in enumerate(layers, start=1):
        path = tmp_path / name
        path.write_bytes(base64.b64decode(content))
        layer = read_layer(path, ids.shape, load_classes(), "scene-1")
        whole = np.zeros(ids.shape, bool)
        height, width = layer.mask.shape
        whole[layer.row : layer.row + height, layer.col : layer.col + width] = layer.mask
        assert (whole == (renumbered(ids) == number)).all()
        assert layer.class_id == 1 + (number - 1) % 6


@pytest.mark.parametrize("mode", ["L", "I;16", "RGBA", "P", "LA", "RGB", "1"])
def test_pictures_of_other_programs_are_decoded(mode):
    random = np.random.default_rng(1)
    if mode == "I;16":
        samples = random.integers(0, 65536, (31, 45), dtype=np.uint16)
        picture = Image.fromarray(samples)
    else:
        picture = Image.fromarray(random.integers(0, 256, (31, 45, 4), dtype=np.uint8), "RGBA").convert(mode)
        samples = np.asarray(
            picture.convert("RGBA") if mode == "P" else picture.convert("L") if mode == "1" else picture
        )
    written = io.BytesIO()
    picture.save(written, "png", optimize=True)
    (back,) = ask(("png", {"bytes": base64.b64encode(written.getvalue()).decode()}))
    assert np.array_equal(np.reshape(back["data"], samples.shape), samples)
    assert back["bits"] == (16 if mode == "I;16" else 8)


def test_area_is_that_of_the_ellipsoid():
    ids = random_ids(9, 80, 90)
    measures, collection = ask(("measured", given(ids)), ("exported", given(ids)))
    for measure, feature in zip(measures, collection["features"], strict=True):
        polygon = shapely.geometry.shape(feature["geometry"])
        assert measure["areaKm2"] == pytest.approx(geodesic_area_m2(polygon) / 1e6, rel=1e-6)


def test_length_runs_along_the_slick_from_end_to_end():
    from pyproj import Geod
    from rasterio.features import rasterize

    bent = [(10, 70), (60, 20), (110, 70), (110, 140)]
    line = shapely.LineString(bent).buffer(2)
    ids = rasterize([(line, 1)], out_shape=(160, 140), dtype="uint8").astype(np.uint16)
    (measures,) = ask(("measured", given(ids)))
    lons, lats = zip(*(Affine(*TRANSFORM) @ point for point in bent), strict=True)
    along = Geod(ellps="WGS84").line_length(lons, lats) / 1e3
    assert measures[0]["lengthKm"] == pytest.approx(along, rel=0.05)
