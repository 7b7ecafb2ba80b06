"""Clusters of items, and the most typical items of the clusters that hold the fewest taken ones."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ceruleanml.seeds import generator
from ceruleanml.selection.unit_rows import UnitRows

Places = NDArray[np.int64]

MOST_CLUSTERS = 500
FEW_CLUSTERS = 50  # up to as many, k-means looks at all items in each step
SMALL = 5  # a cluster of fewer items holds outliers
NEIGHBOURS_AMONG = 4096
DIGITS = 6  # of a distance, so that rounding does not order copies of one item


def clusters_of(rows: UnitRows, count: int, seed: int) -> Places:
    """The k-means cluster of each item, int64 (n,): `count` clusters, 500 at most, or fewer where items are equal."""
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    count = min(count, MOST_CLUSTERS, len(rows))
    state = int(generator(seed, "typical clusters").integers(2**31))
    method = KMeans if count <= FEW_CLUSTERS else MiniBatchKMeans
    options = {} if count <= FEW_CLUSTERS else {"batch_size": 5000}
    with warnings.catch_warnings(), threadpool_limits(1):  # threads add up in any order, so rounding would differ
        warnings.simplefilter("ignore", ConvergenceWarning)  # copies of one item leave clusters empty
        found = method(count, n_init=1, random_state=state, **options).fit_predict(rows.at(slice(None)))
    return np.asarray(found, np.int64)


def typical_order(rows: UnitRows, clusters: Places, taken: Places, n: int, neighbours: int) -> Places:
    """The n picks in order, int64: each is the most typical free item of the cluster whose turn it is.

    That is the cluster with the fewest taken items, of these the greatest. Clusters of fewer than 5 items, which hold
    outliers, come when the others are empty.
    """
    sizes = np.bincount(clusters)
    held, free = np.bincount(clusters[taken], minlength=len(sizes)), np.ones(len(rows), bool)
    free[taken] = False
    left = np.bincount(clusters[free], minlength=len(sizes))
    queues: dict[int, list[int]] = {}
    picks = []
    for _ in range(n):
        turn = min(np.flatnonzero(left).tolist(), key=lambda one: (sizes[one] < SMALL, held[one], -sizes[one]))
        if turn not in queues:
            members = np.flatnonzero(clusters == turn)
            order = members[np.argsort(sparseness(rows, members, neighbours), kind="stable")]
            queues[turn] = [int(place) for place in order[free[order]][::-1]]
        picks.append(queues[turn].pop())
        held[turn] += 1
        left[turn] -= 1
    return np.asarray(picks, np.int64)


def sparseness(rows: UnitRows, members: Places, neighbours: int = 20) -> NDArray[np.float64]:
    """Mean distance of each member to its nearest neighbours among the members, float64; typicality is 1 / this.

    In a small cluster, half the members are neighbours. Of more than 4,096 members, neighbours are looked for among
    4,096 of them, evenly spread over the order of items, so that a cluster of a million ends.
    """
    step = -(-len(members) // NEIGHBOURS_AMONG)
    others = members[::step]
    count = max(1, min(neighbours, len(others) // 2))
    if len(others) < 2:
        return np.zeros(len(members))
    theirs, found = rows.at(others, np.float64), []
    for start in range(0, len(members), 1024):
        mine = members[start : start + 1024]
        squared = 2 - 2 * (rows.at(mine, np.float64) @ theirs.T)
        squared[mine[:, None] == others] = np.inf
        nearest = np.partition(squared, count - 1, axis=1)[:, :count]
        found.append(np.sqrt(np.maximum(nearest, 0)).mean(axis=1))
    return np.round(np.concatenate(found), DIGITS)
