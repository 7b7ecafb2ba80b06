"""Whole-scene inference: the bookkeeping beside the model, in time and memory, and where its time goes.

Usage: python benchmarks/inference.py FOLDER [scene|full]     in a process of its own: one prediction, its peak memory
       python benchmarks/inference.py FOLDER                  everything, as a table
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from scene import HEIGHT_WIDTH, swath_place

SIDE = 512
CLASSES = ("background", "infra_slick", "natural_seep", "recent_vessel")


def make_slicks(folder: Path, name: str, height_width: tuple[int, int]) -> Path:
    """A GeoTIFF of sea with twelve bright crooked bands, 0.6 % of it; made once."""
    path = folder / f"{name}.tif"
    if path.exists():
        return path
    height, width = height_width
    points = [
        GroundControlPoint(row=r * height, col=c * width, x=x, y=y)
        for r in np.linspace(0, 1, 10)
        for c in np.linspace(0, 1, 21)
        for x, y in [swath_place(r, c)]
    ]
    rng = np.random.default_rng(0)
    bands = [(rng.uniform(0.05, 0.95) * height, rng.uniform(0, 0.7) * width, rng.uniform(60, 300)) for _ in range(12)]
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", gcps=points, crs="EPSG:4326", **profile) as file:
        for row in range(0, height, 512):
            rows = np.arange(row, min(row + 512, height))
            block = rng.integers(30, 110, (len(rows), width), dtype=np.uint8)
            cols = np.arange(width)
            for middle, begin, wave in bands:
                line = middle + 40 * np.sin(cols / wave)
                inside = (cols >= begin) & (cols < begin + 0.3 * width) & (abs(rows[:, None] - line) < height / 1000)
                block[inside] = 250
            file.write(block, 1, window=((row, row + len(rows)), (0, width)))
    return path


class Toy:
    """As good as no model: what is bright is slick. Its own time is told apart."""

    def __init__(self) -> None:
        from ceruleanml.models.card import Card

        self.card = Card("toy", "unet", "none", CLASSES, ("vv",), SIDE, (0.0,), (1.0,))
        self.seconds = 0.0
        self.windows = 0

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Softmax-like answers, float32 (n, 4, height, width)."""
        before = time.process_time()
        slick = np.clip(images[:, 0] * 4 - 2, 0.00002, 0.98)
        answer = np.stack([1 - slick, 0.5 * slick, 0.3 * slick, 0.2 * slick], axis=1)
        self.windows += len(images)
        self.seconds += time.process_time() - before
        return answer


def predict(path: Path, overlap: float, resolution_m: float | None = None) -> tuple[float, int, float, int]:
    """CPU seconds of one prediction without the model's, windows asked, the seam ratio, and the slicks found."""
    import json

    from ceruleanml.inference.options import PredictOptions
    from ceruleanml.inference.predict import predict_scenes

    model = Toy()
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        before = time.process_time()
        options = PredictOptions(overlap=overlap, resolution_m=resolution_m)
        predict_scenes(model, [str(path)], Path(out) / "o", options)  # type: ignore[arg-type]
        seconds = time.process_time() - before - model.seconds
        found = json.loads((Path(out) / "o" / f"{path.stem}.geojson").read_text())
    return seconds, model.windows, found["prediction"]["seams"]["ratio"], len(found["features"])


def forward_seconds(repeats: int = 2) -> float:
    """CPU seconds that a ResNet-34 U-Net takes for one window, on one thread."""
    import torch

    from ceruleanml.models.card import Card
    from ceruleanml.models.segmenter import build_segmenter

    torch.set_num_threads(1)
    model = build_segmenter(Card("bar", "unet", "resnet34", CLASSES, ("vv",), SIDE, (0.2,), (0.1,))).eval()
    seconds = []
    with torch.inference_mode():
        for _ in range(repeats + 1):
            before = time.process_time()
            model.probabilities(torch.rand(1, 1, SIDE, SIDE))
            seconds.append(time.process_time() - before)
    return min(seconds[1:])


def peak_rss_mb() -> float:
    """Peak resident memory of this process."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def peak_of(kind: str, folder: Path) -> float:
    """Peak memory of one prediction in a process of its own, without a network and its library."""
    run = subprocess.run([sys.executable, __file__, str(folder), kind], check=True, capture_output=True, text=True)
    return float(run.stdout.split()[-1])


def scene_path(folder: Path, kind: str) -> tuple[Path, float]:
    """The scene of that kind and the ground size of its pixels."""
    if kind == "scene":
        return make_slicks(folder, "scene", HEIGHT_WIDTH), 40.0
    return make_slicks(folder, "full", (16_685, 25_788)), 10.0


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        path, resolution = scene_path(folder, sys.argv[2])
        predict(path, 0.25, resolution)
        print(peak_rss_mb())
        return
    one = forward_seconds()
    path, resolution = scene_path(folder, "scene")
    for overlap in (0.25, 0.5):
        seconds, windows, ratio, slicks = predict(path, overlap, resolution)
        share = seconds / (one * windows)
        print(
            f"overlap {overlap}: {windows} windows x {one:.2f} s; bookkeeping {seconds:.1f} s = {share:.1%} (bar 15 %)"
            f"; seam ratio {ratio}, {slicks} slicks"
        )
    for kind, bar in (("scene", 400), ("full", 1024)):
        scene_path(folder, kind)
        print(f"peak memory, {kind}: {peak_of(kind, folder):.0f} MB (bar {bar})", flush=True)


if __name__ == "__main__":
    main()
