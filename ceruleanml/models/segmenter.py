"""The protocol of both networks, and building one from its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ceruleanml.errors import ModelError
from ceruleanml.models.card import WEIGHTS_NAME, Card, read_card
from ceruleanml.models.config import ENCODERS, KINDS
from ceruleanml.models.weights import load_state

if TYPE_CHECKING:
    from torch import Tensor, nn


class Segmenter(Protocol):
    """A network, an nn.Module too, that finds slicks on float32 (n, bands, height, width) in [0, 1].

    What it takes and gives beside this is its own: see `UNet` and `MaskRcnn`.
    """

    kind: str

    @property
    def encoder(self) -> nn.Module:
        """The layers that came pretrained, if any did."""

    @property
    def heads(self) -> tuple[str, ...]:
        """How the names of the weights begin that belong to the classes."""

    def probabilities(self, images: Tensor, temperature: float = 1.0) -> Tensor:
        """The probability of each class at each pixel, (n, classes, height, width), summing to 1."""

    def detections(self, images: Tensor) -> list[dict[str, Tensor]]:
        """The slicks of each image: boxes, labels, scores and masks. Raises ModelError where the network has none."""


def build_segmenter(card: Card, encoder_state: dict[str, Any] | None = None, trainable_layers: int = 5) -> Segmenter:
    """The network of a card, its weights drawn by torch's generator, its encoder's taken from `encoder_state`.

    `encoder_state` is a state dict of the whole torchvision network; `card.pretrained` tells whether there was one.
    Raises ModelError for a kind or encoder that is not known, or weights of another network.
    """
    if card.kind not in KINDS or card.encoder not in ENCODERS:
        raise ModelError(f"a {card.kind} on {card.encoder} is not known; there are {', '.join(KINDS + ENCODERS)}")
    if card.kind == "unet":
        from ceruleanml.models.unet import UNet

        return UNet(card, encoder_state)
    from ceruleanml.models.mask_rcnn import MaskRcnn

    return cast(Segmenter, MaskRcnn(card, encoder_state, trainable_layers))


def load_segmenter(run: Path) -> tuple[Card, Segmenter]:
    """The card and the trained network of a run folder, on the CPU and in evaluation mode. Raises ModelError."""
    card = read_card(run)
    segmenter = build_segmenter(card)
    fill(segmenter, load_state(run / WEIGHTS_NAME), run / WEIGHTS_NAME)
    return card, segmenter


def fill(segmenter: Segmenter, state: Any, source: Path) -> None:
    """Give a network its weights and put it into evaluation mode. Raises ModelError where they are of another."""
    module = cast("nn.Module", segmenter)
    try:
        module.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(f"{source}: holds weights of another network than its card describes; train again") from error
    module.eval()
