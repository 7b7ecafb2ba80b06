"""Which classes a training learns and which scenes it holds out, as the configuration says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.datasets.grouping import SceneSummary
from ceruleanml.datasets.partition import partition
from ceruleanml.errors import ClassTableError, DatasetError, UsageError
from ceruleanml.models.config import DataConfig
from ceruleanml.models.targets import IGNORE, ClassMap
from ceruleanml.models.tile_reading import Tile
from ceruleanml.scenes.scene import sensing_time


class NotShown(DatasetError):
    """No training tile shows a slick, or none of a class that is asked for; more labels mend it."""


def counted_as(table: ClassTable, config: DataConfig) -> tuple[str | None, ...]:
    """The name that each class of the table counts as, by its id; None for those that are dropped.

    Raises UsageError for names that are not in the table, or that contradict each other.
    """
    merged = config.merge_classes
    _check_names("data.drop_classes", config.drop_classes, table)
    _check_names("data.merge_classes", [*merged, *merged.values()], table)
    _check_names("data.classes", config.classes or [], table)
    for name, target in merged.items():
        if name in config.drop_classes or target in config.drop_classes or target in merged:
            raise UsageError(
                f"data.merge_classes: {name} is to count as {target}, and one of them is dropped or merged itself; "
                "name each class once"
            )
    gone = [name for name in config.classes or [] if name in config.drop_classes or name in merged]
    if gone:
        raise UsageError(f"data.classes: {gone[0]} is dropped or merged; leave it out of one of them")
    return tuple(None if name in config.drop_classes else merged.get(name, name) for name in table.names)


def class_map(counted: Sequence[str | None], classes: Sequence[str], min_area_px: int) -> ClassMap:
    """The model's class of each class of the data set; IGNORE for those that the model does not have."""
    return ClassMap(tuple(classes.index(name) if name in classes else IGNORE for name in counted), min_area_px)


def chosen_classes(
    table: ClassTable, counted: Sequence[str | None], config: DataConfig, shown: Iterable[int]
) -> tuple[str, ...]:
    """The classes of the model, background first; `shown` are the data set's class ids that training tiles show.

    Raises NotShown where there is no slick, or not one of a class that is asked for.
    """
    there = {counted[class_id] for class_id in shown}
    if not there:
        raise NotShown(f"{config.train}: no training tile shows a slick; label some, or drop fewer classes")
    if config.classes is None:
        return (table.names[0], *(name for name in table.slick_names if name in there))
    if not config.classes:
        raise UsageError("data.classes is empty; name one slick class or more, or give null for all that are shown")
    absent = [name for name in config.classes if name not in there]
    if absent:
        raise NotShown(
            f"{config.train}: no training tile shows {absent[0]}, which data.classes names; leave it out there, "
            "or label some"
        )
    return (table.names[0], *config.classes)


def held_out(tiles: Sequence[Tile], counted: Sequence[str | None], share: float, seed: int) -> frozenset[str]:
    """The ids of the tiles' scenes to validate on: about that share of each class's slicks, and of scenes without any.

    Scenes of one pass, and those near in place and time, stay on one side (see `datasets.grouping`). Raises
    DatasetError where all are of one group.
    """
    dataset = tiles[0].dataset
    counts = _slick_counts(tiles, counted)
    scene_ids = sorted({tile.scene_id for tile in tiles})
    summaries = [_summary(name, dataset.scene(name), counts.get(name, {})) for name in scene_ids]
    try:
        return frozenset(partition(summaries, (1 - share, share, 0.0), seed).parts["val"])
    except UsageError as error:
        scenes = f"its {len(scene_ids)} scenes belong together" if len(scene_ids) > 1 else "it holds a single scene"
        raise DatasetError(
            f"{dataset.root}: {scenes}, so none can be held out; give data.validation, a data set of other scenes"
        ) from error


def _check_names(setting: str, names: Iterable[str], table: ClassTable) -> None:
    names = list(names)
    for name in names:
        try:
            number = table.id_of(name)
        except ClassTableError as error:
            raise UsageError(f"{setting}: {error}") from error
        if number == 0:
            raise UsageError(f"{setting}: {name} is no slick class; choose of {', '.join(table.slick_names)}")
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice and setting != "data.merge_classes":
        raise UsageError(f"{setting}: {twice[0]} stands twice; name each class once")


def _slick_counts(tiles: Sequence[Tile], counted: Sequence[str | None]) -> dict[str, Counter[str]]:
    """For each scene id the number of its slicks by class."""
    slicks = {(tile.scene_id, piece.slick_id, counted[piece.class_id]) for tile in tiles for piece in tile.pieces}
    counts: dict[str, Counter[str]] = {}
    for scene_id, _, name in slicks:
        if name is not None:
            counts.setdefault(scene_id, Counter())[name] += 1
    return counts


def _summary(scene_id: str, about: Mapping[str, Any], counts: Mapping[str, int]) -> SceneSummary:
    outline = about.get("footprint")
    time = about.get("sensing_time")
    footprint = None if outline is None else tuple((float(lon), float(lat)) for lon, lat in outline)
    return SceneSummary(scene_id, counts, footprint, datetime.fromisoformat(time) if time else sensing_time(scene_id))
