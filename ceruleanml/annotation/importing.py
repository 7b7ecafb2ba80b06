"""Taking labels in: what annotators exported is checked and added to the label store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ceruleanml.annotation import importing_coco, importing_layers, importing_zip
from ceruleanml.annotation.importing_checks import CheckedSave, check_page_save
from ceruleanml.annotation.importing_frames import Frames, SceneFrame
from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.datasets.folder import INSTANCES_NAME, MANIFEST_NAME, read_manifest
from ceruleanml.errors import CeruleanError, LabelError, WriteError
from ceruleanml.labels.documents import read_document
from ceruleanml.labels.heads import heads_of
from ceruleanml.labels.store import append_state
from ceruleanml.progress import Progress, Silent
from ceruleanml.scenes.reading import scene_id_of
from ceruleanml.scenes.scene_list import read_scene_list
from ceruleanml.storage import storage_error

SUFFIXES = (".geojson", ".json", ".zip")


@dataclass(frozen=True)
class Imported:
    """One state of a scene that is in the store now; `is_new` is False where it was there already."""

    source: Path
    scene_id: str
    annotator: str
    path: Path
    is_new: bool
    slicks: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ImportReport:
    """What was taken, in the order given, and why each of the other files was refused."""

    taken: tuple[Imported, ...]
    refused: dict[str, str]


@dataclass(frozen=True)
class ImportRules:
    """How files are read: who drew what names no one, where scenes lie, and which scenes are not to be labelled.

    `complete` says that all of a scene was gone through, of files that do not say whether it was.
    """

    annotator: str | None = None
    complete: bool = False
    frames: Frames = field(default_factory=Frames)
    evaluation: frozenset[str] = frozenset()
    classes: ClassTable = field(default_factory=load_classes)


def import_files(
    files: Sequence[Path],
    store: Path,
    rules: ImportRules | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Add labels to the store: GeoJSON of the page and ZIPs of it, COCO, folders of these or of Photopea layers.

    A file is taken whole or refused; a refused one keeps no other from being taken. A file that was imported before
    adds nothing. `now` is the time of what says no time of its own. Raises LabelError where no file is named or found,
    WriteError where the store cannot be written.
    """
    rules, progress = rules or ImportRules(), progress or Silent()
    now = now or datetime.now(UTC)
    taken: list[Imported] = []
    refused: dict[str, str] = {}
    found = [one for file in files for one in _expanded(file)]
    progress.start("Importing labels", len(found))
    try:
        for file in found:
            try:
                taken += _import(file, store, rules, now)
            except WriteError:
                raise
            except CeruleanError as error:
                refused[str(file)] = str(error)
            progress.advance()
    finally:
        progress.finish()
    return ImportReport(tuple(_told_of_doubles(taken)), refused)


def evaluation_scenes(path: Path | None) -> frozenset[str]:
    """The ids of the scenes of a data set folder, or in a list of ids or locations (see `scene_list.read_scene_list`).

    None without a path. Raises DatasetError, SceneError, StorageError.
    """
    if path is None:
        return frozenset()
    if path.is_dir():
        return frozenset(str(scene_id) for scene_id in read_manifest(path)["scenes"])
    named = read_scene_list(path)
    return frozenset(named) | frozenset(map(scene_id_of, named))


def _expanded(file: Path) -> list[Path]:
    """The file itself, or the label files in a folder that is none of layers and no data set."""
    if not file.is_dir() or importing_layers.is_layers(file):
        return [file]
    if (file / MANIFEST_NAME).is_file():
        return [file / INSTANCES_NAME]
    try:
        entries = sorted(path for path in file.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise storage_error(file, error, "read") from error
    found = [
        one for one in entries if one.suffix.lower() in SUFFIXES or (one.is_dir() and importing_layers.is_layers(one))
    ]
    if not found:
        raise LabelError(f"{file}: holds no label files; name GeoJSON or COCO files, or folders of Photopea layers")
    return found


def _import(file: Path, store: Path, rules: ImportRules, now: datetime) -> list[Imported]:
    """The states in one file, all checked before the first is added."""
    contents, notes = _contents(file, rules)
    for _, content in contents if rules.complete else ():
        if isinstance(content, dict) and content.get("complete") is None:
            content["complete"] = True
    checked = [
        check_page_save(
            content, name, rules.classes, annotator=rules.annotator, now=now, evaluation=rules.evaluation,
            frames=_frames(content, rules.frames, name),
        )
        for name, content in contents
    ]  # fmt: skip
    return [_added(file, store, one, () if place else notes) for place, one in enumerate(checked)]


def _contents(file: Path, rules: ImportRules) -> tuple[list[tuple[str, Any]], list[str]]:
    """The states that a file holds, each with the name of its place, as the page would save them; and notes."""
    if file.is_dir():
        content, notes = importing_layers.collection_of(file, rules.classes, rules.frames)
        return [(str(file), content)], notes
    if file.suffix.lower() == ".zip":
        documents, notes = importing_zip.documents_in(file), []
    else:
        content = read_document(file)
        if importing_coco.is_coco(content):
            found, notes = importing_coco.collections_in(
                content, str(file), rules.classes, rules.frames, rules.complete
            )
            return [(str(file), one) for one in found], notes
        documents, notes = [(str(file), content)], []
    for name, content in documents:
        if isinstance(content, dict) and content.get("scene_id") is None:
            content["scene_id"] = scene_id_of(name)
            notes.append(f"{name}: does not say which scene it labels; taken as {content['scene_id']}, its own name")
    return documents, notes


def _frames(content: Any, frames: Frames, source: str) -> Sequence[SceneFrame]:
    scene_id = content.get("scene_id") if isinstance(content, dict) else None
    known = frames.of(scene_id) if isinstance(scene_id, str) else []
    if frames and not known:
        raise LabelError(
            f"{source}: labels scene {scene_id!r:.80}, which is not among the given ones; give its scene too"
        )
    return known


def _added(file: Path, store: Path, one: CheckedSave, notes: Sequence[str]) -> Imported:
    done = append_state(store, one.scene_id, one.collection, one.annotator, one.time)
    found = [*notes, *one.notes]
    if done.path not in heads_of(store, one.scene_id):
        found.append(f"{file}: is older than what the store holds of scene {one.scene_id}, which stays its state")
    return Imported(
        file, one.scene_id, one.annotator, done.path, done.is_new, len(one.collection["features"]), tuple(found)
    )


def _told_of_doubles(taken: Iterable[Imported]) -> Iterable[Imported]:
    """The same with a note where two files are of one scene by one annotator: each is a whole state, one counts."""
    first: dict[tuple[str, str], Path] = {}
    for one in taken:
        other = first.setdefault((one.scene_id, one.annotator), one.source)
        twice = (
            f"{one.source}: labels scene {one.scene_id} as {other} does; of one annotator's states the newest counts"
        )
        yield one if other == one.source or not one.is_new else replace(one, notes=(*one.notes, twice))
