"""Mask R-CNN of torchvision on a ResNet with a feature pyramid, for any number of bands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.ops import FrozenBatchNorm2d

from ceruleanml.models.card import Card
from ceruleanml.models.encoders import State, resnet
from ceruleanml.models.unresized import Unresized

ALL_STAGES = 5


class MaskRcnn(MaskRCNN):  # type: ignore[misc] # torchvision publishes no types
    """Images, a list of float32 (bands, height, width) in [0, 1], to a dictionary of slicks for each.

    In training, with targets, to the dictionary of its five losses. Images of any side are taken as they are.
    Names of weights are torchvision's own.
    Source: He, Gkioxari, Dollar and Girshick 2017.
    """

    kind = "mask_rcnn"

    def __init__(self, card: Card, encoder_state: State | None = None, trainable_layers: int = ALL_STAGES) -> None:
        scratch = card.pretrained == "none"
        norm = nn.BatchNorm2d if scratch else FrozenBatchNorm2d  # few tiles a step spoil statistics that are there
        body = resnet(card.encoder, card.bands, encoder_state, norm)
        backbone = _resnet_fpn_extractor(body, ALL_STAGES if scratch else trainable_layers)
        super().__init__(backbone, len(card.classes))
        if card.dropout:
            features = self.roi_heads.box_predictor.cls_score.in_features
            self.roi_heads.box_predictor = DroppingPredictor(features, len(card.classes), card.dropout)
        self.transform = Unresized(card.tile_px, card.tile_px, list(card.mean), list(card.deviation))

    @property
    def encoder(self) -> nn.Module:
        """The layers that `trainer.freeze_epochs` keeps still."""
        encoder: nn.Module = self.backbone.body
        return encoder

    @property
    def heads(self) -> tuple[str, ...]:
        """How the names of the weights of the layers begin that give the classes, boxes and masks."""
        return ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")

    def detections(self, images: Tensor) -> list[dict[str, Tensor]]:
        """The slicks of each image of (n, bands, height, width), best score first.

        `boxes` (k, 4) as x0, y0, x1, y1, `labels` (k,), `scores` (k,) and `masks` (k, 1, height, width), a
        probability for each pixel.
        """
        found: list[dict[str, Tensor]] = self(list(images))
        return found

    def probabilities(self, images: Tensor, temperature: float = 1.0) -> Tensor:
        """The probability of each class at each pixel, float32 (n, classes, height, width), summing to 1.

        Slicks are taken as independent: sea is where none of them is, and a pixel's slick probability is shared out
        to the classes in proportion to theirs. `temperature` is for U-Nets; scores are not logits.
        """
        classes = self.roi_heads.box_predictor.cls_score.out_features
        return torch.stack([merged(found, classes, images.shape[-2:]) for found in self.detections(images)])


class DroppingPredictor(FastRCNNPredictor):  # type: ignore[misc] # torchvision publishes no types
    """Class scores and boxes of features, (n, features), of which training leaves out a share at each step."""

    def __init__(self, features: int, classes: int, share: float) -> None:
        super().__init__(features, classes)
        self.dropout = nn.Dropout(share)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The scores (n, classes) and the boxes (n, 4 classes)."""
        kept = self.dropout(x)
        return self.cls_score(kept), self.bbox_pred(kept)


def merged(found: dict[str, Tensor], classes: int, height_width: Sequence[int]) -> Tensor:
    """The probability of each class at each pixel of one image's slicks, (classes, height, width)."""
    absent = found["masks"].new_ones((classes, *height_width))
    for label, score, mask in zip(found["labels"], found["scores"], found["masks"], strict=True):
        absent[label] *= 1 - score * mask[0]
    sea = absent[1:].prod(dim=0)
    present = 1 - absent[1:]
    share = present / present.sum(dim=0).clamp(min=1e-12)
    return torch.cat([sea[None], (1 - sea) * share])
