"""A small convolutional network that predicts the share of volunteers who say yes, and the loss of their votes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, relu

CHANNELS = (16, 32, 64, 64)
FEATURES = 64


def binomial_loss(logits: Tensor, k: Tensor, n: Tensor) -> Tensor:
    """Mean over items (items,) of -log Bin(k | n, p), p = sigmoid(logits), in nats; items with n = 0 do not count.

    Without any vote it is 0. Source: Walmsley et al. 2020.
    """
    k, n = k.to(logits.dtype), n.to(logits.dtype)
    ways = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    losses = -(ways + k * logsigmoid(logits) + (n - k) * logsigmoid(-logits))
    voted = (n > 0).to(logits.dtype)
    return (losses * voted).sum() / voted.sum().clamp(min=1)


class VoteNetwork(nn.Module):
    """Images float32 (n, bands, side, side) in [0, 1] to the logits (n,) of a yes.

    Four convolutions, each followed by group normalisation and a maximum over 2 x 2, the mean over what is left, and
    two full layers with dropout before each.
    """

    def __init__(self, bands: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((bands, *CHANNELS[:-1]), CHANNELS, strict=True):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(4, after), nn.ReLU(), nn.MaxPool2d(2)]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(CHANNELS[-1], FEATURES)
        self.last = nn.Linear(FEATURES, 1)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image."""
        features = relu(self.hidden(self.dropout(self.pooled(images))))
        logits: Tensor = self.last(self.dropout(features))
        return logits[:, 0]

    def pooled(self, images: Tensor) -> Tensor:
        """What the convolutions see, (n, channels)."""
        seen: Tensor = self.layers(images * 2 - 1)
        return seen

    def features(self, pooled: Tensor) -> Tensor:
        """The penultimate features, (n, FEATURES), without dropout."""
        return relu(self.hidden(pooled))

    def sampled(self, pooled: Tensor, masks: Tensor) -> Tensor:
        """The probability of a yes (samples, n), each sample with one dropout mask for all images.

        `masks` (samples, channels + FEATURES) are those of `dropout_masks`. With masks in common the value of an
        image does not depend on the images beside it, and the convolutions run once.
        """
        first, second = masks[:, :-FEATURES], masks[:, -FEATURES:]
        hidden = relu(self.hidden(pooled[None] * first[:, None]))
        return torch.sigmoid(self.last(hidden * second[:, None])[..., 0])


def dropout_masks(samples: int, dropout: float, random: torch.Generator) -> Tensor:
    """Masks (samples, channels + FEATURES) of 0 and 1 / (1 - dropout)."""
    drawn = torch.rand((samples, CHANNELS[-1] + FEATURES), generator=random)
    return (drawn >= dropout).float() / (1 - dropout)


def turned(images: Tensor, turns: int, mirrored: bool) -> Tensor:
    """The images turned by so many right angles, and mirrored: the sky has no up."""
    return torch.rot90(images.flip(-1) if mirrored else images, turns, (-2, -1))


def least_side() -> int:
    """The smallest side in pixels that the network takes."""
    return int(math.pow(2, len(CHANNELS)))
