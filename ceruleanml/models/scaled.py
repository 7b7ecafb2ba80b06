"""A model that learned on resized tiles, asked about tiles as the data set holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ceruleanml.models.card import MULTIPLE_PX
from ceruleanml.models.predictor import Detections, Floats, Predictor

if TYPE_CHECKING:
    from torch import Tensor


def at_tile_scale(predictor: Predictor) -> Predictor:
    """The model for tiles that were not resized: itself where its card's `scale` is 1."""
    return predictor if predictor.card.scale == 1 else _Scaled(predictor)


class _Scaled:
    """Resizes images to the scale the model learned at, and its answers back."""

    def __init__(self, predictor: Predictor) -> None:
        self.card = predictor.card
        self._predictor = predictor

    def probabilities(self, images: Floats) -> Floats:
        """The probability of each class at each pixel of the images as they came."""
        height, width = self._learned_size(images)
        found = self._predictor.probabilities(_padded(_to(images, (height, width))))
        return _to(found[..., :height, :width], images.shape[-2:])

    def detections(self, images: Floats) -> list[Detections]:
        """The slicks of each image, in pixels of the images as they came."""
        height, width = self._learned_size(images)
        factors = np.array([images.shape[3] / width, images.shape[2] / height] * 2, np.float32)
        return [
            Detections(
                one.boxes * factors,
                one.labels,
                one.scores,
                _to(one.masks[None, :, :height, :width], images.shape[-2:])[0],
            )
            for one in self._predictor.detections(_padded(_to(images, (height, width))))
        ]

    def _learned_size(self, images: Floats) -> tuple[int, int]:
        """Height and width of the images at the scale the model learned at."""
        height, width = (max(1, round(side * self.card.scale)) for side in images.shape[-2:])
        return height, width


def _padded(images: Floats) -> Floats:
    """The images with zeros below and at the right, up to the sides that networks take."""
    rows, cols = (-side % MULTIPLE_PX for side in images.shape[-2:])
    return np.pad(images, ((0, 0), (0, 0), (0, rows), (0, cols)))


def _to(images: Floats, height_width: tuple[int, ...]) -> Floats:
    """Images (n, bands, rows, columns) of another size: the mean of what a pixel covers, bilinear where it grows."""
    import torch
    from torch.nn.functional import interpolate

    if 0 in images.shape[:2]:
        return np.zeros((*images.shape[:2], *height_width), np.float32)
    tensor: Tensor = torch.from_numpy(np.ascontiguousarray(images))
    shrinks = height_width[0] <= images.shape[2] and height_width[1] <= images.shape[3]
    size = [height_width[0], height_width[1]]
    resized = (
        interpolate(tensor, size, mode="area")
        if shrinks
        else interpolate(tensor, size, mode="bilinear", align_corners=False)
    )
    return np.asarray(resized.numpy())
