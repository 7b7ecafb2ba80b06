"""Cloud-Optimised GeoTIFFs made from a plain raster that is written piece by piece."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ceruleanml.errors import WriteError

ALMOST_FULL_BYTES = 1 << 20
"""With less room than this, a failed write is the full disk's fault, whatever GDAL calls it."""


@contextmanager
def cog_from_pieces(target: Path) -> Iterator[Path]:
    """A path for the plain raster beside `target`, removed at the end; a failure becomes a WriteError, leaving nothing.

    Within the block the caller writes the plain raster there, calls `as_cog` and reads the result back.
    """
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    from ceruleanml.storage import gdal_environment

    plain = target.with_name(f".{target.name}.plain.tif")
    try:
        with gdal_environment():
            yield plain
    except (OSError, CPLE_BaseError, RasterioError) as error:
        target.unlink(missing_ok=True)
        full = target.parent.is_dir() and shutil.disk_usage(target.parent).free < ALMOST_FULL_BYTES
        raise WriteError(f"{target}: cannot be written: {'No space left on device' if full else error}") from error
    finally:
        plain.unlink(missing_ok=True)


def as_cog(plain: Path, target: Path, **options: Any) -> None:
    """Copy a plain raster as a COG: ZSTD, tiles of 512, overviews that pick pixels; one thread, for the same bytes."""
    import rasterio.shutil

    target.unlink(missing_ok=True)
    rasterio.shutil.copy(
        plain, target, driver="COG", compress="ZSTD", bigtiff="IF_SAFER", num_threads="1",
        overview_resampling="NEAREST", **options,
    )  # fmt: skip
