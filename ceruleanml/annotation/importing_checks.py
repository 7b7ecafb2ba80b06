"""Checking what the annotation page saves: nothing that is wrong, too long or not a label gets into the store."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ceruleanml.annotation.importing_frames import SceneFrame
from ceruleanml.annotation.importing_shapes import geometry_json
from ceruleanml.classes import ClassTable
from ceruleanml.errors import LabelError
from ceruleanml.labels.geojson import LabelFile, labels_in
from ceruleanml.labels.geometry import MAX_PIXEL, polygons_of
from ceruleanml.labels.instances import GroundShape
from ceruleanml.labels.states import MOST_SCENE, STATE, check_name

MOST_FEATURES, MOST_TILES = 20_000, 100_000
MOST_TEXT, MOST_ID = 10_000, 300
"""Characters of a comment, and of the name of a slick, tile or model."""
FIRST_TIME = datetime(2000, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=10)
"""So far may an annotator's clock be ahead of this one."""
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters (a tab and a line's end may stand in text), half surrogate pairs, marks that turn text round."""
FLAGS, AMOUNTS = ("reviewed", "blind", "empty"), ("seconds", "clicks")
"""What is said of a tile, by kind."""
LARGEST = 1e15
"""Of numbers; larger ones are no measure of anything here."""
INSIDE = 1e-4
"""Share of a slick's area that may lie outside of its scene without a note: corners are rounded."""

Json = dict[str, Any]


@dataclass(frozen=True)
class CheckedSave:
    """A state that may go into the store: what to append under which names and time, and what the user should know."""

    collection: Json
    scene_id: str
    annotator: str
    time: datetime
    notes: tuple[str, ...]


def check_page_save(
    content: Any,
    source: str,
    classes: ClassTable,
    *,
    scene_id: str | None = None,
    annotator: str | None = None,
    frames: Sequence[SceneFrame] = (),
    evaluation: Collection[str] = (),
    now: datetime | None = None,
) -> CheckedSave:
    """The state that a page saved, checked and put into the form of the store; `source` begins every error.

    `scene_id` is the scene that it must be of, `annotator` takes the place of the one that it names. With `frames` of
    the scene each slick must touch it, and tiles get their `bounds`. A scene of `evaluation` is refused. `now` is the
    time of saves that say none. What a save has beside the contract is kept where it is a plain value. Raises
    LabelError.
    """
    if not isinstance(content, dict) or content.get("type") != "FeatureCollection":
        raise LabelError(f"{source}: is not a GeoJSON FeatureCollection; save it from the annotation page")
    scene = _scene(content, source, scene_id)
    if scene in evaluation:
        raise LabelError(
            f"{source}: scene {scene} belongs to the evaluation set; leave it out, or allow it with --allow-evaluation"
        )
    features = content.get("features")
    if isinstance(features, list) and len(features) > MOST_FEATURES:
        raise LabelError(f"{source}: holds {len(features):,} slicks; a scene may have {MOST_FEATURES:,}")
    labels = _labels(content, classes, scene, source)
    who, notes = _annotator(content, labels, source, annotator)
    time, late = _time(content, source, now or datetime.now(UTC))
    collection = _collection(content, labels, source, scene, who, classes, frames)
    notes += [*late, *labels.notes, *_outside(labels, source, scene, frames)]
    return CheckedSave(collection, scene, who, time, tuple(notes))


def _labels(content: Json, classes: ClassTable, scene: str, source: str) -> LabelFile:
    """The slicks, checked; whatever an error cites of the file is cut short and made printable."""
    try:
        return labels_in(content, classes, scene, source)
    except LabelError as error:
        raise LabelError(UNPRINTABLE.sub("?", str(error))[: len(source) + MOST_ID]) from error


def _scene(content: Json, source: str, expected: str | None) -> str:
    scene = content.get("scene_id", expected)
    if scene is None:
        raise LabelError(f"{source}: does not say which scene it labels; give it a member scene_id")
    _named("scene", scene, source, MOST_SCENE)
    if expected is not None and scene != expected:
        raise LabelError(f"{source}: labels scene {scene}, not {expected}; save it from that scene's page")
    return str(scene)


def _annotator(content: Json, labels: LabelFile, source: str, given: str | None) -> tuple[str, list[str]]:
    """Who drew it: as given, as the save says, or as all of its slicks say; and a note where two say otherwise."""
    names = {content["annotator"]} if isinstance(content.get("annotator"), str) else set()
    names = names or {str(shape.properties["annotator"]) for shape in labels.shapes if "annotator" in shape.properties}
    who = given or (names.pop() if len(names) == 1 else None)
    if who is None:
        raise LabelError(f"{source}: does not say who drew it; give --annotator")
    _named("annotator", who, source)
    said = next(iter(names - {who}), None)
    return who, [f"{source}: says that {_clean(said)} drew it; taken as drawn by {who}"] if said else []


def _named(what: str, name: Any, source: str, most: int = 100) -> None:
    try:
        check_name(what, name, most)
    except LabelError as error:
        raise LabelError(f"{source}: {error}") from error


def _clean(text: str) -> str:
    return UNPRINTABLE.sub("?", text)[:60]


def _time(content: Json, source: str, now: datetime) -> tuple[datetime, list[str]]:
    """When it was saved, and a note where its clock must have been wrong."""
    if content.get("saved") is None:
        return now, []
    saved = _moment(content["saved"], f"{source}: saved")
    if FIRST_TIME <= saved <= now + SKEW:
        return saved, []
    return now, [f"{source}: says it was saved on {saved:%Y-%m-%d %H:%M}, which cannot be; taken as saved now"]


def _moment(value: Any, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise LabelError(f"{where} is {value!r:.60}; write times as 2026-11-21T20:15:03Z")


def _outside(labels: LabelFile, source: str, scene: str, frames: Sequence[SceneFrame]) -> list[str]:
    """Notes on slicks that reach out of the scene. Raises LabelError for one that does not touch it."""
    fitting = [frame for frame in frames if (frame.georeference is None) == labels.pixels]
    if frames and not fitting:
        drawn, is_in = ("pixels", "longitude and latitude") if labels.pixels else ("degrees", "pixels of its image")
        raise LabelError(f"{source}: is in {drawn} but scene {scene} is in {is_in}; prepare the page again")
    notes = []
    outlines = [frame.outline() for frame in fitting]
    for shape in labels.shapes if outlines else ():
        share = max(shape.geometry.intersection(outline).area for outline in outlines) / shape.geometry.area
        if share == 0:
            raise LabelError(f"{source}: {_clean(shape.slick_id)} lies outside scene {scene}; is it of another scene?")
        if share < 1 - INSIDE:
            notes.append(
                f"{source}: {_clean(shape.slick_id)} reaches out of the scene with {1 - share:.1%} of its area"
            )
    return notes


def _collection(
    content: Json,
    labels: LabelFile,
    source: str,
    scene: str,
    annotator: str,
    classes: ClassTable,
    frames: Sequence[SceneFrame],
) -> Json:
    """The state as it is stored."""
    kept = _plain(content, source, skip=("comment",))
    lists = {
        "tiles": _tiles(content.get("tiles"), source, frames),
        "rejected": _rejected(content.get("rejected"), source),
        "based_on": _based_on(content.get("based_on"), source),
        "comment": _optional_text(content.get("comment"), f"{source}: comment"),
    }
    features = [
        _feature(raw, shape, f"{source}: feature {place}", annotator, classes, labels.pixels)
        for place, (raw, shape) in enumerate(zip(content["features"], labels.shapes, strict=True), start=1)
    ]
    named = {"type": "FeatureCollection", "scene_id": scene, "annotator": annotator, "features": features}
    return {
        **kept,
        **({"crs": None} if labels.pixels else {}),
        **{name: value for name, value in lists.items() if value},
        **named,
    }


def _feature(raw: Json, shape: GroundShape, where: str, annotator: str, classes: ClassTable, pixels: bool) -> Json:
    given = raw["properties"]
    for name in ("started", "finished"):
        if given.get(name) is not None:
            _moment(given[name], f"{where}: {name}")
    properties = _plain(given, where, skip=("comment",))
    properties |= {name: properties.get(name) for name in ("source", "started", "finished", "model")}
    properties["source"] = properties["source"] or "drawn"
    properties |= {"annotator": properties.get("annotator") or annotator, "class": classes[shape.class_id].name}
    properties["slick_id"] = _text(shape.slick_id, f"{where}: slick_id", MOST_ID)
    comment = _optional_text(given.get("comment"), f"{where}: comment")
    geometry = geometry_json(shape.geometry)
    polygons_of(geometry, where, pixels)  # what is stored now must be taken when it is read
    properties |= {"comment": comment} if comment else {}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _plain(members: Mapping[str, Any], where: str, skip: Collection[str]) -> Json:
    """The members that are plain values; text among them must be short and printable, as must their names."""
    found = {}
    for name, value in members.items():
        if name not in skip and isinstance(value, (str, int, float, bool, type(None))):
            _text(name, f"{where}: the name of a member", MOST_ID)
            if type(value) in (int, float) and not _is_number(value):
                raise LabelError(f"{where}: {name} is a number beyond all bounds; correct it")
            found[name] = _text(value, f"{where}: {name}", MOST_ID) if isinstance(value, str) else value
    return found


def _text(value: Any, where: str, most: int = MOST_TEXT) -> str:
    if not isinstance(value, str):
        raise LabelError(f"{where} must be text, got {value!r:.40}")
    if len(value) > most:
        raise LabelError(f"{where} has {len(value):,} characters; it may have {most:,}")
    if UNPRINTABLE.search(value):
        raise LabelError(f"{where} holds a control character; write it with plain letters")
    return value


def _optional_text(value: Any, where: str) -> str | None:
    return None if value is None else _text(value, where)


def _tiles(tiles: Any, source: str, frames: Sequence[SceneFrame]) -> Json:
    """What is said of tiles that were gone through alone, with `bounds` where a frame knows them."""
    if tiles is None:
        return {}
    if not isinstance(tiles, dict) or not all(isinstance(about, dict) for about in tiles.values()):
        raise LabelError(f"{source}: its member tiles is no table of tiles; save it from the annotation page")
    if len(tiles) > MOST_TILES:
        raise LabelError(f"{source}: names {len(tiles):,} tiles; it may name {MOST_TILES:,}")
    for tile_id in tiles:
        _text(tile_id, f"{source}: a tile's id", MOST_ID)
    return {tile_id: _tile(tile_id, about, f"{source}: tile {tile_id}", frames) for tile_id, about in tiles.items()}


def _tile(tile_id: str, about: Json, where: str, frames: Sequence[SceneFrame]) -> Json:
    found = _plain(about, where, skip=("comment",))
    for names, is_right, kind in ((FLAGS, _is_flag, "true or false"), (AMOUNTS, _is_amount, "a number of 0 or more")):
        wrong = next((name for name in names if found.get(name) is not None and not is_right(found[name])), None)
        if wrong is not None:
            raise LabelError(f"{where}: {wrong} must be {kind}, got {found[wrong]!r:.40}")
    comment = _optional_text(about.get("comment"), f"{where}: comment")
    known = [frame.bounds(frame.tiles[tile_id]) for frame in frames if tile_id in frame.tiles]
    bounds = known[0] if known else about.get("bounds")
    if bounds is not None and not _is_box(bounds):
        raise LabelError(f"{where}: bounds must be [west, south, east, north], got {bounds!r:.60}")
    return found | ({"comment": comment} if comment else {}) | ({"bounds": bounds} if bounds else {})


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_box(bounds: Any) -> bool:
    numbers = isinstance(bounds, list) and len(bounds) == 4
    numbers = numbers and all(_is_number(value) and abs(value) <= MAX_PIXEL for value in bounds)
    return bool(numbers and bounds[0] < bounds[2] and bounds[1] < bounds[3])


def _rejected(rejected: Any, source: str) -> list[Json]:
    if rejected is None:
        return []
    where = f"{source}: a rejected outline"
    if not isinstance(rejected, list) or not all(isinstance(one, dict) for one in rejected):
        raise LabelError(f"{source}: its member rejected is no list of outlines; save it from the annotation page")
    for one in rejected[:MOST_FEATURES]:
        _text(one.get("slick_id"), f"{where}: slick_id", MOST_ID)
    return [_plain(one, where, skip=()) for one in rejected[:MOST_FEATURES]]


def _based_on(names: Any, source: str) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) and STATE.fullmatch(name) for name in names):
        raise LabelError(f"{source}: based_on must list names of files of the store, got {names!r:.80}")
    return sorted(set(names))
