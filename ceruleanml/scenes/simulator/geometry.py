"""What an interferometric-wide-swath product fixes: incidence, calibration, noise, sub-swath seams, edges, ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import UsageError
from ceruleanml.scenes.georeference import GroundControlPoints

EARTH_RADIUS_M = 6_371_000.0
SWATH_M = 259_000.0
SEAMS = (0.337, 0.677)
"""Where, from near to far range, one sub-swath ends and the next begins."""
INCIDENCE_DEG = (30.2, 46.2)
CALIBRATION = (666.0, 599.0, 559.0)
"""A of sigma0 = DN^2 / A^2 at near, mid and far range."""
NOISE_DB = (-27.4, -25.7)
"""Noise-equivalent sigma nought of a product, from the best to the worst of usual ones."""
SUBSWATH_NOISE_DB = (-0.3, 0.4, -0.1)
EDGE_NOISE_DB = 3.4
"""How much the noise of a sub-swath rises from its middle to its edges."""
GROUND_SPEED_M_S = 6680.0
GCP_ROWS_COLS = (10, 21)
SLICE_STEPS_M = 6_800.0
"""How much later each farther sub-swath begins in the first slice of a data take."""


@dataclass(frozen=True)
class Geometry:
    """A piece of swath: its pixels, where in range it begins, and how it lies on the Earth.

    `range_offset_m` counts from near range to the first column. `lon_lat` is the ground of the pass's first row at
    mid-range, `along_m` how far the image's first row lies beyond it. `heading_deg` is where the satellite flies
    (north 0, east 90); it looks to its right. `noise_db` is the mean noise, as sigma nought in decibels.
    """

    height_width: tuple[int, int]
    resolution_m: float
    range_offset_m: float
    lon_lat: tuple[float, float]
    heading_deg: float
    along_m: float
    first_slice: bool
    noise_db: float

    @property
    def range_share(self) -> NDArray[np.float64]:
        """How far from near (0) to far range (1) the middle of each column lies."""
        across = (np.arange(self.height_width[1]) + 0.5) * self.resolution_m
        return np.asarray((self.range_offset_m + across) / SWATH_M)

    @property
    def incidence_deg(self) -> NDArray[np.float64]:
        """The incidence angle of each column."""
        return np.asarray(np.interp(self.range_share, (0, 1), INCIDENCE_DEG))

    @property
    def calibration(self) -> NDArray[np.float64]:
        """A of each column: digital numbers are A times the root of sigma nought."""
        return np.asarray(np.interp(self.range_share, (0, 0.5, 1), CALIBRATION))

    @property
    def noise(self) -> NDArray[np.float64]:
        """Thermal noise of each column as sigma nought (linear): a bowl in each sub-swath, a step at each seam."""
        share = self.range_share
        subswath = np.searchsorted(SEAMS, share, side="right")
        starts, ends = np.array([0, *SEAMS]), np.array([*SEAMS, 1.0])
        middle, half = (starts + ends)[subswath] / 2, (ends - starts)[subswath] / 2
        decibels = self.noise_db + np.array(SUBSWATH_NOISE_DB)[subswath]
        decibels += EDGE_NOISE_DB * (((share - middle) / half) ** 2 - 1 / 3)
        return np.asarray(10 ** (decibels / 10))

    def empty_rows(self) -> NDArray[np.int64]:
        """How many rows at the top of each column hold nothing: stairs in a data take's first slice."""
        height_m = self.height_width[0] * self.resolution_m
        stairs = min(SLICE_STEPS_M, height_m * 0.03) / self.resolution_m if self.first_slice else 0.0
        return np.asarray(1 + stairs * np.searchsorted(SEAMS, self.range_share, side="right")).astype(np.int64)

    def empty_cols(self, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many columns at the left and at the right of rows start..stop hold nothing; they slide with the orbit."""
        share = np.arange(start, stop) / self.height_width[0]
        metres = min(700.0, 0.01 * self.height_width[1] * self.resolution_m)
        left = np.floor(share * metres / 3 / self.resolution_m + 0.4)
        right = np.floor((1 - share * 0.3) * metres / self.resolution_m + 1)
        return left.astype(np.int64), right.astype(np.int64)

    def ground(self, row_col: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitudes and latitudes (n, 2) of pixel coordinates (n, 2) on a sphere."""
        along = self.along_m + row_col[:, 0] * self.resolution_m
        across = self.range_offset_m + row_col[:, 1] * self.resolution_m - SWATH_M / 2
        ahead = _moved(np.tile(self.lon_lat, (len(row_col), 1)), self.heading_deg, along)
        return _moved(ahead, self.heading_deg + 90, across)

    def control_points(self) -> GroundControlPoints:
        """The product's grid of ground control points."""
        height, width = self.height_width
        rows, cols = np.linspace(0, height, GCP_ROWS_COLS[0]), np.linspace(0, width, GCP_ROWS_COLS[1])
        row_col = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)
        pixels = tuple((float(row), float(col)) for row, col in row_col)
        return GroundControlPoints(pixels, tuple((float(x), float(y)) for x, y in self.ground(row_col)))


def check_size(height_width: tuple[int, int], resolution_m: float) -> None:
    """Raise UsageError for a scene no swath can hold."""
    height, width = height_width
    if not (math.isfinite(resolution_m) and 10 <= resolution_m <= 500):
        raise UsageError(f"--resolution {resolution_m:g}: the simulator makes pixels of 10 to 500 m; give one of those")
    if min(height_width) < 64:
        raise UsageError(f"--height {height} --width {width}: a simulated scene needs at least 64 pixels each way")
    if width * resolution_m > SWATH_M * 1.01:
        raise UsageError(
            f"--width {width}: {width * resolution_m / 1000:.0f} km at {resolution_m:g} m is wider than the swath of "
            f"{SWATH_M / 1000:.0f} km; give at most {int(SWATH_M // resolution_m)}"
        )
    if height * resolution_m > 400_000:
        raise UsageError(
            f"--height {height}: {height * resolution_m / 1000:.0f} km at {resolution_m:g} m is longer than the "
            f"longest scene of 400 km; give at most {int(400_000 // resolution_m)}"
        )


def _moved(lon_lat: NDArray[np.float64], bearing_deg: float, metres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where one comes to going that far along great circles of that bearing."""
    longitude, latitude = np.radians(lon_lat[:, 0]), np.radians(lon_lat[:, 1])
    bearing, angle = math.radians(bearing_deg), metres / EARTH_RADIUS_M
    sine = np.sin(latitude) * np.cos(angle) + np.cos(latitude) * np.sin(angle) * math.cos(bearing)
    turned = np.arctan2(math.sin(bearing) * np.sin(angle) * np.cos(latitude), np.cos(angle) - np.sin(latitude) * sine)
    return np.asarray(np.degrees(np.stack([longitude + turned, np.arcsin(sine)], axis=1)))
