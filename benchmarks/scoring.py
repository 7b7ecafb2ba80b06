"""Scoring a pool against the network alone, and the memory of mutual information.

Usage: python benchmarks/scoring.py [FOLDER]           everything, as a table
       python benchmarks/scoring.py memory SAMPLES     in a process of its own: CPU seconds and peak memory
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

Row = tuple[str, str, str, bool]
SIDE = 512
CLASSES = (
    "background", "infra_slick", "natural_seep", "coincident_vessel", "recent_vessel", "old_vessel", "ambiguous",
)  # fmt: skip
BANDS = ("vv", "infra_distance", "ship_density")
SAMPLES = (2, 20, 200)


def make_pool(folder: Path, tiles: int) -> Path:
    """A data set of so many tiles of 512 x 512 x 3 of one scene; made once."""
    from datasets_made import make_dataset_folder, speckle

    target = folder / f"pool_{tiles}"
    if not target.exists():
        seas = [speckle(seed, (SIDE, SIDE), len(BANDS), level=120) for seed in range(min(tiles, 16))]
        scene = [((0, SIDE * place), seas[place % len(seas)], []) for place in range(tiles)]
        make_dataset_folder(target, {"a": scene}, channels=BANDS)
    return target


def make_run(folder: Path, encoder: str) -> Path:
    """A run folder with random weights and all seven classes."""
    from models_made import card_of, run_of

    return run_of(folder / encoder, card_of(encoder=encoder, channels=BANDS, classes=CLASSES, tile_px=SIDE))


def rates(folder: Path, encoder: str, tiles: int, batch: int, repeats: int) -> tuple[float, float]:
    """Tiles a second of the network's bare forward pass on images that lie on the device, and of `score_pool`.

    They take turns, and the median of each is taken: wall time on a GPU, CPU time without one.
    """
    import torch

    from ceruleanml.models.predictor import choose_device
    from ceruleanml.models.segmenter import load_segmenter

    gpu = torch.cuda.is_available()
    clock = time.perf_counter if gpu else time.process_time
    pool, run = make_pool(folder, tiles), make_run(folder, encoder)
    network = load_segmenter(run)[1].to(choose_device("auto"))
    batch = batch if gpu else 1
    images = torch.rand(batch, len(BANDS), SIDE, SIDE, device=choose_device("auto"))

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(-(-tiles // batch)):
                network(images)
        if gpu:
            torch.cuda.synchronize()

    seconds: dict[str, list[float]] = {"bare": [], "scored": []}
    with tempfile.TemporaryDirectory(dir=folder) as outs:
        for number in range(repeats + 1):
            works: dict[str, Callable[[], None]] = {"bare": bare, "scored": lambda: _score(run, pool, batch, outs)}
            for name, work in works.items():
                before = clock()
                work()
                if number:  # the first round loads and warms up
                    seconds[name].append(clock() - before)
    return tiles / median(seconds["bare"]), tiles / median(seconds["scored"])


def _score(run: Path, pool: Path, batch: int, outs: str) -> None:
    from ceruleanml.selection.scoring import ScoreOptions, score_pool

    with tempfile.TemporaryDirectory(dir=outs) as out:
        score_pool(run, pool, Path(out) / "scores", ScoreOptions(batch_size=batch))


def rows(folder: Path) -> Iterator[Row]:
    """One row a bar, as it is measured: what, measured, bar, whether it is met."""
    import torch

    from ceruleanml.parallel import keep_freed_memory

    gpu = torch.cuda.is_available()
    torch.set_num_threads(1)
    keep_freed_memory()  # as the verb does
    for encoder, few in (("resnet34", 4), ("mobilenet_v2", 16)):
        bare, scored = rates(folder, encoder, 512 if gpu else few, 8, 3 if gpu else 2)
        yield (
            f"score, U-Net on {encoder}, 7 classes, {SIDE} px",
            f"{scored:.2f} of {bare:.2f} tiles/s = {scored / bare:.0%}",
            ">= 85 %",
            scored >= 0.85 * bare,
        )
    found = [_apart(samples) for samples in SAMPLES]
    peaks = [peak for _, peak in found]
    shown = ", ".join(f"{seconds:.2f} s" for seconds, _ in found), ", ".join(f"{peak:.1f}" for peak in peaks)
    yield (
        f"mutual information, 7 x {SIDE}², {', '.join(map(str, SAMPLES))} samples",
        f"{shown[0]}; {shown[1]} MB",
        "same memory",
        max(peaks) - min(peaks) < 1,
    )


def information(samples: int) -> tuple[float, float]:
    """CPU seconds and peak megabytes of the mutual information of one tile, its sample of 7.3 MB included."""
    import tracemalloc

    import numpy as np

    from ceruleanml.selection.uncertainty import RunningInformation

    logits = np.random.default_rng(0).normal(size=(len(CLASSES), SIDE, SIDE)).astype(np.float32)
    seconds = 0.0
    tracemalloc.start()
    p = np.empty_like(logits)
    running = RunningInformation()
    for number in range(samples):
        np.exp(logits * np.float32(1 + number / samples), out=p)
        p /= p.sum(axis=0)
        before = time.process_time()
        running.add(np.moveaxis(p, 0, -1))
        seconds += time.process_time() - before
    before = time.process_time()
    running.mutual_information()
    return seconds + time.process_time() - before, tracemalloc.get_traced_memory()[1] / 1e6


def _apart(samples: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "memory", str(samples)]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(words[0]), float(words[1])


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["memory"]:
        print(*information(int(sys.argv[2])))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for what, measured, bar, met in rows(folder):
            print(f"{what:52} {measured:52} {bar:12} {'met' if met else 'SHORT'}", flush=True)


if __name__ == "__main__":
    main()
