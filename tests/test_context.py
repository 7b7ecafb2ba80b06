"""Context channels against geodesics, and everything that can be wrong with their files."""

import zipfile

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from context_help import (
    SMALL,
    at_centres,
    channel,
    from_bounds,
    geodesic_to_points,
    mapping,
    native_grid,
    some_pixels,
    whole,
    worst,
    write_geojson,
    write_raster,
)
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import ContextError, UsageError
from ceruleanml.scenes.context import ContextSpec, parse_context
from ceruleanml.scenes.grid import Grid

# What the command line may say


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("zeros", ContextSpec("zeros")),
        ("full", ContextSpec("full")),
        ("infra_distance=a.geojson", ContextSpec("infra_distance", "a.geojson")),
        ("infra_distance=gs://b/{scene_id}.gpkg", ContextSpec("infra_distance", "gs://b/{scene_id}.gpkg")),
        ("ship_density=a.tif@-1,2,3.5,4", ContextSpec("ship_density", "a.tif", (-1.0, 2.0, 3.5, 4.0))),
        ("ship_density=me@home/a.tif", ContextSpec("ship_density", "me@home/a.tif")),
        ("ship_density=a@b.tif@0,0,1,1", ContextSpec("ship_density", "a@b.tif", (0.0, 0.0, 1.0, 1.0))),
    ],
)
def test_the_command_line_form_is_read(text, spec):
    assert parse_context(text) == spec


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("distance=a.tif", "is not known; write infra_distance=PATH"),
        ("infra_distance", "names no file; write infra_distance=PATH"),
        ("ship_density=", "names no file; write ship_density=PATH"),
        ("ship_density=@0,0,1,1", "names no file"),
        ("zeros=a.tif", "write zeros alone"),
        ("ship_density=a.tif@0,0,1", "four numbers in degrees: @WEST,SOUTH,EAST,NORTH"),
        ("ship_density=a.tif@w,s,e,n", "four numbers in degrees"),
        ("ship_density=a.tif@0,1,nan,2", "must be finite"),
        ("ship_density=a.tif@0,2,1,1", "south before north"),
        ("ship_density=a.tif@3,0,1,1", "west before east"),
        ("ship_density=a.tif@0,0,1,91", "must be degrees"),
        ("infra_distance={id}.tif", "only {scene_id} may stand in braces"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(text, part):
    with pytest.raises(UsageError) as error:
        parse_context(text)
    assert part in str(error.value)
    assert text in str(error.value)


# Constants


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("full", 255)])
def test_constants_need_no_georeference(name, value):
    band = channel(name, Grid("image", Affine.identity(), (5, 7), crs=None))
    assert (band.name, band.inputs) == (name, ())
    assert band.rows(1, 4).dtype == np.uint8
    assert np.array_equal(band.rows(1, 4), np.full((3, 7), value))


def test_an_image_without_georeference_has_no_distances(tmp_path):
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.Point(56, 26)))
    with pytest.raises(ContextError, match=r"a\.geojson: infra_distance cannot .* scene.*take zeros or full"):
        channel(f"infra_distance={path}", Grid("image", Affine.identity(), (5, 7), crs=None))


# Distance and density from rasters


def test_a_density_raster_is_bilinear_and_clipped(tmp_path):
    # 1 raster pixel = 4 grid pixels; 20 is 51 of 255, 100 and more are 255
    path = write_raster(tmp_path / "a.tif", np.float32([[0, 20, 400]]), from_bounds(0, 0, 3, 1, 3, 1))
    grid = Grid("native", Affine(0.25, 0, 0, 0, -0.25, 1), (4, 12))
    expected = [0, 0, 6.4, 19.1, 31.9, 44.6, 172.1, 255, 255, 255, 255, 255]
    assert np.array_equal(whole(f"ship_density={path}", grid), np.tile(np.rint(expected), (4, 1)))


def test_ground_that_the_raster_does_not_cover(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.full((2, 2), 40, dtype=np.float32), from_bounds(1, 1, 3, 3, 2, 2))
    grid = Grid("native", Affine(1, 0, 0, 0, -1, 4), (4, 4))
    density = np.zeros((4, 4))
    density[1:3, 1:3] = 102
    assert np.array_equal(whole(f"ship_density={path}", grid), density)
    distance = np.full((4, 4), 255)
    distance[1:3, 1:3] = 0
    assert np.array_equal(whole(f"infra_distance={path}", grid), distance)
    far = Grid("native", Affine(1, 0, 20, 0, -1, 40), (4, 4))
    assert (whole(f"infra_distance={path}", far) == 255).all()
    assert (whole(f"ship_density={path}", far) == 0).all()


@pytest.mark.parametrize("unknown", [-9999.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("declared", [True, False])
def test_pixels_without_a_value_count_as_uncovered(tmp_path, unknown, declared):
    values = np.float32([[60_000, unknown], [0, 30_000]])
    nodata = {"nodata": unknown} if declared else {}
    path = write_raster(tmp_path / "a.tif", values, from_bounds(0, 0, 2, 2, 2, 2), **nodata)
    grid = Grid("native", Affine(1, 0, 0, 0, -1, 2), (2, 2))
    assert np.array_equal(whole(f"infra_distance={path}", grid), [[255, 255], [0, 128]])
    assert np.array_equal(whole(f"ship_density={path}", grid), [[255, 0], [0, 255]])


def test_integer_rasters_and_their_nodata(tmp_path):
    values = np.uint8([[0, 50], [100, 255]])
    path = write_raster(tmp_path / "a.tif", values, from_bounds(0, 0, 2, 2, 2, 2), nodata=255)
    grid = Grid("native", Affine(1, 0, 0, 0, -1, 2), (2, 2))
    assert np.array_equal(whole(f"ship_density={path}", grid), [[0, 128], [255, 0]])


def test_bounds_say_where_a_raster_lies(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.float32([[10, 20], [30, 40]]), crs=None)
    grid = Grid("native", Affine(1, 0, 5, 0, -1, 9), (2, 2))
    assert np.array_equal(
        whole(f"ship_density={path}@5,7,7,9", grid), np.rint([[25.5, 51], [76.5, 102]]) + [[0, 0], [1, 0]]
    )


def test_rasters_of_longitudes_up_to_360(tmp_path):
    path = write_raster(tmp_path / "a.tif", np.float32([[10, 20]]), from_bounds(270, 0, 272, 1, 2, 1))
    grid = Grid("native", Affine(1, 0, -90, 0, -1, 1), (1, 2))
    assert np.array_equal(whole(f"ship_density={path}", grid), [[26, 51]])


@pytest.mark.parametrize("kind", ["projected", "rotated", "south up"])
def test_rasters_on_other_lattices(tmp_path, kind):
    """A plane in longitude and latitude, written on another lattice, comes back as that plane."""
    grid = native_grid(100, (150, 200))
    lattice, crs = {
        "projected": (Affine(500, 0, 395_000, 0, -500, 2_880_000), "EPSG:32640"),
        "rotated": (Affine(0.0047, 0.0017, 55.9, 0.0017, -0.0047, 26.0), "EPSG:4326"),
        "south up": (Affine(0.005, 0, 55.9, 0, 0.005, 25.7), "EPSG:4326"),
    }[kind]
    rows, cols = np.mgrid[:100, :120]
    x, y = at_centres(lattice, rows, cols)
    lon, lat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    path = write_raster(
        tmp_path / "a.tif", (200 * (lon - 55.8) + 100 * (26.2 - lat)).astype(np.float32), lattice, crs=crs
    )
    band = channel(f"ship_density={path}", grid)
    pixels = band.rows(0, 150)
    plane = 200 * (grid.longitudes[None, :] - 55.8) + 100 * (26.2 - grid.latitudes(0, 150)[:, None])
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(
        *np.meshgrid(grid.longitudes, grid.latitudes(0, 150))
    )
    inverse = ~lattice
    col, row = inverse.a * x + inverse.b * y + inverse.c, inverse.d * x + inverse.e * y + inverse.f
    covered = (row > 0.5) & (row < 99.5) & (col > 0.5) & (col < 119.5)
    assert covered.mean() > 0.3
    assert np.abs(pixels - np.minimum(plane * 2.55, 255))[covered].max() < 0.6
    assert (pixels[(row < -0.01) | (row > 100.01)] == 0).all()
    assert np.array_equal(np.concatenate([band.rows(0, 37), band.rows(37, 131), band.rows(131, 150)]), pixels)


def test_a_large_raster_is_read_in_strips(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 120, (50, 60)).astype(np.float32)
    path = write_raster(tmp_path / "a.tif", values, from_bounds(55.9, 25.7, 56.4, 26.1, 60, 50))
    grid = native_grid(100)
    held = whole(f"ship_density={path}", grid)
    monkeypatch.setattr("ceruleanml.scenes.context_rasters.HELD_PIXELS", 0)
    band = channel(f"ship_density={path}", grid)
    assert np.array_equal(np.concatenate([band.rows(0, 3), band.rows(3, 201), band.rows(201, 300)]), held)


# However the rows are cut


@SMALL
@given(cuts=st.lists(st.integers(0, 300), max_size=4), kind=st.sampled_from(["points", "raster", "constant"]))
def test_strips_do_not_show(tmp_path, cuts, kind):
    grid = native_grid(76)
    points = write_geojson(tmp_path / "a.geojson", mapping(shapely.MultiPoint([(56.1, 25.9), (56.3, 25.7)])))
    values = np.random.default_rng(1).uniform(0, 200, (40, 50)).astype(np.float32)
    raster = write_raster(tmp_path / "a.tif", values, from_bounds(55.9, 25.7, 56.4, 26.05, 50, 40))
    text = {"points": f"infra_distance={points}", "raster": f"ship_density={raster}", "constant": "full"}[kind]
    band = channel(text, grid)
    edges = [0, *sorted(cuts), 300]
    strips = [band.rows(start, stop) for start, stop in zip(edges[:-1], edges[1:], strict=True)]
    assert np.array_equal(np.concatenate(strips), band.rows(0, 300))


# Zips


def zipped(tmp_path, *members):
    raster = write_raster(tmp_path / "in.tif", np.float32([[10, 20]]), from_bounds(0, 0, 2, 1, 2, 1))
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, raster.read_bytes())
    return path


def test_the_one_raster_in_a_zip_is_read(tmp_path):
    path = zipped(tmp_path, "folder/density.tif", "readme.txt")
    band = channel(f"ship_density={path}", Grid("native", Affine(1, 0, 0, 0, -1, 1), (1, 2)))
    assert band.inputs == (str(path),)
    assert np.array_equal(band.rows(0, 1), [[26, 51]])


@pytest.mark.parametrize(
    ("members", "part"),
    [
        (["a.tif", "b.tif"], "exactly one raster or vector file, and holds 2: a.tif, b.tif"),
        (["readme.txt"], "holds 0: none"),
        (["../a.tif"], "leaves the zip's folder"),
        (["/a.tif"], "leaves the zip's folder"),
        (["x\\..\\..\\a.tif"], "leaves the zip's folder"),
    ],
)
def test_zips_that_are_refused(tmp_path, members, part):
    path = zipped(tmp_path, *members)
    with pytest.raises(ContextError) as error:
        channel(f"ship_density={path}", native_grid())
    assert str(error.value).startswith(f"{path}: ")
    assert part in str(error.value)


# Files that cannot be used

NAN_POINT = {"type": "Point", "coordinates": [float("nan"), 25.9]}


def bad_file(tmp_path, kind):
    """A file of that kind, and the channel it is given to."""
    path = tmp_path / f"{kind.replace(' ', '_')}.geojson"
    if kind == "not a raster nor vector":
        path.write_text("nothing of the kind")
    elif kind == "cut off":
        path.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature", "geom')
    elif kind == "no geometry":
        write_geojson(path, None)
    elif kind == "table":
        path = path.with_suffix(".csv")
        path.write_text("a,b\n1,2\n")
    elif kind == "NaN coordinate":
        write_geojson(path, NAN_POINT, mapping(shapely.Point(56, 26)))
    elif kind == "NaN in a line":
        write_geojson(path, {"type": "LineString", "coordinates": [[56, 26], [float("nan"), 25]]})
    elif kind == "infinite coordinate":
        write_geojson(path, {"type": "Point", "coordinates": [float("inf"), 25]}, mapping(shapely.Point(56, 26)))
    elif kind == "open ring":
        write_geojson(path, {"type": "Polygon", "coordinates": [[[56, 25], [57, 26]]]})
    elif kind == "metres":
        write_geojson(path, mapping(shapely.Point(400_000, 2_870_000)))
    elif kind == "corrupt zip":
        path = path.with_suffix(".zip")
        path.write_bytes(b"PK\x03\x04 and no more")
    elif kind == "truncated raster":
        path = write_raster(
            path.with_suffix(".tif"), np.ones((300, 300), np.float32), from_bounds(56, 25, 57, 26, 300, 300)
        )
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "three bands":
        path = write_raster(path.with_suffix(".tif"), np.ones((3, 4, 4), np.float32), from_bounds(56, 25, 57, 26, 4, 4))
    elif kind == "no CRS":
        path = write_raster(
            path.with_suffix(".tif"), np.ones((4, 4), np.float32), from_bounds(56, 25, 57, 26, 4, 4), crs=None
        )
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "name", "part"),
    [
        ("missing", "infra_distance", "there is no such file"),
        ("missing", "ship_density", "there is no such file"),
        ("not a raster nor vector", "infra_distance", "cannot be read"),
        ("not a raster nor vector", "ship_density", "cannot be read as a raster"),
        ("cut off", "infra_distance", "cannot be read"),
        ("folder", "infra_distance", "cannot be read"),
        ("no geometry", "infra_distance", "geometry"),
        ("table", "infra_distance", "no layer has a geometry"),
        ("NaN coordinate", "infra_distance", "not a number"),
        ("NaN in a line", "infra_distance", "not a number"),
        ("infinite coordinate", "infra_distance", "finite coordinates"),
        ("open ring", "infra_distance", "geometry that cannot be read"),
        ("metres", "infra_distance", "convert it to EPSG:4326"),
        ("no geometry", "ship_density", "cannot be read as a raster"),
        ("corrupt zip", "infra_distance", "cannot be read as a zip"),
        ("truncated raster", "infra_distance", "cannot be read as a raster"),
        ("truncated raster", "ship_density", "cannot be read as a raster"),
        ("three bands", "ship_density", "has 3 bands; give a raster of one band"),
        ("no CRS", "ship_density", "has no CRS; say where it lies by adding @WEST,SOUTH,EAST,NORTH"),
        ("no CRS", "infra_distance", "has no CRS"),
    ],
)
def test_bad_files_are_named_with_the_mend(tmp_path, kind, name, part):
    path = bad_file(tmp_path, kind)
    with pytest.raises(ContextError) as error:
        whole(f"{name}={path}", native_grid())
    assert str(error.value).startswith(f"{path}: ")
    assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_bounds_are_refused_for_vectors(tmp_path):
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.Point(56, 26)))
    with pytest.raises(ContextError, match="bounds are for rasters"):
        channel(f"infra_distance={path}@0,0,1,1", native_grid())


def test_the_scene_id_is_put_into_the_path(tmp_path):
    path = write_geojson(tmp_path / "S1_scene.geojson", mapping(shapely.Point(56, 26)))
    band = channel(f"infra_distance={tmp_path}/S1_{{scene_id}}.geojson", native_grid())
    assert band.inputs == (str(path),)
    with pytest.raises(ContextError, match=r"S1_other\.geojson: there is no such file"):
        channel(f"infra_distance={tmp_path}/S1_{{scene_id}}.geojson", native_grid(), "other")


# Real files


def test_the_real_infrastructure_and_its_distance_raster(shared_data):
    folder = shared_data / "gulf-of-oman"
    grid = native_grid(200, (500, 900), west=55.9, north=26.6)
    rows, cols = some_pixels(grid, 5000)
    points = shapely.get_coordinates(shapely.from_geojson((folder / "infra_locations_clip.geojson").read_text()))
    pixels = whole(f"infra_distance={folder / 'infra_locations_clip.geojson'}", grid)
    assert worst(pixels[rows, cols], geodesic_to_points(grid, rows, cols, points)) < 1
    with rasterio.open(folder / "test_cogeo.tiff") as dataset:
        metres = dataset.read(1)
    of_raster = Grid("native", Affine(0.1, 0, 55.0, 0, -0.1, 27.0), (30, 40))
    expected = np.floor(np.minimum(metres, 60_000) * 255 / 60_000 + 0.5)
    assert np.abs(whole(f"infra_distance={folder / 'test_cogeo.tiff'}", of_raster) - expected).max() <= 1


def test_the_real_ship_density_zip(shared_data):
    (path,) = (shared_data / "gulf-of-oman").glob("MLXF_ais*.zip")
    west, south, east, north = 55.6967, 24.5655, 58.5455, 26.5008
    grid = Grid("native", from_bounds(west, south, east, north, 315, 214), (214, 315))
    with pytest.raises(ContextError, match="has no CRS; say where it lies by adding @WEST"):
        channel(f"ship_density={path}", grid)
    with rasterio.open(f"/vsizip/{path}") as dataset:
        density = dataset.read(1)
    expected = np.floor(np.minimum(density.astype(float) * 2.55, 255) + 0.5)
    pixels = whole(f"ship_density={path}@{west},{south},{east},{north}", grid)
    assert np.abs(pixels - expected).max() <= 1
    assert (pixels == expected).mean() > 0.999
