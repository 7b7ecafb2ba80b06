"""What an experiment of rounds was told to do: saved as JSON when it is created, and read back ever after."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError, StorageError, UsageError
from ceruleanml.storage import read_json, write_json

FORMAT_VERSION = 1
INSTRUCTIONS_NAME = "instructions.json"


@dataclass(frozen=True)
class Instructions:
    """How one arm of an experiment runs, with one seed.

    `task` and `settings` say what is learned (see `selection.task`), `oracle` and `oracle_settings` who answers.
    `strategy` chooses the items of each round, with the further `choice` (fields of SelectOptions); `start` chooses
    the first ones, before there is a model, unless `start_ids` names them. `first` and `per_round` count items,
    `rounds` the trainings. `budget` is the number of labels after which stopping is advised, `judged_by` tells the
    frozen evaluation set from others.
    """

    task: str
    settings: dict[str, Any]
    oracle: str = "simulated"
    oracle_settings: dict[str, Any] = field(default_factory=dict)
    strategy: str = "default"
    choice: dict[str, Any] = field(default_factory=dict)
    start: str = "random"
    start_ids: tuple[str, ...] = ()
    first: int = 20
    per_round: int = 20
    rounds: int = 5
    warm_start: bool = False
    budget: int | None = None
    seed: int = 0
    judged_by: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        for name in ("settings", "oracle_settings", "choice"):
            if not isinstance(getattr(self, name), dict):
                raise TypeError(f"{name} is no object")
        for name in ("first", "per_round", "rounds", "budget"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} {value} cannot be; give 1 or more")


def write_instructions(folder: Path, instructions: Instructions) -> None:
    """Write the instructions of one arm into its folder."""
    write_json(folder / INSTRUCTIONS_NAME, asdict(instructions))


def read_instructions(folder: Path) -> Instructions:
    """The instructions in a folder. Raises SelectionError where there are none, or of another format."""
    path = folder / INSTRUCTIONS_NAME
    if not path.is_file():
        raise SelectionError(f"{folder}: is no experiment, it has no {INSTRUCTIONS_NAME}; make one with loop create")
    try:
        content = read_json(path)
    except StorageError as error:
        raise SelectionError(f"{error}; create the experiment again") from error
    known = {one.name for one in fields(Instructions)}
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION or content.keys() - known:
        raise SelectionError(f"{path}: was written by another version; create the experiment again")
    try:
        return Instructions(**{**content, "start_ids": tuple(content.get("start_ids", ()))})
    except TypeError as error:
        raise SelectionError(f"{path}: is incomplete ({error}); create the experiment again") from error
