"""Outlines along pixel edges are exact: drawn, saved with 9 digits, stored, read and burnt, each pixel is the same."""

import json

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_states import NOON, save

from ceruleanml.annotation.importing_checks import check_page_save
from ceruleanml.annotation.importing_frames import SceneFrame
from ceruleanml.annotation.importing_shapes import geometry_json, mask_outline, on_ground
from ceruleanml.classes import load_classes
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_label_file, write_geojson
from ceruleanml.labels.pixel_shapes import image_mask
from ceruleanml.scenes.georeference import AffineGeoreference
from ceruleanml.scenes.grid import METRES_PER_DEGREE, SERVING_DEGREES_PER_PX, Grid

CLASSES = load_classes()
MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@st.composite
def grids(draw):
    """A native grid of 10 to 80 m anywhere, or the serving lattice."""
    lon, lat = draw(st.floats(-179, 170)), draw(st.floats(-79, 79))
    if draw(st.booleans()):
        size = SERVING_DEGREES_PER_PX
        corner = Affine(size, 0, round(lon / size) * size, 0, -size, round(lat / size) * size)
        return Grid("serving", corner, (600, 700))
    step = draw(st.floats(10, 80)) / METRES_PER_DEGREE
    return Grid("native", Affine(step / np.cos(np.radians(lat)), 0, lon, 0, -step, lat), (600, 700))


def whole(instance, height_width):
    found = np.zeros(height_width, bool)
    window = instance.window
    found[window.row : window.row + window.height, window.col : window.col + window.width] = instance.mask
    return found


@settings(max_examples=60)
@given(MASKS.filter(np.any), grids(), st.integers(0, 590), st.integers(0, 690))
def test_saved_stored_read_and_burnt_is_what_was_drawn(tmp_path_factory, mask, grid, row, col):
    folder = tmp_path_factory.mktemp("labels")
    drawn = np.zeros(grid.height_width, bool)
    drawn[row : row + mask.shape[0], col : col + mask.shape[1]] = mask[: 600 - row, : 700 - col]
    if not drawn.any():
        return
    place = AffineGeoreference(grid.transform, "EPSG:4326")
    outline = on_ground(mask_outline(0, 0, drawn), lambda xy: place.lon_lat(xy[:, ::-1]), affine=True)
    about = {"class": "old_vessel", "slick_id": "s/ann/1"}
    content = save({"type": "Feature", "properties": about, "geometry": geometry_json(outline)})
    frame = SceneFrame("s", grid.height_width, place, "test")
    checked = check_page_save(json.loads(json.dumps(content)), "x", CLASSES, frames=[frame], now=NOON)
    assert checked.notes == ()
    (folder / "s.geojson").write_text(json.dumps(checked.collection))
    (shape,) = read_label_file(folder / "s.geojson", CLASSES, "s").shapes
    np.testing.assert_array_equal(whole(burn(shape, grid, None), grid.height_width), drawn)
    write_geojson(folder / "t.geojson", [shape], CLASSES, "s")  # which rounds to 7 digits
    (rounded,) = read_label_file(folder / "t.geojson", CLASSES, "s").shapes
    np.testing.assert_array_equal(whole(burn(rounded, grid, None), grid.height_width), drawn)


@given(MASKS.filter(np.any), st.integers(-3, 20), st.integers(-3, 20))
def test_pixels_of_a_plain_image_are_burnt_on_itself(mask, row, col):
    from ceruleanml.labels.instances import GroundShape

    size = (16, 18)
    expected = np.zeros((40, 40), bool)
    expected[row + 5 : row + 5 + mask.shape[0], col + 5 : col + 5 + mask.shape[1]] = mask
    expected = expected[5 : 5 + size[0], 5 : 5 + size[1]]
    found = image_mask(GroundShape("s", 1, mask_outline(row, col, mask), "x"), size)
    if found is None:
        assert not expected.any()
        return
    burnt = np.zeros(size, bool)
    burnt[found.row : found.row + found.mask.shape[0], found.col : found.col + found.mask.shape[1]] = found.mask
    if expected.any():
        np.testing.assert_array_equal(burnt, expected)


def test_a_slick_too_thin_for_a_centre_takes_what_it_touches():
    import shapely

    from ceruleanml.labels.instances import GroundShape

    thin = GroundShape("s", 1, shapely.MultiPolygon([shapely.box(3.1, 2.1, 6.2, 2.2)]), "x")
    found = image_mask(thin, (10, 10))
    assert (found.row + np.flatnonzero(found.mask.any(axis=1))).tolist() == [2]
    assert (found.col + np.flatnonzero(found.mask.any(axis=0))).tolist() == [3, 4, 5, 6]
    assert image_mask(thin, (2, 2)) is None


@pytest.mark.parametrize("digits", [9, 12])
def test_corners_that_touch_stay_valid(digits):
    """Pixels that meet in one corner only, and a hole that meets its own outline: rounding breaks neither."""
    mask = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]], bool)
    place = AffineGeoreference(Affine(1e-4 / 3, 0, 10 / 3, 0, -1e-4 / 3, 50 / 3), "EPSG:4326")
    outline = on_ground(mask_outline(7, 9, mask), lambda xy: np.round(place.lon_lat(xy[:, ::-1]), digits), affine=True)
    assert outline.is_valid
    assert outline.area == pytest.approx(np.count_nonzero(mask) * (1e-4 / 3) ** 2, rel=1e-3)
