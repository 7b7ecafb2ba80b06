"""Annotators as an oracle: a queue for the annotation page goes out, what they drew comes in from the label store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ceruleanml.datasets.coco import annotation
from ceruleanml.datasets.folder import TileRecord
from ceruleanml.errors import LabelError, SelectionError
from ceruleanml.labels.burn import burn
from ceruleanml.labels.consensus import Ballot, consensus
from ceruleanml.labels.instances import GridInstance, GroundShape
from ceruleanml.labels.scene_states import SceneState, read_scene_state
from ceruleanml.labels.store import check_store, heads_of
from ceruleanml.scenes.grid import Grid
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.selection_files import write_queue
from ceruleanml.selection.slick_task import SlickTask
from ceruleanml.selection.task import Answer
from ceruleanml.storage import make_folder

QUEUE_NAME = "queue.json"


class Page:
    """Asks through `queue.json`, and takes a tile as answered when a state of its scene that counts says so.

    A tile is answered when such a state is `complete` or names it among its reviewed `tiles`; a tile without a slick in
    it is then known to be empty. Where several annotators went through a tile on their own, what they agree on is its
    answer, and the effort of all its cost. Tiles need a georeference, because labels are in longitude and latitude.
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
            heads = heads_of(self._store, scene_id)
            states = [read_scene_state(path, self._dataset.classes, scene_id) for path in heads]
            for pick in picks:
                if pick.group == scene_id:
                    found |= _answer(self._tiles[pick.id], states)
        return found


def _answer(tile: TileRecord, states: Sequence[SceneState]) -> dict[str, Answer]:
    """The tile's answer by its id, nothing where no state says that it was gone through. Raises LabelError."""
    gone_through = [state for state in states if state.complete or tile.tile_id in state.reviewed]
    if not gone_through:
        return {}
    burnt = [[one for shape in _shapes(state) if (one := burn(shape, *_grid(tile)))] for state in gone_through]
    spent = [_cost(state, tile.tile_id, slicks) for state, slicks in zip(gone_through, burnt, strict=True)]
    if len(burnt) > 1:
        agreed_on = consensus([Ballot(slicks, everywhere=True) for slicks in burnt], tile.tile_id)
    else:
        agreed_on = burnt[0]
    known = {name: sum(one[name] for one in spent if name in one) for cost in spent for name in cost}
    return {tile.tile_id: Answer([_piece(slick, tile) for slick in agreed_on], known)}


def _grid(tile: TileRecord) -> tuple[Grid, None]:
    return Grid("tile", tile.transform, tile.height_width, tile.crs), None


def _shapes(state: SceneState) -> Sequence[GroundShape]:
    if state.labels.pixels:
        raise LabelError(f"{state.path}: is in pixels of an image; prepare the page with the scene's georeference")
    return state.labels.shapes


def _piece(slick: GridInstance, tile: TileRecord) -> dict[str, Any]:
    """The COCO annotation of a slick on a tile."""
    piece = annotation(slick.mask, slick.window, tile.height_width)
    return {**piece, "category_id": slick.class_id, "slick_id": slick.slick_id}


def _cost(state: SceneState, tile_id: str, slicks: Sequence[GridInstance]) -> dict[str, float]:
    """Clicks and minutes that an annotator spent on a tile, where they are known. Raises LabelError."""
    tile = state.tiles.get(tile_id)
    said = {} if tile is None else tile.said
    shown = {slick.slick_id for slick in slicks}
    try:
        minutes = _minutes(said, [shape for shape in state.labels.shapes if shape.slick_id in shown])
        cost = {"clicks": said.get("clicks"), "minutes": minutes}
        return {name: float(value) for name, value in cost.items() if value is not None}
    except (TypeError, ValueError) as error:
        raise LabelError(
            f"{state.path}: its times or clicks cannot be read ({error}); import the labels again"
        ) from error


def _minutes(known: Mapping[str, Any], shapes: Sequence[GroundShape]) -> float | None:
    """Of the page's timer, else from beginning to end of each outline; None where neither is known."""
    if known.get("seconds") is not None:
        return float(known["seconds"]) / 60
    spans = [(one.properties.get("started"), one.properties.get("finished")) for one in shapes]
    times = [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last in spans if first and last]
    return sum((last - first).total_seconds() for first, last in times) / 60 if times else None
