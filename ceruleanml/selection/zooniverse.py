"""Volunteers of Zooniverse as an oracle: a subject set goes out as files, a classification export comes in.

Both are what the project's own web pages and its `panoptes` command take and give, so no account's key is needed here.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.catalogue_task import CatalogueTask
from ceruleanml.selection.task import Answer, Task
from ceruleanml.selection.zooniverse_export import ID_COLUMN, read_classifications
from ceruleanml.storage import make_folder, writing

MANIFEST_NAME = "manifest.csv"


class Zooniverse:
    """Asks by a manifest with images; an item is answered when enough volunteers classified it.

    `export` is the project's classification export, a CSV. Counted are the answers to the question `task` of its
    workflow: those in `yes` are votes for. Each volunteer's last classification of an item counts, and
    those who are not logged in are told apart by what the export says of them.
    """

    waits = True

    def __init__(
        self, task: CatalogueTask, export: Path, question: str, yes: Sequence[str], votes: int, seconds: float
    ) -> None:
        self._task, self._export, self._question = task, export, question
        self._yes, self._votes, self._seconds = set(yes), votes, seconds

    @classmethod
    def of(cls, settings: dict[str, Any], task: Task) -> Zooniverse:
        """The oracle of the settings export, task, yes, votes (20) and seconds_per_vote (5). Raises SelectionError."""
        if not isinstance(task, CatalogueTask):
            raise SelectionError("oracle zooniverse: takes votes on images of a catalogue; take page or simulated here")
        known = {"export", "task", "yes", "votes", "seconds_per_vote"}
        strange, missing = sorted(settings.keys() - known), sorted({"export", "yes"} - settings.keys())
        if strange or missing:
            what = f"{strange[0]} is not known" if strange else f"{missing[0]} is missing"
            raise SelectionError(f"oracle zooniverse: {what}; it takes {', '.join(sorted(known))}")
        yes = settings["yes"] if isinstance(settings["yes"], list) else [str(settings["yes"])]
        votes, seconds = settings.get("votes", 20), settings.get("seconds_per_vote", 5.0)
        if not isinstance(votes, int) or votes < 1 or not isinstance(seconds, (int, float)) or seconds < 0:
            raise SelectionError(
                "oracle zooniverse: votes must be a whole number from 1, seconds_per_vote a number from 0"
            )
        return cls(task, Path(settings["export"]), str(settings.get("task", "T0")), yes, votes, float(seconds))

    def ask(self, picks: Sequence[Pick], folder: Path) -> str:
        """Write the subject set: the images and their manifest, which is written last."""
        make_folder(folder)
        pool, rows = self._task.pool, []
        for pick in picks:
            source = pool.file_of(pool.ids.index(pick.id))
            name = f"{pick.rank:05d}{source.suffix}"
            with writing(folder / name) as temporary:
                shutil.copyfile(source, temporary)
            rows.append((name, pick.id, pick.reason))
        with writing(folder / MANIFEST_NAME) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("filename", ID_COLUMN, "#reason"), *rows])
        return (
            f"upload {folder} as a subject set (panoptes subject-set upload-subjects ID {folder / MANIFEST_NAME}), and "
            f"put the classification export to {self._export}"
        )

    def answers(self, picks: Sequence[Pick]) -> dict[str, Answer]:
        """The items that enough volunteers classified, with their votes."""
        if not self._export.is_file():
            return {}
        last: dict[tuple[str, str], str] = {}
        for item_id, volunteer, answer in self._classifications():
            last[item_id, volunteer] = answer
        given, agreed = (
            Counter(item for item, _ in last),
            Counter(item for (item, _), answer in last.items() if answer in self._yes),
        )
        found = {}
        for pick in picks:
            if given[pick.id] >= self._votes:
                cost = {"votes": float(given[pick.id]), "minutes": given[pick.id] * self._seconds / 60}
                found[pick.id] = Answer({"k": agreed[pick.id], "N": given[pick.id]}, cost)
        return found

    def _classifications(self) -> Iterator[tuple[str, str, str]]:
        """Item, volunteer and answer of each classification, in the export's order. Raises SelectionError."""
        for one in read_classifications(self._export):
            try:
                answers = [
                    said["value"]
                    for said in one.annotations
                    if said["task"] == self._question and said["value"] is not None
                ]
            except KeyError as error:
                raise SelectionError(
                    f"{self._export}: line {one.line} is no classification ({error}); "
                    "take the export as Zooniverse gives it"
                ) from error
            for item_id in one.item_ids:
                yield from ((item_id, one.volunteer, str(answer)) for answer in answers[-1:])
