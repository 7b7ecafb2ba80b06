"""States of a scene laid on a grid, and what several of them agree on there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ceruleanml.labels.burn import burn
from ceruleanml.labels.consensus import Ballot, consensus
from ceruleanml.labels.finding import Labels
from ceruleanml.labels.instances import GridInstance, GroundShape, ImageMask
from ceruleanml.labels.pixel_shapes import image_mask
from ceruleanml.labels.scene_states import Bounds, SceneState
from ceruleanml.scenes.georeference import Georeference
from ceruleanml.scenes.grid import Grid, Window


def laid(
    labels: Labels, scene_id: str, grid: Grid, georeference: Georeference | None, height_width: tuple[int, int]
) -> tuple[list[GridInstance], list[str]]:
    """The instances of a scene on its grid, and the ids of those that lie outside of it.

    `height_width` is that of the scene's image. Where several annotators drew it on their own, the instances are what
    they agree on. Ids begin with the scene, so that they are unique in a data set, whatever a file of one scene calls
    them. Raises LabelError.
    """
    if len(labels.states) > 1:
        return agreed(labels.states, scene_id, grid, georeference, height_width), []
    burnt = [(instance.slick_id, burn(instance, grid, georeference)) for instance in labels.instances]
    found = [_of_scene(one, scene_id) for _, one in burnt if one is not None]
    return found, [slick_id for slick_id, one in burnt if one is None]


def gone_through(labels: Labels, grid: Grid, georeference: Georeference | None) -> tuple[Window, ...] | None:
    """The windows of a grid that somebody went through; None where that is all of it."""
    if labels.everywhere:
        return None
    tiles = [(tile.bounds, state) for state in labels.states for tile in state.reviewed.values() if tile.bounds]
    windows = [window_of(bounds, state, grid, georeference) for bounds, state in tiles]
    return tuple(window for window in windows if window)


def _of_scene(instance: GridInstance, scene_id: str) -> GridInstance:
    if instance.slick_id.startswith(f"{scene_id}/"):
        return instance
    return replace(instance, slick_id=f"{scene_id}/{instance.slick_id}")


def agreed(
    states: Sequence[SceneState],
    scene_id: str,
    grid: Grid,
    georeference: Georeference | None,
    height_width: tuple[int, int],
) -> list[GridInstance]:
    """The slicks that several states of a scene agree on, on its grid; see `labels.consensus`.

    `height_width` is that of the scene's image. Raises LabelError.
    """
    return consensus([ballot_of(state, grid, georeference, height_width) for state in states], scene_id)


def ballot_of(
    state: SceneState, grid: Grid, georeference: Georeference | None, height_width: tuple[int, int]
) -> Ballot:
    """A state's slicks on a grid, those outside left out, and where its annotator looked."""
    burnt = [burn(instance, grid, georeference) for instance in instances_of(state, height_width)]
    looked = [window_of(tile.bounds, state, grid, georeference) for tile in state.reviewed.values() if tile.bounds]
    return Ballot([one for one in burnt if one is not None], state.complete, [one for one in looked if one])


def instances_of(state: SceneState, height_width: tuple[int, int]) -> Iterator[ImageMask | GroundShape]:
    """What a state shows: outlines on the ground, or masks of the scene's image; those outside the image left out."""
    for shape in state.labels.shapes:
        instance = image_mask(shape, height_width) if state.labels.pixels else shape
        if instance is not None:
            yield instance


def window_of(bounds: Bounds, state: SceneState, grid: Grid, georeference: Georeference | None) -> Window | None:
    """The pixels of a grid with their centres in a tile's bounds; None where none has, or where it cannot be told."""
    x0, y0, x1, y1 = bounds
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
    placed = _row_col(corners, state.labels.pixels, grid, georeference)
    if placed is None:
        return None
    row, col = (int(first) for first in np.rint(placed.min(axis=0)))
    bottom, right = (int(last) for last in np.rint(placed.max(axis=0)))
    return Window(row, col, bottom - row, right - col).intersection(Window(0, 0, *grid.height_width))


def _row_col(
    corners: NDArray[np.float64], pixels: bool, grid: Grid, georeference: Georeference | None
) -> NDArray[np.float64] | None:
    """Rows and columns on the grid of corners (x, y) on the ground, or of the image's columns and rows."""
    if not pixels:
        return None if grid.crs is None else grid.row_col(corners)
    if grid.crs is None:
        return np.ascontiguousarray(corners[:, ::-1])
    return None if georeference is None else grid.row_col(georeference.lon_lat(corners[:, ::-1]))
