"""Every bar in one table: what was measured, the bar, and whether it is met. Ratios are of one run on one machine.

Usage: python benchmarks/run.py [FOLDER]      FOLDER keeps the scenes it makes (default: a temporary one)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import coco_evaluation
import inference
import loading
import make_dataset
import mirror
import page
import reading
import scoring
import selection
import training
import workers
from full_product import make_full_product

Row = tuple[str, str, str, bool]


def rows(folder: Path) -> Iterator[Row]:
    """One row a bar, as it is measured."""
    seconds = reading.help_seconds()
    yield "ceruleanml --help, wall", f"{seconds:.2f} s", "< 0.5 s", seconds < 0.5
    ours, gdal = reading.tiles_a_second()
    yield "random tiles of 512 x 512 x 3 a CPU second", f"{ours:.0f} (GDAL {gdal:.0f})", ">= 600", ours >= 600
    one = folder / "one"
    build, floor = make_dataset.measure(one)
    yield (
        "make-dataset, CPU against its floor",
        f"{build:.2f} s / {floor:.2f} s = {build / floor:.2f} x",
        "<= 2.2 x",
        (build <= 2.2 * floor),
    )
    peak = _peak("photopea", one)
    yield "  peak memory", f"{peak:.0f} MB", "<= 400 MB", peak <= 400
    make_full_product(one)
    peak = _peak("safe", one)
    yield "  peak memory, product of 16,685 x 25,788 at 10 m", f"{peak:.0f} MB", "<= 1,024 MB", peak <= 1024
    ratio, same = workers.measure(folder / "many")
    yield (
        "two workers against one, 40 scenes, wall",
        f"{ratio:.2f} x, {'same' if same else 'OTHER'} bytes",
        (">= 1.8 x, same"),
        ratio >= 1.8 and same,
    )


def model_rows(folder: Path) -> Iterator[Row]:
    """One row a bar of training, evaluation and inference, as it is measured."""
    decoded = loading.rates()["decoded"]
    yield "tiles of 512 x 512 x 3 for training, a CPU second", f"{decoded:.0f}", ">= 600", decoded >= 600
    yield from training.rows(folder)
    seconds = coco_evaluation.measure()
    (ap, ours), (their_ap, theirs) = seconds["ceruleanml"], seconds["pycocotools"]
    same = abs(ap - their_ap) < 1e-9
    yield (
        "average precision, 2,000 images x 5, wall",
        f"{ours:.2f} s (pycocotools {theirs:.2f} s), {'same' if same else 'OTHER'} figure",
        "<= 1 s, same",
        ours <= 1 and same,
    )
    path, resolution_m = inference.scene_path(folder, "scene")
    one = inference.forward_seconds()
    spent, windows, _, _ = inference.predict(path, 0.25, resolution_m)
    share = spent / (one * windows)
    yield (
        "predict, bookkeeping against a ResNet-34 U-Net's forward",
        f"{spent:.1f} s / ({windows} x {one:.2f} s) = {share:.1%}",
        "<= 15 %",
        share <= 0.15,
    )
    peak = inference.peak_of("scene", folder)
    yield "  peak memory beside the model", f"{peak:.0f} MB", "<= 400 MB", peak <= 400


def choice_rows(folder: Path) -> Iterator[Row]:
    """One row a bar of scoring and choosing, as it is measured."""
    yield from scoring.rows(folder)
    yield from selection.rows(folder)


def _peak(kind: str, folder: Path) -> float:
    script = Path(__file__).with_name("make_dataset.py")
    run = subprocess.run([sys.executable, str(script), kind, str(folder)], check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary)
        for name in ("one", "many", "models", "choice", "page", "mirror"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        print(f"{'what':58} {'measured':44} {'bar':16} verdict")
        parts = [
            rows(folder),
            model_rows(folder / "models"),
            choice_rows(folder / "choice"),
            page.rows(folder / "page"),
        ]
        if shutil.which("gcloud"):  # what it is compared with
            parts.append(mirror.rows(folder / "mirror"))
        for what, measured, bar, met in chain(*parts):
            print(f"{what:58} {measured:44} {bar:16} {'met' if met else 'SHORT'}", flush=True)


if __name__ == "__main__":
    main()
