"""A task's settings: JSON checked field by field against a frozen dataclass."""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from ceruleanml.errors import SelectionError
from ceruleanml.selection.small_training import Recipe

Read = TypeVar("Read", bound="TrainingSettings")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What every task with a small network can be told.

    `epochs`, `batch_size`, `lr`, `dropout` and `threads` (of the CPU) say how it learns; few items are gone through
    more often, until there were `least_steps` batches. `group` is the column that names what an item is a part of,
    `embeddings` a file of embeddings of the whole pool, for rounds that have no model.
    """

    epochs: int = 30
    least_steps: int = 300
    batch_size: int = 16
    lr: float = 0.002
    dropout: float = 0.2
    threads: int = 1
    group: str | None = None
    embeddings: str | None = None

    @property
    def recipe(self) -> Recipe:
        """How the network learns."""
        return Recipe(self.epochs, self.batch_size, self.lr, self.threads, self.least_steps)

    def check(self) -> None:
        """Raise SelectionError for values that cannot be."""
        self.within("epochs", 1)
        self.within("least_steps", 0)
        self.within("batch_size", 1)
        self.within("lr", 1e-9, 10)
        self.within("dropout", 0, 0.9)
        self.within("threads", 1, 1024)

    def within(self, name: str, least: float, most: float = math.inf) -> None:
        """Raise SelectionError unless the value of that name lies between the two, both included."""
        value = getattr(self, name)
        if not least <= value <= most:
            bound = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
            raise SelectionError(f"setting {name} {value:g} cannot be; give {bound}")


def read_settings(kind: type[Read], values: dict[str, Any]) -> Read:
    """The settings of a task. Raises SelectionError for unknown and missing names and for values of another type."""
    known = {one.name: one for one in fields(kind)}
    if strange := sorted(values.keys() - known.keys()):
        raise SelectionError(f"setting {strange[0]} is not known; there are {', '.join(known)}")
    for name, one in known.items():
        if name not in values and one.default is MISSING and one.default_factory is MISSING:
            raise SelectionError(f"setting {name} is missing; give {_wanted(str(one.type))}")
    made = kind(**{name: _value(name, str(known[name].type), value) for name, value in values.items()})
    made.check()
    return made


def _value(name: str, type_name: str, value: Any) -> Any:
    """The value as its field holds it: floats for whole numbers, tuples for lists, dictionaries in one order."""
    if value is None and type_name.endswith("| None"):
        return None
    base = type_name.removesuffix(" | None")
    if base == "float" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if base == "str" and isinstance(value, Path):
        value = str(value)
    if not _fits(base, value):
        raise SelectionError(f"setting {name} {value!r} is of the wrong kind; give {_wanted(base)}")
    if base.startswith("dict"):
        return {key: value[key] for key in sorted(value)}  # JSON files are written so
    return tuple(value) if base.startswith("tuple") else value


def _fits(base: str, value: Any) -> bool:
    if base.startswith("tuple"):
        return isinstance(value, (list, tuple)) and all(isinstance(one, str) and one for one in value)
    if base.startswith("dict"):
        return isinstance(value, dict) and all(_is_number(one) for one in value.values())
    if base == "float":
        return _is_number(value)
    return type(value) is {"int": int, "str": str, "bool": bool}[base]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _wanted(type_name: str) -> str:
    base = type_name.removesuffix(" | None").split("[")[0]
    return {
        "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false",
        "tuple": "a list of texts", "dict": "numbers by name",
    }[base]  # fmt: skip
