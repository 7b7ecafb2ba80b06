"""In which numbers a network computes: 32 bits, or 16 where the GPU is faster so."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

BF16_CAPABILITY = (8, 0)
TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


class Precision:
    """Computing in one of fp32, fp16 and bf16; fp16 scales losses up, lest small gradients vanish."""

    def __init__(self, asked: str, device: torch.device) -> None:
        self.name = chosen(asked, device)
        self._device = device
        self._scaler = torch.amp.GradScaler(device.type, enabled=self.name == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which to run the network."""
        if self.name == "fp32":
            return nullcontext()
        return torch.autocast(self._device.type, TYPES[self.name])

    def backward(self, loss: Tensor) -> None:
        """Add the loss's gradients to those that are there."""
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def unscale(self, optimiser: torch.optim.Optimizer) -> None:
        """Bring gradients back to their own size, before they are clipped."""
        self._scaler.unscale_(optimiser)

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """Let the optimiser step; left out where fp16 overflowed, and the scale lowered."""
        self._scaler.step(optimiser)
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return dict(self._scaler.state_dict())

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what a checkpoint kept."""
        if state and self.name == "fp16":
            self._scaler.load_state_dict(state)


def chosen(asked: str, device: torch.device) -> str:
    """The precision taken for the one asked for: on a CPU fp32; auto is bf16 where the GPU computes in it."""
    if device.type != "cuda":
        return "fp32"
    if asked == "auto":
        return "bf16" if torch.cuda.get_device_capability(device) >= BF16_CAPABILITY else "fp32"
    return asked
