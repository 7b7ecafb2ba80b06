"""Catalogues: CSV tables of images with the votes of volunteers, k of N, and their checks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.storage import storage_error

ID_COLUMNS = ("id_str", "id", "iauname", "tile_id", "filename")
FILE_COLUMNS = ("file_loc", "file", "path", "filename")
UNKNOWN = ("", "nan", "none", "null", "na")
"""What cells without votes hold, in any case of letters: pandas writes nan."""


@dataclass(frozen=True)
class Columns:
    """Names of a catalogue's columns; of ids and files the first usual one is taken where none is named."""

    votes: tuple[str, str]
    id: str | None = None
    file: str | None = None
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A CSV as it stands: its header and its rows, each as long as the header; all is text."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> tuple[str, ...]:
        """The cells of a column, without spaces around them. Raises SelectionError for one that is not there."""
        if name not in self.header:
            raise SelectionError(
                f"{self.path}: has no column {name}, but {', '.join(self.header[:12])}; name the right one"
            )
        place = self.header.index(name)
        return tuple(row[place].strip() for row in self.rows)

    def first(self, names: Sequence[str], what: str) -> str:
        """The first of the usual names that is a column. Raises SelectionError where none is."""
        for name in names:
            if name in self.header:
                return name
        raise SelectionError(f"{self.path}: has no column of {what} ({', '.join(names)}); name it in the settings")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Items in the file's order: text ids, image files, groups, and int64 votes k of n (-1: none known)."""

    path: Path
    ids: tuple[str, ...]
    files: tuple[Path, ...]
    groups: tuple[str, ...]
    k: NDArray[np.int64]
    n: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def file_of(self, row: int) -> Path:
        """The image of a row. Raises SelectionError where it is missing."""
        path = self.files[row]
        if not path.is_file():
            raise SelectionError(
                f"{self.path}: row {row + 2}: the image {path} of {self.ids[row]} is missing; put it there or take the "
                "row out"
            )
        return path


def parse_votes(text: str) -> tuple[str, str]:
    """The two column names of `k,N`. Raises UsageError for anything else."""
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise UsageError(f"votes {text!r} are not two columns; give those of k and of N with a comma between them")
    return names[0], names[1]


def read_table(path: Path) -> Table:
    """A CSV with its header. Raises SelectionError for rows that do not fit, StorageError for an unreadable file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [tuple(row) for row in csv.reader(file) if row]
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SelectionError(f"{path}: is no CSV in UTF-8 ({error}); write it as one") from error
    if not rows:
        raise SelectionError(f"{path}: is empty; a catalogue has a row of column names and a row an item")
    header = tuple(name.strip() for name in rows[0])
    if len(set(header)) < len(header):
        raise SelectionError(f"{path}: two columns have the same name; name each once")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise SelectionError(f"{path}: row {number} has {len(row)} cells for {len(header)} columns; mend it")
    return Table(path, header, tuple(rows[1:]))


def read_catalogue(path: Path, columns: Columns) -> Catalogue:
    """The items of a catalogue. Image names are relative to the file; without a group column each item is its own.

    Ids stay text as they stand, "007" too. Raises SelectionError, which names the row (1 is the header), for ids that
    are missing or stand twice and for votes that are no whole numbers, negative, or k above N.
    """
    table = read_table(path)
    ids = _ids(table, columns.id or table.first(ID_COLUMNS, "ids"))
    files = table.column(columns.file or table.first(FILE_COLUMNS, "image files"))
    for row, name in enumerate(files):
        if not name:
            raise SelectionError(f"{path}: row {row + 2}: {ids[row]} names no image; name it or take the row out")
    groups = ids if columns.group is None else table.column(columns.group)
    k, n = votes_of(table, columns.votes)
    return Catalogue(path, ids, tuple(path.parent / name for name in files), groups, k, n)


def votes_of(table: Table, votes: tuple[str, str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The votes k and n of each row; n is -1 where both cells are empty."""
    counts = np.zeros((2, len(table.rows)), np.int64)
    cells = zip(table.column(votes[0]), table.column(votes[1]), strict=True)
    for row, pair in enumerate(cells):
        counts[:, row] = _pair(table.path, row + 2, votes, pair)
    return counts[0], counts[1]


def _ids(table: Table, name: str) -> tuple[str, ...]:
    ids = table.column(name)
    seen: dict[str, int] = {}
    for row, item_id in enumerate(ids, 2):
        if not item_id:
            raise SelectionError(f"{table.path}: row {row} has no {name}; give each item its id")
        if item_id in seen:
            raise SelectionError(
                f"{table.path}: rows {seen[item_id]} and {row} have the same {name} {item_id}; keep one of them"
            )
        seen[item_id] = row
    return ids


def _pair(path: Path, row: int, names: tuple[str, str], cells: tuple[str, str]) -> tuple[int, int]:
    known = [cell.lower() not in UNKNOWN for cell in cells]
    if not any(known):
        return 0, -1
    if not all(known):
        lacking = names[known.index(False)]
        raise SelectionError(f"{path}: row {row} has no {lacking} but the other; give both or neither")
    k, n = (_whole(path, row, name, cell) for name, cell in zip(names, cells, strict=True))
    if k > n:
        raise SelectionError(f"{path}: row {row}: {names[0]} {k} is more than {names[1]} {n}; k counts some of the N")
    return k, n


def _whole(path: Path, row: int, name: str, cell: str) -> int:
    """A count; 3.0 is one too, since pandas writes columns with gaps so."""
    try:
        value = float(cell)
    except ValueError:
        value = -1
    if not (0 <= value <= 1e9 and value == int(value)):
        raise SelectionError(f"{path}: row {row}: {name} {cell!r} is no count of votes; give a whole number or nothing")
    return int(value)
