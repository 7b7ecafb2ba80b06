"""Where pixels lie: polynomials, affine maps, and what is refused."""

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import GeoreferenceError
from ceruleanml.scenes.georeference import AffineGeoreference, GroundControlPoints

CORNERS = ((0, 0), (0, 8), (0, 16), (4, 0), (4, 8), (4, 16), (8, 0), (8, 8), (8, 16))


def points(function, row_col=CORNERS):
    return GroundControlPoints(row_col, tuple(function(row, col) for row, col in row_col))


def bent(row, col):
    """Longitude and latitude that bend with row and column, as a satellite's swath does."""
    return 10 + 0.1 * col - 0.01 * row + 1e-4 * col * col, 40 - 0.1 * row + 2e-4 * row * col


def test_order_two_polynomial_is_reproduced_exactly():
    row_col = np.array([[0.0, 0.0], [2.5, 7.0], [8.0, 16.0]])
    expected = [bent(row, col) for row, col in row_col]
    np.testing.assert_allclose(points(bent).lon_lat(row_col), expected, atol=1e-12)


def test_lattice_equals_point_by_point():
    georeference = points(bent)
    longitudes, latitudes = np.linspace(10, 11.6, 5), np.linspace(39.2, 40, 3)
    rows, cols = georeference.source_row_col(longitudes, latitudes)
    assert rows.shape == cols.shape == (3, 5)
    back = georeference._to_pixels(np.array([[longitudes[4], latitudes[1]]]))
    np.testing.assert_allclose([rows[1, 4], cols[1, 4]], back[0], atol=1e-9)


def test_five_points_give_a_plane():
    plane = points(lambda row, col: (10 + col, 40 - row), CORNERS[:5])
    np.testing.assert_allclose(plane.lon_lat(np.array([[1.0, 3.0]])), [[13, 39]], atol=1e-12)


@pytest.mark.parametrize(("row_factor", "col_factor"), [(1, 1), (0.25, 0.25), (2, 0.5)])
def test_scaled_points_are_the_same_ground(row_factor, col_factor):
    georeference = points(bent)
    smaller = georeference.scaled(row_factor, col_factor)
    here = georeference.lon_lat(np.array([[4.0, 12.0]]))
    np.testing.assert_allclose(smaller.lon_lat(np.array([[4.0 * row_factor, 12.0 * col_factor]])), here)


@given(
    a=st.floats(0.001, 0.1), b=st.floats(-0.01, 0.01), e=st.floats(-0.1, -0.001),
    row=st.floats(0, 100), col=st.floats(0, 100),
)  # fmt: skip
def test_affine_there_and_back(a, b, e, row, col):
    georeference = AffineGeoreference(Affine(a, b, 5, 0, e, 50), "EPSG:4326")
    lon_lat = georeference.lon_lat(np.array([[row, col]]))
    rows, cols = georeference.source_row_col(lon_lat[:, 0], lon_lat[:, 1])
    assert math.isclose(rows[0, 0], row, abs_tol=1e-6) and math.isclose(cols[0, 0], col, abs_tol=1e-6)


def test_projected_map_is_interpolated_below_a_thousandth_of_a_pixel():
    georeference = AffineGeoreference(Affine(40, 0, 500_000, 0, -40, 4_000_000), "EPSG:32618")
    longitudes, latitudes = np.linspace(-74.9, -74.5, 1001), np.linspace(36.0, 35.8, 601)
    rows, cols = georeference.source_row_col(longitudes, latitudes)
    exact_rows, exact_cols = georeference._projected(longitudes, latitudes)
    assert np.abs(rows - exact_rows).max() < 1e-3
    assert np.abs(cols - exact_cols).max() < 1e-3


@pytest.mark.parametrize(
    ("longitudes_latitudes", "message"),
    [
        (lambda row, col: (math.nan, 40), "not a number"),
        (lambda row, col: (500_000 + col, 4_000_000 - row), "must be degrees"),
        (lambda row, col: (179.9 if col < 8 else -179.9, 10 - row), "antimeridian"),
        (lambda row, col: (10 + col, 86 - row), "pole"),
        (lambda row, col: (10 + col, 40.0), "one line"),
        (lambda row, col: (10 + col, 40.0 + col), "one line or curve"),
    ],
)
def test_refused_places(longitudes_latitudes, message):
    with pytest.raises(GeoreferenceError, match=message):
        points(longitudes_latitudes).source_row_col(np.array([10.0]), np.array([40.0]))


def test_too_few_points_are_refused():
    with pytest.raises(GeoreferenceError, match="at least 3"):
        GroundControlPoints(((0, 0), (0, 1)), ((1, 1), (2, 1)))


def test_affine_that_maps_onto_a_line_is_refused():
    with pytest.raises(GeoreferenceError, match="one line or point"):
        AffineGeoreference(Affine(1, 1, 0, 1, 1, 0), "EPSG:4326")


def test_six_points_give_the_second_order():
    row_col = ((0, 0), (0, 16), (8, 0), (8, 16), (4, 9), (2, 3))
    georeference = points(bent, row_col)
    np.testing.assert_allclose(georeference.lon_lat(np.array([[6.0, 5.0]])), [bent(6, 5)], atol=1e-10)


@pytest.mark.parametrize(("row_factor", "col_factor"), [(0.25, 0.25), (2, 0.5)])
def test_a_scaled_transform_is_the_same_ground(row_factor, col_factor):
    georeference = AffineGeoreference(Affine(0.01, 0.001, 10, 0.002, -0.01, 40), "EPSG:4326")
    smaller = georeference.scaled(row_factor, col_factor)
    here = georeference.lon_lat(np.array([[4.0, 12.0]]))
    np.testing.assert_allclose(smaller.lon_lat(np.array([[4.0 * row_factor, 12.0 * col_factor]])), here)
