"""Ctrl-C and SIGTERM as a wish that the training grants after the batch it is at."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
    """Ends the training loop between two batches; `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class StopSignals:
    """A context in which the first SIGTERM or Ctrl-C is noted in `number`; a second one acts as it always does.

    Of several processes one may have it earlier than others: they stop by `agreed`, which all set after one batch. A
    spot machine sends SIGTERM half a minute before it is taken away. Outside the main thread nothing is caught.
    """

    def __init__(self) -> None:
        self.number = 0
        self.agreed = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {each: signal.signal(each, self._note) for each in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._restore()

    def check(self, alone: bool) -> None:
        """Raise Interrupted where a signal came; where this process is not alone, once all know of it."""
        if alone:
            self.agreed = self.number
        if self.agreed:
            raise Interrupted(self.agreed)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler)
        self._before = {}


class StopFile(StopSignals):
    """The same for trainings in several processes: whichever has the signal notes it in a file, where all look.

    So a training stops that no signal reaches, in a thread or on another machine.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def check(self, alone: bool) -> None:
        """Raise Interrupted where a signal came, here or elsewhere."""
        self.number = self.number or self.asked()
        super().check(alone)

    def ask(self, number: int = signal.SIGTERM) -> None:
        """Note in the file that all are to stop."""
        with suppress(OSError):  # a full disk ends the trainings by itself
            self.path.write_text(str(int(number)))

    def asked(self) -> int:
        """The number of the signal in the file, 0: none."""
        try:
            return int(self.path.read_text() or signal.SIGTERM)
        except OSError:
            return 0

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.ask(number)
        super()._note(number, frame)
