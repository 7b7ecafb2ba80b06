"""A simulated product: everything that stands on one piece of swath, as amplitude digital numbers by rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ceruleanml import seeds
from ceruleanml.scenes.simulator.geometry import Geometry
from ceruleanml.scenes.simulator.identity import Identity
from ceruleanml.scenes.simulator.landscape import Land, lee, make_land
from ceruleanml.scenes.simulator.lattice import Floats, Lattice
from ceruleanml.scenes.simulator.sea import Sea, make_sea
from ceruleanml.scenes.simulator.slicks import Lane, Slick, Waters, make_lanes, make_slicks
from ceruleanml.scenes.simulator.speckle import Speckle
from ceruleanml.scenes.simulator.targets import Target, make_platform, make_ship, paint

BLOCK_ROWS = 256
"""Rows that are made at once. Every random number belongs to a block, so strips of any size show the same pixels."""


@dataclass(frozen=True)
class SimulatedScene:
    """A scene that is known but not yet drawn; `rows` draws any part of it.

    Memory: the coarse fields (some 60 MB for a full product) and about ten float32 blocks of BLOCK_ROWS rows.
    """

    scene_id: str
    geometry: Geometry
    sea: Sea
    land: Land | None
    slicks: tuple[Slick, ...]
    ships: tuple[Target, ...]
    platforms: tuple[Target, ...]
    lanes: tuple[Lane, ...]
    speckle: Speckle
    _last: dict[int, NDArray[np.uint16]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def height_width(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.geometry.height_width

    def rows(self, start: int, stop: int) -> NDArray[np.uint16]:
        """Amplitude digital numbers of rows start..stop (exclusive), (rows, columns); 0 where nothing was measured."""
        parts = []
        for number in range(start // BLOCK_ROWS, (stop - 1) // BLOCK_ROWS + 1):
            first = number * BLOCK_ROWS
            parts.append(self._block(number)[max(start - first, 0) : stop - first])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def sigma0(self, start: int, stop: int, with_slicks: bool = True) -> Floats:
        """Sigma nought (linear) of rows start..stop before noise and speckle."""
        sigma0 = self.sea.sigma0(start, stop)
        if with_slicks:
            for slick in self.slicks:
                slick.paint(sigma0, start)
        paint(self.ships, sigma0, start, self.geometry.resolution_m)
        paint(self.platforms, sigma0, start, self.geometry.resolution_m)
        if self.land is not None:
            self.land.paint(sigma0, start, stop)
        return sigma0

    def _block(self, number: int) -> NDArray[np.uint16]:
        if number not in self._last:
            self._last.clear()
            self._last[number] = self._drawn(number)
        return self._last[number]

    def _drawn(self, number: int) -> NDArray[np.uint16]:
        start, stop = number * BLOCK_ROWS, min((number + 1) * BLOCK_ROWS, self.height_width[0])
        amplitude = self.sigma0(start, stop)
        amplitude += self.geometry.noise.astype(np.float32)
        np.sqrt(amplitude, out=amplitude)
        amplitude *= self.geometry.calibration.astype(np.float32)
        amplitude *= self.speckle.block(number)[: stop - start]
        np.clip(np.rint(amplitude, out=amplitude), 1, 65535, out=amplitude)
        pixels = amplitude.astype(np.uint16)
        pixels[np.arange(start, stop)[:, None] < self.geometry.empty_rows()] = 0
        columns = np.arange(self.height_width[1])
        left, right = self.geometry.empty_cols(start, stop)
        pixels[(columns < left[:, None]) | (columns >= self.height_width[1] - right[:, None])] = 0
        return pixels


def make_scene(identity: Identity, seed: int, class_names: list[str]) -> SimulatedScene:
    """The scene of that identity with slicks of these classes; the same arguments give the same pixels."""
    geometry = identity.geometry
    key = str(identity.index)
    lattice = Lattice(geometry.height_width, geometry.resolution_m)
    land = make_land(seeds.generator(seed, key, "land"), lattice)
    sea = make_sea(seeds.generator(seed, key, "sea"), lattice, geometry.incidence_deg, lee(land, lattice))
    random = seeds.generator(seed, key, "traffic")
    extent_m = (geometry.height_width[0] * geometry.resolution_m, geometry.height_width[1] * geometry.resolution_m)
    waters = Waters(geometry, sea, land, make_lanes(random, extent_m))
    slicks, ships, platforms = make_slicks(seeds.generator(seed, key, "slicks"), waters, class_names)
    more_ships, more_platforms = _traffic(random, waters)
    return SimulatedScene(
        identity.scene_id,
        geometry,
        sea,
        land,
        slicks,
        ships + more_ships,
        platforms + more_platforms,
        waters.lanes,
        Speckle(seed, key, geometry.height_width[1], geometry.resolution_m, BLOCK_ROWS),
    )


def _traffic(random: np.random.Generator, waters: Waters) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """Ships, most of them in the lanes, and in some scenes a field of platforms, none of them on land."""
    height, width = waters.extent_m
    area_km2 = height * width / 1e6
    ships = []
    for _ in range(random.poisson(1 + area_km2 / 1200)):
        lane = waters.lanes[int(random.integers(len(waters.lanes)))]
        along, aside = random.uniform(-0.7, 0.7) * max(height, width), random.normal() * 1_500
        angle = np.radians(lane.heading_deg)
        down = lane.down_m + along * np.cos(angle) - aside * np.sin(angle)
        across = lane.across_m + along * np.sin(angle) + aside * np.cos(angle)
        if random.random() < 0.35:
            down, across = random.uniform(0, height), random.uniform(0, width)
        ships.append(make_ship(random, float(down), float(across), lane.heading_deg + random.normal() * 12))
    platforms = []
    if random.random() < 0.2:
        centre = random.uniform(0.15, 0.85, 2) * (height, width)
        for _ in range(int(random.integers(1, 7))):
            down, across = centre + random.normal(size=2) * 5_000
            platforms.append(make_platform(random, float(down), float(across)))
    return _afloat(ships, waters), _afloat(platforms, waters)


def _afloat(targets: list[Target], waters: Waters) -> tuple[Target, ...]:
    """The targets that lie in the image's water."""
    height, width = waters.extent_m
    inside = [target for target in targets if 0 < target.down_m < height and 0 < target.across_m < width]
    if waters.land is None or not inside:
        return tuple(inside)
    places = np.array([(target.down_m, target.across_m) for target in inside]) / waters.geometry.resolution_m
    heights = waters.land.height.at(places[:, 0], places[:, 1])
    return tuple(target for target, height_m in zip(inside, heights, strict=True) if height_m < -2)
