"""The page's own files: where they lie, the class table as script, and script twins of data files.

On `file://` a browser lets a page fetch nothing. So each data file has a twin, a script of one call that hands the
page the same content.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.errors import StorageError
from ceruleanml.storage import write_bytes

CLASSES_NAME = "classes.js"
PAGE_NAME = "index.html"
HEAD = "// The class table, written by ceruleanml from classes.toml; change it there.\n"


def page_source() -> Path:
    """The folder of the page's files: of an installed package, else of the repository. Raises StorageError."""
    inside = Path(str(files("ceruleanml.annotation"))) / "page"
    beside = Path(str(files("ceruleanml"))).parent / "data-processing" / "public"
    for folder in (inside, beside):
        if (folder / PAGE_NAME).is_file():
            return folder
    raise StorageError(f"{beside}: holds no {PAGE_NAME}; install ceruleanml anew, or take the whole repository")


def page_parts(source: Path) -> list[Path]:
    """The page's files relative to its folder, sorted; the class table and hidden files are left out."""
    parts = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    return sorted(
        part for part in parts if part != Path(CLASSES_NAME) and not any(name[0] == "." for name in part.parts)
    )


def copy_page(source: Path, target: Path, classes: ClassTable) -> None:
    """Put the page's files into a folder, with the classes of a table. Raises StorageError."""
    for part in page_parts(source):
        place = target / part
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = (source / part).read_bytes()
        except OSError as error:
            raise StorageError(f"{source / part}: cannot be read: {error.strerror}") from error
        write_bytes(place, content)
    write_bytes(target / CLASSES_NAME, classes_script(classes).encode())


def classes_script(classes: ClassTable) -> str:
    """The content of classes.js: `Cerulean.classes`, a row a class in the order of the ids."""
    rows = ",\n".join(f"  {_script_json(row)}" for row in classes.as_rows())
    return f"{HEAD}(globalThis.Cerulean ??= {{}}).classes = [\n{rows},\n];\n"


def classes_sha256(classes: ClassTable) -> str:
    """The sha256 of classes.js, by which a queue says what classes it was made with."""
    return hashlib.sha256(classes_script(classes).encode()).hexdigest()


def json_bytes(value: Any) -> bytes:
    """JSON in a fixed order of keys, in one line."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return (text + "\n").encode(errors="backslashreplace")


def json_twin(name: str, value: Any) -> bytes:
    """The script twin of a JSON file, whose name is relative to the page's `data/`."""
    return f"Cerulean.receive({_script_json(name)}, {_script_json(value)});\n".encode(errors="backslashreplace")


def bytes_twin(name: str, content: bytes) -> bytes:
    """The script twin of any other file: its bytes as base64."""
    return b'Cerulean.receive(%s, "%s");\n' % (_script_json(name).encode(), base64.b64encode(content))


def _script_json(value: Any) -> str:
    """JSON that may stand in a script, wherever that stands: no end of an element, no line ends of JavaScript's own."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.replace("</", "<\\/").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
