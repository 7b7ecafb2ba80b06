"""A pool, models and ensembles to score, small enough for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from datasets_made import make_dataset_folder, speckle
from models_made import card_of, run_of

from ceruleanml.models.predictor import Detections
from ceruleanml.selection.passes import Member
from ceruleanml.selection.scoring import ScoreOptions, ScoreReport, score_pool
from ceruleanml.storage import write_json

SIDE = 64


def pool_of(folder: Path, scenes: str = "ab", tiles: int = 2) -> Path:
    """A data set with some tiles of speckle in each scene."""
    seeds = {name: 100 * place for place, name in enumerate(scenes)}
    return make_dataset_folder(
        folder,
        {
            name: [((0, SIDE * n), speckle(seed + n, (SIDE, SIDE), level=100), []) for n in range(tiles)]
            for name, seed in seeds.items()
        },
    )


def ensemble_of(folder: Path, count: int = 2, **changes: object) -> Path:
    """An ensemble's folder with members of random weights, each from its own seed, all trained to their end."""
    names = [f"member_{number:02d}" for number in range(count)]
    for number, name in enumerate(names):
        run_of(folder / name, card_of(**changes), seed=number)
    about = {"format_version": 1, "members": names, "bootstrap": None, "seed": 0, "config": {}}
    write_json(folder / "ensemble.json", about)
    return folder


def score(folder: Path, model: str = "run", out: str = "scores", workers: int = 1, **options: object) -> ScoreReport:
    """Score the pool in a folder by a model in it."""
    return score_pool(folder / model, folder / "pool", folder / out, ScoreOptions(**options), workers)


def parts_of(out: Path) -> dict[str, bytes]:
    """The bytes of each part."""
    return {path.name: path.read_bytes() for path in sorted((out / "parts").iterdir())}


class Said:
    """A model that says what it is told to: a function of images to probabilities, or to detections."""

    def __init__(self, probabilities=None, detections=None, **changes):
        self.card = card_of("mask_rcnn" if detections else "unet", **changes)
        self._probabilities, self._detections = probabilities, detections

    def probabilities(self, images):
        """What was told, for each pixel, float32 (n, classes, rows, columns)."""
        return self._probabilities(images).astype(np.float32)

    def detections(self, images):
        """What was told of each image."""
        return [self._detections(image) for image in images]


def member(probabilities=None, detections=None, **changes):
    """A member of an ensemble that says what it is told to."""
    return Member(Said(probabilities, detections, **changes))


def everywhere(*p):
    """The same probabilities at each pixel."""
    return lambda images: np.broadcast_to(
        np.array(p, np.float32)[None, :, None, None], (len(images), len(p), *images.shape[2:])
    )


def no_detections(image):
    """Nothing found."""
    side = image.shape[1:]
    return Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros((0, *side), np.float32)
    )
