"""Names that can be a file's and an object's at once, and why others cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable

STATE_FOLDER = ".ceruleanml-mirror"
"""What an unfinished mirror keeps, on either side: never mirrored itself, and gone when a mirror ended well."""
UNFINISHED = re.compile(r"\..*\.part")
"""Hidden files of writers that are at work or were killed (see `storage.writing`)."""
STAGING = re.compile(r"\..+\.(building|preparing)")
"""Hidden folders in which data sets and pages are made, beside their place."""
MOST_OBJECT, MOST_PART = 1024, 255
"""Bytes of an object's name, and of a file's."""


def is_own(name: str) -> bool:
    """Whether a name is of an unfinished mirror or write, which no mirror touches."""
    parts = name.split("/")
    if STATE_FOLDER in parts or UNFINISHED.fullmatch(parts[-1]):
        return True
    return any(map(STAGING.fullmatch, parts))


def object_fault(name: str) -> str | None:
    """Why an object of that name below a prefix cannot become a file below a folder; None where it can."""
    parts = name.split("/")
    if name.endswith("/"):
        return "ends in a slash and holds something; give it a name without"
    if name.startswith("/") or ".." in parts or "." in parts or "" in parts:
        return "would leave its folder as a file; rename the object"
    if "\\" in name or "\0" in name:
        return "has a backslash or a zero in its name; rename the object"
    if any(len(part.encode(errors="surrogatepass")) > MOST_PART for part in parts):
        return f"has a part of more than {MOST_PART} bytes in its name; rename the object"
    return None


def file_fault(name: str) -> str | None:
    """Why a file of that name below a folder cannot become an object; None where it can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "has a name that is no UTF-8; rename the file"
    if size > MOST_OBJECT:
        return f"has a name of more than {MOST_OBJECT} bytes; rename the file"
    if set(name) & set("\r\n\\"):
        return "has a line break or a backslash in its name; rename the file"
    return None


def folders_of(name: str) -> Iterable[str]:
    """The folders above a name, the innermost first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def clashes(names: Iterable[str]) -> set[str]:
    """The names that are a file's and a folder's at once."""
    every = set(names)
    return {folder for name in every for folder in folders_of(name) if folder in every}
