"""The default mix: typical and likely items first, later uncertain ones that differ, and always some at random."""

from __future__ import annotations

from ceruleanml.selection.batch import Batch
from ceruleanml.selection.clasp import fill, strata, turns
from ceruleanml.selection.drawing import PLAIN, take_foreground_random, take_random
from ceruleanml.selection.nearness import Nearest
from ceruleanml.selection.score_columns import (
    ENTROPY_FIRST,
    class_columns,
    optional_column,
    ranking_columns,
    score_column,
)
from ceruleanml.selection.spreading import take_typical

SHORTLIST = 5
"""Of so many times the places, the best by score, the one that is farthest for its score is taken."""
RANDOM = f"{PLAIN}, the share that estimates without bias"


def take_mix(batch: Batch, n: int) -> None:
    """Take n open items by the default mix, which goes on without what is not there and says so in a note.

    A share of the batch is drawn at random first, from everything that is left: an unbiased estimate, and the arm to
    compare with. It is spread through the ranks. The rest, in the first round: half typical of their clusters, half
    foreground-random. Later: clasp-pe, where of the best by score the one with the greatest score x distance to what
    is taken comes first.
    """
    before = len(batch.choices)
    take_random(batch, int(batch.options.random_share * n + 0.5), RANDOM)
    drawn = len(batch.choices) - before
    if batch.options.round == 0 or not _scored(batch):
        _take_first(batch, n - drawn)
    else:
        _take_later(batch, n - drawn)
    chosen = batch.choices[before:]
    randoms, others = iter(chosen[:drawn]), iter(chosen[drawn:])
    order = turns([len(chosen) - drawn, drawn])
    batch.choices[before:] = [next(randoms) if number else next(others) for number in order]


def _scored(batch: Batch) -> bool:
    """Whether a model has scored the items, rather than a prior told where to look."""
    scores = batch.items.scores
    return optional_column(scores, [*ranking_columns(scores), *class_columns(scores).values()]) is not None


def _take_first(batch: Batch, n: int) -> None:
    """Half typical items, half likely ones; or more of one where the other cannot be told."""
    embedded = batch.items.embeddings is not None
    likely = batch.options.foreground in batch.items.scores
    typical = 0 if not embedded else n if not likely else (n + 1) // 2
    if not embedded:
        batch.notes.append("without embeddings (ceruleanml embed) the first batch holds no typical items")
    if typical:
        take_typical(batch, typical)
    if likely:
        take_foreground_random(batch, n - typical)
    elif embedded:
        batch.notes.append(f"without a column {batch.options.foreground} no item is drawn among the foreground")
    elif not embedded:
        batch.notes.append(f"without a column {batch.options.foreground} the batch is plain random")
        take_random(batch, n)


def _take_later(batch: Batch, n: int) -> None:
    columns = class_columns(batch.items.scores)
    if not columns:
        column = score_column(batch.items.scores, batch.options.score, ENTROPY_FIRST, batch.options.strategy)
        batch.notes.append(f"without columns uncertain_<class> the batch goes by {column} alone, not by class")
    nearest = None
    if batch.items.embeddings is not None:
        nearest = Nearest(batch.embeddings, batch.taken())
    else:
        batch.notes.append("without embeddings (ceruleanml embed) the batch goes by score alone, not by distance")
    fill(batch, n, strata(batch, n, columns, SHORTLIST if nearest else 1), nearest)
