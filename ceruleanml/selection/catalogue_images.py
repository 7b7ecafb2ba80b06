"""Images of catalogues: FITS, PNG and JPEG as float32 in [0, 1] of one size."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.storage import gdal_environment, storage_error

Image = NDArray[np.float32]

FITS_SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fits.fz")
PICTURE_STARTS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG"}
"""How files begin; what they are called does not count."""
PERCENTILES = (0.25, 99.75)
SOFTENING = 0.1
"""Where the asinh stretch turns from linear to logarithmic, as a share of the range."""


def read_image(path: Path, side_px: int, bands: int = 1) -> Image:
    """The image as float32 (bands, side_px, side_px) in [0, 1]: its central square, averaged down or interpolated up.

    PNG and JPEG are divided by the most that their type holds; so are 8-bit FITS images, other FITS are stretched (see
    `stretch`). The first row of a FITS image is its lowest. One band is the mean of all, three are red, green, blue.
    Raises SelectionError for a file that cannot be read, or has neither one nor three bands where three are asked for.
    """
    is_fits = path.name.lower().endswith(FITS_SUFFIXES)
    pixels = _read_fits(path) if is_fits else _read_picture(path)
    if bands == 1:
        pixels = pixels.mean(axis=0, keepdims=True)
    elif len(pixels) == 1:
        pixels = np.repeat(pixels, bands, axis=0)
    elif len(pixels) != bands:
        raise SelectionError(f"{path}: has {len(pixels)} bands where {bands} are asked for; set bands to 1")
    return _resized(_central_square(pixels), side_px)


def stretch(pixels: NDArray[Any]) -> Image:
    """Pixels of any range (bands, rows, columns) as float32 in [0, 1]: asinh(x / 0.1) / asinh(10).

    x is 0 at the 0.25th and 1 at the 99.75th percentile of the finite pixels of all bands, and clipped; pixels that
    are not finite become 0, and a constant image is 0. Source: Lupton et al. 2004.
    """
    finite = np.isfinite(pixels)
    low, high = np.percentile(pixels[finite], PERCENTILES) if finite.any() else (0.0, 0.0)
    if high <= low:
        return np.zeros(pixels.shape, np.float32)
    share = np.clip((np.where(finite, pixels, low) - low) / (high - low), 0, 1)
    stretched = np.arcsinh(share / SOFTENING) / np.arcsinh(1 / SOFTENING)
    return np.asarray(stretched, np.float32)


def _read_fits(path: Path) -> Image:
    try:
        from astropy.io import fits
    except ImportError as error:
        raise UsageError(f"{path}: FITS needs astropy; pip install 'ceruleanml[fits]'") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that bend the standard say so at length
            with fits.open(path, memmap=False) as units:
                found = (unit.data for unit in units if getattr(unit, "is_image", False))
                pixels = next((np.asarray(data) for data in found if data is not None and data.ndim in (2, 3)), None)
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise _unreadable(path, error) from error
    if pixels is None:
        raise SelectionError(f"{path}: holds no image of two or three axes; give one with rows and columns")
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.shape[0] > 4 >= pixels.shape[2]:
        pixels = np.moveaxis(pixels, 2, 0)
    pixels = pixels[:, ::-1]
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.float32) / np.float32(255)
    if not np.isfinite(pixels).any():
        raise SelectionError(f"{path}: holds no pixel that is a number; take it out of the catalogue")
    return stretch(np.asarray(pixels, np.float64))


def _read_picture(path: Path) -> Image:
    """A PNG or JPEG, by its content; what is transparent is taken as it stands."""
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.errors import RasterioError

    driver = _driver(path)
    try:
        with warnings.catch_warnings(), gdal_environment(siblings=False):
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, driver=driver) as source:
                pixels = source.read()
                kinds = source.colorinterp
                table = source.colormap(1) if kinds[0] == ColorInterp.palette else None
    except (RasterioError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if table is not None:
        colours = np.array([table.get(number, (0, 0, 0, 0))[:3] for number in range(256)], np.uint8)
        pixels = np.moveaxis(colours[pixels[0]], -1, 0)
    else:
        pixels = pixels[[place for place, kind in enumerate(kinds) if kind != ColorInterp.alpha]]
    return np.asarray(pixels, np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def _driver(path: Path) -> str:
    try:
        with path.open("rb") as file:
            first = file.read(4)
    except OSError as error:
        raise storage_error(path, error, "read") from error
    found = next((driver for start, driver in PICTURE_STARTS.items() if first.startswith(start)), None)
    if found is None:
        raise SelectionError(f"{path}: is no PNG and no JPEG, and not named .fits; write it as one of these")
    return found


def _unreadable(path: Path, error: Exception) -> SelectionError:
    reason = " ".join(str(error).split())[:120]
    return SelectionError(f"{path}: cannot be read as FITS, PNG or JPEG ({reason}); write it again or take it out")


def _central_square(pixels: Image) -> Image:
    height, width = pixels.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[:, top : top + side, left : left + side]


def _resized(pixels: Image, side_px: int) -> Image:
    if pixels.shape[1] == side_px:
        return np.ascontiguousarray(pixels)
    import torch
    from torch.nn.functional import interpolate

    tensor = torch.from_numpy(np.ascontiguousarray(pixels))[None]
    scaled = interpolate(tensor, (side_px, side_px), mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(np.clip(scaled[0].numpy(), 0, 1))
