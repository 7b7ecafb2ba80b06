"""The grid on which states of a scene are compared: the scene's own, or one around all that was drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from affine import Affine

from ceruleanml.errors import LabelError
from ceruleanml.labels.scene_states import SceneState
from ceruleanml.scenes.georeference import Georeference
from ceruleanml.scenes.grid import METRES_PER_DEGREE, Grid, make_grid
from ceruleanml.scenes.reading import open_scene

RESOLUTION_M = 40.0
MARGIN_PX = 8
MOST_PIXELS = 1 << 30
"""Of a frame around what was drawn: a scene of the finest products has half as many."""


@dataclass(frozen=True)
class Frame:
    """A grid, the georeference of the scene's image and its (height, width)."""

    grid: Grid
    georeference: Georeference | None
    height_width: tuple[int, int]

    @property
    def place(self) -> tuple[Grid, Georeference | None, tuple[int, int]]:
        """The three as `on_grid` takes them."""
        return self.grid, self.georeference, self.height_width

    @property
    def pixel_m(self) -> tuple[float, float] | None:
        """Ground height and width of a pixel; None without georeference."""
        return self.grid.metres_per_pixel


@dataclass(frozen=True)
class Frames:
    """Frames of scenes: of those that are given by location, else around what was drawn at `resolution_m`."""

    locations: Mapping[str, str] = field(default_factory=dict)
    georeference: str | None = None
    grid: str = "native"
    resolution_m: float | None = None

    def of(self, scene_id: str, states: Sequence[SceneState]) -> Frame | None:
        """The frame of a scene; None where it is not given and nothing was drawn or gone through by tiles.

        Raises LabelError where what was drawn lies too far apart, SceneError.
        """
        if scene_id in self.locations:
            scene = open_scene(self.locations[scene_id], georeference=self.georeference)
            return Frame(make_grid(scene, self.grid, self.resolution_m), scene.georeference, scene.height_width)
        boxes = [shape.geometry.bounds for state in states for shape in state.labels.shapes]
        boxes += [tile.bounds for state in states for tile in state.tiles.values() if tile.bounds]
        if not boxes:
            return None
        x0, y0 = (min(box[axis] for box in boxes) for axis in (0, 1))
        x1, y1 = (max(box[axis] for box in boxes) for axis in (2, 3))
        if any(state.labels.pixels for state in states):
            size = (math.ceil(y1) + MARGIN_PX, math.ceil(x1) + MARGIN_PX)
            frame = Frame(Grid("image", Affine.identity(), size, crs=None), None, size)
        else:
            frame = Frame(_around(x0, y0, x1, y1, self.resolution_m or RESOLUTION_M), None, (0, 0))
        height, width = frame.grid.height_width
        if height * width > MOST_PIXELS:
            raise LabelError(
                f"scene {scene_id}: what was drawn lies {height:,} x {width:,} pixels apart; name it with --scenes"
            )
        return frame


def _around(west: float, south: float, east: float, north: float, resolution_m: float) -> Grid:
    """A native grid around a box, with a margin."""
    lat_step = resolution_m / METRES_PER_DEGREE
    lon_step = lat_step / math.cos(math.radians((south + north) / 2))
    height = math.ceil((north - south) / lat_step) + 2 * MARGIN_PX
    width = math.ceil((east - west) / lon_step) + 2 * MARGIN_PX
    corner = Affine(lon_step, 0, west - MARGIN_PX * lon_step, 0, -lat_step, north + MARGIN_PX * lat_step)
    return Grid("native", corner, (height, width))
