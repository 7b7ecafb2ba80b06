"""A batch under way: what is chosen so far, and what may still be, under the limits of groups and classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Candidates, Flags, Floats
from ceruleanml.selection.options import SelectOptions

Places = NDArray[np.int64]
Ask = Callable[[NDArray[np.float32], int, Places], Places]
"""Embeddings, how many, and the places of taken rows: the places of new picks in order."""


@dataclass
class Choice:
    """One item of a batch: its place among the items, why it was chosen, and its score if there is one."""

    place: int
    why: str
    score: float | None = None


@dataclass(frozen=True, eq=False)
class Quotas:
    """The class of each item as a number (n,), -1 for none of those asked for, and how many of each may be chosen.

    `others` is how many of no such class may be.
    """

    names: tuple[str, ...]
    of_item: Places
    most: tuple[int, ...]
    others: int


class Batch:
    """What strategies fill.

    `items` are sorted by id, so that nothing depends on the order in which they were given. `left` (n,) marks what
    the filters left. `open` (n,) marks what may be chosen now: what is left, not taken, of no full group or class.
    An empty group is no group. Labelled items do not count towards limits, which are of one batch.
    """

    def __init__(
        self,
        items: Candidates,
        left: Flags,
        options: SelectOptions,
        max_per_group: int | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        self.items, self.left, self.options, self.quotas = items, left, options, quotas
        self.max_per_group = max_per_group
        self.choices: list[Choice] = []
        self.notes: list[str] = []
        self.group_of = _numbered(items.groups)
        self._in_group = np.zeros(self.group_of.max(initial=-1) + 1, np.int64)
        self._room = None if quotas is None else np.array([*quotas.most, quotas.others])
        self._ranks: dict[str, Places] = {}
        self.open = left.copy()
        self._close_full_classes()

    def random(self, *what: str) -> np.random.Generator:
        """The generator of this round's draws for one purpose."""
        return generator(self.options.seed, "select", self.options.round, *what)

    def take(self, place: int, why: str, score: float | None = None) -> None:
        """Put an open item into the batch, and close what it fills."""
        if not self.open[place]:
            raise SelectionError(f"item {self.items.ids[place]} cannot be chosen again")
        self.choices.append(Choice(int(place), why, score))
        self.open[place] = False
        group = self.group_of[place]
        if group >= 0:
            self._in_group[group] += 1
            if self._in_group[group] == self.max_per_group:
                self.open &= self.group_of != group
        if self.quotas is not None and self._room is not None:
            number = self.quotas.of_item[place]
            self._room[number] -= 1
            if self._room[number] == 0:
                self.open &= self.quotas.of_item != number

    def take_in_order(
        self, order: Iterable[int], n: int, why: Callable[[int], str], scores: Floats | None = None
    ) -> int:
        """Take the first n open ones of an order; how many there were."""
        found = 0
        for place in order:
            if found == n:
                break
            if self.open[place]:
                self.take(int(place), why(int(place)), None if scores is None else float(scores[place]))
                found += 1
        return found

    def ask(self, n: int, what: Ask, why: Callable[[int], str], scores: Floats | None = None) -> int:
        """Take n items that a function of embeddings names, which is asked again while limits cross its picks."""
        found = 0
        while found < n and self.open.any():
            rows, taken = self.rows_of_open()
            picks = rows[what(self.embeddings_of(rows), n - found, taken)]
            found += self.take_in_order(picks, n - found, why, scores)
        return found

    def rows_of_open(self) -> tuple[Places, Places]:
        """Places of open and taken items in rising order, and which of these rows are the taken ones."""
        taken = np.zeros(len(self.items), bool)
        taken[self.taken()] = True
        rows = np.flatnonzero(self.open | taken)
        return rows, np.flatnonzero(taken[rows])

    def embeddings_of(self, rows: Places) -> NDArray[np.float32]:
        """The embeddings of items in rising order; all of them are not copied."""
        vectors = self.embeddings
        return vectors if len(rows) == len(vectors) else vectors[rows]

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """The embeddings (n, d). Raises SelectionError where there are none."""
        if self.items.embeddings is None:
            raise SelectionError(
                f"strategy {self.options.strategy} needs embeddings; make them with ceruleanml embed and name them "
                "with --embeddings"
            )
        return self.items.embeddings

    def labelled(self) -> Places:
        """Places of labelled items; where there are embeddings, of those that have one."""
        known = self.items.taken.copy()
        if self.items.embeddings is not None:
            known[known] = np.isfinite(self.items.embeddings[known, 0]) if self.items.embeddings.shape[1] else False
        return np.flatnonzero(known)

    def taken(self) -> Places:
        """Places of labelled items (as `labelled`) and of what is chosen so far."""
        return np.concatenate([self.labelled(), np.array([one.place for one in self.choices], np.int64)])

    def rank_text(self, column: str, place: int) -> str:
        """What a column says of an item, as in `entropy_window 0.83 (rank 3 of 412)`; ranks are among what is left."""
        if column not in self._ranks:
            values = np.sort(self.items.scores[column][self.left])
            self._ranks[column] = len(values) - np.searchsorted(values, self.items.scores[column], side="right") + 1
        value, total = self.items.scores[column][place], int(self.left.sum())
        return f"{column} {number_text(float(value))} (rank {self._ranks[column][place]:,} of {total:,})"

    def crowded_out(self) -> Places:
        """Places of what is left but was not chosen, and is of a full group."""
        return np.flatnonzero(self._waiting() & self._of_full_groups())

    def forget_quotas(self) -> list[str]:
        """A sentence for each class that has places left; from here on they are for any class."""
        if self.quotas is None or self._room is None:
            return []
        unfilled = [
            f"{name}: {most - room} of {most} asked for, the items that may be chosen hold no more"
            for name, most, room in zip(self.quotas.names, self.quotas.most, self._room[:-1].tolist(), strict=True)
            if room
        ]
        self.quotas = self._room = None
        self.open = self._waiting() & ~self._of_full_groups()
        return unfilled

    def _waiting(self) -> Flags:
        waiting = self.left.copy()
        waiting[[one.place for one in self.choices]] = False
        return waiting

    def _of_full_groups(self) -> Flags:
        full = np.zeros(len(self._in_group) + 1, bool)  # the last is for items of no group, numbered -1
        if self.max_per_group is not None:
            full[:-1] = self._in_group >= self.max_per_group
        return full[self.group_of]

    def _close_full_classes(self) -> None:
        if self.quotas is not None and self._room is not None:
            self.open &= self._room[self.quotas.of_item] > 0


def number_text(value: float) -> str:
    """A figure in two or three digits."""
    return f"{value:.2f}" if value == 0 or 0.095 <= abs(value) < 100 else f"{value:.3g}"


def _numbered(groups: tuple[str, ...]) -> Places:
    """The number of each item's group, -1 where it has none."""
    number_of: dict[str, int] = {"": -1}
    return np.array([number_of.setdefault(name, len(number_of) - 1) for name in groups], np.int64)
