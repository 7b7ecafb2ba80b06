"""Which scenes there are: places, orbit passes that hold one or several slices, and product names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ceruleanml import seeds
from ceruleanml.scenes.simulator.geometry import GROUND_SPEED_M_S, NOISE_DB, SWATH_M, Geometry

PLACES = (
    (-90.6, 27.4),  # Gulf of Mexico
    (59.4, 24.6),  # Gulf of Oman
    (3.2, 56.4),  # North Sea
    (5.6, 3.2),  # Gulf of Guinea
    (51.2, 40.6),  # Caspian Sea
    (107.2, 6.4),  # South China Sea
    (-39.6, -22.9),  # Campos Basin
    (18.4, 35.0),  # central Mediterranean
    (11.2, -6.6),  # off the Congo
    (35.2, 43.4),  # Black Sea
    (73.1, 14.8),  # Arabian Sea
    (-74.4, 34.6),  # off Cape Hatteras
)
"""Longitude and latitude of sea where oil is produced or shipped."""
ORBIT_MINUTES = 98.74
FIRST_ORBIT = datetime(2014, 4, 3, tzinfo=UTC)


@dataclass(frozen=True)
class Identity:
    """One scene of a campaign: its number, its product name, its pass and where it was taken."""

    index: int
    scene_id: str
    geometry: Geometry


def identities(seed: int, count: int, height_width: tuple[int, int], resolution_m: float) -> list[Identity]:
    """The first `count` scenes of the campaign of that seed; asking for more leaves the first as they are.

    Scenes come in passes of one to three slices (two in the first pass), whose ground adjoins and whose names share
    mission, orbit and data take.
    """
    found: list[Identity] = []
    number = 0
    while len(found) < count:
        found += _slices(seed, number, len(found), height_width, resolution_m)
        number += 1
    return found[:count]


def _slices(
    seed: int, number: int, first_index: int, height_width: tuple[int, int], resolution_m: float
) -> list[Identity]:
    random = seeds.generator(seed, "pass", number)
    place = PLACES[(number + int(seeds.generator(seed, "places").integers(len(PLACES)))) % len(PLACES)]
    slices = 2 if number == 0 else int(random.choice([1, 1, 2, 3]))
    lon_lat = (place[0] + random.uniform(-0.6, 0.6), place[1] + random.uniform(-0.6, 0.6))
    heading = float(random.choice([347.5, 192.5]) + random.uniform(-1, 1))
    offset = random.uniform(0, max(0.0, SWATH_M - height_width[1] * resolution_m))
    first_slice = bool(random.random() < 0.35)
    began = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(seconds=int(random.integers(7 * 365 * 86400)))
    length_m = height_width[0] * resolution_m
    orbit = int((began - FIRST_ORBIT) / timedelta(minutes=ORBIT_MINUTES))
    take = int(orbit * 7.6) + int(random.integers(1000))
    mission = "S1B" if began.year < 2021 and random.random() < 0.4 else "S1A"
    noise_db = float(random.uniform(*NOISE_DB))
    found = []
    for part in range(slices):
        start, stop = (began + timedelta(seconds=_seconds(length_m) * (part + end)) for end in (0, 1))
        code = int(seeds.generator(seed, "product", number, part).integers(65536))
        scene_id = (
            f"{mission}_IW_GRDH_1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_{orbit:06d}_{take:06X}_{code:04X}"
        )
        first = first_slice and part == 0
        geometry = Geometry(
            height_width, resolution_m, float(offset), lon_lat, heading, part * length_m, first, noise_db
        )
        found.append(Identity(first_index + part, scene_id, geometry))
    return found


def _seconds(length_m: float) -> int:
    """How long the satellite takes over that ground, in whole seconds, at least one."""
    return max(1, round(length_m / GROUND_SPEED_M_S))
