"""Mask R-CNN's detections become slicks by the service's rules: scores, soft Dice, outlines, stitching, ensemble."""

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from predictors_made import detections_of
from shapely import MultiPolygon, box

from ceruleanml.inference.ensemble import ensemble, thinned
from ceruleanml.inference.ground import Ground, utm_zone
from ceruleanml.inference.postprocess_maskrcnn import outlines, reduced, soft_dice, stitched
from ceruleanml.inference.slicks import Slick
from ceruleanml.inference.thresholds import default_thresholds

SERVICE = default_thresholds("mask_rcnn")
PIXELS = Ground(pixel_m=100.0)
"""A picture without place, 100 m a pixel: distances can be told by eye."""


def scores_of(found):
    return [round(float(score), 3) for score in found.scores]


@pytest.mark.parametrize(
    ("u", "v", "dice"),
    [
        ([1, 1, 0], [1, 1, 0], 1.0),
        ([1, 0], [0, 1], 0.0),
        ([1, 1], [1, 0], 2 / 3),
        ([0.5], [0.5], 1.0),
        ([1.0], [0.25], 2 * 0.5 / 1.25),
        ([0, 0], [0, 0], 0.0),
    ],
)
def test_soft_dice(u, v, dice):
    masks = np.array([u, v], np.float32)[:, None]
    found = soft_dice(masks)
    assert found[0, 1] == found[1, 0] == pytest.approx(dice)
    np.testing.assert_allclose(np.diag(found), masks.any(axis=(1, 2)), atol=1e-6)


def test_boxes_and_masks_must_be_above_their_thresholds():
    sure, at_the_limit = [[0.9, 0.2]], [[0.5, 0.2]]
    found = detections_of([sure, sure, at_the_limit], [0.8, 0.3, 0.7])
    assert scores_of(reduced(found, SERVICE)) == [0.8]


def test_of_two_alike_of_one_class_the_later_falls():
    left, right, other = [[0.9, 0.0]], [[0.0, 0.9]], [[0.8, 0.0]]
    assert scores_of(reduced(detections_of([left, right, other], [0.9, 0.8, 0.7]), SERVICE)) == [0.9, 0.8]
    assert scores_of(reduced(detections_of([left, right, other], [0.9, 0.8, 0.7], [1, 1, 2]), SERVICE)) == [
        0.9,
        0.8,
        0.7,
    ]


def test_what_has_fallen_suppresses_nothing():
    a, b, c = [[0.9, 0.9, 0, 0]], [[0, 0.9, 0.9, 0]], [[0, 0, 0.9, 0.9]]
    assert (soft_dice(np.float32([a, b, c])) > 0.4).tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert scores_of(reduced(detections_of([a, b, c], [0.9, 0.8, 0.7]), SERVICE)) == [0.9, 0.7]


def test_nothing_detected():
    found = reduced(detections_of(np.zeros((0, 4, 4)), []), SERVICE)
    assert outlines(found, SERVICE, Affine.identity()) == [] and stitched([], PIXELS) == []


def test_outlines_run_around_pixels_above_the_threshold_and_corners_touch():
    mask = [[0.9, 0.1, 0.1], [0.1, 0.2, 0.1], [0.1, 0.1, 0.0]]
    (slick,) = outlines(detections_of([mask], [0.8], [3]), SERVICE, Affine(2, 0, 10, 0, -2, 50))
    assert slick.geometry.is_valid and slick.geometry.area == 2 * 4
    assert slick.geometry.bounds == (10, 46, 14, 50)
    assert (slick.class_id, slick.machine_confidence) == (3, pytest.approx(0.8))


def slick(x0, y0, x1, y1, confidence=0.5, class_id=1):
    return Slick(MultiPolygon([box(x0, y0, x1, y1)]), class_id, *[confidence] * 4)


@pytest.mark.parametrize(
    ("gap_px", "count"),
    [(19, 1), (21, 2)],  # 1000 m around each: they meet across 2000 m
)
def test_slicks_near_each_other_are_one(gap_px, count):
    made = stitched([slick(0, 0, 10, 10), slick(10 + gap_px, 0, 30 + gap_px, 10)], PIXELS)
    assert len(made) == count


def test_joined_slicks_have_median_mean_and_greatest_confidence():
    parts = [slick(0, 0, 10, 10, 0.4), slick(12, 0, 20, 10, 0.5), slick(22, 0, 30, 10, 0.9)]
    (one,) = stitched(parts, PIXELS)
    assert (one.machine_confidence, one.median_conf, one.mean_conf, one.max_conf) == pytest.approx((0.5, 0.5, 0.6, 0.9))
    # gaps of 200 m are closed by 500 m, those of 1500 m are not
    assert one.geometry.area == pytest.approx(300, rel=0.01)
    (far,) = stitched([slick(0, 0, 10, 10), slick(25, 0, 35, 10)], PIXELS)
    assert len(far.geometry.geoms) == 2


def test_other_classes_are_not_joined():
    assert [one.class_id for one in stitched([slick(0, 0, 9, 9), slick(9, 0, 18, 9, class_id=2)], PIXELS)] == [1, 2]


def test_stitching_in_degrees_goes_through_utm():
    degree = 1 / 111.195  # a kilometre of latitude
    north = [slick(10, 60, 10.01, 60.01), slick(10, 60.01 + 1.9 * degree, 10.01, 60.05)]
    apart = [slick(10, 60, 10.01, 60.01), slick(10, 60.01 + 2.1 * degree, 10.01, 60.05)]
    east = [slick(10, 60, 10.01, 60.01), slick(10.01 + 1.9 * 2 * degree, 60, 10.1, 60.01)]  # cos 60 = 1/2
    assert [len(stitched(pair, Ground())) for pair in (north, apart, east)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("lon_lat", "epsg"), [((-75.2, 35.1), 32618), ((56.9, -24.8), 32740), ((179.99, 10), 32660), ((-180, 1), 32601)]
)
def test_the_zone_of_a_place(lon_lat, epsg):
    assert utm_zone([box(*lon_lat, lon_lat[0] + 1e-4, lon_lat[1] + 1e-4)]).epsg == epsg


@given(st.floats(-179, 179), st.floats(-80, 80))
def test_utm_there_and_back(longitude, latitude):
    shape = box(longitude, latitude, longitude + 0.01, latitude + 0.01)
    (flat,), zone = Ground().in_metres([shape])
    back = Ground().back(flat, zone)
    assert back.hausdorff_distance(shape) < 1e-9
    assert flat.area == pytest.approx(1111.95**2 * math.cos(math.radians(latitude + 0.005)), rel=0.02)


def names(slicks):
    return [one.machine_confidence for one in slicks]


@pytest.mark.parametrize(
    ("case", "slicks", "expected"),
    [
        ("apart", [slick(0, 0, 10, 10, 0.9), slick(20, 0, 30, 10, 0.8)], [0.9, 0.8]),
        ("alike: the less sure falls", [slick(0, 0, 10, 10, 0.8), slick(1, 0, 11, 10, 0.9)], [0.9]),
        ("alike and as sure: the first falls", [slick(0, 0, 10, 10, 0.7), slick(0, 0, 10, 10, 0.7)], [0.7]),
        ("IoU of 1/19", [slick(0, 0, 10, 10, 0.8), slick(9, 0, 19, 10, 0.9)], [0.8, 0.9]),
        ("inside: it falls, however sure", [slick(0, 0, 100, 100, 0.5), slick(10, 10, 20, 20, 0.99)], [0.5]),
        ("inside, named first", [slick(10, 10, 20, 20, 0.99), slick(0, 0, 100, 100, 0.5)], [0.5]),
        ("half inside stays", [slick(0, 0, 100, 100, 0.5), slick(95, 0, 105, 10, 0.9)], [0.5, 0.9]),
    ],
)
def test_thinning_truth_table(case, slicks, expected):
    assert names(thinned(slicks, SERVICE, PIXELS)) == expected, case


def test_what_has_fallen_drops_nothing():
    chain = [slick(0, 0, 10, 10, 0.5), slick(3, 0, 13, 10, 0.7), slick(6, 0, 16, 10, 0.6)]
    assert names(thinned(chain, SERVICE, PIXELS)) == [0.7]
    chain = [slick(0, 0, 10, 10, 0.7), slick(3, 0, 13, 10, 0.5), slick(9, 0, 19, 10, 0.4)]
    assert names(thinned(chain, SERVICE, PIXELS)) == [0.7, 0.4]  # the middle one fell before it met the last


def test_the_ensemble_keeps_what_two_sets_saw():
    first, second, third = [slick(0, 0, 10, 10, 0.6)], [slick(1, 0, 11, 10, 0.9)], [slick(50, 50, 60, 60, 0.99)]
    assert names(ensemble([first, second, third], SERVICE, PIXELS)) == [0.9]
    assert ensemble([first, [], []], SERVICE, PIXELS) == []
    assert ensemble([[], [], []], SERVICE, PIXELS) == []
