"""The scores of tiles: read, asked and reduced, side by side and yet always to the same bits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.errors import SelectionError
from ceruleanml.evaluation.answers import TileView, views
from ceruleanml.models.card import MULTIPLE_PX
from ceruleanml.progress import Progress, Silent
from ceruleanml.selection.answers import Batch, ask
from ceruleanml.selection.arrays import Array
from ceruleanml.selection.columns import Column, Reduction, columns_of, gathered
from ceruleanml.selection.passes import Member, copies
from ceruleanml.selection.reductions import TOP_SHARE, WINDOW_PX

Mask = NDArray[np.bool_]
Free = SimpleQueue[tuple[Member, ...]]
"""Members that no thread asks now."""
Scored = tuple[Mask, dict[str, Array]]
"""Where the tiles of a batch hold data, and their columns."""


@dataclass(frozen=True)
class ScoreOptions:
    """How to score.

    `samples` passes with dropout are made (1: one without). `window_px` is the side of the sliding window,
    `top_percent` how many of the greatest values `_top` is the mean of. `device` is auto, cpu or cuda. `batch_size`
    tiles are asked at once: together on a GPU, on a CPU each by a core of its own. `seed` draws what dropout leaves
    out, and the self-organising map. For an ensemble `votes` is the form of its table of votes, csv or parquet, and
    `embeddings` the file by which tiles get their cell of the map there.
    """

    samples: int = 1
    window_px: int = WINDOW_PX
    top_percent: float = 100 * TOP_SHARE
    batch_size: int = 8
    device: str = "auto"
    seed: int = 0
    embeddings: Path | None = None
    votes: str = "parquet"


def score_tiles(
    members: tuple[Member, ...],
    dataset: Dataset,
    tiles: Sequence[TileRecord],
    options: ScoreOptions,
    progress: Progress | None = None,
) -> dict[str, Column]:
    """The acquisition columns of tiles, float64 (tiles,) in their order, NaN where a tile holds no data.

    On a CPU each tile goes through the network alone, in one thread beside others, as many as torch has and at most
    `batch_size`: so neither threads nor workers nor batches change a bit. A GPU takes a batch. While tiles are asked,
    the next are read. Raises SelectionError where a model gives no number.
    """
    progress = progress or Silent()
    size = options.batch_size if members[0].on_gpu else 1
    parts: list[dict[str, Array]] = []
    held: list[Mask] = []
    progress.start("Scoring tiles", len(tiles))
    try:
        with _threads(members, options.batch_size) as (pool, threads, free):
            work = partial(_scored, free=free, options=options)
            batches = _batches(views(dataset, tiles, members[0].predictor), size)
            for valid, part in _in_order(work, batches, pool, threads):
                parts.append(part)
                held.append(np.atleast_1d(valid.any(axis=(1, 2))))
                progress.advance(len(valid))
    finally:
        progress.finish()
    return _checked(gathered(parts), np.concatenate(held), tiles, members[0].card.name)


def _scored(batch: Batch, free: Free, options: ScoreOptions) -> Scored:
    """The columns of a batch, by members that no other thread asks meanwhile."""
    members = free.get()
    try:
        reduction = Reduction(options.window_px, options.top_percent / 100)
        answers = ask(members, batch, options.samples, options.seed)
        return batch.valid, columns_of(answers, batch, members[0].card.classes, reduction)
    finally:
        free.put(members)


def _checked(columns: dict[str, Column], held: Mask, tiles: Sequence[TileRecord], model: str) -> dict[str, Column]:
    """The columns, NaN for tiles without data. Raises SelectionError where another tile has no number."""
    unknown = ~np.all([np.isfinite(column) for column in columns.values()], axis=0) & held
    if unknown.any():
        tile_id = tiles[int(unknown.argmax())].tile_id
        raise SelectionError(f"model {model}: gives no number on tile {tile_id}; train it again")
    return {name: np.where(held, column, np.nan) for name, column in columns.items()}


@contextmanager
def _threads(members: tuple[Member, ...], most: int) -> Iterator[tuple[ThreadPoolExecutor, int, Free]]:
    """Threads to ask in, their number, and for each members of its own; torch computes in one thread each meanwhile."""
    import torch

    before = torch.get_num_threads()
    count = 1 if members[0].on_gpu else min(before, most)
    free: Free = SimpleQueue()
    for one in copies(members, count):
        free.put(one)
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool, count, free
    finally:
        torch.set_num_threads(before)


def _in_order(
    work: Callable[[Batch], Scored], batches: Iterator[Batch], pool: ThreadPoolExecutor, threads: int
) -> Iterator[Scored]:
    """The results of batches in their order; one more of them is held than there are threads."""
    waiting: deque[Future[Scored]] = deque()
    for batch in batches:
        waiting.append(pool.submit(work, batch))
        if len(waiting) > threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _batches(tiles: Iterator[TileView], size: int) -> Iterator[Batch]:
    """Tiles that follow each other and are of one shape, `size` at a time, padded to the sides that networks take."""
    waiting: list[TileView] = []
    for view in tiles:
        if waiting and (len(waiting) >= size or view.image.shape != waiting[0].image.shape):
            yield _batch(waiting)
            waiting = []
        waiting.append(view)
    if waiting:
        yield _batch(waiting)


def _batch(tiles: Sequence[TileView]) -> Batch:
    edges = [(0, -side % MULTIPLE_PX) for side in tiles[0].valid.shape]
    images = np.pad(np.stack([view.image for view in tiles]), [(0, 0), (0, 0), *edges])
    return Batch(tuple(view.tile.tile_id for view in tiles), images, np.stack([view.valid for view in tiles]))
