"""The folder a page is prepared in, hidden beside its place, which it takes when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ceruleanml.errors import StorageError, UsageError
from ceruleanml.storage import check_local, make_folder, read_json, sha256_of, write_json

PLAN_NAME = "plan.json"
RECORD_NAME = ".prepared.json"
"""What a finished page was made from, for the next run; its name keeps it from being served and published."""
PARTS = ("units", "data")
OWN = ("ceruleanml_version", "page")
"""What of a plan is the program's and not the user's: where only that changed, the scenes are taken over."""
Json = dict[str, Any]


def place_of(out: Path) -> Path:
    """The absolute path of a page's folder, links followed. Raises UsageError where there can be none."""
    check_local(out)
    place = out.resolve()
    if not place.name:
        raise UsageError(f"{out}: is no place for a page; name a new folder with --out")
    return place


def existing(out: Path, plan: Json, here: Mapping[str, str] | None = None) -> Json | None:
    """The record of a page that is what was asked for, perhaps with scenes that failed; None where nothing is there.

    `here` says where files lie on this machine that the record names otherwise. Raises UsageError where something else
    is there, or where the page was prepared from other options or files.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / RECORD_NAME).is_file():
        raise UsageError(f"{out}: exists and is no page that was prepared here; choose another --out")
    record: Json = renamed(read_json(out / RECORD_NAME), lambda name: (here or {}).get(name, name))
    before = record.get("plan", {})
    changed = sorted(key for key in {*before, *plan} - set(OWN) if before.get(key) != plan.get(key))
    changed = changed or [name for unit in record["units"] for name in _changed(unit)]
    if changed:
        raise UsageError(f"{out}: was prepared from other {changed[0]}; remove it or choose another --out")
    return record


def renamed(record: Json, name: Callable[[str], str]) -> Json:
    """A page's record with other names of the files that its scenes were prepared from."""
    units = [dict(unit) for unit in record["units"]]
    for unit in units:
        if "inputs" in unit:
            unit["inputs"] = {name(one): known for one, known in unit["inputs"].items()}
    return {**record, "units": units}


def inputs_of(names: Iterable[str]) -> Json:
    """Of each local file its sha256, size and time of change; None for what lies in a bucket."""
    files = {name: Path(name) for name in sorted(set(names))}
    return {name: [sha256_of(file), *_stamp(file)] if file.is_file() else None for name, file in files.items()}


def _changed(unit: Json) -> list[str]:
    """The files that a scene was prepared from and that hold something else now; read only where they were touched."""
    return [name for name, known in unit.get("inputs", {}).items() if _is_other(Path(name), known)]


def _is_other(file: Path, known: list[Any] | None) -> bool:
    if known is None or not file.is_file():
        return known is not None or file.is_file()
    return _stamp(file) != known[1:] and sha256_of(file) != known[0]


def _stamp(file: Path) -> list[int]:
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns]


def open_staging(out: Path, plan: Json) -> Path:
    """The hidden folder in which `out` is prepared: new, or what a killed run of the same plan left."""
    folder = out.with_name(f".{out.name}.preparing")
    if folder.exists():
        left = read_json(folder / PLAN_NAME) if (folder / PLAN_NAME).is_file() else None
        if left is not None and left != plan and done_units(folder):
            raise UsageError(f"{folder}: holds an unfinished page with other arguments; finish that or remove it")
        if left != plan:
            shutil.rmtree(folder)
    for name in PARTS:
        make_folder(folder / name)
    write_json(folder / PLAN_NAME, plan)
    return folder


def take_over(out: Path, folder: Path, record: Json) -> None:
    """Put the scenes that a finished page holds into the staging folder; files are linked where that can be."""
    for unit in record["units"]:
        place = folder / "data" / "scenes" / unit["key"]
        if "error" not in unit and not place.exists():
            shutil.copytree(out / "data" / "scenes" / unit["key"], place, copy_function=_link)
            write_json(folder / "units" / f"{unit['key']}.json", unit)


def done_units(folder: Path) -> dict[str, Json]:
    """The records of the scenes that are prepared in a staging folder and unchanged since, by their key."""
    units = [read_json(path) for path in sorted((folder / "units").glob("*.json"))]
    return {unit["key"]: unit for unit in units if "error" not in unit and not _changed(unit)}


def finish(folder: Path, record: Json) -> None:
    """Remove what only the preparing needed, and say what the page was made from."""
    shutil.rmtree(folder / "units")
    (folder / PLAN_NAME).unlink()
    write_json(folder / RECORD_NAME, record)


def forget_if_nothing_is_done(folder: Path) -> None:
    """Remove the staging folder of a run that failed before it had a scene to continue with."""
    if not done_units(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        try:
            shutil.copy2(source, target)
        except OSError as error:
            raise StorageError(f"{target}: cannot be written: {error.strerror}") from error
