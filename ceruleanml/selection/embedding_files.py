"""Files of embeddings: Parquet of ours and of others, and Lightly's CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.arrow_files import open_parquet
from ceruleanml.selection.embedding_rows import Embeddings, Floats, RowStore, check_ids, unit_rows
from ceruleanml.selection.lightly_files import is_lightly, read_lightly, write_lightly
from ceruleanml.storage import storage_error, writing

__all__ = [
    "Embeddings", "embeddings_about", "read_any", "read_embeddings", "read_lightly", "write_embeddings",
    "write_lightly",
]  # fmt: skip

ID, GROUP, VECTOR = "tile_id", "scene_id", "embedding"
ID_COLUMNS = (ID, "filenames", "filename", "id", "image")
"""Names of the column of ids in files of others; the first that is there is taken."""
METADATA = b"ceruleanml"
ROW_GROUP_BYTES = 16 << 20
READ_ROWS = 8192


def read_any(path: Path) -> Embeddings:
    """The embeddings in a Parquet file or in a CSV of Lightly's, whatever its name. Raises as the two do."""
    try:
        with path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    if first == b"PAR1":
        return read_embeddings(path)
    if is_lightly(path):
        return read_lightly(path)
    raise SelectionError(f"{path}: holds no embeddings; give a Parquet file of ceruleanml embed, or Lightly's CSV")


def read_embeddings(path: Path) -> Embeddings:
    """The embeddings in a Parquet file, at unit length.

    The file has a column of lists of equal length, `embedding`, and one of ids, the first of ID_COLUMNS; `scene_id` may
    stand beside them. Rows are read part by part into one array, float32 (n, d), which beyond 256 MB lies in a mapped
    temporary file. Raises SelectionError for columns that are missing, vectors of different lengths or without a
    direction, and ids that stand twice; StorageError for a file that cannot be read.
    """
    import pyarrow

    try:
        return _read(path)
    except (pyarrow.ArrowException, pyarrow.ArrowInvalid) as error:
        reason = " ".join(str(error).split())[:150]
        raise SelectionError(f"{path}: is no Parquet file, or a broken one ({reason}); embed again") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error


def embeddings_about(path: Path) -> tuple[dict[str, Any], int, int]:
    """What a Parquet file of ours says of itself, its rows and their dimensions; no vector is read. Raises as above."""
    import pyarrow

    try:
        with open_parquet(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (pyarrow.ArrowException, pyarrow.ArrowInvalid) as error:
        raise SelectionError(f"{path}: is no Parquet file, or a broken one; embed again") from error
    except OSError as error:
        raise storage_error(path, error, "read") from error
    _id_column(schema, path)
    return _about(schema.metadata, path), rows, getattr(schema.field(VECTOR).type, "list_size", 0)


def write_embeddings(
    path: Path,
    ids: Sequence[str],
    vectors: NDArray[np.floating],
    about: dict[str, Any],
    groups: Sequence[str] | None = None,
    order: NDArray[np.intp] | None = None,
) -> None:
    """Write embeddings (n, d) at unit length as Parquet, whole or not at all; equal arguments give equal bytes.

    `about` becomes JSON in the schema's metadata, `groups` (n) the column `scene_id`. With `order` only the items of
    these numbers are written, in this order. A row group is held at once. Raises SelectionError for ids that stand
    twice and vectors without a direction.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    order = np.arange(len(ids)) if order is None else order
    check_ids([ids[place] for place in order], path)
    dimensions = vectors.shape[1]
    schema = _schema(dimensions, groups is not None, about)
    step = max(1, ROW_GROUP_BYTES // max(1, 4 * dimensions))
    with writing(path) as temporary, ParquetWriter(temporary, schema, compression="zstd", use_dictionary=[GROUP]) as to:
        for start in range(0, len(order), step):
            part = order[start : start + step]
            names = [ids[place] for place in part]
            flat = pyarrow.array(unit_rows(vectors[part], names, path).ravel())
            columns = [pyarrow.array(names), pyarrow.FixedSizeListArray.from_arrays(flat, dimensions)]
            if groups is not None:
                columns.append(pyarrow.array([groups[place] for place in part]))
            to.write_table(pyarrow.table(columns, schema=schema), step)


def _schema(dimensions: int, grouped: bool, about: dict[str, Any]) -> Any:
    import pyarrow

    fields = [(ID, pyarrow.string()), (VECTOR, pyarrow.list_(pyarrow.float32(), dimensions))]
    if grouped:
        fields.append((GROUP, pyarrow.string()))
    text = json.dumps(about, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return pyarrow.schema(fields, {METADATA: text.encode()})


def _read(path: Path) -> Embeddings:
    ids: list[str] = []
    groups: list[str] = []
    with open_parquet(path) as file:
        schema = file.schema_arrow
        id_column = _id_column(schema, path)
        grouped = GROUP in schema.names
        columns = [id_column, VECTOR, *([GROUP] if grouped else [])]
        with RowStore(_dimensions(file, path)) as store:
            for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False):
                names = _texts(batch.column(id_column), id_column, path)
                store.add(unit_rows(_matrix(batch.column(VECTOR), names, store.dimensions, path), names, path))
                ids += names
                groups += _texts(batch.column(GROUP), GROUP, path) if grouped else []
            vectors = store.array()
    check_ids(ids, path)
    return Embeddings(tuple(ids), vectors, _about(schema.metadata, path), tuple(groups) if grouped else None)


def _dimensions(file: Any, path: Path) -> int:
    """The length of a fixed-size list, or of the first list. Raises SelectionError where the column holds no lists."""
    from pyarrow import types

    kind = file.schema_arrow.field(VECTOR).type
    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not lists or not types.is_floating(kind.value_type):
        raise SelectionError(f"{path}: {VECTOR} holds {kind}; give lists of float32 of one length")
    if types.is_fixed_size_list(kind):
        return int(kind.list_size)
    first = next(file.iter_batches(1, columns=[VECTOR], use_threads=False), None)
    return 0 if first is None else len(first.column(0)[0].as_py() or ())


def _id_column(schema: Any, path: Path) -> str:
    found = [name for name in ID_COLUMNS if name in schema.names]
    if not found or VECTOR not in schema.names:
        lacking = VECTOR if found else ID
        raise SelectionError(
            f"{path}: lacks the column {lacking}, it has {', '.join(schema.names[:8])}; "
            f"embeddings have {ID} and {VECTOR}"
        )
    return found[0]


def _texts(column: Any, name: str, path: Path) -> list[str]:
    """The column as text; whole numbers are written out."""
    import pyarrow

    kind = column.type.value_type if pyarrow.types.is_dictionary(column.type) else column.type
    if not (pyarrow.types.is_integer(kind) or "string" in str(kind)) or column.null_count:
        raise SelectionError(f"{path}: {name} holds {kind} or nothing in some rows; give each item its name as text")
    texts: list[str] = column.cast(pyarrow.string()).to_pylist()
    return texts


def _matrix(column: Any, ids: Sequence[str], dimensions: int, path: Path) -> Floats:
    """The lists of a column as rows. Raises SelectionError where one is missing or of another length."""
    from pyarrow import compute

    lengths = compute.fill_null(compute.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero((lengths != dimensions) | (lengths == 0))
    if len(wrong):
        place = wrong[0]
        has = f"has {lengths[place]} numbers, the first has {dimensions}" if lengths[place] else "is empty"
        raise SelectionError(f"{path}: the embedding of {ids[place]} {has}; embed all items with one model")
    flat = column.flatten().to_numpy(zero_copy_only=False)  # what is missing becomes NaN
    return np.asarray(flat, np.float32).reshape(-1, dimensions)


def _about(metadata: dict[bytes, bytes] | None, path: Path) -> dict[str, Any]:
    try:
        about = json.loads((metadata or {}).get(METADATA, b"{}"))
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise SelectionError(f"{path}: its metadata {METADATA.decode()} is no JSON object; embed again")
    return about
