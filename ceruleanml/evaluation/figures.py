"""The figures: each from counts summed over scenes, for many weightings of the scenes at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.average_precision import IOUS, average_precision
from ceruleanml.evaluation.boundary import tolerant_f1
from ceruleanml.evaluation.calibration import expected_error
from ceruleanml.evaluation.confusion import class_parts, overlap_figures, ratio, slick_parts
from ceruleanml.evaluation.counts import Arrays, Counts
from ceruleanml.evaluation.intervals import mean_defined

Floats = NDArray[np.float64]
Figures = dict[tuple[str, str], Floats]
"""Values over the weightings by subject (`slick`, a class, `mean_of_classes`) and name of the figure."""

SLICK, MEAN = "slick", "mean_of_classes"
PER_KM2 = 10_000
PRECISION_ROWS = 201
AP_NAMES = {0.1: "ap_10", 0.25: "ap_25", 0.5: "ap_50", 0.75: "ap_75"}

DEFINITIONS = {
    "iou": "pixels both labelled and predicted over pixels labelled or predicted",
    "dice": "twice the pixels both labelled and predicted over labelled plus predicted; the F1 of pixels",
    "precision": "share of the predicted pixels that are labelled",
    "recall": "share of the labelled pixels that are predicted",
    "boundary_iou": "IoU of the rims of labelled and predicted slicks, {boundary_px} pixels wide inwards",
    "tolerant_f1": "F1 of pixels, of which one is right if the other mask has one at most one pixel away",
    "instance_precision": "share of the predicted slicks that match a labelled one, one to one, by IoU >= {match_iou}",
    "instance_recall": "share of the labelled slicks that are matched so",
    "instance_f1": "the F1 of these two",
    "instance_f1_soft_dice": "the same, slicks matching by soft Dice >= {match_dice}",
    "detection_rate": "share of the labelled slicks covered to {cover} or more by predictions of whatever class",
    "false_alarms_per_10000_km2": "predicted slicks covered to less than {cover} by labels, for 10,000 km² of data",
    "area_bias_km2": "predicted minus labelled area",
    "area_bias_share": "predicted minus labelled area over labelled area",
    "ap": "average precision (COCO) of slicks, mean over IoU .05 to .95 by .05",
    **{name: f"average precision at IoU {level:g}" for level, name in AP_NAMES.items()},
    "ece": "expected calibration error of the probability of slick, 20 bins",
    "macro_f1": "mean of the classes' Dice",
    "iou_with_background": "mean of the IoU of slick and the IoU of sea, of whatever class",
}


def figures(counts: Counts, weights: Floats) -> Figures:
    """Every figure under each weighting, weights (weightings, scenes): how often each scene occurs.

    Average precision, which takes long, is given for the first PRECISION_ROWS only. Undefined figures are NaN: there
    is nothing to divide by, or the pixel size of a scene is not known.
    """
    sums = {name: np.tensordot(weights, array, axes=1) for name, array in counts.sums.items()}
    found: Figures = {}
    for subject, values in _by_subject(counts, sums):
        found |= {(subject, name): value for name, value in values.items()}
    found |= _area_figures(counts, weights, sums["alarms"])
    for subject, by_iou in precision_by_iou(counts, weights[:PRECISION_ROWS]).items():
        found[(subject, "ap")] = by_iou.mean(axis=1)
        for level, name in AP_NAMES.items():
            found[(subject, name)] = by_iou[:, int(np.argmin(np.abs(IOUS - level)))]
    found[(SLICK, "ece")] = expected_error(sums["probability"], sums["probability_sum"])
    pixel = sums["pixel"]
    sea = overlap_figures(pixel[:, 0, 0], pixel[:, 0].sum(axis=-1), pixel[:, :, 0].sum(axis=-1))["iou"]
    found[(SLICK, "iou_with_background")] = (found[(SLICK, "iou")] + sea) / 2
    return found | _means(found, counts.classes[1:])


def precision_by_iou(counts: Counts, weights: Floats) -> dict[str, Floats]:
    """Average precision by subject, (weightings, 19), of which SLICK takes all classes for one."""
    found = {}
    for number, name in enumerate((SLICK, *counts.classes[1:])):
        labels, chosen = ((table["class_id"] == number) | (number == 0) for table in (counts.labels, counts.found))
        taken = counts.found["taken" if number else "taken_any"][chosen]
        counted = np.broadcast_to(counts.found["counted"][chosen, None], taken.shape)
        positives = weights @ np.bincount(counts.labels["scene"][labels], minlength=weights.shape[1])
        scores, scenes = counts.found["score"][chosen], counts.found["scene"][chosen]
        found[name] = average_precision(scores, taken >= 0, counted, scenes, weights, positives)
    return found


def _by_subject(counts: Counts, sums: Arrays) -> Iterator[tuple[str, dict[str, Floats]]]:
    slick_instances = _instance_figures(slick_parts(sums["match_iou"]), slick_parts(sums["match_dice"]))
    slick_pixels = _pixel_figures(slick_parts(sums["pixel"]), sums["boundary"][:, 0], sums["near"][:, 0])
    yield SLICK, {**slick_pixels, **slick_instances, "detection_rate": _detection(sums["detected"].sum(axis=1))}
    pixel, by_iou, by_dice = (class_parts(sums[name]) for name in ("pixel", "match_iou", "match_dice"))
    for number, name in enumerate(counts.classes[1:], start=1):
        pixels = _pixel_figures(_of(pixel, number), sums["boundary"][:, number], sums["near"][:, number])
        instances = _instance_figures(_of(by_iou, number), _of(by_dice, number))
        yield name, {**pixels, **instances, "detection_rate": _detection(sums["detected"][:, number])}


def _area_figures(counts: Counts, weights: Floats, alarms: Floats) -> Figures:
    """What needs the size of pixels; NaN in weightings with a scene of which it is not known."""
    known = np.isfinite(counts.pixel_km2)
    areas = weights * np.where(known, counts.pixel_km2, 0.0)
    areas[weights @ ~known > 0] = np.nan
    pixel = counts.sums["pixel"]
    valid_km2 = areas @ pixel.sum(axis=(1, 2))
    _, *slick = slick_parts(pixel)
    _, *by_class = class_parts(pixel)
    found: Figures = {}
    for number, name in enumerate((SLICK, *counts.classes[1:])):
        labelled, predicted = (part[:, number] for part in by_class) if number else slick
        false = alarms[:, number, 0] if number else alarms[..., 0].sum(axis=1)
        bias = areas @ (predicted - labelled)
        found[(name, "false_alarms_per_10000_km2")] = PER_KM2 * ratio(false, valid_km2)
        found[(name, "area_bias_km2")] = bias
        found[(name, "area_bias_share")] = ratio(bias, areas @ labelled)
    return found


Parts = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _of(parts: Parts, number: int) -> Parts:
    both, labelled, predicted = (part[:, number] for part in parts)
    return both, labelled, predicted


def _pixel_figures(parts: Parts, boundary: Floats, near: Floats) -> dict[str, Floats]:
    return {
        **overlap_figures(*parts),
        "boundary_iou": ratio(boundary[..., 0], boundary[..., 1]),
        "tolerant_f1": tolerant_f1(near),
    }


def _instance_figures(by_iou: Parts, by_dice: Parts) -> dict[str, Floats]:
    sharp, soft = overlap_figures(*by_iou), overlap_figures(*by_dice)
    return {
        "instance_precision": sharp["precision"],
        "instance_recall": sharp["recall"],
        "instance_f1": sharp["dice"],
        "instance_f1_soft_dice": soft["dice"],
    }


def _detection(detected: Floats) -> Floats:
    return ratio(detected[:, 0], detected[:, 1])


def _means(found: Figures, names: tuple[str, ...]) -> Figures:
    """Means over the classes that are defined, one at a time for each weighting."""
    means = {}
    for figure in ("iou", "dice", "boundary_iou", "tolerant_f1", "instance_f1", "instance_f1_soft_dice", "ap", "ap_50"):
        title = "macro_f1" if figure == "dice" else figure
        means[(MEAN, title)] = mean_defined(np.stack([found[(name, figure)] for name in names]), axis=0)
    return means
