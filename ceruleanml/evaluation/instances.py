"""The slicks that a model gives on one tile, by the rules of the serving post-processing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.matching import Instance
from ceruleanml.inference.postprocess_maskrcnn import reduced
from ceruleanml.inference.thresholds import Thresholds
from ceruleanml.models.predictor import Detections

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def component_instances(probabilities: Floats, valid: Mask, thresholds: Thresholds) -> tuple[Instance, ...]:
    """The slicks of a U-Net's probabilities (classes, rows, columns) on one tile, the best score first.

    Pixels whose slick probability reaches `bbox_score_thresh` and that touch by their sides are one slick. It is
    outlined where the probability reaches `poly_score_thresh`; its class is the one of the largest sum there, its score
    the median there. Its gate is its highest pixel, and those that do not reach `pixel_score_thresh` are among them.
    """
    from scipy import ndimage

    slick = np.where(valid, np.clip(probabilities[1:].sum(axis=0), 0, 1), np.float32(0))
    parts, _ = ndimage.label(slick >= np.float32(thresholds.bbox_score_thresh))
    found = []
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        inside = (parts[box] == number) & (slick[box] >= np.float32(thresholds.poly_score_thresh))
        if not inside.any():
            continue
        values = slick[box][inside]
        class_id = 1 + int(np.argmax(probabilities[1:, *box][:, inside].sum(axis=1, dtype=np.float64)))
        mask, soft = np.zeros(slick.shape, bool), np.zeros(slick.shape, np.float32)
        mask[box] = inside
        soft[box] = np.where(parts[box] == number, slick[box], np.float32(0))
        found.append(Instance(class_id, mask, float(np.median(values)), float(values.max()), soft))
    return tuple(sorted(found, key=lambda one: -one.score))


def given_instances(detections: Detections, valid: Mask, thresholds: Thresholds) -> tuple[Instance, ...]:
    """The slicks of a Mask R-CNN on one tile, the best score first, also those under the threshold of the score.

    Weak masks and doubles are left out as in serving; pixels above `poly_score_thresh` belong to a slick.
    """
    height, width = valid.shape
    order = np.argsort(-detections.scores, kind="stable")
    masks = np.where(valid, detections.masks[order][:, :height, :width], np.float32(0))
    sorted_ones = Detections(detections.boxes[order], detections.labels[order], detections.scores[order], masks)
    kept = reduced(sorted_ones, replace(thresholds, bbox_score_thresh=-1.0))
    found = []
    for label, score, soft in zip(kept.labels, kept.scores, kept.masks, strict=True):
        mask = soft > thresholds.poly_score_thresh
        if mask.any():
            found.append(Instance(int(label), mask, float(score), float(score), soft))
    return tuple(found)
