"""How unsure detections are: Lightly's scores of one image, and Mask R-CNN's certainty over stochastic passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ceruleanml.models.predictor import Detections
from ceruleanml.selection.arrays import Floats
from ceruleanml.selection.uncertainty import entropy

FURTHER_OBJECT = 0.25
FREQUENCY_RANGE = (0.9, 1.0)
SAME_INSTANCE_IOU = 0.5
INSIDE = 0.5
"""The mask's probability above which a pixel belongs to an instance."""
Rle = dict[str, Any]
Mask = NDArray[np.bool_]


def object_count(labels: ArrayLike) -> float:
    """The weighted number of objects of an image: the first of a class counts 1, each further one 0.25."""
    counts = Counter(np.asarray(labels).ravel().tolist())
    return float(sum(1 + FURTHER_OBJECT * (count - 1) for count in counts.values()))


def object_frequency(counts: ArrayLike) -> Floats:
    """The weighted numbers of objects of all images, scaled by their minimum and maximum to [0.9, 1], float64 (n,).

    It needs the whole data set. NaN stays NaN; where all are equal they are 1. Source: Lightly's scorer.
    """
    values = np.asarray(counts, np.float64)
    known = values[~np.isnan(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    share = (values - low) / (high - low) if high > low else values * 0 + 1
    return np.asarray(FREQUENCY_RANGE[0] + (FREQUENCY_RANGE[1] - FREQUENCY_RANGE[0]) * share)


def objectness_least_confidence(scores: ArrayLike) -> float:
    """1 - the mean score of an image's objects (k,), 0 without any."""
    values = np.asarray(scores, np.float64)
    return float(1 - values.mean()) if values.size else 0.0


def classification(measure: Callable[[Floats], Any], probabilities: ArrayLike) -> float:
    """The greatest uncertainty of an image's objects, 0 without any.

    `measure` is one of `uncertainty`, `probabilities` (k, classes); scores alone are the one column (k, 1).
    """
    values = np.asarray(probabilities, np.float64)
    return float(np.max(measure(values))) if values.size else 0.0


def mask_certainties(passes: Iterable[Detections], classes: int) -> Floats:
    """What `RunningCertainty` gives of these passes, float64 (instances, 3)."""
    running = RunningCertainty(classes)
    for found in passes:
        running.add(found)
    return running.certainties()


def mask_uncertainty(passes: Iterable[Detections], classes: int) -> float:
    """1 - semantic x spatial x occurrence certainty of the least certain instance of an image, 0 without any."""
    return least_certain(mask_certainties(passes, classes))


def least_certain(certainties: Floats) -> float:
    """1 - the smallest product of an instance's certainties (instances, 3), 0 without any."""
    return float(1 - certainties.prod(axis=1).min(initial=1.0))


def on_data(found: Detections, valid: Mask) -> Detections:
    """The detections that cover a pixel with data, their masks cut to the tile; `valid` is (rows, columns)."""
    height, width = valid.shape
    masks = np.where(valid, found.masks[:, :height, :width], np.float32(0))
    kept = (masks > INSIDE).any(axis=(1, 2))
    return Detections(found.boxes[kept], found.labels[kept], found.scores[kept], masks[kept])


class RunningCertainty:
    """Semantic, spatial and occurrence certainty of the instances that passes over one image find.

    Passes come one at a time; of each instance the run lengths of its masks and one sum of them are held. An instance
    is what passes found in one place: the IoU of its masks with the first one is above 0.5. `classes` counts the
    background too.
    - semantic: 1 - the normalised entropy of the mean over its finds of (1 - score on background, score on its label),
      which is all that detections tell of their classes;
    - spatial: mean IoU of its boxes with their mean box x mean IoU of its masks with what at least half of them cover;
    - occurrence: the share of passes that found it.
    Source: Morrison et al. 2019 and MaskAL, Blok et al. 2022, which takes the mean of entropies instead.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._passes = 0
        self._instances: list[_Instance] = []

    def add(self, found: Detections) -> None:
        """Take in one pass: each detection, the best first, goes to the instance it overlaps most, or is a new one."""
        self._passes += 1
        for place in np.argsort(-found.scores, kind="stable"):
            mask = found.masks[place] > INSIDE
            if mask.any():
                chances = np.zeros(self._classes)
                chances[[0, found.labels[place]]] = 1 - found.scores[place], found.scores[place]
                self._take(_Find(found.boxes[place], _rle(mask), chances), mask)

    def certainties(self) -> Floats:
        """The three certainties of each instance, float64 (instances, 3), each from 0 to 1."""
        return np.array([one.certainty(self._passes) for one in self._instances], np.float64).reshape(-1, 3)

    def _take(self, find: _Find, mask: Mask) -> None:
        free = [one for one in self._instances if one.last < self._passes]
        ious = _mask_iou([find.rle], [one.finds[0].rle for one in free])[0]
        if ious.max(initial=0.0) > SAME_INSTANCE_IOU:
            one = free[int(ious.argmax())]
        else:
            one = _Instance([], np.zeros(mask.shape, np.uint16), 0)
            self._instances.append(one)
        one.finds.append(find)
        one.covered += mask
        one.last = self._passes


@dataclass(frozen=True, eq=False)
class _Find:
    """One detection: its box (4,), its mask as run lengths, and its probabilities (classes,)."""

    box: NDArray[np.float32]
    rle: Rle
    chances: Floats


@dataclass(eq=False)
class _Instance:
    """What passes found in one place, how many of them cover each pixel, and the last of these passes."""

    finds: list[_Find]
    covered: NDArray[np.uint16]
    last: int

    def certainty(self, passes: int) -> tuple[float, float, float]:
        """Semantic, spatial and occurrence certainty."""
        found = len(self.finds)
        boxes = np.stack([one.box for one in self.finds]).astype(np.float64)
        common = _rle(self.covered >= found / 2)
        spatial = box_iou(boxes, boxes.mean(axis=0)[None]).mean()
        spatial *= _mask_iou([one.rle for one in self.finds], [common]).mean()
        semantic = 1 - entropy(np.mean([one.chances for one in self.finds], axis=0))
        return float(semantic), float(spatial), found / passes


def box_iou(boxes: ArrayLike, others: ArrayLike) -> Floats:
    """The IoU of boxes (n, 4) as x0, y0, x1, y1 with others (m, 4), float64 (n, m)."""
    one, two = np.asarray(boxes, np.float64)[:, None], np.asarray(others, np.float64)[None]
    sides = np.minimum(one[..., 2:], two[..., 2:]) - np.maximum(one[..., :2], two[..., :2])
    shared = np.maximum(sides, 0).prod(axis=-1)
    areas = [(both[..., 2:] - both[..., :2]).prod(axis=-1) for both in (one, two)]
    return np.asarray(shared / np.maximum(areas[0] + areas[1] - shared, 1e-12))


def _rle(mask: Mask) -> Rle:
    from pycocotools import mask as coco_mask

    encoded: Rle = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return encoded


def _mask_iou(masks: list[Rle], others: list[Rle]) -> Floats:
    """The IoU of run lengths (n) with others (m), float64 (n, m)."""
    from pycocotools import mask as coco_mask

    if not masks or not others:
        return np.zeros((len(masks), len(others)))
    return np.asarray(coco_mask.iou(masks, others, [False] * len(others)), np.float64)
