"""What can be chosen, what was chosen, and what was passed over: the values that strategies take and give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Items with what is known of them; all arrays are in the order of `ids`.

    `ids` (n) are text and unique. `groups` (n) name what an item is a part of, such as its scene. `scores` holds
    float64 (n,) by name, NaN where a value is not known. `embeddings` are float32 (n, d) of unit length, or None.
    `labelled` (n,) marks items that have labels already: they are never returned, and exert distance. `evaluation`
    (n,) marks items of frozen evaluation sets: they are never returned either. Raises SelectionError where these do
    not fit together.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    scores: dict[str, Floats] = field(default_factory=dict)
    embeddings: NDArray[np.float32] | None = None
    labelled: Flags | None = None
    evaluation: Flags | None = None

    def __post_init__(self) -> None:
        if len(set(self.ids)) < len(self.ids):
            twice = next(one for one, count in Counter(self.ids).items() if count > 1)
            raise SelectionError(f"item {twice} is listed twice; give each item once")
        parts: dict[str, Sequence[str] | NDArray[Any] | None] = {**self.scores, "groups": self.groups}
        parts |= {"embeddings": self.embeddings, "labelled": self.labelled, "evaluation": self.evaluation}
        for name, values in parts.items():
            if values is not None and len(values) != len(self.ids):
                raise SelectionError(f"{name} has {len(values)} rows for {len(self.ids)} items")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def taken(self) -> Flags:
        """Which items have labels already, bool (n,)."""
        return np.zeros(len(self), bool) if self.labelled is None else self.labelled

    @property
    def frozen(self) -> Flags:
        """Which items belong to an evaluation set, bool (n,)."""
        return np.zeros(len(self), bool) if self.evaluation is None else self.evaluation


@dataclass(frozen=True)
class Pick:
    """One chosen item: its rank from 1, its score if the strategy has one, and why, in words and figures."""

    id: str
    group: str
    rank: int
    score: float | None
    reason: str
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Removed:
    """One item that was left out before the choice: a short reason (a word of the table), and the detail in words."""

    id: str
    group: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Selection:
    """What was chosen, best first, what was left out beforehand, and sentences for the user."""

    picks: tuple[Pick, ...]
    removed: tuple[Removed, ...] = ()
    notes: tuple[str, ...] = ()
