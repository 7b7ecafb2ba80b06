"""Figures that forgive a pixel: thin slicks lose half of their IoU to an outline that lies one pixel aside."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def boundary(mask: Mask, width_px: int) -> Mask:
    """The pixels of a mask at most `width_px` from its outside, along rows, columns and diagonals alike.

    Beyond the tile the mask is taken to go on as it is at the edge, so where a tile cuts a slick is no boundary.
    """
    from scipy.ndimage import minimum_filter

    inner = minimum_filter(mask, size=2 * width_px + 1, mode="nearest")
    found: Mask = mask & ~inner
    return found


def boundary_overlap(labelled: Mask, predicted: Mask, width_px: int) -> tuple[int, int]:
    """Pixels in both boundaries, and pixels in either; their ratio is the boundary IoU (Cheng et al. 2021)."""
    one, other = boundary(labelled, width_px), boundary(predicted, width_px)
    return int(np.count_nonzero(one & other)), int(np.count_nonzero(one | other))


def tolerant_parts(labelled: Mask, predicted: Mask, tolerance_px: int = 1) -> tuple[int, int, int, int]:
    """Predicted pixels near a labelled one, predicted, labelled pixels near a predicted one, and labelled.

    Near is at most `tolerance_px` along rows, columns and diagonals.
    """
    from scipy.ndimage import maximum_filter

    size = 2 * tolerance_px + 1
    precise = np.count_nonzero(predicted & maximum_filter(labelled, size=size, mode="constant"))
    recalled = np.count_nonzero(labelled & maximum_filter(predicted, size=size, mode="constant"))
    return int(precise), int(np.count_nonzero(predicted)), int(recalled), int(np.count_nonzero(labelled))


def tolerant_f1(parts: NDArray[Any]) -> NDArray[np.float64]:
    """The F1 of `tolerant_parts` summed over tiles, parts (..., 4); NaN where nothing was labelled nor predicted."""
    from ceruleanml.evaluation.confusion import ratio

    precise, predicted, recalled, labelled = np.moveaxis(np.asarray(parts, np.float64), -1, 0)
    precision, recall = ratio(precise, predicted), ratio(recalled, labelled)
    both = precision + recall
    one_is_empty = ((predicted == 0) | (labelled == 0)) & (predicted + labelled > 0)
    return np.where(one_is_empty | (both == 0), 0.0, ratio(2 * precision * recall, both))
