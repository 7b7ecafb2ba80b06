"""Which labels belong to a scene: layers beside its background, a GeoJSON file, a mask, layers, or a store's states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.consensus import RULE
from ceruleanml.labels.geojson import LabelFile, read_label_file
from ceruleanml.labels.instances import GroundShape, ImageMask
from ceruleanml.labels.layers import find_layers, read_layer
from ceruleanml.labels.masks import DEFAULT_THRESHOLD, read_mask
from ceruleanml.labels.pixel_shapes import image_mask
from ceruleanml.labels.scene_states import SceneState, read_scene_state
from ceruleanml.labels.snapshots import Store, find_store
from ceruleanml.scenes.photopea import find_background
from ceruleanml.storage import is_remote

GEOJSON_SUFFIXES = (".geojson", ".json")
MASK_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
NO_LAYERS = "its folder holds no layer (PNG): taken as a scene without slicks"
NO_LABELS = "no labels found: taken as a scene without slicks"
NOT_COMPLETE = "is not marked complete, so other slicks may be taken for background"
Instances = tuple[ImageMask | GroundShape, ...]


@dataclass(frozen=True)
class Labels:
    """The instances of a scene, the files they came from, and what the user should know about them.

    `states` are those of a label store that count. Where several annotators drew the scene on their own, `instances`
    are those of the newest: what they agree on can be told only on a grid (see `labels.consensus`). `everywhere` says
    that the whole scene was gone through; where it was not, a store's states say which tiles were.
    """

    instances: Instances
    inputs: tuple[str, ...]
    notes: tuple[str, ...]
    states: tuple[SceneState, ...] = ()
    everywhere: bool = True


def labels_of(
    scene_id: str, location: str, labels_dir: Path | None, height_width: tuple[int, int], classes: ClassTable,
    mask_class: int = 1, mask_threshold: int = DEFAULT_THRESHOLD,
) -> Labels:  # fmt: skip
    """The labels of the scene at a location, whose image has that (height, width).

    In `labels_dir` they are `<scene_id>.geojson` (or .json), a mask `<scene_id>.png` (.tif, .jpg), which is of class
    `mask_class` where it is above `mask_threshold`, or a folder `<scene_id>` of layers; in a label store, named as
    STORE or STORE@SNAPSHOT, they are the scene's states that count. Without `labels_dir` they are the layers in a
    Photopea folder, or `<scene_id>.geojson` beside the scene. Raises LabelError where two of these are there at once,
    or one cannot be read.
    """
    store = _store(labels_dir, scene_id)
    if store is not None:
        return _from_store(store, scene_id, height_width, classes)
    source = _source(scene_id, location, labels_dir)
    if source is None:
        return Labels((), (), (NO_LABELS,), everywhere=False)
    if source.is_dir():
        return _from_layers(source, height_width, classes, scene_id)
    if source.suffix.lower() in GEOJSON_SUFFIXES:
        return _from_geojson(source, height_width, classes, scene_id)
    mask = read_mask(source, height_width, mask_class, mask_threshold, scene_id)
    notes = () if mask else (f"its mask holds no pixel above {mask_threshold}",)
    return Labels((mask,) if mask else (), (str(source),), notes)


def label_files(scene_id: str, location: str, labels_dir: Path | None) -> list[str]:
    """The files that `labels_of` would read for a scene, none of which is opened. Raises LabelError as it does."""
    store = _store(labels_dir, scene_id)
    if store is not None:
        return [str(path) for path in store.heads(scene_id)]
    source = _source(scene_id, location, labels_dir)
    if source is None:
        return []
    return [str(path) for path in find_layers(source)] if source.is_dir() else [str(source)]


def _source(scene_id: str, location: str, labels_dir: Path | None) -> Path | None:
    found = _beside(scene_id, location) if labels_dir is None else _within(labels_dir, scene_id, location)
    if len(found) > 1:
        raise LabelError(f"{found[0]} and {found[1]}: both label scene {scene_id}; keep one")
    return found[0] if found else None


def _within(labels_dir: Path, scene_id: str, location: str) -> list[Path]:
    """All that labels the scene in a folder of labels; the scene itself is no label of its own."""
    if not labels_dir.is_dir():
        raise LabelError(f"{labels_dir}: no such folder; --labels names a folder of label files")
    scene = Path(location).absolute()
    files = [labels_dir / f"{scene_id}{suffix}" for suffix in (*GEOJSON_SUFFIXES, *MASK_SUFFIXES)]
    found = [file for file in files if file.is_file() and file.absolute() != scene]
    folder = labels_dir / scene_id
    return [*found, folder] if folder.is_dir() else found


def _beside(scene_id: str, location: str) -> list[Path]:
    """All that labels the scene where it lies."""
    if is_remote(location):
        return []
    scene = Path(location)
    file = scene.parent / f"{scene_id}.geojson"
    found = [file] if file.is_file() else []
    if scene.is_dir() and find_background(scene) is not None and find_layers(scene):
        found.append(scene)
    return found


def _from_layers(folder: Path, height_width: tuple[int, int], classes: ClassTable, scene_id: str) -> Labels:
    layers = find_layers(folder)
    if not layers and any(path.suffix.lower() in GEOJSON_SUFFIXES for path in folder.iterdir()):
        raise LabelError(f"{folder}: holds GeoJSON but no layers; put one file {scene_id}.geojson beside the folder")
    if not layers:
        return Labels((), (), (NO_LAYERS,))
    read = [(path, read_layer(path, height_width, classes, scene_id)) for path in layers]
    notes = tuple(f"{path.name}: holds no labelled pixel" for path, mask in read if mask is None)
    return Labels(tuple(mask for _, mask in read if mask), tuple(str(path) for path in layers), notes)


def _from_geojson(path: Path, height_width: tuple[int, int], classes: ClassTable, scene_id: str) -> Labels:
    file = read_label_file(path, classes, scene_id)
    instances, notes = _instances(file, height_width, scene_id)
    if file.complete is False:
        notes = (*notes, f"{path}: {NOT_COMPLETE}")
    return Labels(instances, (str(path),), notes, everywhere=file.complete is not False)


def _instances(file: LabelFile, height_width: tuple[int, int], scene_id: str) -> tuple[Instances, tuple[str, ...]]:
    """The file's instances, those of pixels as masks of the image, and its notes."""
    if not file.pixels:
        return file.shapes, file.notes
    masks = [(shape, image_mask(shape, height_width)) for shape in file.shapes]
    lost = [f"{shape.slick_id}: lies outside the image of scene {scene_id}" for shape, mask in masks if mask is None]
    return tuple(mask for _, mask in masks if mask), (*file.notes, *lost)


def _store(labels_dir: Path | None, scene_id: str) -> Store | None:
    """The label store that the labels are in. Raises LabelError where a file of the scene lies in it, too."""
    store = None if labels_dir is None else find_store(labels_dir, scene_id)
    if store is None:
        return None
    files = [store.root / f"{scene_id}{suffix}" for suffix in (*GEOJSON_SUFFIXES, *MASK_SUFFIXES)]
    beside = next((file for file in files if file.is_file()), None)
    if beside is not None and store.files(scene_id):
        raise LabelError(f"{store.root / scene_id} and {beside}: both label scene {scene_id}; keep one")
    return store


def _from_store(store: Store, scene_id: str, height_width: tuple[int, int], classes: ClassTable) -> Labels:
    heads = store.heads(scene_id)
    if not heads:
        return Labels((), (), (NO_LABELS,), everywhere=False)
    states = [read_scene_state(path, classes, scene_id) for path in heads]
    found = [_instances(state.labels, height_width, scene_id) for state in states]
    notes = [note for _, said in found for note in said]
    notes += [note for state in states for note in _completeness(state)]
    if len(states) > 1:
        names = ", ".join(sorted(state.annotator for state in states))
        notes.append(f"drawn by {names} on their own: {RULE}")
    inputs = tuple(str(path) for path in heads)
    return Labels(found[-1][0], inputs, tuple(notes), tuple(states), any(state.complete for state in states))


def _completeness(state: SceneState) -> list[str]:
    """A note where not all of the scene was gone through."""
    if state.complete:
        return []
    if state.reviewed:
        tiles = "1 tile" if len(state.reviewed) == 1 else f"{len(state.reviewed):,} tiles"
        return [f"{state.path}: {NOT_COMPLETE}: only {tiles} of it were gone through"]
    return [] if state.labels.complete is None else [f"{state.path}: {NOT_COMPLETE}"]
