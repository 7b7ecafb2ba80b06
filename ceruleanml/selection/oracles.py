"""Who answers: hidden labels in a simulation, annotators through the page and the label store, or Zooniverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ceruleanml.errors import SelectionError
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.task import Answer, Task

Settings = dict[str, Any]


class Oracle(Protocol):
    """Answers requests for labels, at once or after days."""

    waits: bool
    """Whether answers come from outside, so that rounds may have to wait for them."""

    def ask(self, picks: Sequence[Pick], folder: Path) -> str:
        """Put the request into `folder`, again to the same bytes where it is there; a sentence on what to do next."""

    def answers(self, picks: Sequence[Pick]) -> dict[str, Answer]:
        """The answers that are there by now, by item."""


class Simulated:
    """Reveals the labels that the pool already has."""

    waits = False

    def __init__(self, task: Task) -> None:
        self._task = task

    def ask(self, picks: Sequence[Pick], folder: Path) -> str:
        """Nothing is to be put anywhere."""
        return f"{len(picks)} hidden labels of the pool are revealed"

    def answers(self, picks: Sequence[Pick]) -> dict[str, Answer]:
        """All of them."""
        return {pick.id: self._task.hidden(pick.id) for pick in picks}


def _simulated(settings: Settings, task: Task) -> Oracle:
    _only(settings, "simulated")
    return Simulated(task)


def _page(settings: Settings, task: Task) -> Oracle:
    from ceruleanml.selection.page_oracle import Page
    from ceruleanml.selection.slick_task import SlickTask

    _only(settings, "page", "store")
    if not isinstance(task, SlickTask):
        raise SelectionError("oracle page: draws outlines on tiles of slicks; take simulated or zooniverse here")
    return Page(task, Path(settings["store"]))


def _zooniverse(settings: Settings, task: Task) -> Oracle:
    from ceruleanml.selection.zooniverse import Zooniverse

    return Zooniverse.of(settings, task)


ORACLES: dict[str, Callable[[Settings, Task], Oracle]] = {
    "simulated": _simulated,
    "page": _page,
    "zooniverse": _zooniverse,
}


def open_oracle(kind: str, settings: Settings, task: Task) -> Oracle:
    """The oracle of that kind. Raises SelectionError."""
    if kind not in ORACLES:
        raise SelectionError(f"oracle {kind}: is not known; there are {', '.join(ORACLES)}")
    return ORACLES[kind](settings, task)


def _only(settings: Settings, oracle: str, *needed: str) -> None:
    """Raise SelectionError unless the settings are these and no others."""
    strange, missing = sorted(settings.keys() - set(needed)), sorted(set(needed) - settings.keys())
    if strange or missing:
        what = f"{strange[0]} is not known" if strange else f"{missing[0]} is missing"
        raise SelectionError(f"oracle {oracle}: {what}; it takes {', '.join(needed) or 'no settings'}")
