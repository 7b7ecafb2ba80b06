"""How the demos go on: stages that print the commands they are, are skipped when done, and continue when killed."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from ceruleanml.cli.console import SOME_FAILED
from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app
from ceruleanml.errors import UsageError
from ceruleanml.storage import make_folder, read_json, write_json

MADE_WITH = "demo.json"
SIGN_S = 30
Words = Sequence[object]


@dataclass(frozen=True)
class Stage:
    """A step of the loop: commands and functions in order, and how long it took where the demo was measured."""

    name: str
    title: str
    seconds: float
    steps: Sequence[Words | Callable[[], None]]
    results: Sequence[str] = field(default=())


def settle(out: Path, told: dict[str, Any]) -> None:
    """Write down what the folder is made with. Raises UsageError where it was made otherwise."""
    path = out / MADE_WITH
    if path.is_file() and read_json(path) != told:
        raise UsageError(f"{out}: was made with {json.dumps(read_json(path))}; remove it, or name another folder")
    if not path.is_file():
        write_json(path, told)


def carry_out(out: Path, todo: Sequence[Stage]) -> None:
    """Run the stages that are not done. What is left is told from how long those before took, measured and here."""
    make_folder(out / ".done")
    spent = expected = 0.0
    for place, stage in enumerate(todo, start=1):
        mark = _mark(out, stage)
        if mark.is_file():
            print(f"{place:2} of {len(todo)}: {stage.title}: is there already", flush=True)
            continue
        rest = sum(one.seconds for one in todo[place - 1 :]) * (spent / expected if expected else 1)
        left = f"about {max(1, round(rest / 60))} min left" if rest >= 30 else "nearly done"
        print(f"\n== {place} of {len(todo)}: {stage.title} ({left})", flush=True)
        started = time.monotonic()
        with _signs_of_life():
            for step in stage.steps:
                if callable(step):
                    step()
                else:
                    verb(*step)
        seconds = time.monotonic() - started
        spent, expected = spent + seconds, expected + stage.seconds
        write_json(mark, {"seconds": round(seconds, 1)})


@contextmanager
def _signs_of_life() -> Iterator[None]:
    """A line now and then where no terminal shows the verbs' own bars."""
    ended = threading.Event()

    def tell_time() -> None:
        for turn in count(1):
            if ended.wait(SIGN_S):
                return
            print(f"  … {turn * SIGN_S / 60:g} min in this stage", flush=True)

    teller = threading.Thread(target=tell_time, daemon=True)
    if not sys.stderr.isatty():
        teller.start()
    try:
        yield
    finally:
        ended.set()


def verb(*words: object) -> None:
    """Run a verb as `ceruleanml WORDS` would, its command printed. Where it fails, the demo ends in its status."""
    arguments = [str(word) for word in words]
    print(f"$ ceruleanml {shlex.join(arguments)}", flush=True)
    status = status_of(app, arguments)
    if status and not (words[0] == "check" and status == SOME_FAILED):  # what check finds is told, and no failure
        print("The demo ends here. Say the same again, and it goes on with this stage.", file=sys.stderr)
        sys.exit(status)


def train(run_folder: Path, *settings: str) -> None:
    """Train, go on with a training that was cut off, or leave a finished one."""
    if (run_folder / "model.json").is_file():
        return
    if (run_folder / "checkpoint.pt").is_file():
        verb("train", "--resume", run_folder)
        return
    shutil.rmtree(run_folder, ignore_errors=True)
    verb("train", *settings, f"run={run_folder}")


def tell(out: Path, todo: Sequence[Stage]) -> None:
    """Print where all lies, and how long each stage took."""
    print("\nWhere it lies:")
    for stage in todo:
        for result in stage.results:
            print(f"  {out / result}")
    seconds = {stage.name: read_json(_mark(out, stage))["seconds"] for stage in todo}
    print("\nSeconds by stage: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))
    print(f"All of it: {sum(seconds.values()) / 60:.1f} minutes")


def _mark(out: Path, stage: Stage) -> Path:
    return out / ".done" / f"{stage.name.replace('/', ' ')}.json"
