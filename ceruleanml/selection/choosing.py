"""The choice itself: candidates and options in, the picks with their reasons out; no file is read or written."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ceruleanml.errors import UsageError
from ceruleanml.selection.balance import quotas_of
from ceruleanml.selection.batch import Batch, number_text
from ceruleanml.selection.candidates import Candidates, Pick, Removed, Selection
from ceruleanml.selection.filters import REASONS, Filters, Texts, counted_reasons, leave_out, limited
from ceruleanml.selection.nearness import distances_to, spread
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.strategies import STRATEGIES, UNUSED, columns_read

DISTANCE = "distance_to_labelled"
GENEROUS = 2
"""The default mix takes at most so many times the even share from one group."""
ALIKE = 0.02
"""Where most items lie nearer to each other than this, embeddings tell none apart: the encoder learned too little."""


def choose(candidates: Candidates, options: SelectOptions, texts: Texts | None = None) -> Selection:
    """The picks, best first, what was left out and why, and sentences for the user.

    `texts` are further columns in the order of the candidates, by which classes are balanced or the best of a group
    is kept. The result depends on the seed and the values alone, not on the order of the candidates. Fewer items than
    asked for give all of them and a note. Raises SelectionError for columns and embeddings that are missing,
    UsageError for an unknown strategy.
    """
    check_strategy(options.strategy)
    items, texts = sorted_by_id(candidates, texts or {})
    if not len(items):
        return Selection((), (), ("there are no items to choose from",))
    filters = leave_out(items, options, texts)
    wanted = options.wanted(int((~items.frozen).sum()), int((items.taken & ~items.frozen).sum()))
    notes = _notes_before(filters, options, wanted)
    batch = _filled(filters, options, texts, min(wanted, int(filters.left.sum())))
    kept_out = limited(items, batch.crowded_out(), batch.max_per_group or 0)
    notes += [*batch.notes, *_notes_after(batch, wanted, kept_out)]
    removed = sorted([*filters.removed, *kept_out], key=lambda one: one.id)
    return Selection(tuple(_picks(batch)), tuple(removed), tuple(dict.fromkeys(notes)))


def check_strategy(name: str) -> None:
    """Raise UsageError for a strategy that is not there."""
    if name not in STRATEGIES:
        raise UsageError(f"strategy {name}: is not known; there are {', '.join(STRATEGIES)}")


def sorted_by_id(candidates: Candidates, texts: Texts) -> tuple[Candidates, Texts]:
    """The items and texts sorted by id; embeddings that are in order already are not copied."""
    ids = candidates.ids
    if all(first < second for first, second in zip(ids, ids[1:], strict=False)):
        return candidates, texts
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    listed = order.tolist()

    def texts_of(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(values[place] for place in listed)

    vectors = candidates.embeddings
    items = Candidates(
        texts_of(ids),
        texts_of(candidates.groups),
        {name: values[order] for name, values in candidates.scores.items()},
        None if vectors is None else vectors[order],
        candidates.taken[order],
        candidates.frozen[order],
    )
    return items, {name: texts_of(values) for name, values in texts.items()}


def _filled(filters: Filters, options: SelectOptions, texts: Texts, n: int) -> Batch:
    """The batch with n picks, or as many as the limits allow; what classes lack goes to others."""
    items, most = filters.items, options.max_per_group
    if most is None and options.strategy == "default" and n:
        groups = {items.groups[place] for place in np.flatnonzero(filters.left).tolist()} - {""}
        most = max(1, math.ceil(GENEROUS * n / len(groups))) if len(groups) > 1 else None
    quotas = quotas_of(items, texts, options.balance, n) if options.balance and n else None
    batch = Batch(items, filters.left, options, most, quotas)
    take = STRATEGIES[options.strategy].take
    if n:
        take(batch, n)
    if len(batch.choices) < n:
        batch.notes += batch.forget_quotas()
        if batch.open.any():
            take(batch, n - len(batch.choices))
    return batch


def _picks(batch: Batch) -> list[Pick]:
    """The choices with what is known of each: the columns that the strategy reads, and how far labelled items are."""
    items = batch.items
    places = np.array([one.place for one in batch.choices], np.int64)
    known = {name: items.scores[name][places] for name in columns_read(batch.options.strategy, items, batch.options)}
    labelled = batch.labelled()
    if items.embeddings is not None and len(labelled):
        known[DISTANCE] = distances_to(items.embeddings, places, labelled)
    picks = []
    for rank, one in enumerate(batch.choices, start=1):
        figures = {name: float(values[rank - 1]) for name, values in known.items() if np.isfinite(values[rank - 1])}
        near = f"; distance to the nearest labelled {number_text(figures[DISTANCE])}" if DISTANCE in figures else ""
        picks.append(Pick(items.ids[one.place], items.groups[one.place], rank, one.score, one.why + near, figures))
    return picks


def _notes_before(filters: Filters, options: SelectOptions, wanted: int) -> list[str]:
    items, left = filters.items, int(filters.left.sum())
    notes = []
    if not left:
        counts = counted_reasons(filters.removed)
        said = ", ".join(f"{count:,} {REASONS[reason]}" for reason, count in counts.items())
        notes.append(f"nothing is left to choose from: {said}")
    elif options.n == 0 or not (wanted or items.taken.any()):
        notes.append("nothing to choose: 0 items were asked for")
    elif not wanted:
        notes.append(f"nothing to choose: {int(items.taken.sum()):,} labelled items are as many as were asked for")
    elif wanted > left:
        notes.append(f"{wanted:,} were asked for, all {left:,} that are left are offered")
    if items.embeddings is None or STRATEGIES[options.strategy].embeddings == UNUSED:
        return notes
    if left > 1 and (apart := spread(items.embeddings)) < ALIKE:
        notes.append(
            f"the embeddings hardly tell items apart, two are some {number_text(apart)} from each other; take those of "
            "an encoder that learned more, or of ceruleanml embed --train-ssl"
        )
    if items.taken.any():
        lacking = int((~np.isfinite(items.embeddings[items.taken][:, :1])).sum())
        if lacking:
            notes.append(f"{lacking:,} labelled items have no embedding, so nothing keeps its distance from them")
    return notes


def _notes_after(batch: Batch, wanted: int, kept_out: Sequence[Removed]) -> list[str]:
    chosen, left = len(batch.choices), int(batch.left.sum())
    if chosen < min(wanted, left) and kept_out:
        return [f"{chosen:,} of {min(wanted, left):,} are offered: {batch.max_per_group} of a group at most"]
    return []
