"""Tasks in files, for verbs that train on a pool's own labels or score it outside of rounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.progress import Progress
from ceruleanml.selection.task import Payload, Settings, Task, open_task
from ceruleanml.storage import read_json


def is_task_file(path: Path) -> bool:
    """Whether a pool is named by a task's file, and not by a data set folder."""
    return path.suffix == ".json"


def read_task(path: Path, changed: Settings | None = None) -> Task:
    """The task of a JSON file `{"task": …, "settings": {…}}` with `changed` settings.

    What else the file holds does not count, so that the instructions of an experiment's arm are one. Raises
    SelectionError for a file that is none, and for slicks, whose pool is a data set folder.
    """
    try:
        content: Any = read_json(path)
    except StorageError as error:
        raise SelectionError(f"{error}; name the file of a task, or instructions.json of an arm") from error
    kind, settings = (content.get("task"), content.get("settings")) if isinstance(content, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(settings, dict):
        raise SelectionError(f'{path}: is no task; write {{"task": "spectra", "settings": {{…}}}}')
    if kind == "slicks":
        raise SelectionError(f"{path}: is of slicks; name the data set folder in its place")
    return open_task(kind, {**settings, **(changed or {})})


def known_labels(task: Task) -> dict[str, Payload]:
    """The labels that the pool's own files hold, by item; items without one are left out."""
    labels = {}
    for item_id in task.items().ids:
        try:
            labels[item_id] = task.hidden(item_id).payload
        except SelectionError:  # it has none
            continue
    return labels


def train_on_pool(task: Task, out: Path, seed: int, progress: Progress) -> int:
    """Train on all labels of the pool into `out`; the number of these. A killed training goes on there.

    Raises SelectionError where the labels make no model, or the folder holds a training of others.
    """
    labels = known_labels(task)
    task.train(labels, out, seed, None, progress)
    return len(labels)
