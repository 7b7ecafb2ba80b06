"""Strategies by embeddings: far from what is taken, far and worth much, typical of clusters, k-means++ seeding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection import diversity
from ceruleanml.selection.batch import Ask, Batch, Places, number_text
from ceruleanml.selection.candidates import Floats
from ceruleanml.selection.farthest import worth
from ceruleanml.selection.nearness import Nearest
from ceruleanml.selection.score_columns import CONFIDENCE, UNCERTAINTY, optional_column, score_column


def take_spread(batch: Batch, n: int) -> None:
    """Take n open items, each the farthest from all that are taken: `diversity.k_center`."""
    ones = np.ones(len(batch.items))
    _take_worth_most(batch, n, diversity.k_center, ones, lambda _: "farthest from what is taken")


def take_spread_and_worth(batch: Batch, n: int) -> None:
    """Take n open items, each with the greatest distance x score: `diversity.coral`.

    Raises SelectionError for scores below 0, which no distance can be multiplied by.
    """
    column = score_column(batch.items.scores, batch.options.score, UNCERTAINTY, batch.options.strategy)
    scores = batch.items.scores[column]
    _check_positive(batch, column)

    def coral(rows: NDArray[np.float32], wanted: int, taken: Places) -> Places:
        places, _ = batch.rows_of_open()
        return diversity.coral(rows, np.where(batch.open[places], scores[places], 0), wanted, taken)

    _take_worth_most(batch, n, coral, scores, lambda place: batch.rank_text(column, place))


def take_typical(batch: Batch, n: int) -> None:
    """Take n open items that are typical of the clusters with the fewest taken ones: `diversity.typical`."""
    seed = int(batch.random("typical").integers(2**31))
    batch.ask(
        n,
        lambda rows, wanted, taken: diversity.typical(rows, wanted, taken, seed=seed),
        lambda _: "typical of its cluster",
    )


def take_seeds(batch: Batch, n: int) -> None:
    """Take n open items as k-means++ draws its seeds: `diversity.badge`.

    Embeddings are weighed by least confidence, or by what score there is; without any all weigh the same.
    """
    seed = int(batch.random("badge").integers(2**31))
    scores = batch.items.scores
    column = score_column(scores, batch.options.score, (), "badge") if batch.options.score else None
    column = column or optional_column(scores, CONFIDENCE)
    if column is not None:
        _check_positive(batch, column)

    def badge(rows: NDArray[np.float32], wanted: int, taken: Places) -> Places:
        places, _ = batch.rows_of_open()
        weights = None if column is None else np.nan_to_num(scores[column][places])
        return diversity.badge(rows, wanted, seed, taken, weights)

    def why(place: int) -> str:
        said = "" if column is None else f", weighed by {column} {number_text(float(scores[column][place]))}"
        return f"drawn by its distance from what is taken{said}"

    batch.ask(n, badge, why)


def _take_worth_most(batch: Batch, n: int, free: Ask, weights: Floats, why: Callable[[int], str]) -> None:
    """Take n by `free` where no limit can cross it, else one at a time by the same rule."""
    scores = None if (weights == 1).all() else weights
    if batch.max_per_group is None and batch.quotas is None:
        batch.ask(n, free, why, scores)
        return
    if not len(batch.taken()):
        batch.ask(min(n, 1), free, why, scores)
        n -= len(batch.choices)
    rows, taken = batch.rows_of_open()
    nearest = Nearest(np.ascontiguousarray(batch.embeddings_of(rows)), taken)
    every = np.arange(len(rows))
    for _ in range(n):
        if not batch.open.any():
            return
        mine = np.where(batch.open[rows], weights[rows], 0)
        value = worth(nearest.cosines(every), mine, 1.0)
        if value.max() <= 0:
            value = mine
        value[~batch.open[rows]] = -1
        place = int(value.argmax())
        batch.take(int(rows[place]), why(int(rows[place])), None if scores is None else float(scores[rows[place]]))
        nearest.take(place)


def _check_positive(batch: Batch, column: str) -> None:
    scores = batch.items.scores[column]
    below = np.flatnonzero(batch.left & (scores < 0))
    if len(below):
        place = int(below[0])
        raise SelectionError(
            f"score {column} of item {batch.items.ids[place]} is {scores[place]:g}; strategy {batch.options.strategy} "
            f"multiplies by it, so leave such items out with --threshold '{column}>=0', or name another with --score"
        )
