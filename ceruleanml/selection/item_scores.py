"""Scores and embeddings of a task's items as the files that `ceruleanml select` takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.freshness import OF_MODEL
from ceruleanml.selection.task import Items, Task
from ceruleanml.storage import make_folder, writing

SCORES_NAME, EMBEDDINGS_NAME = "scores.parquet", "embeddings.parquet"


def write_item_scores(task: Task, model: Path, out: Path, seed: int = 0) -> tuple[Path, Path | None]:
    """Score and embed the whole pool of a task; the two files in `out`, of embeddings None where the task has none.

    Scores have the columns `tile_id`, `scene_id`, the task's acquisition values, and `model`, `pool` (hashes of both)
    and `seed`. Equal arguments give equal bytes. Raises SelectionError for an empty pool, and where `out` holds scores
    of another model or pool.
    """
    items = task.items()
    if not items.ids:
        raise SelectionError("the pool holds no item to score; give a pool beside the evaluation set")
    about = {"model": model_hash(model), "pool": pool_hash(items)}
    make_folder(out)
    scores, embeddings = out / SCORES_NAME, out / EMBEDDINGS_NAME
    _check_place(scores, about)
    _write_scores(scores, items, task.score(model, items.ids, out, seed), about, seed)
    vectors = task.embed(model, items.ids, out)
    if vectors is None:
        return scores, None
    from ceruleanml.selection.embedding_files import write_embeddings

    write_embeddings(embeddings, items.ids, vectors, {"method": OF_MODEL, **about}, items.groups)
    return scores, embeddings


def model_hash(model: Path) -> str:
    """The sha256 over the weights below a model's folder, in the order of their names."""
    import hashlib

    from ceruleanml.storage import sha256_of

    weights = sorted(model.rglob("*.pt"))
    if not weights:
        raise SelectionError(f"{model}: holds no trained model; let its training come to its end")
    if len(weights) == 1:
        return sha256_of(weights[0])
    return hashlib.sha256("".join(sha256_of(path) for path in weights).encode()).hexdigest()


def pool_hash(items: Items) -> str:
    """The sha256 over the ids and groups of a pool."""
    from ceruleanml.selection.small_training import identity_of

    return identity_of(items.ids, items.groups)


def unit_features(features: NDArray[Any]) -> NDArray[np.float32]:
    """Features (n, d) as float32 rows of length 1; a row of nothing but 0 becomes one of equal numbers."""
    rows = np.array(features, np.float64)
    rows[~rows.any(axis=1)] = 1.0
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def stored_embeddings(path: str | None, ids: Sequence[str]) -> NDArray[np.float32] | None:
    """The embeddings of these items in a file, (n, d), None without a file. Raises SelectionError if one is missing."""
    if path is None:
        return None
    from ceruleanml.selection.embedding_files import read_any

    found = read_any(Path(path))
    row_of = {item_id: row for row, item_id in enumerate(found.ids)}
    missing = [item_id for item_id in ids if item_id not in row_of]
    if missing:
        raise SelectionError(f"{path}: has no embedding of {missing[0]}; embed the whole pool")
    return np.asarray(found.vectors[np.array([row_of[item_id] for item_id in ids], np.int64)], np.float32)


def _check_place(scores: Path, about: dict[str, str]) -> None:
    """Raise SelectionError where the file is there and of another model or pool."""
    from ceruleanml.selection.score_files import read_scores

    if scores.exists():
        texts = read_scores(scores).texts
        for name, wanted in about.items():
            if set(texts.get(name, ())) != {wanted}:
                raise SelectionError(f"{scores.parent}: holds scores of another {name}; choose another --out")


def _write_scores(
    path: Path, items: Items, columns: dict[str, NDArray[np.float64]], about: dict[str, str], seed: int
) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = len(items.ids)
    table = pyarrow.table(
        {
            "tile_id": pyarrow.array(items.ids, pyarrow.string()),
            "scene_id": pyarrow.array(items.groups, pyarrow.string()),
            **{name: pyarrow.array(columns[name], pyarrow.float64()) for name in sorted(columns)},
            **{name: pyarrow.array([about[name]] * rows, pyarrow.string()) for name in ("model", "pool")},
            "seed": pyarrow.array([seed] * rows, pyarrow.int64()),
        }
    )
    with writing(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
