"""Greedy choice of the item that is worth most, again and again, where nearness to what is taken only lowers worth.

Plain greedy choice compares every item with every pick. As worth only falls, what an item was worth some picks ago
bounds what it is worth now (lazy greedy choice, Minoux 1978), so most items need not be looked at for most picks:

- a block of the items that were worth most is kept together in memory and brought up to date after each pick;
- its best item is the best of all while it beats the old worth of every item outside;
- else all items are brought up to date with the picks since the last time, by one product of matrices in blocks of
  rows (which costs a tenth of as many products with a vector), and a new block is chosen.

Cosines in float32 are off by some 1e-7, so which of two nearly equal items wins would hang on the machine. Items that
lie so close are compared in float64, and the first of equal items wins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ceruleanml.selection.unit_rows import UnitRows

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

SLACK = 1e-6  # beyond any error of a cosine in float32
SAME = 1 - 4e-6  # cosine from which two items count as one: float32 tells no distance below 0.003
EQUAL = 1e-9  # relative difference in worth that counts as none, in float64
COMPARED = 1024  # nearly equal items that are compared in float64 at most
PICKS = 512  # rows of picks a product of matrices
FEWEST, MOST = 512, 8192  # items of a block, so that it is neither used up at once nor slow to bring up to date
BLOCK_BYTES = 2**21  # a block that stays in the processor's own cache


def worth(cosines: NDArray[np.floating], weights: Floats, strength: float) -> Floats:
    """Weight x distance^strength, float64, from the cosine to the nearest taken item; never rises with the cosine."""
    squared = 2 - 2 * np.asarray(cosines, np.float64)
    squared[cosines > SAME] = 0
    return np.asarray(weights * squared ** (strength / 2), np.float64)


def block_items(d: int) -> int:
    """How many items of d figures a block holds."""
    return min(max(BLOCK_BYTES // (4 * max(d, 1)), FEWEST), MOST)


def compare(rows: UnitRows, nearest: NDArray[np.float32], picks: Places) -> None:
    """Raise the cosine of each item to its nearest pick, float32 (items,) in place, where one of these is nearer."""
    for start in range(0, len(picks), PICKS):
        some = rows.at(picks[start : start + PICKS])
        for where, block in rows.blocks():
            np.maximum(nearest[where], (some @ block.T).max(axis=0), out=nearest[where])


def greedy(rows: UnitRows, n: int, taken: Places, weights: Floats, strength: float = 1.0) -> Places:
    """The n picks in order, int64 (n,), each worth most given those before it and the taken ones.

    `weights` (items,) are 0 or more, and `n` is not above the number of items that are not taken. When nothing has
    worth any more (each item left has weight 0 or lies on a taken one), the greatest weight is next, then the first.
    """
    chosen = _Chosen(rows, weights, strength, taken)
    while len(chosen.picks) < len(taken) + n:
        upper = chosen.bring_up_to_date()
        if upper.max() <= 0:
            chosen.picks += chosen.rest()
            break
        before = len(chosen.picks)
        chosen.pick_from_block(upper, len(taken) + n)
        if len(chosen.picks) == before:
            chosen.pick_from_all(upper)
    return np.asarray(chosen.picks[len(taken) : len(taken) + n], np.int64)


class _Chosen:
    """What is taken so far, and for each item the cosine to the nearest of those it has been compared with."""

    def __init__(self, rows: UnitRows, weights: Floats, strength: float, taken: Places) -> None:
        self.rows, self.weights, self.strength = rows, weights, strength
        self.picks: list[int] = taken.tolist()
        self.nearest = np.full(len(rows), -1, np.float32)
        self.seen = 0

    def bring_up_to_date(self) -> Floats:
        """Compare all items with the picks since the last time; the most that each can be worth, -1 where taken."""
        compare(self.rows, self.nearest, np.asarray(self.picks[self.seen :]))
        self.seen = len(self.picks)
        upper = worth(self.nearest - np.float32(SLACK), self.weights, self.strength)
        upper[self.picks] = -1
        return upper

    def rest(self) -> list[int]:
        """All items that are not taken, the greatest weight first."""
        order = np.argsort(-self.weights, kind="stable")
        free = np.ones(len(self.rows), bool)
        free[self.picks] = False
        return [int(place) for place in order[free[order]]]

    def pick_from_block(self, upper: Floats, end: int) -> None:
        """Pick until there are `end` picks, or the best may lie outside the block of the items that are worth most."""
        size = block_items(self.rows.values.shape[1])
        places = np.argpartition(-upper, min(size, len(upper) - 1))
        places, outside = np.sort(places[:size]), places[size:]
        ceiling = max(upper[outside].max(initial=0), 0)
        block, nearest, weights = self.rows.at(places), self.nearest[places], self.weights[places]
        weights[upper[places] < 0] = -1
        cosines, upper = np.empty_like(nearest), upper[places]
        while len(self.picks) < end:
            best = int(upper.argmax())
            least = self._least(nearest[best], weights[best])
            if least <= ceiling:
                return
            within = self._settle(places, upper, np.flatnonzero(upper >= least))
            self.picks.append(int(places[within]))
            weights[within] = -1
            np.maximum(nearest, np.dot(block, block[within], out=cosines), out=nearest)
            upper = worth(nearest - np.float32(SLACK), weights, self.strength)

    def pick_from_all(self, upper: Floats) -> None:
        """Pick one where more items are nearly equal than a block holds."""
        best = int(upper.argmax())
        least = self._least(self.nearest[best], self.weights[best])
        self.picks.append(self._settle(np.arange(len(upper)), upper, np.flatnonzero(upper >= least)))

    def _least(self, cosine: np.float32, weight: np.float64) -> float:
        return float(worth(np.array([cosine + np.float32(SLACK)]), np.array([weight]), self.strength)[0])

    def _settle(self, places: Places, upper: Floats, close: Places) -> int:
        """Which of the close ones is worth most in float64, the first of equals."""
        if len(close) == 1:
            return int(close[0])
        if len(close) > COMPARED:
            close = np.sort(close[np.argsort(-upper[close], kind="stable")[:COMPARED]])
        where = places[close]
        block, nearest = self.rows.at(where, np.float64), np.full(len(close), -1.0)
        for start in range(0, len(self.picks), PICKS):
            picks = self.rows.at(np.asarray(self.picks[start : start + PICKS]), np.float64)
            np.maximum(nearest, (picks @ block.T).max(axis=0), out=nearest)
        found = worth(nearest, self.weights[where], self.strength)
        if not found.any():  # all lie on taken items, by a hair
            found = self.weights[where]
        return int(close[np.argmax(found >= found.max() * (1 - EQUAL))])
