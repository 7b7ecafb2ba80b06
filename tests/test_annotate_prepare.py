"""A prepared page: whole or absent, the same bytes however it was made, and honest about what failed."""

import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from annotate_made import make_page, queue_of, save
from PIL import Image
from scenes_made import pixels, write_png, write_tiff

from ceruleanml.annotation.options import OverlaySpec, PageOptions, parse_overlay
from ceruleanml.annotation.page_files import classes_script, page_parts, page_source
from ceruleanml.annotation.page_server import open_page
from ceruleanml.annotation.prepare import prepare_page
from ceruleanml.classes import load_classes
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import UsageError

ROOT = Path(__file__).parents[1]


def scene_of(page, key="s000"):
    return json.loads((page / "data" / "scenes" / key / "scene.json").read_text())


def image_of(page, key="s000", level=0):
    """The image of a level, joined from its tiles; scenes here have one tile a level."""
    return np.asarray(Image.open(page / "data" / "scenes" / key / str(level) / "0_0.png"))


# ---- what is in it


def test_the_committed_class_table_is_the_package_s():
    committed = (ROOT / "data-processing" / "public" / "classes.js").read_text()
    assert committed == classes_script(load_classes()), "write it anew: see docs/annotation.md, For developers"


def test_a_page_holds_the_page_s_files_and_its_own_classes(tmp_path):
    table = tmp_path / "mine.toml"
    table.write_text('[[class]]\nname="background"\nphotopea=[0,0,0]\n[[class]]\nname="slick"\nphotopea=[1,2,3]\n')
    page = make_page(tmp_path, classes=load_classes(table))
    for part in page_parts(page_source()):
        assert (page / part).read_bytes() == (page_source() / part).read_bytes()
    assert (page / "classes.js").read_text() == classes_script(load_classes(table))
    assert open_page(page, tmp_path / "labels", load_classes(table)).frames.keys() == {"a", "b"}


def test_scene_json_says_where_the_pixels_lie(tmp_path):
    page = make_page(tmp_path, title="Two </script> scenes")
    about = scene_of(page)
    expected = {
        "format_version": 1, "scene_id": "a", "tile_px": 512, "bits": 8, "nodata": 0, "unit": "8-bit backscatter",
        "crs": "EPSG:4326", "sensing_time": None, "source": "a.tif", "overlays": [], "prelabels": False,
        "labels": False, "model": None,
    }  # fmt: skip
    assert {name: about[name] for name in expected} == expected
    assert about["levels"][0]["height_width"] == about["height_width"] == list(image_of(page).shape)
    west, east = about["transform"][2], about["transform"][2] + about["transform"][0] * about["height_width"][1]
    assert (west, east) == (pytest.approx(10.0), pytest.approx(10.09, abs=0.0015))
    assert about["transform"][1] == about["transform"][3] == 0
    assert queue_of(page)["title"] == "Two </script> scenes"
    assert queue_of(page)["items"][1] == {
        "id": "b", "tile_id": None, "scene_id": "b", "scene": "s001", "window": None, "order": 2, "score": None,
        "reason": "whole scene, in the order given", "blind": False,
    }  # fmt: skip


def test_sixteen_bits_come_from_wide_sources(tmp_path):
    image = np.random.default_rng(0).integers(1, 3000, (600, 700), dtype=np.uint16)
    write_tiff(tmp_path / "in" / "s.tif", image)
    prepare_page([str(tmp_path / "in")], tmp_path / "wide")
    prepare_page([str(tmp_path / "in")], tmp_path / "narrow", PageOptions(bits=8))
    wide, narrow = scene_of(tmp_path / "wide"), scene_of(tmp_path / "narrow")
    assert (wide["bits"], wide["unit"], narrow["bits"]) == (16, "DN", 8)
    assert len(wide["levels"]) == 2
    assert 10 < wide["stretch"][0] < 20 < 2970 < wide["stretch"][1] < 3000
    tiles = {name: Image.open(tmp_path / name / "data/scenes/s000/0/0_0.png") for name in ("wide", "narrow")}
    assert np.array_equal(np.minimum(np.asarray(tiles["wide"]), 255), np.asarray(tiles["narrow"]))


def test_a_plain_image_keeps_its_pixels(tmp_path):
    write_png(tmp_path / "in" / "s.png", pixels())
    prepare_page([str(tmp_path / "in")], tmp_path / "page")
    about = scene_of(tmp_path / "page")
    assert (about["crs"], about["transform"], about["nodata"]) == (None, None, None)
    assert np.array_equal(image_of(tmp_path / "page"), pixels())


@pytest.mark.parametrize("grid", [{"resolution_m": 150.0}, {"grid": "serving"}, {}])
def test_the_page_shows_the_pixels_of_the_data_set(tmp_path, grid):
    """Whether the grid is asked for, taken from the data set, or a prepared scene's own."""
    write_tiff(tmp_path / "in" / "s.tif", pixels(5, (300, 400)))
    make_dataset([str(tmp_path / "in")], tmp_path / "set", BuildOptions(keep_scenes=True, **grid))
    record = json.loads((tmp_path / "set" / "dataset.json").read_text())["scenes"]["s"]["grid"]
    pages = {
        "asked": prepare_page([str(tmp_path / "in")], tmp_path / "asked", PageOptions(**grid)),
        "of the set": prepare_page(
            [str(tmp_path / "in")], tmp_path / "set page", PageOptions(dataset=tmp_path / "set")
        ),
        "prepared": prepare_page([str(tmp_path / "set" / "scenes")], tmp_path / "own"),
    }
    import rasterio

    with rasterio.open(tmp_path / "set" / "scenes" / "s.tif") as file:
        expected = file.read(1)
    for report in pages.values():
        about = scene_of(report.out)
        assert (about["transform"], about["height_width"]) == (record["transform"], record["height_width"])
        rows, cols = (-(-length // 512) for length in expected.shape)
        folder = report.out / "data" / "scenes" / "s000" / "0"
        tiles = [[np.asarray(Image.open(folder / f"{row}_{col}.png")) for col in range(cols)] for row in range(rows)]
        assert np.array_equal(np.block(tiles), expected)


def test_overlays_lie_on_the_scene(tmp_path):
    ring = [[10.01, 39.99], [10.5, 39.99], [10.5, 39.98], [10.01, 39.98], [10.01, 39.99]]
    shapes = [("Polygon", [ring]), ("Point", [10.03, 39.97]), ("Point", [11.0, 39.97])]
    (tmp_path / "b.geojson").write_text(json.dumps({
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"class": f"<b>{kind}", "note": 1},
                      "geometry": {"type": kind, "coordinates": at}} for kind, at in shapes],
    }))  # fmt: skip
    metres = np.linspace(0, 60_000, 60 * 90, dtype=np.float32).reshape(60, 90)
    place = {"crs": "EPSG:4326", "transform": Affine(0.001, 0, 10, 0, -0.001, 40), "with_gcps": False}
    write_tiff(tmp_path / "a.tif", metres, nodata=-1, **place)
    overlays = (
        OverlaySpec("platforms", f"{tmp_path}/b.geojson"),
        OverlaySpec("distance", f"{tmp_path}/{{scene_id}}.tif"),
    )
    page = make_page(tmp_path, scenes=("a",), overlays=overlays)
    first, second = scene_of(page)["overlays"]
    assert (first["name"], first["kind"], first["title"]) == ("platforms", "vector", "Platforms")
    assert (second["kind"], second["stretch"]) == ("raster", pytest.approx([0, 60_000], abs=20))
    folder = page / "data" / "scenes" / "s000" / "overlays"
    polygon, point = json.loads((folder / "platforms.geojson").read_text())["features"]
    assert max(x for x, _ in polygon["geometry"]["coordinates"][0]) == pytest.approx(10.09, abs=0.0015)
    assert (point["properties"], point["geometry"]["type"]) == ({"class": "<b>Point"}, "Point")
    layer = np.asarray(Image.open(folder / "distance" / "0" / "0_0.png"))
    assert layer.shape == image_of(page).shape
    assert (layer[0, 0], layer[-2, -2]) == (1, pytest.approx(255, abs=6))


@pytest.mark.parametrize(
    ("text", "error"),
    [("a", "is no overlay"), ("=b", "is no overlay"), ("A b=c", "is no overlay"), ("../x=c", "is no overlay")],
)
def test_an_overlay_needs_a_plain_name(text, error):
    with pytest.raises(UsageError, match=error):
        parse_overlay(text)


def test_what_the_store_holds_comes_with_the_scene(tmp_path):
    from datetime import UTC, datetime

    from ceruleanml.labels.store import append

    append(tmp_path / "labels", "a", save(), "ann", datetime(2024, 5, 1, tzinfo=UTC))
    page = make_page(tmp_path, store=tmp_path / "labels")
    assert (scene_of(page)["labels"], scene_of(page, "s001")["labels"]) == (True, False)
    state = json.loads((page / "data" / "scenes" / "s000" / "labels.geojson").read_text())
    assert state["based_on"] == ["20240501T000000Z_ann.geojson"]
    assert len(state["features"]) == 1
