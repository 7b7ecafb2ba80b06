"""The callback of the learning-rate finder."""

from __future__ import annotations

import math
from dataclasses import replace

from ceruleanml.models.callbacks import Part
from ceruleanml.models.fastai_parts import CancelFitException, CancelValidException
from ceruleanml.models.lr_finder import exploded, rate_at, smoothed
from ceruleanml.models.schedule import Span
from ceruleanml.progress import Progress


class Sweep(Part):
    """Raises the learning rate from step to step; ends the training when the loss explodes or all steps are done."""

    def __init__(self, steps: int, progress: Progress) -> None:
        self.steps, self.progress = steps, progress
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.raw: float | None = None

    def before_fit(self) -> None:
        """Show what is to come."""
        self.progress.start("learning-rate finder", self.steps)

    def before_batch(self) -> None:
        """Set the rate of the step."""
        self.learn.opt.set_hyper("lr", rate_at(self.learn.parts.course.step, self.steps))

    def after_step(self) -> None:
        """Note the loss that this rate led to."""
        (loss,) = self.learn.parts.ranks.largest([float(self.learn.loss)])
        self.raw, value = smoothed(self.raw, loss, len(self.rates) + 1)
        if exploded(value, self.losses):
            raise CancelFitException
        self.rates.append(self.learn.opt.hypers[0]["lr"])
        self.losses.append(value)
        self.progress.advance()
        if len(self.rates) == self.steps:
            raise CancelFitException

    def after_batch(self) -> None:
        """Move on."""
        self.learn.parts.course.batch += 1

    def before_validate(self) -> None:
        """Leave validation out."""
        raise CancelValidException


def steps_span(span: Span, steps: int, accumulate: int) -> Span:
    """A span that is long enough for so many steps, with tiles as at the end of the training."""
    stages = ((span.stages[-1][0], math.inf),) if span.stages else ()
    return replace(span, epochs=steps * accumulate + 1, stages=stages)
