"""Lists of scene ids: read from lists, tables and GeoJSON of products, joined, compared, split and written."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import SceneError, StorageError, UsageError
from ceruleanml.scenes.scene import PRODUCT_NAME, orbit_pass, sensing_time
from ceruleanml.seeds import generator
from ceruleanml.storage import read_json, storage_error, write_bytes

ID_COLUMNS = (
    "scene_id", "sceneName", "Granule Name", "granule_name", "product_id", "title", "name", "id", "Name", "Id",
)  # fmt: skip
"""Columns and properties of ids, the first that is there: this project's, those of ASF's and Copernicus' searches."""
TABLES = (".csv", ".tsv")
COLLECTIONS = (".geojson", ".json")
ENDINGS = re.compile(r"\.(SAFE|zip|tiff?|geojson|json|png)$", re.IGNORECASE)


@dataclass(frozen=True)
class ListReport:
    """The ids of lists, each once in their order; which stood twice, and which are no Sentinel-1 GRD product's name."""

    ids: tuple[str, ...]
    twice: tuple[str, ...]
    strange: tuple[str, ...]


def read_scene_list(path: Path, column: str | None = None) -> list[str]:
    """The ids that a file names, in its order, also those that stand twice.

    `.csv` and `.tsv` are tables with a column of ids, `.geojson` and `.json` FeatureCollections of products or lists
    of ids; any other file has one id or location a line, `#` begins a comment. Of a location only the product's name
    counts. Raises SceneError for a file that is none of these, StorageError for one that cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in COLLECTIONS:
        found = _of_json(path, column)
    elif suffix in TABLES:
        found = _of_table(path, column)
    else:
        found = [re.sub(r"(^|\s)#.*", "", line).strip().rstrip(",") for line in _text(path).splitlines()]
    ids = [id_of(name) for name in found if name]
    if not ids:
        raise SceneError(f"{path}: names no scene; give one id a line, a table or a GeoJSON of products")
    return ids


def id_of(name: str) -> str:
    """The scene id in a location or file name: its last part without the ending of a product, archive or image."""
    return ENDINGS.sub("", name.strip().strip("\"'").rstrip("/").rsplit("/", 1)[-1])


def checked(ids: Iterable[str]) -> ListReport:
    """The ids each once in their order, with what is to be said of them."""
    seen: dict[str, int] = {}
    for scene_id in ids:
        seen[scene_id] = seen.get(scene_id, 0) + 1
    return ListReport(
        tuple(seen),
        tuple(scene_id for scene_id, times in seen.items() if times > 1),
        tuple(scene_id for scene_id in seen if not PRODUCT_NAME.fullmatch(scene_id)),
    )


def union(lists: Sequence[Sequence[str]]) -> list[str]:
    """Every id of the lists, once, in the order in which they occur first."""
    return list(dict.fromkeys(scene_id for ids in lists for scene_id in ids))


def difference(first: Sequence[str], others: Sequence[Sequence[str]]) -> list[str]:
    """The ids of the first list that stand in no other, once, in its order."""
    left_out = {scene_id for ids in others for scene_id in ids}
    return [scene_id for scene_id in dict.fromkeys(first) if scene_id not in left_out]


def intersection(lists: Sequence[Sequence[str]]) -> list[str]:
    """The ids that stand in every list, once, in the order of the first."""
    common = set(lists[0]).intersection(*lists[1:])
    return [scene_id for scene_id in dict.fromkeys(lists[0]) if scene_id in common]


def split(ids: Sequence[str], parts: int, seed: int = 0) -> list[list[str]]:
    """The ids, each once, dealt into parts of nearly equal size, each in the given order.

    Scenes of one sweep of the satellite (mission and data take) stay together; which sweep goes where is drawn by the
    seed. For parts to train and judge on, `ceruleanml partition` looks at labels, places and times too. Raises
    UsageError where there are fewer sweeps than parts.
    """
    ids = list(dict.fromkeys(ids))
    sweeps: dict[str, list[str]] = {}
    for scene_id in ids:
        sweeps.setdefault(orbit_pass(scene_id) or scene_id, []).append(scene_id)
    if not 1 <= parts <= len(sweeps):
        raise UsageError(f"{len(ids)} scenes of {len(sweeps)} sweeps cannot be split into {parts} parts; give fewer")
    order = generator(seed, "split").permutation(len(sweeps))
    names = sorted(sorted(sweeps), key=lambda name: int(order[sorted(sweeps).index(name)]))
    names.sort(key=lambda name: -len(sweeps[name]))
    dealt: list[list[str]] = [[] for _ in range(parts)]
    for name in names:
        min(dealt, key=len).extend(sweeps[name])
    place = {scene_id: number for number, scene_id in enumerate(ids)}
    return [sorted(part, key=place.__getitem__) for part in dealt]


def write_scene_list(path: Path, ids: Sequence[str]) -> None:
    """Write ids, whole or not at all: as a table with what their names tell (`.csv`), else one a line."""
    if path.suffix.lower() != ".csv":
        write_bytes(path, "".join(f"{scene_id}\n" for scene_id in ids).encode())
        return
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(("scene_id", "sensing_time", "sweep"))
    for scene_id in ids:
        time = sensing_time(scene_id)
        rows.writerow((scene_id, time.isoformat() if time else "", orbit_pass(scene_id) or ""))
    write_bytes(path, buffer.getvalue().encode())


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except UnicodeDecodeError as error:
        raise SceneError(f"{path}: is no text in UTF-8; give a list of ids") from error
    if "\0" in text:
        raise SceneError(f"{path}: is no text; give a list of ids")
    return text


def _of_table(path: Path, column: str | None) -> list[str]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        rows = list(csv.DictReader(io.StringIO(_text(path)), delimiter=delimiter))
    except csv.Error as error:
        raise SceneError(f"{path}: is no CSV ({error}); write it as one") from error
    names = list(rows[0]) if rows else []
    wanted = _first(names, column, path)
    return [str(row[wanted] or "") for row in rows]


def _of_json(path: Path, column: str | None) -> list[str]:
    try:
        content = read_json(path)
    except StorageError as error:
        raise SceneError(str(error)) from error
    if isinstance(content, list) and all(isinstance(one, str) for one in content):
        return content
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not all(isinstance(one, dict) for one in features):
        raise SceneError(f"{path}: is no FeatureCollection of products and no list of ids")
    return [_of_feature(feature, place, path, column) for place, feature in enumerate(features, start=1)]


def _of_feature(feature: dict[str, Any], place: int, path: Path, column: str | None) -> str:
    properties = feature.get("properties")
    about = {**(properties if isinstance(properties, dict) else {})}
    if isinstance(feature.get("id"), str):
        about.setdefault("id", feature["id"])
    value = about[_first(list(about), column, f"{path}: feature {place}")]
    if not isinstance(value, str):
        raise SceneError(
            f"{path}: feature {place}: its id is {json.dumps(value):.40}, no text; name the right --column"
        )
    return value


def _first(names: Sequence[str], column: str | None, where: Path | str) -> str:
    """The column of ids: the named one, else the first usual one. Raises SceneError."""
    for name in (column,) if column is not None else ID_COLUMNS:
        if name in names:
            return name
    wanted = column or ", ".join(ID_COLUMNS[:3])
    raise SceneError(f"{where}: has no column {wanted}, but {', '.join(names[:8]) or 'none'}; name the right --column")
