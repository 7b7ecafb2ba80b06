"""Pixel and instance metrics on masks that one can check by eye, and the laws they obey."""

import numpy as np
import pytest
from evaluations_made import instance, rules
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceruleanml.evaluation.boundary import boundary, boundary_overlap, tolerant_f1, tolerant_parts
from ceruleanml.evaluation.confusion import by_column, by_row, confusion, overlap_figures, ratio, slick_parts
from ceruleanml.evaluation.counts import Tally, read_counts, write_counts
from ceruleanml.evaluation.figures import figures
from ceruleanml.evaluation.instances import component_instances, given_instances
from ceruleanml.evaluation.judging import TileAnswer, TileTruth, judge
from ceruleanml.evaluation.matching import covered, instance_confusion, mask_iou, one_to_one, soft_dice
from ceruleanml.inference.thresholds import default_thresholds
from ceruleanml.models.predictor import Detections

UNET, MASK_RCNN = default_thresholds("unet"), default_thresholds("mask_rcnn")
MASKS = arrays(bool, (6, 7))
IDS = arrays(np.uint8, (6, 7), elements=st.integers(0, 2))


def drawn(text):
    """The mask of a drawing: # is set."""
    return np.array([[sign == "#" for sign in line] for line in text.split()])


def test_pixel_confusion_counts_each_pixel_once():
    labelled = np.array([[0, 1, 1], [2, 2, 3]])
    predicted = np.array([[0, 1, 0], [2, 1, 1]])
    assert confusion(labelled, predicted, 4, 3).tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 1, 0]]


def test_rows_and_columns_are_shares_and_empty_ones_undefined():
    matrix = np.array([[3, 1, 0], [0, 0, 0], [1, 1, 0]])
    np.testing.assert_array_equal(by_row(matrix), [[0.75, 0.25, 0], [np.nan] * 3, [0.5, 0.5, 0]])
    np.testing.assert_array_equal(by_column(matrix), [[0.75, 0.5, np.nan], [0, 0, np.nan], [0.25, 0.5, np.nan]])


def test_slick_against_none_takes_a_slick_of_another_class_as_right():
    both, labelled, predicted = slick_parts(np.array([[10, 1, 0], [2, 5, 3], [0, 4, 6], [1, 7, 0]]))
    assert (both, labelled, predicted) == (25, 28, 26)


@given(IDS, IDS)
def test_confusion_sums_to_the_pixels_and_turns_with_its_arguments(one, other):
    matrix = confusion(one, other, 3, 3)
    assert matrix.sum() == one.size
    np.testing.assert_array_equal(matrix, confusion(other, one, 3, 3).T)


@given(MASKS, MASKS)
def test_iou_is_symmetric_and_below_dice(one, other):
    here = overlap_figures(*(np.array(n) for n in ((one & other).sum(), one.sum(), other.sum())))
    there = overlap_figures(*(np.array(n) for n in ((one & other).sum(), other.sum(), one.sum())))
    np.testing.assert_array_equal(here["iou"], there["iou"])
    np.testing.assert_array_equal(here["precision"], there["recall"])
    if one.any() or other.any():
        assert here["dice"] == pytest.approx(2 * here["iou"] / (1 + here["iou"]))
        assert 0 <= here["iou"] <= here["dice"] <= 1
    else:
        assert np.isnan(here["iou"]) and np.isnan(here["dice"])


def test_ratio_of_nothing_is_undefined_without_a_warning():
    np.testing.assert_array_equal(ratio([1, 0, 3], [2, 0, 0]), [0.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("overlap", "least", "pairs"),
    [
        ([[0.9, 0.8], [0.85, 0.1]], 0.25, [(0, 0)]),  # the best pair first; what is left overlaps too little
        ([[0.9, 0.8], [0.85, 0.3]], 0.25, [(0, 0), (1, 1)]),
        ([[0.5, 0.5]], 0.25, [(0, 0)]),  # equal ones in order
        ([[0.2]], 0.25, []),
        ([[0.25]], 0.25, [(0, 0)]),
        ([[0.0]], 0.0, []),  # no overlap is no match, whatever the least
    ],
)
def test_matching(overlap, least, pairs):
    assert one_to_one(np.array(overlap), least) == pairs


@given(arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 5)), elements=st.floats(0, 1)))
def test_matching_is_one_to_one_and_leaves_no_pair_that_could_be(overlap):
    pairs = one_to_one(overlap, 0.3)
    rows, columns = [row for row, _ in pairs], [column for _, column in pairs]
    assert len(set(rows)) == len(rows) and len(set(columns)) == len(columns)
    free = np.delete(np.delete(overlap, rows, axis=0), columns, axis=1)
    assert not (free >= 0.3).any()


def test_instance_confusion_counts_missed_and_false_ones():
    left, right = drawn("##.... ##...."), drawn("....## ....##")
    labelled = [instance(left, 1), instance(right, 3)]
    predicted = [instance(left, 2), instance(drawn("..##.. ......"), 1)]
    matrix = instance_confusion(predicted, labelled, mask_iou(predicted, labelled), 0.25, 4, 3)
    assert matrix.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_soft_dice_of_sharp_masks_is_dice_and_of_soft_ones_less():
    one, other = drawn("###."), drawn(".###")
    assert soft_dice([instance(one)], [instance(other)])[0, 0] == pytest.approx(2 * 2 / 6)
    soft = np.array([[0.25, 0.25, 0.25, 0]], np.float32)
    # 2 (.5 + .5) / (.75 + 3)
    assert soft_dice([instance(one, soft=soft)], [instance(other)])[0, 0] == pytest.approx(2 / 3.75)


@given(MASKS, MASKS)
def test_a_dice_of_04_is_an_iou_of_025(one, other):
    if one.any() and other.any():
        iou, dice = mask_iou([instance(one)], [instance(other)]), soft_dice([instance(one)], [instance(other)])
        assert mask_iou([instance(other)], [instance(one)]) == iou
        assert (iou[0, 0] >= 0.25) == (dice[0, 0] >= 0.4 - 1e-12)


def test_cover_is_by_all_others_together():
    halves = [instance(drawn("#...")), instance(drawn(".#.."))]
    assert covered([instance(drawn("####"))], halves).tolist() == [0.5]
    assert covered(halves, []).tolist() == [0, 0]


def test_the_boundary_is_the_rim_inwards_and_not_where_the_tile_cuts():
    mask = drawn("...... .####. .####. .####. .####. ......")
    assert boundary(mask, 1).astype(int).sum() == 12
    assert (boundary(mask, 2) == mask).all()
    assert not boundary(np.ones((4, 4), bool), 1).any()
    assert boundary(drawn("##.. ##.. ##.."), 1).tolist() == drawn(".#.. .#.. .#..").tolist()


def test_one_pixel_aside_costs_a_thin_slick_all_its_iou_but_no_tolerant_f1():
    one, other = drawn("...... ###### ...... ......"), drawn("...... ...... ###### ......")
    assert boundary_overlap(one, other, 2) == (0, 12)
    assert tolerant_parts(one, other) == (6, 6, 6, 6)
    assert tolerant_f1(np.array(tolerant_parts(one, other))) == 1
    assert tolerant_parts(one, drawn("...... ...... ...... ######")) == (0, 6, 0, 6)


@pytest.mark.parametrize(
    ("parts", "f1"), [((0, 0, 0, 0), np.nan), ((0, 0, 0, 5), 0), ((0, 5, 0, 0), 0), ((2, 4, 1, 1), 2 / 3)]
)
def test_tolerant_f1(parts, f1):
    np.testing.assert_allclose(tolerant_f1(np.array(parts)), f1)


@given(MASKS, MASKS)
def test_boundary_iou_is_symmetric_and_tolerance_only_forgives(one, other):
    assert boundary_overlap(one, other, 1) == boundary_overlap(other, one, 1)
    precise, predicted, recalled, labelled = tolerant_parts(one, other)
    assert (one & other).sum() <= min(precise, recalled)
    assert (precise, predicted, recalled, labelled) == tuple(np.roll(tolerant_parts(other, one), 2))


def probabilities_of(rows):
    slick = np.array(rows, np.float32)
    return np.stack([1 - slick, 0.75 * slick, 0.25 * slick])


def test_components_of_a_u_net():
    shown = probabilities_of([[0.95, 0.6, 0, 0.6], [0.3, 0, 0, 0.7], [0, 0, 0, 0]])
    one, other = component_instances(shown, np.ones((3, 4), bool), UNET)
    assert one.mask.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert (one.class_id, one.gate, one.score) == (1, pytest.approx(0.95), pytest.approx(0.775))
    assert one.soft[1, 0] == pytest.approx(0.3)
    assert other.gate == pytest.approx(0.7)
    assert rules().gives(one) and not rules().gives(other)


def test_components_do_not_reach_into_nodata():
    valid = np.array([[True, True, False, True]])
    found = component_instances(probabilities_of([[0.95, 0.95, 0.95, 0.95]]), valid, UNET)
    assert sorted(one.mask.astype(int).tolist() for one in found) == [[[0, 0, 0, 1]], [[1, 1, 0, 0]]]


@given(arrays(np.float32, (2, 6, 7), elements=st.sampled_from([0, 0.00004, 0.1, 0.25, 0.46, 0.5])))
def test_components_are_those_of_whole_scenes(slick):
    """The slicks on a tile are the outlines that inference cuts, but for the rim of nodata."""
    from affine import Affine

    from ceruleanml.inference.postprocess_unet import slicks_of

    shown = np.concatenate([1 - slick.sum(axis=0, keepdims=True), slick])
    outlined = slicks_of(slick, UNET, Affine.identity(), rim=0.0)
    mine = [one for one in component_instances(shown, np.ones((6, 7), bool), UNET) if rules().gives(one)]
    theirs = sorted((s.geometry.area, s.class_id, s.median_conf) for s in outlined)
    assert len(mine) == len(theirs)
    np.testing.assert_allclose(sorted((one.area, one.class_id, one.score) for one in mine), theirs)


def test_detections_are_reduced_as_in_serving_whatever_their_score():
    masks = np.zeros((4, 2, 4), np.float32)
    masks[0, 0], masks[1, 0], masks[2, 1], masks[3, 0, 0] = 0.9, 0.8, 0.4, 0.9
    found = Detections(np.zeros((4, 4), np.float32), np.array([1, 1, 1, 2]), np.array([0.2, 0.9, 0.8, 0.05]), masks)
    first, second = given_instances(found, np.ones((2, 4), bool), MASK_RCNN)
    assert (first.score, first.class_id, first.area) == (0.9, 1, 4)  # [0] doubles it, [2] stays under 0.5
    assert (second.score, second.class_id, second.area) == (0.05, 2, 1)
    judged = rules(kind="mask_rcnn")
    assert judged.gives(first) and not judged.gives(second)


@pytest.mark.parametrize("count", [0, 4])
def test_merging_is_that_of_the_network(count):
    import torch

    from ceruleanml.inference.scanning import merged as merged_arrays
    from ceruleanml.models.mask_rcnn import merged

    rng = np.random.Generator(np.random.PCG64(count))
    scores, masks = rng.random(count).astype(np.float32), rng.random((count, 5, 6)).astype(np.float32)
    labels = np.array([1, 2, 2, 1][:count], np.int64)
    named = {"labels": labels, "scores": scores, "masks": masks[:, None]}
    theirs = merged({name: torch.from_numpy(value) for name, value in named.items()}, 3, (5, 6)).numpy()
    ours = merged_arrays(Detections(np.zeros((count, 4), np.float32), labels, scores, masks), 3)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    np.testing.assert_allclose(ours.sum(axis=0), 1, atol=1e-6)


def tile(seed, slicks=True):
    """A tile's truth and answer, at random."""
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = np.kron(rng.integers(0, 4, (3, 3)), np.ones((4, 4))).astype(np.uint8) * slicks
    probabilities = rng.dirichlet((1, 0.3, 0.3), (12, 12)).astype(np.float32).transpose(2, 0, 1)
    valid = rng.random((12, 12)) > 0.1
    labelled = [instance((rows == number) & valid, number) for number in (1, 2, 3) if ((rows == number) & valid).any()]
    slick = probabilities[1:].sum(axis=0)
    class_ids = np.where(slick > 0.5, probabilities[1:].argmax(axis=0) + 1, 0).astype(np.uint8)
    found = component_instances(probabilities, valid, UNET)
    return TileTruth(rows, labelled, valid), TileAnswer(slick, class_ids, found)


def test_tiles_may_come_in_any_order(tmp_path):
    """Counting tile by tile is counting all at once: sums do not depend on the order."""
    judged = [(name, judge(*tile(seed), rules())) for seed, name in enumerate("aabcc")]
    found = []
    for order in (judged, judged[::-1]):
        tally = Tally(("background", "x", "y"), dict.fromkeys("cab", 0.01))
        for name, counts in order:
            tally.add(name, counts)
        write_counts(tmp_path / "counts.npz", tally.counts())
        found.append(figures(read_counts(tmp_path / "counts.npz"), np.ones((1, 3))))
    assert found[0].keys() == found[1].keys() and len(found[0]) > 40
    for key, value in found[0].items():
        np.testing.assert_allclose(value, found[1][key], err_msg=str(key))
    whole = np.concatenate([tile(seed)[0].rows[tile(seed)[0].valid] for seed in range(5)])
    predicted = np.concatenate([tile(seed)[1].class_ids[tile(seed)[0].valid] for seed in range(5)])
    expected = ((whole > 0) & (predicted > 0)).sum() / ((whole > 0) | (predicted > 0)).sum()
    assert found[0][("slick", "iou")][0] == pytest.approx(expected)


def test_some_scenes_alone_are_as_if_only_they_had_been_judged():
    judged = [(name, judge(*tile(seed), rules())) for seed, name in enumerate("aabcc")]
    whole, part = (Tally(("background", "x", "y"), dict.fromkeys(names, 0.01)) for names in ("abc", "bc"))
    for name, counts in judged:
        whole.add(name, counts)
        if name != "a":
            part.add(name, counts)
    alone, expected = whole.counts().of(np.array([False, True, True])), part.counts()
    assert alone.scene_ids == expected.scene_ids == ("b", "c")
    for mine, theirs in ((alone.sums, expected.sums), (alone.labels, expected.labels), (alone.found, expected.found)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


def test_a_tile_without_label_and_prediction_is_undefined_not_zero():
    empty = np.zeros((12, 12), np.uint8)
    truth = TileTruth(empty, [], np.ones((12, 12), bool))
    tally = Tally(("background", "x", "y"), {"a": 0.01})
    tally.add("a", judge(truth, TileAnswer(np.zeros((12, 12), np.float32), empty, []), rules()))
    found = figures(tally.counts(), np.ones((1, 1)))
    for name in ("iou", "dice", "precision", "recall", "boundary_iou", "tolerant_f1", "instance_f1", "ap", "ap_50"):
        assert np.isnan(found[("slick", name)][0]), name
    assert np.isnan(found[("mean_of_classes", "macro_f1")][0])
    assert found[("slick", "false_alarms_per_10000_km2")][0] == 0
    assert found[("slick", "area_bias_km2")][0] == 0
    assert found[("slick", "ece")][0] == 0


def test_fragments_of_one_slick_detect_it_and_are_no_false_alarms():
    long = drawn("############ ............")
    parts = [instance(drawn("###......... ............")), instance(drawn("......###... ............"))]
    far = instance(drawn("............ .......#####"))
    class_ids = np.maximum.reduce([one.mask for one in (*parts, far)]).astype(np.uint8)
    truth = TileTruth(long.astype(np.uint8), [instance(long)], np.ones(long.shape, bool))
    counts = judge(truth, TileAnswer(class_ids.astype(np.float32), class_ids, [*parts, far]), rules())
    assert counts.sums["detected"].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]
    assert counts.sums["alarms"].tolist() == [[0, 0], [1, 3], [0, 0]]
    assert counts.sums["match_iou"].tolist() == [[0, 2, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert counts.wrong_px == 6 + 5
