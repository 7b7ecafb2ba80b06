"""What parts of a data set share: scenes, passes and ground, which let a model be tested on what it was shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Record, TileRecord
from ceruleanml.scenes.grid import Window
from ceruleanml.scenes.scene import orbit_pass

Shapes = NDArray[np.object_]


def shared_scenes(scene_ids: Sequence[Sequence[str]]) -> Iterator[tuple[int, str, str, str]]:
    """Part, scene id, reason and detail of each scene that an earlier part holds too, or whose pass it holds."""
    for (_, earlier), (part, later) in combinations(enumerate(scene_ids), 2):
        passes = {orbit_pass(name): name for name in sorted(earlier, reverse=True)}
        for name in sorted(later):
            other = passes.get(orbit_pass(name)) if orbit_pass(name) else None
            if name in earlier:
                yield part, name, "shared_scene", name
            elif other:
                yield part, name, "shared_pass", other


def shared_ground(
    one: Sequence[TileRecord], one_scenes: Record, other: Sequence[TileRecord], other_scenes: Record
) -> Iterator[tuple[TileRecord, TileRecord, int]]:
    """Tiles of the second part that show ground of the first: the tile, the first such tile there, and their number.

    Tiles of one scene, and tiles without CRS, are left out; what lies outside a scene's footprint shows no ground.
    """
    import shapely

    one, other = ([tile for tile in tiles if tile.crs is not None] for tiles in (one, other))
    mine, its = _boxes(one, one_scenes), _boxes(other, other_scenes)
    found: dict[int, list[int]] = {}
    grounds: dict[tuple[str, str], Any] = {}
    for late, early in shapely.STRtree(mine).query(its, predicate="intersects").T:
        names = one[early].scene_id, other[late].scene_id
        if names[0] == names[1]:
            continue
        if names not in grounds:
            grounds[names] = shapely.intersection(_footprint(one_scenes[names[0]]), _footprint(other_scenes[names[1]]))
        overlap = shapely.intersection(shapely.intersection(mine[early], its[late]), grounds[names])
        if shapely.area(overlap) > 1e-6 * shapely.area(its[late]):
            found.setdefault(int(late), []).append(int(early))
    for late, earlier in sorted(found.items()):
        yield other[late], one[min(earlier)], len(earlier)


def _boxes(tiles: Sequence[TileRecord], scenes: Record) -> Shapes:
    """The ground of each tile's pixels that lie on its scene's grid."""
    import shapely

    corners = np.array([_corners(tile, scenes[tile.scene_id]) for tile in tiles], dtype=np.float64).reshape(-1, 4, 2)
    return np.asarray(shapely.polygons(corners))


def _corners(tile: TileRecord, scene: Record) -> list[tuple[float, float]]:
    grid = (scene.get("grid") or {}).get("height_width")
    inside = (tile.window.intersection(Window(0, 0, *grid)) if grid else None) or tile.window
    row, col = inside.row - tile.window.row, inside.col - tile.window.col
    t = tile.transform
    rows, cols = (row, row + inside.height), (col, col + inside.width)
    around = [(cols[0], rows[0]), (cols[1], rows[0]), (cols[1], rows[1]), (cols[0], rows[1])]
    return [(t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f) for x, y in around]


def _footprint(scene: Record) -> Any:
    import shapely

    outline = scene.get("footprint")
    return shapely.box(-360, -90, 360, 90) if outline is None else shapely.make_valid(shapely.Polygon(outline))
