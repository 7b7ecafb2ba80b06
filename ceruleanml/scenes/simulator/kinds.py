"""How slicks of each class look: shares, sizes, elongation and damping as measured on real ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

# Measured on hand-drawn slicks: value at percentile. The ends are where the simulator stops. Elongation is the major
# over the minor axis of the ellipse that has the slick's second moments.
ELONGATION = ((0.0, 1.3), (0.05, 1.5), (0.25, 2.4), (0.5, 4.8), (0.75, 7.7), (0.95, 17.3), (1.0, 34.0))
AREA_KM2 = ((0.0, 0.02), (0.05, 0.035), (0.25, 0.10), (0.5, 0.24), (0.75, 0.66), (0.95, 2.4), (1.0, 8.0))
AMPLITUDE_RATIO = ((0.0, 0.30), (0.05, 0.37), (0.25, 0.53), (0.5, 0.62), (0.75, 0.71), (0.95, 0.82), (1.0, 0.87))


@dataclass(frozen=True)
class Kind:
    """The look of a class.

    `share` of all slicks; `elongation_rank` (a, b of a beta distribution) where in the elongation figures its slicks
    stand; `crooked` share of a slick's breadth that comes from its bends; `feather` breadth of its lee edge over its
    half width; `ragged` unevenness of its edges; `gaps` share of its length that is broken; `origin` what it starts
    at (platform, ship, lane, none); `taper` width at the origin over width at the end.
    """

    share: float
    elongation_rank: tuple[float, float]
    crooked: float
    feather: float
    ragged: float
    gaps: float
    origin: str
    taper: float


KINDS = {
    "infra_slick": Kind(0.303, (1.3, 1.5), 0.45, 1.1, 0.35, 0.0, "platform", 0.25),
    "natural_seep": Kind(0.083, (1.5, 1.9), 0.70, 0.6, 0.30, 0.0, "none", 0.35),
    "coincident_vessel": Kind(0.123, (3.0, 1.3), 0.20, 0.4, 0.15, 0.0, "ship", 0.45),
    "recent_vessel": Kind(0.153, (3.0, 1.4), 0.35, 0.4, 0.20, 0.0, "lane", 0.8),
    "old_vessel": Kind(0.243, (1.1, 1.5), 0.60, 0.9, 0.45, 0.22, "lane", 1.0),
    "ambiguous": Kind(0.096, (0.9, 2.2), 0.40, 1.3, 0.60, 0.08, "none", 1.0),
}
OTHER = KINDS["ambiguous"]
"""How slicks of a class look that only a team's own table knows."""


def kind_of(class_name: str) -> Kind:
    """The look of that class."""
    return KINDS.get(class_name, OTHER)


def at_rank(figures: tuple[tuple[float, float], ...], rank: float) -> float:
    """The value at a rank in 0..1, between the given percentiles as a straight line in logarithms."""
    ranks, values = zip(*figures, strict=True)
    return float(math.exp(np.interp(rank, ranks, np.log(values))))


def draw_classes(random: np.random.Generator, names: list[str], count: int) -> list[str]:
    """That many class names drawn by their shares."""
    shares = np.array([kind_of(name).share for name in names])
    return [str(name) for name in random.choice(names, size=count, p=shares / shares.sum())]
