"""Zooniverse's classification export: a CSV with a row a classification, whose cells hold JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError

ID_COLUMN = "#item_id"
"""The metadata that names an item. Metadata whose name begins with # is hidden from volunteers."""
MOST_CHARACTERS = 1 << 24
"""Of a cell; a volunteer's drawing of a whole scene takes less than a hundredth."""


@dataclass(frozen=True)
class Classification:
    """What one volunteer said of one subject, or of several at once.

    `subjects` is the metadata of each, `annotations` what was said task by task, `about` what the browser told of it
    (`started_at`, `finished_at`). `line` is the export's line, for errors.
    """

    line: int
    volunteer: str
    workflow: str
    created: str
    subjects: tuple[Mapping[str, Any], ...]
    annotations: tuple[Mapping[str, Any], ...]
    about: Mapping[str, Any]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The items that were classified; none for subjects that others uploaded."""
        return tuple(str(subject[ID_COLUMN]) for subject in self.subjects if ID_COLUMN in subject)


def read_classifications(export: Path) -> Iterator[Classification]:
    """The classifications of an export in its order, one at a time. Raises SelectionError naming the line.

    Who was not logged in is told apart by what the export says instead of a name.
    """
    csv.field_size_limit(min(MOST_CHARACTERS, sys.maxsize))
    try:
        with export.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                yield _classification(row, number, export)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise SelectionError(f"{export}: cannot be read as a classification export: {error}") from error


def _classification(row: Mapping[str, str], number: int, export: Path) -> Classification:
    try:
        subjects, annotations = json.loads(row["subject_data"]), json.loads(row["annotations"])
        about = json.loads(row.get("metadata") or "{}")
        volunteer = row.get("user_name") or row.get("user_ip") or row["classification_id"]
        found = tuple(subjects.values())
        if not all(isinstance(one, dict) for one in (*found, *annotations, about)):
            raise TypeError("its subjects and annotations must be objects")
        return Classification(
            number,
            volunteer,
            row.get("workflow_id") or "",
            row.get("created_at") or "",
            found,
            tuple(annotations),
            about,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise SelectionError(
            f"{export}: line {number} is no classification ({error}); take the export as Zooniverse gives it"
        ) from error
