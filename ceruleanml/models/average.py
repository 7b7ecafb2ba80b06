"""The running mean of a network's weights, which is judged and kept in place of the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential running mean of all weights and statistics of a network.

    After step t the mean moves by 1 - d towards the weights, d = min(decay, (1 + t) / (10 + t)), so that it does not
    hang on the first, random ones. Source of the warm-up: TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._mean = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take the weights after that many steps into the mean; what is no number to be averaged is copied."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        state = network.state_dict()
        averaged = [name for name, value in self._mean.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._mean[name] for name in averaged], [state[name] for name in averaged], share)
        for name in self._mean.keys() - set(averaged):
            self._mean[name].copy_(state[name])

    @contextmanager
    def swapped_in(self, network: nn.Module) -> Iterator[None]:
        """The network with the mean in place of its weights, which come back, bit by bit, at the end."""
        self._swap(network)
        try:
            yield
        finally:
            self._swap(network)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {name: value.cpu() for name, value in self._mean.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on with what a checkpoint kept."""
        for name, value in self._mean.items():
            value.copy_(state[name])

    @torch.no_grad()
    def _swap(self, network: nn.Module) -> None:
        for name, value in network.state_dict().items():
            held = value.clone()
            value.copy_(self._mean[name])
            self._mean[name].copy_(held)
