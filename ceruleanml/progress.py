"""Progress as a protocol, so that the library reports without knowing to whom."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the course of one long piece of work at a time."""

    def start(self, description: str, total: int) -> None:
        """Work of `total` equal steps begins."""

    def advance(self, steps: int = 1) -> None:
        """That many steps are done."""

    def note(self, message: str) -> None:
        """One line the user should see whatever happens next."""

    def finish(self) -> None:
        """The work is over, done or not."""


class Silent:
    """A Progress that shows nothing."""

    def start(self, description: str, total: int) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
