"""Averaging an image in whole blocks of pixels, as overviews are made: before its values become 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def block_means(
    values: NDArray[np.float64] | NDArray[np.unsignedinteger], valid: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Mean of the valid values of each block of factor x factor, and whether half of the block or more is valid.

    Both are (rows / factor, columns / factor); where too little is valid the mean is 0. Rows must be a multiple of the
    factor; columns that fill no whole block at the right edge are left out.
    """
    rows, cols = values.shape[0] // factor, values.shape[1] // factor
    blocks = (rows, factor, cols, factor)
    values, valid = values[:, : cols * factor], valid[:, : cols * factor]
    sums = np.where(valid, values, 0).reshape(blocks).sum(axis=(1, 3), dtype=np.float64)
    counts = np.count_nonzero(valid.reshape(blocks), axis=(1, 3))
    enough = 2 * counts >= factor * factor
    return np.divide(sums, counts, out=np.zeros_like(sums), where=enough), enough
