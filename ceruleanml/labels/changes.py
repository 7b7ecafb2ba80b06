"""What changed in a label store between two snapshots: slicks that came, went or were drawn otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ceruleanml.classes import ClassTable
from ceruleanml.labels.geometry import area_km2, only_polygons
from ceruleanml.labels.scene_states import SceneState, read_scene_state
from ceruleanml.labels.snapshots import Store

if TYPE_CHECKING:
    from shapely import MultiPolygon

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
SAME_SHARE = 1e-6
"""Of the larger outline's area; what differs by less is rounding."""


@dataclass(frozen=True)
class Change:
    """One slick that is not what it was; areas are in `unit`: km², or px of an image without georeference.

    `moved` is the area that only one of the two outlines has. Before or after are None where there was or is none.
    """

    scene_id: str
    annotator: str
    slick_id: str
    kind: str
    class_before: str | None
    class_after: str | None
    area_before: float | None
    area_after: float | None
    moved: float
    unit: str

    @property
    def as_json(self) -> dict[str, Any]:
        """The change as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class SceneChange:
    """A scene whose states are not what they were: who counts, and whether it is complete, before and after."""

    scene_id: str
    heads_before: tuple[str, ...]
    heads_after: tuple[str, ...]
    complete_before: bool
    complete_after: bool
    slicks: tuple[Change, ...]

    @property
    def as_json(self) -> dict[str, Any]:
        """The scene as plain values."""
        heads = {"heads_before": list(self.heads_before), "heads_after": list(self.heads_after)}
        return {**vars(self), **heads, "slicks": [one.as_json for one in self.slicks]}


def changes(before: Store, after: Store, classes: ClassTable) -> list[SceneChange]:
    """The scenes that differ between a store and the same store later, by id; a slick is known by its `slick_id`.

    Of a scene that several drew on their own, each slick is known by its annotator, too. Raises LabelError,
    StorageError.
    """
    found = []
    for scene_id in sorted({*before.scenes(), *after.scenes()}):
        heads = [store.heads(scene_id) for store in (before, after)]
        if heads[0] == heads[1]:
            continue
        states = [[read_scene_state(path, classes, scene_id) for path in paths] for paths in heads]
        complete = [any(state.complete for state in one) for one in states]
        names = [tuple(path.name for path in paths) for paths in heads]
        slicks = tuple(_slicks(scene_id, states[0], states[1], classes))
        found.append(SceneChange(scene_id, names[0], names[1], complete[0], complete[1], slicks))
    return found


def _slicks(scene_id: str, before: list[SceneState], after: list[SceneState], classes: ClassTable) -> list[Change]:
    tables = [_by_name(states, several=max(len(before), len(after)) > 1) for states in (before, after)]
    found = []
    for who, slick_id in sorted({*tables[0], *tables[1]}):
        was, now = tables[0].get((who, slick_id)), tables[1].get((who, slick_id))
        shapes = [None if one is None else one.geometry for one in (was, now)]
        pixels = any(one is not None and one.pixels for one in (was, now))
        areas = [None if shape is None else _area(shape, pixels) for shape in shapes]
        moved = _moved(shapes[0], shapes[1], pixels)
        named = [None if one is None else classes[one.class_id].name for one in (was, now)]
        if moved == 0 and named[0] == named[1]:
            continue
        unit = "px" if pixels else "km²"
        kind = ADDED if was is None else REMOVED if now is None else CHANGED
        drawer = next(one.annotator for one in (now, was) if one is not None)
        found.append(Change(scene_id, drawer, slick_id, kind, named[0], named[1], areas[0], areas[1], moved, unit))
    return found


@dataclass(frozen=True)
class _Slick:
    annotator: str
    class_id: int
    geometry: MultiPolygon
    pixels: bool


def _by_name(states: list[SceneState], several: bool) -> dict[tuple[str, str], _Slick]:
    return {
        (state.annotator if several else "", shape.slick_id): _Slick(
            state.annotator, shape.class_id, shape.geometry, state.labels.pixels
        )
        for state in states
        for shape in state.labels.shapes
    }


def _area(geometry: MultiPolygon, pixels: bool) -> float:
    return round(geometry.area, 1) if pixels else area_km2(geometry)


def _moved(before: MultiPolygon | None, after: MultiPolygon | None, pixels: bool) -> float:
    if before is None or after is None:
        whole = after if before is None else before
        return 0.0 if whole is None else _area(whole, pixels)
    if before.equals(after):
        return 0.0
    apart = only_polygons(before.symmetric_difference(after))
    return 0.0 if apart.area <= SAME_SHARE * max(before.area, after.area) else _area(apart, pixels)
