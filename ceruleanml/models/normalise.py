"""The first layer of every U-Net: images in [0, 1] to zero mean and unit deviation a channel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """Subtracts the mean of each channel and divides by its deviation; both travel with the weights."""

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32).view(1, -1, 1, 1))

    mean: Tensor
    deviation: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """The normalised images, (n, bands, height, width) as they came."""
        return (images - self.mean) / self.deviation
