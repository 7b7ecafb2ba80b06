"""How probabilities and detections are cut into slicks: every number, named as in the deployed service's record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from ceruleanml.errors import UsageError
from ceruleanml.models.record import DEFAULT_THRESHOLDS


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a model's record; probabilities and shares, all from 0 to 1.

    The same names mean other things to the two kinds of model:

    | name               | U-Net                                              | Mask R-CNN                             |
    |--------------------|----------------------------------------------------|----------------------------------------|
    | bbox_score_thresh  | pixels at or above it hang together as one slick   | boxes above it are kept                |
    | pixel_score_thresh | a slick is kept that reaches it somewhere          | masks with a pixel above it are kept   |
    | poly_score_thresh  | the outline runs around pixels at or above it      | the outline runs around those above it |
    | pixel_nms_thresh   | not used                                           | soft Dice above it: the same slick     |
    | poly_nms_thresh    | of two outlines with more IoU, the surer one stays | the same                               |

    `groundtruth_dice_thresh` belongs to evaluation and stands in the record; nothing here reads it.
    """

    bbox_score_thresh: float
    pixel_score_thresh: float
    poly_score_thresh: float
    pixel_nms_thresh: float
    poly_nms_thresh: float
    groundtruth_dice_thresh: float = 0.0

    def as_record(self) -> dict[str, float]:
        """The thresholds as the service's record holds them."""
        return asdict(self)


@dataclass(frozen=True)
class Distances:
    """What the service's code fixes beside the record.

    `proximity_m` and `closing_m` join Mask R-CNN's outlines across tiles; `edge_degrees` is the rim of nodata in which
    a U-Net's outline may not lie by more than `edge_share`; `contained_share` of an outline inside another drops it;
    `min_overlaps` is how many other outlines, of any tile set, one must touch.
    """

    proximity_m: float = 1000.0
    closing_m: float = 500.0
    edge_degrees: float = 0.005
    edge_share: float = 0.5
    contained_share: float = 0.5
    min_overlaps: int = 1


DISTANCES = Distances()


def default_thresholds(kind: str) -> Thresholds:
    """The deployed service's thresholds for a kind of model ("unet" or "mask_rcnn")."""
    return Thresholds(**DEFAULT_THRESHOLDS[kind])


def thresholds_of(kind: str, of_card: Mapping[str, float], asked: Mapping[str, float] | None = None) -> Thresholds:
    """The service's thresholds, changed by the card's and then by those that were asked for.

    Other names in a card are its evaluation's and are left alone. Raises UsageError for a name or value that cannot be.
    """
    names = [one.name for one in fields(Thresholds)]
    for name, value in (asked or {}).items():
        if name not in names:
            raise UsageError(f"threshold {name!r} is not known; there are {', '.join(names)}")
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise UsageError(f"threshold {name} {value:g} cannot be; give 0 to 1")
    changes = {name: float(value) for name, value in {**of_card, **(asked or {})}.items() if name in names}
    return replace(default_thresholds(kind), **changes)


def parse_threshold(text: str) -> tuple[str, float]:
    """Name and value of `NAME=VALUE`. Raises UsageError."""
    name, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError
        return name.strip(), float(value)
    except ValueError as error:
        raise UsageError(f"threshold {text!r} cannot be read; write NAME=VALUE as in poly_score_thresh=0.4") from error
