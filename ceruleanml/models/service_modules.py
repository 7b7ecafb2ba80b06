"""The networks as they leave the house: with temperature and the service's classes inside.

Annotations are evaluated here, as torch.jit.script wants them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

NEVER = -1e4
"""The logit of a class that was never learnt: its probability is exactly zero, and no arithmetic overflows."""


class CalibratedUNet(nn.Module):
    """Images (n, bands, height, width) in [0, 1] to logits (n, classes, height, width), divided by the temperature."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each class at each pixel."""
        logits: Tensor = self.network(images)
        return logits if self.temperature == 1 else logits / self.temperature


class ServedUNet(nn.Module):
    """Images (n, 1, height, width) in [0, 1] to logits (n, service classes, height, width).

    Their softmax is the sum of the model's own probabilities over the members of each service class. The logits are
    logarithms of probabilities, which are logits too, so a class without members can have one that never wins.
    """

    def __init__(self, network: nn.Module, members: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.network = network
        self.members = [list(own) for own in members]

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each service class at each pixel."""
        logarithms = torch.log_softmax(self.network(images), dim=1)
        return torch.stack([_together(logarithms, own) for own in self.members], dim=1)


class ServedMaskRcnn(nn.Module):
    """A list of images (bands, height, width) to (losses, slicks), as a scripted detector of torchvision returns.

    Labels are the service's. To be scripted: called eagerly it does not know what to return.
    """

    def __init__(self, network: Any, service_ids: Sequence[int]) -> None:
        super().__init__()
        self.network = plain_detector(network)
        self.register_buffer("service_ids", torch.tensor(service_ids, dtype=torch.int64))

    service_ids: Tensor

    def forward(self, images: list[Tensor]) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
        """Nothing, and the boxes, labels, scores and masks of each image."""
        losses, found = self.network(images)
        for slicks in found:
            slicks["labels"] = self.service_ids[slicks["labels"]]
        return losses, found


class OneImageMaskRcnn(nn.Module):
    """One image (bands, height, width) to boxes (k, 4), labels (k,), scores (k,) and masks (k, 1, height, width)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = plain_detector(network)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The slicks of the image, best score first."""
        slicks = self.network([image])[0]
        return slicks["boxes"], slicks["labels"], slicks["scores"], slicks["masks"]


def plain_detector(network: Any) -> Any:
    """A Mask R-CNN of the same layers, in evaluation mode, without what our class adds: that cannot be scripted."""
    plain = GeneralizedRCNN(network.backbone, network.rpn, network.roi_heads, network.transform)
    plain._has_warned = True  # it would tell every caller of the scripted module what they expect anyhow
    return plain.eval()


def _together(logarithms: Tensor, own: list[int]) -> Tensor:
    if not own:
        return torch.full_like(logarithms[:, 0], NEVER)
    if len(own) == 1:
        return logarithms[:, own[0]]
    return torch.logsumexp(torch.stack([logarithms[:, number] for number in own], dim=1), dim=1)
