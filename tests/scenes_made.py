"""Small scenes on disk, made for tests: every reader's form of one and the same image."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from rasterio.control import GroundControlPoint

HEIGHT_WIDTH = (60, 90)
WEST, NORTH, STEP = 10.0, 40.0, 0.001


def pixels(seed: int = 0, height_width: tuple[int, int] = HEIGHT_WIDTH) -> np.ndarray:
    """Speckle between 20 and 119, uint8 (rows, columns)."""
    return np.random.default_rng(seed).integers(20, 120, height_width, dtype=np.uint8)


def gcps(height_width: tuple[int, int] = HEIGHT_WIDTH) -> list[dict[str, float]]:
    """A 3 x 3 grid of control points; pixels are STEP degrees, north up."""
    rows, cols = np.linspace(0, height_width[0], 3), np.linspace(0, height_width[1], 3)
    return [{"row": r, "col": c, "lon": WEST + STEP * c, "lat": NORTH - STEP * r} for r in rows for c in cols]


def write_png(path: Path, image: np.ndarray) -> Path:
    """A PNG of uint8 (rows, columns) or (bands, rows, columns)."""
    bands = image[None] if image.ndim == 2 else image
    profile = {"driver": "PNG", "height": bands.shape[1], "width": bands.shape[2], "count": len(bands)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", dtype="uint8", **profile) as file:
        file.write(bands)
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)
    return path


def write_tiff(path: Path, image: np.ndarray, with_gcps: bool = True, **profile) -> Path:
    """A GeoTIFF with the control points above."""
    points = [GroundControlPoint(row=p["row"], col=p["col"], x=p["lon"], y=p["lat"]) for p in gcps(image.shape)]
    place = {"gcps": points, "crs": "EPSG:4326"} if with_gcps else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "height": image.shape[0], "width": image.shape[1], "count": 1, **profile}
    with rasterio.open(path, "w", dtype=image.dtype, **place, **options) as file:
        file.write(image, 1)
    return path


def write_photopea(folder: Path, image: np.ndarray, layers: dict[str, tuple[tuple[int, int, int], np.ndarray]]) -> Path:
    """A Photopea folder: Background.png and one RGBA layer a name, of a colour where a bool mask is set."""
    write_png(folder / "Background.png", image)
    for name, (colour, mask) in layers.items():
        rgba = np.zeros((4, *image.shape), np.uint8)
        rgba[:3] = np.array(colour, np.uint8)[:, None, None] * mask
        rgba[3] = 255 * mask
        write_png(folder / f"{name}.png", rgba)
    return folder


def write_gcps(path: Path, height_width: tuple[int, int] = HEIGHT_WIDTH) -> Path:
    """The control points above as a JSON companion file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"height_width": list(height_width), "gcps": gcps(height_width)}))
    return path
