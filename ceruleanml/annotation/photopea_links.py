"""Links that open scenes in Photopea with a button a class: for teams that keep drawing there."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from ceruleanml.annotation.page_files import CLASSES_NAME, classes_script
from ceruleanml.classes import ClassTable
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.labels.states import NAME
from ceruleanml.scenes.reading import find_scenes, scene_id_of
from ceruleanml.scenes.scene_list import id_of, read_scene_list
from ceruleanml.storage import make_folder, storage_error, write_bytes

PHOTOPEA = "https://www.photopea.com/"
PAGE_PARTS = ("photopea.html", "photopea.js", "photopea.css")
BACKGROUND = "{scene_id}/Background.png"
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>Scenes to draw in Photopea</title>
</head>
<body>
<h1>Scenes to draw in Photopea</h1>
<p>The first link opens the scene with a button a class, the second Photopea alone.</p>
<ol>
"""
TAIL = "</ol>\n</body>\n</html>\n"


def scene_ids_of(arguments: Sequence[str]) -> list[str]:
    """The scene ids that the arguments name, each once, in their order.

    An argument is a scene id, a list of them in a file (see `scene_list.read_scene_list`), or a folder of scenes.
    Raises SceneError, StorageError, and UsageError for what is no id.
    """
    found: list[str] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found += map(scene_id_of, find_scenes([argument]))
        elif path.is_file():
            found += read_scene_list(path)
        else:
            found.append(id_of(argument))
    for scene_id in found:
        if not NAME.fullmatch(scene_id):
            raise UsageError(f"{scene_id[:100]!r} is no scene id; ids hold letters, digits, dot, hyphen and underscore")
    return list(dict.fromkeys(found))


def image_address(pattern: str, scene_id: str) -> str:
    """Where a scene's background lies: the pattern with its `{scene_id}` filled in, `/<scene_id>/Background.png` added
    where it has none. Raises UsageError where that is no web address.
    """
    whole = pattern if "{scene_id}" in pattern else f"{pattern.rstrip('/')}/{BACKGROUND}"
    parts = urlsplit(whole)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"--base-url {pattern}: is no web address; write https://HOST/FOLDER")
    return whole.replace("{scene_id}", quote(scene_id))


def page_link(page: str, scene_id: str, image: str) -> str:
    """The address of photopea.html for a scene; behind the #, where no server sees it."""
    return f"{page}#{urlencode({'scene': scene_id, 'image': image})}"


def photopea_link(image: str) -> str:
    """The address that opens an image in Photopea itself."""
    return f"{PHOTOPEA}#{quote(json.dumps({'files': [image]}), safe='')}"


def write_links(out: Path, scene_ids: Sequence[str], base_url: str, classes: ClassTable) -> None:
    """Write a page of links, and beside it photopea.html and what that needs. Raises StorageError, UsageError."""
    if out.name in PAGE_PARTS:
        raise UsageError(f"{out}: the file that the links lead to has that name; choose another --out")
    rows = []
    for scene_id in scene_ids:
        image = image_address(base_url, scene_id)
        addresses = page_link("photopea.html", scene_id, image), photopea_link(image)
        draw, alone = (html.escape(address, quote=True) for address in addresses)
        rows.append(f'<li><a href="{draw}">{html.escape(scene_id)}</a> · <a href="{alone}">Photopea alone</a></li>\n')
    folder = make_folder(out.parent)
    _copy_page(folder, classes)
    write_bytes(out, (HEAD + "".join(rows) + TAIL).encode())


def photopea_source() -> Path:
    """The folder of photopea.html. Raises StorageError where this is not the repository."""
    folder = Path(str(files("ceruleanml"))).parent / "data-processing"
    if not (folder / PAGE_PARTS[0]).is_file():
        raise StorageError(f"{folder}: holds no {PAGE_PARTS[0]}; run this in the repository of ceruleanml")
    return folder


def _copy_page(folder: Path, classes: ClassTable) -> None:
    source = photopea_source()
    make_folder(folder / "public")
    write_bytes(folder / "public" / CLASSES_NAME, classes_script(classes).encode())
    for name in PAGE_PARTS:
        try:
            shutil.copyfile(source / name, folder / name)
        except shutil.SameFileError:
            continue
        except OSError as error:
            raise storage_error(folder / name, error) from error
