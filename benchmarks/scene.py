"""The scene of the bars: 4181 x 6458 pixels at 40 m with six hand-drawn layers, points and a density raster."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from ceruleanml.classes import load_classes

HEIGHT_WIDTH = (4181, 6458)
SCENE_ID = "S1A_IW_GRDH_1SDV_20200802T141646_20200802T141711_033729_03E8C7_E4F5"
LABELLED_SHARE = 0.0009  # of the scene, a layer; the Gulf-of-Oman layer holds 0.00086


def make_scene(folder: Path, scene_id: str = SCENE_ID, seed: int = 0) -> Path:
    """A Photopea folder with its control points and context layers beside it; made once, then kept."""
    scene = folder / "scenes" / scene_id
    if not (scene / "Background.png").exists():
        scene.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        _layers(scene, HEIGHT_WIDTH, rng)
        _companions(folder, scene_id, HEIGHT_WIDTH, rng)
        sea = rng.gamma(13.4, 60 / 13.4, HEIGHT_WIDTH).clip(1, 255).astype(np.uint8)
        _png(scene / "Background.png", sea[None])
    return scene


def _layers(scene: Path, height_width: tuple[int, int], rng: np.random.Generator) -> None:
    """Six slicks, each a crooked band of its class's colour with a soft edge, on a transparent layer."""
    height, width = height_width
    for row in list(load_classes())[1:]:
        length = np.sqrt(LABELLED_SHARE * height * width * 12)
        x = np.arange(int(length)) + rng.uniform(0.05, 0.6) * width
        y = rng.uniform(0.2, 0.8) * height + 40 * np.sin(x / rng.uniform(60, 200))
        alpha = np.zeros(height_width, np.uint8)
        for column, middle in zip(x.astype(int), y, strict=True):
            half = length / 24
            rows = np.arange(int(middle - half - 2), int(middle + half + 3))
            inside = 255 * np.clip(half - abs(rows - middle) + 0.5, 0, 1)
            alpha[rows.clip(0, height - 1), min(column, width - 1)] = inside
        rgba = np.concatenate([np.array(row.photopea, np.uint8)[:, None, None] * (alpha > 0), alpha[None]])
        _png(scene / f"{row.name}_1.png", rgba)


def _png(path: Path, bands: np.ndarray) -> None:
    import warnings

    profile = {"driver": "PNG", "count": len(bands), "height": bands.shape[1], "width": bands.shape[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", dtype="uint8", **profile) as file:
            file.write(bands)


def _companions(folder: Path, scene_id: str, height_width: tuple[int, int], rng: np.random.Generator) -> None:
    height, width = height_width
    points = [
        dict(zip(("row", "col", "lon", "lat"), (r * height, c * width, *swath_place(r, c)), strict=True))
        for r in np.linspace(0, 1, 10)
        for c in np.linspace(0, 1, 21)
    ]
    for name in ("georeference", "context"):
        (folder / name).mkdir(exist_ok=True)
    companion = {"height_width": list(height_width), "gcps": points}
    (folder / "georeference" / f"{scene_id}.json").write_text(json.dumps(companion))
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": list(place)}}
        for place in rng.uniform((55.5, 23.8), (59.2, 26.3), (35, 2)).tolist()
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (folder / "context" / "infrastructure.geojson").write_text(json.dumps(collection))
    density = rng.gamma(0.3, 20, (214, 315)).astype("float32")
    profile = {"driver": "GTiff", "count": 1, "height": 214, "width": 315, "dtype": "float32", "crs": "EPSG:4326"}
    transform = Affine(0.0125, 0, 55.6, 0, -0.0125, 26.4)
    with rasterio.open(folder / "context" / "ship_density.tif", "w", transform=transform, **profile) as file:
        file.write(density, 1)


def swath_place(row_share: float, col_share: float) -> tuple[float, float]:
    """Longitude and latitude of a place in the scene, given as shares of its height and width."""
    return 56 + 2.4 * col_share + 0.35 * row_share + 0.02 * col_share**2, 24.6 - 0.4 * col_share + 1.5 * row_share


def options_of(folder: Path, **changed: object) -> dict[str, object]:
    """The build options of the bar: 40 m, tiles of 512, two context channels."""
    from ceruleanml.scenes.context import parse_context

    context = (
        parse_context(f"infra_distance={folder}/context/infrastructure.geojson"),
        parse_context(f"ship_density={folder}/context/ship_density.tif"),
    )
    pattern = f"{folder}/georeference/{{scene_id}}.json"
    return {"georeference": pattern, "context": context, "resolution_m": 40.0, **changed}
