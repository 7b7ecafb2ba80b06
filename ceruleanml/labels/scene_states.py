"""One state of a scene in a label store as a value: what was drawn, by whom, and where they looked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.geojson import LabelFile, labels_in
from ceruleanml.labels.states import annotator_of, read_state

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Tile:
    """What a state says of a tile: whether it was gone through, without the model's outlines, and at what cost.

    `bounds` are its [west, south, east, north], or of an image's pixels its first and last column and row as
    [x0, y0, x1, y1]; None where they were not known when the labels came in. `said` is all that stands there.
    """

    reviewed: bool
    blind: bool
    bounds: Bounds | None
    said: Mapping[str, Any]


@dataclass(frozen=True)
class SceneState:
    """A file of a label store, read and checked."""

    path: Path
    annotator: str
    labels: LabelFile
    tiles: Mapping[str, Tile]
    based_on: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the whole scene was gone through."""
        return bool(self.labels.complete)

    @property
    def reviewed(self) -> dict[str, Tile]:
        """The tiles that were gone through."""
        return {tile_id: tile for tile_id, tile in self.tiles.items() if tile.reviewed}


def read_scene_state(path: Path, classes: ClassTable, scene_id: str) -> SceneState:
    """The state in a file of a label store. Raises LabelError naming the file and the mend."""
    content = read_state(path)
    labels = labels_in(content, classes, scene_id, str(path))
    named = content.get("based_on")
    based = tuple(str(name) for name in named) if isinstance(named, list) else ()
    return SceneState(path, annotator_of(path), labels, tiles_in(content, path), based)


def tiles_in(content: Mapping[str, Any], path: Path) -> dict[str, Tile]:
    """What a state says of tiles, by tile_id. Raises LabelError."""
    tiles = content.get("tiles") or {}
    if not isinstance(tiles, dict) or not all(isinstance(said, dict) for said in tiles.values()):
        raise LabelError(f"{path}: its member tiles is no table of tiles; import the labels again")
    return {
        tile_id: Tile(said.get("reviewed") is True, said.get("blind") is True, _bounds(said.get("bounds"), path), said)
        for tile_id, said in tiles.items()
    }


def _bounds(bounds: Any, path: Path) -> Bounds | None:
    if bounds is None:
        return None
    try:
        x0, y0, x1, y1 = (float(value) for value in bounds)
    except (TypeError, ValueError) as error:
        raise LabelError(f"{path}: a tile's bounds are {bounds!r:.60}; import the labels again") from error
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x0 >= x1 or y0 >= y1:
        raise LabelError(f"{path}: a tile's bounds are {bounds!r:.60}; import the labels again")
    return x0, y0, x1, y1
