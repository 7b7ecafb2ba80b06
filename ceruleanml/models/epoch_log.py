"""The line of each epoch: in `metrics.jsonl`, and with the logger."""

from __future__ import annotations

import math
from typing import Any

from ceruleanml.errors import TrainingError
from ceruleanml.models.callbacks import Part
from ceruleanml.models.checkpoint import Standing
from ceruleanml.models.logs import Logger


class EpochLog(Part):
    """Reads the figures of an epoch after its validation, before the best epoch is chosen by them."""

    order = -1

    def __init__(self, standing: Standing, logger: Logger) -> None:
        self.standing, self.logger = standing, logger
        self.learnt_at = 0.0

    def before_epoch(self) -> None:
        """Note when the epoch began, unless it goes on after a resumption."""
        course = self.standing.parts.course
        if course.batch == 0:
            self.standing.epoch_began = course.seconds

    def after_validate(self) -> None:
        """Gather the figures from all processes; one of them writes the line."""
        parts, standing = self.standing.parts, self.standing
        train = standing.watch.sums.means(parts.ranks)
        tiles = parts.ranks.summed(_tensor(standing.watch.sums.tiles)).item()
        figures = self.learn.judgement.figures(parts.ranks)
        if not math.isfinite(loss := figures["losses"]["loss"]):
            raise TrainingError(f"the validation loss became {loss:g} after step {parts.course.step}; lower trainer.lr")
        self.learn.figures = figures
        learning = parts.course.seconds - standing.epoch_began
        parts.course.seconds = parts.ranks.largest([self.learn.pace.stopwatch.read()])[0]
        if not parts.ranks.leads:
            return
        line = self._line(train, figures)
        line |= {
            "lr": self.learn.opt.hypers[0]["lr"],
            "seconds": round(parts.course.seconds - standing.epoch_began, 3),
            "images_per_second": round(tiles / learning, 3) if learning > 0 else None,
        }
        standing.metrics.append(line)
        self.logger.log(line)

    def _line(self, train: dict[str, float], figures: dict[str, Any]) -> dict[str, Any]:
        """What is the same whenever and wherever the epoch is run again."""
        parts = self.standing.parts
        course = parts.course
        return {
            "epoch": round(course.epoch + course.batch / parts.span.batches, 6),
            "step": course.step,
            "tile_px": parts.span.tile_px(course) or parts.tile_px,
            "train": train,
            "validation": figures,
        }


def _tensor(value: float) -> Any:
    import torch

    return torch.tensor([float(value)])
