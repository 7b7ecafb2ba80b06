"""The acquisition columns of tiles, from what a model says of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.selection.answers import Answers, Batch
from ceruleanml.selection.arrays import Array, on_host
from ceruleanml.selection.reductions import Reducer
from ceruleanml.selection.uncertainty import entropy, least_confidence, margin

Column = NDArray[np.float64]
VOTE_SHARE = "vote_share_"


@dataclass(frozen=True)
class Reduction:
    """How pixels become one number: the side of the window, and the share of the greatest values."""

    window_px: int
    top_share: float


def columns_of(answers: Answers, batch: Batch, classes: Sequence[str], reduction: Reduction) -> dict[str, Array]:
    """The columns of a batch, each (n,), tensors on the model's device but for what detections tell.

    For each measure `<measure>_mean`, `_window` (the greatest mean of a sliding window) and `_top` (the mean of the
    greatest values); `foreground`, `foreground_<class>` and `uncertain_<class>` (probability x normalised entropy), all
    as the greatest mean of a window; `vote_share_<class>` of an ensemble.
    """
    p = answers.mean
    reducer = Reducer(batch.valid, p, reduction.window_px, reduction.top_share)
    unsure = entropy(p)
    maps = {"least_confidence": least_confidence(p), "margin": margin(p), "entropy": unsure, **answers.maps}
    found: dict[str, Array] = {}
    for name, values in maps.items():
        found[f"{name}_mean"] = reducer.mean(values)
        found[f"{name}_window"] = reducer.window_maximum(values)
        found[f"{name}_top"] = reducer.top_share(values)
    found["foreground"] = reducer.window_maximum(1 - p[..., 0])
    for number, name in enumerate(classes[1:], start=1):
        found[f"foreground_{name}"] = reducer.window_maximum(p[..., number])
        found[f"uncertain_{name}"] = reducer.window_maximum(p[..., number] * unsure)
    if answers.votes is not None:
        votes = answers.votes.double()
        shares = votes / votes.sum(-1, keepdim=True)
        found |= {f"{VOTE_SHARE}{name}": shares[:, number] for number, name in enumerate(classes)}
    return found | answers.values


def gathered(parts: Sequence[dict[str, Array]]) -> dict[str, Column]:
    """The columns of batches that follow each other as one, float64 on the host."""
    return {name: np.concatenate([np.asarray(on_host(part[name]), np.float64) for part in parts]) for name in parts[0]}
