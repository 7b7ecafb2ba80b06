"""A full-resolution product, 16,685 x 25,788 pixels of speckle in a SAFE folder, for the memory bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint
from scene import swath_place

HEIGHT_WIDTH = (16_685, 25_788)


def make_full_product(folder: Path) -> Path:
    """A GeoTIFF of that size with 210 control points, uint16, as a GRD measurement is stored; made once."""
    path = folder / "full.tif"
    if path.exists():
        return path
    height, width = HEIGHT_WIDTH
    points = [
        GroundControlPoint(row=r * height, col=c * width, x=x, y=y)
        for r in np.linspace(0, 1, 10)
        for c in np.linspace(0, 1, 21)
        for x, y in [swath_place(r, c)]
    ]
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint16"}
    rng = np.random.default_rng(0)
    with rasterio.open(path, "w", gcps=points, crs="EPSG:4326", **profile) as file:
        for row in range(0, height, 1024):
            rows = min(1024, height - row)
            block = rng.integers(30, 110, (rows, width), dtype=np.uint16)
            file.write(block, 1, window=((row, row + rows), (0, width)))
    return path


def build_full_product(folder: Path, out: Path) -> None:
    """Tiles of 512 pixels at the product's own 10 m, with both context channels."""
    from scene import options_of

    from ceruleanml.datasets.build import make_dataset
    from ceruleanml.datasets.options import BuildOptions

    wanted = {**options_of(folder), "georeference": None, "resolution_m": 10.0}
    report = make_dataset([str(make_full_product(folder))], out, BuildOptions(**wanted))
    if report.failed:
        raise SystemExit(str(report.failed))
