"""The card of a model, `model.json`: what it was made from, what it takes, what it gives, how its answers are cut."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ceruleanml.errors import ModelError, StorageError
from ceruleanml.storage import read_json, write_json

CARD_VERSION = 1
CARD_NAME = "model.json"
WEIGHTS_NAME = "weights.pt"
MULTIPLE_PX = 32
"""Encoders halve a side five times, so the sides of what a network is given are multiples of this."""


@dataclass(frozen=True)
class Card:
    """What one must know to run a model.

    `classes` are names by the model's own ids, background first; `channels` the bands of its input in their order.
    Input is float32 in [0, 1], (n, bands, height, width): 8-bit pixels divided by 255; `mean` and `deviation`, one a
    channel in that unit, lie inside the module. `tile_px` is the side of the square it was trained on. `grid` and
    `resolution_m` say on which lattice its input lies, `scale` how many of its pixels a pixel of the training tiles
    became by resizing. `radiometry`, `db_range` and `subtract_noise` say what its radar channel measures.
    `thresholds` cut its probabilities into slicks; `temperature` divides its logits before (1 until calibrated).
    `dropout` is the share of features that training left out at each step; asked as it is, the model leaves out none.
    """

    name: str
    kind: str
    encoder: str
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    tile_px: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    grid: str = "native"
    resolution_m: float | None = None
    scale: float = 1.0
    radiometry: str = "dn"
    db_range: tuple[float, float] | None = None
    subtract_noise: bool = False
    polarisation: str = "vv"
    thresholds: dict[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    dropout: float = 0.0
    pretrained: str = "none"
    class_rows: tuple[dict[str, Any], ...] = ()
    dataset: dict[str, Any] = field(default_factory=dict)
    code_version: str = ""
    seed: int = 0
    epochs: float = 0
    metrics: dict[str, float] = field(default_factory=dict)
    weights_sha256: str = ""
    format_version: int = CARD_VERSION

    @property
    def bands(self) -> int:
        """The number of input channels."""
        return len(self.channels)

    def with_(self, **changes: Any) -> Card:
        """The card with these fields changed."""
        return replace(self, **changes)


def read_card(path: Path) -> Card:
    """The card in a file, or in the folder `path`. Raises ModelError."""
    file = path / CARD_NAME if path.is_dir() else path
    if not file.is_file():
        raise ModelError(f"{path}: holds no model, it has no {CARD_NAME}; name a run folder of ceruleanml train")
    try:
        content = read_json(file)
    except StorageError as error:
        raise ModelError(f"{error}; train or export the model again") from error
    if not isinstance(content, dict) or "format_version" not in content:
        raise ModelError(f"{file}: is not the card of a model; name a run folder of ceruleanml train")
    if content["format_version"] != CARD_VERSION:
        raise ModelError(
            f"{file}: has format version {content['format_version']}, this program reads {CARD_VERSION}; "
            "train or export the model again"
        )
    return _card_of(content, file)


def write_card(path: Path, card: Card) -> None:
    """Write the card to a file, or into the folder `path`, whole or not at all."""
    write_json(path / CARD_NAME if path.is_dir() else path, asdict(card))


def _card_of(content: dict[str, Any], file: Path) -> Card:
    known = {one.name for one in fields(Card)}
    strange = sorted(content.keys() - known)
    if strange:
        raise ModelError(f"{file}: has the unknown entry {strange[0]!r}; it was made by another version")
    tuples = ("classes", "channels", "mean", "deviation", "db_range", "class_rows")
    values: dict[str, Any] = {
        key: tuple(value) if key in tuples and value is not None else value for key, value in content.items()
    }
    try:
        card = Card(**values)
        fits = len(card.mean) == len(card.deviation) == card.bands and len(card.classes) >= 2 and card.tile_px > 0
    except (TypeError, ValueError) as error:
        raise ModelError(f"{file}: is incomplete ({error}); train or export the model again") from error
    if not fits:
        raise ModelError(f"{file}: its channels, mean and deviation do not fit together; train or export again")
    return card
