"""What a label store holds, in words and figures: its scenes, and one scene's states."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.geometry import area_km2
from ceruleanml.labels.instances import GroundShape
from ceruleanml.labels.scene_states import SceneState, read_scene_state
from ceruleanml.labels.snapshots import Store
from ceruleanml.labels.states import annotator_of, read_state, time_of

Json = dict[str, Any]


@dataclass(frozen=True)
class SceneRow:
    """A scene of a store: the states that count, who drew them, and how far it was gone through.

    `slicks` are those of each state that counts, by class. `complete` says that one of these is.
    """

    scene_id: str
    files: int
    heads: tuple[str, ...]
    annotators: tuple[str, ...]
    slicks: tuple[dict[str, int], ...]
    complete: bool
    reviewed_tiles: int
    blind_tiles: int

    @property
    def as_json(self) -> Json:
        """The row as plain values."""
        return {
            **vars(self),
            "heads": list(self.heads),
            "annotators": list(self.annotators),
            "slicks": list(self.slicks),
        }


def scene_rows(store: Store, classes: ClassTable) -> list[SceneRow]:
    """A row for each scene of the store, by id. Raises LabelError, StorageError."""
    return [_row(store, scene_id, classes) for scene_id in store.scenes()]


def scene_document(store: Store, scene_id: str, classes: ClassTable) -> Json:
    """All that is to be known of one scene: its states that count with their slicks, and the others by name.

    Raises LabelError for a scene that the store lacks.
    """
    files, heads = store.files(scene_id), store.heads(scene_id)
    if not heads:
        raise LabelError(f"{store.root}: holds nothing of scene {scene_id}; ceruleanml labels list shows what it holds")
    return {
        "scene_id": scene_id,
        "heads": [_state(path, scene_id, classes) for path in heads],
        "replaced": [path.name for path in files if path not in heads],
    }


def _row(store: Store, scene_id: str, classes: ClassTable) -> SceneRow:
    files = store.files(scene_id)
    states = [read_scene_state(path, classes, scene_id) for path in store.heads(scene_id)]
    counted = [Counter(classes[shape.class_id].name for shape in state.labels.shapes) for state in states]
    reviewed = {tile_id for state in states for tile_id in state.reviewed}
    blind = {tile_id for state in states for tile_id, tile in state.reviewed.items() if tile.blind}
    return SceneRow(
        scene_id=scene_id,
        files=len(files),
        heads=tuple(state.path.name for state in states),
        annotators=tuple(sorted({annotator_of(path) for path in files})),
        slicks=tuple(dict(sorted(one.items())) for one in counted),
        complete=any(state.complete for state in states),
        reviewed_tiles=len(reviewed),
        blind_tiles=len(blind),
    )


def _state(path: Path, scene_id: str, classes: ClassTable) -> Json:
    state = read_scene_state(path, classes, scene_id)
    said = read_state(path)
    return {
        "file": path.name,
        "annotator": state.annotator,
        "saved": f"{time_of(path):%Y-%m-%dT%H:%M:%SZ}",
        "complete": state.complete,
        "based_on": list(state.based_on),
        "comment": said.get("comment"),
        "notes": list(state.labels.notes),
        "slicks": [_slick(shape, state, classes) for shape in state.labels.shapes],
        "tiles": {tile_id: dict(tile.said) for tile_id, tile in sorted(state.tiles.items())},
        "rejected": said.get("rejected", []),
    }


def _slick(shape: GroundShape, state: SceneState, classes: ClassTable) -> Json:
    size = {"area_px": round(shape.geometry.area, 1)} if state.labels.pixels else {"area_km2": area_km2(shape.geometry)}
    about = {name: shape.properties.get(name) for name in ("source", "model", "started", "finished")}
    return {"slick_id": shape.slick_id, "class": classes[shape.class_id].name, **size, **about}
