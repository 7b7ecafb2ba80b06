"""Reading tiles at random, decoded, on one core; and the time `ceruleanml --help` takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from affine import Affine


def tiles_a_second(count: int = 150, reads: int = 600) -> tuple[float, float]:
    """Tiles of 512 x 512 x 3 a CPU second through our reader, and through rasterio, of the same files."""
    import rasterio

    from ceruleanml.datasets.tile_io import encode_tile, read_tile

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        paths = []
        for number in range(count):
            pixels = np.empty((3, 512, 512), np.uint8)
            pixels[0] = rng.gamma(13.4, 60 / 13.4, (512, 512)).clip(1, 255)
            pixels[1], pixels[2] = np.linspace(0, 255, 512), rng.integers(0, 4)
            paths.append(Path(temporary) / f"{number}.tif")
            content = encode_tile(pixels, Affine(1e-3, 0, 0, 0, -1e-3, 0), "EPSG:4326", ["vv", "a", "b"], 0)
            paths[-1].write_bytes(content)
        order = rng.integers(0, count, reads)

        def rate(read: object) -> float:
            before = time.process_time()
            for index in order:
                read(paths[index])  # type: ignore[operator]
            return reads / (time.process_time() - before)

        def by_gdal(path: Path) -> np.ndarray:
            with rasterio.open(path) as file:
                return file.read()

        return rate(read_tile), rate(by_gdal)


def help_seconds(repeats: int = 5) -> float:
    """Median wall time of `ceruleanml --help`."""
    command = [str(Path(sys.executable).with_name("ceruleanml")), "--help"]
    seconds = []
    for _ in range(repeats + 1):
        before = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - before)
    return statistics.median(seconds[1:])
