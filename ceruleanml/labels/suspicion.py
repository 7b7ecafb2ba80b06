"""How suspect the labels of a tile are to a model: one score over all, and one for each kind of error.

The score is the soft minimum of Lad and Mueller (2023, "Estimating label quality and errors in semantic segmentation
data via any model", arXiv:2307.05080): of the probability p that the model gives to what is labelled at each pixel, the
mean with weights exp((1 - p) / 0.1). A few pixels that are surely wrong outweigh a tile of sure ones. The kinds are
those that the paper tells apart, dropped, shifted and swapped: slicks overlooked, badly located, of swapped class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
OVERLOOKED, BADLY_LOCATED, SWAPPED = "overlooked", "badly_located", "swapped"
KINDS = (OVERLOOKED, BADLY_LOCATED, SWAPPED)
TEMPERATURE = 0.1
"""Of the soft minimum, as in the paper."""
CONFIDENT = 0.5
"""Pixels of at least this slick probability are slick to the model."""
NEAR_PX = 8
"""What the model sees this near to a labelled slick is that slick in another place, not another one."""
SMALL_PX = 16
"""A slick of so many pixels counts half: single pixels are noise."""
COVERED = 0.1
"""Share of what the model sees that must be labelled for it not to be overlooked."""


@dataclass(frozen=True)
class Suspicion:
    """How suspect a tile's labels are, each 0 to 1: `score` over all, and by kind; `where` (row, column) of the worst.

    A kind is 0, and has no place, where nothing of it can be: without a labelled slick nothing is badly located.
    """

    score: float
    overlooked: float = 0.0
    badly_located: float = 0.0
    swapped: float = 0.0
    where: tuple[tuple[str, tuple[int, int]], ...] = ()

    def of(self, kind: str | None) -> float:
        """The figure of one kind, or the score over all."""
        return self.score if kind is None else float(getattr(self, kind))


def likely_kinds(found: Sequence[Suspicion]) -> list[str | None]:
    """The kind of error that each tile most likely has; None where none is in sight.

    Figures of different kinds do not compare: soft edges alone make each slick seem a little badly located. So it is
    the kind by which a tile stands out most among all, of equals the one with the greater figure.
    """
    values = {kind: np.array([one.of(kind) for one in found]) for kind in KINDS}
    below = {kind: np.searchsorted(np.sort(column), column) for kind, column in values.items()}
    named: list[str | None] = []
    for place in range(len(found)):
        worst = max(KINDS, key=lambda kind, at=place: (below[kind][at], values[kind][at]))  # type: ignore[misc]
        named.append(worst if values[worst][place] > 0 else None)
    return named


def suspicion(labelled: NDArray[np.uint8], probabilities: Floats, bands: Sequence[int], valid: Mask) -> Suspicion:
    """How suspect the labels of a tile are to a model.

    `labelled` (rows, columns) are class ids, `probabilities` (bands, rows, columns) those of the classes `bands` (ids);
    a labelled class that is none of these is judged as slick of whatever class. What is not `valid` does not count.
    """
    slick = np.minimum(probabilities.sum(axis=0), 1.0)
    given = np.where(labelled == 0, 1 - slick, slick)
    for band, class_id in zip(probabilities, bands, strict=True):
        given[labelled == class_id] = band[labelled == class_id]
    if not valid.any():
        return Suspicion(0.0)
    drawn, seen = (labelled > 0) & valid, (slick >= CONFIDENT) & valid
    found = {
        OVERLOOKED: _overlooked(drawn, seen, slick),
        BADLY_LOCATED: _badly_located(drawn, slick * valid),
        SWAPPED: _swapped(labelled, drawn, probabilities, bands),
    }
    places = tuple((kind, place) for kind, (value, place) in found.items() if value > 0)
    return Suspicion(
        1 - soft_minimum(given[valid]), **{kind: value for kind, (value, _) in found.items()}, where=places
    )


def soft_minimum(given: NDArray[Any], temperature: float = TEMPERATURE) -> float:
    """The mean of probabilities (n,), weighted towards the smallest; see above."""
    weights = np.exp((1 - given.astype(np.float64)) / temperature)
    return float((weights * given).sum() / weights.sum())


Worst = tuple[float, tuple[int, int]]


def _overlooked(drawn: Mask, seen: Mask, slick: Floats) -> Worst:
    """The most certain and largest slick that the model sees, most of it far from every labelled one."""
    near = _grown(drawn, NEAR_PX)
    values = (
        (float(slick[window][part].mean()) * _size(part), (window, part))
        for window, part in _parts(seen)
        if (drawn[window] & part).sum() < COVERED * part.sum() and 2 * (near[window] & part).sum() < part.sum()
    )
    return _worst(values)


def _badly_located(drawn: Mask, slick: Floats) -> Worst:
    """The labelled slick that overlaps least with what the model sees on and around it (1 - soft IoU)."""
    values = []
    for window, part in _parts(drawn):
        around = _widened(window, NEAR_PX, drawn.shape)
        inner = np.zeros(slick[around].shape, bool)
        top, left = window[0].start - around[0].start, window[1].start - around[1].start
        inner[top : top + part.shape[0], left : left + part.shape[1]] = part
        beside = _grown(inner, NEAR_PX) & ~drawn[around]
        both = float(slick[around][inner].sum())
        overlap = both / (int(inner.sum()) + float(slick[around][beside].sum()))
        values.append(((1 - overlap) * _size(part), (window, part)))
    return _worst(iter(values))


def _swapped(labelled: NDArray[np.uint8], drawn: Mask, probabilities: Floats, bands: Sequence[int]) -> Worst:
    """The labelled slick to whose class the model most prefers another one, of all that it takes for slick there."""
    values = []
    for number, class_id in enumerate(bands):
        others = [other for other in range(len(bands)) if other != number]
        for window, part in _parts(drawn & (labelled == class_id)) if others else ():
            mean = probabilities[:, *window][:, part].mean(axis=1)
            margin = max(0.0, float(mean[others].max() - mean[number])) / max(float(mean.sum()), CONFIDENT)
            values.append((margin * _size(part), (window, part)))
    return _worst(iter(values))


Part = tuple[tuple[slice, slice], Mask]


def _parts(mask: Mask) -> Iterator[Part]:
    """The 8-connected parts of a mask: the window of each and its pixels there."""
    from scipy.ndimage import find_objects, label

    numbers, _ = label(mask, structure=np.ones((3, 3), int))
    for number, window in enumerate(find_objects(numbers), start=1):
        yield window, numbers[window] == number


def _size(part: Mask) -> float:
    area = int(part.sum())
    return area / (area + SMALL_PX)


def _grown(mask: Mask, by: int) -> Mask:
    from scipy.ndimage import maximum_filter

    found: Mask = maximum_filter(mask, size=2 * by + 1, mode="constant")
    return found


def _widened(window: tuple[slice, slice], by: int, shape: tuple[int, ...]) -> tuple[slice, slice]:
    rows, cols = (
        slice(max(one.start - by, 0), min(one.stop + by, size)) for one, size in zip(window, shape, strict=True)
    )
    return rows, cols


def _worst(values: Iterator[tuple[float, Part]]) -> Worst:
    """The greatest value and the middle of its part; 0 where there is none."""
    value, part = max(values, key=lambda one: one[0], default=(0.0, None))
    if part is None:
        return 0.0, (0, 0)
    (rows, cols), _ = part
    return value, ((rows.start + rows.stop) // 2, (cols.start + cols.stop) // 2)
