"""Asking a model about tiles: once, several times with dropout, or each member of an ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import ModelError, UsageError
from ceruleanml.models.card import CARD_NAME, WEIGHTS_NAME, Card
from ceruleanml.models.ensemble_folder import read_ensemble
from ceruleanml.models.predictor import (
    Detections,
    NetworkPredictor,
    Predictor,
    choose_device,
    load_predictor,
    weights_file,
)
from ceruleanml.models.scaled import at_tile_scale
from ceruleanml.models.segmenter import load_segmenter

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Images = NDArray[np.float32]
Draws = Sequence[np.random.Generator]
"""A generator for each tile of a batch: what a pass leaves out depends on the tile, not on what stands beside it."""


@dataclass(frozen=True, eq=False)
class Member:
    """A model that can be asked, at the scale of the tiles; `network` is what answers on `device`, if it is known."""

    predictor: Predictor
    network: nn.Module | None = None
    device: torch.device | None = None

    @property
    def card(self) -> Card:
        """The model's card."""
        return self.predictor.card

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU answers."""
        return self.device is not None and self.device.type != "cpu"

    def probabilities(self, images: Images, passes: Sequence[Draws | None]) -> Iterator[Tensor]:
        """The probability of each class at each pixel, (n, classes, rows, columns) on the device, pass by pass.

        A pass without draws is the plain one. With draws, features are left out as in training. A U-Net leaves out
        before its last layer alone, so all before that is computed once.
        """
        import torch

        if self.network is None or self.card.scale != 1:
            for draws in passes:
                with self._thinned(draws):
                    answer = self.predictor.probabilities(images)
                yield torch.from_numpy(np.ascontiguousarray(answer)).to(self.device)
            return
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
            network, asked = _last_layers(self.network, tensor) if passes[0] else (self.network, tensor)
        for draws in passes:
            with torch.inference_mode(), self._thinned(draws):
                logits = network(asked)
                found = torch.softmax(logits.float() / self.card.temperature, dim=1)
            yield found

    def detections(self, images: Images, passes: Sequence[Draws | None]) -> Iterator[list[Detections]]:
        """The slicks of each image, pass by pass; with draws images are asked one by one, boxes of one share them."""
        for draws in passes:
            if draws is None:
                yield self.predictor.detections(images)
                continue
            found: list[Detections] = []
            for number, draw in enumerate(draws):
                with self._thinned([draw]):
                    found += self.predictor.detections(images[number : number + 1])
            yield found

    @contextmanager
    def _thinned(self, draws: Draws | None) -> Iterator[None]:
        """The network, leaving out for each tile the features that its generator draws, the same in all its places.

        Its dropout layers do nothing themselves outside training, where they draw for a whole batch at once.
        """
        if draws is None or self.network is None:
            yield
            return
        from torch import nn

        layers = [one for one in self.network.modules() if isinstance(one, (nn.Dropout, nn.Dropout2d))]
        handles = [layer.register_forward_hook(_leaving_out(layer.p, draws)) for layer in layers]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def load_members(model: Path, device: str) -> tuple[Member, ...]:
    """The models of a run folder, an exported file or an ensemble; read once in each process until a file changes.

    Raises ModelError where members do not belong together.
    """
    paths = read_ensemble(model)
    weights = [weights_file(path) for path in paths]
    files = [*weights, *(file.with_name(CARD_NAME) for file in weights)]
    return _load(paths, device, tuple(file.stat().st_mtime_ns for file in files if file.is_file()))


@lru_cache(maxsize=1)
def copies(members: tuple[Member, ...], count: int) -> tuple[tuple[Member, ...], ...]:
    """The members and copies of them, `count` in all, for so many threads; their weights are the same in memory.

    A U-Net's layers keep what passes through them, so a network answers one thread at a time.
    """
    return members, *(tuple(map(_copied, members)) for _ in range(count - 1))


def check_samples(members: Sequence[Member], samples: int) -> None:
    """Raise UsageError where several passes of one network would all say the same."""
    if samples == 1:
        return
    for member in members:
        if member.network is None:
            raise UsageError(f"--samples {samples}: an exported model has no dropout; give the run folder it came from")
        if not member.card.dropout:
            raise UsageError(
                f"--samples {samples}: model {member.card.name} has no dropout, so each pass would say the same; train "
                "with model.dropout=0.2, or give an ensemble and leave --samples at 1"
            )


@lru_cache(maxsize=1)
def _load(paths: tuple[Path, ...], device: str, stamps: tuple[int, ...]) -> tuple[Member, ...]:
    members = tuple(_member(path, device) for path in paths)
    first = members[0].card
    for path, member in zip(paths, members, strict=True):
        for part in ("kind", "classes", "channels"):
            if getattr(member.card, part) != getattr(first, part):
                raise ModelError(f"{path}: has other {part} than {paths[0]}; train the members of an ensemble alike")
    return members


def _member(path: Path, device: str) -> Member:
    if weights_file(path).name != WEIGHTS_NAME:
        return Member(at_tile_scale(load_predictor(path, device)))
    chosen = choose_device(device)
    card, segmenter = load_segmenter(path if path.is_dir() else path.parent)
    network: Any = segmenter
    return _asked_on(chosen, card, network.to(chosen))


def _asked_on(device: torch.device, card: Card, network: nn.Module) -> Member:
    return Member(at_tile_scale(NetworkPredictor(card, network, device)), network, device)


def _copied(member: Member) -> Member:
    """A member with layers of its own around the same weights; an exported file, which keeps nothing, as it is."""
    if member.network is None or member.device is None:
        return member
    weights = {id(one): one for one in chain(member.network.parameters(), member.network.buffers())}
    return _asked_on(member.device, member.card, deepcopy(member.network, weights))


def _leaving_out(share: float, draws: Draws) -> Any:
    """A hook that leaves out a share of the features of each tile, and scales the others up as dropout does."""
    import torch

    def hook(layer: Any, inputs: Any, output: Tensor) -> Tensor:
        kept = np.stack([draw.random(output.shape[1]) >= share for draw in draws])
        factors = torch.from_numpy(kept).to(output.device, output.dtype) / (1 - share)
        return output * factors.reshape(*kept.shape, *[1] * (output.ndim - 2))

    return hook


def _last_layers(network: nn.Module, images: Tensor) -> tuple[nn.Module, Tensor]:
    """The layers of a U-Net from its dropout on, and what reaches them of the images."""
    from torch import nn

    name = next(name for name, layer in network.named_modules() if isinstance(layer, nn.Dropout2d))
    last = network.get_submodule(name.rpartition(".")[0])
    reached: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda layer, inputs: reached.append(inputs[0]))
    try:
        network(images)
    finally:
        handle.remove()
    return last, reached[0]
