"""Ensembles of the small networks of catalogues and spectra: a folder a member, the list of them written last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.progress import Progress
from ceruleanml.seeds import generator
from ceruleanml.selection.small_training import MODEL_NAME, Lesson, learn
from ceruleanml.storage import make_folder, read_json, sha256_of, write_json

ENSEMBLE_NAME = "ensemble.json"

LessonOf = Callable[[int, Path | None, str | None], Lesson]
"""The training of a member by its number, from the model in a folder with the sha256 of it, or from scratch."""


@dataclass(frozen=True)
class Course:
    """The training of an ensemble of a task `kind`: so many members, each of so many epochs."""

    kind: str
    members: int
    epochs: int
    seed: int
    lesson_of: LessonOf


def train_members(course: Course, out: Path, warm: Path | None, progress: Progress) -> None:
    """Train the members one after another into `out`; called again after a kill it goes on there.

    Each starts from the same member of the ensemble in `warm`, if one is given. Raises SelectionError where that has
    another number of members, and what `learn` raises.
    """
    begins = (None,) * course.members if warm is None else members_of(warm, course.kind)
    if len(begins) != course.members:
        raise SelectionError(f"{warm}: has {len(begins)} members, the settings ask for {course.members}")
    progress.start("training", course.epochs * course.members)
    try:
        for member, begin in enumerate(begins):
            started = None if begin is None else sha256_of(begin / MODEL_NAME)
            learn(course.lesson_of(member, begin, started), member_folder(make_folder(out), member), progress)
    finally:
        progress.finish()
    write_json(out / ENSEMBLE_NAME, {"kind": course.kind, "members": course.members, "seed": course.seed})


def drawn_again(count: int, seed: int, member: int) -> NDArray[np.int64]:
    """Which of `count` items a member learns from: as many, drawn with replacement by its own number."""
    return generator(seed, "bootstrap", member).integers(count, size=count)


def ensemble_kind(folder: Path) -> str | None:
    """The kind of task whose trained ensemble a folder holds, None where it holds none."""
    try:
        content = read_json(folder / ENSEMBLE_NAME)
    except StorageError:
        return None
    return content.get("kind") if isinstance(content, dict) else None


def members_of(folder: Path, kind: str) -> tuple[Path, ...]:
    """The members of a trained ensemble. Raises SelectionError where there is none, or one of another kind."""
    if not (folder / ENSEMBLE_NAME).is_file():
        raise SelectionError(f"{folder}: holds no trained model; let its training come to its end")
    if ensemble_kind(folder) != kind:
        raise SelectionError(f"{folder}: is no model of the task {kind}; give one that this task trained")
    return tuple(member_folder(folder, member) for member in range(int(read_json(folder / ENSEMBLE_NAME)["members"])))


def member_folder(folder: Path, member: int) -> Path:
    """Where the network of a member lies."""
    return folder / f"member_{member:02d}"
