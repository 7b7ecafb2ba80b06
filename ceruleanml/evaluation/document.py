"""The content of `evaluation.json`: every figure with its interval, by scene, region, class and size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.average_precision import IOUS
from ceruleanml.evaluation.calibration import BINS, Temperature, reliability
from ceruleanml.evaluation.class_map import NOT_IN_MODEL
from ceruleanml.evaluation.confusion import by_column, by_row, ratio
from ceruleanml.evaluation.counts import Counts
from ceruleanml.evaluation.figures import DEFINITIONS, PRECISION_ROWS, Figures, figures, precision_by_iou
from ceruleanml.evaluation.intervals import LEVEL, interval, resamples
from ceruleanml.evaluation.judging import Rules
from ceruleanml.evaluation.sizes import LIMITS_KM2, SIZE_DEFINITIONS, size_counts, size_figures
from ceruleanml.evaluation.sweep import best_threshold, instance_sweep, pixel_sweep

EVALUATION_NAME = "evaluation.json"
EVALUATION_VERSION = 1
Floats = NDArray[np.float64]
Json = dict[str, Any]


def document(
    counts: Counts, regions: Sequence[str], rules: Rules, bootstrap: int, seed: int, temperature: Temperature | None
) -> Json:
    """All figures of a data set as JSON-ready values, undefined ones None.

    `regions` names the region of each scene, `bootstrap` is the number of resamples.
    """
    every = np.ones(len(counts.scene_ids), bool)
    region_of = np.array(regions)
    return {
        "format_version": EVALUATION_VERSION,
        "classes": list(counts.classes),
        "rules": asdict(rules),
        "intervals": {"level": LEVEL, "resamples": bootstrap, "resamples_of_ap": min(bootstrap, PRECISION_ROWS - 1)},
        "definitions": definitions(rules),
        "all": group(counts, every, bootstrap, seed),
        "by_region": {
            name: group(counts, region_of == name, bootstrap, seed) for name in sorted(set(regions))
        },
        "by_scene": {
            scene_id: {"region": regions[number], **group(counts, np.arange(len(every)) == number, 0, seed, False)}
            for number, scene_id in enumerate(counts.scene_ids)
        },
        "by_size": _sizes(counts, bootstrap, seed) if counts.has_areas else None,
        "average_precision": _by_iou(counts),
        "confusion": _confusions(counts),
        "calibration": _calibration(counts, temperature),
        "sweeps": (sweeps := _sweeps(counts)),
        "proposed_thresholds": _proposed(sweeps, rules),
        "notes": _notes(counts, rules, temperature),
    }  # fmt: skip


def definitions(rules: Rules) -> Json:
    """What each figure is, in words and with the numbers used."""
    numbers = asdict(rules)
    return {
        "figures": {name: text.format(**numbers) for name, text in DEFINITIONS.items()},
        "sizes": {name: text.format(**numbers) for name, text in SIZE_DEFINITIONS.items()},
        "low, high": f"percentile interval of {LEVEL:.0%} over resamples of whole scenes; null with one scene",
    }


def group(counts: Counts, scenes: NDArray[np.bool_], bootstrap: int, seed: int, intervals: bool = True) -> Json:
    """The figures of some scenes: value, low and high by subject and figure; without `intervals` the value alone."""
    mine = counts.of(scenes)
    found = figures(mine, weightings(mine, bootstrap, seed))
    return {
        "scenes": len(mine.scene_ids),
        "tiles": int(mine.sums["tiles"].sum()),
        "labelled_tiles": int(mine.sums["labelled_tiles"].sum()),
        "area_km2": number((mine.pixel_km2 * mine.sums["pixel"].sum(axis=(1, 2))).sum()),
        "slicks": _slick_counts(mine),
        "figures": nested(found, intervals),
    }


def weightings(counts: Counts, bootstrap: int, seed: int) -> Floats:
    """Each scene once, then the resamples, (1 + resamples, scenes)."""
    scenes = len(counts.scene_ids)
    return np.concatenate([np.ones((1, scenes)), resamples(scenes, bootstrap, seed)])


def nested(found: Figures, intervals: bool) -> Json:
    """Figures as subject, figure, value: the first weighting is the value, the rest are resamples."""
    content: Json = {}
    for (subject, name), values in found.items():
        content.setdefault(subject, {})[name] = with_interval(values) if intervals else number(values[0])
    return content


def with_interval(values: Floats) -> Json:
    """Value, low and high; the first is the value, the rest resamples."""
    ends = interval(values[1:])
    low, high = ends or (None, None)
    return {"value": number(values[0]), "low": number(low), "high": number(high)}


def number(value: Any) -> float | None:
    """A float of seven digits, None for what is undefined."""
    return None if value is None or not math.isfinite(value) else float(f"{float(value):.7g}")


def _slick_counts(counts: Counts) -> Json:
    """Labelled and predicted slicks and areas of each class."""
    detected, alarms = counts.sums["detected"].sum(axis=0), counts.sums["alarms"].sum(axis=0)
    pixel, areas = counts.sums["pixel"], counts.pixel_km2
    content = {}
    for row, name in enumerate((*counts.classes, NOT_IN_MODEL)):
        known = row < len(counts.classes)
        if row:
            content[name] = {
                "labelled": int(detected[row, 1]),
                "detected": int(detected[row, 0]),
                "predicted": int(alarms[row, 1]) if known else 0,
                "false_alarms": int(alarms[row, 0]) if known else 0,
                "labelled_px": int(pixel[:, row].sum()),
                "predicted_px": int(pixel[:, :, row].sum()) if known else 0,
                "labelled_km2": number((areas * pixel[:, row].sum(axis=1)).sum()),
                "predicted_km2": number((areas * pixel[:, :, row].sum(axis=1)).sum()) if known else 0.0,
            }
    return content


def _sizes(counts: Counts, bootstrap: int, seed: int) -> Json:
    content = nested(size_figures(counts, weightings(counts, bootstrap, seed)), True)
    for name, amounts in size_counts(counts).items():
        content[name] |= amounts
    return {"limits_km2": list(LIMITS_KM2), "sizes": content}


def _by_iou(counts: Counts) -> Json:
    found = precision_by_iou(counts, np.ones((1, len(counts.scene_ids))))
    return {
        "iou": [number(level) for level in IOUS],
        **{subject: [number(value) for value in values[0]] for subject, values in found.items()},
    }


def _confusions(counts: Counts) -> Json:
    rows, columns = [*counts.classes, NOT_IN_MODEL], list(counts.classes)
    content = {}
    for name, key in (("pixel", "pixel"), ("instance_iou", "match_iou"), ("instance_soft_dice", "match_dice")):
        matrix = counts.sums[key].sum(axis=0)
        none = ["background"] if key == "pixel" else ["nothing"]
        content[name] = {
            "rows": none + rows[1:],
            "columns": none + columns[1:],
            "raw": matrix.tolist(),
            "by_row": [[number(value) for value in row] for row in by_row(matrix)],
            "by_column": [[number(value) for value in row] for row in by_column(matrix)],
        }
    return content


def _calibration(counts: Counts, temperature: Temperature | None) -> Json:
    pixels, mean, share = reliability(
        counts.sums["probability"].sum(axis=0), counts.sums["probability_sum"].sum(axis=0)
    )
    return {
        "pixels": _bins(pixels, mean, share),
        "slicks": _bins(*_score_bins(counts)),
        "temperature": None if temperature is None else {key: number(v) for key, v in asdict(temperature).items()},
    }


def _bins(amount: Floats, mean: Floats, share: Floats) -> Json:
    return {
        "count": [int(value) for value in amount],
        "mean_probability": [number(value) for value in mean],
        "share_right": [number(value) for value in share],
    }


def _score_bins(counts: Counts) -> tuple[Floats, Floats, Floats]:
    """Predicted slicks in each of BINS of their score, their mean score, and the share that took a labelled one."""
    scores, right = counts.found["score"], _right(counts)
    bins = np.clip((scores * BINS).astype(np.int64), 0, BINS - 1)
    amount = np.bincount(bins, minlength=BINS).astype(np.float64)
    sums = np.bincount(bins, weights=scores, minlength=BINS)
    return amount, ratio(sums, amount), ratio(np.bincount(bins, weights=right, minlength=BINS), amount)


def _right(counts: Counts) -> NDArray[np.bool_]:
    """Which predicted slicks took a labelled one of whatever class at IoU .25."""
    right: NDArray[np.bool_] = counts.found["taken_any"][:, int(np.argmin(np.abs(IOUS - 0.25)))] >= 0
    return right


def _sweeps(counts: Counts) -> dict[str, dict[str, list[float | None]]]:
    labelled = int(counts.sums["detected"][..., 1].sum())
    curves = {
        "pixels": pixel_sweep(counts.sums["probability"].sum(axis=0)),
        "slicks": instance_sweep(counts.found["gate"], _right(counts), labelled),
    }
    return {
        name: {key: [number(value) for value in values] for key, values in curve.items()}
        for name, curve in curves.items()
    }


def _proposed(sweeps: dict[str, dict[str, list[float | None]]], rules: Rules) -> dict[str, float]:
    """The thresholds of greatest F1 on this data, by their names in the card; none where no F1 is above 0."""
    pixel, gate = (
        best_threshold({key: np.array(values, np.float64) for key, values in sweeps[name].items()})
        for name in ("pixels", "slicks")
    )
    if rules.kind == "mask_rcnn":
        return {} if gate is None else {"bbox_score_thresh": gate}
    found = {} if pixel is None else {"poly_score_thresh": pixel}
    return found if gate is None else {**found, "pixel_score_thresh": max(gate, pixel or 0.0)}


def _notes(counts: Counts, rules: Rules, temperature: Temperature | None) -> list[str]:
    notes = ["a slick that tiles cut counts once on each tile, and pixels in the overlap of two tiles count twice"]
    if len(counts.scene_ids) < 2:
        notes.append("one scene: no interval can be given, since it would have to come from other scenes")
    if not counts.has_areas:
        notes.append("scenes without georeference: figures in km² and by size are null; give --pixel-m if you know it")
    if not counts.sums["detected"][..., 1].any():
        notes.append("nothing is labelled: recall, detection rate and average precision are null")
    strangers = int(counts.sums["detected"][:, -1, 1].sum())
    if strangers:
        notes.append(f"{strangers} labelled slicks are of classes that the model does not know; see {NOT_IN_MODEL}")
    if rules.kind == "mask_rcnn":
        notes.append("a Mask R-CNN has no temperature, and no pixel threshold is proposed: it gives slicks by score")
    elif temperature is None:
        notes.append("no temperature is fitted: all pixels are labelled alike")
    return notes
