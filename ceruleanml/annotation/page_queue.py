"""The queue of a page: which tiles or scenes are gone through in what order, why, and where they lie on the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affine import Affine

from ceruleanml.annotation.options import PageOptions
from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.errors import SelectionError
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.selection_files import QUEUE_VERSION, read_selection
from ceruleanml.storage import read_json

NEAR_PX = 0.01
"""A tile's edge this close to a pixel's edge lies on it."""
WHOLE_SCENE = "whole scene, in the order given"
Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One thing to go through: a tile, or with `tile_id` None a whole scene."""

    id: str
    tile_id: str | None
    scene_id: str
    score: float | None
    reason: str
    blind: bool

    def as_record(self, order: int, key: str, window: Window | None) -> Json:
        """The item as the page's queue.json has it."""
        return {
            "id": self.id, "tile_id": self.tile_id, "scene_id": self.scene_id, "scene": key, "order": order,
            "window": None if window is None else window.as_list, "score": self.score, "reason": self.reason,
            "blind": self.blind,
        }  # fmt: skip


def queue_items(scene_ids: Sequence[str], options: PageOptions) -> list[Item]:
    """The items of the queue in their order: of a selection, of a queue file, else every scene as a whole.

    Of a selection the blind ones are drawn as `selection.write_queue` draws them; of scenes only where there are
    predictions to hide. Raises SelectionError, also for an item of a scene that is not among `scene_ids`.
    """
    if options.queue is not None:
        source, items = options.queue, _queued(options.queue)
    elif options.selection is not None:
        source, items = options.selection, _picked(read_selection(options.selection).picks, options)
    else:
        blind = _blind(scene_ids, options) if options.predictions else set()
        return [Item(one, None, one, None, WHOLE_SCENE, place in blind) for place, one in enumerate(scene_ids)]
    known = set(scene_ids)
    for item in items:
        if item.scene_id not in known:
            raise SelectionError(
                f"{source}: item {item.id} is of scene {item.scene_id}, which is not among the scenes given; add it"
            )
    if not items:
        raise SelectionError(f"{source}: holds no item; select again")
    return items


def window_on(transform: Affine, height_width: tuple[int, int], tile: TileRecord, crs: str | None) -> Window | None:
    """The pixels of a scene's page that a tile shows; None where the tile lies beside the scene.

    Where the tile's grid is another one, its edges go outwards to whole pixels. Without CRS a tile's own window is
    meant. Raises SelectionError where only one of the two has a CRS.
    """
    if tile.crs != crs:
        raise SelectionError(
            f"tile {tile.tile_id}: has {'no' if tile.crs is None else 'a'} georeference, its scene on the page has "
            f"{'none' if crs is None else 'one'}; give --georeference as make-dataset was given it"
        )
    whole = Window(0, 0, *height_width)
    if crs is None:
        return tile.window.intersection(whole)
    height, width = tile.height_width
    into = ~transform @ tile.transform
    left, top = into @ (0, 0)
    right, bottom = into @ (width, height)
    row, col, last_row, last_col = _floor(top), _floor(left), -_floor(-bottom), -_floor(-right)
    return Window(row, col, last_row - row, last_col - col).intersection(whole)


def queue_record(title: str, created_from: Json, classes_sha256: str, items: Sequence[Json]) -> Json:
    """The content of the page's queue.json."""
    return {
        "format_version": QUEUE_VERSION, "title": title, "created_from": created_from,
        "classes_sha256": classes_sha256, "items": list(items),
    }  # fmt: skip


def _floor(position: float) -> int:
    near = round(position)
    return near if abs(position - near) < NEAR_PX else math.floor(position)


def _blind(ids: Sequence[str], options: PageOptions) -> set[int]:
    """The places of the blind items, drawn as `selection.write_queue` draws them."""
    draws = generator(options.seed, "blind", *ids)
    return set(draws.permutation(len(ids))[: int(options.blind_share * len(ids) + 0.5)].tolist())


def _picked(picks: Sequence[Pick], options: PageOptions) -> list[Item]:
    blind = _blind([pick.id for pick in picks], options)
    return [
        Item(pick.id, _tile_id(pick.id, pick.group), pick.group, pick.score, pick.reason, place in blind)
        for place, pick in enumerate(picks)
    ]


def _queued(path: Path) -> list[Item]:
    content = read_json(path)
    items = content.get("items") if isinstance(content, dict) else None
    if not isinstance(items, list) or content.get("format_version") != QUEUE_VERSION:
        raise SelectionError(f"{path}: is no queue of format version {QUEUE_VERSION}; make one with ceruleanml select")
    found = [_queued_item(item, place, path) for place, item in enumerate(items, start=1)]
    return [item for _, item in sorted(found, key=lambda pair: pair[0])]


def _queued_item(item: Any, place: int, path: Path) -> tuple[float, Item]:
    try:
        name = item["tile_id"] if item.get("tile_id") is not None else item["scene_id"]
        score = item.get("score")
        score = None if score is None else float(score)
        order, blind, reason = float(item.get("order", place)), item.get("blind", False), item.get("reason", "")
        if not (isinstance(name, str) and isinstance(item["scene_id"], str) and isinstance(reason, str)):
            raise ValueError("its ids and reason must be text")
        if not isinstance(blind, bool) or not math.isfinite(order) or not math.isfinite(score or 0.0):
            raise ValueError("order and score must be numbers, blind true or false")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SelectionError(f"{path}: item {place} cannot be read ({error}); make the queue again") from error
    return order, Item(name, _tile_id(name, item["scene_id"]), item["scene_id"], score, reason, blind)


def _tile_id(name: str, scene_id: str) -> str | None:
    """The id of a tile; None for an item that is the scene itself."""
    return None if name == scene_id else name


def check_tiles(items: Sequence[Item], pool: Dataset | None) -> None:
    """Raise SelectionError where an item is a tile that the data set does not have, or has of another scene."""
    tiles = {} if pool is None else {tile.tile_id: tile for tile in pool.tiles}
    for item in items:
        if item.tile_id is None:
            continue
        if pool is None:
            raise SelectionError(f"item {item.id} is a tile; name the data set that tells where it lies with --dataset")
        if item.tile_id not in tiles:
            raise SelectionError(f"{pool.root}: has no tile {item.tile_id}; name the data set that was selected from")
        found = tiles[item.tile_id].scene_id
        if found != item.scene_id:
            raise SelectionError(f"{pool.root}: tile {item.tile_id} is of scene {found}, not {item.scene_id}")
