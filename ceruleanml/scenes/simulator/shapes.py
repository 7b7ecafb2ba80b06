"""Slicks as shapes: a crooked centre line with a width, and how much of each pixel around it oil covers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ceruleanml.scenes.simulator.kinds import AMPLITUDE_RATIO, AREA_KM2, ELONGATION, Kind, at_rank
from ceruleanml.scenes.simulator.lattice import Floats, power_law, shaped_noise

FloatPairs = NDArray[np.float64]
SAMPLES = 240


@dataclass(frozen=True)
class Shape:
    """A slick before it is laid on the sea: lengths in metres, the head at (0, 0), (down, across) pairs.

    `line` (SAMPLES, 2) is the centre line, `half_width` (SAMPLES,) its half width; `presence` (SAMPLES,) is 1 where
    the slick is whole and 0 in gaps; `ratio` is slick over sea amplitude.
    """

    line: FloatPairs
    half_width: NDArray[np.float64]
    presence: NDArray[np.float64]
    kind: Kind
    ratio: float
    lee_sign: int

    def towards(self, direction_deg: float) -> Shape:
        """The same slick turned about its head by that angle (from down to across)."""
        return replace(self, line=_turned(self.line, direction_deg))


@dataclass(frozen=True)
class Patch:
    """Oil on the image: `cover` (rows, columns), 0..1, with its first pixel at `row_col`."""

    row_col: tuple[int, int]
    cover: Floats


def draw_shape(random: np.random.Generator, kind: Kind, resolution_m: float, largest_m: float) -> Shape:
    """A slick of that kind that leads from its head straight down the image, no longer than `largest_m`.

    No slick is thinner than 1.6 pixels, so coarse images show the smallest ones larger than they are.
    """
    elongation = at_rank(ELONGATION, random.beta(*kind.elongation_rank))
    area_m2 = 1e6 * at_rank(AREA_KM2, random.random())
    # area = length x width x fill; breadth^2 = width^2 + bends^2 and length = elongation x breadth.
    straight = math.sqrt(1 - kind.crooked)
    fill = (0.5 + 0.5 * kind.taper) * (1 - kind.gaps) * 0.92
    breadth = math.sqrt(area_m2 / (elongation * straight * fill))
    length = min(elongation * breadth, largest_m)
    width = max(breadth * straight, 1.6 * resolution_m)
    along = np.linspace(0, 1, SAMPLES)
    bends = _bends(random, along, kind, elongation) * breadth * math.sqrt(kind.crooked / 12)
    line = np.stack([along * length, bends - bends[0]], axis=1)
    profile = (kind.taper + (1 - kind.taper) * along**0.7) * np.clip(np.minimum(along, 1 - along) * 14, 0.15, 1) ** 0.5
    wobble = 1 + kind.ragged * 0.5 * np.interp(along, np.linspace(0, 1, 14), random.standard_normal(14))
    half_width = np.maximum(width / 2 * profile * np.clip(wobble, 0.35, 1.8), 0.55 * resolution_m)
    presence = _presence(random, along, kind.gaps)
    ratio = at_rank(AMPLITUDE_RATIO, random.random())
    return Shape(line, half_width, presence, kind, ratio, int(random.choice([-1, 1])))


def lay(random: np.random.Generator, shape: Shape, head_m: tuple[float, float], resolution_m: float) -> Patch:
    """The shape as coverage of pixels, its head at `head_m` (down, across) from the image's corner."""
    from scipy.spatial import cKDTree

    line = (shape.line + np.array(head_m)) / resolution_m
    half_width = shape.half_width / resolution_m
    margin = 2.2 * float(half_width.max()) + 3
    first = np.floor(line.min(axis=0) - margin).astype(int)
    height, width = (np.ceil(line.max(axis=0) + margin).astype(int) - first).tolist()
    rows, cols = np.mgrid[0:height, 0:width]
    centres = np.stack([rows.ravel() + 0.5, cols.ravel() + 0.5], axis=1) + first
    dense, share = _dense(line)
    distance, nearest = cKDTree(dense).query(centres, distance_upper_bound=margin)
    near = np.flatnonzero(np.isfinite(distance))
    cover = np.zeros(height * width, dtype=np.float32)
    place = share[nearest[near]] * (SAMPLES - 1)
    broad = max(260.0, float(shape.half_width.mean()) * 2)
    noise = [_noise(random, (height, width), resolution_m, length)[near] for length in (broad / 2, broad * 2)]
    cover[near] = _cover(shape, half_width, centres[near] - dense[nearest[near]], distance[near], place, noise)
    return Patch((int(first[0]), int(first[1])), cover.reshape(height, width))


def _cover(
    shape: Shape,
    half_width: NDArray[np.float64],
    offset: FloatPairs,
    distance: NDArray[np.float64],
    place: NDArray[np.float64],
    noise: list[Floats],
) -> NDArray[np.float64]:
    """How much of each pixel oil covers, from its offset (pixels) to the nearest point of the centre line."""
    samples = np.arange(SAMPLES)
    tangent = np.gradient(shape.line, axis=0)
    heading = [np.interp(place, samples, tangent[:, axis]) for axis in (0, 1)]
    lee = np.sign(offset[:, 0] * heading[1] - offset[:, 1] * heading[0]) == shape.lee_sign
    half = np.interp(place, samples, half_width) * np.clip(1 + shape.kind.ragged * (noise[0] + noise[1]) / 2, 0.2, 2)
    soft = np.maximum(half * np.where(lee, shape.kind.feather, 0.25), 0.8)
    edge = np.clip(0.5 + (half - distance) / soft, 0, 1)
    edge = edge * edge * (3 - 2 * edge)
    length = float(np.hypot(*np.diff(shape.line, axis=0).T).sum())
    broken = place + noise[1] * shape.half_width.mean() / length * SAMPLES
    inside = np.clip(0.88 + 0.12 * noise[0] + 0.1 * shape.kind.ragged * noise[1], 0.35, 1)
    return np.asarray(edge * inside * np.interp(broken, samples, shape.presence))


def _bends(
    random: np.random.Generator, along: NDArray[np.float64], kind: Kind, elongation: float
) -> NDArray[np.float64]:
    """A crooked course of deviation 1 about a straight one: long curves, with kinks where currents shear.

    No bend is shorter than the slick is broad, or it would fold over itself.
    """
    course = np.zeros_like(along)
    for waves in range(1, min(12, 1 + int(elongation)) + 1):
        course += random.normal() / waves**1.4 * np.sin(np.pi * (waves * along + random.random() * 2))
    kinks = np.sort(random.random(min(5, int(elongation / 2))))
    course += 0.5 * np.interp(along, np.concatenate([[0], kinks, [1]]), random.standard_normal(len(kinks) + 2))
    if kind.origin == "ship":
        course *= along  # the wake is straight where the ship has just been
    course -= np.polyval(np.polyfit(along, course, 1), along)
    return np.asarray(course / max(float(course.std()), 1e-9))


def _presence(random: np.random.Generator, along: NDArray[np.float64], gaps: float) -> NDArray[np.float64]:
    if not gaps:
        return np.ones_like(along)
    lengths = np.interp(along, np.linspace(0, 1, 17), random.standard_normal(17))
    return np.asarray(np.clip((lengths - np.quantile(lengths, gaps)) / 0.35 + 0.5, 0, 1))


def _dense(line: FloatPairs) -> tuple[FloatPairs, NDArray[np.float64]]:
    """Points on the line every half pixel, and how far along it (0..1) each is."""
    length = float(np.hypot(*np.diff(line, axis=0).T).sum())
    share = np.linspace(0, 1, max(SAMPLES, 2 * math.ceil(length)))
    samples = np.linspace(0, 1, SAMPLES)
    return np.stack([np.interp(share, samples, line[:, axis]) for axis in (0, 1)], axis=1), share


def _noise(random: np.random.Generator, height_width: tuple[int, int], resolution_m: float, length_m: float) -> Floats:
    noise = shaped_noise(random, height_width, resolution_m, power_law(max(length_m, 5 * resolution_m), 2.8)).ravel()
    return np.asarray(noise / max(float(noise.std()), 1e-6))


def _turned(points: FloatPairs, direction_deg: float) -> FloatPairs:
    """(ahead, aside) pairs as (down, across) for a way that leads towards that direction."""
    angle = math.radians(direction_deg)
    down = points[:, 0] * math.cos(angle) - points[:, 1] * math.sin(angle)
    across = points[:, 0] * math.sin(angle) + points[:, 1] * math.cos(angle)
    return np.stack([down, across], axis=1)
