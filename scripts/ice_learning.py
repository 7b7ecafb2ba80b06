"""icevision's Mask R-CNN and its fastai learner, built so that what they learn is a run of ceruleanml.

`load_icevision` must have been called before this module is imported.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import fastai.vision.all as fastai
import torch
from icevision.all import COCOMetric, COCOMetricType, Dataset, tfms
from icevision.models.torchvision import mask_rcnn
from torch import Tensor, nn
from torchvision.ops import FrozenBatchNorm2d

from ceruleanml.errors import TrainingError
from ceruleanml.models.card import Card
from ceruleanml.models.config import TrainConfig
from ceruleanml.models.encoders import adapt_bands
from ceruleanml.models.segmenter import build_segmenter

Log = Callable[[dict[str, Any]], None]
ALL_STAGES = 5
MASK_THRESHOLD = 0.5


class StillStatistics(fastai.Callback):
    """Keeps validation out of the running means: icevision takes validation losses in training mode."""

    order = 10

    def before_batch(self) -> None:
        """Before each batch of validation; icevision calls for training mode again after each."""
        if not self.training:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()


class EpochLog(fastai.Callback):
    """Hands a line an epoch to `log`, and ends a training whose loss is no number."""

    order = fastai.Recorder.order + 10

    def __init__(self, log: Log, tile_px: int) -> None:
        super().__init__()
        self.log, self.tile_px, self.lost_at = log, tile_px, ""

    def before_fit(self) -> None:
        """Start the clock and count of steps."""
        self.steps, self.began = 0, time.monotonic()

    def after_batch(self) -> None:
        """Count the step and look at its loss."""
        if not self.training:
            return
        self.steps += 1
        if not math.isfinite(self.loss.item()):
            self.lost_at = f"epoch {self.epoch + 1}, step {self.iter + 1}"
            raise fastai.CancelFitException

    def after_epoch(self) -> None:
        """Report what the recorder, which comes before, has found."""
        training, validation, box_ap = (float(value) for value in self.learn.recorder.values[-1])
        figures = {"train": {"loss": training}, "validation": {"loss": validation, "box_ap": box_ap}}
        began, self.began = self.began, time.monotonic()
        about = {"epoch": self.epoch + 1, "step": self.steps, "tile_px": self.tile_px}
        self.log({**about, **figures, "seconds": round(self.began - began, 3)})


def icevision_network(card: Card, encoder_state: dict[str, Tensor] | None = None) -> nn.Module:
    """The Mask R-CNN of icevision for a card, its first weights those that ceruleanml's own would have.

    It keeps torchvision's own transform, which icevision would take out: with the card's mean and deviation in there,
    input is in [0, 1] as everywhere in ceruleanml. Draws from torch's generator.
    """
    norm = nn.BatchNorm2d if card.pretrained == "none" else FrozenBatchNorm2d
    make_backbone = getattr(mask_rcnn.backbones, f"{card.encoder}_fpn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it speaks to torchvision as one did in 2022
        backbone = make_backbone(pretrained=False, norm_layer=norm, trainable_layers=ALL_STAGES)
    backbone.backbone.body.conv1 = adapt_bands(backbone.backbone.body.conv1, card.bands)
    side = {"min_size": card.tile_px, "max_size": card.tile_px}
    network: nn.Module = mask_rcnn.model(
        num_classes=len(card.classes), backbone=backbone, remove_internal_transforms=False, **side,
        image_mean=list(card.mean), image_std=list(card.deviation),
    )  # fmt: skip
    network.load_state_dict(build_segmenter(card, encoder_state).state_dict())
    return network


def learner_of(network: nn.Module, records: tuple[Any, Any], config: TrainConfig, device: torch.device) -> Any:
    """The fastai learner of icevision over the records of training and validation, every weight free to move."""
    turned = [tfms.A.HorizontalFlip(), tfms.A.VerticalFlip(), tfms.A.RandomRotate90()]
    side = {"batch_size": config.data.batch_size, "num_workers": config.data.workers}
    learner = mask_rcnn.fastai.learner(
        dls=[
            mask_rcnn.train_dl(Dataset(records[0], tfms.A.Adapter(turned)), shuffle=True, **side),
            mask_rcnn.valid_dl(Dataset(records[1]), shuffle=False, **side),
        ],
        model=network,
        metrics=[COCOMetric(COCOMetricType.bbox)],
        cbs=[StillStatistics(), fastai.GradientClip(config.trainer.clip_norm)],
        device=device,
        opt_func=partial(fastai.Adam, decouple_wd=True),
        wd=config.trainer.weight_decay,
    )
    learner.unfreeze()  # it comes frozen, first weights or none
    return learner


def fit(learner: Any, config: TrainConfig, tile_px: int, log: Log) -> None:
    """Train in one cycle. Raises TrainingError when the loss is no number any more."""
    epochs = EpochLog(log, tile_px)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(config.trainer.epochs, lr_max=config.trainer.lr, cbs=[epochs])
    if epochs.lost_at:
        raise TrainingError(f"the loss is no number at {epochs.lost_at}; try a lower --lr than {config.trainer.lr:g}")


def average_precision(network: nn.Module, records: Any, config: TrainConfig) -> dict[str, float]:
    """The COCO figures of icevision for boxes and masks; without slicks to find a figure is left out."""
    loader = mask_rcnn.infer_dl(Dataset(records), batch_size=config.data.batch_size, shuffle=False)
    found = mask_rcnn.predict_from_dl(
        network, loader, show_pbar=False, detection_threshold=0.0, mask_threshold=MASK_THRESHOLD
    )
    figures = {}
    for name, kind in (("box", COCOMetricType.bbox), ("mask", COCOMetricType.mask)):
        metric = COCOMetric(kind)
        metric.accumulate(found)
        values = metric.finalize()
        figures[f"{name}_ap"] = float(values["AP (IoU=0.50:0.95) area=all"])
        figures[f"{name}_ap_50"] = float(values["AP (IoU=0.50) area=all"])
    return {name: value for name, value in figures.items() if value >= 0}
