"""The record that SkyTruth's service keeps of a model: its file, layers, classes, ground and cuts."""

from __future__ import annotations

import math
from typing import Any

from ceruleanml.models.card import Card
from ceruleanml.models.service_classes import SERVICE_CLASSES, service_layers
from ceruleanml.scenes.grid import METRES_PER_DEGREE, SERVING_DEGREES_PER_PX, SERVING_TILE_PX

RECORD_NAME = "record.json"
SERVICE_TYPES = {"unet": "FASTAIUNET", "mask_rcnn": "MASKRCNN"}
SERVICE_FILES = {"unet": "tracing_cpu_model.pt", "mask_rcnn": "scripting_cpu_model.pt"}
BACKBONE_SIZES = {"mobilenet_v2": 53, "resnet18": 18, "resnet34": 34, "resnet50": 50}
"""Layers with weights, as the ResNets' names count them."""
DEFAULT_THRESHOLDS: dict[str, dict[str, float]] = {
    "mask_rcnn": {
        "bbox_score_thresh": 0.3,
        "pixel_score_thresh": 0.5,
        "pixel_nms_thresh": 0.4,
        "poly_score_thresh": 0.1,
        "poly_nms_thresh": 0.2,
        "groundtruth_dice_thresh": 0.0,
    },
    "unet": {
        "bbox_score_thresh": 0.0001,
        "pixel_score_thresh": 0.9,
        "pixel_nms_thresh": 0.0,
        "poly_score_thresh": 0.5,
        "poly_nms_thresh": 0.2,
        "groundtruth_dice_thresh": 0.0,
    },
}
"""The service's own cuts by kind of network, for what a card leaves open."""
EQUATOR_M = 40_075_000
SERVING_WIDTH_M = 40_844
"""The width that the service's own models state for a tile of zoom 9."""
TOLERANCE = 0.1
"""The share by which pixels may be larger or smaller than in training before it is said."""


def thresholds_of(card: Card) -> dict[str, float]:
    """The thresholds of a model by the service's names: those of its card, else the service's own."""
    return {**DEFAULT_THRESHOLDS[card.kind], **{name: float(value) for name, value in card.thresholds.items()}}


def record_of(card: Card) -> dict[str, Any]:
    """The record of a model, ready for JSON. `card` is the run's own, whose classes are not yet the service's.

    Raises ModelError for a model that the service cannot take.
    """
    return {
        "type": SERVICE_TYPES[card.kind],
        "name": card.name,
        "file_path": f"experiments/{card.name}/{SERVICE_FILES[card.kind]}",
        "layers": list(service_layers(card)),
        "cls_map": {str(number): name for number, name in enumerate(SERVICE_CLASSES)},
        "tile_width_m": tile_width_m(card),
        "tile_width_px": SERVING_TILE_PX,
        "epochs": round(card.epochs),
        "thresholds": thresholds_of(card),
        "backbone_size": BACKBONE_SIZES[card.encoder],
        "pixel_f1": card.metrics.get("pixel_f1", card.metrics.get("mean_dice")),  # Dice is the F1 of pixels
        "instance_f1": card.metrics.get("instance_f1"),
    }


def tile_width_m(card: Card) -> int:
    """The ground width of a served tile whose pixels are as large as those the model was trained on.

    Training pixels of unknown size are taken for those of the serving grid.
    """
    if card.resolution_m is None or _close(card.resolution_m, SERVING_DEGREES_PER_PX * METRES_PER_DEGREE, 0.01):
        return SERVING_WIDTH_M
    return round(card.resolution_m * SERVING_TILE_PX)


def zoom_and_scale(record: dict[str, Any]) -> tuple[int, int]:
    """The zoom and the scale (tiles are 256 pixels times it) that the service derives from a record."""
    zoom = round(math.log2(EQUATOR_M / record["tile_width_m"])) - 1
    return zoom, round(record["tile_width_px"] / 256)


def served_resolution_m(record: dict[str, Any]) -> float:
    """The height of a pixel that the service will send, in metres: tiles of zoom z span 180 / 2^z degrees."""
    zoom, scale = zoom_and_scale(record)
    return float(180 / 2**zoom / (256 * scale) * METRES_PER_DEGREE)


def serving_notes(card: Card, record: dict[str, Any]) -> tuple[str, ...]:
    """What will differ between training and service: the size of pixels, and the lattice they were cut on."""
    zoom, _ = zoom_and_scale(record)
    served = served_resolution_m(record)
    if card.resolution_m is None:
        return (
            f"the ground size of the training pixels is not known; the service will send {served:.1f} m (zoom {zoom})",
        )
    notes = []
    if not _close(card.resolution_m, served, TOLERANCE):
        notes.append(
            f"trained on pixels of {card.resolution_m:.1f} m, the service will send {served:.1f} m (zoom {zoom}); "
            "expect other figures than in evaluation, or train on a data set made with --grid serving"
        )
    elif card.grid != "serving":
        notes.append(
            f"trained on the {card.grid} grid, served on the WorldCRS84Quad grid at zoom {zoom} ({served:.1f} m); "
            "a data set made with --grid serving would be sampled as the service samples"
        )
    return tuple(notes)


def _close(value: float, other: float, share: float) -> bool:
    return abs(value / other - 1) <= share
