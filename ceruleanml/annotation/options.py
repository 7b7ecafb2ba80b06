"""What a prepared page is to hold: every choice that its pixels, queue and pre-labels depend on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import UsageError
from ceruleanml.mirror_copies import origin_of
from ceruleanml.scenes.grid import check_grid
from ceruleanml.scenes.scene import Radiometry
from ceruleanml.selection.selection_files import BLIND_SHARE

OVERLAY_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")


@dataclass(frozen=True)
class OverlaySpec:
    """A further layer: its name, which becomes a folder's, and the file it comes from (`{scene_id}` is replaced)."""

    name: str
    source: str

    def file(self, scene_id: str) -> str:
        """The file for a scene."""
        return self.source.replace("{scene_id}", scene_id)


@dataclass(frozen=True)
class PageOptions:
    """The choices of `annotate prepare`; two pages of the same scenes with equal options hold the same bytes.

    `grid` None means that of `dataset` where it knows the scene, that of a prepared scene, else native. `bits` None
    means 16 where the source has them. `classes` None means those of `dataset`, without one the built-in table. `twins`
    makes the page work from `file://`.
    """

    predictions: tuple[str, ...] = ()
    selection: Path | None = None
    queue: Path | None = None
    dataset: Path | None = None
    store: Path | None = None
    overlays: tuple[OverlaySpec, ...] = ()
    georeference: str | None = None
    grid: str | None = None
    resolution_m: float | None = None
    polarisation: str = "vv"
    radiometry: Radiometry = field(default_factory=Radiometry)
    bits: int | None = None
    classes: ClassTable | None = None
    blind_share: float = BLIND_SHARE
    twins: bool = True
    title: str = "Slicks to draw"
    seed: int = 0

    def __post_init__(self) -> None:
        check_grid(self.grid or "native", self.resolution_m)
        if self.resolution_m is not None and self.grid == "serving":
            raise UsageError("the serving grid has its own resolution; leave --resolution out")
        if self.bits not in (None, 8, 16):
            raise UsageError(f"--bits {self.bits} cannot be; give 8 or 16")
        if not 0 <= self.blind_share <= 1:
            raise UsageError(f"--blind-share {self.blind_share:g} cannot be; give a share from 0 to 1")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed} cannot be; give 0 or more")
        if self.selection is not None and self.queue is not None:
            raise UsageError("--selection and --queue both order the tiles; give one of them")
        names = [spec.name for spec in self.overlays]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--overlay {name} stands twice; give each overlay its own name")

    @property
    def table(self) -> ClassTable:
        """The classes that may be drawn."""
        return self.classes or load_classes()

    def as_arguments(self) -> dict[str, Any]:
        """The options as JSON-ready values by the names of the command line."""
        return {
            "predictions": [origin_of(one) for one in self.predictions],
            "selection": _text(self.selection),
            "queue": _text(self.queue),
            "dataset": _text(self.dataset),
            "store": _text(self.store),
            "overlay": [f"{spec.name}={spec.source}" for spec in self.overlays],
            "georeference": self.georeference,
            "grid": self.grid,
            "resolution": self.resolution_m,
            "polarisation": self.polarisation,
            "radiometry": self.radiometry.name,
            "db-range": list(self.radiometry.db_range),
            "subtract-noise": self.radiometry.subtract_noise,
            "bits": self.bits,
            "classes": self.table.as_rows(),
            "blind-share": self.blind_share,
            "twins": self.twins,
            "title": self.title,
            "seed": self.seed,
        }


def parse_overlay(text: str) -> OverlaySpec:
    """The overlay that NAME=FILE names. Raises UsageError."""
    name, equals, source = text.partition("=")
    if not equals or not source or not OVERLAY_NAME.fullmatch(name):
        raise UsageError(
            f"--overlay {text}: is no overlay; write NAME=FILE, the name in small letters, digits, - and _"
        )
    return OverlaySpec(name, source)


def _text(path: Path | None) -> str | None:
    return None if path is None else origin_of(path)
