"""What each network learns from a batch, and how it is judged by one; the learner sees no other difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ceruleanml.models.config import TrainConfig
from ceruleanml.models.losses import Loss, make_loss
from ceruleanml.models.targets import IGNORE

Losses = dict[str, Tensor]
Judged = tuple[Losses, Tensor, Tensor]
"""The losses of a batch, and the class ids of its pixels, int64 (n, rows, columns): true ones, and those found."""


class Objective(Protocol):
    """What a network is to minimise."""

    def learn(self, network: nn.Module, images: Any, targets: Any) -> Losses:
        """The losses of a batch by name, with their graph; their sum is minimised."""

    def judge(self, network: nn.Module, images: Any, targets: Any) -> Judged:
        """The losses and answers of a network in evaluation mode."""

    def set_side(self, network: nn.Module, tile_px: int) -> None:
        """Tell the network the side of the tiles to come, where it must know."""

    def blank(self, raw: Any) -> bool:
        """Whether a batch, as the loader gave it, holds nothing to learn from."""


class PixelObjective:
    """The U-Net's: one loss on logits."""

    def __init__(self, loss: Loss) -> None:
        self._loss = loss

    def learn(self, network: nn.Module, images: Tensor, targets: Tensor) -> Losses:
        """The loss alone."""
        return {"loss": self._loss(network(images), targets)}

    def judge(self, network: nn.Module, images: Tensor, targets: Tensor) -> Judged:
        """The loss, and the class of the greatest logit at each pixel."""
        logits = network(images)
        return {"loss": self._loss(logits, targets)}, targets, logits.argmax(dim=1)

    def set_side(self, network: nn.Module, tile_px: int) -> None:
        """Do nothing: a U-Net takes any side."""

    def blank(self, raw: tuple[Tensor, Tensor]) -> bool:
        """Whether no pixel has a known class."""
        return not bool((raw[1] != IGNORE).any())


class InstanceObjective:
    """Mask R-CNN's: its own five losses."""

    def learn(self, network: nn.Module, images: list[Tensor], targets: list[dict[str, Tensor]]) -> Losses:
        """The losses of the network itself."""
        losses: Losses = network(images, targets)
        return losses

    def judge(self, network: nn.Module, images: list[Tensor], targets: list[dict[str, Tensor]]) -> Judged:
        """The losses, and the class of the greatest merged probability at each pixel."""
        with _telling_losses(network):
            losses = network(images, targets)
        stacked = torch.stack(images)
        found = network.probabilities(stacked).argmax(dim=1)  # type: ignore[operator]
        return losses, drawn(targets, stacked.shape[-2:]), found

    def set_side(self, network: nn.Module, tile_px: int) -> None:
        """Let the network take tiles of this side as they are, where it would resize them to the card's."""
        transform: Any = network.transform
        transform.min_size, transform.max_size = (tile_px,), tile_px

    def blank(self, raw: tuple[Tensor, list[dict[str, Tensor]]]) -> bool:
        """Whether every pixel is nodata."""
        return not bool(raw[0].any())


def objective_of(config: TrainConfig, classes: Sequence[str]) -> Objective:
    """The objective of the configuration's network."""
    return PixelObjective(make_loss(config.loss, classes)) if config.model.kind == "unet" else InstanceObjective()


def drawn(targets: Sequence[dict[str, Tensor]], height_width: Sequence[int]) -> Tensor:
    """Instances as class ids, int64 (n, rows, columns); where they overlap the later one is seen."""
    device = targets[0]["labels"].device
    ids = torch.zeros((len(targets), *height_width), dtype=torch.int64, device=device)
    for image, target in zip(ids, targets, strict=True):
        for label, mask in zip(target["labels"], target["masks"], strict=True):
            image[mask.bool()] = label
    return ids


@contextmanager
def _telling_losses(network: nn.Module) -> Iterator[None]:
    """Detectors of torchvision tell losses only in training mode; their normalisation stays in evaluation mode."""
    parts: list[Any] = [network, network.rpn, network.roi_heads]
    for part in parts:
        part.training = True
    try:
        yield
    finally:
        for part in parts:
            part.training = False
