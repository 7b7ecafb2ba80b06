"""Rounds: labels arrive, a model is trained, judged, asked about the pool, and the next items are chosen.

Where an arm stands is read from its files alone. Each step writes its files whole or not at all and depends on the
files before it and the seed, so a killed run repeats to the same bytes:

    start/selection.csv             the first items to be labelled
    round_000/labels.json           their labels, what they cost, and the snapshot of all labels so far
    round_000/model/                the trained model (or untrained.json, which says why there is none)
    round_000/round.json            the figures on the frozen evaluation set
    round_000/scores.parquet, embeddings.parquet
    round_000/selection/            the next items: selection.csv, removed_samples.csv
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.progress import Progress, Silent
from ceruleanml.seeds import generator
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.instructions import Instructions, read_instructions
from ceruleanml.selection.oracles import open_oracle
from ceruleanml.selection.requests import Request, first_request, next_request
from ceruleanml.selection.round_folder import RoundFolder, labels_so_far, snapshot_of
from ceruleanml.selection.task import Answer, Figures, NothingToLearn, Task, open_task
from ceruleanml.storage import make_folder, read_json, write_json

WORK_NAME, QUEUE_NAME = "work", "queue"
SPENT = "the pool holds nothing more to ask for"


@dataclass(frozen=True)
class Standing:
    """Where an arm stands: rounds done of rounds asked for, and in words what it waits for or why it ended."""

    folder: Path
    done: int
    rounds: int
    waiting: str = ""
    ended: str = ""


def run_rounds(
    folder: Path, rounds: int | None = None, partial: bool = False, progress: Progress | None = None
) -> Standing:
    """Run an arm to its end, or until it has to wait for answers.

    `rounds` takes the place of the instructions' number, to go further or less far. With `partial` a round that was
    waited for begins with the answers that are there; items that nobody answered stay in the pool. Raises
    SelectionError for an arm whose files were changed by hand so that they do not fit and for another evaluation set
    than it was created with, and what training and scoring raise.
    """
    instructions = read_instructions(folder)
    for left in folder.rglob(".*.part"):  # files that a killed run had begun
        left.unlink()
    arm = _Arm(folder, instructions, progress or Silent())
    asked = instructions.rounds if rounds is None else rounds
    if asked < 1:
        raise UsageError(f"rounds {asked} cannot be; give 1 or more")
    for number in range(asked):
        place = RoundFolder(folder, number)
        if number and not RoundFolder(folder, number - 1).selection.is_file():
            arm.select(number)
        request = arm.request(number)
        if not request:
            return Standing(folder, number, asked, ended=f"round {number}: {SPENT}")
        if not place.labels.is_file():
            arm.check(number, request)
            waiting = arm.label(place, request, partial)
            if waiting:
                return Standing(folder, number, asked, waiting=waiting)
        if not place.done:
            arm.learn(place)
    return Standing(folder, asked, asked, ended=f"all {asked} rounds are done")


class _Arm:
    """One strategy with one seed: its task, its oracle, and the steps of a round."""

    def __init__(self, folder: Path, instructions: Instructions, progress: Progress) -> None:
        self.folder, self.told, self.progress = folder, instructions, progress
        self.name = f"{instructions.strategy}, seed {instructions.seed}"
        self.task: Task = open_task(instructions.task, instructions.settings)
        if instructions.judged_by not in ("", self.task.judged_by()):
            raise SelectionError(
                f"{folder}: its evaluation set was changed since the experiment was created; put it back, or create a "
                "new experiment"
            )
        self.oracle = open_oracle(instructions.oracle, instructions.oracle_settings, self.task)

    def request(self, number: int) -> tuple[Pick, ...]:
        """The items whose labels round `number` begins with; chosen now where it is the first."""
        if number:
            return RoundFolder(self.folder, number - 1).picks()
        start = RoundFolder(self.folder, -1)
        if not start.selection.is_file():
            first_request(self._request(0)).write(start.selection.parent)
        return start.picks()

    def check(self, number: int, picks: tuple[Pick, ...]) -> None:
        """Raise SelectionError for items that cannot be asked for, as after a change of the pool or of a file."""
        known = set(self.task.items().ids) - labels_so_far(self.folder, number).keys()
        for pick in picks:
            if pick.id not in known:
                raise SelectionError(
                    f"{RoundFolder(self.folder, number - 1).selection}: item {pick.id} is not in the pool, has a label "
                    "already or stands twice; put the file or the pool back, or delete it to choose again"
                )
            known.remove(pick.id)

    def label(self, place: RoundFolder, picks: tuple[Pick, ...], partial: bool) -> str:
        """Write what is answered; or what is waited for, in words. What is asked for only now is waited for."""
        partial &= (place.root / QUEUE_NAME).is_dir()
        todo = self.oracle.ask(picks, make_folder(place.root) / QUEUE_NAME) if self.oracle.waits else ""
        answers = self.oracle.answers(picks)
        missing = len(picks) - len(answers)
        if missing and not (partial and answers):
            return f"round {place.number}: {missing} of {len(picks)} labels are missing; {todo}"
        asked = [pick.id for pick in picks]
        items = {item_id: answers[item_id].payload for item_id in asked if item_id in answers}
        before = labels_so_far(self.folder, place.number)
        content = {
            "asked": asked, "items": items, "cost": _cost(answers), "snapshot": snapshot_of({**before, **items}),
        }  # fmt: skip
        write_json(make_folder(place.root) / place.labels.name, content, indent=None)
        return ""

    def learn(self, place: RoundFolder) -> None:
        """Train and judge; `round.json` is written last."""
        labels = labels_so_far(self.folder, place.number + 1)
        figures = self._figures(place, labels)
        shown = _shown(figures, self.task)
        self.progress.note(f"{self.name}, round {place.number}: {len(labels)} labelled, {shown}")
        content = {"round": place.number, "labels": len(labels), "figures": figures.values, "parts": figures.parts}
        write_json(place.record, {**content, "main": self.task.main, "snapshot": read_json(place.labels)["snapshot"]})

    def _figures(self, place: RoundFolder, labels: dict[str, Any]) -> Figures:
        if place.untrained.is_file():
            return Figures({})
        if not self.task.trained(place.model):
            warm = self._latest_model(place.number) if self.told.warm_start else None
            seed = int(generator(self.told.seed, "training", place.number).integers(2**31))
            try:
                self.task.train(labels, place.model, seed, warm, self.progress)
            except NothingToLearn as error:
                write_json(place.untrained, {"reason": str(error)})
                self.progress.note(f"{self.name}, round {place.number}: no model, {error}")
                return Figures({})
        return self.task.evaluate(place.model)

    def select(self, number: int) -> None:
        """Choose what round `number` asks for, by the model of the round before."""
        place = RoundFolder(self.folder, number - 1)
        request = self._request(number)
        ids, trained = request.unlabelled(), self.task.trained(place.model)
        if trained and ids and request.scores and not place.scores.is_file():
            self.progress.note(f"{self.name}, round {place.number}: scoring {len(ids)} items")
            seed = int(generator(self.told.seed, "scoring", place.number).integers(2**31))
            with _working(place) as work:
                place.write_scores(ids, self.task.score(place.model, ids, work, seed))
        if trained and ids and request.embeds and not place.embeddings.is_file():
            self.progress.note(f"{self.name}, round {place.number}: embedding {len(request.items.ids)} items")
            with _working(place) as work:
                place.write_embeddings(request.items, self.task.embed(place.model, request.items.ids, work))
        shutil.rmtree(place.root / WORK_NAME, ignore_errors=True)  # of a run that was killed while it tidied up
        chosen = next_request(request, place, trained)
        for note in chosen.selection.notes:
            self.progress.note(f"{self.name}, round {number}: {note}")
        chosen.write(place.selection.parent)

    def _request(self, number: int) -> Request:
        return Request(self.task, self.told, self.task.items(), labels_so_far(self.folder, number), number)

    def _latest_model(self, number: int) -> Path | None:
        """The model of the latest round before this one that has one."""
        models = [RoundFolder(self.folder, earlier).model for earlier in reversed(range(number))]
        return next((model for model in models if self.task.trained(model)), None)


def _cost(answers: dict[str, Answer]) -> dict[str, float]:
    """What all answers cost together, by unit."""
    units = sorted({unit for answer in answers.values() for unit in answer.cost})
    return {unit: sum(answers[one].cost.get(unit, 0.0) for one in sorted(answers)) for unit in units}


def _shown(figures: Figures, task: Task) -> str:
    value = figures.values.get(task.main)
    return f"{task.main} unknown" if value is None else f"{task.main} {value:.3f}"


@contextmanager
def _working(place: RoundFolder) -> Iterator[Path]:
    """A folder for the parts of a step, kept when the step is cut short, removed when it is done."""
    work = make_folder(place.root / WORK_NAME)
    yield work
    shutil.rmtree(work)
