"""Learning curves: a figure over labels and over what they cost, with intervals over seeds, and the labels saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.selection.round_folder import RoundFolder, round_numbers
from ceruleanml.storage import read_json

Floats = NDArray[np.float64]
RESAMPLES = 2000
READ_OFF = 7
"""Points at which curves over cost are read off."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One arm with one seed: for each judged round the labels so far, their cost so far by unit, and the figure.

    All (rounds,); the figure is NaN where a round had no model. `parts` holds for each round (groups, 2) numerators and
    denominators of the figure by group of the evaluation set, of equal groups in all rounds.
    """

    arm: Path
    main: str
    labels: Floats
    costs: dict[str, Floats]
    values: Floats
    parts: tuple[Floats, ...]


@dataclass(frozen=True, eq=False)
class Band:
    """The curves of one strategy over a common axis: mean, and 95 % interval (low, high), all (points,)."""

    strategy: str
    at: Floats
    mean: Floats
    low: Floats
    high: Floats
    seeds: int


def read_curve(arm: Path) -> Curve:
    """The learning curve of an arm, of the rounds that are judged. Raises SelectionError where there is none."""
    places = [place for number in round_numbers(arm) if (place := RoundFolder(arm, number)).done]
    if not places:
        raise SelectionError(f"{arm}: no round is done yet; run the experiment first")
    records = [read_json(place.record) for place in places]
    spent = [read_json(place.labels)["cost"] for place in places]
    units = sorted({unit for cost in spent for unit in cost})
    main = records[-1]["main"]
    return Curve(
        arm,
        main,
        np.array([record["labels"] for record in records], float),
        {unit: np.cumsum([cost.get(unit, 0.0) for cost in spent]) for unit in units},
        np.array([record["figures"].get(main, np.nan) for record in records], float),
        tuple(_parts(record) for record in records),
    )


def _parts(record: dict[str, Any]) -> Floats:
    """Numerators and denominators (groups, 2) in the order of the groups' names."""
    return np.array([record["parts"][name] for name in sorted(record["parts"])], float).reshape(-1, 2)


def band(strategy: str, curves: Sequence[Curve], unit: str | None = None, seed: int = 0) -> Band:
    """The mean curve of one strategy over labels, or over the cost in `unit`, with its 95 % interval.

    With several seeds the interval is Student's t of the mean over seeds; with one it is a bootstrap over the groups of
    the evaluation set, which says nothing of other draws. Over a cost, curves are read off by linear interpolation
    where all of them reach.
    """
    xs = [curve.labels if unit is None else curve.costs[unit] for curve in curves]
    if unit is None and all(np.array_equal(x, xs[0]) for x in xs):
        at = xs[0]
    else:
        at = np.linspace(max(x[0] for x in xs), max(min(x[-1] for x in xs), max(x[0] for x in xs)), READ_OFF)
    values = np.array([_read_off(at, x, curve.values) for x, curve in zip(xs, curves, strict=True)])
    if len(curves) > 1:
        return _over_seeds(strategy, at, values)
    low, high = (_read_off(at, xs[0], edge) for edge in _over_groups(curves[0], seed))
    return Band(strategy, at, values[0], low, high, 1)


def gain(strategy: str, curves: Sequence[Curve], baseline: Sequence[Curve]) -> Band:
    """How far a strategy's figure lies above the baseline's of the same seed, by labels, with its 95 % interval.

    Arms of one seed start from the same items, so differences in pairs leave out what the start brings. The interval
    is Student's t over seeds, NaN for one seed. Rounds without a model count as 0. Raises SelectionError for arms of
    other seeds or rounds.
    """
    ours, theirs = _paired(curves, baseline)
    return _over_seeds(strategy, curves[0].labels, ours - theirs)


def labels_saved(curves: Sequence[Curve], baseline: Sequence[Curve], seed: int = 0) -> dict[str, float]:
    """How many labels fewer a strategy takes than the baseline to reach an equal figure; below 0: how many more.

    The equal figure, `level`, is the lower one of the two mean curves' ends, so that both reach it; each is read off by
    linear interpolation where it first does. `low` and `high` are a 95 % bootstrap interval over seeds, drawn in
    pairs. Raises SelectionError for arms of other seeds or rounds.
    """
    ours, theirs = _paired(curves, baseline)
    labels = curves[0].labels
    draws = np.random.Generator(np.random.PCG64(seed)).integers(len(ours), size=(RESAMPLES, len(ours)))
    spread = [_saved(labels, ours[draw].mean(axis=0), theirs[draw].mean(axis=0))[0] for draw in draws]
    low, high = np.quantile(spread, [0.025, 0.975])
    saved, level = _saved(labels, ours.mean(axis=0), theirs.mean(axis=0))
    return {"level": level, "saved": saved, "low": float(low), "high": float(high)}


def area_under(curve: Curve) -> float:
    """The mean height of a curve over its labels; rounds without a model count as 0."""
    values = np.nan_to_num(curve.values)
    if len(values) == 1:
        return float(values[0])
    return float(np.trapezoid(values, curve.labels) / (curve.labels[-1] - curve.labels[0]))


def _paired(curves: Sequence[Curve], baseline: Sequence[Curve]) -> tuple[Floats, Floats]:
    """The figures (seeds, rounds) of both. Raises SelectionError."""
    if [len(one.values) for one in curves] != [len(one.values) for one in baseline]:
        raise SelectionError("the arms have other seeds or rounds; compare arms that ran equally far")
    ours, theirs = (np.nan_to_num([curve.values for curve in group]) for group in (curves, baseline))
    return ours, theirs


def _over_seeds(strategy: str, at: Floats, values: Floats) -> Band:
    """The mean of values (seeds, points), and Student's interval of it."""
    seeds, mean = len(values), values.mean(axis=0)
    if seeds == 1:
        return Band(strategy, at, mean, np.full(len(at), np.nan), np.full(len(at), np.nan), 1)
    reach = _t_quantile(seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
    return Band(strategy, at, mean, mean - reach, mean + reach, seeds)


def _saved(labels: Floats, ours: Floats, theirs: Floats) -> tuple[float, float]:
    """Labels saved, and the level at which."""
    level = float(min(ours[-1], theirs[-1]))
    return _reached(labels, theirs, level) - _reached(labels, ours, level), level


def _reached(labels: Floats, values: Floats, level: float) -> float:
    """The labels at which a curve first reaches a level that it does reach."""
    place = int(np.argmax(values >= level))
    if place == 0:
        return float(labels[0])
    share = (level - values[place - 1]) / (values[place] - values[place - 1])
    return float(labels[place - 1] + share * (labels[place] - labels[place - 1]))


def _read_off(at: Floats, x: Floats, y: Floats) -> Floats:
    known = np.isfinite(y)
    if not known.any():
        return np.full(len(at), np.nan)
    return np.interp(at, x[known], y[known])


def _over_groups(curve: Curve, seed: int) -> tuple[Floats, Floats]:
    """Low and high of the figure in each round, the groups of the evaluation set drawn anew with replacement."""
    random = np.random.Generator(np.random.PCG64(seed))
    low, high = np.full(len(curve.values), np.nan), np.full(len(curve.values), np.nan)
    for place, parts in enumerate(curve.parts):
        if len(parts):
            sums = parts[random.integers(len(parts), size=(RESAMPLES, len(parts)))].sum(axis=1)
            figures = sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
            low[place], high[place] = np.nanquantile(figures, [0.025, 0.975])
    return low, high


def _t_quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
