"""An ensemble asked as one model: the mean of what its members say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ceruleanml.errors import ModelError
from ceruleanml.models.predictor import Detections, Floats, Predictor, load_predictor, model_sha256

ALIKE = ("classes", "channels", "scale", "grid", "resolution_m", "radiometry", "db_range")
"""What the cards of members have in common."""


class MeanPredictor:
    """U-Nets that are asked together; its card is the first one's, with the ensemble's name."""

    def __init__(self, members: Sequence[Predictor], name: str, sha256: str) -> None:
        self.members = tuple(members)
        self.card = self.members[0].card.with_(name=name, weights_sha256=sha256, temperature=1.0, metrics={})

    def probabilities(self, images: Floats) -> Floats:
        """The mean of the members' probabilities, float32 (n, classes, height, width)."""
        total = np.array(self.members[0].probabilities(images))
        for member in self.members[1:]:
            total += member.probabilities(images)
        return np.divide(total, len(self.members), out=total)

    def detections(self, images: Floats) -> list[Detections]:
        """Raise ModelError: a U-Net knows pixels, not instances."""
        raise ModelError("a U-Net has no detections; cut its probabilities into slicks instead")


def load_ensemble(folder: Path, runs: Sequence[Path], device: str) -> MeanPredictor:
    """The members in these run folders as one predictor; all networks are in memory together.

    Raises ModelError for members that do not go together, and for Mask R-CNNs, whose outlines have no mean.
    """
    members = [load_predictor(run, device) for run in runs]
    first = members[0].card
    if first.kind != "unet":
        raise ModelError(f"{folder}: is an ensemble of Mask R-CNNs, whose outlines have no mean; name one of its runs")
    for run, member in zip(runs, members, strict=True):
        for name in ("kind", *ALIKE):
            if getattr(member.card, name) != getattr(first, name):
                raise ModelError(f"{run}: differs from {runs[0].name} in {name}; train the ensemble again")
    return MeanPredictor(members, folder.resolve().name, model_sha256(folder))
