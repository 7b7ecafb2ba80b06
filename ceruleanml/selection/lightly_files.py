"""Lightly's `embeddings.csv`: `filenames, embedding_0, ..., labels`, and maybe `masked, selected, al_score`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.embedding_rows import Embeddings, Floats, RowStore, check_ids, unit_rows
from ceruleanml.storage import storage_error, writing

ID, LABELS = "filenames", "labels"
FURTHER = (LABELS, "masked", "selected", "al_score")
"""Columns beside the id and the embedding, in the order in which they are written."""
BLOCK_BYTES = 8 << 20
ROWS = 8192


def read_lightly(path: Path) -> Embeddings:
    """The embeddings in a CSV of Lightly's, at unit length; columns may stand in any order, ids stay text.

    Reads a block at a time. Raises SelectionError for columns that are missing, rows of another length, ids that stand
    twice, and vectors without a direction; StorageError for a file that cannot be read.
    """
    header = _header(path)
    numbered = _embedding_columns(header, path)
    further = [name for name in FURTHER if name in header]
    ids: list[str] = []
    columns: dict[str, list[str]] = {name: [] for name in further}
    with RowStore(len(numbered)) as store:
        for batch in _batches(path, numbered, further):
            names = batch.column(ID).to_pylist()
            rows = np.empty((len(names), len(numbered)), np.float32)
            for place, name in enumerate(numbered):
                rows[:, place] = batch.column(name).to_numpy(zero_copy_only=False)  # what is no number becomes NaN
            store.add(unit_rows(rows, names, path))
            ids += names
            for name in further:
                columns[name] += batch.column(name).to_pylist()
        vectors = store.array()
    check_ids(ids, path)
    return Embeddings(tuple(ids), vectors, {}, None, {name: tuple(values) for name, values in columns.items()})


def write_lightly(
    path: Path,
    ids: Sequence[str],
    vectors: NDArray[np.floating],
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write a CSV of Lightly's, whole or not at all: vectors (n, d) at unit length.

    `columns` may give labels (whole numbers, 0 where they are not given), masked, selected and al_score, each (n).
    Floats are written so that they are read back bit by bit. Raises SelectionError as `read_lightly`.
    """
    columns = columns or {}
    strange = sorted(columns.keys() - set(FURTHER))
    if strange:
        raise SelectionError(f"{path}: {strange[0]} is no column of Lightly's; it has {', '.join(FURTHER)}")
    check_ids(ids, path)
    texts = {name: [str(one) for one in columns[name]] for name in FURTHER if name in columns}
    Embeddings(tuple(ids), np.asarray(vectors), {}, None, {name: tuple(values) for name, values in texts.items()})
    texts = {LABELS: ["0"] * len(ids)} | texts
    names = [ID, *(f"embedding_{number}" for number in range(vectors.shape[1])), *texts]
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write((",".join(names) + "\n").encode())
        for start in range(0, len(ids), ROWS):
            part = slice(start, start + ROWS)
            rows = unit_rows(vectors[part], ids[part], path)
            _write_rows(file, names, [list(ids[part]), *rows.T, *(values[part] for values in texts.values())])


def is_lightly(path: Path) -> bool:
    """Whether a file begins as one of Lightly's does: a header with `filenames`. Raises StorageError."""
    try:
        return ID in _header(path)
    except SelectionError:
        return False


def _write_rows(file: Any, names: Sequence[str], columns: Sequence[list[str] | Floats]) -> None:
    import pyarrow
    from pyarrow.csv import WriteOptions, write_csv

    table = pyarrow.table([pyarrow.array(column) for column in columns], names=list(names))
    write_csv(table, file, WriteOptions(include_header=False))


def _header(path: Path) -> list[str]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return next(csv.reader(file), [])
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SelectionError(f"{path}: is no CSV of embeddings; give a Parquet file or Lightly's CSV") from error


def _embedding_columns(header: Sequence[str], path: Path) -> list[str]:
    """The names of the embedding's columns in the order of their numbers."""
    twice = [name for name in header if header.count(name) > 1] if len(set(header)) < len(header) else []
    if twice:
        raise SelectionError(f"{path}: the column {twice[0]!r} stands twice; give each once")
    numbers = sorted(int(name[10:]) for name in header if re.fullmatch(r"embedding_(0|[1-9][0-9]{0,8})", name))
    absent = next((number for number, found in enumerate(chain(numbers, [-1])) if number != found), 0)
    if ID not in header or not numbers or absent < len(numbers):
        lacking = ID if ID not in header else f"embedding_{absent}"
        raise SelectionError(f"{path}: lacks the column {lacking}; Lightly's are {ID}, embedding_0, ..., {LABELS}")
    return [f"embedding_{number}" for number in numbers]


def _batches(path: Path, numbered: Sequence[str], further: Sequence[str]) -> Iterator[Any]:
    """The columns of the file, a block of rows at a time: text, but for the embedding's."""
    import pyarrow
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

    texts = dict.fromkeys([ID, *further], pyarrow.string())
    types = texts | dict.fromkeys(numbered, pyarrow.float32())
    try:
        reader = open_csv(
            path,
            read_options=ReadOptions(block_size=BLOCK_BYTES, use_threads=False),  # without threads errors name the row
            parse_options=ParseOptions(newlines_in_values=True),
            convert_options=ConvertOptions(column_types=types, include_columns=list(types)),
        )
        yield from reader
    except pyarrow.ArrowInvalid as error:
        if "Empty CSV file" in str(error):  # a header, no row
            return
        reason = " ".join(str(error).split())[:150]
        raise SelectionError(f"{path}: is no CSV of embeddings: {reason}; mend that row, or embed again") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error
