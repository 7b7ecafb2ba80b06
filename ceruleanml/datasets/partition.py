"""Train, validation and test parts: by scene, before any tiling, and with each class shared out as asked."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.grouping import SceneSummary, group_of_each, groups_of
from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.scenes.reading import scene_id_of
from ceruleanml.seeds import generator
from ceruleanml.storage import is_remote, make_folder, write_bytes

PARTS = ("train", "val", "test")
NO_SLICK = "no slick"
MAX_KM, MAX_HOURS = 50.0, 24.0
"""Scenes nearer than this in both are kept together unless told otherwise: slicks drift and last that long."""

Parts = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Partition:
    """The scene ids of each part, sorted, and the groups that were kept together."""

    parts: Parts
    groups: tuple[tuple[str, ...], ...]


def partition(
    scenes: Sequence[SceneSummary],
    shares: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    max_km: float = MAX_KM,
    max_hours: float = MAX_HOURS,
) -> Partition:
    """The scenes shared out to train, validation and test; their order does not matter.

    Groups of `groups_of` stay whole. Each class, and the scenes without any slick, is shared out by iterative
    stratification (Sechidis, Tsoumakas and Vlahavas 2011), its examples being groups counted by their slicks. Raises
    UsageError where the shares do not sum to 1, or where there are fewer groups than parts to fill.
    """
    check_shares(shares)
    groups = groups_of(scenes, max_km, max_hours)
    wanted = [number for number, share in enumerate(shares) if share > 0]
    if len(groups) < len(wanted):
        raise UsageError(
            f"{len(scenes)} scenes make {len(groups)} groups that must stay together, too few for {len(wanted)} parts; "
            "give more scenes, or a smaller --distance-km or --hours"
        )
    counts = _counts(scenes, groups)
    order = [int(number) for number in generator(seed, "partition").permutation(len(groups))]
    part_of = _filled(_stratified(counts, np.asarray(shares), order), counts, wanted, order)
    parts = {
        name: tuple(sorted(scene_id for group, part in zip(groups, part_of, strict=True) if part == number
                           for scene_id in group))
        for number, name in enumerate(PARTS)
    }  # fmt: skip
    return Partition(parts, groups)


def check_shares(shares: Sequence[float]) -> None:
    """Raise UsageError unless the three shares are each 0..1 and sum to 1."""
    if not all(0 <= share <= 1 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        listed = ", ".join(f"{name} {share:g}" for name, share in zip(PARTS, shares, strict=True))
        raise UsageError(f"shares {listed} sum to {sum(shares):g}; each must be 0 to 1 and their sum 1")


def check_parts(
    parts: Mapping[str, Sequence[str]],
    scenes: Sequence[SceneSummary] | None = None,
    max_km: float = MAX_KM,
    max_hours: float = MAX_HOURS,
) -> None:
    """Raise DatasetError where parts are empty or overlap.

    They overlap when a scene is in two of them or twice in one, and, where `scenes` tells about every scene, when one
    group of `groups_of` is spread over two parts; a scene that `scenes` does not know is refused too.
    """
    part_of: dict[str, str] = {}
    for name, scene_ids in parts.items():
        if not scene_ids:
            raise DatasetError(f"part {name} holds no scene; give it some, or leave the part out")
        for scene_id in scene_ids:
            if scene_id in part_of:
                raise DatasetError(f"scene {scene_id} is in {part_of[scene_id]} and again in {name}; keep it in one")
            part_of[scene_id] = name
    if scenes is not None:
        _check_groups(part_of, scenes, max_km, max_hours)


def write_parts(folder: Path, found: Partition, locations: Mapping[str, str]) -> list[Path]:
    """The scene lists written into `folder`, one a part that holds scenes: train_scenes.txt and so on.

    A line is a scene's location, relative to the folder for local files. Raises DatasetError where another partition
    is there already; the same one is left as it is.
    """
    make_folder(folder)
    contents = {
        folder / f"{name}_scenes.txt": "".join(f"{_listed(locations[scene_id], folder)}\n" for scene_id in scene_ids)
        for name, scene_ids in found.parts.items()
    }
    there = {path: path.read_text(encoding="utf-8") for path in contents if path.is_file()}
    if there and any(there.get(path, "") != text for path, text in contents.items()):
        raise DatasetError(f"{sorted(there)[0]}: another partition is here; remove its lists or choose another --out")
    for path, text in contents.items():
        if text and path not in there:
            write_bytes(path, text.encode())
    return [path for path, text in contents.items() if text]


def read_parts(folder: Path) -> dict[str, list[str]]:
    """The lines of the scene lists in a folder, by part. Raises DatasetError where none is there."""
    paths = {name: folder / f"{name}_scenes.txt" for name in PARTS}
    try:
        texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items() if path.is_file()}
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{folder}: its scene lists cannot be read: {error}") from error
    if not texts:
        raise DatasetError(f"{folder}: holds no train_scenes.txt, val_scenes.txt or test_scenes.txt; run partition")
    lines = {name: [line.split("#")[0].strip() for line in text.splitlines()] for name, text in texts.items()}
    return {name: [line for line in found if line] for name, found in lines.items()}


def listed_scene_ids(folder: Path) -> dict[str, list[str]]:
    """The ids of the scenes in a folder's scene lists, by part. Raises DatasetError where there are no lists."""
    return {
        name: [scene_id_of(line if is_remote(line) else str(folder / line)) for line in lines]
        for name, lines in read_parts(folder).items()
    }


def _listed(location: str, folder: Path) -> str:
    return location if is_remote(location) else os.path.relpath(location, folder)


def _check_groups(part_of: Mapping[str, str], scenes: Sequence[SceneSummary], max_km: float, max_hours: float) -> None:
    group_of = group_of_each(groups_of(scenes, max_km, max_hours))
    first: dict[int, str] = {}
    for scene_id in sorted(part_of):
        if scene_id not in group_of:
            raise DatasetError(
                f"scene {scene_id} of part {part_of[scene_id]} is not among the scenes; correct the list"
            )
        other = first.setdefault(group_of[scene_id], scene_id)
        if part_of[other] != part_of[scene_id]:
            raise DatasetError(
                f"scenes {other} ({part_of[other]}) and {scene_id} ({part_of[scene_id]}) are of one pass, or near "
                "in place and time, or joined by such scenes; put them into one part"
            )


def _counts(scenes: Sequence[SceneSummary], groups: Sequence[Sequence[str]]) -> list[Counter[str]]:
    """For each group its slicks by class, and its scenes without any."""
    of_scene = {scene.scene_id: {name: n for name, n in scene.class_counts.items() if n > 0} for scene in scenes}
    return [sum((Counter(of_scene[name] or {NO_SLICK: 1}) for name in group), Counter()) for group in groups]


def _stratified(counts: Sequence[Counter[str]], shares: NDArray[np.float64], order: Sequence[int]) -> list[int]:
    """The part of each group, by iterative stratification; `order` (a permutation) breaks ties.

    The class with the fewest slicks left is shared out first, its largest groups first, each to the part that lacks
    most of the class, then most of everything.
    """
    part_of = [-1] * len(counts)
    remaining = sum(counts, Counter())
    lacking = {name: number * shares for name, number in remaining.items()}
    lacking_all = sum(remaining.values()) * shares
    waiting = list(order)
    while waiting:
        rarest = min((number, name) for name, number in remaining.items() if number > 0)[1]
        chosen = [number for number in waiting if counts[number][rarest]]
        for number in sorted(chosen, key=lambda each: -counts[each][rarest]):
            part = max(np.flatnonzero(shares > 0), key=lambda each: (lacking[rarest][each], lacking_all[each]))
            part_of[number] = int(part)
            for name, amount in counts[number].items():
                lacking[name][part] -= amount
                lacking_all[part] -= amount
                remaining[name] -= amount
        waiting = [number for number in waiting if part_of[number] < 0]
    return part_of


def _filled(
    part_of: list[int], counts: Sequence[Counter[str]], wanted: Sequence[int], order: Sequence[int]
) -> list[int]:
    """The same with no part left empty: each gets the smallest group of the part that holds the most groups."""
    part_of = list(part_of)
    for part in wanted:
        if part not in part_of:
            fullest = max(wanted, key=part_of.count)
            given = min((number for number in order if part_of[number] == fullest), key=lambda n: counts[n].total())
            part_of[given] = part
    return part_of
