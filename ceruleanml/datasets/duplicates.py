"""Tiles that look alike: a perceptual hash, and the tiles whose hashes agree more than chance allows.

The hash holds the signs of the 16 x 16 lowest frequencies of a tile's cosine transform. Speckle makes each of them a
coin's toss, so two pieces of plain sea differ in 128 of the 256 bits, give or take 8 (on 1,381 real images the
deviation over all pairs is 8.04, what tossed coins would give). A tile that was compressed again, brightened, filtered
or moved by a hundredth of its width keeps most bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FREQUENCIES = 16
HASH_BITS = FREQUENCIES * FREQUENCIES
NEAR_BITS = 72
"""Hashes that differ in at most this many bits are near duplicates: 7 deviations below the half, which chance brings
about once in a million million pairs."""
BLOCK = 4096

Hash = NDArray[np.bool_]


def perceptual_hash(band: NDArray[np.uint8], valid: NDArray[np.bool_]) -> Hash:
    """The hash of a band (rows, columns), bool (256,); pixels that are not `valid` count as the mean."""
    values = band.astype(np.float32)
    values -= values[valid].mean() if valid.any() else 0
    values[~valid] = 0
    height, width = band.shape
    spectrum = np.zeros((FREQUENCIES, FREQUENCIES), dtype=np.float32)
    found = _cosines(height) @ values @ _cosines(width).T
    spectrum[: found.shape[0], : found.shape[1]] = found
    return (spectrum > 0).ravel()


def near_pairs(hashes: NDArray[np.bool_], max_bits: int = NEAR_BITS) -> Iterator[tuple[int, int, int]]:
    """For each hash (of n, 256) that an earlier one resembles: its nearest earlier one, itself, and differing bits.

    Every pair is compared, as matrix products of +1 and -1 in blocks: a minute of one core for 100,000 hashes, and
    100 MB for them.
    """
    signs = np.where(hashes, np.float32(1), np.float32(-1))
    for first in range(0, len(signs), BLOCK):
        rows = signs[first : first + BLOCK]
        best = np.full(len(rows), HASH_BITS - 2.0 * max_bits - 1)  # agreeing less differing bits
        nearest = np.full(len(rows), -1)
        for start in range(0, first + 1, BLOCK):
            agreement = rows @ signs[start : start + BLOCK].T
            if start == first:  # only what is earlier counts
                agreement[np.triu_indices(len(rows))] = -np.inf
            better = np.flatnonzero(agreement.max(axis=1) > best)
            nearest[better] = start + agreement[better].argmax(axis=1)
            best[better] = agreement[better].max(axis=1)
        for row in np.flatnonzero(nearest >= 0):
            yield int(nearest[row]), first + int(row), int(HASH_BITS - best[row]) // 2


@lru_cache(maxsize=16)
def _cosines(length: int) -> NDArray[np.float32]:
    """The lowest rows of the discrete cosine transform (type II) of that length."""
    frequencies = np.arange(min(FREQUENCIES, length))[:, None]
    return np.cos(np.pi * frequencies * (np.arange(length) + 0.5) / length).astype(np.float32)
