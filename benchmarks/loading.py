"""Tiles a CPU second on their way into training: read, with their target, and varied."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDE = 512


def make_tiles(root: Path, count: int = 96) -> Path:
    """A data set of 512 x 512 x 3 tiles of two scenes, every second one with a thin slick."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from datasets_made import make_dataset_folder

    rng = np.random.Generator(np.random.PCG64(0))
    rows, cols = np.mgrid[:SIDE, :SIDE]
    scenes: dict[str, list[object]] = {"a": [], "b": []}
    for number in range(count):
        pixels = np.empty((3, SIDE, SIDE), np.uint8)
        pixels[0] = rng.gamma(13.4, 60 / 13.4, (SIDE, SIDE)).clip(1, 255)
        pixels[1], pixels[2] = np.linspace(0, 255, SIDE), rng.integers(0, 4)
        line = abs(rows - 150 - cols * rng.uniform(0, 0.4) - 12 * np.sin(cols / 40)) < 6
        masks = [(5, f"s{number}", line & (cols > 60) & (cols < 400))] if number % 2 else []
        scenes["ab"[number % 4 == 3]].append(((0, number * SIDE), pixels, masks))
    corners = {"a": (-150.0, 20.0), "b": (50.0, 20.0)}
    make_dataset_folder(root, scenes, corners, ("vv", "infra_distance", "ship_density"))  # type: ignore[arg-type]
    return root


def rates(count: int = 96, kind: str = "unet") -> dict[str, float]:
    """Tiles a CPU second of one core: decoded; with target, as a batch; and with each form of augmentation."""
    import torch

    from ceruleanml.models.config import AugmentationConfig, DataConfig, TrainConfig
    from ceruleanml.models.loading import training_loader
    from ceruleanml.models.tiles import open_training

    torch.set_num_threads(1)
    calm = {"flips": False, "probability": 1.0}
    forms = {
        "with target, batched": AugmentationConfig(**calm),
        "and flipped": AugmentationConfig(),
        "and speckle, gain": AugmentationConfig(speckle_looks=4, gain_db=1, probability=1),
        "and turned, scaled": AugmentationConfig(
            speckle_looks=4, gain_db=1, rotate_degrees=10, scale=0.1, probability=1
        ),
    }
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        data = DataConfig(train=str(make_tiles(Path(temporary) / "set", count)), batch_size=8)
        opened = open_training(data, kind, seed=0)
        found["decoded"] = _rate(lambda: [tile.dataset.read(tile.record) for tile in opened.train], len(opened.train))
        for name, augmentation in forms.items():
            loader = training_loader(opened, TrainConfig(data=data, augmentation=augmentation))
            found[name] = _rate(lambda loader=loader: list(loader), len(opened.train))
    return found


def _rate(work: Callable[[], object], tiles: int, repeats: int = 3) -> float:
    seconds = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        seconds.append(time.process_time() - before)
    return tiles / min(seconds)


def main() -> None:
    """Measure and print."""
    for kind in ("unet", "mask_rcnn"):
        for name, rate in rates(kind=kind).items():
            print(f"{kind:10} {name:24} {rate:6.0f} tiles of 512 x 512 x 3 a CPU second")


if __name__ == "__main__":
    main()
