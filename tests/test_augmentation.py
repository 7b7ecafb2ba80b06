"""Each transform alone: what moves, what stays, and that image and target stay together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.models.augmentation import TRANSFORMS, Bands, about_centre, augment, gamma_quantiles
from ceruleanml.models.config import AugmentationConfig
from ceruleanml.models.samples import Sample, padded, padded_to_multiple, resized, warped
from ceruleanml.models.targets import IGNORE
from ceruleanml.seeds import generator

DN = Bands(radar=0, radiometry="dn", db_range=(-35.0, 0.0), blank=(60, 190))
DB = Bands(radar=0, radiometry="sigma0_db", db_range=(-25.4, 0.0), blank=(60, 190))
EVERYTHING = AugmentationConfig(
    rotate_degrees=30, scale=0.3, speckle_looks=4, gain_db=2, drop_channel=0.5, probability=1
)


def sample_of(size=(24, 24), seed=0):
    """A sample whose target is the first band, so that both can be compared after they moved."""
    pixels = np.random.Generator(np.random.PCG64(seed)).integers(1, 200, (2, *size), dtype=np.uint8)
    return Sample(pixels, pixels[:1].copy(), IGNORE)


def level(value, size=(256, 256)):
    return Sample(np.full((2, *size), value, np.uint8), np.zeros((1, *size), np.uint8), IGNORE)


def apply(name, sample, seed=0, bands=DN, **settings):
    return TRANSFORMS[name].apply(sample, generator(seed, "test"), AugmentationConfig(**settings), bands)


def equal(one, other):
    return np.array_equal(one.pixels, other.pixels) and np.array_equal(one.layers, other.layers)


def test_the_transforms_by_name():
    assert list(TRANSFORMS) == ["flips", "turn_and_scale", "speckle", "gain", "drop_channels"]


def test_each_is_off_at_zero():
    off = AugmentationConfig(flips=False)
    assert all(transform.chance(off) == 0 for transform in TRANSFORMS.values())
    sample = sample_of()
    assert augment(sample, off, DN, generator(0, "test")) is sample


def test_each_is_on_with_the_probability_asked_for():
    chances = [transform.chance(EVERYTHING) for transform in TRANSFORMS.values()]
    assert chances == [1, 1, 1, 1, 1]
    calm = AugmentationConfig(rotate_degrees=5, probability=0.25)
    assert TRANSFORMS["turn_and_scale"].chance(calm) == 0.25


@pytest.mark.parametrize(("size", "ways"), [((6, 6), 8), ((4, 6), 4)])
def test_flips_reach_every_orientation_with_the_target_and_keep_the_shape(size, ways):
    sample = sample_of(size)
    seen = set()
    for seed in range(100):
        moved = apply("flips", sample, seed)
        assert np.array_equal(moved.pixels[:1], moved.layers) and moved.height_width == size
        assert np.array_equal(np.sort(moved.pixels, axis=None), np.sort(sample.pixels, axis=None))
        seen.add(moved.pixels.tobytes())
    assert len(seen) == ways


def test_no_turn_and_no_scaling_change_nothing():
    sample = sample_of()
    assert equal(warped(sample, about_centre((24, 24), 0.0, 1.0), [0]), sample)


def test_a_right_angle_by_warp_is_a_quarter_turn_clockwise():
    sample = sample_of()
    turned = warped(sample, about_centre((24, 24), math.pi / 2, 1.0), [0])
    assert np.array_equal(turned.layers, np.rot90(sample.layers, -1, axes=(1, 2)))
    difference = np.rot90(sample.pixels, -1, axes=(1, 2)) - turned.pixels
    assert difference.min() >= 0 and difference.max() <= 1  # fractions are cut off


def test_only_the_radar_band_is_interpolated():
    board = np.indices((32, 32)).sum(axis=0) % 2 * 100 + 50
    sample = Sample(np.stack([board, board]).astype(np.uint8), board[None].astype(np.uint8), IGNORE)
    moved = apply("turn_and_scale", sample, rotate_degrees=20.0, scale=0.3)
    assert set(moved.pixels[1].ravel()) <= {0, 50, 150} and len(set(moved.pixels[0].ravel())) > 20


def test_shrinking_brings_in_ignored_ground_without_data():
    shrunk = warped(level(90, (40, 40)), about_centre((40, 40), 0.0, 0.5), [0, 1])
    assert shrunk.layers[0, 20, 20] == 0 and shrunk.layers[0, 0, 0] == IGNORE and shrunk.pixels[0, 0, 0] == 0
    assert (shrunk.layers == 0).sum() == 400


@given(seed=st.integers(0, 10**6))
def test_image_and_target_stay_aligned_under_warps(seed):
    rng = generator(seed, "blob")
    rows, cols = np.mgrid[:64, :64]
    blob = (rows - rng.integers(22, 42)) ** 2 + (cols - rng.integers(22, 42)) ** 2 < 100
    sample = Sample(np.where(blob, 200, 50).astype(np.uint8)[None], blob.astype(np.uint8)[None], IGNORE)
    moved = apply("turn_and_scale", sample, seed, rotate_degrees=180.0, scale=0.3)
    inside, outside = moved.layers[0] == 1, moved.layers[0] == 0
    assert (moved.pixels[0][inside] >= 125 - 2).mean() > 0.97 and inside.sum() > 50
    assert (moved.pixels[0][outside] <= 125 + 2).mean() > 0.97


@pytest.mark.parametrize("looks", [1.0, 4.0, 50.0])
def test_speckle_quantiles_have_mean_one_and_the_variance_of_their_looks(looks):
    values = gamma_quantiles(looks).astype(np.float64)
    assert values.mean() == pytest.approx(1, rel=2e-3) and values.var() == pytest.approx(1 / looks, rel=0.02)
    assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("looks", [4.0, 20.0])
def test_speckle_on_amplitude_has_intensity_of_mean_one_and_these_looks(looks):
    radar = apply("speckle", level(80), speckle_looks=looks).pixels[0]
    intensity = (radar / 80.0) ** 2
    assert intensity.mean() == pytest.approx(1, abs=0.01) and 1 / intensity.var() == pytest.approx(looks, rel=0.05)


def test_speckle_on_decibels_adds_the_same_in_decibels():
    radar = apply("speckle", level(150), bands=DB, speckle_looks=20.0).pixels[0].astype(float)
    intensity = 10 ** ((radar - 150) / DB.steps_per_db / 10)
    assert DB.steps_per_db == pytest.approx(10)
    assert intensity.mean() == pytest.approx(1, abs=0.01) and 1 / intensity.var() == pytest.approx(20, rel=0.05)


def test_a_gain_is_one_factor_of_the_amplitude_within_its_decibels():
    gains = [20 * np.log10(apply("gain", level(100), seed, gain_db=3.0).pixels[0] / 100.0) for seed in range(60)]
    assert all(np.ptp(gain) == 0 for gain in gains)
    assert -3.05 <= np.min(gains) < -2 and 2 < np.max(gains) <= 3.05


def test_a_gain_is_a_sum_on_decibels():
    moved = {int(apply("gain", level(100), seed, DB, gain_db=3.0).pixels[0, 0, 0]) - 100 for seed in range(60)}
    assert min(moved) >= -30 and max(moved) <= 30 and len(moved) > 20


@pytest.mark.parametrize("bands", [DN, DB])
@pytest.mark.parametrize(("name", "settings"), [("speckle", {"speckle_looks": 1.0}), ("gain", {"gain_db": 20.0})])
def test_nodata_stays_nodata_and_data_stays_data(name, settings, bands):
    sample = sample_of((64, 64))
    sample.pixels[0, :5] = 0
    for seed in range(10):
        moved = apply(name, sample, seed, bands, **settings)
        assert np.array_equal(moved.pixels[0] == 0, sample.pixels[0] == 0)
        assert np.array_equal(moved.pixels[1], sample.pixels[1]) and np.array_equal(moved.layers, sample.layers)


@pytest.mark.parametrize("name", ["speckle", "gain"])
def test_without_radar_nothing_is_done_to_it(name):
    blind = Bands(None, "dn", (-35.0, 0.0), (60, 190))
    sample = sample_of()
    assert apply(name, sample, bands=blind, speckle_looks=1.0, gain_db=9.0) is sample


def test_only_context_channels_are_blanked_to_their_mean():
    sample = sample_of()
    moved = apply("drop_channels", sample, drop_channel=1.0)
    assert np.array_equal(moved.pixels[0], sample.pixels[0]) and (moved.pixels[1] == 190).all()
    other = Bands(1, "dn", (-35.0, 0.0), (60, 190))
    assert (apply("drop_channels", sample, bands=other, drop_channel=1.0).pixels[0] == 60).all()


def test_the_same_generator_gives_the_same_and_the_sample_itself_is_not_touched():
    sample = sample_of()
    before = sample.pixels.copy()
    one, two = (augment(sample, EVERYTHING, DN, generator(5, "augmentation", 1, "t")) for _ in range(2))
    other = augment(sample, EVERYTHING, DN, generator(5, "augmentation", 2, "t"))
    assert equal(one, two) and not equal(one, other) and np.array_equal(sample.pixels, before)


# Resizing and padding


def test_shrinking_averages_pixels_over_their_area_and_takes_the_nearest_class():
    pixels = np.array([[[0, 100, 10, 10], [100, 200, 10, 10]]], np.uint8)
    layers = np.array([[[1, 1, 2, 2], [1, 1, 2, 2]]], np.uint8)
    small = resized(Sample(pixels, layers, IGNORE), 2)
    assert small.pixels.tolist() == [[[100, 10]]] and small.layers.tolist() == [[[1, 2]]]


def test_enlarging_keeps_classes_whole_and_the_shape():
    large = resized(Sample(np.array([[[10, 200]]], np.uint8), np.array([[[1, 255]]], np.uint8), IGNORE), 8)
    assert large.height_width == (4, 8) and set(large.layers.ravel()) == {1, 255}
    assert (np.diff(large.pixels[0, 0].astype(int)) >= 0).all() and len(set(large.pixels[0, 0])) > 2


def test_padding_is_nodata_and_ignored():
    wide = padded(level(7, (3, 5)), (4, 5))
    assert wide.pixels[0].tolist() == [[7] * 5] * 3 + [[0] * 5] and wide.layers[0, 3].tolist() == [IGNORE] * 5
    assert padded_to_multiple(level(7, (33, 64))).height_width == (64, 64)
    assert padded_to_multiple(Sample(np.ones((1, 5, 5), np.uint8), np.zeros((0, 5, 5), np.uint8), 0)).layers.shape == (
        0,
        32,
        32,
    )
