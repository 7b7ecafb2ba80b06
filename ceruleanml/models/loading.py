"""Tiles as batches: the same ones for the same seed and epoch, whatever the number of processes that load them."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ceruleanml.errors import CeruleanError, DatasetError, TrainingError
from ceruleanml.models.augmentation import augment
from ceruleanml.models.config import AugmentationConfig, TrainConfig
from ceruleanml.models.samples import Sample, padded, padded_to_multiple, resized
from ceruleanml.models.targets import IGNORE, boxes_of, instance_masks, pixel_target, without_tiny
from ceruleanml.models.tile_cutting import crop_of
from ceruleanml.models.tile_reading import Tile, read_pixels
from ceruleanml.models.tiles import TrainingData
from ceruleanml.scenes.grid import Window
from ceruleanml.seeds import generator

Target = dict[str, Tensor]
RawBatch = tuple[Tensor, Tensor | list[Target]]
"""Images uint8 (n, bands, rows, columns), and class ids uint8 (n, rows, columns) or one dict of instances an image."""
PREFETCHED = 4
"""Batches that each process has ready ahead of the training."""


class Draw(NamedTuple):
    """One item of a batch: which tile, in which epoch, and the side that it is resized to (None: as it is)."""

    epoch: int
    number: int
    tile_px: int | None


class TileSet(Dataset[Any]):
    """The tiles of one side of a training, indexed by `Draw`, or by lists of draws for whole batches.

    With `augmentation` they are those to learn from, cropped and varied; without, those to validate on.
    """

    def __init__(self, data: TrainingData, augmentation: AugmentationConfig | None) -> None:
        self.tiles = data.validation if augmentation is None else data.drawn
        self._copies = _copies(self.tiles)
        self._data = data
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self.tiles)

    def __getitem__(self, draw: Draw) -> Sample:
        """The sample of a draw; it depends on the seed, the epoch and the tile's id alone. Raises DatasetError.

        Where a tile was drawn several times, each copy is varied in its own way.
        """
        tile, side = self.tiles[draw.number], self._data.config.crop_px
        rng = generator(self._data.seed, "augmentation", draw.epoch, tile.tile_id, *self._copies[draw.number])
        window = tile.window
        if self._augmentation is not None and side is not None:
            window = crop_of(tile, side, self._data.class_map, rng)
        sample = read_sample(self._data, tile, window)
        if side is not None:
            sample = padded(sample, (side, side))
        if draw.tile_px is not None:
            sample = padded(resized(sample, draw.tile_px), (draw.tile_px, draw.tile_px))
        if self._augmentation is not None:
            sample = augment(sample, self._augmentation, self._data.bands, rng)
        return padded_to_multiple(sample)

    def __getitems__(self, draws: Sequence[Draw]) -> RawBatch | CeruleanError:
        """The batch of these draws. An error comes back as a value: raised, it would lose its one line on the way."""
        try:
            return collated([self[draw] for draw in draws])
        except CeruleanError as error:
            return error


class Loader:
    """One side of a training as batches; `seek` says of which epoch. Made by the two functions below."""

    def __init__(
        self, tiles: TileSet, data: TrainingData, batch_size: int, workers: int, pin: bool, learns: bool,
        rank: int, world: int,
    ) -> None:  # fmt: skip
        self._tiles, self._data, self._learns = tiles, data, learns
        self._batch_size, self._rank, self._world = batch_size, rank, world
        self._batches = _Batches([])
        self._epoch, self._start, self._tile_px = 0, 0, data.config.tile_px
        many: dict[str, Any] = {"persistent_workers": True, "prefetch_factor": PREFETCHED} if workers else {}
        self._loader: DataLoader[Any] = DataLoader(
            tiles,
            batch_sampler=self._batches,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin and torch.cuda.is_available(),
            worker_init_fn=_leave_signals_to_the_parent,
            generator=torch.Generator(),  # of its own, so that loading does not stir the random state of the training
            **many,
        )

    def __len__(self) -> int:
        """The number of batches of a whole epoch on this rank."""
        return -(-self._share() // self._batch_size)

    def seek(self, epoch: int, start_batch: int = 0, tile_px: int | None = None) -> Loader:
        """The same loader, which will give the batches of that epoch from `start_batch` on.

        `tile_px` is the side to which tiles are resized; None takes that of the configuration. Raises DatasetError
        where tiles of several sizes would have to share a batch.
        """
        self._epoch, self._start = epoch, start_batch
        self._tile_px = self._data.config.tile_px if tile_px is None else tile_px
        if self._tile_px is None and self._data.config.crop_px is None:
            sizes = sorted({tile.record.height_width for tile in self._tiles.tiles})
            if len(sizes) > 1:
                named = " and ".join(f"{height} x {width}" for height, width in sizes[:2])
                raise DatasetError(
                    f"{self._tiles.tiles[0].dataset.root}: has tiles of {named} pixels, which make no batch; give one "
                    "size for all, as in data.tile_px=256"
                )
        return self

    def order(self) -> list[list[int]]:
        """The numbers of the tiles in each batch of the current epoch on this rank.

        Batches differ in size by one at most, so none holds a single tile that is left over.
        """
        count = len(self._tiles)
        if self._learns:
            numbers = generator(self._data.seed, "order", self._epoch).permutation(count)
            numbers = np.resize(numbers, self._share() * self._world)
        else:
            numbers = np.arange(count)
        mine = numbers[self._rank :: self._world]
        return [batch.tolist() for batch in np.array_split(mine, len(self))] if len(self) else []

    def __iter__(self) -> Iterator[RawBatch]:
        """The batches. Raises DatasetError for a tile that cannot be read, TrainingError where a process died."""
        self._batches.draws = [
            [Draw(self._epoch, number, self._tile_px) for number in batch] for batch in self.order()[self._start :]
        ]
        self._start = 0
        try:
            for batch in _begun(self._loader):
                if isinstance(batch, CeruleanError):
                    raise batch
                yield batch
        except (RuntimeError, OSError, EOFError) as error:
            if not self._lost_a_process(error):
                raise
            raise TrainingError(
                "a process that loads tiles died, as it does without memory; give a smaller data.workers"
            ) from error

    def close(self) -> None:
        """End the processes that load tiles."""
        iterator = getattr(self._loader, "_iterator", None)
        if iterator is not None:
            iterator._shutdown_workers()
            self._loader._iterator = None

    def _lost_a_process(self, error: Exception) -> bool:
        """Whether an error says that a loading process is gone: PyTorch noticed, or the connection to it broke."""
        gone = isinstance(error, (ConnectionError, EOFError, FileNotFoundError))
        return self._loader.num_workers > 0 and (gone or "DataLoader worker" in str(error))

    def _share(self) -> int:
        """Tiles of an epoch on this rank: equally many on each when learning, one more or less when validating."""
        count = len(self._tiles)
        return max(1, count // self._world) if self._learns else len(range(self._rank, count, self._world))


def training_loader(
    data: TrainingData, config: TrainConfig, pin: bool = False, rank: int = 0, world: int = 1
) -> Loader:
    """The tiles to learn from, in an order and with variations that depend on the seed and the epoch alone.

    `pin` keeps batches in memory from which a GPU copies at once. Of `world` processes each gets other tiles; up to
    world - 1 tiles sit out an epoch.
    """
    tiles = TileSet(data, config.augmentation)
    return Loader(tiles, data, config.data.batch_size, config.data.workers, pin, True, rank, world).seek(0)


def validation_loader(
    data: TrainingData, config: TrainConfig, pin: bool = False, rank: int = 0, world: int = 1
) -> Loader:
    """The tiles to validate on, as they are and in their own order.

    Of `world` processes each gets its share; the numbers of their batches may differ.
    """
    tiles = TileSet(data, None)
    return Loader(tiles, data, config.data.batch_size, config.data.workers, pin, False, rank, world).seek(0)


def read_sample(data: TrainingData, tile: Tile, window: Window) -> Sample:
    """The pixels and the target of a window of a tile: a map of classes for the U-Net, masks for Mask R-CNN."""
    pixels, valid = read_pixels(tile.dataset, tile.record, window, data.band_numbers)
    pieces = tile.dataset.annotations[tile.record.tile_id]
    if data.kind == "unet":
        return Sample(pixels, pixel_target(pieces, window, data.class_map, valid)[None], IGNORE)
    labels, masks = instance_masks(pieces, window, data.class_map)
    return Sample(pixels, masks, 0, labels)


def collated(samples: Sequence[Sample]) -> RawBatch:
    """The samples as one batch; bytes stay bytes, a quarter of what floats would take between processes."""
    images = torch.from_numpy(np.stack([sample.pixels for sample in samples]))
    targets = [_instances(sample.labels, sample) for sample in samples if sample.labels is not None]
    if targets:
        return images, targets
    return images, torch.from_numpy(np.concatenate([sample.layers for sample in samples]))


def to_device(
    batch: RawBatch, device: torch.device | str, channels_last: bool = False
) -> tuple[Tensor | list[Tensor], Tensor | list[Target]]:
    """A batch on the device, as networks take it.

    U-Net: images float32 (n, bands, rows, columns) in [0, 1] and class ids int64 (n, rows, columns). Mask R-CNN: a list
    of images (bands, rows, columns) and one of dicts. Bytes are copied, and divided by 255 on the device.
    """
    images, targets = batch
    layout = torch.channels_last if channels_last else torch.contiguous_format
    floats = images.to(device, non_blocking=True).to(torch.float32, memory_format=layout).div_(255)
    if isinstance(targets, Tensor):
        return floats, targets.to(device, non_blocking=True).long()
    moved = [{name: value.to(device, non_blocking=True) for name, value in one.items()} for one in targets]
    return list(floats.unbind()), moved


def _copies(tiles: Sequence[Tile]) -> list[tuple[int, ...]]:
    """For each tile the number of its copies before it, and nothing where there are none."""
    seen: Counter[str] = Counter()
    found: list[tuple[int, ...]] = []
    for tile in tiles:
        found.append((seen[tile.tile_id],) if seen[tile.tile_id] else ())
        seen[tile.tile_id] += 1
    return found


class _Batches(Sampler[list[Draw]]):
    """What each batch is to hold; the loader's processes live on while this is changed for the next epoch."""

    def __init__(self, draws: list[list[Draw]]) -> None:
        self.draws = draws

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self.draws)

    def __len__(self) -> int:
        return len(self.draws)


def _instances(labels: NDArray[np.int64], sample: Sample) -> Target:
    labels, masks = without_tiny(labels, sample.layers)
    boxes = torch.from_numpy(boxes_of(masks))
    return {"boxes": boxes, "labels": torch.from_numpy(labels), "masks": torch.from_numpy(masks)}


def _begun(loader: DataLoader[Any]) -> Iterator[Any]:
    """An iterator over the loader that raises for a dead process here, a few seconds later, and nowhere else.

    PyTorch also sets a handler of SIGCHLD, which raises at once wherever the training happens to be: it is put back.
    """
    before = signal.getsignal(signal.SIGCHLD)
    iterator = iter(loader)
    if before is not None and signal.getsignal(signal.SIGCHLD) is not before:
        signal.signal(signal.SIGCHLD, before)
    return iterator


def _as_it_is(batch: Any) -> Any:
    return batch


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C and SIGTERM reach all processes of a group; the training ends its loaders itself, after its checkpoint."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
