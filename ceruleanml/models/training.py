"""Training: from a configuration to a run folder, whatever interrupts it on the way."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ceruleanml.errors import CeruleanError, TrainingError, TrainingStopped
from ceruleanml.models.card import Card, read_card, write_card
from ceruleanml.models.config import TrainConfig, check
from ceruleanml.models.distributed import Ranks, device_of, joined
from ceruleanml.models.logs import MetricsFile, check_logger, open_logger, read_metrics
from ceruleanml.models.run_folder import RunFolder, changes, check_folder, claimed, write_config
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder, sha256_of

if TYPE_CHECKING:
    import torch

    from ceruleanml.models.checkpoint import Checkpoints, Standing
    from ceruleanml.models.learner import Parts, SegmenterLearner
    from ceruleanml.models.session import Session
    from ceruleanml.models.stopping import StopSignals
    from ceruleanml.models.tiles import TrainingData

log = logging.getLogger(__name__)
SIGNAL_STATUS = 128


@dataclass(frozen=True)
class TrainReport:
    """What came of a training. `figures` are those of the card, of the weights that were kept."""

    run: Path
    epochs: float
    steps: int
    seconds: float
    figures: dict[str, float]
    notes: tuple[str, ...] = ()
    was_finished: bool = False
    leads: bool = field(default=True, repr=False)


def train(
    config: TrainConfig,
    resume: bool = False,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
    stop: StopSignals | None = None,
) -> TrainReport:
    """Train as `config` says, into the run folder `config.run`; with `resume` go on where that run stands.

    The same seed gives the same weights, bit by bit on a CPU, also when the training was killed and resumed; where
    wall time sets its end (trainer.minutes, trainer.stages) it cannot. Under a launcher of several processes each
    calls this. Raises UsageError and DatasetError for what cannot be trained; ModelError for a checkpoint that cannot
    be read; TrainingError where the loss is no number any more or memory is short; TrainingStopped after SIGTERM or
    Ctrl-C, or as `stop` says, the checkpoint written; WriteError for a full disk. The last good checkpoint stays in
    each case.
    """
    check(config)
    check_logger(config)
    folder = RunFolder(Path(config.run))
    check_folder(folder, config, resume)
    if resume and folder.finished:
        return _finished_before(folder)
    from ceruleanml.models.session import torch_settings
    from ceruleanml.models.stopping import StopSignals

    device = device_of(config.trainer.device)
    with (
        claimed(folder, config, resume),
        joined(device) as ranks,
        torch_settings(config, device),
        stop or StopSignals() as stopping,
    ):
        ranks.wait()  # until all have looked into the folder
        shown = progress if progress and ranks.leads else Silent()
        try:
            return _train(config, folder, ranks, device, stopping, shown, clock)
        finally:
            shown.finish()


def _train(
    config: TrainConfig,
    folder: RunFolder,
    ranks: Ranks,
    device: torch.device,
    stop: StopSignals,
    progress: Progress,
    clock: Callable[[], float],
) -> TrainReport:
    from ceruleanml.models.checkpoint import read_checkpoint
    from ceruleanml.models.session import build

    state = read_checkpoint(folder.checkpoint) if folder.checkpoint.is_file() else None
    data, before = _open_data(config, folder, state, progress)
    session = build(config, data, before, ranks, device, stop)
    notes = changes(folder, config) + session.notes
    if device.type == "cpu":
        notes.append("training on the CPU")
    for note in notes:
        progress.note(note)
        log.info(note)
    ranks.wait()
    if ranks.leads:
        write_config(folder, config)
    training = _Training(config, folder, session, progress, clock, state, device)
    try:
        training.run()
    finally:
        session.sides.train.close()
        session.sides.valid.close()
    return training.finish(tuple(notes))


def _open_data(
    config: TrainConfig, folder: RunFolder, state: dict[str, Any] | None, progress: Progress
) -> tuple[TrainingData, Card | None]:
    """The data, and the card of the run where it was begun; the data must then be the same."""
    from ceruleanml.models.tiles import Statistics, open_training

    kind, seed = config.model.kind, config.trainer.seed
    if state is None:
        return open_training(config.data, kind, seed, progress=progress), None
    from ceruleanml.models.checkpoint import check_channels, check_fits
    from ceruleanml.models.session import new_card

    before = Card(**state["card"])
    check_channels(folder.checkpoint, before, config.data)
    data = open_training(config.data, kind, seed, Statistics(before.mean, before.deviation))
    check_fits(folder.checkpoint, before, new_card(config, data, before.pretrained))
    return data, before


class _Training:
    """One training in its run folder: set going, ended by a signal or by itself, finished."""

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        session: Session,
        progress: Progress,
        clock: Callable[[], float],
        state: dict[str, Any] | None,
        device: torch.device,
    ) -> None:
        from ceruleanml.models.callbacks import Best, Pace
        from ceruleanml.models.checkpoint import Checkpoints, Standing, course_of
        from ceruleanml.models.epoch_log import EpochLog
        from ceruleanml.models.learner import SegmenterLearner
        from ceruleanml.models.schedule import Stopwatch

        self.config, self.folder, self.session = config, folder, session
        self.parts: Parts = session.parts
        if state is not None:
            self.parts.course = course_of(state)
        run_id = state["run_id"] if state else secrets.token_hex(8)
        leads = self.parts.ranks.leads
        best = Best(config.trainer.keep == "best", config.trainer.patience)
        metrics = MetricsFile(folder.metrics if leads else None, state["metrics_size"] if state else 0)
        self.standing: Standing = Standing(self.parts, session.watch, best, metrics, run_id)
        if state is not None:
            self.standing.restore(state, device)
        self.logger = open_logger(config, folder.root, self.parts.course.step, run_id, leads)
        self.checkpoints: Checkpoints = Checkpoints(
            folder.checkpoint, self.standing, session.card, 60 * config.trainer.checkpoint_minutes, clock
        )
        pace = Pace(Stopwatch(self.parts.course.seconds, clock), progress)
        callbacks = [session.watch, *session.callbacks, pace, EpochLog(self.standing, self.logger), best]
        self.learner: SegmenterLearner = SegmenterLearner(
            session.sides, self.parts, [*callbacks, self.checkpoints], folder.root
        )

    def run(self) -> None:
        """Learn to the end. Raises TrainingStopped where a signal came, after writing a checkpoint."""
        from ceruleanml.models.stopping import Interrupted

        try:
            with one_line_errors(self.config, self.parts):
                self.learner.pending = self.standing.pending
                self.learner.fit_on()
        except Interrupted as stopped:
            self._stop(stopped)
        finally:
            with suppress(CeruleanError):  # what ended the training is to be told, not what came of it
                self.logger.close()

    def _stop(self, stopped: Any) -> None:
        self.checkpoints.write()
        self.parts.ranks.wait()  # a launcher ends all processes when the first one goes
        course = self.parts.course
        raise TrainingStopped(
            f"stopped by {stopped} in epoch {course.epoch + 1} at step {course.step}; its checkpoint is written, "
            f"continue with ceruleanml train --resume {self.folder.root}",
            SIGNAL_STATUS + stopped.number,
        ) from None

    def finish(self, notes: tuple[str, ...]) -> TrainReport:
        """Write the weights, the plots and, last of all, the card; the checkpoint has served."""
        course, best = self.parts.course, self.standing.best
        figures = card_figures(best.best_figures if self.config.trainer.keep == "best" else self.learner.figures)
        if course.blank:
            notes += (f"{course.blank} batches held no data and were left out",)
        epochs = round(course.epoch + course.batch / self.parts.span.batches, 6)
        if self.parts.ranks.leads:
            self._write(figures, epochs)
        self.parts.ranks.wait()
        return TrainReport(
            self.folder.root, epochs, course.step, course.seconds, figures, notes, leads=self.parts.ranks.leads
        )

    def _write(self, figures: dict[str, float], epochs: float) -> None:
        from ceruleanml.models.plots import plot_losses
        from ceruleanml.models.weights import save_state

        save_state(self.folder.weights, self._weights())
        plot_losses(read_metrics(self.folder.metrics), make_folder(self.folder.plots) / "losses.png")
        sha256 = sha256_of(self.folder.weights)
        write_card(self.folder.card, self.session.card.with_(metrics=figures, epochs=epochs, weights_sha256=sha256))
        self.folder.checkpoint.unlink(missing_ok=True)

    def _weights(self) -> dict[str, torch.Tensor]:
        from ceruleanml.models.callbacks import weights_of

        if self.standing.best.weights is not None:
            return self.standing.best.weights
        return self.parts.average.state() if self.parts.average else weights_of(self.parts.network)


def card_figures(figures: dict[str, Any]) -> dict[str, float]:
    """The figures of a validation as the card holds them: without those that no pixel speaks for."""
    named = {"validation_loss": figures["losses"]["loss"], "mean_iou": figures["mean_iou"]}
    named["mean_dice"] = figures["mean_dice"]
    for name, one in figures["classes"].items():
        named |= {f"iou_{name}": one["iou"], f"dice_{name}": one["dice"]}
    return {name: value for name, value in named.items() if value is not None}


def _finished_before(folder: RunFolder) -> TrainReport:
    card = read_card(folder.card)
    lines = read_metrics(folder.metrics)
    last = lines[-1] if lines else {}
    note = f"{folder.root}: the run is finished already; nothing was changed"
    return TrainReport(folder.root, card.epochs, last.get("step", 0), 0.0, dict(card.metrics), (note,), True)


@contextmanager
def one_line_errors(config: TrainConfig, parts: Parts) -> Iterator[None]:
    """What PyTorch says of too small batches and too little memory, as TrainingErrors that say what to change."""
    import torch

    try:
        yield
    except TrainingError:
        parts.stop.check(parts.ranks.alone)  # what the signal that came did to loading processes is no error
        raise
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the GPU's memory is too small for {config.data.batch_size} tiles of {parts.tile_px} pixels a batch; "
            "lower data.batch_size and raise trainer.accumulate by as much"
        ) from error
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            "a batch of one tile this small leaves the network nothing to normalise by; give data.batch_size=2 or more "
            "and two training tiles, or tiles of 64 pixels or more"
        ) from error
    except RuntimeError as error:
        if parts.ranks.alone:
            raise
        raise TrainingError("another process of this training ended; its own message says why") from error
