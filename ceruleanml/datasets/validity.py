"""Whether `instances.json` is the COCO that its readers expect, record by record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.datasets.folder import AnnotationRecord, Record, TileRecord, annotation_of, tile_of
from ceruleanml.scenes.grid import Window

Problem = tuple[str, str, str]
"""Tile id, scene id ("" where there is none) and what is wrong."""


def valid_tiles(images: list[Any], scenes: Mapping[str, Any], problems: list[Problem]) -> list[TileRecord]:
    """The tiles of the image records that are sound; what is wrong with the others is added to `problems`."""
    tiles: list[TileRecord] = []
    seen: set[tuple[str, object]] = set()
    for image in images:
        tile, fault = _tried(tile_of, image)
        fault = fault or _fault_of_tile(tile, scenes)
        if tile is not None and not fault:
            names = {("id", tile.image_id), ("tile_id", tile.tile_id), ("file_name", tile.file_name)}
            fault = ", ".join(f"{key} {value} stands twice" for key, value in sorted(names & seen, key=str))
            seen |= names
        if tile is None or fault:
            about = image if isinstance(image, dict) else {}
            problems.append((str(about.get("tile_id", "")), str(about.get("scene_id", "")), f"image: {fault}"))
        else:
            tiles.append(tile)
    return tiles


def valid_annotations(
    records: list[Any], tiles: list[TileRecord], classes: ClassTable, problems: list[Problem]
) -> list[AnnotationRecord]:
    """The pieces of the annotation records that are sound; what is wrong with others is added to `problems`."""
    by_image = {tile.image_id: tile for tile in tiles}
    pieces: list[AnnotationRecord] = []
    seen: set[int] = set()
    for record in records:
        piece, fault = _tried(annotation_of, record)
        tile = None if piece is None else by_image.get(piece.image_id)
        if piece is not None:
            fault = _fault_of_piece(piece, tile, record, classes)
            if piece.annotation_id in seen:
                fault = f"id {piece.annotation_id} stands twice"
            seen.add(piece.annotation_id)
        if piece is None or fault:
            number = record.get("id", "?") if isinstance(record, dict) else "?"
            where = ("", "") if tile is None else (tile.tile_id, tile.scene_id)
            problems.append((*where, f"annotation {number}: {fault}"))
        else:
            pieces.append(piece)
    return pieces


def category_problems(categories: list[Any], classes: ClassTable) -> Iterator[Problem]:
    """What is wrong with the categories: they must be the class table without its background."""
    found = [(row.get("id"), row.get("name")) if isinstance(row, dict) else (None, None) for row in categories]
    for number, name in enumerate(classes.slick_names, start=1):
        if (number, name) not in found:
            yield "", "", f"category {number} {name} of the class table is missing"
    for pair in found:
        if pair not in set(enumerate(classes.slick_names, start=1)):
            yield "", "", f"category {pair[0]} {pair[1]} is not in the class table"


def run_lengths(counts: str) -> list[int]:
    """The run lengths that COCO's compressed text stands for; raises ValueError where it stands for none.

    Five bits a character from "0" on, the sixth says that more follow; from the fourth run on, the difference to the
    last but one is written (maskApi.c of the COCO API).
    """
    runs: list[int] = []
    value = shift = 0
    for letter in counts:
        code = ord(letter) - 48
        if not 0 <= code < 64:
            raise ValueError(f"RLE holds {letter!r}, which is no code of it")
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift or any(run < 0 for run in runs):
        raise ValueError("RLE is cut short or has a run below 0")
    return runs


def _tried(parse: Callable[[Record], Any], record: Any) -> tuple[Any, str]:
    try:
        return parse(record), ""
    except KeyError as error:
        return None, f"lacks {error}"
    except (TypeError, ValueError) as error:
        return None, str(error)


def _fault_of_tile(tile: TileRecord | None, scenes: Mapping[str, Any]) -> str:
    if tile is None:
        return ""
    if min(tile.height_width) < 1:
        return f"height and width {tile.height_width} must be positive"
    if (tile.window.height, tile.window.width) != tile.height_width:
        return f"window {tile.window.as_list} is not of the tile's height and width {tile.height_width}"
    scene = scenes.get(tile.scene_id)
    if scene is None or scene.get("state") != "built":
        return f"scene {tile.scene_id} is not among the scenes that dataset.json says were built"
    grid = (scene.get("grid") or {}).get("height_width")
    if grid is not None and tile.window.intersection(Window(0, 0, *grid)) is None:
        return f"window {tile.window.as_list} lies outside its scene of {grid[0]} x {grid[1]} pixels"
    return ""


def _fault_of_piece(piece: AnnotationRecord, tile: TileRecord | None, record: Record, classes: ClassTable) -> str:
    if tile is None:
        return f"image {piece.image_id} is not there or not valid"
    if not 1 <= piece.class_id < len(classes):
        return f"category {piece.class_id} is not in the class table"
    if record.get("iscrowd") != 0:
        return f"iscrowd is {record.get('iscrowd')!r}; with anything but 0 evaluation ignores the slick"
    if tuple(piece.rle["size"]) != tile.height_width:
        return f"segmentation is of {piece.rle['size']} pixels, its image of {list(tile.height_width)}"
    return _fault_of_rle(piece, record)


def _fault_of_rle(piece: AnnotationRecord, record: Record) -> str:
    """What pycocotools would find; runs are summed before its C code, which trusts them, sees them."""
    from pycocotools import mask as coco_mask

    height, width = piece.rle["size"]
    try:
        total = sum(run_lengths(piece.rle["counts"]))
    except ValueError as error:
        return str(error)
    if total != height * width:
        return f"segmentation covers {total} pixels of {height * width}"
    area, box = int(coco_mask.area(piece.rle)), [int(value) for value in coco_mask.toBbox(piece.rle)]
    if area == 0:
        return "segmentation holds no pixel"
    if record["area"] != area:
        return f"area is {record['area']}, its segmentation has {area}"
    if list(record["bbox"]) != box:
        return f"bbox is {record['bbox']}, its segmentation's is {box}"
    return ""
