"""How an ensemble of networks learns from spectra, and what a trained one says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ceruleanml.errors import SelectionError
from ceruleanml.selection.item_ensemble import drawn_again, members_of
from ceruleanml.selection.small_training import MODEL_NAME, Lesson, Recipe, load_weights, read_model, word
from ceruleanml.selection.spectra_grid import Grid, boxes_of
from ceruleanml.selection.spectra_model import SpectrumNetwork, spectrum_loss

KIND = "spectra"
BATCH = 256
"""Spectra that a trained network is asked about at once."""
SHIFT = 1 / 32
"""In training a batch is shifted by up to this share of the grid, as if it were a little nearer or farther away."""


@dataclass(frozen=True)
class Form:
    """What networks of one ensemble have in common."""

    grid: Grid
    classes: tuple[str, ...]
    lines: tuple[str, ...]
    boxes: int
    dropout: float

    def network(self) -> SpectrumNetwork:
        """A network of this form with random weights."""
        return SpectrumNetwork(self.grid.pixels, len(self.classes), len(self.lines), self.boxes, self.dropout)

    def about(self) -> dict[str, Any]:
        """The form as JSON."""
        grid = [self.grid.first_angstrom, self.grid.last_angstrom, self.grid.pixels]
        return {
            "kind": KIND, "grid": grid, "classes": list(self.classes), "lines": list(self.lines), "boxes": self.boxes,
            "dropout": self.dropout,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Targets:
    """Of spectra: flux (n, pixels), class numbers (n), where lines lie on the grid (n, lines), 0 to 1, `known` (n)."""

    flux: Tensor
    classes: Tensor
    shares: NDArray[np.float64]
    known: Tensor

    def at(self, rows: NDArray[np.int64]) -> Targets:
        """Those of some rows, which may stand more than once."""
        picked = torch.from_numpy(rows)
        return Targets(self.flux[picked], self.classes[picked], self.shares[rows], self.known[picked])

    def shifted(self, pixels: int) -> Targets:
        """The same spectra so many pixels to the red, below 0 to the blue, with their lines; 0 comes in behind."""
        whole = self.flux.shape[1]
        flux = torch.zeros_like(self.flux)
        flux[:, max(0, pixels) : whole + min(0, pixels)] = self.flux[:, max(0, -pixels) : whole - max(0, pixels)]
        return Targets(flux, self.classes, self.shares + pixels / (whole - 1), self.known)


def targets_of(
    form: Form,
    flux: NDArray[np.float32],
    classes: Sequence[int],
    lines: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> Targets:
    """The targets of spectra whose lines lie at these angstrom (n, lines), NaN where one is not seen."""
    numbers = torch.tensor(list(classes), dtype=torch.int64)
    return Targets(torch.from_numpy(flux), numbers, form.grid.shares(lines), torch.from_numpy(known))


def member_lesson(
    form: Form, targets: Targets, member: int, recipe: Recipe, seed: int, identity: str, warm: Path | None
) -> Lesson:
    """The training of one member on as many spectra as there are, drawn with replacement, with a seed of its own."""
    count = len(targets.classes)
    drawn = targets.at(drawn_again(count, seed, member))
    reach = int(form.grid.pixels * SHIFT)

    def build() -> SpectrumNetwork:
        network = form.network()
        if warm is not None:
            load_weights(network, read_model(warm)["network"], warm)
        return network

    def loss_of(network: SpectrumNetwork, places: NDArray[np.int64], random: np.random.Generator) -> Tensor:
        part = drawn.at(places).shifted(int(random.integers(-reach, reach + 1)))
        logits, lines = network(part.flux)
        boxes, inside = (torch.from_numpy(values) for values in boxes_of(part.shares, form.boxes))
        return spectrum_loss(logits, lines, part.classes, boxes, inside.float(), part.known)

    return Lesson(count, build, loss_of, recipe, word(seed, "member", member), form.about(), identity)


class SpectraPredictor:
    """A trained ensemble, asked without dropout."""

    def __init__(self, folder: Path, form: Form) -> None:
        self.form = form
        self.networks = []
        for member in members_of(folder, KIND):
            stored = read_model(member)
            if stored.get("about") != form.about():
                raise SelectionError(
                    f"{member / MODEL_NAME}: was trained with another grid, other classes or lines; take the settings "
                    "it was trained with"
                )
            network = form.network()
            load_weights(network, stored["network"], member)
            self.networks.append(network.eval())

    @torch.inference_mode()
    def features(self, flux: NDArray[np.float32]) -> NDArray[np.float32]:
        """The penultimate features of all members side by side, (n, members x d)."""
        parts = [
            np.concatenate([network.features(batch).numpy() for network in self.networks], axis=1)
            for batch in _batches(flux)
        ]
        return np.concatenate(parts)

    @torch.inference_mode()
    def probabilities(self, flux: NDArray[np.float32]) -> NDArray[np.float64]:
        """The probability of each class by each member, (members, n, classes)."""
        parts = [
            np.stack([torch.softmax(network(batch)[0].double(), dim=1).numpy() for network in self.networks])
            for batch in _batches(flux)
        ]
        return np.concatenate(parts, axis=1)

    @torch.inference_mode()
    def lines(self, flux: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How confident the members are in the mean that each line is seen, (n, lines), and where, in angstrom.

        A line is where the box of the greatest mean confidence says.
        """
        confidences, places = [], []
        for batch in _batches(flux):
            found = torch.stack([network(batch)[1] for network in self.networks]).double()
            seen = torch.sigmoid(found[..., 0]).mean(0)
            best = seen.argmax(-1, keepdim=True)
            confidences.append(seen.gather(-1, best)[..., 0].numpy())
            places.append(((best + found[..., 1].mean(0).gather(-1, best)) / self.form.boxes)[..., 0].numpy())
        return np.concatenate(confidences), self.form.grid.wavelengths_at(np.concatenate(places))


def _batches(flux: NDArray[np.float32]) -> list[Tensor]:
    """The spectra some at a time; one empty batch where there are none."""
    return [torch.from_numpy(flux[start : start + BATCH]) for start in range(0, max(1, len(flux)), BATCH)]
