"""Small models for tests: cards, networks with random weights, and run folders that hold them."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from ceruleanml.models.card import WEIGHTS_NAME, Card, write_card
from ceruleanml.models.segmenter import Segmenter, build_segmenter
from ceruleanml.models.weights import save_state
from ceruleanml.storage import sha256_of

CLASSES = ("background", "infra_slick", "natural_seep")


def card_of(
    kind: str = "unet", encoder: str | None = None, channels: tuple[str, ...] = ("vv",), **changes: object
) -> Card:
    """The card of a small model."""
    count = len(channels)
    card = Card(
        name="small",
        kind=kind,
        encoder=encoder or ("mobilenet_v2" if kind == "unet" else "resnet18"),
        classes=CLASSES,
        channels=channels,
        tile_px=64,
        mean=(0.25,) * count,
        deviation=(0.1,) * count,
    )
    return card.with_(**changes)


def network_of(card: Card, seed: int = 0) -> Segmenter:
    """The network of a card with weights drawn from the seed, in evaluation mode."""
    torch.manual_seed(seed)
    network = build_segmenter(card)
    network.eval()
    return network


def run_of(folder: Path, card: Card, seed: int = 0) -> Path:
    """A run folder with card and weights."""
    folder.mkdir(parents=True, exist_ok=True)
    save_state(folder / WEIGHTS_NAME, network_of(card, seed).state_dict())
    write_card(folder, card.with_(weights_sha256=sha256_of(folder / WEIGHTS_NAME)))
    return folder


class Hostile:
    """What a pickle of code looks like: loading it would make a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)
