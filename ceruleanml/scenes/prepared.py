"""A scene laid on its grid with its context channels: read strip by strip, or kept as a Cloud-Optimised GeoTIFF."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import WriteError
from ceruleanml.scenes.grid import Grid, Window
from ceruleanml.scenes.readback import check_read_back, checksum
from ceruleanml.scenes.scene import Scene
from ceruleanml.scenes.warp import Bytes, block_factor, framed_pixels, warp

STRIP_ROWS = 512
ALMOST_FULL_BYTES = 1 << 20
"""With less room than this, a failed write is the full disk's fault, whatever GDAL calls it."""


class Channel(Protocol):
    """One band of a prepared scene."""

    @property
    def name(self) -> str:
        """The band's name."""

    def rows(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Grid rows start..stop as uint8 (rows, columns)."""


class ImageChannel:
    """The scene's own pixels on the grid. Holds the image in memory: its rows x columns bytes, fewer when averaged."""

    def __init__(self, scene: Scene, grid: Grid) -> None:
        self.name = scene.band
        self._grid = grid
        factor = block_factor(scene, grid)
        self._framed = framed_pixels(scene, factor)
        self._georeference = scene.georeference.scaled(1 / factor, 1 / factor) if scene.georeference else None

    def rows(self, start: int, stop: int) -> Bytes:
        """Grid rows start..stop as uint8 (rows, columns)."""
        if self._georeference is None:
            return self._framed[1 + start : 1 + stop, 1:-1]
        return warp(
            self._framed, self._georeference, self._grid, Window(start, 0, stop - start, self._grid.height_width[1])
        )


class PreparedScene:
    """A scene's bands on a grid: its own pixels first, then the context channels in their order."""

    def __init__(self, scene: Scene, grid: Grid, context: Sequence[Channel] = ()) -> None:
        self.scene = scene
        self.grid = grid
        self.channels: tuple[Channel, ...] = (ImageChannel(scene, grid), *context)

    @property
    def band_names(self) -> list[str]:
        """The bands' names, in order."""
        return [channel.name for channel in self.channels]

    def fill(self, out: Bytes, start: int) -> None:
        """Write the grid's rows from `start` on into `out` (bands, rows, columns); what leaves the grid stays."""
        height, width = self.grid.height_width
        stop = min(start + out.shape[1], height)
        for band, channel in zip(out, self.channels, strict=True):
            band[: stop - start, :width] = channel.rows(start, stop)

    def tags(self) -> dict[str, str]:
        """What a prepared file says of itself."""
        scene = self.scene
        tags = {"scene_id": scene.scene_id, "source": scene.source, "grid": self.grid.name}
        tags["radiometry"] = scene.radiometry.name
        if scene.radiometry.name == "sigma0_db":
            tags["db_range"] = "{:g} {:g}".format(*scene.radiometry.db_range)
            tags["noise_subtracted"] = str(scene.radiometry.subtract_noise).lower()
        if scene.sensing_time is not None:
            tags["sensing_time"] = scene.sensing_time.isoformat()
        return tags


def write_cog(prepared: PreparedScene, target: Path) -> float:
    """Write the prepared scene as a Cloud-Optimised GeoTIFF (uint8, ZSTD, band-planar), strip by strip.

    What comes back is the share of its pixels that hold data. The file is read back and compared, since GDAL does not
    always tell of a full disk. Raises WriteError, and what reading the scene raises.
    """
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError

    from ceruleanml.storage import gdal_environment

    plain = target.with_name(f".{target.name}.strips.tif")
    try:
        with gdal_environment():
            valid, written = _write_strips(prepared, plain)
            target.unlink(missing_ok=True)
            rasterio.shutil.copy(plain, target, driver="COG", compress="ZSTD", level=1, interleave="BAND")
            check_read_back(target, written, STRIP_ROWS)
    except (OSError, CPLE_BaseError) as error:
        target.unlink(missing_ok=True)
        full = shutil.disk_usage(target.parent).free < ALMOST_FULL_BYTES
        raise WriteError(f"{target}: cannot be written: {'No space left on device' if full else error}") from error
    finally:
        plain.unlink(missing_ok=True)
    return round(valid / (prepared.grid.height_width[0] * prepared.grid.height_width[1]), 6)


def _write_strips(prepared: PreparedScene, path: Path) -> tuple[int, int]:
    """Write the bands as an ordinary GeoTIFF; the number of pixels that hold data, and the checksum of all strips."""
    import rasterio

    height, width = prepared.grid.height_width
    valid = written = 0
    with rasterio.open(path, "w", **_profile(prepared)) as file:
        file.descriptions = prepared.band_names
        file.update_tags(**prepared.tags())
        for start in range(0, height, STRIP_ROWS):
            rows = min(STRIP_ROWS, height - start)
            strip = np.zeros((len(prepared.channels), rows, width), dtype=np.uint8)
            prepared.fill(strip, start)
            file.write(strip, window=((start, start + rows), (0, width)))
            written = checksum(strip, written)
            valid += strip[0].size if prepared.scene.nodata is None else int(np.count_nonzero(strip[0]))
    return valid, written


def _profile(prepared: PreparedScene) -> dict[str, Any]:
    height, width = prepared.grid.height_width
    profile: dict[str, Any] = {
        "driver": "GTiff", "dtype": "uint8", "height": height, "width": width, "count": len(prepared.channels),
        "tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "band",
        "compress": "zstd", "zstd_level": 1, "bigtiff": "if_safer", "nodata": prepared.scene.nodata,
    }  # fmt: skip
    if prepared.grid.crs is not None:
        profile |= {"crs": prepared.grid.crs, "transform": prepared.grid.transform}
    return profile
