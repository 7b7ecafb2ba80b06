"""The folder a data set is built in, hidden beside its place, which it takes when it is whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ceruleanml.datasets.coco import Record
from ceruleanml.datasets.folder import INSTANCES_NAME
from ceruleanml.datasets.unit import stamps, unit_path
from ceruleanml.errors import DatasetError, StorageError
from ceruleanml.locks import locked
from ceruleanml.storage import check_local, make_folder, read_json, storage_error, write_json

PLAN_NAME = "plan.json"
PARTS = ("tiles", "scenes")


def place_of(out: Path) -> Path:
    """The absolute path of a data set folder, links followed. Raises DatasetError where there can be none."""
    check_local(out)
    place = out.resolve()
    if not place.name:
        raise DatasetError(f"{out}: is no place for a data set; name a new folder with --out")
    return place


@contextmanager
def lock(out: Path) -> Iterator[None]:
    """Nobody else builds this data set meanwhile. Raises StorageError where somebody does."""
    make_folder(out.parent)
    path = out.with_name(f".{out.name}.lock")
    try:
        file = path.open("w")
    except OSError as error:
        raise storage_error(out, error) from error
    with file, ExitStack() as held:
        try:
            held.enter_context(locked(file.fileno()))
        except OSError as error:
            raise StorageError(f"{out}: is being built by another process; wait, or choose another --out") from error
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise StorageError(f"{out}: was being built by another process until now; start again")
        try:
            _restore(out)
            yield
        finally:
            path.unlink(missing_ok=True)


def _restore(out: Path) -> None:
    """Put an earlier data set back that a process killed while publishing had just moved aside."""
    old = _aside(out)
    if old.exists() and not out.exists():
        os.replace(old, out)


def _aside(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def open_staging(out: Path, plan: Record) -> Path:
    """The hidden folder in which `out` is built: new, or what a killed build of the same plan left."""
    folder = out.with_name(f".{out.name}.building")
    if folder.exists():
        left = read_json(folder / PLAN_NAME) if (folder / PLAN_NAME).is_file() else None
        if left is not None and left != plan and _has_built(folder):
            raise DatasetError(f"{folder}: holds an unfinished build with other arguments; finish that or remove it")
        if left != plan:
            shutil.rmtree(folder)
    for name in ("units", *PARTS):
        make_folder(folder / name)
    write_json(folder / PLAN_NAME, plan)
    return folder


def take_over(out: Path, folder: Path, manifest: Record) -> None:
    """Put the scenes that a finished data set holds into the staging folder, as units that are done.

    Files are linked, not copied; the data set itself stays as it is.
    """
    coco = read_json(out / INSTANCES_NAME)
    pieces: dict[int, list[Record]] = {}
    for row in coco["annotations"]:
        pieces.setdefault(row["image_id"], []).append(_without(row, "id", "image_id"))
    images: dict[str, list[Record]] = {}
    for row in coco["images"]:
        image = {**_without(row, "id", "big_image_id"), "annotations": pieces.get(row["id"], [])}
        images.setdefault(row["scene_id"], []).append(image)
    for name in PARTS:
        for path in (out / name).glob("*"):
            _link(path, folder / name / path.name)
    for scene_id, scene in manifest["scenes"].items():
        if scene["state"] == "built":
            unit = {"scene_id": scene_id, "scene": scene, "images": images.get(scene_id, [])}
            write_json(unit_path(folder, scene_id), {**unit, "stamps": stamps(list(scene["inputs"]))})


def tidy(folder: Path, wanted: set[str], keeps_scenes: bool) -> None:
    """Remove what only the build needed, and files that a killed run left of tiles that are no longer wanted."""
    shutil.rmtree(folder / "units")
    (folder / PLAN_NAME).unlink()
    for name in PARTS:
        for path in (folder / name).iterdir():
            if f"{name}/{path.name}" not in wanted and not (name == "scenes" and keeps_scenes and path.name[0] != "."):
                path.unlink()
        if not any((folder / name).iterdir()):
            (folder / name).rmdir()


def forget_if_nothing_is_built(folder: Path) -> None:
    """Remove the staging folder of a build that failed before it had a scene to continue with."""
    if not _has_built(folder):
        shutil.rmtree(folder, ignore_errors=True)


def _has_built(folder: Path) -> bool:
    return any(read_json(path)["scene"]["state"] == "built" for path in (folder / "units").glob("*.json"))


def publish(folder: Path, out: Path) -> None:
    """Let the finished folder take its place, where an earlier data set of the same plan may be."""
    old = _aside(out)
    try:
        if out.exists() and any(out.iterdir()):
            shutil.rmtree(old, ignore_errors=True)
            os.replace(out, old)
        os.replace(folder, out)
    except OSError as error:
        raise storage_error(out, error) from error
    shutil.rmtree(old, ignore_errors=True)


def _without(row: Record, *keys: str) -> Record:
    return {key: value for key, value in row.items() if key not in keys}


def _link(path: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:  # a file system without links
        try:
            shutil.copy2(path, target)
        except OSError as error:
            raise storage_error(target, error) from error
