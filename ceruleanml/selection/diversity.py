"""Which items to label when they are to differ: by distance, distance and score, typicality, or k-means++ seeding.

Each function takes embeddings (items, d), of which rows of other length than 1 are scaled first and a memory-mapped
array is read in blocks, and returns the numbers of the picks in order, int64. Preselected items (numbers, or None) are
never returned and count as taken: what lies near them is passed over. Asked for more than there are, it returns all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.seeds import generator
from ceruleanml.selection.farthest import compare, greedy, worth
from ceruleanml.selection.typicality import clusters_of, typical_order
from ceruleanml.selection.unit_rows import UnitRows, indices_of, unit_rows, wanted_of

Picks = NDArray[np.int64]
EQUAL = 1e-12


def k_center(embeddings: ArrayLike, n: int, preselected: ArrayLike | None = None) -> Picks:
    """The n items that are each farthest from all taken before: greedy k-center (coreset, Sener and Savarese 2018).

    Without preselected items, the first is the one farthest from the mean of all. Of items equally far, the first is
    taken. It is exact: the picks are those of comparing all items with all picks in float64, but that an item nearer
    than 0.003 to a taken one counts as a copy of it, as float32 tells no less.
    """
    rows = unit_rows(embeddings)
    taken = indices_of(preselected, len(rows))
    wanted = wanted_of(n, len(rows), len(taken))
    if not wanted:
        return np.zeros(0, np.int64)
    first = None if len(taken) else _farthest_from_mean(rows)
    return _greedy_from(first, rows, wanted, taken, np.ones(len(rows)))


def coral(
    embeddings: ArrayLike,
    scores: ArrayLike,
    n: int,
    preselected: ArrayLike | None = None,
    strengths: tuple[float, float] = (1.0, 1.0),
) -> Picks:
    """The n items that each have the greatest distance^strength x score^strength: Lightly's CORAL, one at a time.

    The distance is to the nearest item taken before; scaling it to a maximum of 1, as Lightly does, changes no pick.
    `strengths` are of the distance and of the score. `scores` (items,) are 0 or more; those of preselected items do not
    matter. Without preselected items, the first is the one with the greatest score. When every product is 0, the
    greatest score is next. Raises SelectionError for scores that are negative or not finite.
    """
    rows = unit_rows(embeddings)
    taken = indices_of(preselected, len(rows))
    wanted = wanted_of(n, len(rows), len(taken))
    weights = _weights(scores, len(rows), taken, "score")
    if min(strengths) < 0 or not np.isfinite(strengths).all():
        raise SelectionError(f"strengths are {strengths}; give 0 or more for the distance and for the score")
    if not wanted:
        return np.zeros(0, np.int64)
    weights = (weights / (weights.max() or 1)) ** strengths[1]
    first = None if len(taken) else int(weights.argmax())
    return _greedy_from(first, rows, wanted, taken, weights, strengths[0])


def typical(
    embeddings: ArrayLike, n: int, preselected: ArrayLike | None = None, neighbours: int = 20, seed: int = 0
) -> Picks:
    """The n items that are most typical of the greatest clusters without a taken item: TypiClust, Hacohen et al. 2022.

    There are as many clusters (k-means) as there will be taken items, 500 at most. Those with the fewest taken items
    come first, of these the greatest. Typicality is 1 / mean distance to so many nearest neighbours in the cluster.
    """
    rows = unit_rows(embeddings)
    taken = indices_of(preselected, len(rows))
    wanted = wanted_of(n, len(rows), len(taken))
    if not wanted:
        return np.zeros(0, np.int64)
    return typical_order(rows, clusters_of(rows, wanted + len(taken), seed), taken, wanted, neighbours)


def badge(
    embeddings: ArrayLike,
    n: int,
    seed: int,
    preselected: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Picks:
    """The n items that k-means++ seeding draws, each by its squared distance to the nearest taken one: BADGE, Ash 2020.

    BADGE seeds among gradients of the loss in the last layer, whose length is the uncertainty x the length of the
    embedding. Rows of length 1 multiplied by `weights` (items,) stand for them; with two classes and least confidence
    as the weight, they are those gradients but for the sign of the class. The first is drawn by squared length, as if
    0 were taken. From a preselected item, whose uncertainty is over, only the direction is told: its weight counts as
    that of the item it is compared with. When only copies of taken items are left, all are equally likely. Raises
    SelectionError for weights that are negative or not finite.
    """
    rows = unit_rows(embeddings)
    taken = indices_of(preselected, len(rows))
    wanted = wanted_of(n, len(rows), len(taken))
    lengths = np.ones(len(rows)) if weights is None else _weights(weights, len(rows), taken, "weight")
    squared, free = lengths**2, np.ones(len(rows))
    if len(taken):
        nearest = np.full(len(rows), -1, np.float32)
        compare(rows, nearest, taken)
        squared *= worth(nearest, np.ones(1), 2)
        free[taken] = 0
    draws, picks = generator(seed, "badge"), np.empty(wanted, np.int64)
    for count in range(wanted):
        total = np.cumsum(squared * free if (squared * free).any() else free)
        pick = picks[count] = np.searchsorted(total, draws.random() * total[-1], side="right")
        free[pick] = 0
        apart = (lengths - lengths[pick]) ** 2 + lengths * lengths[pick] * worth(rows.cosines(pick), np.ones(1), 2)
        squared = np.minimum(squared, apart) if count or len(taken) else apart
    return picks


def _greedy_from(
    first: int | None, rows: UnitRows, wanted: int, taken: Picks, weights: NDArray[np.float64], strength: float = 1.0
) -> Picks:
    """Greedy picks, the first of which is given where nothing is taken that it could be far from."""
    if first is None:
        return greedy(rows, wanted, taken, weights, strength)
    start = np.array([first], np.int64)
    return np.concatenate([start, greedy(rows, wanted - 1, start, weights, strength)])


def _weights(values: ArrayLike, n: int, taken: Picks, name: str) -> NDArray[np.float64]:
    """The scores or weights as float64, 0 for taken items; SelectionError where one cannot be multiplied by."""
    found = np.array(values, np.float64)
    if found.shape != (n,):
        raise SelectionError(f"there are {found.shape} {name}s for {n} items; give one {name} an item")
    found[taken] = 0
    wrong = ~np.isfinite(found) | (found < 0)
    if wrong.any():
        first = int(wrong.argmax())
        raise SelectionError(
            f"the {name} of item {first} is {found[first]}; leave out items without a {name}, and give 0 or more"
        )
    return found


def _farthest_from_mean(rows: UnitRows) -> int:
    mean = sum(block.sum(axis=0) for _, block in rows.blocks(np.float64)) / len(rows)
    cosines = np.concatenate([block @ mean for _, block in rows.blocks(np.float64)])
    return int(np.argmax(cosines <= cosines.min() + EQUAL))
