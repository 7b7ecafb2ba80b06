"""What a data set is to be: every choice that its pixels and labels depend on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import UsageError
from ceruleanml.labels.snapshots import find_store
from ceruleanml.mirror_copies import origin_of
from ceruleanml.scenes.context import ContextSpec
from ceruleanml.scenes.grid import check_grid
from ceruleanml.scenes.scene import Radiometry

MAX_TILE = 1 << 15
"""A row of tiles is held in memory, so larger ones are better left whole scenes."""


@dataclass(frozen=True)
class BuildOptions:
    """The choices of `make-dataset`; two builds of the same scenes with equal options hold the same bytes.

    `tile_size` is (height, width) in pixels, or None for whole scenes; `stride` defaults to it. `min_valid` is the
    least share of a tile's pixels that must hold data. `empty_tiles` is the share of the tiles without a label that
    is kept (0 none, 1 all), `hard_negatives` the ids of those kept in any case. With `reviewed_only` tiles are left out
    that nobody went through for slicks.
    """

    labels: str | None = None
    georeference: str | None = None
    context: tuple[ContextSpec, ...] = ()
    grid: str | None = None
    resolution_m: float | None = None
    tile_size: tuple[int, int] | None = (512, 512)
    stride: tuple[int, int] | None = None
    min_valid: float = 0.0
    empty_tiles: float = 1.0
    hard_negatives: frozenset[str] = frozenset()
    reviewed_only: bool = False
    polarisation: str = "vv"
    radiometry: Radiometry = field(default_factory=Radiometry)
    classes: ClassTable = field(default_factory=load_classes)
    mask_class: str | None = None
    mask_threshold: int = 127
    keep_scenes: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in (("min-valid", self.min_valid), ("empty-tiles", self.empty_tiles)):
            if not 0 <= share <= 1:
                raise UsageError(f"{name} {share:g} cannot be; give a share from 0 to 1")
        if not 0 <= self.mask_threshold <= 254:
            raise UsageError(f"mask-threshold {self.mask_threshold} cannot be; give 0 to 254")
        if self.tile_size is not None and max(self.tile_size) > MAX_TILE:
            raise UsageError(
                f"tile size {max(self.tile_size)} cannot be; give 1 to {MAX_TILE} pixels, or 0 for whole scenes"
            )
        if self.tile_size is None and (self.stride is not None or self.reviewed_only):
            raise UsageError(f"{'a stride' if self.stride else '--reviewed-only'} needs a tile size above 0")
        check_grid(self.grid or "native", self.resolution_m)
        if self.labels is not None and not Path(self.labels).is_dir() and find_store(Path(self.labels)) is None:
            raise UsageError(f"--labels {self.labels}: no such folder; name a folder of label files")
        if self.resolution_m is not None and self.grid == "serving":
            raise UsageError("the serving grid has its own resolution; leave --resolution out")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed} cannot be; give 0 or more")
        names = ["vv", *(spec.name for spec in self.context)]
        if len(set(names)) < len(names):
            raise UsageError(f"context {', '.join(names[1:])}: a channel stands twice; name each once")
        if self.mask_class is not None:
            self.classes.id_of(self.mask_class)

    @property
    def labels_folder(self) -> Path | None:
        """The folder or store (STORE, STORE@SNAPSHOT) of labels, or None for labels beside the scenes."""
        return Path(self.labels) if self.labels else None

    @property
    def mask_class_id(self) -> int:
        """The id of the class that plain masks show: the asked one, else the first slick class."""
        return self.classes.id_of(self.mask_class) if self.mask_class else 1

    @property
    def channels(self) -> list[str]:
        """The names of the bands of every tile."""
        return [self.polarisation, *(spec.name for spec in self.context)]

    def as_arguments(self) -> dict[str, Any]:
        """The options as JSON-ready values, the class table left out (it has its own place in `dataset.json`)."""
        return {
            "labels": None if self.labels is None else origin_of(self.labels),
            "georeference": self.georeference,
            "context": [str(spec) for spec in self.context],
            "grid": self.grid,
            "resolution_m": self.resolution_m,
            "tile_size": list(self.tile_size) if self.tile_size else 0,
            "stride": list(self.stride) if self.stride else None,
            "min_valid": self.min_valid,
            "empty_tiles": self.empty_tiles,
            "hard_negatives": sorted(self.hard_negatives),
            "reviewed_only": self.reviewed_only,
            "polarisation": self.polarisation,
            "radiometry": self.radiometry.name,
            "db_range": list(self.radiometry.db_range),
            "subtract_noise": self.radiometry.subtract_noise,
            "mask_class": self.mask_class,
            "mask_threshold": self.mask_threshold,
            "keep_scenes": self.keep_scenes,
            "seed": self.seed,
        }
