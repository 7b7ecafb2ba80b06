"""Training from a data set folder against the same network on tensors that lie in memory: images a second, peak memory.

Usage: python benchmarks/training.py [FOLDER]      on a GPU where there is one, else on one core beside one that loads
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ceruleanml.models.config import TrainConfig


sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

Clock = Callable[[], float]
Row = tuple[str, str, str, bool]


@dataclass(frozen=True)
class Case:
    """One network on one machine."""

    kind: str
    encoder: str
    side: int
    batch: int
    tiles: int
    epochs: int
    workers: int
    bands: int = 2


CPU_CASES = (
    Case("unet", "mobilenet_v2", 128, 8, 96, 3, 1),
    Case("mask_rcnn", "resnet18", 128, 2, 16, 3, 1),
)
HELD_BATCHES = 16
GPU_CASES = (
    Case("unet", "resnet34", 256, 32, 4096, 4, 12),
    Case("unet", "resnet34", 512, 16, 1024, 4, 12),
    Case("unet", "mobilenet_v2", 256, 64, 4096, 4, 12),
    Case("mask_rcnn", "resnet50", 512, 8, 512, 3, 12),
)


def make_tiles(folder: Path, case: Case) -> Path:
    """A data set of so many tiles, half of them with a slick, in the folder; made once."""
    from datasets_made import box_mask, make_dataset_folder, speckle

    side, target = case.side, folder / f"tiles_{case.side}_{case.tiles}"
    if target.exists():
        return target
    seas = [speckle(seed, (side, side), bands=case.bands, level=120) for seed in range(16)]
    bar = box_mask(slice(side // 4, side // 3), slice(side // 8, side - side // 8), (side, side))
    scenes = {}
    for number in range(case.tiles // 8 + 2):
        pieces = [[(1 + number % 2, f"slick_{number}_{place}", bar)] if place % 2 else [] for place in range(8)]
        scenes[f"scene{number:05d}"] = [
            ((0, side * place), seas[(number + place) % 16], pieces[place]) for place in range(8)
        ]
    return make_dataset_folder(target, scenes, channels=("vv", *(f"context{band}" for band in range(1, case.bands))))


def config_of(folder: Path, case: Case) -> TrainConfig:
    """The training of a case."""
    from ceruleanml.models.config import TrainConfig

    config = TrainConfig(run=str(folder / "run"))
    config.model.kind, config.model.encoder = case.kind, case.encoder
    config.data.train = str(make_tiles(folder, case))
    config.data.validation_share = 1.5 / (case.tiles // 8 + 2)
    config.data.batch_size, config.data.workers = case.batch, case.workers
    config.trainer.epochs = case.epochs
    config.trainer.threads = 1
    config.logger.name = "jsonl"
    return config


def from_folder(folder: Path, case: Case, clock: Clock) -> float:
    """Images a second of the training, validation left out; the first epoch, which starts up, does not count."""
    from ceruleanml.models.training import train

    with tempfile.TemporaryDirectory(dir=folder) as runs:
        config = config_of(folder, case)
        config.run = str(Path(runs) / "run")
        run = train(config, clock=clock).run
        rates = [json.loads(line)["images_per_second"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    return median(rates[1:])


def from_memory(folder: Path, case: Case, clock: Clock) -> float:
    """Images a second of forward, backward and step on batches that lie on the device; the first round does not count.

    It takes as many steps as the training does, since the work of Mask R-CNN changes as it learns.
    """
    from itertools import islice

    from ceruleanml.models.distributed import Ranks, device_of
    from ceruleanml.models.loading import to_device
    from ceruleanml.models.session import build, torch_settings
    from ceruleanml.models.stopping import StopSignals
    from ceruleanml.models.tiles import open_training

    config, device = config_of(folder, case), device_of("auto")
    with torch_settings(config, device):
        session = build(config, open_training(config.data, case.kind, 0), None, Ranks(), device, StopSignals())
        raw = islice(session.sides.train.seek(0), HELD_BATCHES)
        held = [to_device(batch, device, channels_last=device.type == "cuda") for batch in raw]
        session.sides.train.close()
        session.parts.network.train()
        steps = len(session.sides.train)
        _learn(session.parts, held, steps)
        before, images = clock(), 0
        for _ in range(case.epochs - 1):
            images += _learn(session.parts, held, steps)
        return images / (clock() - before)


def _learn(parts: Any, held: list[Any], steps: int) -> int:
    """Learn for so many steps; how many images they had."""
    from itertools import cycle, islice

    import torch

    seen = 0
    for images, targets in islice(cycle(held), steps):
        with parts.precision.autocast():
            losses = parts.objective.learn(parts.network, images, targets)
        parts.precision.backward(torch.stack([loss.float() for loss in losses.values()]).sum())
        parts.precision.step(parts.optimiser.opt)
        parts.optimiser.zero_grad()
        seen += len(images)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return seen


def rows(folder: Path) -> Iterator[Row]:
    """One row a case, as it is measured: what, measured, bar, whether it is met.

    On a GPU in wall time, so that waiting for tiles counts. On a CPU in CPU time of the training process, beside one
    that loads, so that other work on the machine does not.
    """
    import torch

    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    for case in GPU_CASES if gpu else CPU_CASES:
        bare = from_memory(folder, case, clock)
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        ours = from_folder(folder, case, clock)
        peak = torch.cuda.max_memory_allocated() if gpu else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield (
            f"training {case.kind} {case.encoder}, {case.batch} x {case.side} px",
            f"{ours:.1f} of {bare:.1f} images/s = {ours / bare:.0%}, {peak / 1e6:,.0f} MB",
            ">= 90 %",
            ours >= 0.9 * bare,
        )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for what, measured, bar, met in rows(folder):
            print(f"{what:52} {measured:44} {bar:8} {'met' if met else 'SHORT'}", flush=True)


if __name__ == "__main__":
    main()
