"""Scores of detections: Lightly's, and how sure Mask R-CNN is over several passes."""

import numpy as np
import pytest
from datasets_made import box_mask
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.models.predictor import Detections
from ceruleanml.selection.detections import (
    RunningCertainty,
    box_iou,
    classification,
    mask_certainties,
    mask_uncertainty,
    object_count,
    object_frequency,
    objectness_least_confidence,
    on_data,
)
from ceruleanml.selection.uncertainty import entropy, least_confidence, margin

HERE, APART = box_mask(slice(4, 12), slice(4, 12)), box_mask(slice(20, 30), slice(20, 30))


def found(*instances, side=32):
    """Detections of (mask, score, label), their boxes around their masks."""
    boxes = []
    for mask, _, _ in instances:
        rows, cols = np.nonzero(mask)
        boxes.append([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])
    masks = np.array([mask for mask, _, _ in instances], np.float32).reshape(-1, side, side)
    scores, labels = ([one[place] for one in instances] for place in (1, 2))
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(scores, np.float32), masks
    )


NOTHING = found()


@pytest.mark.parametrize(
    ("labels", "count"), [([], 0), ([1], 1), ([1, 1], 1.25), ([1, 2], 2), ([1, 1, 2, 1, 2], 1.5 + 1.25)]
)
def test_the_first_object_of_a_class_counts_most(labels, count):
    assert object_count(labels) == count


def test_frequency_is_scaled_over_the_whole_data_set():
    assert object_frequency([0, 1, 2, np.nan]) == pytest.approx([0.9, 0.95, 1.0, np.nan], nan_ok=True)
    assert object_frequency([3, 3]).tolist() == [1, 1]
    assert object_frequency([]).shape == (0,)


def test_an_image_without_objects_has_nothing_to_be_unsure_of():
    assert objectness_least_confidence([]) == 0
    assert objectness_least_confidence([0.9, 0.5]) == pytest.approx(0.3)
    for measure in (least_confidence, margin, entropy):
        assert classification(measure, np.zeros((0, 3))) == 0
        assert classification(measure, np.zeros((0, 1))) == 0


def test_the_least_sure_object_counts():
    p = [[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]
    assert classification(least_confidence, p) == pytest.approx(0.75)
    assert classification(margin, p) == pytest.approx(1.0)
    assert classification(entropy, p) == pytest.approx(0.7298, abs=1e-4)
    assert classification(least_confidence, [[0.1], [0.7]]) == pytest.approx(0.6)


def test_passes_that_all_say_the_same_surely_are_certain():
    assert mask_certainties([found((HERE, 1.0, 1))] * 4, 3).tolist() == [[1, 1, 1]]
    assert mask_uncertainty([found((HERE, 1.0, 1))] * 4, 3) == 0
    assert mask_uncertainty([NOTHING, NOTHING], 3) == 0
    assert mask_certainties([], 3).shape == (0, 3)


def test_occurrence_is_the_share_of_passes():
    sure = found((HERE, 1.0, 1))
    assert mask_certainties([sure, NOTHING, NOTHING, sure], 3).tolist() == [[1, 1, 0.5]]
    assert mask_uncertainty([sure, NOTHING, NOTHING, sure], 3) == 0.5


def test_semantic_certainty_falls_with_scores_and_with_labels_that_change():
    p = [0.4, 0.6, 0.0]
    assert mask_certainties([found((HERE, 0.6, 1))] * 2, 3)[0] == pytest.approx([1 - entropy(p), 1, 1])
    other = mask_certainties([found((HERE, 1.0, 1)), found((HERE, 1.0, 2))], 3)[0]
    assert other == pytest.approx([1 - entropy([0, 0.5, 0.5]), 1, 1])


def test_spatial_certainty_is_the_overlap_with_the_mean():
    half = box_mask(slice(4, 12), slice(4, 10))
    passes = [found((HERE, 1.0, 1)), found((half, 1.0, 1))]
    boxes = np.mean([56 / 64, 48 / 56])  # with the mean box, which is 7 wide
    masks = np.mean([1, 48 / 64])  # with what at least half of the passes cover
    assert mask_certainties(passes, 3)[0] == pytest.approx([1, boxes * masks, 1])


def test_instances_apart_are_told_apart_and_the_least_certain_one_counts():
    passes = [found((HERE, 1.0, 1), (APART, 1.0, 1)), found((HERE, 1.0, 1))]
    assert mask_certainties(passes, 3).tolist() == [[1, 1, 1], [1, 1, 0.5]]
    assert mask_uncertainty(passes, 3) == 0.5


def test_two_finds_of_one_pass_are_two_instances():
    assert mask_certainties([found((HERE, 1.0, 1), (HERE, 0.9, 2))], 3).shape == (2, 3)


def test_a_mask_without_a_pixel_is_no_instance():
    faint = Detections(*[getattr(found((HERE, 1.0, 1)), name) for name in ("boxes", "labels", "scores")],
                       np.full((1, 32, 32), 0.4, np.float32))  # fmt: skip
    assert mask_certainties([faint], 3).shape == (0, 3)


@given(st.lists(st.sampled_from([NOTHING, found((HERE, 0.8, 1)), found((HERE, 0.3, 2), (APART, 0.7, 1))]), max_size=6))
def test_certainties_are_shares_and_streaming_gives_the_same(passes):
    running = RunningCertainty(3)
    for one in passes:
        running.add(one)
    certainties = mask_certainties(passes, 3)
    assert running.certainties().tolist() == certainties.tolist()
    assert np.all((certainties >= 0) & (certainties <= 1 + 1e-12))
    assert 0 <= mask_uncertainty(passes, 3) <= 1


def test_iou_of_boxes():
    assert box_iou([[0, 0, 2, 2]], [[1, 1, 3, 3], [5, 5, 6, 6], [0, 0, 2, 2]]).tolist() == [[1 / 7, 0, 1]]


def test_detections_where_nothing_was_measured_are_left_out():
    valid = np.ones((20, 32), bool)
    valid[:, 16:] = False
    kept = on_data(found((HERE, 1.0, 1), (APART, 1.0, 1)), valid)
    assert kept.masks.shape == (1, 20, 32) and kept.scores.tolist() == [1]
