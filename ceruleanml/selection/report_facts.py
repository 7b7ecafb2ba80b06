"""What the report of a selection shows: distances before and after, a map, scores, pictures, reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Candidates, Flags, Floats, Selection
from ceruleanml.selection.choosing import sorted_by_id
from ceruleanml.selection.drawing import PLAIN
from ceruleanml.selection.nearness import distances_to
from ceruleanml.selection.thumbnails import Grey, thumbnails

MEASURED, MAPPED, PICTURED = 20_000, 2_000, 100
"""Items whose distances are measured, that are laid out on the map, and picks with a picture, at most."""
POOL, LABELLED, CHOSEN, AT_RANDOM = "pool", "labelled", "chosen", "chosen at random"


@dataclass(frozen=True, eq=False)
class Distances:
    """Of items neither labelled nor chosen, float64 (n,): how far the nearest labelled one is, None where none is, and
    how far the nearest labelled or chosen one. `items` is of how many these are a sample.
    """

    before: Floats | None
    after: Floats
    items: int


@dataclass(frozen=True, eq=False)
class Map:
    """Places of items in two dimensions, float64 (n, 2), and what each is (n,). `items` as in Distances."""

    points: Floats
    kinds: NDArray[np.str_]
    items: int


@dataclass(frozen=True, eq=False)
class Facts:
    """All that a report shows; `about` are its lines, by title. `scores` are of unlabelled items, by column."""

    selection: Selection
    about: dict[str, str]
    notes: tuple[str, ...]
    items: int
    labelled: int
    left: int
    distances: Distances | None = None
    map: Map | None = None
    scores: dict[str, Floats] = field(default_factory=dict)
    pictures: dict[str, Grey] = field(default_factory=dict)


def report_facts(
    candidates: Candidates,
    selection: Selection,
    about: Mapping[str, str],
    notes: tuple[str, ...] = (),
    pool: Dataset | None = None,
    seed: int = 0,
) -> Facts:
    """The facts on a selection from candidates; of large pools distances and map are of items drawn by the seed."""
    items, _ = sorted_by_id(candidates, {})
    place_of = {one: place for place, one in enumerate(items.ids)}
    chosen = np.zeros(len(items), bool)
    chosen[[place_of[pick.id] for pick in selection.picks]] = True
    waiting = ~items.taken & ~items.frozen
    known = np.zeros(len(items), bool)
    if items.embeddings is not None and items.embeddings.shape[1]:
        known = np.isfinite(items.embeddings[:, 0])
    columns = sorted({name for pick in selection.picks for name in pick.figures} & items.scores.keys())
    return Facts(
        selection,
        dict(about),
        (*notes, *selection.notes),
        len(items),
        int(items.taken.sum()),
        len(items) - sum(one.reason != "group_limit" for one in selection.removed),
        _distances(items, chosen, waiting & known, known & items.taken, seed),
        _map(items, selection, known & ~items.frozen, seed),
        {name: items.scores[name][waiting & np.isfinite(items.scores[name])] for name in columns},
        {} if pool is None else thumbnails(pool, [pick.id for pick in selection.picks[:PICTURED]]),
    )


def _distances(items: Candidates, chosen: Flags, waiting: Flags, labelled: Flags, seed: int) -> Distances | None:
    taken, others = np.flatnonzero(labelled | (chosen & waiting)), np.flatnonzero(waiting & ~chosen)
    if items.embeddings is None or not len(others) or not len(taken):
        return None
    places = _drawn(others, MEASURED, seed)
    before = distances_to(items.embeddings, places, np.flatnonzero(labelled)) if labelled.any() else None
    after = distances_to(items.embeddings, places, taken)
    return Distances(before, after, len(others))


def _map(items: Candidates, selection: Selection, shown: Flags, seed: int) -> Map | None:
    """Chosen items first, then labelled ones up to half of the room, then others."""
    from ceruleanml.selection.embedding_map import coordinates

    if items.embeddings is None or shown.sum() < 2:
        return None
    kinds = np.where(items.taken, LABELLED, POOL).astype("U20")
    place_of = {one: place for place, one in enumerate(items.ids)}
    for pick in selection.picks:
        kinds[place_of[pick.id]] = AT_RANDOM if pick.reason.startswith(PLAIN) else CHOSEN
    parts = [
        np.flatnonzero(shown & (kinds != LABELLED) & (kinds != POOL)),
        _drawn(np.flatnonzero(shown & (kinds == LABELLED)), MAPPED // 2, seed),
    ]
    room = max(0, MAPPED - sum(len(part) for part in parts))
    parts.append(_drawn(np.flatnonzero(shown & (kinds == POOL)), room, seed))
    places = np.sort(np.concatenate(parts))
    return Map(coordinates(items.embeddings[places], seed), kinds[places], int(shown.sum()))


def _drawn(places: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most so many of the places, in rising order."""
    if len(places) <= most:
        return places
    drawn: NDArray[np.int64] = np.sort(generator(seed, "report").choice(places, most, replace=False))
    return drawn
