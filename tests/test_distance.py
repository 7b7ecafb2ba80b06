"""Distance to points, lines and polygons, against geodesics."""

import numpy as np
import pyproj
import pytest
import shapely
from context_help import (
    SMALL,
    geodesic_to_points,
    geodesic_to_shape,
    mapping,
    native_grid,
    serving_grid,
    some_pixels,
    whole,
    worst,
    write_geojson,
    write_layer,
)
from hypothesis import given, settings
from hypothesis import strategies as st


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
