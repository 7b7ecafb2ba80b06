"""Slicks on the sea: each class near its platform, ship or shipping lane, and as dark as real ones are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.simulator.geometry import Geometry
from ceruleanml.scenes.simulator.kinds import Kind, kind_of
from ceruleanml.scenes.simulator.landscape import Land
from ceruleanml.scenes.simulator.lattice import Floats
from ceruleanml.scenes.simulator.sea import Sea, scattering
from ceruleanml.scenes.simulator.shapes import Patch, Shape, draw_shape, lay
from ceruleanml.scenes.simulator.targets import Target, make_platform, make_ship

LABEL_SHARE = 0.5
"""A label holds the pixels whose damping in decibels is at least this share of the slick's full damping."""
CANDIDATES = 80
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Lane:
    """A shipping lane: a point on it (metres down and across), where it leads, and how busy it is (ship-hours)."""

    down_m: float
    across_m: float
    heading_deg: float
    traffic: float


@dataclass(frozen=True)
class Slick:
    """A slick laid on the image; sigma nought is multiplied by exp(ln_damping x cover)."""

    class_name: str
    patch: Patch
    ln_damping: float

    @property
    def label(self) -> NDArray[np.bool_]:
        """The pixels of the patch that an analyst would outline."""
        return np.asarray(self.patch.cover >= LABEL_SHARE)

    def paint(self, sigma0: Floats, start: int) -> None:
        """Darken sigma nought of the rows from `start` on, in place."""
        (top, left), (height, width) = self.patch.row_col, self.patch.cover.shape
        first, last = max(top, start), min(top + height, start + len(sigma0))
        west, east = max(left, 0), min(left + width, sigma0.shape[1])
        if first < last and west < east:
            cover = self.patch.cover[first - top : last - top, west - left : east - left]
            sigma0[first - start : last - start, west:east] *= np.exp(np.float32(self.ln_damping) * cover)


@dataclass(frozen=True)
class Waters:
    """What slicks are placed on: the piece of swath, its sea and land, and its lanes."""

    geometry: Geometry
    sea: Sea
    land: Land | None
    lanes: tuple[Lane, ...]

    @property
    def extent_m(self) -> tuple[float, float]:
        """Height and width in metres."""
        height, width = self.geometry.height_width
        return height * self.geometry.resolution_m, width * self.geometry.resolution_m

    def awkwardness(self, points_m: Points, ratio: float) -> float:
        """How badly a slick at these points (n, 2) would show: off the image, on land, in calm or strong wind.

        Noise must leave room for its amplitude to be `ratio` times the sea's.
        """
        height, width = self.extent_m
        edge = 0.02 * min(height, width)
        outside = (points_m < edge) | (points_m > np.array([height - edge, width - edge]))
        if self.geometry.first_slice:
            outside[:, 0] |= points_m[:, 0] < edge + 0.065 * height
        rows, cols = (points_m / self.geometry.resolution_m).T
        wind = self.sea.ln_wind.at(rows, cols)
        score = 20 * outside.any(axis=1).mean() + np.abs(wind - math.log(5.5)).max()
        score += 3 * np.clip(math.log(3.2) - wind, 0, None).max()
        if self.land is not None:
            score += 10 * (self.land.height.at(rows, cols) > -3).mean()
        sigma0, noise = self.sigma0_noise(*points_m[len(points_m) // 2])
        score += 20 * max(0.0, math.sqrt(noise / (sigma0 + noise)) - ratio + 0.04)
        return float(score)

    def sigma0_noise(self, down_m: float, across_m: float) -> tuple[float, float]:
        """Sigma nought of the open sea there, and the noise (both linear)."""
        row, col = (np.array([metres / self.geometry.resolution_m]) for metres in (down_m, across_m))
        column = int(np.clip(col[0], 0, self.geometry.height_width[1] - 1))
        brightness = scattering(self.sea.ln_wind.at(row, col))[0] * self.sea.incidence_factor[column]
        return float(brightness), float(self.geometry.noise[column])


def make_lanes(random: np.random.Generator, extent_m: tuple[float, float]) -> tuple[Lane, ...]:
    """One to three shipping lanes across a scene."""
    lanes = []
    for _ in range(int(random.integers(1, 4))):
        down, across = random.uniform(0.25, 0.75, 2) * extent_m
        heading, traffic = random.uniform(0, 360), random.lognormal(math.log(6), 0.8)
        lanes.append(Lane(float(down), float(across), float(heading), float(traffic)))
    return tuple(lanes)


def make_slicks(
    random: np.random.Generator, waters: Waters, class_names: list[str]
) -> tuple[tuple[Slick, ...], tuple[Target, ...], tuple[Target, ...]]:
    """The slicks of these classes, the ships they come from and the platforms they come from."""
    slicks: list[Slick] = []
    ships: list[Target] = []
    platforms: list[Target] = []
    taken: list[Points] = []
    for name in class_names:
        kind = kind_of(name)
        shape, head = _placed(random, waters, kind, taken)
        patch = lay(random, shape, head, waters.geometry.resolution_m)
        middle = shape.line[len(shape.line) // 2] + np.array(head)
        slicks.append(Slick(name, patch, _ln_damping(patch.cover, shape.ratio, waters.sigma0_noise(*middle))))
        taken.append(shape.line + np.array(head))
        if kind.origin == "ship":
            ahead = shape.line[0] - shape.line[8]
            ships.append(_ship_before(random, head, math.degrees(math.atan2(ahead[1], ahead[0]))))
        elif kind.origin == "platform":
            platforms.append(make_platform(random, *head))
    return tuple(slicks), tuple(ships), tuple(platforms)


def _placed(
    random: np.random.Generator, waters: Waters, kind: Kind, taken: list[Points]
) -> tuple[Shape, tuple[float, float]]:
    """A shape of that kind and the best of many places for its head."""
    largest_m = 0.45 * min(waters.extent_m)
    best: tuple[float, Shape, Points] | None = None
    lane = waters.lanes[int(random.integers(len(waters.lanes)))]
    shape = draw_shape(random, kind, waters.geometry.resolution_m, largest_m)
    for _ in range(CANDIDATES):
        head, direction = _candidate(random, waters, kind, lane)
        turned = shape.towards(direction)
        score = (
            waters.awkwardness(turned.line + head, shape.ratio)
            + _crowding(turned.line + head, taken)
            + 0.4 * random.random()
        )
        if best is None or score < best[0]:
            best = (score, turned, head)
    if best is None:
        raise RuntimeError("no candidate was drawn")
    return best[1], (float(best[2][0]), float(best[2][1]))


def _candidate(random: np.random.Generator, waters: Waters, kind: Kind, lane: Lane) -> tuple[Points, float]:
    """Where a slick of that kind may begin (down, across in metres), and where it leads."""
    extent = np.array(waters.extent_m)
    if kind.origin in ("ship", "lane"):
        heading = lane.heading_deg + 180 * float(random.integers(2))
        along = random.uniform(-0.6, 0.6) * extent.max()
        aside = random.normal() * (300 if kind.origin == "ship" else 600)
        angle = math.radians(heading)
        ahead, left = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
        head = np.array([lane.down_m, lane.across_m]) + along * ahead + aside * left
        if kind.gaps:
            drift = math.radians(waters.sea.wind_deg)
            head = head + random.uniform(500, 2_500) * np.array([math.cos(drift), math.sin(drift)])
        return head, heading + random.normal() * (25 if kind.gaps else 5)
    spread = {"platform": 18.0}.get(kind.origin, 60.0)
    return random.uniform(0.06, 0.94, 2) * extent, waters.sea.wind_deg + random.normal() * spread


def _ship_before(random: np.random.Generator, head: tuple[float, float], heading_deg: float) -> Target:
    """A ship whose stern lies at the slick's head."""
    ship, angle = make_ship(random, *head, heading_deg), math.radians(heading_deg)
    ahead_m = 0.5 * ship.length_m + 30
    return replace(
        ship, down_m=head[0] + ahead_m * math.cos(angle), across_m=head[1] + ahead_m * math.sin(angle), wake_m=0.0
    )


def _crowding(line: Points, taken: list[Points]) -> float:
    """A penalty for lying on or beside slicks that are there already."""
    return sum(
        4.0 for other in taken if np.hypot(*(line[::8, None] - other[None, ::8]).transpose(2, 0, 1)).min() < 1_200
    )


def _ln_damping(cover: Floats, ratio: float, sigma0_noise: tuple[float, float]) -> float:
    """The ln of what full cover multiplies sigma nought by, so that label and sea amplitude have this mean ratio."""
    sigma0, noise = sigma0_noise
    inside = cover[cover >= LABEL_SHARE]
    low, high = math.log(0.004), 0.0
    for _ in range(30):
        middle = (low + high) / 2
        reached = float(np.sqrt((sigma0 * np.exp(middle * inside) + noise) / (sigma0 + noise)).mean())
        low, high = (middle, high) if reached < ratio else (low, middle)
    return (low + high) / 2
