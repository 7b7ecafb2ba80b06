"""A folder of Photopea layers as a label file: one slick a layer, laid where its scene lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ceruleanml.annotation.importing_frames import Frames, SceneFrame
from ceruleanml.annotation.importing_shapes import geometry_json, mask_outline, on_ground
from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError, SceneError
from ceruleanml.labels.layers import find_layers, read_layer
from ceruleanml.scenes.georeference import GroundControlPoints
from ceruleanml.scenes.photopea import find_background
from ceruleanml.scenes.raster import open_dataset
from ceruleanml.scenes.reading import scene_id_of

Json = dict[str, Any]
MOST_PIXELS = 1 << 30
"""Of a layer; a file of half a megabyte may unpack to many times as many."""


def is_layers(folder: Path) -> bool:
    """Whether a folder holds layers, or a background on which nothing was drawn."""
    return folder.is_dir() and (bool(find_layers(folder)) or find_background(folder) is not None)


def collection_of(folder: Path, classes: ClassTable, frames: Frames) -> tuple[Json, list[str]]:
    """The state of the scene that a folder of layers is named after, as the page would save it, and notes.

    Of a scene that is given the layers lie where the frame of their size does, else they stay in the pixels of their
    image. Raises LabelError.
    """
    scene_id = scene_id_of(str(folder))
    layers = find_layers(folder)
    background = find_background(folder)
    first = layers[0] if layers else background
    if first is None:
        raise LabelError(f"{folder}: holds no layer (PNG); name the folder that Photopea's layers were saved in")
    height_width = _size(first)
    frame = _frame(scene_id, height_width, folder, frames)
    place = frame.to_ground if frame else None
    affine = frame is None or not isinstance(frame.georeference, GroundControlPoints)
    features, notes = [], []
    for path in layers:
        mask = read_layer(path, height_width, classes, scene_id)
        if mask is None:
            notes.append(f"{path}: holds no labelled pixel")
            continue
        outline = on_ground(mask_outline(mask.row, mask.col, mask.mask), place, affine)
        properties = {"class": classes[mask.class_id].name, "slick_id": mask.slick_id, "source": "drawn"}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry_json(outline)})
    members: Json = {"type": "FeatureCollection", "scene_id": scene_id, "complete": True, "features": features}
    return members | ({"crs": None, "pixels": True} if place is None else {}), notes


def _size(path: Path) -> tuple[int, int]:
    try:
        with open_dataset(str(path)) as dataset:
            height, width = int(dataset.height), int(dataset.width)
    except SceneError as error:
        raise LabelError(str(error)) from error
    if height * width > MOST_PIXELS:
        raise LabelError(
            f"{path}: has {height:,} x {width:,} pixels, more than any scene; export it at its scene's size"
        )
    return height, width


def _frame(scene_id: str, height_width: tuple[int, int], folder: Path, frames: Frames) -> SceneFrame | None:
    known = frames.of(scene_id)
    fitting = [frame for frame in known if frame.height_width == height_width]
    if fitting or not frames:
        return fitting[0] if fitting else None
    if not known:
        raise LabelError(f"{folder}: is of scene {scene_id}, which is not among the given ones; give its scene too")
    sizes = " or ".join("{} x {}".format(*frame.height_width) for frame in known)
    raise LabelError(f"{folder}: its layers are {height_width[0]} x {height_width[1]} pixels, its scene is {sizes}")
