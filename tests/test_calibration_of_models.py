"""Calibration, intervals, sweeps, regions and the floor, each on numbers one can check."""

import numpy as np
import pytest
from evaluations_made import two_scenes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import ModelError, UsageError
from ceruleanml.evaluation.calibration import (
    BINS,
    FINE_BINS,
    expected_error,
    fine_bin,
    fit_temperature,
    mean_nll,
    probability_counts,
    reliability,
    tempered,
)
from ceruleanml.evaluation.floor import Floor, dark, otsu
from ceruleanml.evaluation.intervals import interval, mean_defined, resamples
from ceruleanml.evaluation.regions import read_regions, region_of
from ceruleanml.evaluation.sweep import best_threshold, instance_sweep, pixel_sweep
from ceruleanml.storage import write_json


def draws(seed, pixels=20_000, sharpness=1.0):
    """Probabilities (pixels, 3) and classes drawn by them, the probabilities then sharpened."""
    rng = np.random.Generator(np.random.PCG64(seed))
    true = rng.dirichlet((3, 1, 1), pixels)
    labelled = (rng.random((pixels, 1)) > true.cumsum(axis=1)).sum(axis=1)
    raised = true**sharpness
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32), labelled


def test_reliability_by_hand():
    slick = np.array([0.02, 0.02, 0.02, 0.02, 0.98, 0.98], np.float32)
    counts, sums = probability_counts(slick, np.array([False, False, False, True, True, False]))
    assert counts.sum() == 6 and counts[1].sum() == 2
    pixels, mean, share = reliability(counts, sums)
    assert len(pixels) == BINS and (pixels[0], pixels[-1]) == (4, 2)
    assert (mean[0], share[0], share[-1]) == pytest.approx((0.02, 0.25, 0.5))
    assert np.isnan(mean[1:-1]).all() and np.isnan(share[1:-1]).all()
    assert expected_error(counts, sums) == pytest.approx((4 * 0.23 + 2 * 0.48) / 6)


def test_without_pixels_the_error_is_undefined():
    assert np.isnan(expected_error(np.zeros((2, FINE_BINS)), np.zeros(FINE_BINS)))


@pytest.mark.parametrize(("probability", "number"), [(0, 0), (0.005, 1), (np.float32(0.3), 60), (0.2999, 59), (1, 199)])
def test_a_bin_holds_its_lower_edge_also_in_float32(probability, number):
    assert fine_bin(probability) == number


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.0])
def test_the_temperature_undoes_what_sharpened_the_probabilities(sharpness):
    probabilities, labelled = draws(1, sharpness=sharpness)
    found = fit_temperature(probabilities, labelled)
    assert found.value == pytest.approx(sharpness, rel=0.04)
    assert found.nll_after <= found.nll_before and found.ece_after < 0.02
    assert found.nll_after == pytest.approx(mean_nll(tempered(probabilities, found.value), labelled))


def test_one_class_alone_fits_no_temperature():
    assert fit_temperature(np.full((5, 2), 0.5), np.zeros(5, np.int64)) is None
    assert fit_temperature(np.zeros((0, 2)), np.zeros(0, np.int64)) is None


@given(arrays(np.float64, (4, 3), elements=st.floats(0.01, 1)), st.floats(0.2, 5))
def test_tempering_keeps_the_order_and_the_sum(raw, temperature):
    before = raw / raw.sum(axis=1, keepdims=True)
    after = tempered(before, temperature)
    np.testing.assert_allclose(after.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(tempered(before, 1.0), before, rtol=1e-5)
    ranked = np.argsort(before, axis=1)
    assert (np.diff(np.take_along_axis(after, ranked, axis=1)) >= -1e-6).all()


def test_resamples_draw_whole_scenes_and_repeat_with_their_seed():
    drawn = resamples(5, 100, 3)
    assert drawn.shape == (100, 5) and (drawn.sum(axis=1) == 5).all()
    np.testing.assert_array_equal(drawn, resamples(5, 100, 3))
    assert (drawn != resamples(5, 100, 4)).any()


@pytest.mark.parametrize(("scenes", "count"), [(1, 100), (0, 100), (5, 0)])
def test_one_scene_gives_no_interval(scenes, count):
    assert resamples(scenes, count, 0).shape == (0, scenes)
    assert interval(resamples(scenes, count, 0).sum(axis=1)) is None


def test_the_interval_holds_95_of_100_and_leaves_undefined_ones_out():
    values = np.arange(1001.0)
    assert interval(values) == pytest.approx((25, 975))
    values[::3] = np.nan
    assert interval(values) == pytest.approx((26, 974), abs=2)
    values[:600] = np.nan
    assert interval(values) is None


def test_a_mean_leaves_out_what_is_undefined():
    np.testing.assert_array_equal(mean_defined(np.array([[1, np.nan], [3, np.nan]]), axis=0), [2, np.nan])


def test_the_interval_of_a_mean_is_that_of_theory():
    rng = np.random.Generator(np.random.PCG64(0))
    scenes = rng.normal(10, 2, 400)
    low, high = interval(resamples(400, 2000, 0) @ scenes / 400)
    assert (high - low) / 2 == pytest.approx(1.96 * scenes.std() / 20, rel=0.1)


def test_a_pixel_sweep_by_hand():
    counts, _ = probability_counts(np.array([0.1, 0.4, 0.6, 0.9], np.float32), np.array([False, True, False, True]))
    curve = pixel_sweep(counts)
    at = {round(float(value), 3): number for number, value in enumerate(curve["threshold"])}
    for threshold, precision, recall in ((0.05, 0.5, 1), (0.4, 2 / 3, 1), (0.405, 0.5, 0.5), (0.9, 1, 0.5)):
        assert (curve["precision"][at[threshold]], curve["recall"][at[threshold]]) == (precision, recall)
    assert np.isnan(curve["precision"][at[0.95]]) and curve["recall"][at[0.95]] == 0
    assert 0.1 < best_threshold(curve) <= 0.4  # the middle of where F1 is .8


def test_an_instance_sweep_by_hand():
    curve = instance_sweep(np.array([0.9, 0.5, 0.3]), np.array([True, False, True]), 3)
    at = {round(float(value), 2): number for number, value in enumerate(curve["threshold"])}
    assert [curve["f1"][at[level]] for level in (0.2, 0.4, 0.9, 0.95)] == pytest.approx([4 / 6, 2 / 5, 2 / 4, 0])
    assert best_threshold(curve) == 0.15


def test_no_threshold_is_proposed_where_none_finds_anything():
    assert best_threshold(instance_sweep(np.zeros(0), np.zeros(0, bool), 3)) is None
    assert best_threshold(pixel_sweep(np.zeros((2, FINE_BINS)))) is None


@pytest.mark.parametrize(
    ("lon_lat", "name"),
    [((54.0, 25.0), "20N 050E"), ((-0.5, -0.5), "10S 010W"), ((0.5, 0.5), "00N 000E"), ((-179, -35), "40S 180W")],
)
def test_cells_of_ten_degrees(lon_lat, name):
    lon, lat = lon_lat
    footprint = [[lon - 0.1, lat - 0.1], [lon + 0.1, lat - 0.1], [lon + 0.1, lat + 0.1], [lon - 0.1, lat + 0.1]]
    assert region_of({"footprint": footprint}) == name


def test_a_scene_across_the_date_line_lies_there():
    assert region_of({"footprint": [[179, 1], [-178, 1], [-178, 2], [179, 2]]}) == "00N 180W"
    assert region_of({"footprint": None}) == "unplaced"


def square(west, south, side, **properties):
    ring = [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def test_named_regions(tmp_path):
    path = tmp_path / "regions.geojson"
    write_json(
        path, {"type": "FeatureCollection", "features": [square(0, 0, 5, name="gulf"), square(0, 0, 9, name="all")]}
    )
    areas = read_regions(path)
    for corner, name in ((1, "gulf"), (6, "all"), (20, "elsewhere")):
        footprint = [[corner, corner], [corner + 1, corner], [corner + 1, corner + 1], [corner, corner + 1]]
        assert region_of({"footprint": footprint}, areas) == name


@pytest.mark.parametrize(
    "content", [{"features": []}, {"features": [square(0, 0, 1)]}, [1, 2], {"type": "Point", "coordinates": [0, 0]}]
)
def test_what_are_no_regions_is_said(tmp_path, content):
    write_json(tmp_path / "regions.geojson", content)
    with pytest.raises(UsageError, match=r"--regions .*regions\.geojson: .*name"):
        read_regions(tmp_path / "regions.geojson")


def test_otsu_parts_two_heaps():
    assert 2 < otsu(np.array([1, 2, 1, 2, 8, 9, 8, 9])) < 8


def test_otsu_is_that_of_every_split():
    rng = np.random.Generator(np.random.PCG64(2))
    values = np.concatenate([rng.normal(40, 5, 300), rng.normal(70, 9, 700)])
    splits = np.sort(values)[1:]
    parts = [(values[values < split], values[values >= split]) for split in splits]
    between = [len(low) * len(high) * (low.mean() - high.mean()) ** 2 for low, high in parts]
    assert otsu(values) == pytest.approx(splits[int(np.argmax(between))], abs=1.5)


def test_the_floor_finds_a_dark_patch_and_leaves_nodata_alone():
    rng = np.random.Generator(np.random.PCG64(3))
    band = rng.normal(0.5, 0.05, (96, 96)).astype(np.float32)
    band[30:66, 30:66] *= 0.5
    band[:, :10] = 0
    found = dark(band)
    assert not found[:, :10].any()
    assert found[38:58, 38:58].all() and not found[:20, 20:].any()
    assert not dark(np.zeros((8, 8), np.float32)).any()


def test_the_floor_is_a_predictor_of_one_slick_class(tmp_path):
    floor = Floor(open_dataset(two_scenes(tmp_path / "data")))
    found = floor.probabilities(np.full((2, 1, 32, 32), 0.5, np.float32))
    assert found.shape == (2, 2, 32, 32) and (found.sum(axis=1) == 1).all()
    assert floor.card.channels == ("vv",)
    with pytest.raises(ModelError, match="no detections"):
        floor.detections(np.zeros((1, 1, 32, 32), np.float32))
