"""The label store: what people drew, one file for each time they saved, never changed and never deleted.

`<store>/<scene_id>/<time>_<annotator>.geojson`, the time as 20201121T225759Z, so that names sort by it. Each file is
the whole state of its scene at that time (see `labels.geojson`). Beside `complete` it may have a member `tiles`: for
the tile_id of each tile that was gone through alone `reviewed` (true), and what it took, `seconds` and `clicks`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ceruleanml.errors import LabelError, StorageError
from ceruleanml.storage import make_folder, storage_error, write_json

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""What names of annotators and scenes are made of, so that none leaves its folder."""


def append(store: Path, scene_id: str, collection: Mapping[str, Any], annotator: str, time: datetime) -> Path:
    """Add the state of a scene to the store and return its new file; nothing that is there is touched.

    `collection` is a GeoJSON FeatureCollection, `time` is aware of its zone. Raises LabelError for a name that cannot
    be a file's and where this annotator saved this scene within the same second, StorageError for a full disk.
    """
    for what, name in (("annotator", annotator), ("scene", scene_id)):
        if not NAME.fullmatch(name):
            raise LabelError(
                f"{what} {name!r}: may hold letters, digits, dot, hyphen and underscore; choose another name"
            )
    folder = make_folder(store / scene_id)
    target = folder / f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}_{annotator}.geojson"
    written = folder / f".{target.name}.{os.getpid()}.part"
    try:
        write_json(written, collection)
        os.link(written, target)  # fails where the file is there, so two writers cannot take each other's place
    except FileExistsError as error:
        raise LabelError(f"{target}: is there already; save again a second later") from error
    except OSError as error:
        raise storage_error(target, error) from error
    finally:
        written.unlink(missing_ok=True)
    return target


def files_of(store: Path, scene_id: str) -> list[Path]:
    """The files of a scene, oldest first; none where nothing was saved. Raises StorageError."""
    folder = store / scene_id
    if not folder.is_dir():
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".geojson" and not path.name.startswith("."))
    except OSError as error:
        raise storage_error(folder, error, "read") from error


def check_store(store: Path) -> None:
    """Raise StorageError where the store is no folder."""
    if not store.is_dir():
        raise StorageError(f"{store}: is no label store; name the folder into which the page's labels are imported")
