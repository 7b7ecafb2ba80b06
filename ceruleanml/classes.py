"""The single table of classes: built in (`classes.toml`), or a team's own in the same form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ceruleanml.errors import ClassTableError

Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class LabelClass:
    """One row of the class table; `photopea` is 8-bit RGB, `display` is #rrggbb."""

    name: str
    title: str
    letter: str
    photopea: Rgb
    display: str


@dataclass(frozen=True)
class ClassTable:
    """The classes in order of their ids; id 0 is the background."""

    classes: tuple[LabelClass, ...]

    def __iter__(self) -> Iterator[LabelClass]:
        return iter(self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, class_id: int) -> LabelClass:
        return self.classes[class_id]

    @property
    def names(self) -> list[str]:
        """The names, background first."""
        return [row.name for row in self.classes]

    @property
    def slick_names(self) -> list[str]:
        """The names without the background."""
        return self.names[1:]

    def id_of(self, name: str) -> int:
        """The id of the class of that name. Raises ClassTableError with the slick classes there are."""
        if name not in self.names:
            near = get_close_matches(str(name), self.slick_names, n=1)
            meant = f"did you mean {near[0]}? It" if near else "it"
            raise ClassTableError(
                f"class {name!r} is not in the class table; {meant} has {', '.join(self.slick_names)}"
            )
        return self.names.index(name)

    def as_rows(self) -> list[dict[str, Any]]:
        """The table as JSON-ready rows, each with its id."""
        return [{"id": number, **asdict(row), "photopea": list(row.photopea)} for number, row in enumerate(self)]

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]], source: str) -> ClassTable:
        """The table of such rows, checked. `source` is named in errors."""
        return cls(tuple(_class_of(row, source) for row in _checked_rows(rows, source)))


def load_classes(path: Path | None = None) -> ClassTable:
    """The built-in table, or the one in the TOML file `path`. Raises ClassTableError."""
    return _built_in() if path is None else _parse(_text_of(path), str(path))


@lru_cache(maxsize=1)
def _built_in() -> ClassTable:
    return _parse(files("ceruleanml").joinpath("classes.toml").read_text(encoding="utf-8"), "classes.toml")


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ClassTableError(f"{path}: cannot be read as a class table: {error}") from error


def _parse(text: str, source: str) -> ClassTable:
    try:
        rows = tomllib.loads(text).get("class", [])
    except tomllib.TOMLDecodeError as error:
        raise ClassTableError(f"{source}: not valid TOML: {error}") from error
    return ClassTable.from_rows(rows, source)


def _checked_rows(rows: Any, source: str) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or len(rows) < 2:
        raise ClassTableError(f"{source}: needs two or more [[class]] entries, the background first")
    if len(rows) > 255:
        raise ClassTableError(f"{source}: has {len(rows)} classes; masks hold at most 255")
    for key in ("name", "letter", "photopea"):
        values = [str(row.get(key)) if isinstance(row, dict) else "" for row in rows]
        twice = sorted({value for value in values if values.count(value) > 1 and value != "None"})
        if twice:
            raise ClassTableError(f"{source}: {key} {twice[0]} stands twice; each class needs its own")
    return rows


def _class_of(row: Any, source: str) -> LabelClass:
    if not isinstance(row, dict) or not re.fullmatch(r"[a-z][a-z0-9_]*", str(row.get("name", ""))):
        raise ClassTableError(f"{source}: a class needs a name in small letters, digits and '_', got {row!r}")
    name = row["name"]
    colour = row.get("photopea")
    if not (isinstance(colour, (list, tuple)) and len(colour) == 3 and all(_is_byte(value) for value in colour)):
        raise ClassTableError(f"{source}: class {name}: photopea must be [red, green, blue], each 0 to 255")
    display = row.get("display", "#{:02x}{:02x}{:02x}".format(*colour))
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(display)):
        raise ClassTableError(f"{source}: class {name}: display must be a colour like #56b4e9, got {display!r}")
    letter = str(row.get("letter", name[0].upper()))
    title = str(row.get("title", name.replace("_", " ").capitalize()))
    return LabelClass(name, title, letter, (colour[0], colour[1], colour[2]), display)


def _is_byte(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
