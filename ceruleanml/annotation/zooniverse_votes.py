"""What volunteers agree on, item by item: how many drew a slick, and the slicks of more than half of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ceruleanml.annotation.zooniverse_marks import Mark, MarkRules, burnt_mark, classes_of, marks_of
from ceruleanml.annotation.zooniverse_subjects import Subject
from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.consensus import Ballot, consensus
from ceruleanml.labels.instances import GridInstance, bounding_box
from ceruleanml.scenes.grid import Window
from ceruleanml.selection.score_files import write_table
from ceruleanml.selection.zooniverse_export import ID_COLUMN, read_classifications

LONGEST_S = 3_600.0
"""A classification that took longer was left open; it counts as no time."""


@dataclass(frozen=True)
class Drawing:
    """One volunteer's last classification of an item: the marks, when it was made, the seconds it took."""

    marks: tuple[Mark, ...]
    created: datetime
    seconds: float


@dataclass(frozen=True)
class Polled:
    """What an export says of a page: the drawings by item and volunteer, and what was passed over, in sentences."""

    drawings: Mapping[str, Mapping[str, Drawing]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What volunteers say of an item: `k` of `n` drew a slick, and which slicks more than half agree on.

    `of_class` counts the volunteers who drew each class. Slicks are in pixels of the subject's picture.
    """

    subject: Subject
    k: int
    n: int
    of_class: Mapping[int, int]
    slicks: tuple[GridInstance, ...]
    marks: int
    seconds: float
    first: datetime
    last: datetime
    is_enough: bool


def poll(export: Path, subjects: Sequence[Subject], rules: MarkRules, workflow: str | None = None) -> Polled:
    """The drawings in an export of the page's items; each volunteer's last classification of an item counts.

    Only rows of `workflow` are taken where it is given. Raises SelectionError for a broken export, LabelError for
    rows of another picture than the page's and for tools that no class is known for.
    """
    by_id = {subject.id: subject for subject in subjects}
    found: dict[str, dict[str, Drawing]] = {}
    passed: Counter[str] = Counter()
    for one in read_classifications(export):
        if workflow is not None and one.workflow != workflow:
            continue
        mine = [about for about in one.subjects if str(about.get(ID_COLUMN)) in by_id]
        if len(mine) != 1:
            passed["classifications are of subjects that this page has not"] += 1
            continue
        subject = by_id[str(mine[0][ID_COLUMN])]
        if not subject.is_of(mine[0]):
            raise LabelError(
                f"{export}: line {one.line}: item {subject.id} was drawn on another picture than the page's; "
                "name the page that was uploaded"
            )
        marks = marks_of(one, rules, str(export), passed)
        created = _moment(one.created, export, one.line)
        found.setdefault(subject.id, {})[one.volunteer] = Drawing(tuple(marks), created, _seconds(one.about))
    return Polled(found, tuple(f"{count:,} {what}" for what, count in sorted(passed.items())))


def verdicts(polled: Polled, subjects: Sequence[Subject], votes: int, line_px: float) -> list[Verdict]:
    """What is said of each item with a classification, in the queue's order.

    With fewer than `votes` volunteers an item has no slicks yet (`is_enough` is False). A volunteer votes on every
    pixel of the picture; the rule is that of `labels.consensus`: a pixel belongs to a slick where more than half drew
    one, a slick's class is that of most of its drawn pixels.
    """
    return [
        _verdict(subject, list(polled.drawings[subject.id].values()), votes, line_px)
        for subject in subjects
        if subject.id in polled.drawings
    ]


def write_votes(path: Path, found: Sequence[Verdict], classes: ClassTable) -> None:
    """Write the votes as CSV or Parquet, a row an item: `tile_id`, `scene_id`, `k`, `N`, `k_<class>`, and more.

    Catalogue tools take it with the votes `k,N` and the id column tile_id. Raises StorageError.
    """
    columns: dict[str, Any] = {
        "tile_id": [one.subject.id for one in found],
        "scene_id": [one.subject.frame.scene_id for one in found],
        "k": np.array([one.k for one in found], np.int64),
        "N": np.array([one.n for one in found], np.int64),
    }
    for class_id, name in enumerate(classes.names):
        if class_id:
            columns[f"k_{name}"] = np.array([one.of_class.get(class_id, 0) for one in found], np.int64)
    columns["slicks"] = np.array([len(one.slicks) for one in found], np.int64)
    columns["seconds"] = np.array([one.seconds for one in found], np.float64)
    write_table(path, columns)


def _verdict(subject: Subject, drawings: Sequence[Drawing], votes: int, line_px: float) -> Verdict:
    enough = len(drawings) >= votes
    slicks: list[GridInstance] = []
    if enough:
        ballots = [Ballot(_instances(one.marks, subject, line_px), everywhere=True) for one in drawings]
        slicks = consensus(ballots, subject.frame.scene_id)
    return Verdict(
        subject,
        sum(bool(one.marks) for one in drawings),
        len(drawings),
        Counter(class_id for one in drawings for class_id in classes_of(one.marks)),
        tuple(slicks),
        sum(len(one.marks) for one in drawings),
        round(sum(one.seconds for one in drawings), 3),
        min(one.created for one in drawings),
        max(one.created for one in drawings),
        enough,
    )


def _instances(marks: Sequence[Mark], subject: Subject, line_px: float) -> list[GridInstance]:
    """The marks on the picture's pixels; one that lies beside it is left out."""
    found = []
    for number, mark in enumerate(marks):
        mask = burnt_mark(mark, subject.height_width, line_px)
        box = bounding_box(mask)
        if box is not None:
            row, col, height, width = box
            inside = mask[row : row + height, col : col + width]
            found.append(
                GridInstance(str(number), mark.class_id, Window(row, col, height, width), inside, "zooniverse")
            )
    return found


def _moment(text: str, export: Path, line: int) -> datetime:
    """A time of the export, as 2026-11-21 20:15:03 UTC."""
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError as error:
        raise LabelError(f"{export}: line {line}: created_at is {text!r:.40}, which is no time") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _seconds(about: Mapping[str, Any]) -> float:
    """From beginning to end of a classification, as the volunteer's browser tells; 0 where that cannot be."""
    try:
        first, last = (datetime.fromisoformat(str(about[name])) for name in ("started_at", "finished_at"))
        spent = (last - first).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
    return spent if 0 <= spent <= LONGEST_S else 0.0
