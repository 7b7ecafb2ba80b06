"""Small pages of arrays, made by `annotate prepare`'s own function, and a web server for them."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
from affine import Affine

from ceruleanml.annotation.options import OverlaySpec, PageOptions
from ceruleanml.annotation.page_files import json_bytes, json_twin
from ceruleanml.annotation.prepare import prepare_page

DEGREES = 0.0004
TRANSFORM = Affine(DEGREES, 0, -76.0, 0, -DEGREES, 36.0)
MODEL = "unet of a test"


def sea(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Speckled sea of 8 bits around 90, never nodata."""
    rng = np.random.default_rng(seed)
    return rng.gamma(13.4, 90 / 13.4, (height, width)).clip(1, 255).astype(np.uint8)


def disc(shape: tuple[int, int], x: float, y: float, radius: float) -> np.ndarray:
    """Mask of the pixels whose centres lie within the radius of a place in columns and rows."""
    rows, columns = np.indices(shape)
    return (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2


def write_scene(path: Path, samples: np.ndarray, placed: bool = True) -> None:
    """Write a scene as make-dataset prepares it, so that the page shows these very pixels."""
    import rasterio

    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = samples.shape
    place = {"crs": "EPSG:4326", "transform": TRANSFORM} if placed else {}
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=samples.dtype, nodata=0, **place
    ) as file:
        file.write(samples, 1)
        file.update_tags(grid="native", scene_id=path.stem)


def square(x: int, y: int, side: int, slick_class: str = "old_vessel", **properties: object) -> dict[str, object]:
    """A feature on pixel edges: the square from column x and row y."""
    ring = [(x, y), (x, y + side), (x + side, y + side), (x + side, y), (x, y)]
    on_ground = [[round(value, 9) for value in TRANSFORM @ corner] for corner in ring]
    geometry = {"type": "MultiPolygon", "coordinates": [[on_ground]]}
    return {"type": "Feature", "properties": {"class": slick_class, **properties}, "geometry": geometry}


def predictions(*features: dict[str, object], scene_id: str = "a") -> dict[str, object]:
    """What a model said of a scene, as `ceruleanml predict` writes it."""
    prediction = {"model": {"name": MODEL}}
    return {"type": "FeatureCollection", "scene_id": scene_id, "prediction": prediction, "features": list(features)}


def make_page(
    folder: Path,
    scenes: dict[str, np.ndarray],
    windows: list[tuple[str, list[int] | None, bool]] | None = None,
    said: dict[str, object] | None = None,
    overlays: dict[str, object] | None = None,
    placed: bool = True,
    **options: object,
) -> Path:
    """The folder of a page; `windows` are items (scene, window or None, blind) in place of one item a scene.

    `said` is what a model said of each scene, `overlays` are GeoJSON collections or arrays by name.
    """
    for scene_id, samples in scenes.items():
        write_scene(folder / "in" / f"{scene_id}.tif", samples, placed)
    for scene_id, collection in (said or {}).items():
        write_json(folder / "said" / f"{scene_id}.geojson", collection)
    specs = tuple(
        OverlaySpec(name, str(write_overlay(folder, name, given))) for name, given in (overlays or {}).items()
    )
    chosen = PageOptions(predictions=(str(folder / "said"),) if said else (), overlays=specs, blind_share=0, **options)
    prepare_page([str(folder / "in" / f"{scene_id}.tif") for scene_id in scenes], folder / "page", chosen)
    if windows:
        write_queue(folder / "page", windows)
    return folder / "page"


def write_overlay(folder: Path, name: str, given: object) -> Path:
    """Write a layer: an array as a raster on the scenes' grid, else GeoJSON; returns its path."""
    path = folder / "layers" / f"{name}.{'tif' if isinstance(given, np.ndarray) else 'geojson'}"
    if isinstance(given, np.ndarray):
        write_scene(path, given)
    else:
        write_json(path, given)
    return path


def write_queue(page: Path, windows: list[tuple[str, list[int] | None, bool]]) -> None:
    """Put other items into the queue of a page."""
    path = page / "data" / "queue.json"
    queue = json.loads(path.read_text())
    keys = {item["scene_id"]: item["scene"] for item in queue["items"]}
    queue["items"] = [
        {
            "id": f"{scene_id}_{window[0]}_{window[1]}" if window else scene_id,
            "tile_id": f"{scene_id}_{window[0]}_{window[1]}" if window else None, "scene_id": scene_id,
            "scene": keys[scene_id], "window": window, "order": order, "score": 0.875, "reason": "the votes differ",
            "blind": blind,
        }
        for order, (scene_id, window, blind) in enumerate(windows, start=1)
    ]  # fmt: skip
    path.write_bytes(json_bytes(queue))
    path.with_suffix(".js").write_bytes(json_twin("queue.json", queue))


def write_json(path: Path, value: object) -> None:
    """Write JSON, with the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@contextlib.contextmanager
def served(folder: Path):
    """The address of a plain web server on a folder."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(timeout=10)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not write to the terminal. It keeps connections open: a page asks for many small files."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""


def put(copy: Path, place: Path, hour: int) -> None:
    """Put a page in the place of another, with times that a browser sees as newer."""
    shutil.copytree(copy, place, dirs_exist_ok=True)
    for path in place.rglob("*"):
        os.utime(path, (3600 * hour, 3600 * hour))
