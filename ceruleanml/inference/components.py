"""Connected pixels of a scene that is read in strips: labels within each strip, joined where strips meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int32]


class Components:
    """4-connected components of masks given strip by strip, from above.

    `add` gives the labels of a strip, counted on from those before; `joined` then says which component each label
    belongs to. Holds one row of labels and a few bytes a label.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last_row: Labels | None = None
        self._links: list[NDArray[np.int64]] = []

    def add(self, mask: NDArray[np.bool_]) -> Labels:
        """The labels of the strip's pixels, int32 (rows, columns), 0 outside the mask."""
        from scipy.ndimage import label

        labels = np.empty(mask.shape, dtype=np.int32)
        found = label(mask, output=labels)
        np.add(labels, self.count, out=labels, where=mask)
        self.count += int(found)
        if self._last_row is not None:
            both = (self._last_row > 0) & (labels[0] > 0)
            pairs = np.stack([self._last_row[both], labels[0][both]], axis=1)
            self._links.append(np.unique(pairs, axis=0).astype(np.int64))
        self._last_row = labels[-1].copy()
        return labels

    def joined(self) -> NDArray[np.int32]:
        """The component of each label, from 1 in the order of their first label; 0 stays 0."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        links = np.concatenate([np.zeros((0, 2), np.int64), *self._links])
        size = self.count + 1
        graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(size, size))
        _, group = connected_components(graph, directed=False)
        return np.asarray(group, dtype=np.int32)  # label 0 has no links, so its group is the first, 0


def greatest(labels: Labels, values: NDArray[np.float32], count: int, first: int) -> NDArray[np.float32]:
    """The greatest value of each of `count` labels from `first` on."""
    from scipy.ndimage import maximum

    if not count:
        return np.zeros(0, np.float32)
    return np.asarray(maximum(values, labels, np.arange(first, first + count)), dtype=np.float32)


def sums(labels: Labels, values: NDArray[np.float32], count: int, first: int) -> NDArray[np.float64]:
    """The sum of values of each of `count` labels from `first` on; other pixels have the label 0."""
    chosen = labels > 0
    return np.bincount(labels[chosen] - first, weights=values[chosen], minlength=count).astype(np.float64)
