"""The learning-rate finder: a short training whose rate grows until the loss explodes. Source: Smith 2015."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import TrainingError
from ceruleanml.models.config import TrainConfig, check
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder

LOWEST, HIGHEST = 1e-7, 10.0
STEPS = 100
SMOOTHING = 0.98
EXPLODED = 4.0
"""The sweep ends where the smoothed loss is this many times its least."""
LEAST_STEPS = 10


@dataclass(frozen=True)
class LrReport:
    """What the finder saw: the suggested rate for trainer.lr, and the smoothed loss at each rate of the sweep."""

    lr: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    plot: Path
    notes: tuple[str, ...] = ()


def find_lr(config: TrainConfig, progress: Progress | None = None, steps: int = STEPS) -> LrReport:
    """A learning rate for this training, with its plot in `plots/lr_finder.png` of the run folder.

    The network learns for up to `steps` steps and is thrown away; a run in the folder is left as it is. The suggestion
    lies two thirds down the longest fall of the loss (fastai's valley). Raises what `train` raises, and TrainingError
    where the loss explodes at once.
    """
    check(config)
    from ceruleanml.models.distributed import device_of, joined
    from ceruleanml.models.plots import plot_rates
    from ceruleanml.models.session import torch_settings
    from ceruleanml.models.stopping import StopSignals

    device = device_of(config.trainer.device)
    shown = progress or Silent()
    with joined(device) as ranks, torch_settings(config, device):
        try:
            rates, losses, notes = _swept(config, (ranks, device, StopSignals()), shown, steps)
        finally:
            shown.finish()
    lr = suggested(rates, losses)
    plot = make_folder(Path(config.run) / "plots") / "lr_finder.png"
    if ranks.leads:
        plot_rates(rates, losses, lr, plot)
    return LrReport(lr, tuple(rates), tuple(losses), plot, tuple(notes))


def suggested(rates: list[float], losses: list[float]) -> float:
    """The learning rate in the longest valley of the smoothed losses. Raises TrainingError for too few of them."""
    from ceruleanml.models.fastai_parts import valley

    if len(rates) < LEAST_STEPS:
        raise TrainingError(
            f"the loss explodes after {len(rates)} steps of the learning-rate finder; look at the data, or at the loss"
        )
    first = len(rates) // 10
    lr: float = valley(rates[first:], losses[first:], len(rates))[0]
    return lr


def rate_at(step: int, steps: int) -> float:
    """The learning rate of one step of the sweep, growing by the same factor from step to step."""
    return float(LOWEST * (HIGHEST / LOWEST) ** (step / max(1, steps - 1)))


def _swept(
    config: TrainConfig, place: Any, progress: Progress, steps: int
) -> tuple[list[float], list[float], list[str]]:
    from ceruleanml.models.learner import SegmenterLearner
    from ceruleanml.models.session import build
    from ceruleanml.models.sweep import Sweep, steps_span
    from ceruleanml.models.tiles import open_training
    from ceruleanml.models.training import one_line_errors

    data = open_training(config.data, config.model.kind, config.trainer.seed, progress=progress)
    session = build(config, data, None, *place)
    session.parts.span = steps_span(session.parts.span, steps, config.trainer.accumulate)
    sweep = Sweep(steps, progress)
    learner = SegmenterLearner(session.sides, session.parts, [sweep, *session.callbacks[1:]], Path(config.run))
    try:
        with one_line_errors(config, session.parts):
            learner.fit_on()
    finally:
        session.sides.train.close()
    return sweep.rates, sweep.losses, session.notes


def smoothed(before: float | None, value: float, count: int) -> tuple[float, float]:
    """The running mean after one more value, raw and freed from its start at zero."""
    raw = SMOOTHING * (before or 0.0) + (1 - SMOOTHING) * value
    return raw, raw / (1 - SMOOTHING**count)


def exploded(value: float, losses: list[float]) -> bool:
    """Whether the sweep has seen enough."""
    return not math.isfinite(value) or bool(losses and value > EXPLODED * min(losses))
