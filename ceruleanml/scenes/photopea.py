"""Photopea folders: one scene's background image with the label layers drawn over it beside it."""

from __future__ import annotations

from pathlib import Path

from ceruleanml.errors import SceneError
from ceruleanml.scenes.georeference import Georeference
from ceruleanml.scenes.raster import open_dataset, open_raster
from ceruleanml.scenes.scene import Scene


def is_background(path: Path) -> bool:
    """Whether the file is a scene's background: `Background.png`, or a longer name that ends in `_Background.png`."""
    name = path.name.lower()
    return name == "background.png" or name.endswith("_background.png")


def find_background(folder: Path) -> Path | None:
    """The folder's background image, None where it holds none. Raises SceneError where it holds several."""
    found = sorted(path for path in folder.iterdir() if is_background(path))
    if len(found) > 1:
        raise SceneError(f"{folder}: holds several backgrounds, {found[0].name} and {found[1].name}; keep one")
    return found[0] if found else None


def open_photopea(folder: Path, scene_id: str, georeference: Georeference | None = None, band: str = "vv") -> Scene:
    """The scene whose background lies in the folder."""
    background = find_background(folder)
    if background is None:
        raise SceneError(f"{folder}: holds no Background.png")
    with open_dataset(str(background)) as dataset:
        if dataset.dtypes[0] != "uint8":
            raise SceneError(f"{background}: holds {dataset.dtypes[0]} pixels; export the background with 8 bits")
    return open_raster(str(background), scene_id, georeference, band)
