"""The U-Net: an encoder of torchvision, fastai's DynamicUnet around it, normalisation in front."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from ceruleanml.errors import ModelError
from ceruleanml.models.card import Card
from ceruleanml.models.encoders import State, build_encoder
from ceruleanml.models.fastai_parts import DynamicUnet
from ceruleanml.models.normalise import Normalise

LIGHT_ENCODERS = ("mobilenet_v2",)
"""Their decoder does without the last block at full resolution, which is half of a light network's time."""


class UNet(nn.Module):
    """Images float32 (n, bands, height, width) in [0, 1] to logits (n, classes, height, width).

    Source: Ronneberger, Fischer and Brox 2015, in fastai's form with a pretrained encoder and pixel shuffle.
    """

    kind = "unet"

    def __init__(self, card: Card, encoder_state: State | None = None) -> None:
        super().__init__()
        encoder = build_encoder(card.encoder, card.bands, encoder_state)
        side = (card.tile_px, card.tile_px)
        network = DynamicUnet(encoder, len(card.classes), side, last_cross=card.encoder not in LIGHT_ENCODERS)
        network.layers[-1] = nn.Identity()  # fastai's cast to a plain tensor, which cannot be exported
        if card.dropout:
            (last,) = network.layers[-2]  # keeps its name, so that weights fit with and without dropout
            network.layers[-2] = nn.Sequential(OrderedDict([("dropout", nn.Dropout2d(card.dropout)), ("0", last)]))
        self.normalise = Normalise(card.mean, card.deviation)
        self.network = network

    @property
    def encoder(self) -> nn.Module:
        """The layers that `trainer.freeze_epochs` keeps still."""
        encoder: nn.Module = self.network.layers[0]
        return encoder

    @property
    def heads(self) -> tuple[str, ...]:
        """How the names of the weights of the last layer begin, which gives the classes."""
        return (f"network.layers.{len(self.network.layers) - 2}.",)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each class at each pixel."""
        logits: Tensor = self.network(self.normalise(images))
        return logits

    def probabilities(self, images: Tensor, temperature: float = 1.0) -> Tensor:
        """The probability of each class at each pixel, float32 (n, classes, height, width)."""
        return torch.softmax(self(images).float() / temperature, dim=1)

    def detections(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Raise ModelError: a U-Net knows pixels, not instances."""
        raise ModelError("a U-Net has no detections; cut its probabilities into slicks instead")
