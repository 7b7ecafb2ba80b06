"""The native and serving lattices, and windows."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import GeoreferenceError, UsageError
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import SERVING_DEGREES_PER_PX, Window, make_grid, source_resolution_m
from ceruleanml.scenes.scene import Radiometry, Scene

SIDE = 0.3515625  # degrees: a tile of WorldCRS84Quad at zoom 9


class Zeros:
    def rows(self, start, stop, factor=1):
        return np.zeros((stop - start, 50), np.uint8)


def scene(west=-75.0, north=36.0, step=0.01, height_width=(30, 50), crs="EPSG:4326"):
    georeference = None if crs is None else AffineGeoreference(Affine(step, 0, west, 0, -step, north), crs)
    return Scene("s", "s.tif", height_width, georeference, 0, "vv", Radiometry(), Zeros(), ())


def test_native_pixels_are_square_on_the_ground_and_cover_the_scene():
    grid = make_grid(scene(), "native", 100)
    height, width = grid.metres_per_pixel
    assert height == pytest.approx(100, rel=1e-6) and width == pytest.approx(100, rel=1e-3)
    assert (grid.transform.c, grid.transform.f) == (-75.0, 36.0)
    rows, cols = grid.height_width
    east, south = grid.transform @ (cols, rows)
    assert -74.5 <= east < -74.5 + grid.transform.a and 35.7 >= south > 35.7 + grid.transform.e


def test_native_defaults_to_the_scenes_own_resolution():
    grid = make_grid(scene(), "native")
    own = source_resolution_m(scene().georeference, (30, 50))
    assert grid.metres_per_pixel[0] == pytest.approx(own)


@given(west=st.floats(-170, 160), north=st.floats(-60, 70))
def test_serving_grid_lies_on_tile_corners_and_covers_the_scene(west, north):
    grid = make_grid(scene(west, north), "serving")
    for offset in ((grid.transform.c + 180) / SIDE, (90 - grid.transform.f) / SIDE):
        assert offset == pytest.approx(round(offset), abs=1e-9)
    assert grid.transform.a == SERVING_DEGREES_PER_PX == -grid.transform.e
    assert grid.height_width[0] % 512 == grid.height_width[1] % 512 == 0
    east, south = grid.transform @ (grid.height_width[1], grid.height_width[0])
    slack = 1e-9
    assert grid.transform.c <= west + slack and east >= west + 0.5 - slack
    assert south <= north - 0.3 + slack and grid.transform.f >= north - slack


def test_a_tile_of_the_serving_grid_is_the_services_tile():
    """cerulean-cloud's zoom: round(log2(40075000 / 40844)) - 1 = 9, scale round(512 / 256) = 2."""
    assert SERVING_DEGREES_PER_PX * 512 == SIDE
    assert round(np.log2(40075000 / 40844)) - 1 == 9


def test_plain_image_keeps_its_pixels():
    grid = make_grid(scene(crs=None))
    assert grid.name == "image" and grid.height_width == (30, 50) and grid.metres_per_pixel is None


@given(st.floats(-180, 180), st.floats(-80, 80))
def test_grid_pixels_there_and_back(longitude, latitude):
    grid = make_grid(scene(), "native", 100)
    row, col = grid.row_col(np.array([[longitude, latitude]]))[0]
    assert grid.transform @ (col, row) == pytest.approx((longitude, latitude), abs=1e-9)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("mercator",), UsageError, "choose native or serving"),
        (("native", 0), UsageError, "0.1 or more"),
        (("native", float("nan")), UsageError, "0.1 or more"),
        (("native", 0.1), GeoreferenceError, "coarser resolution"),
    ],
)
def test_refused_grids(arguments, error, message):
    with pytest.raises(error, match=message):
        make_grid(scene(), *arguments)


@pytest.mark.parametrize(
    ("west", "north", "message"), [(179.8, 10, "degrees"), (10, 84.2, "pole"), (10, -83.9, "pole")]
)
def test_scenes_no_grid_can_hold(west, north, message):
    with pytest.raises(GeoreferenceError, match=message):
        make_grid(scene(west, north))


windows = st.builds(Window, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9))


def cells(window):
    return {
        (row, col)
        for row in range(window.row, window.row + window.height)
        for col in range(window.col, window.col + window.width)
    }


@given(windows, windows)
def test_intersection_holds_what_both_hold(one, other):
    shared = one.intersection(other)
    assert (cells(shared) if shared else set()) == cells(one) & cells(other)
    assert shared is None or cells(shared), "a window without pixels is none"
