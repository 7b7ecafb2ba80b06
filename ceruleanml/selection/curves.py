"""Learning curves: a figure over labels and over what they cost, with intervals over seeds, and the labels saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, StorageError
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
    """The learning curve of an arm, of the rounds that are judged.

    Raises SelectionError where there is none, and where the files of a round are broken.
    """
    places = judged(arm)
    if not places:
        raise SelectionError(f"{arm}: no round is done yet; run the experiment first")
    try:
        return _curve(arm, [read_json(place.record) for place in places], [read_json(one.labels) for one in places])
    except (StorageError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SelectionError(
            f"{arm}: round.json or labels.json of a round is broken ({error}); put it back, or create a new experiment"
        ) from error


def judged(arm: Path) -> list[RoundFolder]:
    """The rounds of an arm that are done, in their order."""
    return [place for number in round_numbers(arm) if (place := RoundFolder(arm, number)).done]


def _curve(arm: Path, records: Sequence[dict[str, Any]], labels: Sequence[dict[str, Any]]) -> Curve:
    spent = [one["cost"] for one in labels]
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
    where all of them reach. Rounds without a model count as 0.
    """
    xs = [curve.labels if unit is None else curve.costs[unit] for curve in curves]
    at = _axis(xs) if unit is None else _between(xs)
    values = np.array([_read_off(at, x, np.nan_to_num(curve.values)) for x, curve in zip(xs, curves, strict=True)])
    if len(curves) > 1:
        return _over_seeds(strategy, at, values)
    low, high = (_read_off(at, xs[0], edge) for edge in _over_groups(curves[0], seed))
    return Band(strategy, at, values[0], low, high, 1)


def gain(strategy: str, curves: Sequence[Curve], baseline: Sequence[Curve]) -> Band:
    """How far a strategy's figure lies above the baseline's of the same seed, by labels, with its 95 % interval.

    Arms of one seed start from the same items, so differences in pairs leave out what the start brings. The interval
    is Student's t over seeds, NaN for one seed. Rounds without a model count as 0. Raises SelectionError for arms that
    are not `comparable`.
    """
    at, ours, theirs = _paired(curves, baseline)
    return _over_seeds(strategy, at, ours - theirs)


def labels_saved(curves: Sequence[Curve], baseline: Sequence[Curve], seed: int = 0) -> dict[str, float]:
    """How many labels fewer a strategy takes than the baseline to reach an equal figure; below 0: how many more.

    The equal figure, `level`, is the lower one of the two mean curves' ends, so that both reach it; each is read off by
    linear interpolation where it first does. `low` and `high` are a 95 % bootstrap interval over seeds, drawn in
    pairs, NaN for one seed. Raises SelectionError for arms that are not `comparable`.
    """
    labels, ours, theirs = _paired(curves, baseline)
    saved, level = _saved(labels, ours.mean(axis=0), theirs.mean(axis=0))
    if len(ours) == 1:
        return {"level": level, "saved": saved, "low": np.nan, "high": np.nan}
    draws = np.random.Generator(np.random.PCG64(seed)).integers(len(ours), size=(RESAMPLES, len(ours)))
    spread = [_saved(labels, ours[draw].mean(axis=0), theirs[draw].mean(axis=0))[0] for draw in draws]
    low, high = np.quantile(spread, [0.025, 0.975])
    return {"level": level, "saved": saved, "low": float(low), "high": float(high)}


def comparable(curves: Sequence[Curve], baseline: Sequence[Curve]) -> bool:
    """Whether arms have the same seeds, the same number of rounds, and numbers of labels that overlap."""
    same = [(one.arm.name, len(one.values)) for one in curves] == [(one.arm.name, len(one.values)) for one in baseline]
    every = [*curves, *baseline]
    return same and max(one.labels[0] for one in every) <= min(one.labels[-1] for one in every)


def area_under(curve: Curve) -> float:
    """The mean height of a curve over its labels; rounds without a model count as 0."""
    values = np.nan_to_num(curve.values)
    if len(values) == 1:
        return float(values[0])
    return float(np.trapezoid(values, curve.labels) / (curve.labels[-1] - curve.labels[0]))


def _paired(curves: Sequence[Curve], baseline: Sequence[Curve]) -> tuple[Floats, Floats, Floats]:
    """Numbers of labels (points,), and the figures (seeds, points) of both there. Raises SelectionError."""
    if not comparable(curves, baseline):
        raise SelectionError("the arms have other seeds, rounds or labels; compare arms that ran equally far")
    at = _axis([one.labels for one in (*curves, *baseline)])
    ours, theirs = (
        np.array([_read_off(at, one.labels, np.nan_to_num(one.values)) for one in group])
        for group in (curves, baseline)
    )
    return at, ours, theirs


def _axis(xs: Sequence[Floats]) -> Floats:
    """What all curves were measured at, or, where that differs, points between."""
    return xs[0] if all(np.array_equal(x, xs[0]) for x in xs) else _between(xs)


def _between(xs: Sequence[Floats]) -> Floats:
    """Points that all curves reach."""
    first = max(x[0] for x in xs)
    return np.linspace(first, max(min(x[-1] for x in xs), first), READ_OFF)


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
    """The curve y over x (rounds,) at other points; unknown beside what is unknown."""
    return y if np.array_equal(at, x) else np.interp(at, x, y)


def _over_groups(curve: Curve, seed: int) -> tuple[Floats, Floats]:
    """Low and high of the figure in each round, the groups of the evaluation set drawn anew with replacement.

    NaN where there are no groups to draw, as in rounds without a model.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    low, high = np.full(len(curve.values), np.nan), np.full(len(curve.values), np.nan)
    for place, parts in enumerate(curve.parts):
        if len(parts):
            sums = parts[random.integers(len(parts), size=(RESAMPLES, len(parts)))].sum(axis=1)
            figures = sums[sums[:, 1] > 0]
            if len(figures):
                low[place], high[place] = np.quantile(figures[:, 0] / figures[:, 1], [0.025, 0.975])
    return low, high


def _t_quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))
