"""What the U-Net minimises: losses for rare, thin targets, computed in float32 whatever the network's precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ceruleanml.errors import UsageError
from ceruleanml.models.config import LossConfig
from ceruleanml.models.targets import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]
"""From logits (n, classes, rows, columns) and targets int64 (n, rows, columns) to a scalar."""


def make_loss(config: LossConfig, classes: Sequence[str]) -> Loss:
    """The loss that the configuration names, for a model with these classes, background first.

    Pixels of IGNORE count nowhere; a batch of nothing else has loss 0 and gradients 0. Raises UsageError for a class
    weight of an unknown class or below 0.
    """
    weights = _weights(config, classes)
    on_device: dict[torch.device, Tensor] = {}

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        logits = logits.float()
        if logits.device not in on_device:
            on_device[logits.device] = torch.tensor(weights, device=logits.device)
        weight = on_device[logits.device]
        if config.name == "dice":
            return dice(logits, targets, weight)
        gamma = config.gamma if config.name == "focal" else 0.0
        pixels = focal(logits, targets, weight, gamma)
        return pixels + config.dice_weight * dice(logits, targets, weight) if config.name == "combination" else pixels

    return loss


def focal(logits: Tensor, targets: Tensor, weight: Tensor, gamma: float) -> Tensor:
    """The mean over pixels of -(1 - p)^gamma log p, p being the probability of the pixel's class.

    Pixels count by their class's weight. With gamma 0 it is cross-entropy (Lin et al. 2017, without their alpha).
    """
    losses = functional.cross_entropy(logits, targets, reduction="none", ignore_index=IGNORE)
    if gamma > 0:
        losses = (-torch.expm1(-losses)).clamp(min=1e-6) ** gamma * losses
    known = targets != IGNORE
    each = weight[torch.where(known, targets, 0)] * known
    return (each * losses).sum() / each.sum().clamp(min=torch.finfo(torch.float32).tiny)


def dice(logits: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
    """One minus the soft Dice 2 sum(p t) / (sum(p) + sum(t)), meaned over classes by their weights.

    Sums run over the known pixels of the whole batch. The background is left out, and so is a class of which the
    batch shows nothing: its Dice would be 0 however small its probabilities. Without any slick the loss is 0.
    """
    known = targets != IGNORE
    probabilities = logits.softmax(dim=1) * known[:, None]
    classes = range(1, logits.shape[1])
    truth = [targets == number for number in classes]
    shown = torch.stack([mask.sum() for mask in truth]).float()
    shared = torch.stack([(probabilities[:, number] * mask).sum() for number, mask in zip(classes, truth, strict=True)])
    guessed = probabilities[:, 1:].sum(dim=(0, 2, 3))
    missed = 1 - 2 * shared / (guessed + shown).clamp(min=1e-6)
    each = weight[1:] * (shown > 0)
    return (each * missed).sum() / each.sum().clamp(min=torch.finfo(torch.float32).tiny)


def _weights(config: LossConfig, classes: Sequence[str]) -> list[float]:
    for name, value in config.class_weights.items():
        if name not in classes:
            raise UsageError(f"loss.class_weights: {name} is no class of this training; it has {', '.join(classes)}")
        if not 0 <= value < float("inf"):
            raise UsageError(f"loss.class_weights: {name} {value:g} cannot be; give 0 or more")
    return [float(config.class_weights.get(name, 1.0)) for name in classes]
