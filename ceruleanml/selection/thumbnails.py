"""Small pictures of a data set's tiles."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset
from ceruleanml.errors import DatasetError

SIDE_PX = 144
STRETCH = (1.0, 99.5)

Grey = NDArray[np.uint8]


def thumbnails(dataset: Dataset, tile_ids: Iterable[str], side_px: int = SIDE_PX) -> dict[str, Grey]:
    """The first channel of these tiles, uint8 (rows, columns) of at most `side_px`, by tile id.

    Tiles that the data set has not, or that cannot be read, are left out.
    """
    tiles = {tile.tile_id: tile for tile in dataset.tiles}
    found = {}
    for tile_id in tile_ids:
        try:
            found[tile_id] = shrunk(dataset.read(tiles[tile_id])[0], side_px)
        except (KeyError, DatasetError):
            continue
    return found


def shrunk(band: NDArray[np.uint8], side_px: int) -> Grey:
    """A band as the means of square blocks, stretched between the percentiles of its data; without data it is black."""
    block = -(-max(band.shape) // side_px)
    rows, columns = (max(1, length // block) for length in band.shape)
    height, width = min(block, band.shape[0]), min(block, band.shape[1])
    cut = band[: rows * height, : columns * width].reshape(rows, height, columns, width)
    means = cut.mean(axis=(1, 3))
    data = means[means > 0]
    low, high = np.percentile(data, STRETCH) if data.size else (0.0, 1.0)
    grey: Grey = (np.clip((means - low) / max(high - low, 1e-3), 0, 1) * 255).round().astype(np.uint8)
    return grey


def png(grey: Grey) -> bytes:
    """A picture as PNG; equal pictures give equal bytes."""
    from matplotlib.image import imsave

    written = io.BytesIO()
    imsave(written, grey, cmap="gray", vmin=0, vmax=255, format="png")
    return written.getvalue()
