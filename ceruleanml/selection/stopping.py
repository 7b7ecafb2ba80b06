"""Advice on whether to go on, from the budget, the learning curve and how much predictions still change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.selection.curves import Curve
from ceruleanml.selection.round_folder import RoundFolder

LOOK_BACK = 3
PLATEAU = 0.01
"""A figure that rose by less than this over the last rounds is on a plateau."""
STABLE_KAPPA = 0.99
"""Agreement of successive models above which they are called stable (Bloodgood and Vijay-Shanker 2009)."""


def advice(curve: Curve, budget: int | None) -> list[str]:
    """Sentences that say why one might stop, none where nothing speaks for it."""
    found = []
    labels = int(curve.labels[-1])
    if budget is not None and labels >= budget:
        found.append(f"the budget of {budget} labels is spent ({labels} are drawn)")
    recent = curve.values[-LOOK_BACK - 1 :]
    if len(recent) > LOOK_BACK and np.isfinite(recent).all():
        gain = float(recent[1:].max() - recent[0])
        if gain < PLATEAU:
            found.append(f"{curve.main} rose by {gain:.3f} over the last {LOOK_BACK} rounds: a plateau")
    kappas = agreements(curve.arm, len(curve.values))
    if len(kappas) >= LOOK_BACK and min(kappas[-LOOK_BACK:]) >= STABLE_KAPPA:
        found.append(f"the last {LOOK_BACK} models agree on the pool (kappa {min(kappas[-LOOK_BACK:]):.3f} or more)")
    return found


def agreements(arm: Path, rounds: int) -> list[float]:
    """Cohen's kappa between successive rounds' models, on which items of the pool show what is looked for.

    Only items that both rounds scored count. Rounds without scores of `foreground` are left out.
    """
    from ceruleanml.selection.score_files import read_scores

    found: list[float] = []
    before: dict[str, bool] | None = None
    for number in range(rounds):
        path = RoundFolder(arm, number).scores
        table = read_scores(path) if path.is_file() else None
        if table is None or "foreground" not in table.columns:
            before = None
            continue
        shown = table.columns["foreground"] >= 0.5
        now = dict(zip(table.ids, shown.tolist(), strict=True))
        if before is not None:
            shared = sorted(now.keys() & before.keys())
            found.append(kappa(np.array([before[one] for one in shared]), np.array([now[one] for one in shared])))
        before = now
    return found


def kappa(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Cohen's kappa of two yes-or-no judgements (n,); 1 where both say the same of all (Cohen 1960)."""
    if not len(first) or bool((first == second).all()):
        return 1.0
    share, other = first.mean(), second.mean()
    by_chance = share * other + (1 - share) * (1 - other)
    return float(((first == second).mean() - by_chance) / (1 - by_chance))
