"""How far a figure would swing with other scenes: bootstrap by scene, percentile intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.confusion import ratio
from ceruleanml.seeds import generator

Floats = NDArray[np.float64]
LEVEL = 0.95
LEAST_DEFINED = 0.5
"""No interval is given where the figure is undefined in more than this share of the resamples."""


def resamples(scenes: int, count: int, seed: int) -> Floats:
    """How often each scene is drawn in each resample, (count, scenes); empty for fewer than two scenes.

    Tiles of one scene are alike, so whole scenes are drawn with replacement, as many as there are.
    """
    if scenes < 2 or count < 1:
        return np.zeros((0, scenes))
    drawn = generator(seed, "bootstrap").multinomial(scenes, np.full(scenes, 1 / scenes), size=count)
    return drawn.astype(np.float64)


def interval(values: NDArray[Any]) -> tuple[float, float] | None:
    """The percentile interval of LEVEL of a figure's values over the resamples (count,), None where none can be given.

    Source: Efron 1979. Resamples in which the figure is undefined (NaN) are left out.
    """
    defined = values[np.isfinite(values)]
    if len(values) == 0 or len(defined) < (1 - LEAST_DEFINED) * len(values) or len(defined) < 2:
        return None
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def mean_defined(values: NDArray[Any], axis: int) -> Floats:
    """The mean over an axis of what is not NaN, NaN where nothing is."""
    return ratio(np.nansum(values, axis=axis), np.isfinite(values).sum(axis=axis))
