"""What all passes and members say of a batch of tiles, gathered as they come: no memory grows with their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.inference.scanning import merged
from ceruleanml.inference.thresholds import thresholds_of
from ceruleanml.models.predictor import Detections
from ceruleanml.seeds import generator
from ceruleanml.selection.detections import (
    RunningCertainty,
    classification,
    least_certain,
    object_count,
    objectness_least_confidence,
    on_data,
)
from ceruleanml.selection.passes import Draws, Images, Member
from ceruleanml.selection.uncertainty import RunningInformation, entropy, least_confidence, margin

if TYPE_CHECKING:
    from torch import Tensor

Mask = NDArray[np.bool_]
Measure = Callable[[Detections], float]


@dataclass(frozen=True, eq=False)
class Batch:
    """Tiles of one size: `images` float32 (n, bands, rows, columns), sides padded; `valid` bool (n, rows, columns)."""

    tile_ids: tuple[str, ...]
    images: Images
    valid: Mask


@dataclass(frozen=True, eq=False)
class Answers:
    """What was said of a batch.

    `mean` is the mean probability (n, rows, columns, classes); `maps` are the measures of disagreement (n, rows,
    columns); `votes` counts, for members of an ensemble, those that vote for each class (n, classes). These are tensors
    on the model's device. `values` is what detections tell of each tile.
    """

    mean: Tensor
    maps: dict[str, Tensor] = field(default_factory=dict)
    votes: Tensor | None = None
    values: dict[str, list[float]] = field(default_factory=dict)


def ask(members: Sequence[Member], batch: Batch, samples: int, seed: int) -> Answers:
    """The answers of all members, each asked `samples` times; once is without dropout."""
    import torch

    ensemble, detected = len(members) > 1, None
    if members[0].card.kind == "mask_rcnn":
        detected = _Detected(len(members[0].card.classes), batch)
    between, votes, within = RunningInformation(), _Votes(batch), 0.0
    with torch.inference_mode():
        for number, member in enumerate(members):
            passes = _draws(batch.tile_ids, number, samples, seed)
            p, information = _answer(_probabilities(member, batch, passes, detected), samples)
            within = within + information / len(members)
            if ensemble:
                between.add(p)
                votes.add(p, member)
        maps = {}
        if ensemble:  # between the members, and within each: together the information of all passes
            p, maps["soft_mutual_information"] = between.mean, between.mutual_information()
            maps["vote_entropy"] = votes.entropy(len(members))
            within = within + maps["soft_mutual_information"]
        if ensemble or samples > 1:
            maps["mutual_information"] = within
        return Answers(p, maps, votes.of_tiles, detected.values(samples * len(members) > 1) if detected else {})


def _draws(tile_ids: Sequence[str], member: int, samples: int, seed: int) -> list[Draws | None]:
    """What each pass of a member draws from; nothing where it is asked once."""
    if samples == 1:
        return [None]
    keys = range(member * samples, (member + 1) * samples)
    return [[generator(seed, "dropout", tile_id, key) for tile_id in tile_ids] for key in keys]


def _answer(passes: Iterator[Tensor], samples: int) -> tuple[Tensor, Any]:
    """The mean of a member's passes and their mutual information."""
    if samples == 1:
        return next(passes), 0.0
    running = RunningInformation()
    for p in passes:
        running.add(p)
    return running.mean, running.mutual_information()


def _probabilities(
    member: Member, batch: Batch, passes: Sequence[Draws | None], detected: _Detected | None
) -> Iterator[Tensor]:
    """The probabilities (n, rows, columns, classes) of each pass, cut to the tiles."""
    import torch

    height, width = batch.valid.shape[1:]
    if detected is None:
        for found in member.probabilities(batch.images, passes):
            yield found[..., :height, :width].movedim(1, -1)
        return
    for of_tiles in member.detections(batch.images, passes):
        kept = [on_data(one, valid) for one, valid in zip(of_tiles, batch.valid, strict=True)]
        detected.add(kept)
        probabilities = np.stack([merged(one, len(member.card.classes)) for one in kept])
        yield torch.from_numpy(probabilities).to(member.device).movedim(1, -1)


class _Votes:
    """Hard votes of the members of an ensemble: for each pixel, and for each tile."""

    def __init__(self, batch: Batch) -> None:
        self._valid = batch.valid
        self._of_pixels: Any = None
        self.of_tiles: Any = None

    def add(self, p: Tensor, member: Member) -> None:
        """Take in a member's probabilities (n, rows, columns, classes).

        A pixel's vote is its greatest class. A tile's is the slick class with most pixels where the slick probability
        reaches the member's `poly_score_thresh`, background where no pixel does.
        """
        import torch

        if self.of_tiles is None:
            self._of_pixels = torch.zeros_like(p)
            self.of_tiles = p.new_zeros(len(p), p.shape[-1])
        threshold = thresholds_of(member.card.kind, member.card.thresholds).poly_score_thresh
        best, label = _greatest_slick(p)
        valid = torch.from_numpy(self._valid).to(p.device)
        over = valid & (p[..., 1:].sum(-1) >= np.float32(threshold))
        voted = torch.where(p[..., 0] >= best, 0, label)
        counts = [torch.zeros(len(p), device=p.device)]
        for number in range(p.shape[-1]):
            self._of_pixels[..., number] += voted == number
            if number:
                counts.append((over & (label == number)).sum((1, 2)))
        self.of_tiles += torch.nn.functional.one_hot(torch.stack(counts, dim=1).argmax(dim=1), p.shape[-1])

    def entropy(self, members: int) -> Tensor:
        """The vote entropy of each pixel, (n, rows, columns), in nats."""
        found: Tensor = entropy(self._of_pixels / members, normalised=False)
        return found


class _Detected:
    """What the detections of each pass tell of each tile, summed up."""

    def __init__(self, classes: int, batch: Batch) -> None:
        self._certainty = [RunningCertainty(classes) for _ in batch.tile_ids]
        self._sums = {name: np.zeros(len(batch.tile_ids)) for name in MEASURES}
        self._passes = 0

    def add(self, of_tiles: Sequence[Detections]) -> None:
        """Take in one pass."""
        self._passes += 1
        for name, measure in MEASURES.items():
            self._sums[name] += [measure(one) for one in of_tiles]
        for certainty, one in zip(self._certainty, of_tiles, strict=True):
            certainty.add(one)

    def values(self, several: bool) -> dict[str, list[float]]:
        """The means of the passes, and with `several` the uncertainty of the least certain instance."""
        found = {name: (total / self._passes).tolist() for name, total in self._sums.items()}
        if several:
            found["mask_uncertainty"] = [least_certain(one.certainties()) for one in self._certainty]
        return found


def _of_scores(measure: Callable[..., Any]) -> Measure:
    return lambda found: classification(measure, found.scores[:, None])


MEASURES: dict[str, Measure] = {
    "object_count": lambda found: object_count(found.labels),
    "objectness_least_confidence": lambda found: objectness_least_confidence(found.scores),
    "classification_least_confidence": _of_scores(least_confidence),
    "classification_margin": _of_scores(margin),
    "classification_entropy": _of_scores(entropy),
}
"""What one image's detections tell; `object_frequency` is made of `object_count` once all tiles are known."""


def _greatest_slick(p: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest slick probability and its class (n, rows, columns); torch's argmax takes ten times as long."""
    import torch

    best, label = p[..., 1], torch.ones_like(p[..., 1], dtype=torch.uint8)
    for number in range(2, p.shape[-1]):
        label = torch.where(p[..., number] > best, number, label)
        best = torch.maximum(best, p[..., number])
    return best, label
