"""Do chosen labels teach more than random ones? Rounds with every strategy, several seeds, on data with hidden labels.

Usage: python benchmarks/label_efficiency.py sos FOLDER OUT [OPTIONS]    FOLDER: images/*.jpg and masks/*.png of 256 px
       python benchmarks/label_efficiency.py simulated OUT [OPTIONS]
Options: --weights PATH (of torchvision's MobileNetV2), --workers N

Run again, it goes on where it stood. OUT/report holds the curves, docs/label_efficiency.md what they say.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from ceruleanml.classes import load_classes
from ceruleanml.cli.console import Lines
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.datasets.subset import write_subset
from ceruleanml.labels.simulated import simulate_scenes
from ceruleanml.progress import Silent
from ceruleanml.seeds import generator
from ceruleanml.selection.experiment import EXPERIMENT_NAME, create, run
from ceruleanml.selection.instructions import Instructions
from ceruleanml.selection.loop_report import compare
from ceruleanml.storage import make_folder

SIDE, SHRINK = 64, 4
SEEDS = 5
PLANS = {
    "sos": (8, {"first": 20, "per_round": 20, "rounds": 4}),
    "simulated": (16, {"first": 30, "per_round": 30, "rounds": 3}),
}
"""Epochs of each training, and labels: for rare slicks more of both, or nothing is learned."""
PASSES = 4
RESOLUTION_M = 80.0
BLOCKS, HELD_OUT = 20, 4
ACROSS = 4
SOS_POOL, SOS_JUDGED = 26, 10
"""Mosaics, of 16 tiles each."""
SCENES, SCENES_JUDGED = 30, 10
SIMULATED_POOL, SIMULATED_JUDGED = 420, 200
"""Tiles: every one with a slick, about one in seven, and empty ones."""
KINDS = ("natural_seep", "recent_vessel", "old_vessel", "coincident_vessel", "ambiguous")
"""Classes that are learned as infra_slick: 30 scenes hold too few of each."""
ARMS = {
    "default": ("default", {}, 1),
    "random": ("random", {}, 1),
    "foreground-random": ("foreground-random", {}, 1),
    "entropy": ("uncertainty", {"score": "entropy_window"}, 1),
    "bald": ("uncertainty", {"score": "mutual_information_window"}, PASSES),
    "coreset": ("coreset", {}, 1),
    "coral": ("coral", {"score": "entropy_window"}, 1),
}
"""Each arm's strategy, the options of its choice, and how often a tile is asked, with dropout above once."""


def mosaics(folder: Path, out: Path) -> tuple[list[str], list[str]]:
    """Pool and held-out mosaics of SOS: means of 4 x 4 pixels, 16 images of neighbouring ids side by side each.

    A mosaic stands for a scene. Pool and held-out are other blocks of ids, since neighbours are often of one scene.
    """
    ids = sorted(int(path.stem) for path in (folder / "images").glob("*.jpg"))
    held_out = set(generator(0, "held out").permutation(BLOCKS)[:HELD_OUT])
    sides: tuple[list[str], list[str]] = ([], [])
    for block in range(BLOCKS):
        members = ids[len(ids) * block // BLOCKS : len(ids) * (block + 1) // BLOCKS]
        for first in range(0, len(members) - ACROSS**2 + 1, ACROSS**2):
            name = f"sos_{members[first]}.png"
            for kind, form in (("images", "jpg"), ("masks", "png")):
                target = make_folder(out / kind) / name
                if not target.is_file():
                    paths = [folder / kind / f"{one}.{form}" for one in members[first : first + ACROSS**2]]
                    means = np.stack([shrunk(path) for path in paths]).reshape(ACROSS, ACROSS, SIDE, SIDE)
                    values = means if kind == "images" else np.where(means > 127, 255.0, 0.0)
                    write_png(target, values.transpose(0, 2, 1, 3).reshape(ACROSS * SIDE, ACROSS * SIDE))
            sides[block in held_out].append(str(out / "images" / name))
    return sides


def shrunk(path: Path) -> NDArray[np.float64]:
    """The first band of an image of 256 x 256 pixels as means of 4 x 4."""
    with rasterio.open(path) as opened:
        return opened.read(1).astype(float).reshape(SIDE, SHRINK, SIDE, SHRINK).mean(axis=(1, 3))


def write_png(path: Path, values: NDArray[np.float64]) -> None:
    """An 8-bit PNG of values (rows, columns)."""
    height, width = values.shape
    with rasterio.open(path, "w", driver="PNG", height=height, width=width, count=1, dtype="uint8") as opened:
        opened.write(np.rint(values).astype(np.uint8), 1)


def sos(folder: Path, out: Path) -> tuple[Path, Path]:
    """Pool and evaluation set of SOS."""
    sides = mosaics(folder, out / "mosaics")
    options = BuildOptions(labels=str(out / "mosaics" / "masks"), tile_size=(SIDE, SIDE))
    for name, paths, count in (("pool", sides[0], SOS_POOL), ("evaluation", sides[1], SOS_JUDGED)):
        drawn = sorted(generator(0, name).permutation(len(paths))[:count])
        make_dataset([paths[place] for place in drawn], out / name, options)
    return out / "pool", out / "evaluation"


def simulated(out: Path) -> tuple[Path, Path]:
    """Pool and evaluation set of simulated scenes in which slicks are rare, from other scenes."""
    classes, shape = load_classes(), (640, 640)
    simulate_scenes(out / "scenes", SCENES, 4, shape, RESOLUTION_M, "geotiff", "geojson", 0.3, Silent(), classes)
    options = BuildOptions(
        labels=str(out / "scenes" / "labels"), tile_size=(SIDE, SIDE), resolution_m=RESOLUTION_M, min_valid=0.5
    )
    paths = sorted(str(path) for path in (out / "scenes" / "scenes").glob("*.tif"))
    found = []
    parts = (("pool", paths[SCENES_JUDGED:], SIMULATED_POOL), ("evaluation", paths[:SCENES_JUDGED], SIMULATED_JUDGED))
    for name, side, count in parts:
        whole = out / f"all_{name}"
        make_dataset(side, whole, options)
        opened = open_dataset(whole)
        shown = [tile.tile_id for tile in opened.tiles if opened.annotations[tile.tile_id]]
        empty = [tile.tile_id for tile in opened.tiles if not opened.annotations[tile.tile_id]]
        drawn = generator(0, name).permutation(len(empty))[: count - len(shown)]
        found.append(write_subset(whole, [*shown, *(empty[place] for place in drawn)], out / name))
    return found[0], found[1]


def main() -> None:
    """Prepare, run every arm, and write the report."""
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("sos", "simulated"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--weights", default="none")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    epochs, plan = PLANS[asked.data]
    out = asked.paths[-1]
    pool, evaluation = sos(*asked.paths) if asked.data == "sos" else simulated(out)
    train = [
        f"model.pretrained={asked.weights}", "model.dropout=0.2", "data.batch_size=8", f"trainer.epochs={epochs}",
        "trainer.lr=2e-3", "trainer.threads=1", "trainer.checkpoint_minutes=1000000", "logger=jsonl",
        "augmentation=flips",
    ]  # fmt: skip
    if asked.data == "simulated":
        train += [
            f"data.merge_classes={{{', '.join(f'{kind}: infra_slick' for kind in KINDS)}}}",
            "loss.class_weights={infra_slick: 5}",
        ]
    settings = {"pool": str(pool), "evaluation": str(evaluation), "train_settings": train}
    started = time.monotonic()
    for name, (strategy, choice, samples) in ARMS.items():
        told = Instructions(
            "slicks",
            {**settings, "samples": samples},
            strategy=strategy,
            choice=choice,
            **plan,
        )
        folder = out / "experiments" / name
        if not (folder / EXPERIMENT_NAME).is_file():
            create(folder, told, seeds=range(SEEDS))
        run(folder, workers=asked.workers, progress=Lines())
        print(f"{name}: {(time.monotonic() - started) / 60:.1f} minutes so far", flush=True)
    compare([out / "experiments" / name for name in ARMS], out / "report")


if __name__ == "__main__":
    main()
