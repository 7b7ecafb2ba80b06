"""The map of an embedded pool as a picture file, and the pool's embeddings as Lightly takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ceruleanml.datasets.folder import Dataset, open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.embedding_files import Embeddings, read_embeddings, write_lightly
from ceruleanml.selection.embedding_map import MOST_POINTS, PALE, Colouring, coordinates, map_png
from ceruleanml.selection.pool_tiles import tile_classes
from ceruleanml.selection.score_files import read_scores
from ceruleanml.storage import write_bytes

CLASS, ROUND = "class", "round"
UNLABELLED = "no slick labelled"


def check_colour(path: Path | None, colour: str | None, scores: Path | None) -> None:
    """Raise UsageError for a colour without a map to colour or a file that it is a column of."""
    if path is None and (colour, scores) != (None, None):
        raise UsageError("--colour and --scores colour the map; name its file with --map PNG")
    if scores is None and colour not in (None, CLASS):
        raise UsageError(f"colour {colour}: is a column of which file? give --scores FILE, or --colour {CLASS}")
    if scores is not None and colour in (None, CLASS):
        raise UsageError(f"{scores}: which of its columns? name one with --colour")


def write_further(
    pool: Path,
    source: Path,
    lightly: Path | None,
    map_path: Path | None,
    colour: str | None = None,
    scores: Path | None = None,
    seed: int = 0,
) -> None:
    """Write the embeddings of a pool in the file `source` as Lightly's CSV, as a map, or both."""
    embeddings, dataset = read_embeddings(source), open_dataset(pool)
    if lightly is not None:
        write_pool_lightly(lightly, embeddings, dataset)
    if map_path is not None:
        write_map(map_path, embeddings, dataset, colour, scores, seed)


def write_map(
    path: Path,
    embeddings: Embeddings,
    dataset: Dataset,
    colour: str | None = None,
    scores: Path | None = None,
    seed: int = 0,
) -> None:
    """Write the map of a pool's embeddings as PNG, coloured by a column of a scores file, by class, or plain.

    `colour` is a column of `scores`, numbers on a scale, `round` in order, text with a legend; or `class`, by what the
    data set has labelled, which is also taken where it is None and something is labelled. Raises UsageError and
    SelectionError for a column that is not there.
    """
    points = coordinates(embeddings.vectors, seed)
    shown = np.isfinite(points[:, 0])
    colouring = _colouring(np.array(embeddings.ids)[shown].tolist(), dataset, colour, scores)
    of = f" of {len(points):,}" if len(points) > MOST_POINTS else ""
    title = f"{dataset.root.name}: {np.count_nonzero(shown):,}{of} tiles; those that look alike lie near each other"
    write_bytes(path, map_png(points[shown], colouring, title))


def write_pool_lightly(path: Path, embeddings: Embeddings, dataset: Dataset) -> None:
    """Write embeddings as Lightly's CSV; `labels` are the ids of the class with most pixels on a tile, 0 for none."""
    classes = tile_classes(dataset)
    labels = [classes.get(one, 0) for one in embeddings.ids]
    write_lightly(path, embeddings.ids, embeddings.vectors, {"labels": labels})


def _colouring(ids: Sequence[str], dataset: Dataset, colour: str | None, scores: Path | None) -> Colouring | None:
    check_colour(Path(), colour, scores)
    if scores is not None and colour is not None:
        return _of_column(ids, colour, scores)
    classes = tile_classes(dataset)
    if colour is None and not any(classes.values()):
        return None
    names = {number: row.title for number, row in enumerate(dataset.classes)} | {0: UNLABELLED}
    colours = {row.title: row.display for row in list(dataset.classes)[1:]} | {UNLABELLED: PALE}
    return Colouring("class", np.array([names[classes.get(one, 0)] for one in ids], np.str_), colours)


def _of_column(ids: Sequence[str], name: str, scores: Path) -> Colouring:
    table = read_scores(scores)
    rows = {one: row for row, one in enumerate(table.ids)}
    if name in table.columns:
        column = table.columns[name]
        values = np.array([column[rows[one]] if one in rows else np.nan for one in ids], np.float64)
        return Colouring(name, values, None, name == ROUND)
    if name not in table.texts:
        there = ", ".join([*table.columns, *table.texts])
        raise SelectionError(f"{scores}: has no column {name} to colour by; it has {there}")
    texts = table.texts[name]
    return Colouring(name, np.array([texts[rows[one]] if one in rows else "" for one in ids], np.str_))
