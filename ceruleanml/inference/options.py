"""What a prediction is to be: every choice that its outlines depend on, beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceruleanml.errors import UsageError
from ceruleanml.inference.thresholds import Thresholds, thresholds_of
from ceruleanml.inference.windows import MAX_OVERLAP
from ceruleanml.mirror_copies import origin_of
from ceruleanml.models.card import Card
from ceruleanml.scenes.context import ContextSpec
from ceruleanml.scenes.grid import check_grid

TILINGS = ("blended", "service")


@dataclass(frozen=True)
class PredictOptions:
    """The choices of `ceruleanml predict`; None takes what the model's card says.

    `tiling` is "blended" (windows that share `overlap` of a side, smoothly joined) or "service" (the deployed service's
    three offset sets of tiles and its ensemble). `thresholds` change single ones of the card's. Slicks smaller than
    `min_area_km2` are left out. `device` and `batch_size` change the time it takes.
    """

    georeference: str | None = None
    context: tuple[ContextSpec, ...] = ()
    grid: str | None = None
    resolution_m: float | None = None
    tiling: str = "blended"
    overlap: float = 0.25
    flips: bool = False
    ocean: Path | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    min_area_km2: float = 0.0
    probabilities: bool = False
    batch_size: int = 4
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.tiling not in TILINGS:
            raise UsageError(f"tiling {self.tiling!r} is not known; choose {' or '.join(TILINGS)}")
        if not 0 <= self.overlap <= MAX_OVERLAP:
            raise UsageError(f"overlap {self.overlap:g} cannot be; give a share from 0 to {MAX_OVERLAP:g}")
        if self.batch_size < 1:
            raise UsageError(f"batch-size {self.batch_size} cannot be; give 1 or more")
        if not 0 <= self.min_area_km2 < float("inf"):
            raise UsageError(f"min-area {self.min_area_km2:g} cannot be; give square kilometres, 0 or more")
        check_grid(self.grid or "native", self.resolution_m)
        if self.grid == "serving" and self.resolution_m is not None:
            raise UsageError("the serving grid has its own resolution; leave --resolution out")
        if self.tiling == "service" and (self.probabilities or self.flips):
            raise UsageError("--tiling service has neither --flips nor --probabilities; leave them out")
        if self.ocean is not None and not self.ocean.exists():
            raise UsageError(f"--ocean {self.ocean}: there is no such file; name polygons of the sea")
        thresholds_of("unet", {}, self.thresholds)

    def thresholds_for(self, card: Card) -> Thresholds:
        """The thresholds in force for a model."""
        return thresholds_of(card.kind, card.thresholds, self.thresholds)

    def as_record(self, card: Card) -> dict[str, Any]:
        """All that the outlines depend on beside model and scenes, as JSON-ready values."""
        service = self.tiling == "service"
        return {
            "georeference": self.georeference,
            "context": [str(spec) for spec in self.context],
            "grid": "serving" if service else self.grid or card.grid,
            "resolution_m": None if service else resolution_of(self, card),
            "tiling": self.tiling,
            "overlap": 0.0 if service else self.overlap,
            "flips": self.flips,
            "ocean": None if self.ocean is None else origin_of(self.ocean),
            "thresholds": self.thresholds_for(card).as_record(),
            "min_area_km2": self.min_area_km2,
            "probabilities": self.probabilities,
        }


def resolution_of(options: PredictOptions, card: Card) -> float | None:
    """The asked ground size of a pixel, else the card's; None on the serving grid, and where a scene's own counts."""
    if (options.grid or card.grid) == "serving":
        return None
    return options.resolution_m if options.resolution_m is not None else card.resolution_m


def check_fits(options: PredictOptions, card: Card) -> None:
    """Raise UsageError for options that do not go with the model."""
    if options.flips and card.kind == "mask_rcnn":
        raise UsageError("--flips takes means of probabilities, and Mask R-CNN gives outlines; leave --flips out")
    if options.tiling == "service" and (options.grid or card.grid) != "serving":
        raise UsageError(
            f"--tiling service lies on the serving grid, and model {card.name} learned on the {card.grid} grid; "
            "use --tiling blended, or --grid serving to try"
        )
    context_of(options, card)


def context_of(options: PredictOptions, card: Card) -> tuple[ContextSpec, ...]:
    """The context channels in the order in which the model takes them; those of one value need not be asked for.

    Raises UsageError naming the missing or surplus channel.
    """
    given = {spec.name: spec for spec in options.context}
    wanted = card.channels[1:]
    surplus = sorted(given.keys() - set(wanted))
    if surplus:
        raise UsageError(f"context {surplus[0]}: model {card.name} takes {', '.join(card.channels)}; leave it out")
    missing = [name for name in wanted if name not in given and name not in ("zeros", "full")]
    if missing:
        raise UsageError(
            f"model {card.name} takes {', '.join(card.channels)}; add --context {missing[0]}=FILE, "
            "the file that its data set was made with"
        )
    return tuple(given.get(name) or ContextSpec(name) for name in wanted)
