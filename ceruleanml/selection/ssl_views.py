"""Two views of a radar tile that an encoder is to take for the same: what may differ between two looks at one sea."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ceruleanml.models.augmentation import Bands, augment
from ceruleanml.models.config import AugmentationConfig
from ceruleanml.models.samples import Sample

Bytes = NDArray[np.uint8]
LEAST_SHARE = 0.3
"""Least share of a tile's area that a view shows; with less, a slick is seen in one view and missed in the other."""
LONGEST_RATIO = 4 / 3
LOOKS = (4.0, 8.0, 16.0, 32.0)
"""Looks of the speckle that is multiplied in, each as likely."""
VARIED = AugmentationConfig(flips=True, rotate_degrees=0, scale=0, gain_db=3.0, drop_channel=0, probability=0.8)


def two_views(radar: Bytes, side: int, bands: Bands, rng: np.random.Generator) -> Bytes:
    """Two views (2, side, side) of a radar band (rows, columns), each cut, turned, grained and brightened by itself.

    Crops and flips are those of SimCLR (Chen et al. 2020); speckle and gain are to radar what colours
    are to photographs.
    """
    return np.stack([view(radar, side, bands, rng) for _ in range(2)])


def view(radar: Bytes, side: int, bands: Bands, rng: np.random.Generator) -> Bytes:
    """One view (side, side) of a radar band."""
    cut = random_crop(radar, side, rng)
    sample = Sample(cut[None], np.zeros((0, side, side), np.uint8), 0)
    looks = LOOKS[int(rng.integers(len(LOOKS)))]
    varied: Bytes = augment(sample, replace(VARIED, speckle_looks=looks), bands, rng).pixels[0]
    return varied


def random_crop(radar: Bytes, side: int, rng: np.random.Generator) -> Bytes:
    """A rectangle of the band resized to (side, side): LEAST_SHARE to all of its area, sides up to 4 : 3."""
    from PIL.Image import Resampling, fromarray

    height, width = radar.shape
    area = rng.uniform(LEAST_SHARE, 1) * height * width
    stretch = math.sqrt(math.exp(rng.uniform(-math.log(LONGEST_RATIO), math.log(LONGEST_RATIO))))
    rows, cols = min(height, math.sqrt(area) * stretch), min(width, math.sqrt(area) / stretch)
    top, left = rng.uniform(0, height - rows), rng.uniform(0, width - cols)
    box = (left, top, left + cols, top + rows)
    return np.asarray(fromarray(radar).resize((side, side), Resampling.BILINEAR, box))
