"""Whether an exported model says what the network says: both asked about the same tiles, their answers compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord, open_dataset
from ceruleanml.errors import DatasetError, ModelError, UsageError
from ceruleanml.mirror_copies import copy_here, origin_of
from ceruleanml.models.artefacts import side_px
from ceruleanml.models.card import Card
from ceruleanml.models.service_classes import ServiceClasses
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator

if TYPE_CHECKING:
    from ceruleanml.models.predictor import Detections, Predictor

Floats = NDArray[np.float32]
REAL_TILES = 3
MOST_PROBABILITY = 1e-3
MOST_BOX_PX = 0.01


@dataclass(frozen=True)
class Agreement:
    """The greatest differences between an exported model and its network, and on how many tiles of which data set.

    `probability` is over pixels, scores and masks; `box_px` over the corners of boxes, 0 for a U-Net.
    """

    dataset: str
    real_tiles: int
    probability: float
    box_px: float


def trial_tiles(run: Path, card: Card, tiles: Path | None) -> tuple[Path, Floats]:
    """The data set and images, float32 (n, bands, side, side) in [0, 1]: its tiles, then noise, then an empty one.

    Tiles with slicks come first. The data set is `tiles`, or else the one that the model was validated or trained on.
    Raises UsageError where that is gone, DatasetError for one without the model's channels.
    """
    root = _dataset_of(run, card) if tiles is None else tiles
    dataset = open_dataset(root)
    missing = [name for name in card.channels if name not in dataset.channels]
    if missing:
        raise DatasetError(
            f"{root}: has no channel {missing[0]}, which model {card.name} takes; name a data set of "
            f"{', '.join(card.channels)} with --tiles"
        )
    side = side_px(card)
    records = sorted(dataset.tiles, key=lambda record: not dataset.annotations[record.tile_id])[:REAL_TILES]
    if not records:
        raise DatasetError(f"{root}: holds no tile to try the export on; name another data set with --tiles")
    real = [_square(dataset, record, card, side) for record in records]
    noise = generator(card.seed, "export").integers(0, 256, (card.bands, side, side))
    made = [np.asarray(one, np.float32) / 255 for one in (noise, np.zeros_like(noise))]
    return root, np.stack([*real, *made]).astype(np.float32)


def check_agreement(
    network: Predictor, exported: Predictor, classes: ServiceClasses, images: Floats, dataset: Path
) -> Agreement:
    """How far the answers differ, tile by tile and three at a time. Raises ModelError where that is too far.

    `classes` say which of the exported model's each of the network's became.
    """
    compare = _compare_slicks if network.card.kind == "mask_rcnn" else _compare_pixels
    batches = [images[:1], *(images[first : first + 3] for first in range(1, len(images), 3))]
    found = [compare(network, exported, classes, batch) for batch in batches]
    probability, box_px = (float(max(one)) for one in zip(*found, strict=True))
    if not (probability <= MOST_PROBABILITY and box_px <= MOST_BOX_PX):
        finite = np.isfinite([probability, box_px]).all()
        differs = f"by {probability:.2g} in probability and {box_px:.2g} px in boxes" if finite else "in what it finds"
        raise ModelError(
            f"model {network.card.name}: the exported file differs from the network {differs} on tiles of {dataset}; "
            "nothing was written, take another --target"
        )
    return Agreement(origin_of(dataset), len(images) - 2, probability, box_px)


def _dataset_of(run: Path, card: Card) -> Path:
    """The data set that the run names and that is still there, the one it was validated on first."""
    named = [path for part in ("validation", "train") if (path := card.dataset.get(part, {}).get("path"))]
    there = [here for path in named if (here := copy_here(path)).is_dir()]
    if not there:
        known = f"the data set {named[0]} of its training" if named else "a data set of its training"
        raise UsageError(f"{run}: {known} is not here to try the export on; name one with --tiles DATASET")
    return there[0]


def _square(dataset: Dataset, record: TileRecord, card: Card, side: int) -> Floats:
    """A square of a tile around its first slick, empty where the tile is smaller."""
    from ceruleanml.models.tile_reading import read_pixels

    height, width = record.height_width
    pieces = dataset.annotations[record.tile_id]
    col, row = pieces[0].bbox[:2] if pieces else (width // 2, height // 2)
    window = Window(
        max(0, min(row - side // 2, height - side)),
        max(0, min(col - side // 2, width - side)),
        min(side, height),
        min(side, width),
    )
    bands = [dataset.channels.index(name) for name in card.channels]
    pixels, _ = read_pixels(dataset, record, window, bands)
    square = np.zeros((card.bands, side, side), np.float32)
    square[:, : window.height, : window.width] = pixels / np.float32(255)
    return square


def _compare_pixels(
    network: Predictor, exported: Predictor, classes: ServiceClasses, images: Floats
) -> tuple[float, float]:
    own = network.probabilities(images)
    expected = np.stack([own[:, list(members)].sum(axis=1) for members in classes.members], axis=1)
    found = exported.probabilities(images)
    if found.shape != expected.shape:
        return float("inf"), 0.0
    return _greatest(expected, found), 0.0


def _compare_slicks(
    network: Predictor, exported: Predictor, classes: ServiceClasses, images: Floats
) -> tuple[float, float]:
    ids = np.asarray(classes.ids)
    pairs = zip(network.detections(images), exported.detections(images), strict=True)
    differences = [_slick_difference(one, ids[one.labels], other) for one, other in pairs]
    probability, box_px = (max(values) for values in zip(*differences, strict=True))
    return probability, box_px


def _slick_difference(one: Detections, labels: NDArray[np.int64], other: Detections) -> tuple[float, float]:
    """The greatest differences of slicks that are matched one to one, since equal scores may come in any order."""
    from scipy.optimize import linear_sum_assignment

    if one.masks.shape != other.masks.shape:
        return float("inf"), float("inf")
    apart = np.abs(one.boxes[:, None] - other.boxes).max(axis=2, initial=0.0) / MOST_BOX_PX
    apart += np.abs(one.scores[:, None] - other.scores) / MOST_PROBABILITY
    apart += 1e6 * (labels[:, None] != other.labels)
    order = linear_sum_assignment(np.nan_to_num(apart, nan=1e9))[1]
    if not np.array_equal(labels, other.labels[order]):
        return float("inf"), float("inf")
    probability = max(_greatest(one.scores, other.scores[order]), _greatest(one.masks, other.masks[order]))
    return probability, _greatest(one.boxes, other.boxes[order])


def _greatest(one: Floats, other: Floats) -> float:
    """The greatest difference; infinite where any value is no number."""
    difference = np.abs(one - other)
    return float(difference.max(initial=0.0)) if np.isfinite(difference).all() else float("inf")
