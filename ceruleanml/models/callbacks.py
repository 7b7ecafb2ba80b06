"""What happens beside learning, as fastai callbacks: rate, clipping, freezing, mean, losses, pace, best epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from ceruleanml.errors import TrainingError
from ceruleanml.models.fastai_parts import Callback
from ceruleanml.models.schedule import Course, Stopwatch, momentum, rate_share
from ceruleanml.models.scores import Figures, LossSums, score_of
from ceruleanml.progress import Progress


class Part(Callback):  # type: ignore[misc] # fastai publishes no types
    """A callback whose errors come out as they are: fastai's own would rewrite their one line."""

    run_valid = False
    learn: Any

    def __call__(self, event_name: str) -> Any:
        """Run the method of that event, if there is one and it is of this kind of batch."""
        inner = event_name in ("before_batch", "after_loss", "before_step", "after_step", "after_batch")
        if inner and not self.learn.training and not self.run_valid:
            return None
        method: Callable[[], Any] | None = getattr(type(self), event_name, None) and getattr(self, event_name)
        return method() if method else None


class Rate(Part):
    """Sets the learning rate and the momentum of each step by the share of the training that is done."""

    def __init__(self, schedule: str, lr: float) -> None:
        self.schedule, self.greatest = schedule, lr

    def before_batch(self) -> None:
        """Set both before the first batch of a step."""
        parts = self.learn.parts
        if self.learn.iter % parts.accumulate == 0:
            fraction = parts.span.fraction(parts.course)
            self.learn.opt.set_hyper("lr", self.greatest * rate_share(self.schedule, fraction))
            self.learn.opt.set_hyper("mom", momentum(self.schedule, fraction))


class Clip(Part):
    """Shortens gradients that are longer than `norm`."""

    def __init__(self, norm: float) -> None:
        self.norm = norm

    def before_step(self) -> None:
        """Clip the gradients of the whole step, at their own scale."""
        parts = self.learn.parts
        parts.precision.unscale(self.learn.opt.opt)
        nn.utils.clip_grad_norm_(parts.network.parameters(), self.norm)


class Still(Part):
    """Keeps the encoder still, its statistics too, for the first epochs."""

    def __init__(self, encoder: nn.Module, epochs: int) -> None:
        self.encoder, self.epochs = encoder, epochs
        self.parameters = [one for one in encoder.parameters() if one.requires_grad]

    def before_train(self) -> None:
        """Freeze or let go; this comes after fastai has put the network into training mode."""
        still = self.learn.parts.course.epoch < self.epochs
        for parameter in self.parameters:
            parameter.requires_grad_(not still)
        if still:
            self.encoder.eval()


class Mean(Part):
    """Takes the weights after each step into their running mean."""

    def after_step(self) -> None:
        """Update the mean."""
        parts = self.learn.parts
        parts.average.update(parts.network, parts.course.step)


class LossWatch(Part):
    """Sums the losses of the epoch, and ends the training at the first that is not a finite number.

    On a GPU a loss is looked at when it has arrived, a step or two later, lest the GPU wait; always before a
    checkpoint.
    """

    def __init__(self, waiting: int) -> None:
        self.sums = LossSums()
        self.waiting = waiting
        self.unseen: deque[tuple[Course, Tensor]] = deque()

    def before_epoch(self) -> None:
        """Begin new sums, unless the epoch goes on after a resumption."""
        if self.learn.parts.course.batch == 0:
            self.sums = LossSums()

    def after_loss(self) -> None:
        """Count the losses of the batch."""
        self.sums.add(self.learn.losses, len(self.learn.xb[0]))
        course = self.learn.parts.course
        self.unseen.append((Course(course.epoch, course.batch, course.step), self.learn.loss.detach()))
        self.look(self.waiting)

    def after_train(self) -> None:
        """Look at the last losses of the epoch. Raises TrainingError where none of its batches held data."""
        self.look()
        if not self.sums.tiles and self.learn.parts.course.batch:
            raise TrainingError(
                "no batch of the epoch held data: every pixel is nodata or of a class that is ignored; check the "
                "tiles, data.classes and data.min_area_px"
            )

    def look(self, waiting: int = 0) -> None:
        """Look at all losses but the last few. Raises TrainingError."""
        while len(self.unseen) > waiting:
            course, loss = self.unseen.popleft()
            if not math.isfinite(value := loss.item()):
                raise TrainingError(
                    f"the loss became {value:g} at step {course.step + 1} (epoch {course.epoch + 1}, batch "
                    f"{course.batch + 1}); lower trainer.lr or trainer.clip_norm and start again, or resume from the "
                    "last checkpoint with them"
                )


class Pace(Part):
    """Moves the course on after each batch, alike in all processes, and shows it."""

    order = -5

    def __init__(self, stopwatch: Stopwatch, progress: Progress) -> None:
        self.stopwatch, self.progress, self.shown = stopwatch, progress, 0

    def before_fit(self) -> None:
        """Begin to show progress: in batches, or in seconds where time is what is limited."""
        span = self.learn.parts.span
        self.progress.start("training", math.ceil(span.seconds) if span.stages else span.epochs * span.batches)
        self._show()

    def after_batch(self) -> None:
        """One batch is done."""
        parts = self.learn.parts
        parts.course.batch += 1
        parts.course.blank += int(self.learn.blank)
        parts.course.seconds, signal = parts.ranks.largest([self.stopwatch.read(), float(parts.stop.number)])
        parts.stop.agreed = int(signal)
        self._show()

    def _show(self) -> None:
        span, course = self.learn.parts.span, self.learn.parts.course
        done = min(span.seconds, course.seconds) if span.stages else course.epoch * span.batches + course.batch
        self.progress.advance(int(done) - self.shown)
        self.shown = int(done)


class Best(Part):
    """Keeps the weights of the best epoch, and ends the training after `patience` epochs that were no better."""

    def __init__(self, keep_weights: bool, patience: int | None) -> None:
        self.keep_weights, self.patience = keep_weights, patience
        self.score: tuple[float, ...] | None = None
        self.best_figures: Figures = {}
        self.weights: dict[str, Tensor] | None = None
        self.waited = 0

    def before_fit(self) -> None:
        """See whether the patience ended before a resumption."""
        self._judge_patience()

    def after_validate(self) -> None:
        """Compare this epoch, its mean weights still in place, with the best one."""
        figures: Figures = self.learn.figures
        if self.score is not None and score_of(figures) <= self.score:
            self.waited += 1
        else:
            self.score, self.best_figures, self.waited = score_of(figures), figures, 0
            if self.keep_weights:
                self.weights = weights_of(self.learn.parts.network)
        self._judge_patience()

    def _judge_patience(self) -> None:
        self.learn.enough = self.patience is not None and self.waited >= self.patience


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's state dict, on the CPU and in the usual order of axes."""
    state: dict[str, Any] = network.state_dict()
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
