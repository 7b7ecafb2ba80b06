"""One scene of an embedding: the unit of work that stands alone and writes its own part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.checks import Finding
from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, TileRecord, open_dataset
from ceruleanml.errors import DatasetError
from ceruleanml.models.tile_reading import Statistics
from ceruleanml.selection.embedding_files import write_embeddings
from ceruleanml.selection.pool_tiles import where_valid

if TYPE_CHECKING:
    from ceruleanml.selection.embedding_encoder import Encoder, EncoderSource

NO_FEATURES = "the encoder makes nothing of it: its features are all zero, or no numbers"
MOST_PX = 4096
"""Longest side of a tile that is given to an encoder whole."""


@dataclass(frozen=True)
class SceneTiles:
    """The tiles of one scene that are to be embedded."""

    scene_id: str
    tile_ids: tuple[str, ...]


@dataclass(frozen=True)
class UnitWork:
    """What all scenes of one embedding have in common.

    `statistics` are of the pool's radar where the encoder wants them. `base` is the folder from which relative paths
    count, where units run on other machines.
    """

    source: EncoderSource
    pool: Path
    parts: Path
    statistics: Statistics | None
    batch_size: int
    device: str
    base: Path | None = None


@dataclass(frozen=True, eq=False)
class _View:
    tile: TileRecord
    image: NDArray[np.float32]
    valid: NDArray[np.bool_]


def embed_scene(scene: SceneTiles, work: UnitWork) -> str:
    """Embed the tiles of one scene and write its part; gives the scene's id.

    Tiles that cannot be embedded stand in the part's metadata with the reason. On the CPU tiles go through the network
    one by one in one thread, so that neither batches nor workers change a bit; a GPU takes `batch_size` at once.
    """
    if work.base is not None and Path.cwd() != work.base:
        os.chdir(work.base)
    dataset, by_scene = _pool(work.pool, (work.pool / MANIFEST_NAME).stat().st_mtime_ns)
    encoder = _encoder(work.source, work.source.weights.stat().st_mtime_ns, work.statistics, work.device)
    wanted = set(scene.tile_ids)
    tiles = [tile for tile in by_scene[scene.scene_id] if tile.tile_id in wanted]
    removed: list[Finding] = []
    with _one_thread(encoder):
        found = dict(_vectors(_views(dataset, tiles, encoder, removed), work.batch_size, encoder))
    names = [name for name, row in found.items() if np.isfinite(row).all() and row.any()]
    removed += [_finding(dataset, tile, "no_features", NO_FEATURES) for tile in tiles
                if tile.tile_id in found.keys() - set(names)]  # fmt: skip
    rows = np.stack([found[name] for name in names]) if names else np.zeros((0, 1), np.float32)
    about = {"removed": [[one.tile_id, one.reason, one.detail] for one in removed]}
    write_embeddings(part_path(work.parts, scene.scene_id), names, rows, about)
    return scene.scene_id


def part_path(parts: Path, scene_id: str) -> Path:
    """Where a scene's part lies; its name is safe whatever the scene is called."""
    return parts / f"{hashlib.sha256(scene_id.encode()).hexdigest()[:32]}.parquet"


def _views(dataset: Dataset, tiles: Sequence[TileRecord], encoder: Encoder, removed: list[Finding]) -> Iterator[_View]:
    """The tiles that hold something; the others go to `removed`."""
    places = encoder.places(dataset)
    for tile in tiles:
        if max(tile.height_width) > MOST_PX:
            raise DatasetError(
                f"{dataset.root}: {tile.tile_id} has {tile.height_width[0]} x {tile.height_width[1]} pixels, more than "
                "an encoder takes at once; make the data set with a --tile-size"
            )
        try:
            pixels = dataset.read(tile)
        except DatasetError as error:
            removed.append(_finding(dataset, tile, "corrupt", str(error)))
            continue
        valid = where_valid(pixels, tile, dataset)
        if isinstance(valid, str):
            removed.append(_finding(dataset, tile, "empty", valid))
            continue
        yield _View(tile, pixels[places].astype(np.float32) / np.float32(255), valid)


def _vectors(views: Iterator[_View], batch_size: int, encoder: Encoder) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each tile's id with its vector; batches are of one shape."""
    for batch in _batches(views, 1 if encoder.device.type == "cpu" else batch_size):
        rows = encoder.pooled(np.stack([one.image for one in batch]), np.stack([one.valid for one in batch]))
        yield from zip([one.tile.tile_id for one in batch], rows, strict=True)


def _batches(views: Iterator[_View], most: int) -> Iterator[list[_View]]:
    waiting: list[_View] = []
    for view in views:
        if waiting and (len(waiting) >= most or view.image.shape != waiting[0].image.shape):
            yield waiting
            waiting = []
        waiting.append(view)
    if waiting:
        yield waiting


def _finding(dataset: Dataset, tile: TileRecord, reason: str, detail: str) -> Finding:
    return Finding(str(dataset.root), tile.tile_id, tile.scene_id, reason, detail)


@lru_cache(maxsize=1)
def _pool(root: Path, stamp: int) -> tuple[Dataset, dict[str, list[TileRecord]]]:
    """The pool with its tiles by scene, read once in each process, and again where it changed."""
    dataset = open_dataset(root)
    by_scene: dict[str, list[TileRecord]] = {}
    for tile in dataset.tiles:
        by_scene.setdefault(tile.scene_id, []).append(tile)
    return dataset, by_scene


@lru_cache(maxsize=1)
def _encoder(source: EncoderSource, stamp: int, statistics: Statistics | None, device: str) -> Encoder:
    from ceruleanml.models.predictor import choose_device
    from ceruleanml.selection.embedding_encoder import load_encoder

    return load_encoder(source, statistics, choose_device(device))


@contextmanager
def _one_thread(encoder: Encoder) -> Iterator[None]:
    """One thread for the time of the block, and numbers next to zero as zero, as in the workers' processes."""
    import torch

    before = torch.get_num_threads()
    if encoder.device.type == "cpu":
        torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
