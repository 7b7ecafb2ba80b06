"""Context channels against geodesics, and everything that can be wrong with their files."""

import json
import zipfile

import numpy as np
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceruleanml.errors import ContextError, UsageError
from ceruleanml.scenes.context import ContextSpec, open_context, parse_context
from ceruleanml.scenes.grid import SERVING_DEGREES_PER_PX, Grid

GEOD = pyproj.Geod(ellps="WGS84")
SMALL = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def from_bounds(west, south, east, north, width, height):
    return Affine((east - west) / width, 0, west, 0, (south - north) / height, north)


def at_centres(transform, rows, cols):
    """x and y of pixel centres."""
    x = transform.a * (cols + 0.5) + transform.b * (rows + 0.5) + transform.c
    return x, transform.d * (cols + 0.5) + transform.e * (rows + 0.5) + transform.f


def native_grid(resolution_m=40.0, height_width=(300, 400), west=56.0, north=26.0):
    lat_step = resolution_m / 111_195
    lon_step = lat_step / np.cos(np.radians(north - lat_step * height_width[0] / 2))
    return Grid("native", Affine(lon_step, 0, west, 0, -lat_step, north), height_width)


def serving_grid(height_width=(512, 512), west=56.25, north=26.3671875):
    step = SERVING_DEGREES_PER_PX
    return Grid("serving", Affine(step, 0, west, 0, -step, north), height_width)


def write_geojson(path, *geometries):
    features = [{"type": "Feature", "properties": {}, "geometry": shape} for shape in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def mapping(geometry):
    return json.loads(shapely.to_geojson(geometry))


def write_raster(path, values, transform=None, **profile):
    values = np.asarray(values)
    bands = values if values.ndim == 3 else values[None]
    profile = {"driver": "GTiff", "dtype": values.dtype, "crs": "EPSG:4326", "transform": transform, **profile}
    profile = {key: value for key, value in profile.items() if value is not None}
    count, height, width = bands.shape
    warn = "crs" not in profile and "transform" not in profile
    context = pytest.warns(rasterio.errors.NotGeoreferencedWarning) if warn else _nothing()
    with context, rasterio.open(path, "w", count=count, height=height, width=width, **profile) as dataset:
        dataset.write(bands)
    return path


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def channel(text, grid, scene_id="scene"):
    return open_context(parse_context(text), grid, scene_id)


def whole(text, grid):
    return channel(text, grid).rows(0, grid.height_width[0])


def some_pixels(grid, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, grid.height_width[0], count), rng.integers(0, grid.height_width[1], count)


def geodesic_to_points(grid, rows, cols, points):
    lon, lat = grid.longitudes[cols], grid.latitudes(0, grid.height_width[0])[rows]
    points = np.asarray(points, dtype=float)
    pairs = np.broadcast_arrays(lon[:, None], lat[:, None], points[None, :, 0], points[None, :, 1])
    return GEOD.inv(*pairs)[2].min(axis=1)


def geodesic_to_shape(grid, rows, cols, geometry):
    """From each pixel, in the azimuthal equidistant plane around it, where distances from its centre are geodesic."""
    fine = shapely.segmentize(geometry, 0.01)
    distances = []
    latitudes = grid.latitudes(0, grid.height_width[0])
    for row, col in zip(rows, cols, strict=True):
        here = f"+proj=aeqd +ellps=WGS84 +lat_0={latitudes[row]:.10f} +lon_0={grid.longitudes[col]:.10f}"
        plane = pyproj.Transformer.from_crs("EPSG:4326", here, always_xy=True)
        flat = shapely.transform(fine, lambda xy, to=plane: np.stack(to.transform(xy[:, 0], xy[:, 1]), axis=1))
        distances.append(shapely.distance(shapely.Point(0, 0), flat))
    return np.array(distances)


def worst(pixels, metres):
    """The largest error in units of 8 bits against unrounded distances."""
    return np.abs(pixels.astype(float) - np.minimum(metres, 60_000) * 255 / 60_000).max()


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


# Distance to vectors


def test_distance_is_0_at_the_feature_and_255_from_60_km_on(tmp_path):
    grid = native_grid(200, (700, 3))
    rows, cols = np.arange(700), np.ones(700, dtype=int)
    point = (grid.longitudes[1], grid.latitudes(0, 700)[10])
    pixels = whole(f"infra_distance={write_geojson(tmp_path / 'a.geojson', mapping(shapely.Point(point)))}", grid)
    metres = geodesic_to_points(grid, rows, cols, [point])
    assert pixels[10, 1] == 0
    assert (pixels[metres >= 60_000, 1] == 255).all()
    assert worst(pixels[:, 1], metres) < 1


@SMALL
@given(
    offsets=st.lists(st.tuples(st.floats(-0.7, 0.9), st.floats(-0.9, 0.7)), min_size=1, max_size=12),
    kind=st.sampled_from(["native 10", "native 40", "native 200", "serving", "north", "south", "equator"]),
    seed=st.integers(0, 99),
)
def test_distance_to_points_is_geodesic(tmp_path, offsets, kind, seed):
    grid = {
        "native 10": native_grid(10),
        "native 40": native_grid(40, (700, 900)),
        "native 200": native_grid(200),
        "serving": serving_grid(),
        "north": native_grid(40, (700, 900), west=20.0, north=75.0),
        "south": serving_grid(west=-60.46875, north=-59.765625),
        "equator": native_grid(80, west=-0.1, north=0.1),
    }[kind]
    points = np.array([grid.transform.c, grid.transform.f]) + np.array(offsets)
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.MultiPoint(points)))
    rows, cols = some_pixels(grid, 3000, seed)
    pixels = whole(f"infra_distance={path}", grid)[rows, cols]
    assert worst(pixels, geodesic_to_points(grid, rows, cols, points)) < 1


@settings(SMALL, max_examples=12)
@given(seed=st.integers(0, 10_000), resolution_m=st.sampled_from([10, 40, 76, 130, 200]), size=st.floats(0.0005, 0.6))
def test_distance_to_polygons_and_lines_is_geodesic(tmp_path, seed, resolution_m, size):
    rng = np.random.default_rng(seed)
    grid = native_grid(resolution_m, (240, 320), north=60.0 if seed % 2 else 26.0)
    corner = np.array([grid.transform.c, grid.transform.f])
    extent = np.array([grid.transform.a * 320, grid.transform.e * 240])

    def near():
        return corner + extent * rng.uniform(-0.2, 1.2, 2)

    angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
    star = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.2, 1, (7, 1)) * size
    island = shapely.make_valid(shapely.Polygon(near() + star))
    ring = shapely.Point(near()).buffer(size / 3).difference(shapely.Point(near()).buffer(size / 4))
    line = shapely.LineString([near(), near(), near()])
    thin = shapely.LineString([near(), near()]).buffer(1e-5)
    shapes = [shape for shape in (island, ring, line, thin)[: 1 + seed % 4] if not shape.is_empty]
    path = write_geojson(tmp_path / "a.geojson", *map(mapping, shapes))
    rows, cols = some_pixels(grid, 30, seed)
    pixels = whole(f"infra_distance={path}", grid)[rows, cols]
    assert worst(pixels, geodesic_to_shape(grid, rows, cols, shapely.GeometryCollection(shapes))) < 1


def test_every_pixel_near_a_feature_is_right(tmp_path):
    grid = native_grid(40, (90, 110))
    shape = shapely.Polygon([(56.005, 25.99), (56.02, 25.992), (56.03, 25.975), (56.0051, 25.9899)])
    point = shapely.Point(56.04, 25.995)
    pixels = whole(f"infra_distance={write_geojson(tmp_path / 'a.geojson', mapping(shape), mapping(point))}", grid)
    here = "+proj=aeqd +ellps=WGS84 +lat_0=25.98 +lon_0=56.02"  # true to 0.1 mm so near to its centre
    plane = pyproj.Transformer.from_crs("EPSG:4326", here, always_xy=True)
    x, y = plane.transform(*np.meshgrid(grid.longitudes, grid.latitudes(0, 90)))
    both = shapely.GeometryCollection([shapely.segmentize(shape, 1e-4), point])
    flat = shapely.transform(both, lambda xy: np.stack(plane.transform(xy[:, 0], xy[:, 1]), axis=1))
    metres = shapely.distance(shapely.points(x, y), flat)
    assert worst(pixels, metres) < 1
    assert (metres == 0).sum() > 100
    assert (pixels[metres == 0] == 0).all()


def chord_to_places(grid, rows, cols, points):
    """From each pixel to the nearest of all the points, by brute force; the chord is the geodesic within 0.3 m."""
    latitudes = grid.latitudes(0, grid.height_width[0])[rows]
    to_earth = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    here, there = (
        np.stack(to_earth.transform(lon, lat, np.zeros_like(lon)), axis=1)
        for lon, lat in ((grid.longitudes[cols], latitudes), points.T)
    )
    return np.array([np.sqrt(((there - place) ** 2).sum(axis=1).min()) for place in here])


@pytest.mark.parametrize("resolution_m", [10, 40])
def test_a_dense_coast_is_followed(tmp_path, resolution_m):
    """60,000 vertices, a few metres apart, whose places are thinned: the distance from the sea stays right."""
    grid = native_grid(resolution_m, (40_000 // resolution_m, 60_000 // resolution_m))
    share = np.linspace(0, 1, 60_000)
    wiggle = 0.05 * np.sin(9 * share) + 0.01 * np.sin(80 * share) + 0.002 * np.sin(900 * share)
    coast = np.stack([55.5 + 1.6 * share, 25.8 + wiggle], axis=1)
    land = shapely.Polygon([*coast, (57.1, 25.0), (55.5, 25.0)])
    pixels = whole(f"infra_distance={write_geojson(tmp_path / 'a.geojson', mapping(land))}", grid)
    rows, cols = some_pixels(grid, 600)
    at_sea = grid.latitudes(0, grid.height_width[0])[rows] > np.interp(grid.longitudes[cols], *coast.T)
    assert 100 < at_sea.sum() < 500
    assert not pixels[rows[~at_sea], cols[~at_sea]].any()
    steps = shapely.get_coordinates(shapely.segmentize(shapely.LineString(coast), 5e-5))
    metres = chord_to_places(grid, rows[at_sea], cols[at_sea], steps)
    assert worst(pixels[rows[at_sea], cols[at_sea]], metres) < 1


@pytest.mark.parametrize("crowded", [False, True])
def test_thousands_of_points(tmp_path, crowded):
    """Scattered over the scene and beyond, or so crowded far to one side that many are about equally near."""
    grid = native_grid(40, (1500, 1500))
    rng = np.random.default_rng(3)
    low, high = ((56.9, 25.6), (57.0, 25.7)) if crowded else ((55.5, 25.0), (57.0, 26.5))
    points = rng.uniform(low, high, (4000, 2))
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.MultiPoint(points)))
    rows, cols = some_pixels(grid, 2000)
    pixels = whole(f"infra_distance={path}", grid)[rows, cols]
    assert worst(pixels, chord_to_places(grid, rows, cols, points)) < 1


def test_the_inside_of_polygons_is_0_and_holes_are_not(tmp_path):
    grid = native_grid(40, (500, 500))
    outer, hole = shapely.box(55.9, 25.75, 56.3, 26.1), shapely.box(56.05, 25.9, 56.15, 25.95)
    path = write_geojson(tmp_path / "a.geojson", mapping(outer.difference(hole)))
    pixels = whole(f"infra_distance={path}", grid)
    longitudes, latitudes = np.meshgrid(grid.longitudes, grid.latitudes(0, 500))
    in_hole = shapely.contains_xy(shapely.box(56.054, 25.904, 56.146, 25.946), longitudes, latitudes)
    outside_hole = ~shapely.contains_xy(hole, longitudes, latitudes)
    assert (pixels[in_hole] > 0).all()
    assert in_hole.sum() > 1000
    assert (pixels[outside_hole & shapely.contains_xy(outer, longitudes, latitudes)] == 0).all()


@pytest.mark.parametrize("reverse", [False, True])
def test_rings_of_either_direction_and_overlapping_polygons_enclose(tmp_path, reverse):
    grid = native_grid(200, (100, 100))
    boxes = [shapely.box(55.9, 25.7, 56.3, 26.1), shapely.box(56.0, 25.8, 56.4, 26.2)]
    if reverse:
        boxes = [shapely.reverse(box) for box in boxes]
    pixels = whole(f"infra_distance={write_geojson(tmp_path / 'a.geojson', *map(mapping, boxes))}", grid)
    longitudes, latitudes = np.meshgrid(grid.longitudes, grid.latitudes(0, 100))
    enclosed = shapely.contains_xy(shapely.union_all(boxes), longitudes, latitudes)
    assert (pixels[enclosed] == 0).all()


def test_a_polygon_around_everything_is_0_everywhere(tmp_path):
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.box(40, 10, 70, 40)))
    assert not whole(f"infra_distance={path}", native_grid(200)).any()


def test_features_outside_the_grid_count_up_to_60_km(tmp_path):
    grid = native_grid(200, (100, 100), north=75.0)
    points = [(grid.transform.c - 1.5, 74.9), (56.3, 75.35), (56.3, 70.0)]
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.MultiPoint(points)))
    rows, cols = some_pixels(grid, 4000)
    pixels = whole(f"infra_distance={path}", grid)[rows, cols]
    assert worst(pixels, geodesic_to_points(grid, rows, cols, points)) < 1
    assert pixels.min() < 200


def test_features_beyond_the_antimeridian_count(tmp_path):
    grid = native_grid(200, (100, 100), west=179.7, north=10.0)
    points = [(-179.9, 9.9)]
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.MultiPoint(points)))
    rows, cols = some_pixels(grid, 2000)
    assert worst(whole(f"infra_distance={path}", grid)[rows, cols], geodesic_to_points(grid, rows, cols, points)) < 1


def test_longitudes_up_to_360_are_understood(tmp_path):
    grid = native_grid(200, (100, 100), west=-90.0, north=28.0)
    path = write_geojson(tmp_path / "a.geojson", mapping(shapely.Point(360 - 89.9, 27.9)))
    rows, cols = some_pixels(grid, 2000)
    metres = geodesic_to_points(grid, rows, cols, [(-89.9, 27.9)])
    assert worst(whole(f"infra_distance={path}", grid)[rows, cols], metres) < 1


@pytest.mark.parametrize("driver", ["GPKG", "FlatGeobuf", "ESRI Shapefile"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32640"])
def test_other_formats_and_projections(tmp_path, driver, crs):
    grid = native_grid(100)
    points = np.array([(56.1, 25.9), (56.3, 25.85)])
    x, y = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(points[:, 0], points[:, 1])
    path = tmp_path / {"GPKG": "a.gpkg", "FlatGeobuf": "a.fgb", "ESRI Shapefile": "a.shp"}[driver]
    write_layer(path, shapely.points(x, y), crs=crs, driver=driver)
    rows, cols = some_pixels(grid, 2000)
    assert worst(whole(f"infra_distance={path}", grid)[rows, cols], geodesic_to_points(grid, rows, cols, points)) < 1


def write_layer(path, geometries, crs="EPSG:4326", driver="GPKG", layer=None, **options):
    geometry_type = shapely.get_type_id(geometries[0])
    pyogrio.raw.write(
        path,
        geometry=np.array(shapely.to_wkb(geometries), dtype=object),
        field_data=[np.arange(len(geometries))],
        fields=["id"],
        geometry_type={0: "Point", 3: "Polygon"}[geometry_type],
        crs=crs,
        driver=driver,
        layer=layer,
        **options,
    )


def test_all_layers_of_a_file_count(tmp_path):
    grid = native_grid(200, (100, 100))
    path = tmp_path / "a.gpkg"
    write_layer(path, np.array([shapely.Point(56.02, 25.98)]), layer="one")
    write_layer(path, np.array([shapely.box(56.15, 25.85, 56.16, 25.86)]), layer="two", append=True)
    pixels = whole(f"infra_distance={path}", grid)
    rows, cols = some_pixels(grid, 40)
    both = shapely.GeometryCollection([shapely.Point(56.02, 25.98), shapely.box(56.15, 25.85, 56.16, 25.86)])
    assert worst(pixels[rows, cols], geodesic_to_shape(grid, rows, cols, both)) < 1


def test_an_empty_file_knows_no_infrastructure(tmp_path):
    assert (whole(f"infra_distance={write_geojson(tmp_path / 'a.geojson')}", native_grid()) == 255).all()


def test_features_without_geometry_are_passed_over(tmp_path):
    grid = native_grid(200, (50, 50))
    with_null = write_geojson(tmp_path / "a.geojson", None, mapping(shapely.Point(56.05, 25.95)))
    without = write_geojson(tmp_path / "b.geojson", mapping(shapely.Point(56.05, 25.95)))
    assert np.array_equal(whole(f"infra_distance={with_null}", grid), whole(f"infra_distance={without}", grid))


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
    monkeypatch.setattr("ceruleanml.scenes.rasters.HELD_PIXELS", 0)
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
