"""What a model says of tiles, in the form in which it is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.datasets.statistics import valid_mask
from ceruleanml.errors import DatasetError
from ceruleanml.evaluation.calibration import tempered
from ceruleanml.evaluation.class_map import ClassMap, channel_places
from ceruleanml.evaluation.instances import component_instances, given_instances
from ceruleanml.evaluation.judging import Rules, TileAnswer, TileTruth
from ceruleanml.evaluation.matching import Instance
from ceruleanml.inference.scanning import merged
from ceruleanml.models.card import MULTIPLE_PX
from ceruleanml.models.predictor import Predictor

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
MOST_PX = 4096
"""Longest side of a tile that is given to a model whole."""


@dataclass(frozen=True, eq=False)
class TileView:
    """A tile as a model sees it: pixels float32 (bands, rows, columns) in [0, 1], and where it holds data."""

    tile: TileRecord
    image: Floats
    valid: Mask


@dataclass(frozen=True, eq=False)
class TilePrediction:
    """What a model says of a tile: probabilities float32 (classes, rows, columns) and all instances, best first."""

    view: TileView
    probabilities: Floats
    instances: tuple[Instance, ...]


def views(dataset: Dataset, tiles: Sequence[TileRecord], predictor: Predictor) -> Iterator[TileView]:
    """The tiles one after the other, with the model's channels in its order. Raises DatasetError, ModelError."""
    places = channel_places(predictor.card, dataset)
    for tile in tiles:
        if max(tile.height_width) > MOST_PX:
            raise DatasetError(
                f"{dataset.root}: {tile.tile_id} has {tile.height_width[0]} x {tile.height_width[1]} pixels, more than "
                "a model takes at once; make the data set with a --tile-size"
            )
        pixels = dataset.read(tile)
        valid = valid_mask(pixels, tile, dataset.scene(tile.scene_id))
        yield TileView(tile, pixels[places].astype(np.float32) / np.float32(255), valid)


def predictions(
    dataset: Dataset,
    tiles: Sequence[TileRecord],
    predictor: Predictor,
    rules: Rules,
    batch_size: int,
    temperature: float = 1.0,
) -> Iterator[TilePrediction]:
    """The model's answers to the tiles, in their order; holds one batch of equal sizes at a time.

    `temperature` divides the logits of a U-Net beside the temperature its card has.
    """  # fmt: skip
    waiting: list[TileView] = []
    for view in views(dataset, tiles, predictor):
        if waiting and (len(waiting) >= batch_size or view.image.shape != waiting[0].image.shape):
            yield from _answered(waiting, predictor, rules, temperature)
            waiting = []
        waiting.append(view)
    if waiting:
        yield from _answered(waiting, predictor, rules, temperature)


def truth_of(dataset: Dataset, view: TileView, classes: ClassMap) -> TileTruth:
    """What is labelled on a tile where it holds data, by rows of the class map; a slick's pieces are one instance."""
    rows = np.zeros(view.valid.shape, np.uint8)
    masks: dict[tuple[str, int], Mask] = {}
    for piece in dataset.annotations[view.tile.tile_id]:
        row = classes.row_of[piece.class_id]
        mask = piece.mask() & view.valid
        rows[mask] = row
        if mask.any():
            masks[(piece.slick_id, row)] = masks.get((piece.slick_id, row), np.False_) | mask
    return TileTruth(rows, tuple(Instance(row, mask) for (_, row), mask in masks.items()), view.valid)


def answer_of(prediction: TilePrediction, rules: Rules) -> TileAnswer:
    """The answer to judge: a U-Net's pixels over the threshold, the pixels of the slicks that a Mask R-CNN gives."""
    probabilities = prediction.probabilities
    slick = np.clip(probabilities[1:].sum(axis=0), 0, 1)
    if rules.kind == "mask_rcnn":
        class_ids = painted([one for one in prediction.instances if rules.gives(one)], slick.shape)
    else:
        class_ids = thresholded(probabilities, slick, rules.thresholds.poly_score_thresh)
    class_ids[~prediction.view.valid] = 0
    return TileAnswer(slick, class_ids, prediction.instances)


def thresholded(probabilities: Floats, slick: Floats, threshold: float) -> NDArray[np.uint8]:
    """The most probable slick class where the slick probability reaches the threshold, else 0, (rows, columns)."""
    classes = probabilities[1:].argmax(axis=0).astype(np.uint8) + np.uint8(1)
    return np.where(slick >= np.float32(threshold), classes, np.uint8(0))


def painted(instances: Sequence[Instance], height_width: Sequence[int]) -> NDArray[np.uint8]:
    """The class of each pixel (rows, columns); where instances overlap that of the first, which has the best score."""
    class_ids = np.zeros(tuple(height_width), np.uint8)
    for one in reversed(instances):
        class_ids[one.mask] = one.class_id
    return class_ids


def _answered(
    waiting: list[TileView], predictor: Predictor, rules: Rules, temperature: float
) -> Iterator[TilePrediction]:
    height, width = waiting[0].valid.shape
    edges = [(0, -side % MULTIPLE_PX) for side in (height, width)]
    images = np.pad(np.stack([view.image for view in waiting]), [(0, 0), (0, 0), *edges])
    found: list[tuple[Instance, ...]]
    if predictor.card.kind == "mask_rcnn":
        detected = predictor.detections(images)
        probabilities = np.stack([merged(one, rules.classes) for one in detected])[..., :height, :width]
        found = [
            given_instances(one, view.valid, rules.thresholds) for one, view in zip(detected, waiting, strict=True)
        ]
    else:
        probabilities = _tempered(predictor.probabilities(images)[..., :height, :width], temperature)
        found = [
            component_instances(one, view.valid, rules.thresholds)
            for one, view in zip(probabilities, waiting, strict=True)
        ]
    for view, of_tile, instances in zip(waiting, probabilities, found, strict=True):
        yield TilePrediction(view, of_tile, instances)


def _tempered(probabilities: Floats, temperature: float) -> Floats:
    if temperature == 1:
        return probabilities
    return np.moveaxis(tempered(np.moveaxis(probabilities, 1, -1), temperature), -1, 1)
