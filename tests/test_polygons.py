"""Slicks as GeoJSON: valid, measured on the ellipsoid, and honest about pictures without place."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, affinity, box
from shapely.geometry import shape

from ceruleanml.inference.ground import Ground
from ceruleanml.inference.polygons import features_of, measures_of
from ceruleanml.inference.slicks import Slick

CLASSES = ("background", "infra_slick", "natural_seep")
KM = 1 / 111.195
"""A kilometre in degrees of latitude, about."""


def slick(geometry, class_id=1):
    return Slick(MultiPolygon([geometry]), class_id, 0.7, 0.6, 0.7, 0.9)


def long_slick(angle, latitude=0.0):
    """10 km x 1 km, turned clockwise from north, about a place."""
    flat = affinity.rotate(box(-0.5, -5, 0.5, 5), -angle, origin=(0, 0))
    return affinity.translate(
        affinity.scale(flat, KM / math.cos(math.radians(latitude)), KM, origin=(0, 0)), 9, latitude
    )


@pytest.mark.parametrize("latitude", [0.0, 45.0, -60.0])
@pytest.mark.parametrize("angle", [0, 30, 90, 135, 179])
def test_area_length_and_orientation(angle, latitude):
    found = measures_of(MultiPolygon([long_slick(angle, latitude)]), Ground())
    assert found["area_km2"] == pytest.approx(10, rel=0.02)
    assert found["length_km"] == pytest.approx(10, rel=0.02)
    assert abs((found["orientation_degrees"] - angle + 90) % 180 - 90) < 2
    assert 0 <= found["orientation_degrees"] < 180


def test_a_cell_of_one_degree_has_its_geodesic_area():
    assert measures_of(MultiPolygon([box(0, 0, 1, 1)]), Ground())["area_km2"] == pytest.approx(12308.778, abs=0.01)


def test_properties_of_a_feature():
    (feature,) = features_of([slick(box(9, 0, 9 + KM, KM), 2)], CLASSES, Ground())
    about = feature["properties"]
    assert (about["class"], about["inf_idx"]) == ("natural_seep", 2)
    assert [about[f"{name}_conf"] for name in ("mean", "median", "max")] == [0.6, 0.7, 0.9]
    assert about["machine_confidence"] == 0.7
    assert feature["geometry"]["type"] == "MultiPolygon"
    json.dumps(feature, allow_nan=False)


def test_outer_rings_run_anticlockwise_as_the_standard_wants():
    clockwise = Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    (feature,) = features_of([slick(clockwise)], CLASSES, Ground())
    assert Polygon(feature["geometry"]["coordinates"][0][0]).exterior.is_ccw


def test_small_slicks_are_left_out():
    slicks = [slick(box(0, 0, KM, KM)), slick(box(1, 1, 1 + 2 * KM, 1 + KM))]
    assert [f["properties"]["area_km2"] > 1.5 for f in features_of(slicks, CLASSES, Ground(), 1.5)] == [True]
    assert len(features_of(slicks, CLASSES, Ground(), 0.0)) == 2


def test_outlines_that_cross_themselves_are_mended():
    bow_tie = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    (feature,) = features_of([slick(bow_tie)], CLASSES, Ground())
    assert shape(feature["geometry"]).is_valid and shape(feature["geometry"]).area == pytest.approx(0.5)


def test_pixels_are_not_passed_off_as_kilometres():
    (feature,) = features_of([slick(box(3, 4, 13, 9))], CLASSES, Ground(pixel_m=40.0), 100.0)
    about = feature["properties"]
    assert (about["area_km2"], about["length_km"], about["orientation_degrees"], about["area_px"]) == (
        None,
        None,
        None,
        50,
    )
    assert shape(feature["geometry"]).bounds == (3, 4, 13, 9)


@given(st.integers(0, 1000), st.integers(3, 12))
def test_any_outline_comes_back_valid(seed, corners):
    points = np.random.default_rng(seed).uniform(-1, 1, (corners, 2)) * 0.1 + (20, 30)
    for feature in features_of([slick(Polygon(points))], CLASSES, Ground()):
        assert shape(feature["geometry"]).is_valid
        assert feature["properties"]["area_km2"] >= 0


def test_holes_stay_holes():
    ring = box(0, 0, 3 * KM, 3 * KM).difference(box(KM, KM, 2 * KM, 2 * KM))
    (feature,) = features_of([slick(ring)], CLASSES, Ground())
    assert [len(part) for part in feature["geometry"]["coordinates"]] == [2]
    assert feature["properties"]["area_km2"] == pytest.approx(8, rel=0.01)


def test_a_slick_of_just_the_least_area_stays():
    one = slick(box(9, 0, 9 + KM, KM))
    least = features_of([one], CLASSES, Ground())[0]["properties"]["area_km2"]
    assert len(features_of([one], CLASSES, Ground(), least)) == 1
    assert not features_of([one], CLASSES, Ground(), least + 1e-6)


@pytest.mark.parametrize("angle", [-0.002, -0.001, 0.0, 0.001])
def test_north_is_0_and_never_180(angle):
    found = measures_of(MultiPolygon([long_slick(angle)]), Ground())["orientation_degrees"]
    assert min(found, 180 - found) < 0.1 and found < 180
