"""What rounds run on: a task reads items, trains, judges and scores. Slicks, catalogues and spectra are tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.progress import Progress

Payload = Any
"""What is known of one labelled item: JSON of the task's own form."""
Settings = dict[str, Any]
"""A task's own settings, JSON: paths and training options."""


class NothingToLearn(SelectionError):
    """Labels from which no model can be trained yet; the rounds go on without one."""


@dataclass(frozen=True)
class Items:
    """The pool: text ids, sorted, and for each the group that it is a part of (its scene, its field, its plate)."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The label of an item, and what it cost: `cost` by unit, such as clicks, vertices or minutes."""

    payload: Payload
    cost: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """How a model does on the frozen evaluation set.

    `values` are figures by name. `parts` holds, by group of the evaluation set, the (numerator, denominator) whose
    sums over the groups give the task's main figure, for intervals over groups.
    """

    values: dict[str, float]
    parts: dict[str, tuple[float, float]] = field(default_factory=dict)


class Task(Protocol):
    """One kind of items, labels and model.

    All methods depend on their arguments and files alone, so that a killed round repeats to the same bytes.
    Raises SelectionError for settings and files that cannot be used.
    """

    @property
    def main(self) -> str:
        """Name of the figure that learning curves show; more is better."""

    def items(self) -> Items:
        """The pool, without the items of the frozen evaluation set."""

    def judged_by(self) -> str:
        """A sha256 that changes with the frozen evaluation set."""

    def hidden(self, item_id: str) -> Answer:
        """The label that a simulation reveals. Raises SelectionError where the pool has none."""

    def train(self, labels: Mapping[str, Payload], out: Path, seed: int, warm: Path | None, progress: Progress) -> None:
        """Train on the labelled items into the folder `out`; called again after a kill it goes on there.

        `warm` is the folder of a model to start from, None: from scratch. `trained` says when it is done. Raises
        NothingToLearn where the labels do not suffice for a model.
        """

    def trained(self, out: Path) -> bool:
        """Whether the training in that folder came to its end."""

    def evaluate(self, model: Path) -> Figures:
        """The figures of a trained model on the frozen evaluation set."""

    def score(self, model: Path, ids: Sequence[str], work: Path, seed: int) -> dict[str, NDArray[np.float64]]:
        """Acquisition values (n,) of the items by name, as in a scores file; `work` may hold parts of the work."""

    def embed(self, model: Path | None, ids: Sequence[str], work: Path) -> NDArray[np.float32] | None:
        """Embeddings (n, d) of unit length by the model, or, without one, by what the settings name; None: none."""


def _slicks(settings: Settings) -> Task:
    from ceruleanml.selection.slick_task import SlickTask

    return SlickTask.of(settings)


def _catalogue(settings: Settings) -> Task:
    from ceruleanml.selection.catalogue_task import CatalogueTask

    return CatalogueTask.of(settings)


def _spectra(settings: Settings) -> Task:
    from ceruleanml.selection.spectra_task import SpectraTask

    return SpectraTask.of(settings)


TASKS: dict[str, Callable[[Settings], Task]] = {"slicks": _slicks, "catalogue": _catalogue, "spectra": _spectra}


def open_task(kind: str, settings: Settings) -> Task:
    """The task of that kind with its settings. Raises SelectionError."""
    if kind not in TASKS:
        raise SelectionError(f"task {kind}: is not known; there are {', '.join(TASKS)}")
    return TASKS[kind](settings)
