"""The no-learning floor: blur, then Otsu's threshold, tile by tile; what a model must beat to be worth its training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset
from ceruleanml.errors import ModelError
from ceruleanml.models.card import Card
from ceruleanml.models.predictor import Detections

Floats = NDArray[np.float32]
FLOOR = "floor"
SIGMA_PX = 6.0
SLICK = "slick"


class Floor:
    """A Predictor that calls slick what is darker than Otsu's threshold of the blurred first channel of a data set.

    Every class of the data set counts as slick. It finds dark water on every tile, also on those without.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.card = Card(
            name=f"Gaussian blur of {SIGMA_PX:g} pixels and Otsu's threshold",
            kind="unet",
            encoder="none",
            classes=("background", SLICK),
            channels=dataset.channels[:1],
            tile_px=32,
            mean=(0.0,),
            deviation=(1.0,),
            dataset={"merge_classes": dict.fromkeys(dataset.classes.slick_names, SLICK)},
        )

    def probabilities(self, images: Floats) -> Floats:
        """1 for the class of each pixel and 0 for the other, float32 (n, 2, height, width)."""
        slick = np.stack([dark(image[0]) for image in images])
        return np.stack([~slick, slick], axis=1).astype(np.float32)

    def detections(self, images: Floats) -> list[Detections]:
        """Raise ModelError: it knows pixels only."""
        raise ModelError("the floor has no detections; cut its probabilities into slicks instead")


def dark(band: Floats, sigma_px: float = SIGMA_PX) -> NDArray[np.bool_]:
    """Which pixels (rows, columns) of a band are darker than Otsu's threshold after a Gaussian blur.

    Pixels of 0, those without data, are never dark and count for nothing.
    """
    from scipy.ndimage import gaussian_filter

    known = band > 0
    if not known.any():
        return np.zeros(band.shape, bool)
    weight = gaussian_filter(known.astype(np.float32), sigma_px)
    blurred = gaussian_filter(band.astype(np.float32), sigma_px) / np.maximum(weight, 1e-6)
    found: NDArray[np.bool_] = known & (blurred < otsu(blurred[known]))
    return found


def otsu(values: Sequence[float] | NDArray[np.float32], bins: int = 256) -> float:
    """The threshold that parts values into two classes of greatest variance between them (Otsu 1979).

    Values are counted in equal bins over their range; it is the middle of the last bin of the lower class.
    """
    counts, edges = np.histogram(np.asarray(values, np.float64), bins=bins)
    middles = (edges[:-1] + edges[1:]) / 2
    low, high = np.cumsum(counts)[:-1], np.cumsum(counts[::-1])[::-1][1:]
    low_sum = np.cumsum(counts * middles)[:-1]
    low_mean = low_sum / np.maximum(low, 1)
    high_mean = ((counts * middles).sum() - low_sum) / np.maximum(high, 1)
    return float(middles[int(np.argmax(low.astype(np.float64) * high * (low_mean - high_mean) ** 2))])
