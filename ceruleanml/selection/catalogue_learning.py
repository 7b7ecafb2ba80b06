"""How the network of a catalogue learns from votes, and what a trained one says of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ceruleanml.errors import SelectionError
from ceruleanml.selection.catalogue_files import Catalogue
from ceruleanml.selection.catalogue_images import read_image
from ceruleanml.selection.catalogue_model import VoteNetwork, binomial_loss, dropout_masks, turned
from ceruleanml.selection.item_ensemble import members_of
from ceruleanml.selection.small_training import Lesson, Recipe, load_weights, read_model, word

KIND = "catalogue"
BATCH = 64
"""Images that a trained network is asked about at once."""


def images_of(catalogue: Catalogue, rows: NDArray[np.int64], side_px: int, bands: int) -> Tensor:
    """The images of these rows, float32 (n, bands, side, side). Raises SelectionError that names file and row."""
    images = np.empty((len(rows), bands, side_px, side_px), np.float32)
    for place, row in enumerate(rows):
        path = catalogue.file_of(row)
        try:
            images[place] = read_image(path, side_px, bands)
        except SelectionError as error:
            raise SelectionError(f"{catalogue.path}: row {row + 2}: {error}") from error
    return torch.from_numpy(images)


def vote_lesson(
    images: Tensor,
    votes: NDArray[np.int64],
    rows: NDArray[np.int64],
    dropout: float,
    recipe: Recipe,
    seed: int,
    about: dict[str, Any],
    identity: str,
    warm: Path | None,
) -> Lesson:
    """A training on these rows of images and votes (n, 2), k and N; it starts from the model in the folder `warm`."""
    k, n = torch.from_numpy(votes.T.copy())
    bands = images.shape[1]

    def build() -> VoteNetwork:
        network = VoteNetwork(bands, dropout)
        if warm is not None:
            load_weights(network, read_model(warm)["network"], warm)
        return network

    def loss_of(network: VoteNetwork, places: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        places = rows[places]
        batch = turned(images[places], int(random.integers(4)), bool(random.integers(2)))
        return binomial_loss(network(batch), k[places], n[places])

    return Lesson(len(rows), build, loss_of, recipe, seed, about, identity)


class VotePredictor:
    """A trained ensemble, asked without dropout unless for samples; `about` is what its members have in common."""

    def __init__(self, model: Path) -> None:
        self.networks: list[VoteNetwork] = []
        for member in members_of(model, KIND):
            stored = read_model(member)
            self.about: dict[str, Any] = stored["about"]
            network = VoteNetwork(self.about["bands"], self.about["dropout"])
            load_weights(network, stored["network"], member)
            self.networks.append(network.eval())

    @torch.inference_mode()
    def pooled(self, catalogue: Catalogue, rows: NDArray[np.int64]) -> Tensor:
        """What each member's convolutions see of these rows, (members, n, channels); images are held some at a time."""
        found = torch.empty((len(self.networks), len(rows), self.networks[0].hidden.in_features))
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            images = images_of(catalogue, part, self.about["side_px"], self.about["bands"])
            for seen, network in zip(found, self.networks, strict=True):
                seen[start : start + BATCH] = network.pooled(images)
        return found

    @torch.inference_mode()
    def member_shares(self, pooled: Tensor) -> NDArray[np.float64]:
        """The share of yes that each member expects, (members, n)."""
        keep_all = torch.ones((1, pooled.shape[2] + self.networks[0].last.in_features))
        return self._sampled(pooled, [keep_all] * len(self.networks))

    @torch.inference_mode()
    def sampled_shares(self, pooled: Tensor, samples: int, seed: int) -> NDArray[np.float64]:
        """The same under so many dropout masks of each member, (members x samples, n)."""
        randoms = [
            torch.Generator().manual_seed(word(seed, "dropout masks", member)) for member in range(len(self.networks))
        ]
        return self._sampled(pooled, [dropout_masks(samples, self.about["dropout"], random) for random in randoms])

    @torch.inference_mode()
    def features(self, pooled: Tensor) -> NDArray[np.float32]:
        """The penultimate features of all members side by side, (n, members x d)."""
        parts = [network.features(seen).numpy() for network, seen in zip(self.networks, pooled, strict=True)]
        return np.concatenate(parts, axis=1)

    def _sampled(self, pooled: Tensor, masks: Sequence[Tensor]) -> NDArray[np.float64]:
        asked = zip(self.networks, pooled, masks, strict=True)
        return np.concatenate([network.sampled(seen, mask).double().numpy() for network, seen, mask in asked])
