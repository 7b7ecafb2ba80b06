"""Tiles stream through a model and are counted: one batch is held at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.evaluation.answers import TilePrediction, answer_of, predictions, truth_of
from ceruleanml.evaluation.class_map import ClassMap
from ceruleanml.evaluation.counts import Counts, Tally
from ceruleanml.evaluation.judging import Rules, TileTruth, judge
from ceruleanml.inference.thresholds import thresholds_of
from ceruleanml.models.card import Card
from ceruleanml.models.predictor import Predictor
from ceruleanml.progress import Progress, Silent
from ceruleanml.seeds import generator

SAMPLE_PIXELS = 400_000
"""Pixels, drawn evenly from all tiles, on which the temperature is fitted."""


@dataclass(frozen=True)
class EvaluateOptions:
    """How to judge.

    `thresholds` replace those of the card, by name. `regions` is a GeoJSON of named polygons. `pixel_m` is the
    side of a pixel on the ground for scenes that do not say it. `worst` is how many of the worst tiles are drawn.
    """

    thresholds: dict[str, float] = field(default_factory=dict)
    boundary_px: int = 2
    regions: Path | None = None
    pixel_m: float | None = None
    bootstrap: int = 1000
    seed: int = 0
    worst: int = 12
    batch_size: int = 8
    device: str = "auto"
    write_card: bool = False


@dataclass(frozen=True, eq=False)
class Judged:
    """What came of streaming the tiles.

    `worst` holds the tiles with most wrong pixels, and how many; `probabilities` (n, classes)
    and `labelled` (n,) are a sample of pixels.
    """

    counts: Counts
    worst: tuple[tuple[TileRecord, int], ...]
    probabilities: NDArray[np.float32]
    labelled: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Task:
    """A model, a data set, and how the one is judged by the other; `temperature` is applied beside the card's."""

    predictor: Predictor
    dataset: Dataset
    classes: ClassMap
    rules: Rules
    options: EvaluateOptions
    temperature: float = 1.0

    def predictions(self, tiles: Sequence[TileRecord]) -> Iterator[TilePrediction]:
        """The model's answers to some tiles, in their order."""
        batch = self.options.batch_size
        return predictions(self.dataset, tiles, self.predictor, self.rules, batch, self.temperature)


def judge_tiles(task: Task, tiles: Sequence[TileRecord], progress: Progress | None = None) -> Judged:
    """The counts of some tiles, which pass through the model once, in batches."""
    progress = progress or Silent()
    dataset, options = task.dataset, task.options
    scene_ids = sorted({tile.scene_id for tile in tiles})
    tally = Tally(task.classes.classes, {name: pixel_km2(dataset.scene(name), options.pixel_m) for name in scene_ids})
    sampled: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []
    worst: list[tuple[int, int]] = []
    progress.start("Judging tiles", len(tiles))
    try:
        for place, prediction in enumerate(task.predictions(tiles)):
            truth = truth_of(dataset, prediction.view, task.classes)
            counted = judge(truth, answer_of(prediction, task.rules), task.rules)
            tally.add(prediction.view.tile.scene_id, counted)
            sampled.append(sample(prediction, truth, max(1, SAMPLE_PIXELS // len(tiles)), options.seed))
            if counted.wrong_px:
                worst = sorted([*worst, (counted.wrong_px, place)], key=lambda one: (-one[0], one[1]))[: options.worst]
            progress.advance()
    finally:
        progress.finish()
    probabilities, labelled = (np.concatenate(part) for part in zip(*sampled, strict=True))
    return Judged(tally.counts(), tuple((tiles[place], wrong) for wrong, place in worst), probabilities, labelled)


def sample(
    prediction: TilePrediction, truth: TileTruth, count: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The probabilities (n, classes) and rows (n,) of at most `count` pixels of a tile that hold data, drawn evenly.

    Pixels of classes that the model does not know are left out: no temperature makes them right.
    """
    classes = len(prediction.probabilities)
    places = np.flatnonzero(truth.valid & (truth.rows < classes))
    if len(places) > count:
        draw = generator(seed, "calibration", prediction.view.tile.tile_id)
        places = np.sort(draw.choice(places, count, replace=False))
    flat = prediction.probabilities.reshape(classes, -1)
    return flat[:, places].T, truth.rows.ravel()[places].astype(np.int64)


def rules_of(card: Card, options: EvaluateOptions) -> Rules:
    """The rules by which a model is judged: its card's thresholds, changed by those of the options."""
    thresholds = thresholds_of(card.kind, card.thresholds, options.thresholds)
    dice = thresholds.groundtruth_dice_thresh or Rules.match_dice
    return Rules(card.kind, len(card.classes), thresholds, options.boundary_px, match_dice=dice)


def pixel_km2(scene: dict[str, Any], pixel_m: float | None) -> float:
    """The area of a pixel of a scene in km², of a square of `pixel_m` where the scene does not say, else NaN."""
    metres = scene.get("metres_per_pixel") or ([pixel_m, pixel_m] if pixel_m else None)
    return float(metres[0] * metres[1] / 1e6) if metres else float("nan")
