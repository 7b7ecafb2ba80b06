"""One tile judged: all that its figures need, as counts that may be added to those of other tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.average_precision import IOUS, MOST_A_TILE, coco_matches
from ceruleanml.evaluation.boundary import boundary_overlap, tolerant_parts
from ceruleanml.evaluation.calibration import probability_counts
from ceruleanml.evaluation.confusion import confusion
from ceruleanml.evaluation.matching import Instance, covered, instance_confusion, mask_iou, one_to_one, soft_dice
from ceruleanml.inference.thresholds import Thresholds

Arrays = dict[str, Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """By what a model of `classes` classes, background included, is judged.

    `thresholds` cut its answers into slicks. `match_iou` and `match_dice` are the least overlaps of slicks that belong
    together: an IoU of 0.25 is a Dice of 0.4, at which the serving post-processing takes two for one. `cover` is the
    least share of a labelled slick that predictions must cover to have found it, and of a predicted one that labels
    must cover for it to be no false alarm.
    """

    kind: str
    classes: int
    thresholds: Thresholds
    boundary_px: int = 2
    match_iou: float = 0.25
    match_dice: float = 0.4
    cover: float = 0.1

    def gives(self, one: Instance) -> bool:
        """Whether a slick is sure enough to be given: a score above the threshold, or a pixel that reaches it."""
        if self.kind == "mask_rcnn":
            return bool(one.gate > np.float32(self.thresholds.bbox_score_thresh))
        return bool(one.gate >= np.float32(self.thresholds.pixel_score_thresh))


@dataclass(frozen=True, eq=False)
class TileTruth:
    """What is labelled on a tile: `rows` (rows, columns) of uint8 class rows, its instances, and where data is."""

    rows: NDArray[np.uint8]
    instances: Sequence[Instance]
    valid: Mask


@dataclass(frozen=True, eq=False)
class TileAnswer:
    """What a model says of a tile.

    `slick` is its slick probability and `class_ids` the class of each pixel, both (rows, columns); `instances` are all
    that it could give, the best score first, also those under the gate.
    """

    slick: NDArray[np.float32]
    class_ids: NDArray[np.uint8]
    instances: Sequence[Instance]


@dataclass(frozen=True, eq=False)
class TileCounts:
    """What a tile adds: `sums` to its scene, a row of `labels` for each labelled and of `found` for each slick given.

    `found["taken"]` is, for each of IOUS, the row in `labels` of the slick it took, -1 for none; `taken_any` the same
    whatever the classes. `wrong_px` counts pixels that are wrong about slick or none.
    """

    sums: Arrays
    labels: Arrays
    found: Arrays
    wrong_px: int


def judge(truth: TileTruth, answer: TileAnswer, rules: Rules) -> TileCounts:
    """The counts of one tile; pixels without data count nowhere."""
    given = np.array([rules.gives(one) for one in answer.instances], bool)
    kept = [one for one, sure in zip(answer.instances, given, strict=True) if sure]
    iou = mask_iou(answer.instances, truth.instances)
    kept_iou = iou[given]
    rows, columns = rules.classes + 1, rules.classes
    matched = (kept, truth.instances)
    alarms = covered(kept, truth.instances) < rules.cover
    hit = covered(truth.instances, kept) >= rules.cover
    sums = {
        **_pixel_counts(truth, answer, rules),
        "match_iou": instance_confusion(*matched, kept_iou, rules.match_iou, rows, columns),
        "match_dice": instance_confusion(*matched, soft_dice(*matched), rules.match_dice, rows, columns),
        "detected": _by_class(truth.instances, hit, rows),
        "alarms": _by_class(kept, alarms, columns),
        "tiles": np.int64(1),
        "labelled_tiles": np.int64(bool(truth.instances)),
    }
    pairs = one_to_one(kept_iou, rules.match_iou)
    labels = _label_table(truth, answer, hit, [column for _, column in pairs])
    found = _found_table(answer.instances, truth.instances, iou)
    found["kept"] = given
    found["matched"] = _marked(given, [row for row, _ in pairs])
    found["alarm"] = _marked(given, np.flatnonzero(alarms).tolist())
    pixel = sums["pixel"]
    wrong = int(pixel[1:, 0].sum() + pixel[0, 1:].sum())
    return TileCounts(sums, labels, found, wrong)


def _pixel_counts(truth: TileTruth, answer: TileAnswer, rules: Rules) -> Arrays:
    valid = truth.valid
    counts, sums = probability_counts(answer.slick[valid], truth.rows[valid] > 0)
    labelled, predicted = np.where(valid, truth.rows, 0), np.where(valid, answer.class_ids, 0)
    boundaries = np.zeros((rules.classes, 2), np.int64)
    near = np.zeros((rules.classes, 4), np.int64)
    for number in range(rules.classes):  # 0: slick of whatever class
        one, other = (ids == number if number else ids > 0 for ids in (labelled, predicted))
        if one.any() or other.any():
            boundaries[number] = boundary_overlap(one, other, rules.boundary_px)
            near[number] = tolerant_parts(one, other)
    return {
        "pixel": confusion(truth.rows[valid], answer.class_ids[valid], rules.classes + 1, rules.classes),
        "boundary": boundaries,
        "near": near,
        "probability": counts,
        "probability_sum": sums,
    }


def _by_class(instances: Sequence[Instance], marked: Mask, classes: int) -> NDArray[np.int64]:
    """How many of each class are marked, and how many there are, (classes, 2)."""
    counts = np.zeros((classes, 2), np.int64)
    for one, mark in zip(instances, marked, strict=True):
        counts[one.class_id] += (bool(mark), 1)
    return counts


def _label_table(truth: TileTruth, answer: TileAnswer, hit: Mask, matched: Sequence[int]) -> Arrays:
    labels = truth.instances
    return {
        "class_id": np.array([one.class_id for one in labels], np.int64),
        "area_px": np.array([one.area for one in labels], np.int64),
        "pixels_hit": np.array([np.count_nonzero(answer.class_ids[one.mask]) for one in labels], np.int64),
        "hit": np.asarray(hit, bool),
        "matched": _marked(np.ones(len(labels), bool), matched),
    }


def _found_table(found: Sequence[Instance], labels: Sequence[Instance], iou: NDArray[np.float64]) -> Arrays:
    classes = np.array([one.class_id for one in found], np.int64)
    label_classes = np.array([one.class_id for one in labels], np.int64)
    taken = np.full((len(found), len(IOUS)), -1, np.int64)
    counted = np.zeros(len(found), bool)
    for number in np.unique(classes):
        mine = np.flatnonzero(classes == number)[:MOST_A_TILE]
        theirs = np.flatnonzero(label_classes == number)
        counted[mine] = True
        if len(theirs):
            matches = coco_matches(iou[np.ix_(mine, theirs)])
            taken[mine] = np.where(matches >= 0, theirs[matches], -1)
    return {
        "class_id": classes,
        "area_px": np.array([one.area for one in found], np.int64),
        "score": np.array([one.score for one in found], np.float64),
        "gate": np.array([one.gate for one in found], np.float64),
        "counted": counted,
        "taken": taken,
        "taken_any": coco_matches(iou) if len(found) else taken,
    }


def _marked(among: NDArray[Any], places: Sequence[int]) -> Mask:
    """True for the places, which are numbered among those that are true in `among`."""
    marks = np.zeros(len(among), bool)
    marks[np.flatnonzero(among)[list(places)]] = True
    return marks
