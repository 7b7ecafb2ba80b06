"""make-dataset on the scene of the bars, against its floor: decoding the inputs and writing the outputs."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scene import SCENE_ID, make_scene, options_of


def cpu_of(work: Callable[..., None], *arguments: Any) -> float:
    """CPU seconds that one call takes."""
    before = time.process_time()
    work(*arguments)
    return time.process_time() - before


def peak_rss_mb() -> float:
    """Peak resident memory of this process; ru_maxrss would begin with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def build(folder: Path, out: Path, **changed: Any) -> None:
    """Build the data set of every scene in the folder."""
    from ceruleanml.datasets.build import make_dataset
    from ceruleanml.datasets.options import BuildOptions

    workers = changed.pop("workers", 1)
    report = make_dataset([str(folder / "scenes")], out, BuildOptions(**options_of(folder, **changed)), workers)
    if report.failed:
        raise SystemExit(str(report.failed))


def floor(folder: Path, tiles: list[np.ndarray], out: Path) -> None:
    """Decode every input whole and write tiles that are in memory already."""
    import rasterio
    from affine import Affine

    from ceruleanml.datasets.tile_io import encode_tile

    for path in sorted((folder / "scenes" / SCENE_ID).glob("*.png")):
        with rasterio.open(path) as file:
            file.read()
    out.mkdir(exist_ok=True)
    for number, pixels in enumerate(tiles):
        content = encode_tile(pixels, Affine.identity(), "EPSG:4326", ["vv", "a", "b"], 0)
        (out / f"{number}.tif").write_bytes(content)


def measure(folder: Path, repeats: int = 3) -> tuple[float, float]:
    """Median CPU seconds of the build and of its floor, in turn."""
    from ceruleanml.datasets.tile_io import read_tile

    make_scene(folder)
    builds, floors = [], []
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        for _ in range(repeats):
            shutil.rmtree(out / "d", ignore_errors=True)
            builds.append(cpu_of(build, folder, out / "d"))
            tiles = [read_tile(path) for path in sorted((out / "d" / "tiles").iterdir())]
            floors.append(cpu_of(floor, folder, tiles, out / "f"))
    return statistics.median(builds), statistics.median(floors)


if __name__ == "__main__":  # in a process of its own: the peak memory of one build
    with tempfile.TemporaryDirectory() as temporary:
        if sys.argv[1] == "safe":
            from full_product import build_full_product

            build_full_product(Path(sys.argv[2]), Path(temporary) / "d")
        else:
            build(Path(sys.argv[2]), Path(temporary) / "d")
    print(peak_rss_mb())
