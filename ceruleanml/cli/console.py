"""What the verbs share: progress on a terminal, and the end of a command."""

from __future__ import annotations

import sys

from ceruleanml.progress import Progress, Silent

SOME_FAILED = 3
"""Exit status of a command that did its work but for some scenes, or found what it looks for."""


class Bar:
    """A Progress drawn by rich: share, rate and time left. Notes stay above the bar."""

    def __init__(self, in_bytes: bool = False) -> None:
        from rich import progress
        from rich.console import Console

        done = (
            (progress.DownloadColumn(), progress.TransferSpeedColumn())
            if in_bytes
            else (progress.MofNCompleteColumn(),)
        )
        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            *done,
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        self._bar = progress.Progress(*columns, console=Console(stderr=True))
        self._task: progress.TaskID | None = None

    def start(self, description: str, total: int) -> None:
        """Show a new bar."""
        self._task = self._bar.add_task(description, total=total)
        self._bar.start()

    def advance(self, steps: int = 1) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task, steps)

    def note(self, message: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(message, markup=False, highlight=False)

    def finish(self) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()


class Lines(Silent):
    """A Progress that prints its notes, one a line, to the error stream: for logs that no one watches."""

    def note(self, message: str) -> None:
        """Print the line."""
        print(message, file=sys.stderr, flush=True)


def counted(number: int, name: str) -> str:
    """The number with its noun: `1 scene`, `1,381 tiles`."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


def one_line(text: str) -> str:
    """Text from files and their names on one line, without what acts on a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(text.split()))


def console_progress(quiet: bool, in_bytes: bool = False) -> Progress:
    """A bar on a terminal, nothing elsewhere or with `quiet`; `in_bytes` where steps are bytes, with their rate."""
    return Bar(in_bytes) if sys.stderr is not None and sys.stderr.isatty() and not quiet else Silent()
