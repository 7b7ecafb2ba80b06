"""Warped pixels against GDAL's own warper at tolerance 0."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from gdal_oracle import nearest_by_gdal
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from ceruleanml.scenes.georeference import GroundControlPoints
from ceruleanml.scenes.grid import Grid, Window, make_grid
from ceruleanml.scenes.raster import open_raster
from ceruleanml.scenes.warp import block_factor, framed_pixels, warp


def by_gdal(path, crs="EPSG:4326"):
    """GDAL's pixels at tolerance 0, on the grid it chooses."""
    with rasterio.open(path) as source, WarpedVRT(source, crs=crs, resampling=Resampling.nearest, tolerance=0) as vrt:
        return vrt.read(1), Grid("gdal", vrt.transform, vrt.shape)


def by_us(path, grid):
    scene = open_raster(str(path), "s")
    return warp(framed_pixels(scene), scene.georeference, grid, Window(0, 0, *grid.height_width))


def swath(row, col, height_width):
    """Longitude and latitude of a descending pass: rotated by 12 degrees, and bent a little."""
    y, x = row / height_width[0], col / height_width[1]
    return 56 + 2.3 * x + 0.4 * y + 0.02 * x * x - 0.01 * x * y, 24.5 - 0.4 * x + 1.5 * y + 0.015 * x * x


@pytest.fixture
def gcp_tiff(tmp_path):
    return write_gcp_tiff(tmp_path / "swath.tif", 6, 9)


def write_gcp_tiff(path, gcp_rows, gcp_cols, left_out=0):
    height_width = (301, 457)
    rng = np.random.default_rng(5)
    pixels = rng.integers(1, 256, height_width, dtype=np.uint8)
    gcps = [
        GroundControlPoint(row=row, col=col, x=x, y=y)
        for row in np.linspace(0, 301, gcp_rows)
        for col in np.linspace(0, 457, gcp_cols)
        for x, y in [swath(row, col, height_width)]
    ][left_out:]
    profile = {"driver": "GTiff", "height": 301, "width": 457, "count": 1, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", gcps=gcps, crs="EPSG:4326", **profile) as file:
        file.write(pixels, 1)
    return path


def test_control_points_equal_gdal(gcp_tiff):
    expected, grid = by_gdal(gcp_tiff)
    assert np.count_nonzero(expected) > 50_000
    np.testing.assert_array_equal(by_us(gcp_tiff, grid), expected)


@pytest.mark.parametrize(("rows", "cols", "left_out"), [(2, 2, 0), (2, 3, 1), (3, 3, 2), (3, 3, 0)])
def test_the_polynomials_order_is_gdals_for_few_points(tmp_path, rows, cols, left_out):
    """Order 1 up to five points, order 2 from six on."""
    path = write_gcp_tiff(tmp_path / "few.tif", rows, cols, left_out)
    expected, grid = by_gdal(path)
    assert np.mean(by_us(path, grid) == expected) >= 0.9995


def test_hatteras_equals_gdal(shared_data):
    path = shared_data / "hatteras" / "iw-vv.tiff"
    with rasterio.open(path) as source, WarpedVRT(source, crs="EPSG:4326", tolerance=0) as vrt:
        expected, grid = np.clip(vrt.read(1), 0, 255), Grid("gdal", vrt.transform, vrt.shape)
    np.testing.assert_array_equal(by_us(path, grid), expected)


@pytest.mark.parametrize("grid", [("native", None), ("native", 250.0), ("serving", None)])
def test_our_own_grids_equal_gdal(shared_data, tmp_path, grid):
    path = shared_data / "hatteras" / "iw-vv.tiff"
    ours = make_grid(open_raster(str(path), "s"), *grid)
    expected = np.clip(nearest_by_gdal(path, ours, tmp_path), 0, 255)
    assert np.count_nonzero(expected) > expected.size / 3
    np.testing.assert_array_equal(by_us(path, ours), expected)


@pytest.mark.parametrize("resolution", [500.0, 1234.5])
def test_made_scenes_on_our_own_grids_equal_gdal(gcp_tiff, tmp_path, resolution):
    ours = make_grid(open_raster(str(gcp_tiff), "s"), "native", resolution)
    expected = nearest_by_gdal(gcp_tiff, ours, tmp_path)
    assert expected.any()
    np.testing.assert_array_equal(by_us(gcp_tiff, ours), expected)


@pytest.mark.parametrize(
    ("crs", "transform"),
    [("EPSG:4326", Affine(0.001, 0.0002, 10, 0.0001, -0.001, 40)), ("EPSG:32632", Affine(90, 8, 4e5, 7, -90, 4.4e6))],
)
def test_affine_rasters_equal_gdal(tmp_path, crs, transform):
    path = tmp_path / "affine.tif"
    pixels = np.random.default_rng(6).integers(1, 256, (203, 307), dtype=np.uint8)
    profile = {"driver": "GTiff", "height": 203, "width": 307, "count": 1, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as file:
        file.write(pixels, 1)
    expected, grid = by_gdal(path)
    assert np.mean(by_us(path, grid) == expected) >= 0.9995


def test_strips_and_windows_cut_the_same_pixels(gcp_tiff):
    scene = open_raster(str(gcp_tiff), "s")
    grid, framed = make_grid(scene, "native", 1000), framed_pixels(scene)
    height, width = grid.height_width
    whole = warp(framed, scene.georeference, grid, Window(0, 0, height, width))
    for window in (Window(0, 0, 1, width), Window(7, 11, 60, 100), Window(height - 1, width - 1, 1, 1)):
        part = whole[window.row : window.row + window.height, window.col : window.col + window.width]
        np.testing.assert_array_equal(warp(framed, scene.georeference, grid, window), part)


def test_crop_warps_like_the_whole(gcp_tiff):
    scene = open_raster(str(gcp_tiff), "s")
    grid = make_grid(scene, "native", 1000)
    image = np.zeros(scene.height_width, np.uint8)
    image[100:140, 200:230] = 1
    window = Window(0, 0, *grid.height_width)
    whole = warp(np.pad(image, 1), scene.georeference, grid, window)
    crop = warp(np.pad(image[100:140, 200:230], 1), scene.georeference, grid, window, origin_row_col=(100, 200))
    assert whole.any()
    np.testing.assert_array_equal(crop, whole)


@pytest.fixture
def scene_of(tmp_path):
    def make(pixels, step=0.001):
        profile = {"driver": "GTiff", "height": pixels.shape[0], "width": pixels.shape[1], "count": 1}
        transform = Affine(step, 0, 10, 0, -step, 1)
        with rasterio.open(
            tmp_path / "s.tif", "w", dtype=pixels.dtype, crs="EPSG:4326", transform=transform, nodata=0, **profile
        ) as file:
            file.write(pixels, 1)
        return open_raster(str(tmp_path / "s.tif"), "s")

    return make


def test_coarser_grids_average_whole_blocks(scene_of):
    pixels = np.array([[1, 3, 9, 9, 7], [5, 7, 0, 0, 7], [2, 2, 0, 4, 7], [2, 3, 0, 0, 7]], dtype=np.uint8)
    expected = [[4, 9], [2, 0]]  # (1+3+5+7)/4; two of four pixels: 9; 9/4 rounds to 2; one of four: nodata
    np.testing.assert_array_equal(framed_pixels(scene_of(pixels), 2)[1:-1, 1:-1], expected)


def test_averages_are_taken_before_values_are_clipped(scene_of):
    """A ship of 1,000 in a sea of 40 is 280 over four pixels, so 255; clipped first it would be 94."""
    pixels = np.array([[1000, 40, 40, 40], [40, 40, 40, 43]], dtype=np.uint16)
    np.testing.assert_array_equal(framed_pixels(scene_of(pixels), 2)[1:-1, 1:-1], [[255, 41]])


@pytest.mark.parametrize(("resolution", "factor"), [(None, 1), (111, 1), (150, 1), (220, 2), (340, 3)])
def test_block_factor(scene_of, resolution, factor):
    scene = scene_of(np.ones((50, 50), np.uint8))
    assert block_factor(scene, make_grid(scene, "native", resolution)) == factor


def test_averaging_lowers_speckle_as_overviews_do(scene_of):
    speckle = np.random.default_rng(0).gamma(4.24, 60 / 4.24, (400, 400)).clip(1, 255).astype(np.uint8)
    mean = framed_pixels(scene_of(speckle), 4)[1:-1, 1:-1]
    assert mean.std() / mean.mean() < 0.3 * speckle.std() / speckle.mean()


def test_the_frame_is_nodata():
    georeference = GroundControlPoints(((0, 0), (0, 4), (4, 0), (4, 4)), ((10, 1), (11, 1), (10, 0), (11, 0)))
    grid = Grid("g", Affine(0.25, 0, 9.75, 0, -0.25, 1.25), (6, 6))
    out = warp(np.pad(np.full((4, 4), 9, np.uint8), 1), georeference, grid, Window(0, 0, 6, 6))
    np.testing.assert_array_equal(out, np.pad(np.full((4, 4), 9), 1))


def test_the_block_fits_into_the_grids_shorter_side(scene_of):
    scene = scene_of(np.ones((50, 50), np.uint8))
    assert block_factor(scene, Grid("wide", Affine(0.0042, 0, 10, 0, -0.0021, 1), (20, 10))) == 2


def test_centres_on_edges_between_pixels_go_where_gdal_takes_them(tmp_path):
    """Pixels of a tenth of a degree, which no float holds, and centres of the grid on all of their edges."""
    path = tmp_path / "edges.tif"
    gcps = [
        GroundControlPoint(row=row, col=col, x=10.3 + 0.1 * col, y=7.7 - 0.1 * row)
        for row in (0, 60)
        for col in (0, 80)
    ]
    profile = {"driver": "GTiff", "height": 60, "width": 80, "count": 1, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", gcps=gcps, crs="EPSG:4326", **profile) as file:
        file.write(np.random.default_rng(7).integers(1, 256, (60, 80), dtype=np.uint8), 1)
    grid = Grid("edges", Affine(0.1, 0, 10.25, 0, -0.1, 7.75), (61, 81))
    expected = nearest_by_gdal(path, grid, tmp_path)
    assert np.count_nonzero(expected) == 60 * 80
    np.testing.assert_array_equal(by_us(path, grid), expected)
