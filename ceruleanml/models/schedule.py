"""How long a training lasts, how far it is, and the learning rate that belongs to each moment."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from ceruleanml.models.config import TrainerConfig

LAST_SHARE = 1e-5
"""What is left of the learning rate at the end of every schedule but the constant one."""
FIRST_SHARE = 1 / 25
ONE_CYCLE_RISE = 0.25
FLAT_PART = 0.75
MOMENTA = (0.95, 0.85)
"""One-cycle: momentum at the ends and at the greatest learning rate (Smith 2018, as in fastai)."""
STEADY_MOMENTUM = 0.9


def rate_share(schedule: str, fraction: float) -> float:
    """The learning rate as a share of the greatest one, after that fraction (0 to 1) of the training."""
    if schedule == "one_cycle":
        if fraction < ONE_CYCLE_RISE:
            return _cosine(FIRST_SHARE, 1.0, fraction / ONE_CYCLE_RISE)
        return _cosine(1.0, LAST_SHARE, (fraction - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    if schedule == "flat_cosine":
        return _cosine(1.0, LAST_SHARE, max(0.0, fraction - FLAT_PART) / (1 - FLAT_PART))
    return _cosine(1.0, LAST_SHARE, fraction) if schedule == "cosine" else 1.0


def momentum(schedule: str, fraction: float) -> float:
    """The momentum after that fraction of the training; it moves against the learning rate of one-cycle."""
    if schedule != "one_cycle":
        return STEADY_MOMENTUM
    ends, middle = MOMENTA
    if fraction < ONE_CYCLE_RISE:
        return _cosine(ends, middle, fraction / ONE_CYCLE_RISE)
    return _cosine(middle, ends, (fraction - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))


def _cosine(start: float, end: float, fraction: float) -> float:
    """From start to end along half a cosine wave."""
    return start + (end - start) * (1 - math.cos(math.pi * min(1.0, fraction))) / 2


@dataclass
class Course:
    """How far a training is, after its last whole batch.

    `epoch` counts whole epochs, `batch` the batches of the current one, `step` the optimiser's steps, `blank` the
    batches without data; `seconds` is the wall time used, over all resumptions.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    blank: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Span:
    """How long a training lasts: so many epochs of so many batches, or, where there are stages, so much wall time.

    A stage is (side of the tiles in pixels or None as they are, seconds).
    """

    epochs: int
    batches: int
    stages: tuple[tuple[int | None, float], ...] = ()

    @property
    def seconds(self) -> float:
        """The wall time to use, 0 where epochs are counted."""
        return sum(seconds for _, seconds in self.stages)

    def fraction(self, course: Course) -> float:
        """The share of the training that is done, 0 to 1."""
        if self.stages:
            return min(1.0, course.seconds / self.seconds)
        return min(1.0, (course.epoch * self.batches + course.batch) / (self.epochs * self.batches))

    def over(self, course: Course) -> bool:
        """Whether nothing is left to learn; of an epoch that time cut short, whether its learning is over."""
        return self.fraction(course) >= 1

    def tile_px(self, course: Course) -> int | None:
        """The side to which tiles are resized now; None: what the data's configuration says."""
        end = 0.0
        for side, seconds in self.stages:
            end += seconds
            if course.seconds < end:
                return side
        return self.stages[-1][0] if self.stages else None


def span_of(config: TrainerConfig, batches: int) -> Span:
    """The span that the configuration asks for, with so many batches in an epoch; time goes before epochs."""
    if config.stages:
        return Span(config.epochs, batches, tuple((int(side), 60.0 * minutes) for side, minutes in config.stages))
    return Span(config.epochs, batches, ((None, 60.0 * config.minutes),) if config.minutes else ())


@dataclass
class Stopwatch:
    """Wall time since it was made, after the seconds it is told were used before."""

    used: float
    clock: Callable[[], float]
    _start: float = field(init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    def read(self) -> float:
        """All seconds used."""
        return self.used + self.clock() - self._start
