"""The blended probabilities as a Cloud-Optimised GeoTIFF that any GIS opens."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ceruleanml.errors import WriteError
from ceruleanml.inference.store import ProbabilityStore
from ceruleanml.scenes.grid import Grid
from ceruleanml.scenes.prepared import ALMOST_FULL_BYTES
from ceruleanml.scenes.readback import check_read_back, checksum

STRIP_ROWS = 512
STEPS = 254
"""0 means that nothing was measured, so probabilities 0 to 1 become 1 to 255."""


def write_probabilities(
    store: ProbabilityStore, grid: Grid, classes: Sequence[str], target: Path, tags: dict[str, str]
) -> None:
    """Write one uint8 band a slick class, with scale and offset back to 0..1, tiled, with overviews.

    The file appears whole or not at all, and is read back. Raises WriteError. Memory: 512 rows of the scene.
    """
    import rasterio.shutil
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import NotGeoreferencedWarning

    from ceruleanml.storage import gdal_environment

    plain, cog = (target.with_name(f".{target.name}.{kind}.tif") for kind in ("strips", "cog"))
    try:
        with gdal_environment(), warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            written = _write_strips(store, grid, classes, plain, tags)
            rasterio.shutil.copy(plain, cog, driver="COG", compress="ZSTD", level=1, overview_resampling="average")
            check_read_back(cog, written, STRIP_ROWS)
        cog.replace(target)
    except (OSError, CPLE_BaseError) as error:
        full = shutil.disk_usage(target.parent).free < ALMOST_FULL_BYTES
        raise WriteError(f"{target}: cannot be written: {'No space left on device' if full else error}") from error
    finally:
        plain.unlink(missing_ok=True)
        cog.unlink(missing_ok=True)


def _write_strips(store: ProbabilityStore, grid: Grid, classes: Sequence[str], path: Path, tags: dict[str, str]) -> int:
    """Write the bands as an ordinary GeoTIFF; the checksum of all strips."""
    import rasterio

    height, width = grid.height_width
    profile = {
        "driver": "GTiff", "dtype": "uint8", "height": height, "width": width, "count": len(classes), "tiled": True,
        "blockxsize": 512, "blockysize": 512, "interleave": "band", "compress": "zstd", "zstd_level": 1,
        "bigtiff": "if_safer", "nodata": 0,
    }  # fmt: skip
    if grid.crs is not None:
        profile |= {"crs": grid.crs, "transform": grid.transform}
    start = written = 0
    with rasterio.open(path, "w", **profile) as file:
        file.descriptions = list(classes)
        file.scales, file.offsets = [1 / STEPS] * len(classes), [-1 / STEPS] * len(classes)
        file.update_tags(**tags)
        for strip in store.strips(STRIP_ROWS):
            measured = strip.sum(axis=0) > 0
            pixels = ((np.rint(strip * STEPS) + 1) * measured).astype(np.uint8)
            file.write(pixels, window=((start, start + pixels.shape[1]), (0, width)))
            written = checksum(np.ascontiguousarray(pixels), written)
            start += pixels.shape[1]
    return written
