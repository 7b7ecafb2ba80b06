"""Figures of one validation: sums over tiles that can be kept, added over processes, and read at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ceruleanml.models.targets import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

    from ceruleanml.models.distributed import Ranks

Figures = dict[str, Any]


def confusion(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """How many pixels of each true class (rows) were taken for each class (columns), int64; IGNORE counts nowhere."""
    import torch

    known = truth != IGNORE
    pairs = (truth * classes + predicted)[known]
    return torch.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def class_figures(counts: Sequence[Sequence[float]], names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """IoU, Dice (of pixels, the same as F1), precision and recall of each slick class, None where it has no pixel."""
    figures: dict[str, dict[str, float | None]] = {}
    for number, name in list(enumerate(names))[1:]:
        hit = counts[number][number]
        true, predicted = sum(counts[number]), sum(row[number] for row in counts)
        figures[name] = {
            "iou": _share(hit, true + predicted - hit),
            "dice": _share(2 * hit, true + predicted),
            "precision": _share(hit, predicted),
            "recall": _share(hit, true),
        }
    return figures


def mean_of(figures: dict[str, dict[str, float | None]], name: str) -> float | None:
    """The mean of a figure over the classes that the truth shows, None where it shows none."""
    values = [value for one in figures.values() if one["recall"] is not None and (value := one[name]) is not None]
    return sum(values) / len(values) if values else None


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None


@dataclass
class LossSums:
    """Sums of losses by name, each weighted by its tiles; they stay on the device until they are read."""

    names: tuple[str, ...] = ()
    sums: Tensor | None = None
    tiles: int = 0

    def add(self, losses: dict[str, Tensor], tiles: int) -> None:
        """Count the losses of a batch of so many tiles."""
        import torch

        values = torch.stack([loss.detach() for loss in losses.values()]).double() * tiles
        self.names = tuple(losses)
        self.sums = values if self.sums is None else self.sums + values
        self.tiles += tiles

    def means(self, ranks: Ranks) -> dict[str, float]:
        """The mean of each loss over the tiles of all processes, and of their sum as `loss`."""
        import torch

        own = torch.zeros(len(self.names)) if self.sums is None else self.sums.cpu()
        *sums, tiles = ranks.summed(torch.cat([own.double(), torch.tensor([float(self.tiles)]).double()])).tolist()
        each = {name: value / max(tiles, 1) for name, value in zip(self.names, sums, strict=True)}
        return {"loss": sum(each.values())} | (each if len(each) > 1 else {})

    def state(self, ranks: Ranks) -> dict[str, Any]:
        """What a checkpoint keeps: the sums of all processes."""
        import torch

        sums = None if self.sums is None else ranks.summed(self.sums)
        tiles = int(ranks.summed(torch.tensor([self.tiles])).item())
        return {"names": list(self.names), "sums": sums, "tiles": tiles}

    @staticmethod
    def of(state: dict[str, Any], device: Any, ranks: Ranks) -> LossSums:
        """The sums that a checkpoint kept, with the leading process; none with the others."""
        sums, share = state["sums"], int(ranks.leads)
        return LossSums(
            tuple(state["names"]), None if sums is None else sums.to(device) * share, state["tiles"] * share
        )


@dataclass
class Judgement:
    """The figures of one validation as they gather."""

    classes: tuple[str, ...]
    losses: LossSums = field(default_factory=LossSums)
    counts: Tensor | None = None

    def add(self, losses: dict[str, Tensor], truth: Tensor, predicted: Tensor) -> None:
        """Count a batch: its losses, and class ids (n, rows, columns) as they are and as they were found."""
        self.losses.add(losses, len(truth))
        counts = confusion(truth, predicted, len(self.classes))
        self.counts = counts if self.counts is None else self.counts + counts

    def figures(self, ranks: Ranks) -> Figures:
        """Losses, each slick class's figures and their means, over all processes."""
        import torch

        size = len(self.classes)
        own = torch.zeros(size, size) if self.counts is None else self.counts
        classes = class_figures(ranks.summed(own).tolist(), self.classes)
        return {
            "losses": self.losses.means(ranks),
            "classes": classes,
            "mean_iou": mean_of(classes, "iou"),
            "mean_dice": mean_of(classes, "dice"),
        }


def score_of(figures: Figures) -> tuple[float, float]:
    """What the best epoch has most of: the mean Dice of the slick classes, then the smallest validation loss."""
    dice = figures["mean_dice"]
    return (0.0 if dice is None else dice, -figures["losses"]["loss"])
