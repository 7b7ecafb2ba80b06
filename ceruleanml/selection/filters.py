"""What falls out before the choice, in a fixed order, each item with the first reason that applies to it.

evaluation    the item, or its group, is of a frozen evaluation set
labelled      it has a label already, or was preselected
excluded      an exclusion list names it
no_score      it has no value where the strategy reads one, or none at all: a tile without data
no_embedding  it has no embedding, and the strategy goes by distance
threshold     a value is not what a threshold asks for
som_outlier   it lies in a cell of a self-organising map that is nearly empty
best_of_group a better item of the same kind is kept in its place
group_limit   as many of its group as are allowed were chosen (found after the choice)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ceruleanml.errors import SelectionError
from ceruleanml.selection.batch import Places, number_text
from ceruleanml.selection.candidates import Candidates, Flags, Removed
from ceruleanml.selection.options import SelectOptions, parse_threshold
from ceruleanml.selection.score_columns import SOM_CELL, listed
from ceruleanml.selection.strategies import STRATEGIES, UNUSED, columns_read, ranking_column

REASONS = {
    "evaluation": "of a frozen evaluation set", "labelled": "labelled already", "excluded": "on an exclusion list",
    "no_score": "without a score", "no_embedding": "without an embedding", "threshold": "beyond a threshold",
    "som_outlier": "an outlier of the map", "best_of_group": "not the best of its kind",
    "group_limit": "of a group that has its share",
}  # fmt: skip
Texts = Mapping[str, Sequence[str]]


class Filters:
    """Items, and which of them are left; `removed` says of each other one why."""

    def __init__(self, items: Candidates) -> None:
        self.items = items
        self.left = np.ones(len(items), bool)
        self.removed: list[Removed] = []

    def drop(self, which: Flags, reason: str, detail: Callable[[int], str]) -> None:
        """Take out those of the items that are still there."""
        for place in np.flatnonzero(self.left & which).tolist():
            self.removed.append(Removed(self.items.ids[place], self.items.groups[place], reason, detail(place)))
        self.left &= ~which


def leave_out(items: Candidates, options: SelectOptions, texts: Texts) -> Filters:
    """What is left to choose from, and what is not and why. Raises SelectionError for columns that are missing."""
    filters = Filters(items)
    filters.drop(items.frozen, "evaluation", lambda _: "it, or its scene, is of a frozen evaluation set")
    filters.drop(items.taken, "labelled", lambda _: "has a label already, or was preselected")
    excluded = np.array([one in options.excluded for one in items.ids], bool)
    filters.drop(excluded, "excluded", lambda _: "an exclusion list names it")
    _drop_unscored(filters, options)
    _drop_without_embedding(filters, options)
    _drop_beyond_thresholds(filters, options)
    if options.som_percentile is not None:
        _drop_outliers(filters, options)
    if options.best_of_group is not None:
        _drop_all_but_best(filters, options, texts)
    return filters


def counted_reasons(removed: Iterable[Removed]) -> dict[str, int]:
    """How many items were removed for each reason, in the order of the filters."""
    counts = Counter(one.reason for one in removed)
    return {reason: counts[reason] for reason in REASONS if counts[reason]}


def _drop_unscored(filters: Filters, options: SelectOptions) -> None:
    items = filters.items
    if not items.scores:
        columns_read(options.strategy, items, options)
        return
    known = np.zeros(len(items), bool)
    for values in items.scores.values():
        known |= np.isfinite(values)
    filters.drop(~known, "no_score", lambda _: "has no score in any column, as a tile without data")
    for column in columns_read(options.strategy, items, options):
        values = items.scores[column]
        filters.drop(~np.isfinite(values), "no_score", lambda place, c=column, v=values: f"{c} is {v[place]:g}")  # type: ignore[misc]


def _drop_without_embedding(filters: Filters, options: SelectOptions) -> None:
    vectors = filters.items.embeddings
    used = STRATEGIES[options.strategy].embeddings != UNUSED or options.som_percentile is not None
    if vectors is None or not used:
        return
    first = np.asarray(vectors[:, 0]) if vectors.shape[1] else np.full(len(vectors), np.nan)
    filters.drop(~np.isfinite(first), "no_embedding", lambda _: "the embeddings do not hold it")


def _drop_beyond_thresholds(filters: Filters, options: SelectOptions) -> None:
    for threshold in map(parse_threshold, options.thresholds):
        if threshold.column not in filters.items.scores:
            raise SelectionError(
                f"threshold {threshold}: the scores have no column {threshold.column}, they have "
                f"{listed(filters.items.scores)}"
            )
        values = filters.items.scores[threshold.column]
        filters.drop(
            ~threshold.holds(values),
            "threshold",
            lambda place, t=threshold, v=values: f"{t.column} is {number_text(float(v[place]))}, asked for is {t}",  # type: ignore[misc]
        )


def _drop_outliers(filters: Filters, options: SelectOptions) -> None:
    """By the cells that the scores give, else by a map of the embeddings of all items that have one."""
    from ceruleanml.selection.som import fit_map, outliers

    items, percentile = filters.items, float(options.som_percentile or 0)
    found = np.zeros(len(items), bool)
    if SOM_CELL in items.scores:
        known = np.flatnonzero(np.isfinite(items.scores[SOM_CELL]))
        cells = items.scores[SOM_CELL][known].astype(np.int64)
    elif items.embeddings is not None:
        known = np.flatnonzero(np.isfinite(items.embeddings[:, 0]))
        vectors = items.embeddings if len(known) == len(items) else items.embeddings[known]
        cells = fit_map(vectors, seed=options.seed).cells(vectors) if len(known) else known
    else:
        raise SelectionError(f"--som-cut needs embeddings, or a column {SOM_CELL} of the scores; see ceruleanml embed")
    found[known] = outliers(cells, percentile=percentile)
    cell_of = dict(zip(known.tolist(), cells.tolist(), strict=True))
    filters.drop(found, "som_outlier", lambda place: f"cell {cell_of[place]} of the map holds hardly anything")


def _drop_all_but_best(filters: Filters, options: SelectOptions, texts: Texts) -> None:
    """Of what is left, keep the greatest score of each value of the text column; which of equals is by id."""
    items, name = filters.items, str(options.best_of_group)
    values = _text_column(items, texts, name)
    column = options.score or ranking_column(options.strategy, items, options)
    if column is None:
        raise SelectionError(
            f"to keep the best of each {name}, a score must say which is best; name a column with --score"
        )
    scores = np.nan_to_num(items.scores[column], nan=-np.inf)
    best: dict[str, int] = {}
    for place in np.flatnonzero(filters.left).tolist():
        held = best.get(values[place])
        if held is None or scores[place] > scores[held]:
            best[values[place]] = place
    lost = np.array([bool(value) and best.get(value) != place for place, value in enumerate(values)], bool)
    filters.drop(
        lost,
        "best_of_group",
        lambda place: f"{items.ids[best[values[place]]]} is better by {column}, of the same {name} {values[place]}",
    )


def _text_column(items: Candidates, texts: Texts, name: str) -> Sequence[str]:
    if name in texts:
        return texts[name]
    if name in items.scores:  # numbers of targets, say
        return ["" if np.isnan(value) else f"{value:.17g}" for value in items.scores[name].tolist()]
    if name in ("group", "scene_id"):
        return items.groups
    raise SelectionError(f"{name}: is no column of the scores, which have {listed({**texts, **items.scores})}")


def limited(items: Candidates, places: Places, most: int) -> list[Removed]:
    """The items that a full group kept out."""
    return [
        Removed(items.ids[place], items.groups[place], "group_limit",
                f"{items.groups[place]} has its {most} in this batch already")
        for place in places.tolist()
    ]  # fmt: skip
