"""Finding scenes and opening each by what it is: SAFE, GeoTIFF, Photopea folder or plain image."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ceruleanml.errors import GeoreferenceError, SceneError
from ceruleanml.scenes.georeference_files import companion, load_georeference
from ceruleanml.scenes.photopea import find_background, open_photopea
from ceruleanml.scenes.raster import open_raster, stem_of
from ceruleanml.scenes.safe import open_safe
from ceruleanml.scenes.scene import PRODUCT_NAME, Radiometry, Scene
from ceruleanml.storage import is_remote
from ceruleanml.vsi import matching

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
MAX_ID_BYTES = 220
"""Tiles add their row and column and a suffix to the scene's id, and file systems allow names of 255 bytes."""
LIST_SUFFIXES = (".txt", ".list")


def open_scene(
    location: str, polarisation: str = "vv", radiometry: Radiometry | None = None, georeference: str | None = None
) -> Scene:
    """The scene at a location (local path, gs:// or s3://).

    `georeference` is a pattern with `{scene_id}` that names a companion file; it takes the place of a raster's own
    georeference, and is not looked at for SAFE products. Raises SceneError, GeoreferenceError.
    """
    radiometry = radiometry or Radiometry()
    if is_safe(location):
        return open_safe(location, polarisation, radiometry)
    if radiometry.name != "dn":
        raise SceneError(f"{location}: only SAFE products carry calibration; use radiometry dn here")
    scene = _open_image(location, polarisation)
    if georeference is None:
        return scene
    file = companion(georeference, scene.scene_id)
    found = load_georeference(file, scene.height_width)
    return replace(scene, georeference=found, nodata=0, inputs=(*scene.inputs, file))


def _open_image(location: str, band: str) -> Scene:
    path = Path(location)
    if not is_remote(location):
        if not path.exists():
            raise SceneError(f"{location}: no such file or folder")
        if path.is_dir():
            return open_photopea(path, scene_id_of(location), None, band)
    return open_raster(location, stem_of(location), band=band)


def is_safe(location: str) -> bool:
    """Whether a location is named like a Sentinel-1 product: a .SAFE folder, a zip, or a bucket's bare product name."""
    name = location.rstrip("/").rsplit("/", 1)[-1]
    return name.endswith((".SAFE", ".zip")) or (is_remote(location) and PRODUCT_NAME.fullmatch(name) is not None)


def scene_id_of(location: str) -> str:
    """The id of the scene at a location, without opening it."""
    if is_remote(location):
        return stem_of(location)
    path = Path(os.path.abspath(location))  # of "." and "..", the folder's own name
    return path.name if path.is_dir() and not is_safe(path.name) else stem_of(str(path))


def find_scenes(arguments: Sequence[str]) -> list[str]:
    """The locations of all scenes that the arguments name, sorted by scene id.

    An argument is a scene, a folder of scenes, a glob, here or in a bucket, a list of locations in a text file (one a
    line, relative to the file, `#` begins a comment) or a bucket's object. Raises SceneError where one names nothing,
    or where two locations give the same scene id.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        for location in _expand(argument):
            scene_id = scene_id_of(location)
            _check_scene_id(scene_id, location)
            other = found.setdefault(scene_id, location)
            if os.path.realpath(other) != os.path.realpath(location):
                raise SceneError(f"{location}: scene {scene_id} was given before as {other}; rename or drop one")
    if not found:
        raise SceneError("no scenes were given; name scenes, folders of scenes or a scene list")
    return [found[scene_id] for scene_id in sorted(found)]


def _check_scene_id(scene_id: str, location: str) -> None:
    """Raise SceneError where files cannot be named after the scene."""
    try:
        length = len(scene_id.encode())
    except UnicodeEncodeError as error:
        raise SceneError(f"{location!r}: its name is not UTF-8; rename it") from error
    if not 0 < length <= MAX_ID_BYTES:
        raise SceneError(f"{location}: its name must have 1 to {MAX_ID_BYTES} bytes, for its tiles are named after it")


def _expand(argument: str) -> Iterable[str]:
    if is_remote(argument):
        return _in_bucket(argument) if glob.has_magic(argument) else [argument]
    path = Path(argument)
    if path.is_dir():
        return [argument] if _is_scene_folder(path) else _scenes_within(path)
    if path.suffix in LIST_SUFFIXES and path.is_file():
        return _scenes_listed(path)
    if path.is_file():
        return [argument]
    if path.exists():
        raise SceneError(f"{argument}: is neither a file nor a folder")
    matches = [match for match in sorted(glob.glob(argument, recursive=True)) if _may_be_scene(Path(match))]
    if not matches:
        raise _no_match(argument)
    return [location for match in matches for location in _expand(match)]


def _in_bucket(pattern: str) -> list[str]:
    """The scenes that a pattern names in a bucket, sorted. Raises SceneError for none."""
    if "**" in pattern:
        raise SceneError(f"{pattern}: ** is for folders here; in a bucket write a * for each level")
    found = [location for location in matching(pattern) if is_safe(location) or _is_image(location)]
    if not found:
        raise _no_match(pattern)
    return found


def _no_match(argument: str) -> SceneError:
    return SceneError(f"{argument}: no such file or folder, and as a pattern it matches no scene")


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _may_be_scene(path: Path) -> bool:
    """Whether a file is named like a scene, or a folder may hold one; labels and side files are not."""
    return path.is_dir() or (path.name.lower().endswith((*IMAGE_SUFFIXES, *LIST_SUFFIXES, ".zip")) and path.is_file())


def _is_scene_folder(path: Path) -> bool:
    return is_safe(path.name) or find_background(path) is not None


def _scenes_within(folder: Path) -> list[str]:
    scenes = [
        str(child)
        for child in sorted(folder.iterdir())
        if (_is_scene_folder(child) if child.is_dir() else _may_be_scene(child) and child.name[0] != ".")
        and child.suffix not in LIST_SUFFIXES
    ]
    if not scenes:
        raise SceneError(f"{folder}: holds no scene (a .SAFE product, an image, or a folder with Background.png)")
    return scenes


def _scenes_listed(file: Path) -> list[str]:
    try:
        lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in file.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise SceneError(f"{file}: cannot be read as a list of scenes: {error}") from error
    if any("\0" in line for line in lines):
        raise SceneError(f"{file}: is no text; a list of scenes holds one location a line")
    found = [line if is_remote(line) else str(file.parent / line) for line in lines if line]
    if found and not any(is_remote(one) or os.path.exists(one) for one in found):
        raise SceneError(
            f"{file}: is no list of scenes: none of its lines names a file or folder; the first is {found[0]!r}"
        )
    return found


def need_georeference(scene: Scene) -> Scene:
    """The scene itself. Raises GeoreferenceError where it has no georeference."""
    if scene.georeference is None:
        raise GeoreferenceError(f"{scene.source}: has no georeference; name its companion file with --georeference")
    return scene
