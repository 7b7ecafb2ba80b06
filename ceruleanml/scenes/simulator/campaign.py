"""Which slicks each scene of a campaign holds, and the platforms and ship traffic all its scenes share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ceruleanml import seeds
from ceruleanml.scenes.simulator.kinds import draw_classes
from ceruleanml.scenes.simulator.lattice import Floats
from ceruleanml.scenes.simulator.product import SimulatedScene

FIRST_SCENES = 6
"""Among this many first scenes every class is shown at least once."""
MOST_SLICKS = 5
FAR_M = (35_000.0, 120_000.0)
"""How far beyond a scene's edges its next platforms stand."""
DENSITY_STEPS_DEG = (0.01, 0.02, 0.05, 0.1, 0.25)
DENSITY_MAX_PX = 8_000_000
LANE_WIDTH_M = 1_500.0


def is_slick_free(index: int, slick_free_share: float) -> bool:
    """Whether that scene of a campaign holds no slick; the share holds among any number of first scenes."""
    return math.floor((index + 1) * slick_free_share) > math.floor(index * slick_free_share)


def class_plan(seed: int, index: int, slick_free_share: float, names: Sequence[str]) -> list[str]:
    """The classes of the slicks of that scene; the same whatever the number of scenes."""
    if is_slick_free(index, slick_free_share):
        return []
    random = seeds.generator(seed, "classes", index)
    drawn = draw_classes(random, list(names), min(1 + int(random.poisson(1.2)), MOST_SLICKS))
    bearing = [number for number in range(FIRST_SCENES) if not is_slick_free(number, slick_free_share)]
    if index not in bearing:
        return drawn
    shuffled = [str(name) for name in seeds.generator(seed, "first classes").permutation(list(names))]
    due = shuffled[bearing.index(index) :: len(bearing)]
    return due + drawn[: max(0, MOST_SLICKS - 1 - len(due))]


def platforms_lon_lat(scene: SimulatedScene, seed: int) -> NDArray[np.float64]:
    """Longitudes and latitudes (n, 2) of the scene's platforms and of two beyond its edges."""
    random = seeds.generator(seed, "far platforms", scene.scene_id)
    height, width = scene.height_width
    inside = [(target.down_m, target.across_m) for target in scene.platforms]
    row_col = np.array(inside, dtype=np.float64).reshape(-1, 2) / scene.geometry.resolution_m
    away_m, across = random.uniform(*FAR_M, 2), random.uniform(0, width, 2)
    beyond = np.stack([height * np.array([0, 1]) + np.array([-1, 1]) * away_m / scene.geometry.resolution_m, across], 1)
    return scene.geometry.ground(np.concatenate([row_col, beyond]))


def infrastructure(points: NDArray[np.float64]) -> dict[str, Any]:
    """Platforms (n, 2) as a GeoJSON FeatureCollection of points."""
    features = [
        {
            "type": "Feature",
            "properties": {"name": f"platform {number + 1}"},
            "geometry": {"type": "Point", "coordinates": [round(float(x), 6), round(float(y), 6)]},
        }
        for number, (x, y) in enumerate(points)
    ]
    return {"type": "FeatureCollection", "features": features}


def lanes_lon_lat(scene: SimulatedScene) -> NDArray[np.float64]:
    """Longitude, latitude and ship-hours (n, 3) on a close lattice along the scene's lanes."""
    height, width = scene.height_width
    reach_m = float(np.hypot(height, width)) * scene.geometry.resolution_m * 0.75
    along = np.arange(-reach_m, reach_m, 400.0)[:, None]
    aside = np.arange(-3 * LANE_WIDTH_M, 3 * LANE_WIDTH_M, 400.0)[None, :]
    found = []
    for lane in scene.lanes:
        angle = math.radians(lane.heading_deg)
        down = (lane.down_m + along * math.cos(angle) - aside * math.sin(angle)).ravel()
        across = (lane.across_m + along * math.sin(angle) + aside * math.cos(angle)).ravel()
        traffic = np.broadcast_to(lane.traffic * np.exp(-((aside / LANE_WIDTH_M) ** 2)), (len(along), aside.size))
        ground = scene.geometry.ground(np.stack([down, across], axis=1) / scene.geometry.resolution_m)
        found.append(np.column_stack([ground, traffic.ravel()]))
    return np.concatenate(found)


def ship_density(lanes: NDArray[np.float64], outlines: NDArray[np.float64]) -> tuple[Floats, Affine]:
    """A raster of ship-hours and its transform (EPSG:4326) around all `outlines` (n, 2), from lanes (n, 3).

    Pixels measure 0.01 degrees, or more where the scenes lie far apart.
    """
    (west, south), (east, north) = outlines.min(axis=0) - 0.3, outlines.max(axis=0) + 0.3
    step = next(
        (step for step in DENSITY_STEPS_DEG if (east - west) * (north - south) / step**2 <= DENSITY_MAX_PX),
        DENSITY_STEPS_DEG[-1],
    )
    height, width = math.ceil((north - south) / step), math.ceil((east - west) / step)
    rows = np.floor((north - lanes[:, 1]) / step).astype(int)
    cols = np.floor((lanes[:, 0] - west) / step).astype(int)
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    density = np.zeros((height, width), dtype=np.float32)
    np.maximum.at(density, (rows[inside], cols[inside]), lanes[inside, 2].astype(np.float32))
    return density, Affine(step, 0, west, 0, -step, north)
