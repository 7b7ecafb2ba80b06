"""Files of scores: the parts that a scoring writes, and any table with a row an item."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.selection.arrow_files import open_parquet
from ceruleanml.selection.detections import object_frequency
from ceruleanml.selection.embedding_rows import check_ids
from ceruleanml.storage import read_json, storage_error, writing

MANIFEST_NAME, PARTS_NAME = "scores.json", "parts"
ID_COLUMNS = ("tile_id", "filenames", "filename", "id", "image")
"""Names of the column of ids in files of others; the first that is there is taken."""
TEXTS = (*ID_COLUMNS, "scene_id", "model", "pool", "seed")
"""Columns that are text whatever stands in them: the id 007 is no number, and a seed no score."""
OBJECT_COUNT, OBJECT_FREQUENCY = "object_count", "object_frequency"
Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """A row an item, all in the order of `ids`, which are text and unique.

    `columns` are numbers, float64 (n,), NaN where nothing stands; `texts` the other columns. `notes` are sentences for
    the user.
    """

    ids: tuple[str, ...]
    columns: dict[str, Column]
    texts: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


def part_path(out: Path, scene_id: str) -> Path:
    """Where the part of a scene lies in a scores folder. Raises SelectionError for an id that is no file name."""
    name = f"{scene_id}.parquet"
    if Path(name).name != name or "\0" in name:
        raise SelectionError(f"scene {scene_id!r}: its id is no name of a file; make the data set again")
    return out / PARTS_NAME / name


def write_part(
    path: Path,
    scene_id: str,
    tile_ids: Sequence[str],
    columns: Mapping[str, Column],
    model: str,
    pool: str,
    seed: int,
) -> None:
    """Write the scores of a scene's tiles, in the order of their ids, whole or not at all."""
    rows = len(tile_ids)
    write_table(path, {
        "tile_id": list(tile_ids), "scene_id": [scene_id] * rows, **columns, "model": [model] * rows,
        "pool": [pool] * rows, "seed": np.full(rows, seed, np.int64),
    })  # fmt: skip


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns (lists are text) as Parquet, or CSV where the file is called so; equal columns give equal bytes."""
    import pyarrow
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    table = pyarrow.table({name: pyarrow.array(one, pyarrow.string()) if isinstance(one, list) else one
                           for name, one in columns.items()})  # fmt: skip
    with writing(path) as temporary:
        if path.suffix == ".csv":
            arrow_csv.write_csv(table, temporary)
        else:
            parquet.write_table(table, temporary, compression="zstd")


def read_tile_ids(part: Path) -> tuple[str, ...] | None:
    """The tiles of a part, None where it is missing or broken."""
    try:
        return tuple(_words(_read(part).column("tile_id")))
    except (StorageError, SelectionError, KeyError):
        return None


def read_scores(path: Path, id_column: str | None = None) -> ScoreTable:
    """The scores in a Parquet or CSV file, in a folder of these, or in a folder of `ceruleanml score`.

    Ids come from the column `id_column`, or else the first of ID_COLUMNS that is there, as text. Other columns are
    numbers where all that stands in them is one; an empty field, NaN and null are NaN. From `object_count` the column
    `object_frequency` is made, since that needs all rows. Raises SelectionError for a file that is none of these, parts
    with other columns than the first, and an id that is missing or stands twice; StorageError where it cannot be read.
    """
    files, notes = _files(path)
    tables = [_read(file) for file in files]
    for file, table in zip(files, tables, strict=True):
        other = set(table.column_names) ^ set(tables[0].column_names)
        if other:
            raise SelectionError(f"{file}: the column {min(other)} is in it or in {files[0].name}, not in both")
    names = tables[0].column_names
    id_name = _id_name(names, id_column, path)
    ids: list[str] = []
    columns: dict[str, Column] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for name in names:
        parts = [table.column(name) for table in tables]
        if name == id_name:
            ids = [one for part in parts for one in _words(part)]
        elif name in TEXTS or (numbers := _numbers(parts)) is None:
            texts[name] = tuple(one for part in parts for one in _words(part))
        else:
            columns[name] = numbers
    if OBJECT_COUNT in columns and OBJECT_FREQUENCY not in columns:
        columns[OBJECT_FREQUENCY] = object_frequency(columns[OBJECT_COUNT])
    check_ids(ids, path, id_name)
    return ScoreTable(tuple(ids), columns, texts, notes)


def check_fresh(table: ScoreTable, model: str | None = None, pool: str | None = None) -> None:
    """Raise SelectionError where the rows are not all of one model and one pool, or not of those given by sha256.

    A table without these columns, of another program, says nothing of them and passes where nothing is given.
    """
    for name, wanted, cure in (
        ("model", model, "score the pool again with the model"),
        ("pool", pool, "score this pool"),
    ):
        found = sorted(set(table.texts.get(name, ())))
        if len(found) > 1:
            raise SelectionError(
                f"the scores are of {len(found)} {name}s, {found[0][:12]} and {found[1][:12]} among them; {cure}, or "
                "take them as they are with --force"
            )
        if wanted is not None and found != [wanted]:
            of = f"of {name} {found[0][:12]}" if found else f"without a column {name}"
            raise SelectionError(f"the scores are {of}, not of {wanted[:12]}; {cure}, or take them with --force")


def read_manifest(out: Path) -> dict[str, Any] | None:
    """What the manifest of a scores folder says, None where there is none. Raises SelectionError for a broken one."""
    path = out / MANIFEST_NAME
    if not path.is_file():
        return None
    try:
        content = read_json(path)
    except StorageError as error:
        raise SelectionError(f"{error}; score into another --out") from error
    if not isinstance(content, dict) or "format_version" not in content:
        raise SelectionError(f"{path}: is not the manifest of scores; score into another --out")
    return content


def _files(path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The files of a table, sorted by name, and a note where a scoring is not at its end."""
    if not path.exists():
        raise SelectionError(f"{path}: no such file or folder of scores; make it with ceruleanml score")
    if path.is_file():
        return [path], ()
    manifest = read_manifest(path)
    folder = path if manifest is None else path / PARTS_NAME
    files = sorted(one for one in folder.glob("*") if one.suffix in (".parquet", ".csv") and one.name[0] != ".")
    if not files:
        raise SelectionError(f"{path}: holds no scores, neither .parquet nor .csv; make them with ceruleanml score")
    scenes = len(files) if manifest is None else int(manifest.get("scenes", len(files)))
    if len(files) < scenes:
        return files, (f"{path}: {scenes - len(files)} of {scenes} scenes have no scores; run the same score again",)
    return files, ()


def _read(file: Path) -> Any:
    """A file as an Arrow table; every column of a CSV is text."""
    import pyarrow

    try:
        return _read_csv(file) if file.suffix == ".csv" else _read_parquet(file)
    except OSError as error:
        raise storage_error(file, error, "read") from error
    except (pyarrow.ArrowException, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())[:150]
        raise SelectionError(f"{file}: is no table of scores, or a broken one ({reason})") from error


def _read_parquet(file: Path) -> Any:
    from pyarrow import types

    with open_parquet(file) as opened:
        table = opened.read(use_threads=False)
    for one in table.schema:
        if types.is_nested(one.type) or not _is_text(table.column(one.name), one.type):
            table = table.drop_columns(one.name)  # embeddings and pictures are no scores
    return table


def _is_text(column: Any, kind: Any) -> bool:
    """Whether a column can be written out; bytes can where they are UTF-8."""
    import pyarrow
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        try:
            column.cast(pyarrow.string())
        except pyarrow.ArrowException:
            return False
    return True


def _read_csv(file: Path) -> Any:
    import pyarrow
    from pyarrow import csv as arrow_csv

    with file.open(encoding="utf-8-sig", newline="") as lines:
        names = next(csv.reader(lines), [])
    if len(set(names)) < len(names) or not names:
        raise SelectionError(f"{file}: its first line does not name each column once")
    kinds = {name: pyarrow.string() for name in names}
    options = arrow_csv.ConvertOptions(column_types=kinds, strings_can_be_null=False)
    alone = arrow_csv.ReadOptions(use_threads=False)
    return arrow_csv.read_csv(str(file), convert_options=options, read_options=alone)  # by its path: see open_parquet


def _id_name(names: Sequence[str], asked: str | None, path: Path) -> str:
    found = [name for name in ([asked] if asked else ID_COLUMNS) if name in names]
    if not found:
        raise SelectionError(
            f"{path}: has no column {asked or ' or '.join(ID_COLUMNS)}, it has {', '.join(names[:8])}; name the one of "
            "ids with --id"
        )
    return found[0]


def _words(column: Any) -> Iterator[str]:
    """A column as text, nothing as an empty word."""
    import pyarrow

    return ("" if one is None else one for one in column.cast(pyarrow.string()).to_pylist())


def _numbers(parts: Sequence[Any]) -> Column | None:
    """The parts of a column as one array of numbers, None where one of them is none."""
    import pyarrow
    from pyarrow import compute, types

    found = []
    for part in parts:
        if types.is_string(part.type) or types.is_large_string(part.type):
            trimmed = compute.utf8_trim_whitespace(part)
            missing = compute.is_in(compute.utf8_lower(trimmed), pyarrow.array(["", "nan", "null", "none", "na"]))
            part = compute.if_else(missing, None, trimmed)
        try:
            numbers = part.cast(pyarrow.float64(), safe=False)
        except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
            return None
        found.append(np.asarray(numbers.to_numpy(), np.float64))
    return np.concatenate(found)
