"""The data of a training: data sets opened and compared, classes chosen, scenes held out, channels measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, Record, open_dataset
from ceruleanml.datasets.leakage import shared_scenes
from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.mirror_copies import origin_of
from ceruleanml.models.augmentation import Bands
from ceruleanml.models.config import DataConfig
from ceruleanml.models.targets import IGNORE, ClassMap
from ceruleanml.models.tile_choice import chosen_classes, class_map, counted_as, held_out
from ceruleanml.models.tile_cutting import (
    Tiles,
    cut_tiles,
    ignored_classes,
    resampled,
    with_negatives,
    without_classes,
    without_nodata,
)
from ceruleanml.models.tile_reading import Statistics, Tile, statistics_of
from ceruleanml.progress import Progress
from ceruleanml.storage import sha256_of

__all__ = ["Statistics", "Tile", "TrainingData", "open_training"]

Counted = tuple[str | None, ...]
COMPARED = ("grid", "resolution_m", "radiometry", "db_range", "subtract_noise", "polarisation")


@dataclass(frozen=True)
class TrainingData:
    """All that a training needs to know of its data.

    `classes` are the model's, background first, `class_rows` their rows of the class table, and `class_map` takes the
    data set's ids to the model's. `drawn` are the training tiles as an epoch goes over them, each once or drawn with
    replacement; all else is of `train`. `channels` are the model's bands, `band_numbers` theirs in the data set.
    `mean` and `deviation` are of the valid pixels of the training tiles, in [0, 1]. `notes` are lines for the log;
    `about` says where all this is from, for the model's card.
    """

    kind: str
    config: DataConfig
    seed: int
    train: Tiles
    drawn: Tiles
    validation: Tiles
    classes: tuple[str, ...]
    class_rows: tuple[dict[str, Any], ...]
    class_map: ClassMap
    channels: tuple[str, ...]
    band_numbers: tuple[int, ...]
    bands: Bands
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    notes: tuple[str, ...]
    about: dict[str, Any]


def open_training(
    config: DataConfig, kind: str, seed: int, statistics: Statistics | None = None, progress: Progress | None = None
) -> TrainingData:
    """The tiles to train and to validate on, as the configuration chooses them.

    Without a validation folder whole scenes are held out, the same ones for the same `config.split_seed`, or seed
    where there is none. Every training tile is
    read once for the statistics, unless they are given. Raises DatasetError for data sets that are broken, do not go
    together or do not hold what is asked for, UsageError for names that are not known.
    """
    learnt = open_dataset(Path(config.train))
    judged = learnt if config.validation is None else open_dataset(Path(config.validation))
    notes = [] if judged is learnt else _checked_together(learnt, judged, config)
    channels, numbers = _channels(learnt, config)
    counted = counted_as(learnt.classes, config)
    split_seed = seed if config.split_seed is None else config.split_seed
    train, validation = _sides(learnt, judged, counted, config, split_seed, notes)
    classes = chosen_classes(learnt.classes, counted, config, _shown(train))
    mapped = class_map(counted, classes, config.min_area_px)
    validation = _of_known_classes(validation, mapped, config, notes)
    notes += ignored_classes(train, mapped)
    train = with_negatives(train, config.negative_ratio, split_seed)
    drawn = resampled(train, config.bootstrap, seed)
    notes += [] if drawn is train else [_bootstrap_note(train, drawn)]
    found = statistics or statistics_of(train, numbers, progress)
    constant = [name for name, spread in zip(channels, found.deviation, strict=True) if spread == 1]
    notes += [f"channel {name} is constant in the training tiles" for name in constant]
    return TrainingData(
        kind=kind,
        config=config,
        seed=seed,
        train=train,
        drawn=drawn,
        validation=validation,
        classes=classes,
        class_rows=tuple(learnt.classes.as_rows()[learnt.classes.names.index(name)] for name in classes),
        class_map=mapped,
        channels=channels,
        band_numbers=numbers,
        bands=_bands(learnt, numbers, found),
        mean=found.mean,
        deviation=found.deviation,
        notes=tuple(notes),
        about=_about(learnt, judged, train, validation, config),
    )


def _sides(
    learnt: Dataset, judged: Dataset, counted: Counted, config: DataConfig, seed: int, notes: list[str]
) -> tuple[Tiles, Tiles]:
    """The tiles to train on and to validate on, without those that show a dropped class or hold no data."""
    dropped = [name is None for name in counted]
    train, left_out = without_classes(cut_tiles(learnt, learnt.tiles, config.crop_px, False), dropped)
    notes += [f"training: {note}" for note in left_out]
    records = judged.tiles
    if judged is learnt and train:
        outside = held_out(train, counted, config.validation_share, seed)
        scenes = len({tile.scene_id for tile in train})
        notes.append(f"validation: {len(outside)} of {scenes} scenes held out, {_few(sorted(outside))}")
        train = tuple(tile for tile in train if tile.scene_id not in outside)
        records = tuple(record for record in records if record.scene_id in outside)
    validation, left_out = without_classes(cut_tiles(judged, records, config.crop_px, True), dropped)
    notes += [f"validation: {note}" for note in left_out]
    return _some(without_nodata(train), learnt, "train"), _some(without_nodata(validation), judged, "validate")


def _some(tiles: Tiles, dataset: Dataset, verb: str) -> Tiles:
    if not tiles:
        raise DatasetError(
            f"{dataset.root}: no tile to {verb} on is left; drop fewer classes, or give a data set with more tiles"
        )
    return tiles


def _of_known_classes(tiles: Tiles, classes: ClassMap, config: DataConfig, notes: list[str]) -> Tiles:
    """The validation tiles without those of classes that were not learnt for lack of tiles; ignored ones may stay."""
    if config.classes is not None:
        return tiles
    kept, left_out = without_classes(tiles, [class_id == IGNORE for class_id in classes.ids])
    notes += [f"validation: {note}; no training tile does" for note in left_out]
    return _some(kept, tiles[0].dataset, "validate")


def _shown(tiles: Tiles) -> set[int]:
    return {piece.class_id for tile in tiles for piece in tile.pieces}


def _channels(dataset: Dataset, config: DataConfig) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The model's channels, and their numbers in the data set."""
    channels = tuple(dataset.channels if config.channels is None else config.channels)
    missing = [name for name in channels if name not in dataset.channels]
    if missing:
        raise UsageError(
            f"data.channels: {missing[0]} is no channel of {dataset.root}; it has {', '.join(dataset.channels)}"
        )
    if not channels or len(set(channels)) < len(channels):
        raise UsageError("data.channels is empty or names a channel twice; name each once, or give null for all")
    return channels, tuple(dataset.channels.index(name) for name in channels)


def _bands(dataset: Dataset, numbers: Sequence[int], statistics: Statistics) -> Bands:
    db_range = _traits(dataset)["db_range"] or (-35.0, 0.0)
    return Bands(
        radar=numbers.index(0) if 0 in numbers else None,
        radiometry=str(dataset.manifest.get("radiometry", "dn")),
        db_range=(float(db_range[0]), float(db_range[1])),
        blank=tuple(round(255 * mean) for mean in statistics.mean),
    )


def _checked_together(learnt: Dataset, judged: Dataset, config: DataConfig) -> list[str]:
    """What to note about two data sets of one training. Raises DatasetError where they do not go together."""
    ours, theirs = _traits(learnt), _traits(judged)
    if config.channels is None:
        ours["channels"], theirs["channels"] = ", ".join(learnt.channels), ", ".join(judged.channels)
    else:
        ours["first channel"], theirs["first channel"] = learnt.channels[0], judged.channels[0]
        _channels(judged, config)
    ours["class table"], theirs["class table"] = ", ".join(learnt.classes.names), ", ".join(judged.classes.names)
    for name, value in ours.items():
        if theirs[name] != value:
            raise DatasetError(
                f"{judged.root}: its {name} is {theirs[name]}, that of {learnt.root} is {value}; "
                "make both with the same options"
            )
    found = list(shared_scenes([sorted({tile.scene_id for tile in one.tiles}) for one in (learnt, judged)]))
    twice = [scene_id for _, scene_id, reason, _ in found if reason == "shared_scene"]
    if twice:
        raise DatasetError(
            f"{judged.root}: scene {twice[0]} is in {learnt.root} too, so the model would be judged by what it was "
            "shown; keep each scene in one (ceruleanml partition)"
        )
    return [f"validation: {scene_id} is of one pass with {other} of the training" for _, scene_id, _, other in found]


def _traits(dataset: Dataset) -> Record:
    """What data sets of one training must have in common, apart from channels and classes."""
    known = {**dataset.manifest.get("arguments", {}), **dataset.manifest}
    traits = {name: known.get(name) for name in COMPARED}
    if traits["radiometry"] != "sigma0_db":
        traits["db_range"] = None
    return traits


def _about(learnt: Dataset, judged: Dataset, train: Tiles, validation: Tiles, config: DataConfig) -> Record:
    traits = _traits(learnt)
    metres = [size for tile in train if (size := learnt.scene(tile.scene_id).get("metres_per_pixel"))]
    return {
        **traits,
        "grid": "image" if not metres else traits["grid"],
        "resolution_m": traits["resolution_m"] or (round(median(size[0] for size in metres), 3) if metres else None),
        "drop_classes": list(config.drop_classes),
        "merge_classes": dict(config.merge_classes),
        "bootstrap": config.bootstrap,
        "train": _source(learnt, train),
        "validation": {**_source(judged, validation), "held_out": judged is learnt},
    }


def _bootstrap_note(train: Tiles, drawn: Tiles) -> str:
    kept = {tile.tile_id for tile in drawn}
    scenes = len({tile.scene_id for tile in drawn}), len({tile.scene_id for tile in train})
    return (
        f"bootstrap: {len(drawn)} tiles drawn, {len(kept)} of {len(train)} different ones, of {scenes[0]} of "
        f"{scenes[1]} scenes"
    )


def _source(dataset: Dataset, tiles: Tiles) -> Record:
    return {
        "path": origin_of(dataset.root),
        "sha256": sha256_of(dataset.root / MANIFEST_NAME),
        "label_snapshot": dataset.manifest.get("label_snapshot"),
        "scenes": sorted({tile.scene_id for tile in tiles}),
        "tiles": len(tiles),
        "tiles_with_slicks": sum(bool(tile.pieces) for tile in tiles),
    }


def _few(names: Iterable[str], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
