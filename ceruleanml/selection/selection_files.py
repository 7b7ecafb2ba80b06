"""Files of a selection: what was chosen, what was left out and why, and the queue of the annotation page."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Pick, Removed, Selection
from ceruleanml.storage import make_folder, storage_error, write_bytes, write_json

SELECTION_NAME, REMOVED_NAME, QUEUE_NAME = "selection.csv", "removed_samples.csv", "queue.json"
LEADING = ("rank", "tile_id", "scene_id", "score", "reason")
REMOVED_COLUMNS = ("tile_id", "scene_id", "reason", "detail")
QUEUE_VERSION = 1
BLIND_SHARE = 0.1
"""Of the queue's items, so many are to be labelled without the model's outlines, to tell how much these sway people."""

Json = dict[str, Any]


def write_selection(folder: Path, selection: Selection) -> list[Path]:
    """Write removed_samples.csv and, last, selection.csv into the folder, each whole or not at all; their paths.

    Figures of picks become columns behind the reason. Numbers are written so that they are read back bit by bit.
    """
    make_folder(folder)
    paths = [folder / REMOVED_NAME, folder / SELECTION_NAME]
    removed = ((one.id, one.group, one.reason, one.detail) for one in selection.removed)
    write_bytes(paths[0], _csv_bytes(REMOVED_COLUMNS, removed))
    names = sorted({name for pick in selection.picks for name in pick.figures})
    write_bytes(paths[1], _csv_bytes((*LEADING, *names), (_row(pick, names) for pick in selection.picks)))
    return paths


def read_selection(path: Path) -> Selection:
    """The selection in a selection.csv, or in the folder of one, with what was left out where that lies beside.

    Raises SelectionError for a file that is none or is broken, StorageError for one that cannot be read.
    """
    file = path / SELECTION_NAME if path.is_dir() else path
    if not file.is_file():
        raise SelectionError(f"{path}: holds no {SELECTION_NAME}; make one with ceruleanml select")
    picks = tuple(_pick(row, file) for row in _rows(file, LEADING))
    beside = file.with_name(REMOVED_NAME)
    removed = _rows(beside, REMOVED_COLUMNS) if beside.is_file() else []
    return Selection(
        picks, tuple(Removed(row["tile_id"], row["scene_id"], row["reason"], row["detail"]) for row in removed)
    )


def write_queue(
    path: Path, picks: Sequence[Pick], created_from: Json, blind_share: float = BLIND_SHARE, seed: int = 0
) -> None:
    """Write the queue of the annotation page, in the order of the picks; the blind items are drawn by the seed."""
    draws = generator(seed, "blind", *(pick.id for pick in picks))
    blind = set(draws.permutation(len(picks))[: int(blind_share * len(picks) + 0.5)].tolist())
    items = [
        {"tile_id": pick.id, "scene_id": pick.group, "order": place + 1, "score": pick.score, "reason": pick.reason,
         "blind": place in blind}
        for place, pick in enumerate(picks)
    ]  # fmt: skip
    write_json(path, {"format_version": QUEUE_VERSION, "created_from": created_from, "items": items})


def _row(pick: Pick, names: Sequence[str]) -> list[str]:
    figures = [_number(pick.figures.get(name)) for name in names]
    return [str(pick.rank), pick.id, pick.group, _number(pick.score), pick.reason, *figures]


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _csv_bytes(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    lines = (",".join(map(_cell, row)) + "\n" for row in (head, *rows))
    return "".join(lines).encode(errors="backslashreplace")


def _cell(text: str) -> str:
    """A cell of RFC 4180; Python's writer leaves a lone carriage return bare, which readers take for a line's end."""
    return '"' + text.replace('"', '""') + '"' if any(letter in text for letter in ',"\r\n') else text


def _rows(file: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, restval=None, strict=True)
            lacking = [name for name in needed if name not in (reader.fieldnames or ())]
            rows = [] if lacking else list(reader)
    except OSError as error:
        raise storage_error(file, error, "read") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise SelectionError(f"{file}: is no CSV ({error}); select again") from error
    if lacking:
        raise SelectionError(f"{file}: lacks the column {lacking[0]} of a selection; select again")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise SelectionError(f"{file}: line {number} has more or fewer cells than the head; select again")
    return rows


def _pick(row: dict[str, str], file: Path) -> Pick:
    try:
        score = float(row["score"]) if row["score"] else None
        figures = {name: float(value) for name, value in row.items() if name not in LEADING and value}
        return Pick(row["tile_id"], row["scene_id"], int(row["rank"]), score, row["reason"], figures)
    except ValueError as error:
        raise SelectionError(f"{file}: item {row['tile_id']}: {error}; select again") from error
