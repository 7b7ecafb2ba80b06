"""Annotators as an oracle: a queue for the annotation page goes out, what they drew comes in from the label store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ceruleanml.datasets.coco import annotation
from ceruleanml.datasets.folder import TileRecord
from ceruleanml.errors import LabelError, SelectionError
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.labels.instances import GroundShape
from ceruleanml.labels.store import check_store, files_of
from ceruleanml.scenes.grid import Grid
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.selection_files import write_queue
from ceruleanml.selection.slick_task import SlickTask
from ceruleanml.selection.task import Answer
from ceruleanml.storage import make_folder, read_json

QUEUE_NAME = "queue.json"


class Page:
    """Asks through `queue.json`, and takes a tile as answered when its scene's newest label file says so.

    A tile is answered when that file is `complete` or names it among its reviewed `tiles`; a tile without a slick in
    it is then known to be empty. Tiles need a georeference, because labels are in longitude and latitude.
    """

    waits = True

    def __init__(self, task: SlickTask, store: Path) -> None:
        check_store(store)
        self._store, self._dataset = store, task.pool_dataset
        self._tiles = {tile.tile_id: tile for tile in self._dataset.tiles}
        if any(tile.crs is None for tile in self._dataset.tiles):
            raise SelectionError(f"{self._dataset.root}: has tiles without georeference, on which no label can be laid")

    def ask(self, picks: Sequence[Pick], folder: Path) -> str:
        """Write the queue, in order of rank."""
        write_queue(make_folder(folder) / QUEUE_NAME, picks, {"pool": str(self._dataset.root)})
        return f"draw the {len(picks)} tiles of {folder / QUEUE_NAME} and import the labels into {self._store}"

    def answers(self, picks: Sequence[Pick]) -> dict[str, Answer]:
        """The tiles that were gone through; each label file is read once."""
        found: dict[str, Answer] = {}
        for scene_id in sorted({pick.group for pick in picks}):
            files = files_of(self._store, scene_id)
            if files:
                tiles = [self._tiles[pick.id] for pick in picks if pick.group == scene_id]
                found |= self._of_scene(files[-1], scene_id, tiles)
        return found

    def _of_scene(self, path: Path, scene_id: str, tiles: Iterable[TileRecord]) -> dict[str, Answer]:
        labels = read_label_file(path, self._dataset.classes, scene_id)
        about: Any = read_json(path).get("tiles") or {}
        found = {}
        for tile in tiles:
            known = about.get(tile.tile_id, {}) if isinstance(about, dict) else None
            if not isinstance(known, dict):
                raise LabelError(f"{path}: its member tiles is no table of tiles; import the labels again")
            if labels.complete or known.get("reviewed") is True:
                shown = [(shape, piece) for shape in labels.shapes if (piece := burnt(shape, tile)) is not None]
                spent = _cost(path, known, [shape for shape, _ in shown])
                found[tile.tile_id] = Answer([piece for _, piece in shown], spent)
        return found


def burnt(shape: GroundShape, tile: TileRecord) -> dict[str, Any] | None:
    """The COCO annotation of a slick on a tile, None where the tile does not show it."""
    instance = burn(shape, Grid("tile", tile.transform, tile.height_width, tile.crs), None)
    if instance is None:
        return None
    piece = annotation(instance.mask, instance.window, tile.height_width)
    return {**piece, "category_id": instance.class_id, "slick_id": instance.slick_id}


def _cost(path: Path, known: dict[str, Any], shapes: Sequence[GroundShape]) -> dict[str, float]:
    """Clicks and minutes, where they are known. Raises LabelError."""
    try:
        cost = {"clicks": known.get("clicks"), "minutes": _minutes(known, shapes)}
        return {name: float(value) for name, value in cost.items() if value is not None}
    except (TypeError, ValueError) as error:
        raise LabelError(f"{path}: its times or clicks cannot be read ({error}); import the labels again") from error


def _minutes(known: dict[str, Any], shapes: Sequence[GroundShape]) -> float | None:
    """Of the page's timer, else from beginning to end of each outline; None where neither is known."""
    if known.get("seconds") is not None:
        return float(known["seconds"]) / 60
    spans = [(one.properties.get("started"), one.properties.get("finished")) for one in shapes]
    times = [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last in spans if first and last]
    return sum((last - first).total_seconds() for first, last in times) / 60 if times else None
