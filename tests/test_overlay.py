"""Overlays: what is drawn where, in which colour, and a valid COG whatever the strips."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from context_help import mapping, native_grid, write_geojson, write_layer
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes_made import pixels, write_gcps, write_png

from ceruleanml.classes import load_classes
from ceruleanml.errors import ContextError, UsageError, WriteError
from ceruleanml.scenes import overlays
from ceruleanml.scenes.grid import Grid, make_grid
from ceruleanml.scenes.overlay_grid import overlay_grid
from ceruleanml.scenes.overlays import OverlayStyle, discs, overlay_strips, read_overlay, write_overlay
from ceruleanml.scenes.reading import open_scene

GEOD = pyproj.Geod(ellps="WGS84")
GRID = native_grid(100, (120, 160))
SCRIPT = Path(__file__).parents[1] / "data-processing" / "vectors_to_overlays.py"


def rgb(name):
    return tuple(int(name[at : at + 2], 16) for at in (1, 3, 5))


def square(row, col, size):
    """A square of whole pixels of GRID."""
    west, north = GRID.transform @ (col, row)
    east, south = GRID.transform @ (col + size, row + size)
    return shapely.box(west, south, east, north)


def write_features(path, *features):
    rows = [{"type": "Feature", "properties": about, "geometry": mapping(shape)} for shape, about in features]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    return str(path)


def drawn(path, grid=GRID, rows=512, **style):
    style = OverlayStyle(**style)
    return np.concatenate(
        [strip for _, strip in overlay_strips(read_overlay([path], grid, style), grid, style, rows)], 1
    )


def test_a_square_is_filled_with_an_opaque_edge_in_its_class_s_colour(tmp_path):
    path = write_features(tmp_path / "a.geojson", (square(20, 30, 10), {"class": "natural_seep"}))
    pixels_of = drawn(path, opacity=0.4)
    colour = rgb(load_classes()[2].display)
    assert tuple(pixels_of[:, 25, 35]) == (*colour, 102)
    assert tuple(pixels_of[:, 20, 30]) == (*colour, 255)
    assert (pixels_of[3, 21:29, 31:39] == 102).all()
    assert (pixels_of[:, :18] == 0).all()
    assert (pixels_of[:, :, 43:] == 0).all()


def test_without_a_class_the_given_colour_is_taken(tmp_path):
    shapes = [
        (square(20, 30, 10), {}),
        (square(40, 30, 10), {"class": None}),
        (square(60, 30, 10), {"class": "ambiguous"}),
    ]
    pixels_of = drawn(write_features(tmp_path / "a.geojson", *shapes), colour="#010203")
    assert [tuple(pixels_of[:3, row, 35]) for row in (25, 45)] == [(1, 2, 3)] * 2
    assert tuple(pixels_of[:3, 65, 35]) == rgb(load_classes()[6].display)


@settings(max_examples=20)
@given(row=st.floats(30, 90), col=st.floats(30, 130), radius_m=st.floats(150, 2_500))
def test_a_point_is_a_disc_of_its_radius_in_metres(tmp_path_factory, row, col, radius_m):
    lon, lat = GRID.transform @ (col, row)
    path = write_features(tmp_path_factory.mktemp("o") / "a.geojson", (shapely.Point(lon, lat), {}))
    shown = drawn(path, radius_m=radius_m)[3] > 0
    longitudes, latitudes = np.meshgrid(GRID.longitudes, GRID.latitudes(0, 120))
    metres = GEOD.inv(np.full(shown.size, lon), np.full(shown.size, lat), longitudes.ravel(), latitudes.ravel())[2]
    metres = metres.reshape(shown.shape)
    assert shown[metres < 0.99 * radius_m].all()
    assert not shown[metres > max(1.01 * radius_m, 75)].any()


def test_a_disc_smaller_than_a_pixel_is_still_drawn(tmp_path):
    lon, lat = GRID.transform @ (40.1, 50.9)
    assert np.argwhere(
        drawn(write_features(tmp_path / "a.geojson", (shapely.Point(lon, lat), {})), radius_m=1)[3]
    ).tolist() == [[50, 40]]


def test_discs_have_the_area_of_a_circle_at_every_latitude():
    for latitude in (0.0, 45.0, 80.0):
        (disc,) = discs(np.array([[179.9, latitude]]), 1_000)
        assert abs(GEOD.geometry_area_perimeter(disc)[0]) == pytest.approx(np.pi * 1_000**2, rel=2e-3)
        assert disc.bounds[2] - disc.bounds[0] < 1


def test_points_lie_on_lines_and_lines_on_polygons(tmp_path):
    line = shapely.LineString([GRID.transform @ (20.5, 45.5), GRID.transform @ (60.5, 45.5)])
    point = shapely.Point(*(GRID.transform @ (40.5, 45.5)))
    shapes = [
        (point, {"class": "infra_slick"}),
        (line, {"class": "old_vessel"}),
        (square(30, 30, 30), {"class": "ambiguous"}),
    ]
    pixels_of = drawn(write_features(tmp_path / "a.geojson", *shapes), radius_m=250)
    of = {
        name: rgb(load_classes()[load_classes().id_of(name)].display)
        for name in ("infra_slick", "old_vessel", "ambiguous")
    }
    assert [tuple(pixels_of[:3, 45, col]) for col in (22, 40, 50)] == [
        of["old_vessel"],
        of["infra_slick"],
        of["old_vessel"],
    ]
    assert tuple(pixels_of[:3, 35, 50]) == of["ambiguous"]


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_the_pixels_do_not_depend_on_the_strips(tmp_path, rows):
    hole = shapely.Polygon(square(10, 10, 50).exterior, [square(25, 25, 10).exterior.coords])
    slanted = shapely.affinity.rotate(square(60, 70, 40), 33)
    shapes = [(hole, {"class": "ambiguous"}), (slanted, {}), (shapely.Point(*(GRID.transform @ (50, 64))), {})]
    path = write_features(tmp_path / "a.geojson", *shapes)
    assert np.array_equal(drawn(path, rows=rows), drawn(path))


def test_other_forms_and_projections_are_read(tmp_path):
    geojson = drawn(write_features(tmp_path / "a.geojson", (square(20, 30, 10), {})))
    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32640", always_xy=True)
    moved = shapely.transform(
        square(20, 30, 10).segmentize(0.001), lambda xy: np.stack(to_utm.transform(*xy.T), axis=1)
    )
    write_layer(tmp_path / "b.gpkg", [moved], crs="EPSG:32640")
    layer = drawn(str(tmp_path / "b.gpkg"))
    assert np.count_nonzero(geojson[3] != layer[3]) <= 44  # an edge that falls on pixels' corners


def test_the_file_is_a_valid_cog_with_alpha(tmp_path):
    grid = native_grid(100, (700, 1100))
    style = OverlayStyle(radius_m=4_000)
    path = write_features(tmp_path / "a.geojson", (shapely.Point(*(grid.transform @ (500, 300))), {}))
    share = write_overlay(read_overlay([path], grid, style), grid, style, tmp_path / "out" / "scene.tif")
    with rasterio.open(tmp_path / "out" / "scene.tif") as file:
        assert (file.shape, file.count, file.crs, file.transform) == ((700, 1100), 4, "EPSG:4326", grid.transform)
        assert file.colorinterp[3] == rasterio.enums.ColorInterp.alpha
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1)
        alpha = file.read(4)
    assert share == np.count_nonzero(alpha) / alpha.size
    assert share == pytest.approx(np.pi * 40**2 / alpha.size, rel=0.01)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["scene.tif"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    style, out = OverlayStyle(), tmp_path / "scene.tif"
    nothing = overlays.Drawn([], [], [])
    write_overlay(nothing, GRID, style, out)
    before = out.read_bytes()

    def full(plain, target, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(overlays, "as_cog", full)
    with pytest.raises(WriteError, match="No space left"):
        write_overlay(nothing, GRID, style, out)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["scene.tif"]


@pytest.mark.parametrize(
    ("style", "message"),
    [({"colour": "red"}, "colour 'red'"), ({"radius_m": 0}, "radius 0"), ({"opacity": 2}, "opacity 2")],
)
def test_styles_that_cannot_be_are_refused(style, message):
    with pytest.raises(UsageError, match=message):
        OverlayStyle(**style)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    strange = write_features(tmp_path / "a.geojson", (square(1, 1, 1), {"class": "spill"}))
    with pytest.raises(ContextError, match="class 'spill' is not in the class table"):
        read_overlay([strange], GRID, OverlayStyle())
    with pytest.raises(ContextError, match="no such file"):
        read_overlay([str(tmp_path / "no.geojson")], GRID, OverlayStyle())
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(ContextError, match="cannot be read as vector data"):
        read_overlay([str(tmp_path / "x.txt")], GRID, OverlayStyle())
    with pytest.raises(ContextError, match="without georeference"):
        write_overlay(
            overlays.Drawn([], [], []), Grid("image", GRID.transform, (4, 4), None), OverlayStyle(), tmp_path / "o.tif"
        )


def test_the_grid_is_a_prepared_scene_s_own_or_the_one_asked_for(tmp_path):
    with rasterio.open(
        tmp_path / "p.tif", "w", driver="GTiff", dtype="uint8", count=1, height=120, width=160, crs="EPSG:4326",
        transform=GRID.transform,
    ) as file:  # fmt: skip
        file.write(np.ones((1, 120, 160), np.uint8))
    scene = open_scene(str(tmp_path / "p.tif"))
    assert (overlay_grid(scene).transform, overlay_grid(scene).height_width) == (GRID.transform, (120, 160))
    assert overlay_grid(scene, resolution_m=300) == make_grid(scene, "native", 300)
    assert overlay_grid(scene, "serving") == make_grid(scene, "serving")
    with pytest.raises(ContextError, match="has no georeference"):
        overlay_grid(open_scene(str(write_png(tmp_path / "q.png", pixels(1)))))


def test_real_vectors_are_drawn(shared_data):
    grid = native_grid(1_000, (450, 1_100), west=56, north=26)
    style = OverlayStyle(radius_m=3_000)
    found = read_overlay([str(shared_data / "gulf-of-oman" / "infra_locations_clip.geojson")], grid, style)
    assert len(found) == 35
    shown = np.concatenate([strip[3] for _, strip in overlay_strips(found, grid, style)])
    assert 0 < np.count_nonzero(shown) < 35 * 40


def test_the_script_draws_on_each_scene(tmp_path):
    write_png(tmp_path / "in" / "a.png", pixels(1))
    write_gcps(tmp_path / "gcps" / "a.json")
    vectors = write_geojson(tmp_path / "v.geojson", mapping(shapely.Point(10.04, 39.97)))
    command = [sys.executable, SCRIPT, vectors, "--scene", tmp_path / "in", "--out", tmp_path / "out"]
    done = subprocess.run(
        [*command, "--georeference", f"{tmp_path}/gcps/{{scene_id}}.json"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "a.tif: 1 shapes on" in done.stdout
    assert rasterio.open(tmp_path / "out" / "a.tif").read(4).any()
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "has no georeference" in refused.stderr
