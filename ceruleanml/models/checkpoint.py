"""Where a training stands, on disk: written whole or not at all, read without running anything, resumed bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ceruleanml.datasets.folder import read_manifest
from ceruleanml.errors import ModelError
from ceruleanml.models.callbacks import Best, LossWatch, Part, weights_of
from ceruleanml.models.card import Card
from ceruleanml.models.config import DataConfig
from ceruleanml.models.learner import Parts
from ceruleanml.models.logs import MetricsFile
from ceruleanml.models.schedule import Course
from ceruleanml.models.scores import LossSums
from ceruleanml.models.weights import load_state, save_state

FORMAT_VERSION = 1
ENTRIES = {
    "format_version", "card", "run_id", "course", "network", "optimiser", "precision", "average", "gradients", "losses",
    "epoch_began", "best", "random", "metrics_size",
}  # fmt: skip


@dataclass
class Standing:
    """All that changes while a network learns; what a checkpoint holds and puts back."""

    parts: Parts
    watch: LossWatch
    best: Best
    metrics: MetricsFile
    run_id: str
    epoch_began: float = 0.0

    def state(self, card: Card) -> dict[str, Any]:
        """Tensors, numbers and words alone; all processes gather them together."""
        parts = self.parts
        return {
            "format_version": FORMAT_VERSION,
            "card": asdict(card),
            "run_id": self.run_id,
            "course": asdict(parts.course),
            "network": weights_of(parts.network),
            "optimiser": parts.optimiser.opt.state_dict(),
            "precision": parts.precision.state(),
            "average": parts.average.state() if parts.average else None,
            "gradients": [self._gradient(one) for one in parts.network.parameters()],
            "losses": self.watch.sums.state(parts.ranks),
            "epoch_began": self.epoch_began,
            "best": {
                "score": None if self.best.score is None else list(self.best.score),
                "figures": self.best.best_figures,
                "weights": self.best.weights,
                "waited": self.best.waited,
            },
            "random": {
                "cpu": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            },
            "metrics_size": self.metrics.size,
        }

    def _gradient(self, parameter: torch.nn.Parameter) -> torch.Tensor | None:
        """A gradient that waits for its step, the mean over processes."""
        if parameter.grad is None:
            return None
        ranks = self.parts.ranks
        return parameter.grad.cpu() if ranks.alone else (ranks.summed(parameter.grad) / ranks.world).float()

    @property
    def pending(self) -> int:
        """Batches whose gradients wait for their step; more than none is all that counts."""
        return int(any(one.grad is not None for one in self.parts.network.parameters()))

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Stand where `state` says; the metrics file was opened at its size already."""
        parts = self.parts
        parts.network.load_state_dict(state["network"])
        parts.optimiser.opt.load_state_dict(state["optimiser"])
        parts.precision.restore(state["precision"])
        if parts.average:
            parts.average.restore(state["average"])
        for parameter, gradient in zip(parts.network.parameters(), state["gradients"], strict=True):
            parameter.grad = None if gradient is None else gradient.to(device)
        self.watch.sums = LossSums.of(state["losses"], device, parts.ranks)
        self.epoch_began = state["epoch_began"]
        best = state["best"]
        self.best.score = None if best["score"] is None else tuple(best["score"])
        self.best.best_figures, self.best.weights, self.best.waited = best["figures"], best["weights"], best["waited"]
        if parts.ranks.leads:
            self._restore_random(state["random"])

    def _restore_random(self, random: dict[str, Any]) -> None:
        torch.set_rng_state(random["cpu"])
        if torch.cuda.is_available() and len(random["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(random["cuda"])


class Checkpoints(Part):
    """Writes a checkpoint every so many seconds, after a batch; the one before stays until the new one is whole."""

    order = 80

    def __init__(self, path: Path, standing: Standing, card: Card, seconds: float, clock: Callable[[], float]) -> None:
        self.path, self.standing, self.card = path, standing, card
        self.seconds, self.clock = seconds, clock
        self.written = clock()

    def after_batch(self) -> None:
        """Write one when the leading process finds it time."""
        ranks = self.standing.parts.ranks
        due = ranks.leads and self.clock() - self.written >= self.seconds
        if any(ranks.largest([float(due)])):
            self.write()

    def write(self) -> None:
        """Write one now, all processes together.

        Raises WriteError, and TrainingError rather than keep weights that a bad loss has spoilt.
        """
        self.standing.watch.look()
        state = self.standing.state(self.card)
        if self.standing.parts.ranks.leads:
            save_state(self.path, state)
        self.written = self.clock()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds. Raises ModelError: truncated, hostile, no checkpoint, or of another version."""
    state = load_state(path)
    if not isinstance(state, dict) or "format_version" not in state:
        raise ModelError(f"{path}: is no checkpoint of a training; start another run")
    if state["format_version"] != FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format version {state['format_version']}, this program reads {FORMAT_VERSION}; finish the "
            "run with the version that began it, or start another"
        )
    if lacking := sorted(ENTRIES - state.keys()):
        raise ModelError(f"{path}: lacks {lacking[0]}; start another run")
    return state


def course_of(state: dict[str, Any]) -> Course:
    """How far the training of a checkpoint is."""
    return Course(**state["course"])


def check_channels(path: Path, before: Card, data: DataConfig) -> None:
    """Raise ModelError where the network of the run takes other bands than the data set has."""
    now = data.channels or read_manifest(Path(data.train))["channels"]
    _check_same(path, "channels", before.channels, tuple(now))


def check_fits(path: Path, before: Card, now: Card) -> None:
    """Raise ModelError where the data is not what the run began with: other classes, tiles or files."""
    pairs = {
        "classes": (before.classes, now.classes),
        "side of tiles": (before.tile_px, now.tile_px),
        "training data": (_sha256(before, "train"), _sha256(now, "train")),
        "validation data": (_sha256(before, "validation"), _sha256(now, "validation")),
    }
    for name, (old, new) in pairs.items():
        _check_same(path, name, old, new)


def _check_same(path: Path, name: str, old: Any, new: Any) -> None:
    if old != new:
        raise ModelError(
            f"{path}: its run began with the {name} {_words(old)}, the data has {_words(new)} now; give it the data it "
            "began with, or start another run"
        )


def _sha256(card: Card, side: str) -> str:
    return str(card.dataset.get(side, {}).get("sha256", ""))[:12]


def _words(value: Any) -> str:
    return f"{len(value)} ({', '.join(value)})" if isinstance(value, (tuple, list)) else str(value)
