"""A small convolutional network that names the class of a spectrum and finds its lines, and the loss of both."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool1d, binary_cross_entropy_with_logits, cross_entropy, one_hot

CHANNELS = (24, 32, 48, 64)
KERNEL, STRIDE = 9, 2
FEATURES = 64
PARTS = 4
"""Of a box, in each of which the line head looks for itself."""
MARGIN = 0.1
"""A place in a box may come out so far beyond its ends, lest the sigmoid be flat where lines lie."""
LINE_WEIGHT = 1.0


class SpectrumNetwork(nn.Module):
    """Spectra float32 (n, pixels), normalised, to class logits (n, classes) and lines (n, lines, boxes, 2).

    The last axis of lines holds the logit that the line is in the box, and its place in it. Four strided convolutions
    with group normalisation and one full layer, as in QuasarNET (Busca and Balland 2018). Its line heads are full
    layers; here each box is judged by what the second convolution sees in it and by the spectrum's features, with the
    same weights in all boxes.
    """

    def __init__(self, pixels: int, classes: int, lines: int, boxes: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        length = pixels
        for before, after in zip((1, *CHANNELS[:-1]), CHANNELS, strict=True):
            convolution = nn.Conv1d(before, after, KERNEL, STRIDE, KERNEL // 2)
            layers.append(nn.Sequential(convolution, nn.GroupNorm(4, after), nn.ReLU()))
            length = (length - 1) // STRIDE + 1
        self.boxes, self.count = boxes, lines
        self.near, self.far = nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:])
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(CHANNELS[-1] * length, FEATURES), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.classes = nn.Linear(FEATURES, classes)
        in_box = CHANNELS[1] * PARTS + FEATURES
        heads = [nn.Linear(in_box, FEATURES), nn.ReLU(), nn.Linear(FEATURES, lines * 2)] if lines else []
        self.lines = nn.Sequential(*heads)

    def forward(self, flux: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits, and logits and places of lines."""
        near = self.near(flux[:, None])
        features = self.dropout(self.hidden(self.far(near)))
        return self.classes(features), self._lines(near, features)

    def features(self, flux: Tensor) -> Tensor:
        """The penultimate features, (n, FEATURES)."""
        found: Tensor = self.hidden(self.far(self.near(flux[:, None])))
        return found

    def _lines(self, near: Tensor, features: Tensor) -> Tensor:
        """What is in each box, (n, lines, boxes, 2)."""
        if not self.count:
            return near.new_zeros(len(near), 0, self.boxes, 2)
        parts = adaptive_max_pool1d(near, self.boxes * PARTS).reshape(len(near), -1, self.boxes, PARTS)
        seen = torch.cat([parts.permute(0, 2, 1, 3).flatten(2), features[:, None].expand(-1, self.boxes, -1)], dim=2)
        raw = self.lines(seen).reshape(len(near), self.boxes, self.count, 2).transpose(1, 2)
        places = torch.sigmoid(raw[..., 1]) * (1 + 2 * MARGIN) - MARGIN
        return torch.stack([raw[..., 0], places], dim=-1)


def spectrum_loss(
    logits: Tensor, lines: Tensor, classes: Tensor, boxes: Tensor, places: Tensor, known: Tensor
) -> Tensor:
    """Mean loss of spectra: cross-entropy of the class, and of the lines where they are known.

    `classes` (n) are class numbers, `boxes` (n, lines) the box that each line is in (-1: in none), `places` (n, lines)
    where in it, `known` (n) whether lines are known. A line costs the binary cross-entropy of all its boxes and, where
    it is seen, the squared error of its place in the box it is in.
    """
    loss = cross_entropy(logits, classes)
    if not lines.shape[1] or not bool(known.any()):
        return loss
    lines, boxes, places = lines[known], boxes[known], places[known]
    truth = one_hot(boxes.clamp(min=0), lines.shape[2]) * (boxes >= 0)[..., None]
    sight = binary_cross_entropy_with_logits(lines[..., 0], truth.to(lines.dtype), reduction="none").sum(-1)
    missed = ((lines[..., 1] - places[..., None]) ** 2 * truth).sum(-1)
    return loss + LINE_WEIGHT * (sight + missed).mean()
