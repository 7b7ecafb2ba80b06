"""How far items are from the nearest one that is taken, for as many of them as are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ceruleanml.selection.batch import Places
from ceruleanml.selection.candidates import Floats

BLOCK = 1024
SAMPLED = 1000


class Nearest:
    """Cosines to the nearest taken row of unit embeddings (n, d), each worked out when it is first asked for.

    What was asked for once is kept up to date with every row that is taken afterwards.
    """

    def __init__(self, embeddings: NDArray[np.float32], taken: Places) -> None:
        self._embeddings = embeddings
        self._taken = [int(place) for place in taken]
        self._cosines = np.full(len(embeddings), np.nan, np.float32)
        self._known = np.zeros(0, np.int64)

    def cosines(self, places: Places) -> NDArray[np.float32]:
        """The cosine of each to its nearest taken row, float32; -1, the least there is, where nothing is taken."""
        new = places[np.isnan(self._cosines[places])]
        if len(new):
            self._cosines[new] = nearest_cosines(self._embeddings, new, np.array(self._taken, np.int64))
            self._known = np.concatenate([self._known, new])
        return self._cosines[places]

    def take(self, place: int) -> None:
        """Count a row as taken."""
        self._taken.append(int(place))
        whole = len(self._known) == len(self._embeddings)
        rows = self._embeddings if whole else self._embeddings[self._known]
        near = rows @ self._embeddings[place]
        known = slice(None) if whole else self._known
        self._cosines[known] = np.maximum(self._cosines[known], near)


def nearest_cosines(embeddings: NDArray[np.float32], places: Places, taken: Places) -> NDArray[np.float32]:
    """The cosine of each of the places' rows to the nearest of the taken rows, float32; -1 where none is taken."""
    found = np.full(len(places), -1, np.float32)
    for start in range(0, len(taken), BLOCK):
        others = embeddings[taken[start : start + BLOCK]].T
        for first in range(0, len(places), BLOCK):
            rows = embeddings[places[first : first + BLOCK]]
            part = slice(first, first + BLOCK)
            np.maximum(found[part], (rows @ others).max(axis=1), out=found[part])
    return found


def distances_to(embeddings: NDArray[np.float32], places: Places, taken: Places) -> Floats:
    """The Euclidean distance of each of the places' rows to the nearest of the taken rows, float64, at most 2."""
    return distances(nearest_cosines(embeddings, places, taken))


def spread(embeddings: NDArray[np.float32]) -> float:
    """The distance between two items as a root mean square over all pairs, from 0 to 2; of at most 1,000 items."""
    rows = np.asarray(embeddings[:: max(1, len(embeddings) // SAMPLED)], np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return 0.0
    return float(np.sqrt(max(0.0, 2 - 2 * (rows.mean(axis=0) ** 2).sum())))


def distances(cosines: NDArray[np.float32]) -> Floats:
    """Euclidean distances of unit rows from their cosines."""
    squared: Floats = 2 - 2 * np.asarray(cosines, np.float64)
    return np.sqrt(np.where(squared < 8e-6, 0, squared))  # float32 tells no distance below 0.003
