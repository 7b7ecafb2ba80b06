"""Small models for tests: real functions of the picture, so that one can say what they must answer."""

from dataclasses import dataclass, field

import numpy as np

from ceruleanml.models.card import Card
from ceruleanml.models.predictor import Detections


def card(kind="unet", **changed):
    """The card of a model of one radar channel and one slick class, on tiles of 32 pixels."""
    wanted = {
        "name": "toy", "kind": kind, "encoder": "resnet18", "classes": ("background", "infra_slick"),
        "channels": ("vv",), "tile_px": 32, "mean": (0.0,), "deviation": (1.0,), "weights_sha256": "0" * 64,
    }  # fmt: skip
    return Card(**{**wanted, **changed})


@dataclass
class Brightness:
    """A pixel's slick probability is its brightness: 255 is surely slick, 0 surely sea.

    With a second slick class, the left half of each window leans to the first and the right half to the second.
    """

    card: Card = field(default_factory=card)

    def probabilities(self, images):
        bright = images[:, 0]
        if len(self.card.classes) == 2:
            return np.stack([1 - bright, bright], axis=1).astype(np.float32)
        left = np.where(np.arange(images.shape[-1]) < images.shape[-1] // 2, 0.75, 0.25)
        return np.stack([1 - bright, bright * left, bright * (1 - left)], axis=1).astype(np.float32)

    def detections(self, images):
        raise AssertionError("a U-Net has no detections")


@dataclass
class Boxes:
    """Every 8-connected bright spot (above half) is a detection of class 1 with its brightness as score."""

    card: Card = field(default_factory=lambda: card("mask_rcnn"))

    def probabilities(self, images):
        raise AssertionError("whole scenes are asked for detections")

    def detections(self, images):
        return [self._detections(image[0]) for image in images]

    def _detections(self, image):
        from scipy.ndimage import label

        labels, count = label(image > 0.5, structure=np.ones((3, 3)))
        masks = np.stack(
            [(labels == n) * image for n in range(1, count + 1)]
            or [np.zeros((0, *image.shape))] * 0
            or [np.zeros(image.shape)]
        )[:count].astype(np.float32)
        scores = masks.max(axis=(1, 2)) if count else np.zeros(0, np.float32)
        order = np.argsort(-scores, kind="stable")
        boxes = np.zeros((count, 4), np.float32)
        return Detections(boxes, np.ones(count, np.int64), scores[order].astype(np.float32), masks[order])


def detections_of(masks, scores, labels=None):
    """Detections from lists of small arrays."""
    masks = np.asarray(masks, np.float32)
    labels = np.ones(len(masks), np.int64) if labels is None else np.asarray(labels, np.int64)
    return Detections(np.zeros((len(masks), 4), np.float32), labels, np.asarray(scores, np.float32), masks)
