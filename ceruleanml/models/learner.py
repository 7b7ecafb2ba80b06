"""fastai's learner for both networks: losses in dictionaries, lists as batches, epochs that start in their middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ceruleanml.models.average import WeightAverage
from ceruleanml.models.distributed import Ranks
from ceruleanml.models.fastai_parts import (
    CancelEpochException,
    CancelStepException,
    CancelValidException,
    Learner,
    TrainEvalCallback,
)
from ceruleanml.models.loading import Loader, RawBatch, to_device
from ceruleanml.models.objectives import Objective
from ceruleanml.models.precision import Precision
from ceruleanml.models.schedule import Course, Span
from ceruleanml.models.scores import Judgement
from ceruleanml.models.stopping import StopSignals


@dataclass
class Sides:
    """The two loaders as fastai asks for them."""

    train: Loader
    valid: Loader
    device: torch.device

    def __getitem__(self, number: int) -> Loader:
        return (self.train, self.valid)[number]


@dataclass
class Parts:
    """What a training is made of. `network` is trained by calling `called`, which with several processes wraps it."""

    network: nn.Module
    called: nn.Module
    objective: Objective
    optimiser: Any
    precision: Precision
    average: WeightAverage | None
    ranks: Ranks
    stop: StopSignals
    span: Span
    course: Course
    classes: tuple[str, ...]
    tile_px: int
    accumulate: int
    seed: int


class SegmenterLearner(Learner):  # type: ignore[misc] # fastai publishes no types
    """A learner whose place in the training is `parts.course`, so that it goes on from wherever that is.

    fastai's callbacks and events are all there; batches of `parts.accumulate` make one step.
    """

    def __init__(self, sides: Sides, parts: Parts, callbacks: list[Any], path: Path) -> None:
        super().__init__(
            sides, parts.called, loss_func=parts.objective, path=path, default_cbs=False,
            cbs=[TrainEvalCallback(), *callbacks],
        )  # fmt: skip
        self.parts = parts
        self.opt = parts.optimiser
        self.judgement = Judgement(parts.classes)
        self.losses: dict[str, torch.Tensor] = {}
        self.pending = 0
        self.blank = False
        self.enough = False

    def fit_on(self) -> None:
        """Train from where the course is to the end."""
        self.fit(self.parts.span.epochs, lr=self.opt.hypers[0]["lr"])

    def _do_fit(self) -> None:
        course, span = self.parts.course, self.parts.span
        while True:  # also where all is learnt: no checkpoint is written after the last epoch was judged
            self.epoch = course.epoch
            self._with_events(self._do_epoch, "epoch", CancelEpochException)
            if span.over(course) or self.enough:
                break

    def _do_epoch(self) -> None:
        super()._do_epoch()
        course = self.parts.course
        if course.batch == len(self.dls.train):
            course.epoch, course.batch = course.epoch + 1, 0

    def _do_epoch_validate(self, ds_idx: int = 1, dl: Any = None) -> None:
        self.dl = self.dls.valid
        self.judgement = Judgement(self.parts.classes)
        with torch.no_grad(), self._averaged(), self._steady_chance():
            self._with_events(self.all_batches, "validate", CancelValidException)

    def all_batches(self) -> None:
        """Learn from the rest of the epoch, or judge all of the validation tiles."""
        self.n_iter = len(self.dl)
        if self.training:
            self._learn_batches()
        else:
            self._judge_batches()

    def _learn_batches(self) -> None:
        course, span = self.parts.course, self.parts.span
        while course.batch < self.n_iter and not span.over(course):
            side = self._set_side()
            for batch in self.dl.seek(course.epoch, course.batch, side):
                self.one_batch(course.batch, batch)
                self.parts.stop.check(self.parts.ranks.alone)
                if span.over(course) or span.tile_px(course) != side:
                    break

    def _judge_batches(self) -> None:
        for number, batch in enumerate(self.dl.seek(0, 0, self._set_side())):
            self.one_batch(number, batch)
            if self.parts.ranks.alone:  # several stop together, between batches that they learn from
                self.parts.stop.check(alone=True)

    def _set_side(self) -> int | None:
        side = self.parts.span.tile_px(self.parts.course)
        self.parts.objective.set_side(self.parts.network, side or self.parts.tile_px)
        return side

    def one_batch(self, i: int, b: RawBatch) -> None:
        """Learn from a batch, or judge it. A batch without data is left out, where no other process waits for it."""
        self.blank = self.training and self.parts.ranks.alone and self.parts.objective.blank(b)
        super().one_batch(i, b)

    def _set_device(self, b: RawBatch) -> Any:
        device = self.dls.device
        return to_device(b, device, channels_last=device.type == "cuda")

    def _split(self, b: Any) -> None:
        self.xb, self.yb = (b[0],), (b[1],)

    def _do_one_batch(self) -> None:
        if not self.training:
            with self.parts.precision.autocast():
                self.judgement.add(*self.parts.objective.judge(self.parts.network, self.xb[0], self.yb[0]))
            return
        first = self.iter - self.iter % self.parts.accumulate
        size = min(self.parts.accumulate, self.n_iter - first)
        last = self.iter == first + size - 1
        if not self.blank:
            self._learn(size, last)
        if last and self.pending:
            self._with_events(self._step, "step", CancelStepException)
            self.opt.zero_grad()
            self.pending = 0

    def _learn(self, size: int, last: bool) -> None:
        """Add the gradients of this batch, one of `size` of a step; those of other processes come with the last."""
        with self._gradients_kept(not last):
            with self.parts.precision.autocast():
                self.losses = self.parts.objective.learn(self.model, self.xb[0], self.yb[0])
            self.loss = torch.stack([loss.float() for loss in self.losses.values()]).sum()
            self("after_loss")
            self.parts.precision.backward(self.loss / size)
        self.loss = self.loss.detach()
        self.pending += 1

    def _step(self) -> None:
        self.parts.precision.step(self.opt.opt)
        self.parts.course.step += 1

    def _gradients_kept(self, keep: bool) -> AbstractContextManager[Any]:
        return self.model.no_sync() if keep and not self.parts.ranks.alone else nullcontext()

    def _averaged(self) -> AbstractContextManager[Any]:
        average = self.parts.average
        return average.swapped_in(self.parts.network) if average else nullcontext()

    def _steady_chance(self) -> AbstractContextManager[Any]:
        return steady_chance(self.parts.seed, self.dls.device)


@contextmanager
def steady_chance(seed: int, device: torch.device) -> Iterator[None]:
    """A block with a random state of its own.

    Mask R-CNN draws the boxes that its losses look at: the same ones in each validation, and none of the training's.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
