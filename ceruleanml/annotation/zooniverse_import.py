"""Volunteers' consensus into the label store, as the states of one annotator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ceruleanml.annotation.importing_checks import check_page_save
from ceruleanml.annotation.importing_shapes import geometry_json, mask_outline, on_ground
from ceruleanml.annotation.zooniverse_marks import MarkRules
from ceruleanml.annotation.zooniverse_subjects import Subject, subjects_of
from ceruleanml.annotation.zooniverse_votes import Polled, Verdict, poll, verdicts, write_votes
from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError, UsageError
from ceruleanml.labels.geometry import only_polygons
from ceruleanml.labels.instances import GridInstance
from ceruleanml.labels.states import annotator_of, files_of, read_state
from ceruleanml.labels.store import append_state
from ceruleanml.storage import make_folder

ANNOTATOR = "zooniverse"
Json = dict[str, Any]


@dataclass(frozen=True)
class CrowdRules:
    """How an export becomes labels: the tools, how many volunteers an item needs, how wide a drawn line is.

    Scenes of `evaluation` are refused. `workflow` keeps to the rows of one workflow.
    """

    marks: MarkRules = field(default_factory=MarkRules)
    votes: int = 5
    line_px: float = 5.0
    workflow: str | None = None
    evaluation: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.votes < 1:
            raise UsageError(f"--votes {self.votes} cannot be; give 1 or more volunteers")
        if not 0 < self.line_px <= 1_000:
            raise UsageError(f"--line-width {self.line_px:g} cannot be; give pixels above 0, at most 1000")


@dataclass(frozen=True)
class CrowdReport:
    """What was taken: the states by scene and whether each is new, items decided and waiting, slicks, what to know."""

    states: Mapping[str, tuple[Path, bool]]
    decided: int
    waiting: int
    slicks: int
    refused: Mapping[str, str]
    notes: tuple[str, ...]


def import_export(
    export: Path,
    page: Path,
    store: Path,
    rules: CrowdRules | None = None,
    votes_file: Path | None = None,
    now: datetime | None = None,
) -> CrowdReport:
    """Add what volunteers agree on to the label store, and write the votes of every item.

    A scene's new state keeps what was taken before of tiles that this export says nothing new of. The same export
    again adds nothing. Raises SelectionError, LabelError, StorageError.
    """
    rules = rules or CrowdRules()
    subjects = subjects_of(page)
    polled: Polled = poll(export, subjects, rules.marks, rules.workflow)
    found = verdicts(polled, subjects, rules.votes, rules.line_px)
    if not found:
        raise LabelError(f"{export}: holds no classification of an item of {page}; name the page that was uploaded")
    if votes_file is not None:
        make_folder(votes_file.parent)
        write_votes(votes_file, found, rules.marks.classes)
    decided = [one for one in found if one.is_enough]
    states, refused = {}, {}
    for scene_id in sorted({one.subject.frame.scene_id for one in decided}):
        mine = [one for one in decided if one.subject.frame.scene_id == scene_id]
        if scene_id in rules.evaluation:
            refused[scene_id] = f"scene {scene_id} belongs to the evaluation set; its labels are left out"
        else:
            states[scene_id] = _add(store, scene_id, mine, rules.marks.classes, now or datetime.now(UTC), str(export))
    slicks = sum(len(one.slicks) for one in decided if one.subject.frame.scene_id in states)
    return CrowdReport(states, len(decided), len(subjects) - len(decided), slicks, refused, polled.notes)


def state_of_verdicts(scene_id: str, found: Sequence[Verdict], classes: ClassTable, before: Json | None) -> Json:
    """The state of a scene: what volunteers say of these items, and what was there `before` of all other tiles."""
    before = before or {}
    kept = [one for one in before.get("features", []) if not _is_of(one["properties"], found)]
    tiles: Json = dict(before.get("tiles") or {})
    features: list[Json] = []
    for one in found:
        features += [_feature(one, number, slick, classes) for number, slick in enumerate(one.slicks, start=1)]
        if one.subject.tile_id is not None:
            tiles[one.subject.tile_id] = {
                "reviewed": True, "seconds": one.seconds, "clicks": one.marks, "blind": True,
                "empty": not one.slicks, "k": one.k, "N": one.n,
            }  # fmt: skip
    last = max(one.last for one in found).isoformat().replace("+00:00", "Z")
    pixels = {} if found[0].subject.frame.georeference is not None else {"crs": None, "pixels": True}
    return {
        "type": "FeatureCollection", "scene_id": scene_id, "annotator": ANNOTATOR, "tiles": tiles,
        "saved": max(last, str(before.get("saved") or "")), "features": [*kept, *features],
        "complete": bool(before.get("complete")) or any(one.subject.tile_id is None for one in found), **pixels,
    }  # fmt: skip


def _add(
    store: Path, scene_id: str, found: Sequence[Verdict], classes: ClassTable, now: datetime, source: str
) -> tuple[Path, bool]:
    """The scene's file in the store, and whether it is new."""
    mine = [path for path in files_of(store, scene_id) if annotator_of(path) == ANNOTATOR]
    state = state_of_verdicts(scene_id, found, classes, read_state(mine[-1]) if mine else None)
    frames = [found[0].subject.frame]
    checked = check_page_save(state, source, classes, scene_id=scene_id, annotator=ANNOTATOR, frames=frames, now=now)
    appended = append_state(store, scene_id, checked.collection, ANNOTATOR, checked.time)
    return appended.path, appended.is_new


def _feature(verdict: Verdict, number: int, slick: GridInstance, classes: ClassTable) -> Json:
    subject = verdict.subject
    times = [time.isoformat().replace("+00:00", "Z") for time in (verdict.first, verdict.last)]
    properties = {
        "class": classes[slick.class_id].name, "slick_id": f"{_prefix(subject)}{number}", "annotator": ANNOTATOR,
        "source": "drawn", "started": times[0], "finished": times[1], "model": None, "tile_id": subject.tile_id,
    }  # fmt: skip
    outline = mask_outline(slick.window.row, slick.window.col, slick.mask)
    placed = on_ground(_in_scene(outline, subject), subject.frame.to_ground, affine=True)
    return {"type": "Feature", "properties": properties, "geometry": geometry_json(placed)}


def _is_of(properties: Json, found: Sequence[Verdict]) -> bool:
    """Whether a slick of an earlier state lies on one of these items, by its name or its tile's: a page that was
    prepared on another grid shows the same tile in another window.
    """
    prefixes, tiles = tuple(_prefix(one.subject) for one in found), {one.subject.tile_id for one in found} - {None}
    return str(properties["slick_id"]).startswith(prefixes) or properties.get("tile_id") in tiles


def _in_scene(outline: Any, subject: Subject) -> Any:
    """An outline in pixels of the picture, as (column, row) of the scene, cut at the item's window."""
    import shapely

    row, col = subject.origin
    moved = shapely.transform(outline, lambda points: points * subject.scale + [col, row])
    if subject.scale == 1:
        return moved
    window = subject.window
    box = shapely.box(window.col, window.row, window.col + window.width, window.row + window.height)
    return only_polygons(shapely.intersection(moved, box))


def _prefix(subject: Subject) -> str:
    """What the names of an item's slicks begin with; an item has its own place in its scene."""
    height, width = subject.window.height, subject.window.width
    return f"{subject.frame.scene_id}/{ANNOTATOR}/{subject.window.row}_{subject.window.col}_{height}x{width}_"
