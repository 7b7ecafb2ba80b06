"""Trainings of seconds: a handful of tiles of 64 pixels, the lightest network, one thread."""

import json
import sys
from pathlib import Path

import numpy as np
from datasets_made import box_mask, make_dataset_folder, speckle

from ceruleanml.models.config import TrainConfig, as_values, from_values
from ceruleanml.progress import Silent

SIDE = 64
TIMINGS = ("seconds", "images_per_second")


def tile(seed, class_id=None, side=SIDE, bands=1):
    """A tile of sea, with a dark bar where a class is given, at its own place on the scene's grid."""
    pixels = speckle(seed, (side, side), bands=bands, level=120)
    masks = []
    if class_id is not None:
        bar = box_mask(slice(side // 4, side // 2), slice(side // 8, side - 8), (side, side))
        pixels[0][bar] //= 4
        masks = [(class_id, f"slick_{seed}", bar)]
    return (side * seed, 0), pixels, masks


def make_tiles(root: Path, scenes: int = 4, side: int = SIDE, bands: int = 1, classes=(1, 2)) -> Path:
    """A data set of so many scenes with two tiles each, one with a slick; the classes take turns."""
    tiles = {
        f"scene{number}": [
            tile(2 * number + 1, classes[number % len(classes)], side, bands),
            tile(2 * number + 2, None, side, bands),
        ]
        for number in range(scenes)
    }
    return make_dataset_folder(root, tiles, channels=("vv", *(f"context{number}" for number in range(1, bands))))


def config_for(root: Path, dataset: Path, run: str = "run", **trainer) -> TrainConfig:
    """A light training of that data set into a folder below `root`."""
    config = TrainConfig(run=str(root / run))
    config.data.train = str(dataset)
    config.data.validation_share = 0.25
    config.data.batch_size = 2
    config.logger.name = "jsonl"
    config.trainer.epochs = 2
    config.trainer.threads = 1
    config.trainer.device = "cpu"
    for name, value in trainer.items():
        setattr(config.trainer, name, value)
    return config


def lines(run: Path) -> list:
    """The lines of a run's metrics.jsonl without what depends on the clock."""
    found = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMINGS} for line in found]


class Notes(Silent):
    """Keeps the notes."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


class PowerCut(Exception):
    """Ends a training as suddenly as an exception can."""


class CutAfter(Notes):
    """Ends the training after so many batches of this process, before their checkpoint."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches
        self.learning = False

    def start(self, description, total):
        self.learning = description == "training"

    def advance(self, steps=1):
        if self.learning and steps == 1:
            self.left -= 1
            if not self.left:
                self.cut()

    def cut(self):
        raise PowerCut


def fixed_bytes(seed, size):
    """Bytes that are no file of any kind."""
    return np.random.Generator(np.random.PCG64(seed)).bytes(size)


def child(values: str, resume: str, signal_name: str, after: str) -> None:
    """A training of a narrow network in a process of its own, which may send itself a signal after so many batches."""
    import os
    import signal

    from narrow import make_narrow

    from ceruleanml.errors import CeruleanError, TrainingStopped
    from ceruleanml.models.training import train

    class SignalAfter(CutAfter):
        def cut(self):
            os.kill(os.getpid(), getattr(signal, signal_name))

    make_narrow()
    try:
        train(from_values(json.loads(values)), resume == "resume", SignalAfter(int(after)))
    except TrainingStopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(stopped.status)
    except CeruleanError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def run_child(
    programs: Path, config: TrainConfig, resume: bool = False, signal_name: str = "SIGKILL", after: int = 0, launcher=()
):
    """Run a training in a process of its own, or in several with a launcher; the finished process.

    `programs` is the folder of the `python` that starts warm; see warm_cli.py.
    """
    import os
    import subprocess

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    arguments = [json.dumps(as_values(config)), "resume" if resume else "", signal_name, str(after)]
    start = [programs / "python", *launcher, Path(__file__).with_name("train_child.py")]
    return subprocess.run([*start, *arguments], capture_output=True, text=True, env=environment, timeout=300)
