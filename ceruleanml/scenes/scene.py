"""What every reader returns: a scene as a frozen value, and what a product's name tells."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import UsageError
from ceruleanml.scenes.georeference import Georeference

PRODUCT_NAME = re.compile(
    r"(?P<mission>S1[A-D])_(?P<mode>IW|EW|S[1-6])_GRD[FHM]_1S(?P<polarisation>[SD][HV])_"
    r"(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_[0-9A-F]{4}"
)
NODATA = 0
"""The 8-bit value that means "nothing was measured here", wherever a scene has a nodata value at all."""


@dataclass(frozen=True)
class Radiometry:
    """How measured numbers become 8-bit pixels.

    `dn`: amplitude digital numbers clipped to 0..255 (what the serving contract uses).
    `sigma0_db`: calibrated sigma nought in decibels, `db_range` mapped linearly to 1..255 and clipped;
    0 stays nodata. `subtract_noise` takes the product's thermal noise away first.
    """

    name: str = "dn"
    db_range: tuple[float, float] = (-35.0, 0.0)
    subtract_noise: bool = False

    def __post_init__(self) -> None:
        if self.name not in ("dn", "sigma0_db"):
            raise UsageError(f"radiometry {self.name!r} is not known; choose dn or sigma0_db")
        low, high = self.db_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise UsageError(f"dB range {low:g} {high:g} is empty or endless; give two numbers, the smaller one first")
        if self.subtract_noise and self.name == "dn":
            raise UsageError("noise can be subtracted only from calibrated pixels; add radiometry sigma0_db")


class PixelReader(Protocol):
    """Gives a scene's pixels, radiometry applied."""

    def rows(self, start: int, stop: int, factor: int = 1) -> NDArray[np.uint8]:
        """Rows start..stop (exclusive) as uint8 (rows, columns). Reading downwards once is the fast way.

        With a factor above 1, of which start and stop are multiples, the measured values are first averaged in blocks
        of factor x factor pixels: uint8 (rows / factor, columns / factor), nodata where most of a block is nodata.
        """


@dataclass(frozen=True)
class Scene:
    """One radar image: where it lies, what its pixels mean and how to read them.

    `scene_id` is the product's name for SAFE, else the stem of the file or folder. `source` is the location as
    the user gave it, `inputs` every local file or location that its pixels and georeference come from.
    `georeference` is None for plain images. `nodata` is 0 or None (every pixel counts).
    """

    scene_id: str
    source: str
    height_width: tuple[int, int]
    georeference: Georeference | None
    nodata: int | None
    band: str
    radiometry: Radiometry
    reader: PixelReader
    inputs: tuple[str, ...]

    @property
    def sensing_time(self) -> datetime | None:
        """When sensing began (UTC), from the scene id; None where the id is not a product's name."""
        return sensing_time(self.scene_id)


def sensing_time(scene_id: str) -> datetime | None:
    """When sensing began (UTC), from a Sentinel-1 product name; None for other ids."""
    found = PRODUCT_NAME.search(scene_id)
    return datetime.strptime(found["start"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if found else None


def orbit_pass(scene_id: str) -> str | None:
    """Mission and data take, `S1A/03E8C7`: scenes that share it were sensed in one sweep. None for other ids."""
    found = PRODUCT_NAME.search(scene_id)
    return f"{found['mission']}/{found['take']}" if found else None
