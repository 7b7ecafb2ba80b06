"""The counts of a whole data set: sums by scene, one row a slick; all figures are read off them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import StorageError
from ceruleanml.evaluation.judging import TileCounts
from ceruleanml.storage import storage_error, writing

Arrays = dict[str, NDArray[Any]]
COUNTS_NAME = "counts.npz"
_EMPTY: dict[str, Any] = {"taken": (19, np.int64), "taken_any": (19, np.int64)}


@dataclass(frozen=True, eq=False)
class Counts:
    """What was counted on a data set.

    `classes` are the model's, background first. `pixel_km2` is the area of a pixel of each scene, NaN where it is not
    known. `sums` holds arrays whose first axis is the scene; `labels` and `found` are columns of tables with one row
    for each labelled and each given slick, `scene` among them.
    """

    classes: tuple[str, ...]
    scene_ids: tuple[str, ...]
    pixel_km2: NDArray[np.float64]
    sums: Arrays
    labels: Arrays
    found: Arrays

    @property
    def has_areas(self) -> bool:
        """Whether the size of every scene's pixels is known."""
        return bool(np.isfinite(self.pixel_km2).all())

    def of(self, scenes: NDArray[np.bool_]) -> Counts:
        """The counts of some scenes alone."""
        new_scene, new_row = np.cumsum(scenes) - 1, np.cumsum(scenes[self.labels["scene"]]) - 1
        tables = []
        for table in (self.labels, self.found):
            rows = scenes[table["scene"]]
            tables.append(
                {name: column[rows] for name, column in table.items()} | {"scene": new_scene[table["scene"][rows]]}
            )
        labels, found = tables
        for key in _EMPTY:
            found[key] = np.where(found[key] >= 0, np.append(new_row, -1)[found[key]], -1)
        return Counts(
            self.classes,
            tuple(name for name, chosen in zip(self.scene_ids, scenes, strict=True) if chosen),
            self.pixel_km2[scenes],
            {name: array[scenes] for name, array in self.sums.items()},
            labels,
            found,
        )


class Tally:
    """Collects the counts of tiles, in any order of scenes."""

    def __init__(self, classes: tuple[str, ...], pixel_km2: dict[str, float]) -> None:
        self._classes = classes
        self._pixel_km2 = dict(sorted(pixel_km2.items()))
        self._scenes = {name: number for number, name in enumerate(self._pixel_km2)}
        self._sums: Arrays = {}
        self._labels: list[Arrays] = []
        self._found: list[Arrays] = []
        self._rows = 0

    def add(self, scene_id: str, tile: TileCounts) -> None:
        """Add the counts of one tile."""
        scene = self._scenes[scene_id]
        for name, value in tile.sums.items():
            whole = self._sums.setdefault(name, np.zeros((len(self._scenes), *np.shape(value)), value.dtype))
            whole[scene] += value
        count = len(tile.labels["class_id"])
        if count:
            self._labels.append({**tile.labels, "scene": np.full(count, scene, np.int64)})
        found = len(tile.found["class_id"])
        if found:
            moved = {key: tile.found[key] + np.where(tile.found[key] >= 0, self._rows, 0) for key in _EMPTY}
            self._found.append({**tile.found, **moved, "scene": np.full(found, scene, np.int64)})
        self._rows += count

    def counts(self) -> Counts:
        """The sums and tables of all tiles so far."""
        areas = np.array(list(self._pixel_km2.values()), np.float64)
        labels = _joined(self._labels, ("class_id", "area_px", "pixels_hit", "hit", "matched", "scene"))
        columns = ("class_id", "area_px", "score", "gate", "counted", "taken", "taken_any", "kept", "matched", "alarm")
        return Counts(
            self._classes, tuple(self._scenes), areas, self._sums, labels, _joined(self._found, (*columns, "scene"))
        )


def write_counts(path: Path, counts: Counts) -> None:
    """Write counts as NumPy's .npz, whole or not at all; the same counts give the same bytes."""
    arrays: Arrays = {
        "classes": np.array(counts.classes), "scene_ids": np.array(counts.scene_ids), "pixel_km2": counts.pixel_km2
    }  # fmt: skip
    for part in ("sums", "labels", "found"):
        arrays |= {f"{part}/{name}": array for name, array in sorted(getattr(counts, part).items())}
    with writing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_counts(path: Path) -> Counts:
    """The counts in a file of `write_counts`. Raises StorageError."""
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        parts: dict[str, Arrays] = {"sums": {}, "labels": {}, "found": {}}
        for name, array in arrays.items():
            part, _, key = name.partition("/")
            if key:
                parts[part][key] = array
        classes, scene_ids = (tuple(str(name) for name in arrays[key]) for key in ("classes", "scene_ids"))
        return Counts(classes, scene_ids, arrays["pixel_km2"], parts["sums"], parts["labels"], parts["found"])
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except Exception as error:  # a broken archive raises whatever its first broken part does
        raise StorageError(f"{path}: is truncated or corrupt; evaluate again") from error


def _joined(tables: list[Arrays], columns: tuple[str, ...]) -> Arrays:
    if tables:
        return {name: np.concatenate([table[name] for table in tables]) for name in columns}
    flags = ("hit", "matched", "counted", "kept", "alarm")
    kinds = {**dict.fromkeys(flags, bool), "score": np.float64, "gate": np.float64}
    return {
        name: np.zeros((0, _EMPTY[name][0]) if name in _EMPTY else (0,), kinds.get(name, np.int64)) for name in columns
    }
