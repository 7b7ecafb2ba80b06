"""Ids from files: plain lists, tables with a column of ids, and data set folders, whose tiles and scenes they are."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ceruleanml.datasets.folder import MANIFEST_NAME, open_dataset
from ceruleanml.errors import SelectionError
from ceruleanml.selection.arrow_files import open_parquet
from ceruleanml.selection.embedding_files import ID_COLUMNS
from ceruleanml.storage import storage_error


@dataclass(frozen=True)
class Listed:
    """The ids that a file or folder names, and, of a data set, the groups (scenes) that they are of."""

    ids: tuple[str, ...]
    groups: frozenset[str] = frozenset()


def read_ids(path: Path, id_column: str | None = None) -> Listed:
    """The ids in a data set folder, a Parquet or CSV table, or a text file with one id a line, all as text.

    A table's column is `id_column`, or tile_id where it lacks that; unless given, the first of ID_COLUMNS. Raises
    SelectionError where a table has none, StorageError for what cannot be read, DatasetError for a broken data set.
    """
    if path.is_dir():
        if not (path / MANIFEST_NAME).is_file():
            raise SelectionError(f"{path}: is no data set folder; name one, or a file with one id a line")
        tiles = open_dataset(path).tiles
        return Listed(tuple(tile.tile_id for tile in tiles), frozenset(tile.scene_id for tile in tiles))
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        return Listed(tuple(_of_parquet(path, id_column) if parquet else _of_text(path, id_column)))
    except OSError as error:
        raise storage_error(path, error, "read") from error


def _of_parquet(path: Path, id_column: str | None) -> list[str]:
    import pyarrow

    try:
        with open_parquet(path) as file:
            name = _column(file.schema_arrow.names, id_column, path)
            column = file.read(columns=[name], use_threads=False).column(0)
        texts: list[str | None] = column.cast(pyarrow.string()).to_pylist()
    except pyarrow.ArrowException as error:
        raise SelectionError(f"{path}: its ids cannot be read: {' '.join(str(error).split())[:150]}") from error
    return [text for text in texts if text]


def _of_text(path: Path, id_column: str | None) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SelectionError(f"{path}: is neither text nor CSV; give a file with one id a line") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    if len(head) <= 1 and not {*ID_COLUMNS, id_column} & set(head):
        return [row[0].strip() for row in rows]
    place = head.index(_column(head, id_column, path))
    return [row[place].strip() for row in rows[1:] if len(row) > place and row[place].strip()]


def _column(names: list[str], id_column: str | None, path: Path) -> str:
    known = [id_column, ID_COLUMNS[0]] if id_column else ID_COLUMNS  # lists that we wrote ourselves have the first
    found = next((name for name in known if name in names), None)
    if found is None:
        wanted = id_column or f"{', '.join(ID_COLUMNS[:-1])} or {ID_COLUMNS[-1]}"
        raise SelectionError(f"{path}: has no column {wanted}; it has {', '.join(names[:8])}; name one with --id")
    return found
