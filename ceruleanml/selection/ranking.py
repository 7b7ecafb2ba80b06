"""Strategies that take the greatest score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ceruleanml.selection.batch import Batch
from ceruleanml.selection.score_columns import UNCERTAINTY, VOTES, score_column


def take_uncertain(batch: Batch, n: int) -> None:
    """Take the n open items with the greatest score; which of equals comes first is drawn."""
    _take_greatest(batch, n, UNCERTAINTY)


def take_disputed(batch: Batch, n: int) -> None:
    """Take the n open items on which the members of an ensemble disagree most (QuasarNET)."""
    _take_greatest(batch, n, VOTES)


def _take_greatest(batch: Batch, n: int, known: Sequence[str]) -> None:
    column = score_column(batch.items.scores, batch.options.score, known, batch.options.strategy)
    scores = batch.items.scores[column]
    drawn = batch.random("ties").permutation(len(scores))
    order = drawn[np.argsort(-scores[drawn], kind="stable")]
    batch.take_in_order(order, n, lambda place: batch.rank_text(column, place), scores)
