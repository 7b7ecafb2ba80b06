"""Burning onto a grid: equal to warping the whole image, and within half a pixel of the exact geometry."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from ceruleanml.errors import LabelError
from ceruleanml.labels.burn import burn
from ceruleanml.labels.instances import GroundShape, ImageMask
from ceruleanml.scenes.georeference import AffineGeoreference, GroundControlPoints
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.warp import warp

IMAGE_GRID = Grid("image", Affine.identity(), (20, 30), crs=None)
GRID = Grid("native", Affine(0.001, 0, 10, 0, -0.001, 50), (100, 120))


def ground_control_points(rows=300, cols=400, bend=0.002):
    """A scene tilted by about 12 degrees and slightly bent, pixels of about 0.0005 degrees, around 10.1 E, 49.95 N."""
    row_col = [(float(r), float(c)) for r in np.linspace(0, rows, 5) for c in np.linspace(0, cols, 6)]
    lon_lat = []
    for row, col in row_col:
        u, v = col / cols - 0.5, row / rows - 0.5
        lon_lat.append((10.05 + 0.2 * u + 0.03 * v + bend * u * u, 49.95 + 0.04 * u - 0.15 * v + bend * u * v))
    return GroundControlPoints(tuple(row_col), tuple(lon_lat))


def scene_grid(georeference, step):
    corners = georeference.lon_lat(np.array([[0.0, 0], [0, 400], [300, 0], [300, 400]]))
    (west, south), (east, north) = corners.min(axis=0), corners.max(axis=0)
    size = (int((north - south) / step) + 1, int((east - west) / step) + 1)
    return Grid("native", Affine(step, 0, west, 0, -step, north), size)


def image_mask(mask, row=0, col=0):
    return ImageMask("scene/1", 3, row, col, np.asarray(mask, dtype=bool), "layer.png")


def shape(geometry):
    return GroundShape("scene/1", 3, shapely.MultiPolygon([geometry]), "scene.geojson")


def whole(instance, grid):
    mask = np.zeros(grid.height_width, dtype=bool)
    if instance is not None:
        w = instance.window
        mask[w.row : w.row + w.height, w.col : w.col + w.width] = instance.mask
    return mask


def check_tight(instance):
    """The mask fills its window, and its outermost rows and columns each hold a pixel."""
    mask = instance.mask
    assert mask.shape == (instance.window.height, instance.window.width)
    assert mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()


def test_without_georeference_the_mask_is_the_grid_s_own():
    instance = burn(image_mask([[1, 0], [1, 1]], 4, 7), IMAGE_GRID, None)
    assert (instance.slick_id, instance.class_id, instance.source) == ("scene/1", 3, "layer.png")
    assert instance.window == Window(4, 7, 2, 2)
    assert instance.mask.tolist() == [[True, False], [True, True]]


def test_a_ground_shape_needs_a_georeference():
    with pytest.raises(LabelError, match=r"scene\.geojson: scene/1 .*no georeference.*--georeference"):
        burn(shape(shapely.box(1, 1, 2, 2)), IMAGE_GRID, None)


@settings(max_examples=60)
@given(st.data())
def test_burning_a_crop_equals_warping_the_whole_image(data):
    georeference = ground_control_points(bend=data.draw(st.sampled_from([0.0, 0.002, 0.01])))
    grid = scene_grid(georeference, data.draw(st.sampled_from([0.0003, 0.0005, 0.0011])))
    image = np.zeros((300, 400), dtype=bool)
    for _ in range(data.draw(st.integers(1, 3))):
        row, col = data.draw(st.integers(0, 299)), data.draw(st.integers(0, 399))
        height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 30))
        image[row : row + height, col : col + width] = True
    rows, cols = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    crop = image[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    instance = burn(image_mask(crop, int(rows[0]), int(cols[0])), grid, georeference)
    framed = np.pad(image, 1).astype(np.uint8)
    expected = warp(framed, georeference, grid, Window(0, 0, *grid.height_width)).astype(bool)
    if expected.any():
        check_tight(instance)
        assert (whole(instance, grid) == expected).all()


def test_a_mask_in_a_projected_crs_lands_where_its_pixels_lie():
    georeference = AffineGeoreference(Affine(40, 0, 500_000, 0, -40, 5_540_000), "EPSG:32632")
    corners = georeference.lon_lat(np.array([[0.0, 0], [200, 300]]))
    grid = Grid("native", Affine(0.0004, 0, corners[0, 0], 0, -0.0004, corners[0, 1]), (180, 430))
    instance = burn(image_mask(np.ones((40, 60)), 100, 150), grid, georeference)
    check_tight(instance)
    outline = georeference.lon_lat(np.array([[100.0, 150], [100, 210], [140, 210], [140, 150]]))
    check_within_half_a_pixel(instance, grid, shapely.Polygon(outline))


def check_within_half_a_pixel(instance, grid, exact, tolerance=0.5):
    """Pixels whose centre lies deeper in the polygon than the tolerance are set, those further outside are not."""
    ring = grid.row_col(shapely.get_coordinates(exact.exterior))
    in_pixels = shapely.Polygon(ring[:, ::-1])
    rows, cols = np.mgrid[: grid.height_width[0], : grid.height_width[1]] + 0.5
    centres = shapely.points(cols, rows)
    inside = shapely.contains(in_pixels, centres)
    distance = shapely.distance(in_pixels.exterior, centres)
    mask = whole(instance, grid)
    assert mask[inside & (distance > tolerance)].all()
    assert not mask[~inside & (distance > tolerance)].any()
    return mask, inside


CIRCLE = shapely.Point(10.0503, 49.9514).buffer(0.0207)


def test_a_ground_shape_is_its_pixels_centres_exactly():
    instance = burn(shape(CIRCLE), GRID, None)
    check_tight(instance)
    mask, inside = check_within_half_a_pixel(instance, GRID, CIRCLE)
    assert (mask == inside).all()
    assert mask.sum() * 1e-6 == pytest.approx(CIRCLE.area, rel=0.01)


def test_a_polygon_drawn_in_the_image_lies_within_half_a_pixel_on_the_grid():
    """Drawn on image pixels (each to half a pixel exact), laid on an equally fine grid: half a pixel each time."""
    georeference = ground_control_points()
    grid = scene_grid(georeference, 0.0005)
    rows, cols = np.mgrid[:300, :400] + 0.5
    drawn = np.hypot(rows - 150, cols - 210) < 60
    instance = burn(image_mask(drawn), grid, georeference)
    angle = np.linspace(0, 2 * np.pi, 721)
    ring = georeference.lon_lat(np.stack([150 + 60 * np.sin(angle), 210 + 60 * np.cos(angle)], axis=1))
    mask, inside = check_within_half_a_pixel(instance, grid, shapely.Polygon(ring), tolerance=1.0)
    centre = [np.argwhere(each).mean(axis=0) for each in (mask, inside)]
    assert np.abs(centre[0] - centre[1]).max() < 0.1  # no shift: half a pixel either way would show here
    assert mask.sum() == pytest.approx(inside.sum(), rel=0.01)


def test_holes_and_parts_stay(tmp_path):
    ring = shapely.box(10.01, 49.96, 10.05, 49.99).difference(shapely.box(10.02, 49.97, 10.04, 49.98))
    two = shapely.MultiPolygon([ring, shapely.box(10.08, 49.93, 10.09, 49.94)])
    instance = burn(GroundShape("scene/1", 1, two, "x"), GRID, None)
    mask = whole(instance, GRID)
    assert mask.sum() == 40 * 30 - 20 * 10 + 10 * 10
    assert not mask[25, 30] and mask[15, 30] and mask[65, 85]


def test_a_slick_thinner_than_a_pixel_is_not_lost():
    thin = shapely.box(10.0101, 49.9801, 10.0151, 49.9803)
    instance = burn(shape(thin), GRID, None)
    assert instance.window == Window(19, 10, 1, 6)
    assert instance.mask.all()
    georeference = AffineGeoreference(Affine(0.0001, 0, 10, 0, -0.0001, 50), "EPSG:4326")
    line = burn(image_mask(np.ones((1, 40)), 201, 101), GRID, georeference)
    assert line.window == Window(20, 10, 1, 5)
    assert line.mask.all()


def test_what_leaves_the_grid_is_cut_and_what_lies_outside_is_none():
    instance = burn(shape(shapely.box(9.9, 49.95, 10.01, 50.1)), GRID, None)
    assert instance.window == Window(0, 0, 50, 10)
    assert burn(shape(shapely.box(20, 40, 21, 41)), GRID, None) is None
    georeference = AffineGeoreference(Affine(0.001, 0, 10.2, 0, -0.001, 50), "EPSG:4326")
    assert burn(image_mask(np.ones((5, 5))), GRID, georeference) is None
    assert burn(image_mask(np.ones((5, 5)), 25, 40), IMAGE_GRID, None) is None


def test_a_mask_that_leaves_its_own_image_keeps_what_lies_inside():
    mask = np.arange(12).reshape(3, 4) % 2 == 0
    instance = burn(image_mask(mask, -1, -2), IMAGE_GRID, None)
    assert (whole(instance, IMAGE_GRID)[:2, :2] == mask[1:, 2:]).all() and instance.mask.sum() == mask[1:, 2:].sum()
    instance = burn(image_mask(mask, 18, 27), IMAGE_GRID, None)
    assert (whole(instance, IMAGE_GRID)[18:, 27:] == mask[:2, :3]).all()


def test_a_thin_slick_lies_where_the_centres_of_its_pixels_do():
    """Image pixels two fifths of the grid's, the slick's column left of a grid pixel's centre, its own centre right of
    the edge: only half a pixel tells."""
    georeference = AffineGeoreference(Affine(0.0004, 0, 10, 0, -0.0004, 50), "EPSG:4326")
    pixel = burn(image_mask([[1]], 2, 2), GRID, georeference)
    assert pixel.window == Window(1, 1, 1, 1)
