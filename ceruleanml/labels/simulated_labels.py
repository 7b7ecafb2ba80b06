"""Simulated slicks as labels: GeoJSON outlines on the ground, and Photopea layers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml import seeds
from ceruleanml.classes import Rgb
from ceruleanml.scenes.scene import sensing_time
from ceruleanml.scenes.simulator.product import BLOCK_ROWS, SimulatedScene
from ceruleanml.scenes.simulator.slicks import LABEL_SHARE, Slick

EDGE_GAIN = 3.0
"""How much faster a layer's alpha rises over a slick's edge than the slick's cover: the antialiasing of a brush."""


def feature_collection(scene: SimulatedScene, seed: int) -> dict[str, Any]:
    """The scene's slicks as an RFC 7946 FeatureCollection with the members a label file has."""
    features = [_feature(scene, slick, number, seed) for number, slick in enumerate(scene.slicks)]
    return {"type": "FeatureCollection", "scene_id": scene.scene_id, "complete": True, "features": features}


def layer_strips(slick: Slick, height_width: tuple[int, int], colour: Rgb) -> Iterator[NDArray[np.uint8]]:
    """Strips (rows, columns, 4) of an RGBA layer of the whole frame: the class colour where the label is."""
    height, width = height_width
    (top, left), cover = slick.patch.row_col, slick.patch.cover
    alpha = np.floor(np.clip(0.5 + (cover - LABEL_SHARE) * EDGE_GAIN, 0, 1) * 255 + 0.5).astype(np.uint8)
    west, east = max(left, 0), min(left + cover.shape[1], width)
    for start in range(0, height, BLOCK_ROWS):
        strip = np.zeros((min(BLOCK_ROWS, height - start), width, 4), dtype=np.uint8)
        first, last = max(top, start), min(top + len(cover), start + len(strip))
        if first < last:
            part = alpha[first - top : last - top, west - left : east - left]
            target = strip[first - start : last - start, west:east]
            target[..., :3][part > 0] = colour
            target[..., 3] = part
        yield strip


def _feature(scene: SimulatedScene, slick: Slick, number: int, seed: int) -> dict[str, Any]:
    random = seeds.generator(seed, "drawing", scene.scene_id, number)
    sensed = sensing_time(scene.scene_id)
    if sensed is None:
        raise ValueError(f"{scene.scene_id} is no product name")
    started = sensed + timedelta(days=float(random.uniform(20, 400)))
    finished = started + timedelta(minutes=float(random.uniform(1, 6)))
    properties = {
        "class": slick.class_name,
        "annotator": "simulator",
        "source": "drawn",
        "started": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "finished": f"{finished:%Y-%m-%dT%H:%M:%SZ}",
        "model": None,
    }
    return {"type": "Feature", "properties": properties, "geometry": outline(scene, slick)}


def outline(scene: SimulatedScene, slick: Slick) -> dict[str, Any]:
    """The slick's label as a GeoJSON MultiPolygon in longitude and latitude, true to half a pixel."""
    from rasterio.features import shapes
    from shapely import make_valid, remove_repeated_points, transform, union_all
    from shapely.geometry import MultiPolygon, mapping, shape

    label = np.pad(slick.label, 1)
    top, left = slick.patch.row_col
    parts = [shape(geometry) for geometry, _ in shapes(label.astype(np.uint8), mask=label, connectivity=4)]
    pixels = union_all([part.simplify(0.5) for part in parts])
    points = scene.geometry.control_points()

    def to_ground(cols_rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.round(points.lon_lat(cols_rows[:, ::-1] + np.array([top - 1, left - 1])), 7)

    ground = make_valid(remove_repeated_points(transform(pixels, to_ground)))
    polygons = [part for part in getattr(ground, "geoms", [ground]) if part.geom_type == "Polygon"]
    return dict(mapping(_oriented(MultiPolygon(polygons))))


def _oriented(polygons: Any) -> Any:
    """The polygons with outer rings counterclockwise and holes clockwise, as RFC 7946 asks."""
    from shapely.geometry import MultiPolygon
    from shapely.geometry.polygon import orient

    return MultiPolygon([orient(part) for part in polygons.geoms])
