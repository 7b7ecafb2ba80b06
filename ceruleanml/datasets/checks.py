"""Whether data sets can be trained and tested on: broken, empty and double tiles, and what parts share."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path

import numpy as np

from ceruleanml.classes import ClassTable
from ceruleanml.datasets.duplicates import HASH_BITS, Hash, near_pairs, perceptual_hash
from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, TileRecord, by_tile, read_instances, read_manifest
from ceruleanml.datasets.leakage import shared_ground, shared_scenes
from ceruleanml.datasets.statistics import valid_mask
from ceruleanml.datasets.validity import Problem, category_problems, valid_annotations, valid_tiles
from ceruleanml.errors import DatasetError, UsageError
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import write_bytes

REASONS = {
    "coco": "record that COCO readers would not take",
    "corrupt": "tile that cannot be read, or of another size",
    "empty": "tile without data, or all of one value",
    "exact_duplicate": "tile with the pixels of an earlier one",
    "near_duplicate": "tile that looks like an earlier one",
    "shared_scene": "scene that an earlier part holds too",
    "shared_pass": "scene of a pass that an earlier part holds too",
    "shared_ground": "tile whose ground an earlier part shows too",
}
"""Every reason for which something is found, in the order of the report."""


MIN_VALID_TO_COMPARE = 0.75
"""Tiles of which less holds data all look like the shape of that part; only their exact duplicates are told."""


@dataclass(frozen=True)
class Finding:
    """One offender: the data set it is in, the tile and scene ("" where there is none), and why, in words."""

    dataset: str
    tile_id: str
    scene_id: str
    reason: str
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """What a check looked at and what it found, sorted by reason and place."""

    datasets: tuple[str, ...]
    tiles: int
    annotations: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are for each reason, those without any left out."""
        counts = Counter(finding.reason for finding in self.findings)
        return {reason: counts[reason] for reason in REASONS if counts[reason]}

    def csv(self) -> str:
        """The findings as the text of `removed_samples.csv`."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(field.name for field in fields(Finding))
        writer.writerows(astuple(finding) for finding in self.findings)
        return text.getvalue()


@dataclass(frozen=True)
class _Look:
    """What is kept of a tile that was read: its place, a digest of its pixels, and what it looks like."""

    part: int
    tile: TileRecord
    digest: bytes
    hash: Hash | None


def check(datasets: Sequence[Path], progress: Progress | None = None) -> CheckReport:
    """What is wrong within the data sets and between them; each is taken as a part, in the order given.

    Of tiles, scenes or ground that stand twice, the later one is the offender. Every tile is read once. Raises
    DatasetError for a folder that is no data set and UsageError for one that is given twice.
    """
    names = [str(root) for root in datasets]
    if len({root.resolve() for root in datasets}) < len(names) or not names:
        raise UsageError(f"data sets {', '.join(names)}: give one or more, each once")
    findings: list[Finding] = []
    parts = [_opened(root, findings) for root in datasets]
    looks = list(_looks(parts, findings, progress or Silent()))
    findings += _duplicates(looks, names)
    findings += _shared(parts, names)
    order = list(REASONS)
    findings.sort(key=lambda found: (order.index(found.reason), names.index(found.dataset), found.scene_id,
                                     found.tile_id, found.detail))  # fmt: skip
    annotations = sum(len(pieces) for part in parts for pieces in part.annotations.values())
    return CheckReport(tuple(names), sum(len(part.tiles) for part in parts), annotations, tuple(findings))


def write_removed(report: CheckReport, path: Path) -> None:
    """Write the findings as CSV; only the header when nothing was found. Raises StorageError."""
    write_bytes(path, report.csv().encode())


def _opened(root: Path, findings: list[Finding]) -> Dataset:
    """The data set of the sound records of a folder; the others become findings."""
    manifest, instances = read_manifest(root), read_instances(root)
    classes = ClassTable.from_rows(manifest["classes"], str(root / MANIFEST_NAME))
    problems: list[Problem] = list(category_problems(instances["categories"], classes))
    tiles = valid_tiles(instances["images"], manifest["scenes"], problems)
    pieces = valid_annotations(instances["annotations"], tiles, classes, problems)
    findings += [Finding(str(root), tile, scene, "coco", detail) for tile, scene, detail in problems]
    return Dataset(root, manifest, classes, tuple(manifest["channels"]), tuple(tiles), by_tile(tiles, pieces))


def _looks(parts: Sequence[Dataset], findings: list[Finding], progress: Progress) -> Iterator[_Look]:
    progress.start("Reading tiles", sum(len(part.tiles) for part in parts))
    try:
        for number, part in enumerate(parts):
            for tile in part.tiles:
                look = _look(number, part, tile)
                if isinstance(look, Finding):
                    findings.append(look)
                else:
                    yield look
                progress.advance()
    finally:
        progress.finish()


def _look(number: int, part: Dataset, tile: TileRecord) -> _Look | Finding:
    try:
        pixels = part.read(tile)
    except DatasetError as error:
        return Finding(str(part.root), tile.tile_id, tile.scene_id, "corrupt", str(error))
    valid = valid_mask(pixels, tile, part.scene(tile.scene_id))
    values = pixels[0][valid]
    if values.size == 0 or values.min() == values.max():
        detail = f"all {values.size:,} valid pixels are {values[0]}" if values.size else "holds no valid pixel"
        return Finding(str(part.root), tile.tile_id, tile.scene_id, "empty", detail)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).digest() + str(pixels.shape).encode()
    looks = perceptual_hash(pixels[0], valid) if valid.mean() >= MIN_VALID_TO_COMPARE else None
    return _Look(number, tile, digest, looks)


def _duplicates(looks: Sequence[_Look], names: Sequence[str]) -> Iterator[Finding]:
    def finding(look: _Look, other: _Look, reason: str, words: str) -> Finding:
        where = f"{names[other.part]}: {other.tile.tile_id}"
        return Finding(names[look.part], look.tile.tile_id, look.tile.scene_id, reason, f"{words} {where}")

    first: dict[bytes, _Look] = {}
    for look in looks:
        other = first.setdefault(look.digest, look)
        if other is not look:
            yield finding(look, other, "exact_duplicate", "same pixels as")
    distinct = [look for look in first.values() if look.hash is not None]
    if distinct:
        for earlier, later, bits in near_pairs(np.array([look.hash for look in distinct])):
            words = f"{bits} of {HASH_BITS} bits differ from"
            yield finding(distinct[later], distinct[earlier], "near_duplicate", words)


def _shared(parts: Sequence[Dataset], names: Sequence[str]) -> Iterator[Finding]:
    scene_ids = [sorted({tile.scene_id for tile in part.tiles}) for part in parts]
    for number, scene_id, reason, other in shared_scenes(scene_ids):
        holder = next(names[n] for n in range(number) if other in scene_ids[n])
        detail = f"also in {holder}" if other == scene_id else f"of one pass with {other} in {holder}"
        yield Finding(names[number], "", scene_id, reason, detail)
    for (first, one), (second, other_part) in combinations(enumerate(parts), 2):
        shown = shared_ground(one.tiles, one.manifest["scenes"], other_part.tiles, other_part.manifest["scenes"])
        for tile, there, count in shown:
            more = f" and {count - 1} more" if count > 1 else ""
            detail = f"overlaps {names[first]}: {there.tile_id}{more}"
            yield Finding(names[second], tile.tile_id, tile.scene_id, "shared_ground", detail)
