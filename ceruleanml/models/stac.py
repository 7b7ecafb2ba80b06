"""The STAC item of an exported model, by the Machine Learning Model extension (MLM)."""

from __future__ import annotations

import re
from typing import Any

from ceruleanml.models.card import CARD_NAME, Card

ITEM_NAME = "stac.json"
MLM_SCHEMA = "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"
FILE_SCHEMA = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
CLASSIFICATION_SCHEMA = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
ALWAYS = {"datetime": None, "start_datetime": "1900-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
"""A model is of no moment; the extension's examples say it so."""
TASKS = {"unet": "semantic-segmentation", "mask_rcnn": "instance-segmentation"}
ARCHITECTURES = {"unet": "U-Net", "mask_rcnn": "Mask R-CNN"}
ARTEFACT_TYPES = {".pt": "torch.jit.save", ".pt2": "torch.export.save", ".onnx": "onnx"}
MEDIA_TYPES = {
    ".pt": "application/octet-stream; application=pytorch",
    ".pt2": "application/octet-stream; application=pytorch",
    ".onnx": "application/octet-stream; framework=onnx",
}


def stac_item(
    card: Card, artefact: str, size_bytes: int, parameters: int, torch_version: str, licence: str
) -> dict[str, Any]:
    """The item, ready for JSON: what the model takes and gives, and the files beside it.

    `card` is that of the exported model, `artefact` the name of its file. The item has no place: a model is of none.
    """
    suffix = artefact[artefact.rindex(".") :]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [MLM_SCHEMA, FILE_SCHEMA, CLASSIFICATION_SCHEMA],
        "id": _word(card.name),
        "geometry": None,
        "properties": {
            **ALWAYS,
            "description": f"Oil slicks in Sentinel-1 scenes, by a {ARCHITECTURES[card.kind]} on {card.encoder}.",
            "license": licence,
            "bands": _bands(card),  # said here for the extension, and on the asset for STAC itself
            **_model(card, suffix, parameters, torch_version),
        },
        "links": [],
        "assets": _assets(card, artefact, suffix, size_bytes),
    }


def _model(card: Card, suffix: str, parameters: int, torch_version: str) -> dict[str, Any]:
    version = re.match(r"\d+\.\d+\.\d+", torch_version)
    return {
        "mlm:name": _word(card.name),
        "mlm:architecture": f"{ARCHITECTURES[card.kind]} ({card.encoder})",
        "mlm:tasks": [TASKS[card.kind]],
        "mlm:framework": "ONNX" if suffix == ".onnx" else "PyTorch",
        **({"mlm:framework_version": version.group()} if version and suffix != ".onnx" else {}),
        "mlm:total_parameters": parameters,
        "mlm:pretrained": True,
        "mlm:pretrained_source": _source(card),
        "mlm:accelerator": None,
        "mlm:accelerator_constrained": False,
        "mlm:input": [_input(card, suffix)],
        "mlm:output": [_output(card)],
        "mlm:hyperparameters": {"encoder": card.encoder, "epochs": card.epochs, "seed": card.seed},
    }


def _input(card: Card, suffix: str) -> dict[str, Any]:
    one_image = card.kind == "mask_rcnn" and suffix == ".onnx"
    side = card.tile_px
    return {
        "name": "Sentinel-1 tile",
        "description": "8-bit pixels divided by 255; no data is 0. Every other scaling is inside the model.",
        "bands": list(card.channels),
        "input": {
            "shape": [card.bands, side, side] if one_image else [-1, card.bands, side, side],
            "dim_order": ["bands", "height", "width"] if one_image else ["batch", "bands", "height", "width"],
            "data_type": "float32",
        },
        "value_scaling": [{"type": "min-max", "minimum": 0, "maximum": 255}],
        "resize_type": None,
        "pre_processing_function": None,
    }


def _output(card: Card) -> dict[str, Any]:
    """Logits of a U-Net; of Mask R-CNN the masks, beside which come boxes, labels and scores."""
    side = card.tile_px
    unet = card.kind == "unet"
    return {
        "name": "logits" if unet else "masks",
        "description": (
            "one a class; their softmax is the probability"
            if unet
            else "the probability of each pixel, one mask a slick, beside its box (x0, y0, x1, y1), label and score"
        ),
        "tasks": [TASKS[card.kind]],
        "result": {
            "shape": [-1, len(card.classes), side, side] if unet else [-1, 1, side, side],
            "dim_order": ["batch", "class", "height", "width"] if unet else ["slick", "channel", "height", "width"],
            "data_type": "float32",
        },
        "classification:classes": [_class(card, number) for number in range(len(card.classes))],
        "post_processing_function": None,
    }


def _class(card: Card, number: int) -> dict[str, Any]:
    name = card.classes[number]
    row: dict[str, Any] = next((one for one in card.class_rows if one.get("name") == name), {})
    hint = str(row.get("display", "")).lstrip("#").upper()
    return {
        "value": number,
        "name": name,
        "description": str(row.get("title", name)),
        **({"color_hint": hint} if re.fullmatch("[0-9A-F]{6}", hint) else {}),
    }


def _assets(card: Card, artefact: str, suffix: str, size_bytes: int) -> dict[str, Any]:
    return {
        "model": {
            "href": f"./{artefact}",
            "title": f"{ARCHITECTURES[card.kind]} with its weights",
            "type": MEDIA_TYPES[suffix],
            "roles": ["mlm:model", "mlm:weights", "data"],
            "mlm:artifact_type": ARTEFACT_TYPES[suffix],
            "file:size": size_bytes,
            "bands": _bands(card),
        },
        "card": {
            "href": f"./{CARD_NAME}",
            "title": "The model's card, as ceruleanml reads it",
            "type": "application/json",
            "roles": ["metadata"],
        },
        "readme": {
            "href": "./README.md",
            "title": "The model's card in words",
            "type": "text/markdown",
            "roles": ["documentation"],
        },
    }


def _bands(card: Card) -> list[dict[str, Any]]:
    return [{"name": name} for name in card.channels]


def _source(card: Card) -> str:
    """What the weights were learnt from: the data set by its sha256, which names no folder of anybody's machine."""
    known = card.dataset.get("train", {}).get("sha256")
    return f"ceruleanml data set {known}" if known else "a ceruleanml data set"


def _word(name: str) -> str:
    """The name as the extension takes it: first a letter, last a letter or digit, three characters or more."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("_.-")
    return plain if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]+[A-Za-z0-9]", plain) else f"model-{plain or 'unnamed'}"
