"""A U-Net's probabilities become slicks by the service's rules; however the rows are cut, the slicks are the same."""

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.features import geometry_mask, shapes
from scipy.ndimage import gaussian_filter, label
from shapely.geometry import shape

from ceruleanml.errors import UsageError
from ceruleanml.inference.components import Components
from ceruleanml.inference.postprocess_unet import _Values, slicks_in, slicks_of
from ceruleanml.inference.thresholds import Thresholds, default_thresholds, parse_threshold, thresholds_of

UNET = default_thresholds("unet")
HERE = Affine.identity()
SEA = 0.00005
"""Below the lowest threshold, and not nodata."""


def probabilities(picture):
    """One slick class from a picture of letters: . sea, a .001, b .3, c .6, d .95, # nodata."""
    values = {".": SEA, "a": 0.001, "b": 0.3, "c": 0.6, "d": 0.95, "#": 0.0}
    return np.array([[[values[letter] for letter in line] for line in picture.split()]], np.float32)


def pixels_of(slicks, shape):
    """The pixels of each slick as text."""
    return [
        "\n".join("".join("x" if inside else "." for inside in row) for row in mask)
        for mask in (geometry_mask([slick.geometry], shape, HERE, invert=True) for slick in slicks)
    ]


def found(picture, **options):
    given_ = probabilities(picture)
    return pixels_of(slicks_of(given_, UNET, HERE, **{"rim": 0.0, **options}), given_.shape[1:])


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (".....\n.ccc.\n.....", []),  # never reaches 0.9
        (".....\n.ccd.\n.....", [".....\n.xxx.\n....."]),  # reaches it; the outline is where 0.5 is reached
        (".....\n.bcd.\n.....", [".....\n..xx.\n....."]),
        (".cc.cd", ["....xx"]),  # two slicks, one unsure
        (".ccacd", [".xx.xx"]),  # faint pixels join both to one slick of two parts
        ("d.\n.d", ["x.\n..", "..\n.x"]),  # corners do not touch: 4-connected
        ("dd\n.d", ["xx\n.x"]),
        ("ddd\nd.d\nddd", ["xxx\nx.x\nxxx"]),  # a hole stays one
    ],
)
def test_truth_table(picture, expected):
    assert found(picture) == expected


def test_confidences_are_of_all_pixels_of_the_outline():
    (slick,) = slicks_of(probabilities("bccd"), UNET, HERE, rim=0.0)
    assert (slick.mean_conf, slick.median_conf, slick.max_conf) == pytest.approx((2.15 / 3, 0.6, 0.95))
    assert slick.machine_confidence == slick.median_conf


def test_the_class_has_the_largest_sum_inside_the_outline():
    first = np.array([[0.90, 0.05, 0.05, 0.30]], np.float32)  # outside the outline the first class leads
    second = np.array([[0.05, 0.90, 0.90, 0.10]], np.float32)
    (slick,) = slicks_of(np.stack([first, second]), UNET, HERE, rim=0.0)
    assert slick.class_id == 2
    assert slick.geometry.bounds == (0, 0, 3, 1)


def test_probabilities_of_several_classes_add_up():
    half = np.full((2, 1, 1), 0.46, np.float32)
    assert len(slicks_of(half, UNET, HERE)) == 1
    assert slicks_of(half[:1], UNET, HERE) == []


@pytest.mark.parametrize(
    ("picture", "rim", "expected"),
    [
        ("#.ccadd", 1.0, ["..xx.xx"]),  # the rim ends where cc begins
        ("##ccadd", 1.5, [".....xx"]),  # three quarters of cc lie in it, dd does not
        ("##ccadd", 5.0, []),
    ],
)
def test_parts_in_the_rim_of_nodata_are_dropped(picture, rim, expected):
    assert found(picture, rim=rim) == expected


def test_half_in_the_rim_is_not_too_much():
    assert found("##ddd", rim=1.5) == ["..xxx"]
    assert found("##ddd", rim=1.51) == []


def test_statistics_count_parts_that_were_dropped():
    (slick,) = slicks_of(probabilities("#dacc"), UNET, HERE, rim=1.0)
    assert slick.geometry.bounds == (3, 0, 5, 1)
    assert slick.max_conf == pytest.approx(0.95)  # reached in the part beside nodata, as the service counts


def cut(rows, cuts):
    edges = [0, *sorted({c for c in cuts if 0 < c < rows.shape[1]}), rows.shape[1]]
    return lambda: (rows[:, a:b] for a, b in zip(edges, edges[1:], strict=False))


@given(st.integers(0, 10_000), st.integers(1, 24), st.integers(1, 24), st.sets(st.integers(1, 23)))
def test_how_rows_are_cut_changes_nothing(seed, height, width, cuts):
    rng = np.random.default_rng(seed)
    values = rng.choice([0.0, SEA, 0.001, 0.3, 0.6, 0.95], (height, width), p=[0.1, 0.3, 0.2, 0.1, 0.2, 0.1])
    share = rng.random((height, width))
    planes = np.stack([values * share, values * (1 - share)]).astype(np.float32)
    place = Affine(0.01, 0, 10, 0, -0.01, 40)
    whole = slicks_of(planes, UNET, place)
    in_strips = slicks_in(cut(planes, cuts), UNET, place)
    assert len(whole) == len(in_strips)
    for one, other in zip(whole, in_strips, strict=True):
        assert one.geometry.is_valid and one.geometry.symmetric_difference(other.geometry).area < 1e-12
        assert len(one.geometry.geoms) == len(other.geometry.geoms)
        assert (one.class_id, one.median_conf, one.max_conf) == (other.class_id, other.median_conf, other.max_conf)
        assert one.mean_conf == pytest.approx(other.mean_conf)


@given(st.integers(0, 10_000), st.sets(st.integers(1, 15)))
def test_components_over_strips_are_scipys_over_the_whole(seed, cuts):
    mask = np.random.default_rng(seed).random((16, 12)) < 0.55
    components = Components()
    labels = np.concatenate([components.add(strip[0]) for strip in cut(mask[None], cuts)()])
    joined = components.joined()[labels]
    expected, count = label(mask)
    assert joined.max() == count
    assert len(np.unique(np.stack([joined, expected]).reshape(2, -1), axis=1).T) == len(np.unique(expected))


@given(st.lists(st.lists(st.sampled_from([0.1, 0.5, 0.7, 0.9]), min_size=1), min_size=1))
def test_counted_values_have_numpys_statistics(parts):
    values = _Values()
    for part in parts:
        values.add(np.array(part, np.float32))
        values._count()
    together = np.concatenate([np.array(part, np.float32) for part in parts])
    assert values.statistics() == pytest.approx((together.mean(), np.median(together), together.max()), abs=1e-6)


def test_nothing_is_found_in_nothing():
    assert slicks_of(np.zeros((2, 5, 5), np.float32), UNET, HERE) == []
    assert slicks_of(np.full((1, 5, 5), SEA, np.float32), UNET, HERE) == []


def test_the_services_thresholds():
    assert default_thresholds("unet") == Thresholds(0.0001, 0.9, 0.5, 0.0, 0.2, 0.0)
    assert default_thresholds("mask_rcnn") == Thresholds(0.3, 0.5, 0.1, 0.4, 0.2, 0.0)


def test_asked_thresholds_come_before_the_cards_and_those_before_the_services():
    card = {"pixel_score_thresh": 0.8, "poly_score_thresh": 0.4, "something": 3.0}
    chosen = thresholds_of("unet", card, {"poly_score_thresh": 0.3})
    assert (chosen.bbox_score_thresh, chosen.pixel_score_thresh, chosen.poly_score_thresh) == (0.0001, 0.8, 0.3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("poly_score_thresh", "write NAME=VALUE as in poly_score_thresh=0.4"),
        ("poly_score_thresh=much", "write NAME=VALUE"),
        ("poly_thresh=0.4", "threshold 'poly_thresh' is not known; there are bbox_score_thresh, pixel_score_thresh"),
        ("poly_score_thresh=1.5", "threshold poly_score_thresh 1.5 cannot be; give 0 to 1"),
        ("poly_score_thresh=nan", "threshold poly_score_thresh nan cannot be"),
    ],
)
def test_thresholds_that_cannot_be(text, message):
    with pytest.raises(UsageError, match=message):
        thresholds_of("unet", {}, dict([parse_threshold(text)]))


def by_whole_arrays(planes, transform, rim):
    """The service's rules once more, plainly, one mask a slick: outline, class and median of each."""
    total = planes.sum(axis=0)
    islands, count = label(total >= UNET.bbox_score_thresh)
    nodata = shapely.union_all(
        [shape(g) for g, _ in shapes(np.uint8(total == 0), mask=total == 0, transform=transform)]
    )
    edge = nodata.buffer(rim)
    found = []
    for number in range(1, count + 1):
        if total[islands == number].max() < UNET.pixel_score_thresh:
            continue
        mask = (islands == number) & (total >= UNET.poly_score_thresh)
        parts = [shape(g) for g, _ in shapes(np.uint8(mask), mask=mask, transform=transform)]
        parts = [part for part in parts if part.intersection(edge).area / part.area <= 0.5]
        if parts:
            inside = geometry_mask(parts, total.shape, transform, invert=True)
            best = 1 + int(np.argmax([plane[inside].sum() for plane in planes]))
            found.append((shapely.MultiPolygon(parts), best, float(np.median(total[mask]))))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_the_same_as_whole_arrays_give(seed):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(3, 60, 80)), (0, 2, 2)) * 60 - 20
    planes = (np.exp(smooth) / (1 + np.exp(smooth).sum(axis=0))).astype(np.float32)
    planes[:, :, : rng.integers(1, 20)] = 0
    place = Affine(0.001, 0, 10, 0, -0.001, 40)
    expected = by_whole_arrays(planes, place, 0.005)
    ours = slicks_in(cut(planes, {7, 20, 33}), UNET, place)
    assert len(ours) == len(expected) >= 2
    for slick, (outline, best, median) in zip(ours, expected, strict=True):
        assert slick.geometry.symmetric_difference(outline).area < 1e-12
        assert (slick.class_id, slick.median_conf) == (best, pytest.approx(median))
