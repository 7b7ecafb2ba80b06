"""What a choice is asked for: strategy, size, limits, thresholds; checked before anything is read."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import UsageError

COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt,
}  # fmt: skip


@dataclass(frozen=True)
class Threshold:
    """What an item's value in a column of scores must be to be chosen from."""

    column: str
    comparison: str
    value: float

    def __str__(self) -> str:
        return f"{self.column}{self.comparison}{self.value:g}"

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the values (n,) pass; NaN never does."""
        passed: NDArray[np.bool_] = COMPARISONS[self.comparison](values, self.value) & ~np.isnan(values)
        return passed


def parse_threshold(text: str) -> Threshold:
    """The threshold that a text such as `entropy_window>=0.2` says. Raises UsageError."""
    found = re.fullmatch(r"\s*(.+?)\s*(>=|<=|==|!=|>|<)\s*([^<>=!]+?)\s*", text)
    try:
        if found is None or math.isnan(value := float(found[3])):
            raise ValueError(text)
    except ValueError as error:
        raise UsageError(f"threshold {text!r}: write COLUMN>=NUMBER, as in entropy_window>=0.2") from error
    return Threshold(found[1], found[2], value)


def parse_balance(texts: Iterable[str]) -> dict[str, float]:
    """The shares that texts such as `natural_seep=0.3` and `kind:spiral=0.5` say, by class. Raises UsageError."""
    shares: dict[str, float] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            name, value = "", 0.0
        if not name.strip():
            raise UsageError(f"balance {text!r}: write CLASS=SHARE, or COLUMN:VALUE=SHARE, as in natural_seep=0.3")
        if name.strip() in shares:
            raise UsageError(f"balance {text!r}: {name.strip()} has a share already; give each class once")
        shares[name.strip()] = value
    return shares


@dataclass(frozen=True)
class SelectOptions:
    """How items are chosen.

    `strategy` is a name of `strategies.STRATEGIES`. Either `n` new items are asked for, or a `share` of all items that
    are of no evaluation set, labelled ones counted towards it; with `count_preselected` they count towards `n` too.

    `score` names the column of scores that ranks (None: the strategy's own), `foreground` the one that says how likely
    an item shows what is sought. `thresholds` are texts such as "entropy_window>=0.2". `balance` gives the share of
    the batch that a class is to have: a class of the columns foreground_<class> (`natural_seep`; an item is of the
    class whose foreground is greatest), or a value of a text column (`kind:spiral`). `max_per_group` items of one
    group are chosen at most; None leaves that to the strategy. `best_of_group` names a text column of whose values
    only the best item each is kept. `excluded` ids are never chosen. `som_percentile` drops items in cells of a
    self-organising map whose count is at or below that percentile. `random_share` of each batch of the default mix is
    plain random. `round` (from 0, when there is no model) of `rounds` sets how much chance there is in clasp-pe.
    """

    strategy: str = "default"
    n: int | None = None
    share: float | None = None
    count_preselected: bool = False
    score: str | None = None
    foreground: str = "foreground"
    thresholds: tuple[str, ...] = ()
    balance: dict[str, float] = field(default_factory=dict)
    max_per_group: int | None = None
    best_of_group: str | None = None
    excluded: frozenset[str] = frozenset()
    som_percentile: float | None = None
    random_share: float = 0.1
    round: int = 0
    rounds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", tuple(self.thresholds))  # lists, where they come from JSON
        object.__setattr__(self, "excluded", frozenset(self.excluded))
        if (self.n is None) == (self.share is None):
            given = "neither" if self.n is None else "both"
            raise UsageError(f"n and share: {given} was given; give how many items to choose, or which share of all")
        _check(self.n is None or self.n >= 0, "n", self.n, "0 or more")
        _check(self.share is None or 0 < self.share <= 1, "share", self.share, "above 0, up to 1")
        _check(self.max_per_group is None or self.max_per_group >= 1, "max_per_group", self.max_per_group, "1 or more")
        _check(self.som_percentile is None or 0 <= self.som_percentile < 100, "som_percentile", self.som_percentile,
               "0 to below 100")  # fmt: skip
        _check(0 <= self.random_share <= 1, "random_share", self.random_share, "0 to 1")
        _check(self.rounds >= 1, "rounds", self.rounds, "1 or more")
        _check(self.seed >= 0, "seed", self.seed, "0 or more")
        _check(self.round >= 0, "round", self.round, "0 or more, 0 being the first")
        for name, share in self.balance.items():
            _check(0 <= share <= 1, f"balance {name}", share, "0 to 1")
        total = sum(self.balance.values())
        _check(total <= 1 + 1e-9, "balance", f"of {total:g} in all", "shares that sum to 1 at most")
        for text in self.thresholds:
            parse_threshold(text)

    def wanted(self, items: int, labelled: int) -> int:
        """How many new items to choose, 0 or more, of so many of which so many are labelled."""
        total = self.n if self.n is not None else math.floor((self.share or 0) * items + 0.5)
        counted = self.share is not None or self.count_preselected
        return max(0, total - labelled) if counted else total


def _check(right: bool, name: str, value: object, allowed: str) -> None:
    if not right:
        raise UsageError(f"{name} {value}: cannot be; give {allowed}")
