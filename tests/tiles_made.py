"""Small data sets to train on, and configurations for them."""

from pathlib import Path

import numpy as np
from datasets_made import box_mask, make_dataset_folder, speckle

from ceruleanml.models.config import AugmentationConfig, DataConfig, TrainConfig

INFRA, SEEP, COINCIDENT, RECENT, OLD, AMBIGUOUS = range(1, 7)


def sea(seed, size=32, bands=2):
    return speckle(seed, (size, size), bands)


def slick(class_id, slick_id="s", rows=slice(4, 12), cols=slice(6, 26), size=32):
    return class_id, slick_id, box_mask(rows, cols, (size, size))


def scenes_with(*classes, size=32):
    """A scene a class: one tile with a slick of it (None: without one), named a, b, c, ..."""
    return {
        chr(97 + n): [((0, 0), sea(n, size), [] if name is None else [slick(name, f"{n}", size=size)])]
        for n, name in enumerate(classes)
    }


def make(root: Path, *classes, **options) -> Path:
    return make_dataset_folder(root, scenes_with(*classes), **options)


def config(train, augmentation=None, **data) -> TrainConfig:
    """A configuration without augmentation unless one is given."""
    calm = AugmentationConfig(flips=False)
    return TrainConfig(data=DataConfig(train=str(train), **data), augmentation=augmentation or calm)


def same(one, other):
    """Whether two lists of batches are bit-identical."""
    return len(one) == len(other) and all(
        np.array_equal(a[0], b[0]) and _same_targets(a[1], b[1]) for a, b in zip(one, other, strict=True)
    )


def _same_targets(one, other):
    if not isinstance(one, list):
        return np.array_equal(one, other)
    return all(
        np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in ("boxes", "labels", "masks")
    )
