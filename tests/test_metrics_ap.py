"""Average precision is COCO's: the same numbers as pycocotools and faster-coco-eval."""

import contextlib
import io

import numpy as np
import pytest
from evaluations_made import instance, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from ceruleanml.evaluation.average_precision import IOUS, average_precision, coco_matches
from ceruleanml.evaluation.counts import Tally
from ceruleanml.evaluation.figures import precision_by_iou
from ceruleanml.evaluation.judging import TileAnswer, TileTruth, judge

SIDE = 12


def boxes(rng, count, classes=2):
    """Overlapping rectangles at random, with a class and a score each; scores repeat."""
    found = []
    for _ in range(count):
        row, col = rng.integers(0, SIDE - 3, 2)
        height, width = rng.integers(1, 7, 2)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[row : row + height, col : col + width] = True
        found.append(instance(mask, int(rng.integers(1, classes + 1)), round(float(rng.random()), 1)))
    return sorted(found, key=lambda one: -one.score)


def coco_by(module, evaluator, labels, found):
    """COCO's average precision of each class, (classes, 19), by another's implementation."""
    images = [{"id": number, "height": SIDE, "width": SIDE} for number in range(1, len(labels) + 1)]
    annotations, results = [], []
    for number, (of_labels, of_found) in enumerate(zip(labels, found, strict=True), start=1):
        annotations += [
            {"id": len(annotations) + n, "image_id": number, "category_id": one.class_id, "iscrowd": 0,
             "area": one.area, "bbox": [0, 0, SIDE, SIDE],
             "segmentation": {"size": [SIDE, SIDE], "counts": one.rle["counts"].decode()}}
            for n, one in enumerate(of_labels, start=1)
        ]  # fmt: skip
        results += [
            {"image_id": number, "category_id": one.class_id, "score": one.score,
             "segmentation": {"size": [SIDE, SIDE], "counts": one.rle["counts"].decode()}}
            for one in of_found
        ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        truth = module()
        truth.dataset = {"images": images, "annotations": annotations, "info": {},
                         "categories": [{"id": n, "name": str(n)} for n in (1, 2)]}  # fmt: skip
        truth.createIndex()
        run = evaluator(truth, truth.loadRes(results), "segm")
        run.params.iouThrs = IOUS
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][:, :, :, 0, -1]  # IoU, recall, class
    return np.where(precision[:, 0] < 0, np.nan, precision.mean(axis=1)).T


def ours(labels, found, scenes=None, weights=None):
    scenes = scenes or ["a"] * len(labels)
    tally = Tally(("background", "x", "y"), dict.fromkeys(sorted(set(scenes)), 1.0))
    for of_labels, of_found, scene in zip(labels, found, scenes, strict=True):
        nothing = np.zeros((SIDE, SIDE), np.uint8)
        truth = TileTruth(nothing, of_labels, np.ones((SIDE, SIDE), bool))
        tally.add(scene, judge(truth, TileAnswer(nothing.astype(np.float32), nothing, of_found), rules()))
    weights = np.ones((1, len(set(scenes)))) if weights is None else weights
    by_class = precision_by_iou(tally.counts(), weights)
    return np.stack([by_class["x"], by_class["y"]], axis=1)


def random_case(seed, tiles=4):
    rng = np.random.Generator(np.random.PCG64(seed))
    return (
        [boxes(rng, int(rng.integers(0, 5))) for _ in range(tiles)],
        [boxes(rng, int(rng.integers(0, 7))) for _ in range(tiles)],
    )


def test_the_hundred_best_detections_of_a_class_on_a_tile_count():
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    places = np.eye(SIDE * SIDE, dtype=bool).reshape(-1, SIDE, SIDE)
    many = [instance(mask, 1, 0.9) for mask in places[:102]]
    labels, found = [[], [instance(places[0], 1)]], [many, [instance(places[0], 1, 0.1)]]
    precision = ours(labels, found)[0]
    np.testing.assert_allclose(precision, coco_by(COCO, COCOeval, labels, found), atol=1e-12)
    assert precision[0] == pytest.approx(1 / 101)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_it_equals_pycocotools(seed):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels, found = random_case(seed)
    if any(labels) and any(found):
        np.testing.assert_allclose(ours(labels, found)[0], coco_by(COCO, COCOeval, labels, found), atol=1e-12)


def test_it_equals_faster_coco_eval():
    from faster_coco_eval import COCO, COCOeval_faster

    for seed in range(5):
        labels, found = random_case(seed, tiles=8)
        np.testing.assert_allclose(ours(labels, found)[0], coco_by(COCO, COCOeval_faster, labels, found), atol=1e-12)


def test_weights_are_repeated_scenes():
    """A scene of weight 2 counts as if it stood there twice, one of weight 0 as if it were not there."""
    labels, found = random_case(7)
    scenes = ["a", "a", "b", "c"]
    for one in (one for of_tile in found for one in of_tile):  # ties would be broken by the order of tiles
        object.__setattr__(one, "score", one.score + 1e-6 * id(one) % 1e-3)
    found = [sorted(of_tile, key=lambda one: -one.score) for of_tile in found]
    weighed = ours(labels, found, scenes, np.array([[2.0, 1.0, 0.0]]))[0]
    repeated = ours([*labels[:2], *labels[:2], labels[2]], [*found[:2], *found[:2], found[2]])[0]
    np.testing.assert_allclose(weighed, repeated)


def test_a_curve_by_hand():
    """Right, wrong, right of three labelled: precision 1 to recall 1/3, then 2/3 to recall 2/3, then 0."""
    hits = np.broadcast_to(np.array([[True], [False], [True]]), (3, len(IOUS)))
    one_scene = (np.zeros(3, np.int64), np.ones((1, 1)), np.array([3.0]))
    found = average_precision(np.array([0.9, 0.8, 0.7]), hits, np.ones_like(hits), *one_scene)
    assert found.shape == (1, 19)
    np.testing.assert_allclose(found, (34 * 1 + 33 * 2 / 3) / 101)


def test_without_labels_it_is_undefined_and_without_detections_zero():
    none = np.zeros((0, 19), bool)
    empty = (np.zeros(0), none, none, np.zeros(0, np.int64), np.ones((2, 1)))
    np.testing.assert_array_equal(average_precision(*empty, np.array([0.0, 3.0])), [[np.nan] * 19, [0.0] * 19])


def test_a_detection_takes_the_free_label_of_greatest_iou():
    found = coco_matches(np.array([[0.6, 0.7], [0.0, 0.65]]))
    at = {round(float(level), 2): number for number, level in enumerate(IOUS)}
    assert found[0, at[0.7]] == 1 and found[0, at[0.75]] == -1
    assert (found[1] == -1).all()  # the other label is out of its reach
    assert coco_matches(np.array([[0.5, 0.5]]))[0, 0] == 1  # of equals the later one
    assert coco_matches(np.zeros((2, 0))).shape == (2, 19)


@pytest.mark.parametrize(("iou", "levels"), [(0.049, 0), (0.05, 1), (0.5, 10), (0.96, 19)])
def test_a_lone_pair_matches_up_to_its_iou(iou, levels):
    assert (coco_matches(np.array([[iou]])) == 0).sum() == levels
