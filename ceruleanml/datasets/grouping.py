"""Scenes that belong together: a model that trained on one would have seen the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import UsageError
from ceruleanml.scenes.grid import METRES_PER_DEGREE
from ceruleanml.scenes.scene import orbit_pass

KM_PER_DEGREE = METRES_PER_DEGREE / 1000


@dataclass(frozen=True)
class SceneSummary:
    """What partitioning needs to know of a scene.

    `class_counts` holds how many slicks of each class are labelled, by class name; `footprint` the outline as
    (longitude, latitude) points, None without georeference; `sensing_time` is None where it is not known.
    """

    scene_id: str
    class_counts: Mapping[str, int] = field(default_factory=dict)
    footprint: tuple[tuple[float, float], ...] | None = None
    sensing_time: datetime | None = None


def groups_of(scenes: Sequence[SceneSummary], max_km: float, max_hours: float) -> tuple[tuple[str, ...], ...]:
    """The scene ids in groups that must stay together, sorted; the order of `scenes` does not matter.

    Two scenes are joined when they are of one orbit pass, or when their footprints are at most `max_km` apart and
    they were sensed at most `max_hours` apart; a scene whose time is not known counts as sensed at any time, one
    without footprint as far from all. Raises UsageError for a scene id that stands twice, and for limits below 0.
    """
    for name, limit in (("distance", max_km), ("hours", max_hours)):
        if math.isnan(limit) or limit < 0:
            raise UsageError(f"{name} {limit:g} cannot be; give 0 or more")
    ordered = sorted(scenes, key=lambda scene: scene.scene_id)
    for before, after in zip(ordered, ordered[1:], strict=False):
        if before.scene_id == after.scene_id:
            raise UsageError(f"scene {after.scene_id} stands twice; name each scene once")
    pairs = [*_of_one_pass(ordered), *near_pairs([scene.footprint for scene in ordered], max_km)]
    joined = _Joined(len(ordered))
    for one, other in pairs:
        if _is_one_pass(ordered[one], ordered[other]) or hours_apart(ordered[one], ordered[other]) <= max_hours:
            joined.join(one, other)
    return joined.groups([scene.scene_id for scene in ordered])


def hours_apart(one: SceneSummary, other: SceneSummary) -> float:
    """Hours between the sensing of two scenes; 0 where one is not known."""
    if one.sensing_time is None or other.sensing_time is None:
        return 0.0
    return abs((one.sensing_time - other.sensing_time).total_seconds()) / 3600


def near_pairs(footprints: Sequence[Sequence[Sequence[float]] | None], max_km: float) -> Iterator[tuple[int, int]]:
    """Pairs of positions (smaller first) of outlines (longitude, latitude) that lie at most `max_km` apart.

    Distances are taken on a plane whose longitudes shrink with the cosine of the latitude, off by less than 1 % for
    neighbours below 60 degrees; outlines on both sides of the antimeridian are neighbours too.
    """
    import shapely

    placed = [number for number, outline in enumerate(footprints) if outline is not None]
    shapes = [shapely.make_valid(shapely.Polygon(footprints[number])) for number in placed]
    if not shapes:
        return
    tree = shapely.STRtree(shapes)
    for turn in (0.0, 360.0):  # a turn round the Earth brings the far side of the antimeridian beside the near one
        turned = [shapely.transform(shape, lambda points, by=turn: points + [by, 0.0]) for shape in shapes]
        for mine, its in tree.query(_widened(turned, max_km)).T:
            pair = min(placed[mine], placed[its]), max(placed[mine], placed[its])
            if pair[0] != pair[1] and (turn or mine < its) and _km_apart(turned[mine], shapes[its]) <= max_km:
                yield pair


def _widened(shapes: Sequence[object], max_km: float) -> NDArray[np.object_]:
    """Boxes that hold all that could be within `max_km` of each shape."""
    import shapely

    west, south, east, north = shapely.bounds(shapes).T
    lat_margin = min(max_km / KM_PER_DEGREE, 180.0)
    high = np.minimum(np.maximum(abs(south), abs(north)) + lat_margin, 89.0)
    lon_margin = np.minimum(lat_margin / np.cos(np.radians(high)), 360.0)
    return np.asarray(shapely.box(west - lon_margin, south - lat_margin, east + lon_margin, north + lat_margin))


def _km_apart(one: object, other: object) -> float:
    import shapely

    _, south, _, north = shapely.total_bounds([one, other])
    shrink = math.cos(math.radians((south + north) / 2))
    flat = [shapely.transform(shape, lambda points: points * [shrink, 1.0]) for shape in (one, other)]
    return float(shapely.distance(*flat)) * KM_PER_DEGREE


def _of_one_pass(scenes: Sequence[SceneSummary]) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for number, scene in enumerate(scenes):
        name = orbit_pass(scene.scene_id)
        if name is not None:
            yield first.setdefault(name, number), number


def _is_one_pass(one: SceneSummary, other: SceneSummary) -> bool:
    name = orbit_pass(one.scene_id)
    return name is not None and name == orbit_pass(other.scene_id)


class _Joined:
    """Disjoint sets of the numbers below `count` (union-find, paths halved)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def join(self, one: int, other: int) -> None:
        """Put the sets of both numbers together."""
        self._parent[self._root(one)] = self._root(other)

    def groups(self, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """The names by set, each sorted, in the order of their first names."""
        members: dict[int, list[str]] = {}
        for number, name in enumerate(names):
            members.setdefault(self._root(number), []).append(name)
        return tuple(sorted(tuple(sorted(group)) for group in members.values()))

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number


def group_of_each(groups: Iterable[Sequence[str]]) -> dict[str, int]:
    """The number of the group that each scene id is in."""
    return {scene_id: number for number, group in enumerate(groups) for scene_id in group}
