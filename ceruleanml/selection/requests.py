"""Choosing what the next round asks for: what is known of the pool goes into the strategy of the instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.candidates import Candidates, Pick, Selection
from ceruleanml.selection.choosing import choose
from ceruleanml.selection.instructions import Instructions
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.round_folder import RoundFolder
from ceruleanml.selection.selection_files import write_selection
from ceruleanml.selection.strategies import NEEDED, STRATEGIES, UNUSED
from ceruleanml.selection.task import Items, Task

COLD = "random"
"""How items are chosen where there is neither a model nor an embedding to choose by."""
COLD_CHOICE = ("max_per_group", "excluded")
"""Limits of the choice that need neither."""
OWN_CHOICE = ("strategy", "n", "share", "count_preselected", "round", "rounds", "seed", "best_of_group")
"""Options of a choice that are set by the rounds themselves, or have no columns there."""


@dataclass(frozen=True)
class Chosen:
    """A selection, and the file it is written to, whole or not at all."""

    selection: Selection

    def write(self, folder: Path) -> None:
        """Write removed_samples.csv and, last, selection.csv into the folder."""
        write_selection(folder, self.selection)


@dataclass(frozen=True)
class Request:
    """What a choice for round `number` knows: the pool's items and the labels so far."""

    task: Task
    told: Instructions
    items: Items
    labels: dict[str, Any]
    number: int

    @property
    def scores(self) -> bool:
        """Whether the strategy or the limits of the choice read scores."""
        strategy = STRATEGIES[self.told.strategy]
        used = any(use != UNUSED for use in (strategy.score, strategy.foreground, strategy.classes))
        return used or bool(self.told.choice.get("thresholds") or self.told.choice.get("balance"))

    @property
    def embeds(self) -> bool:
        """Whether the strategy or the limits of the choice take embeddings."""
        used = STRATEGIES[self.told.strategy].embeddings != UNUSED
        return used or self.told.choice.get("som_percentile") is not None

    def unlabelled(self) -> list[str]:
        """The items without a label, in the pool's order."""
        return [item_id for item_id in self.items.ids if item_id not in self.labels]

    def options(self, strategy: str, n: int, choice: Mapping[str, Any]) -> SelectOptions:
        """The options of a choice of `n` items, its random draws of this round and seed alone."""
        rounds = max(self.told.rounds, self.number + 1)
        chosen = {"strategy": strategy, "n": n, "round": self.number, "rounds": rounds, "seed": self.told.seed}
        return SelectOptions(**{**choice, **chosen})

    def candidates(self, **known: Any) -> Candidates:
        """The pool, its labelled items marked."""
        labelled = np.array([item_id in self.labels for item_id in self.items.ids], bool)
        return Candidates(self.items.ids, self.items.groups, labelled=labelled, **known)


def first_request(request: Request) -> Chosen:
    """The items of round 0: those that the instructions name, or `first` ones by the `start` strategy.

    The start is the same for all arms of one seed, so that they differ by what they choose later alone.
    """
    told = request.told
    if told.start_ids:
        return Chosen(named(request.items, told.start_ids))
    start = STRATEGIES[told.start]
    vectors = request.task.embed(None, request.items.ids, Path()) if start.embeddings != UNUSED else None
    strategy = COLD if vectors is None and start.embeddings == NEEDED else told.start
    options = SelectOptions(strategy=strategy, n=told.first, seed=told.seed)
    return Chosen(choose(request.candidates(embeddings=vectors), options))


def next_request(request: Request, before: RoundFolder, trained: bool) -> Chosen:
    """The items after round `before`, by its model's scores and embeddings; at random as long as there is no model."""
    from ceruleanml.selection.embedding_files import read_embeddings

    if not request.unlabelled():
        return Chosen(Selection((), (), ("every item of the pool has a label",)))
    if not trained:
        blind = {name: value for name, value in request.told.choice.items() if name in COLD_CHOICE}
        return Chosen(choose(request.candidates(), request.options(COLD, request.told.per_round, blind)))
    scores = _scores(request.items, before) if before.scores.is_file() else {}
    vectors = read_embeddings(before.embeddings).vectors if before.embeddings.is_file() else None
    candidates = request.candidates(scores=scores, embeddings=vectors)
    options = request.options(request.told.strategy, request.told.per_round, request.told.choice)
    return Chosen(choose(candidates, options))


def _scores(items: Items, before: RoundFolder) -> dict[str, NDArray[np.float64]]:
    """The scores of a round in the order of the pool, NaN for items that had labels then."""
    from ceruleanml.selection.score_files import read_scores

    table = read_scores(before.scores)
    row_of = {item_id: row for row, item_id in enumerate(table.ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in items.ids], np.int64)
    return {name: np.where(rows >= 0, column[rows], np.nan) for name, column in table.columns.items()}


def named(items: Items, ids: Sequence[str]) -> Selection:
    """The selection of items by their ids. Raises SelectionError for one that the pool has not."""
    group_of = dict(zip(items.ids, items.groups, strict=True))
    for item_id in ids:
        if item_id not in group_of:
            raise SelectionError(f"item {item_id}: is named to start from, but the pool does not hold it")
    if len(set(ids)) < len(ids):
        raise SelectionError("an item is named twice to start from; name each once")
    picks = (Pick(one, group_of[one], rank, None, "named to start from") for rank, one in enumerate(ids, start=1))
    return Selection(tuple(picks))
