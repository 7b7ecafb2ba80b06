"""The card of an exported model in words: README.md, for whoever gets the folder without this program's history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ceruleanml.models.agreement import Agreement
from ceruleanml.models.card import Card
from ceruleanml.models.record import thresholds_of
from ceruleanml.models.stac import ARCHITECTURES

README_NAME = "README.md"
UNSTATED = "other"
CALLS = {
    "tracing_cpu_model.pt": (
        "import torch, torchvision\n\n"
        'model = torch.jit.load("tracing_cpu_model.pt", map_location="cpu").eval()\n'
        "logits = model(tiles)  # float32 (n, bands, height, width) in [0, 1], sides multiples of 32\n"
        "probabilities = torch.softmax(logits, dim=1)"
    ),
    "scripting_cpu_model.pt": (
        "import torch, torchvision\n\n"
        'model = torch.jit.load("scripting_cpu_model.pt", map_location="cpu").eval()\n'
        "slicks = model(tiles)[1]  # of a list of float32 (bands, height, width) in [0, 1]\n"
        'slicks[0]["boxes"], slicks[0]["labels"], slicks[0]["scores"], slicks[0]["masks"]'
    ),
    "model.onnx": (
        "import onnxruntime\n\n"
        'session = onnxruntime.InferenceSession("model.onnx")\n'
        "{entry}"
    ),
    "model.pt2": (
        "import torch\n\n"
        'model = torch.export.load("model.pt2").module()\n'
        "logits = model(tiles)  # float32 (n, bands, height, width) in [0, 1], sides multiples of 32"
    ),
}  # fmt: skip
ONNX_ENTRY = {
    "unet": '(logits,) = session.run(None, {"images": tiles})  # float32 (n, bands, height, width), sides of 32 k',
    "mask_rcnn": 'boxes, labels, scores, masks = session.run(None, {"image": tile})  # float32 (bands, side, side)',
}


def model_card(card: Card, artefact: str, agreement: Agreement, notes: Sequence[str], licence: str) -> str:
    """The text of README.md. `card` is that of the exported model, `artefact` the name of its file."""
    parts = [
        f"# {card.name}",
        f"A {ARCHITECTURES[card.kind]} on {card.encoder} that finds oil slicks in Sentinel-1 radar scenes, made by "
        f"ceruleanml {card.code_version or '(version unknown)'}.",
        "## Intended use",
        "To propose slicks to a person who then looks at the scene. It is no proof that there is oil, nor of who "
        "spilled it: low wind, algae, rain cells and ships' wakes look alike in radar.",
        "## Input and output",
        *contract(card),
        "## What it learnt from",
        *learnt_from(card),
        "## Figures",
        markdown_table(("figure", "value"), [(name, f"{value:.4g}") for name, value in sorted(card.metrics.items())])
        if card.metrics
        else "None were measured; run `ceruleanml evaluate` before relying on it.",
        "## Thresholds",
        markdown_table(
            ("threshold", "value"), [(name, f"{value:g}") for name, value in sorted(thresholds_of(card).items())]
        ),
        "## How to run",
        f"```python\n{CALLS[artefact].format(entry=ONNX_ENTRY[card.kind])}\n```",
        "Or on whole scenes, in this folder: `ceruleanml predict . SCENES…`.",
        "## How it was tried",
        _tried(agreement),
        "## Limits",
        *_limits(card, notes),
        "## Licence",
        "Not stated; that of the labels and of the imagery applies." if licence == UNSTATED else f"{licence}.",
    ]
    return "\n\n".join(parts) + "\n"


def contract(card: Card) -> list[str]:
    """What the model takes and gives: a paragraph on its bands and ground, and the table of its classes."""
    ground = f", pixels of {card.resolution_m:.1f} m" if card.resolution_m else ""
    return [
        f"Bands, in this order: {', '.join(f'`{name}`' for name in card.channels)}. 8-bit pixels divided by 255, no "
        f"data 0; nothing else is to be done to them. Trained on tiles of {card.tile_px} x {card.tile_px}{ground}, "
        f"{card.grid} grid, radar in {card.radiometry}.",
        markdown_table(("id", "class"), [(str(number), name) for number, name in enumerate(card.classes)]),
    ]


def learnt_from(card: Card) -> list[str]:
    """The tiles, scenes and label snapshot of the training, and its length and seed."""
    parts = [(name, card.dataset[name]) for name in ("train", "validation") if card.dataset.get(name)]
    if not parts:
        return ["Not recorded."]
    rows = [
        (name, _count(part, "tiles"), _count(part, "tiles_with_slicks"), str(len(part.get("scenes", ()))),
         f"`{str(part.get('label_snapshot') or 'unknown')[:12]}`")
        for name, part in parts
    ]  # fmt: skip
    return [
        markdown_table(("part", "tiles", "with slicks", "scenes", "label snapshot"), rows),
        f"{card.epochs:g} epoch{'s' * (card.epochs != 1)}, seed {card.seed}, "
        f"first weights of the encoder: {card.pretrained}.",
    ]


def _count(part: dict[str, Any], name: str) -> str:
    return f"{part[name]:,}" if name in part else "unknown"


def _tried(agreement: Agreement) -> str:
    return (
        f"Before it was written, this file was loaded afresh and compared with the trained network on "
        f"{agreement.real_tiles} tiles of a data set, a tile of noise and an empty one, singly and in threes: "
        f"probabilities differ by at most {agreement.probability:.1e}, boxes by {agreement.box_px:.1e} pixels."
    )


def _limits(card: Card, notes: Sequence[str]) -> list[str]:
    known = [
        "It knows the seas, seasons and winds of its training scenes; elsewhere its figures do not hold.",
        "Slicks thinner than a pixel, and those cut by the edge of a scene or by land, are found less often.",
    ]
    return ["\n".join(f"- {line[:1].upper()}{line[1:]}" for line in (*known, *notes))]


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
