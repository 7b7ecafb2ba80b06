"""Outlines in metres and back: UTM for degrees, a plain scale for the pixels of an image without georeference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import Geometry

UNPLACED_PIXEL_M = 40.0
"""Taken for an image of which nobody says how large its pixels are: what the project's own examples measure."""


@dataclass(frozen=True)
class Ground:
    """How a grid's coordinates become metres: through UTM, or where `pixel_m` is given by that factor."""

    pixel_m: float | None = None

    def in_metres(self, geometries: Sequence[Geometry]) -> tuple[list[Geometry], UtmZone | None]:
        """The geometries in metres, and the zone that takes them back (None: the plain factor does)."""
        import shapely

        if self.pixel_m is not None or not len(geometries):
            factor = self.pixel_m or 1.0
            return [shapely.transform(one, lambda xy: xy * factor) for one in geometries], None
        zone = utm_zone(geometries)
        return [shapely.transform(one, zone.metres) for one in geometries], zone

    def back(self, geometry: Geometry, zone: UtmZone | None) -> Geometry:
        """A geometry in metres, in the grid's coordinates again."""
        import shapely

        factor = self.pixel_m or 1.0
        return shapely.transform(geometry, (lambda xy: xy / factor) if zone is None else zone.degrees)


@dataclass(frozen=True)
class UtmZone:
    """A zone of the Universal Transverse Mercator projection on WGS 84, by its EPSG code."""

    epsg: int

    def metres(self, lon_lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Eastings and northings (n, 2) of longitudes and latitudes (n, 2)."""
        return np.stack(self._transformer().transform(lon_lat[:, 0], lon_lat[:, 1]), axis=1)

    def degrees(self, east_north: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitudes and latitudes (n, 2) of eastings and northings (n, 2)."""
        found = self._transformer().transform(east_north[:, 0], east_north[:, 1], direction="INVERSE")
        return np.stack(found, axis=1)

    def _transformer(self) -> Any:
        from pyproj import Transformer

        return Transformer.from_crs("EPSG:4326", f"EPSG:{self.epsg}", always_xy=True)


def utm_zone(geometries: Sequence[Geometry]) -> UtmZone:
    """The zone of the centre of all geometries' common box, as the service chooses it; of degrees."""
    import shapely

    west, south, east, north = shapely.total_bounds(np.asarray(geometries, dtype=object))
    number = min(60, int(((west + east) / 2 + 180) // 6) + 1)
    return UtmZone((32600 if (south + north) / 2 >= 0 else 32700) + number)
