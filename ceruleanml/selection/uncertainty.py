"""How unsure predictions are: small functions on probabilities.

Classes lie on the last axis, stochastic samples and members of an ensemble on the first; a last axis of size 1 is the
probability p of the second of two classes, [1 - p, p]. Logarithms are natural and 0 log 0 is 0. Lists and numpy arrays
are computed in float64; torch tensors stay on their device and in their precision. NaN goes in and NaN comes out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ceruleanml.errors import UsageError
from ceruleanml.selection.arrays import TINY, Array, floats, namespace

ROUNDING = 1e-5
"""How far beyond [0, 1] a probability may lie: as far as float32 may be off in a softmax or a mean."""
BLOCK = 1 << 18
"""Values that are worked on at once: their temporary copies stay in the processor's cache."""


def least_confidence(p: Array, normalised: bool = True) -> Array:
    """1 - max p, (...) of p (..., classes); normalised from 0 for one-hot to 1 for equal probabilities.

    Source: Lewis and Gale 1994.
    """
    both = _both(p)
    classes = both.shape[-1]
    unsure = (1 - namespace(both).amax(both, axis=-1)) * (classes / (classes - 1) if normalised else 1)
    return unsure.clip(0, 1)  # beyond which only the rounding of p can lead


def margin(p: Array) -> Array:
    """1 - (p1 - p2) for the greatest and the second greatest probability, (...) of p (..., classes).

    Source: Scheffer, Decomain and Wrobel 2001.
    """
    both = _both(p)
    xp = namespace(both)
    first, second = xp.maximum(both[..., 0], both[..., 1]), xp.minimum(both[..., 0], both[..., 1])
    for number in range(2, both.shape[-1]):  # a running compare: sorting all classes takes ten times as long
        second = xp.maximum(second, xp.minimum(first, both[..., number]))
        first = xp.maximum(first, both[..., number])
    return (1 - (first - second)).clip(0, 1)


def entropy(p: Array, normalised: bool = True) -> Array:
    """-sum p log p, (...) of p (..., classes); normalised by log classes, the entropy of equal probabilities.

    Source: Shannon 1948.
    """
    both = _both(p)
    found = _entropy(both)
    return (found / math.log(both.shape[-1])).clip(max=1) if normalised else found


def mutual_information(samples: Array) -> Array:
    """H(mean of the samples) - mean of their H, (...) of samples (K, ..., classes), in nats and never below 0.

    Holds all samples; `RunningInformation` gives the same for any number of them. Raises UsageError without a sample.
    Source: BALD, Houlsby et al. 2011.
    """
    both = _both(samples)
    if both.ndim < 2 or not len(both):
        raise UsageError(f"samples of shape {tuple(both.shape)} cannot be; give one or more, along the first axis")
    return (_entropy(both.mean(0)) - _entropy(both).mean(0)).clip(min=0)


def soft_mutual_information(members: Array) -> Array:
    """The same between the members of an ensemble: (...) of their probabilities (members, ..., classes), in nats."""
    return mutual_information(members)


def vote_shares(member_labels: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """The share of members that vote for each class, (..., classes) of whole-number labels (members, ...).

    Raises UsageError for a label that is no class, and without a member.
    """
    labels = np.asarray(member_labels)
    if not labels.ndim or not len(labels):
        raise UsageError(f"labels of shape {labels.shape} cannot be; give those of one member or more")
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise UsageError(f"votes are for classes {labels.min()} to {labels.max()}, there are 0 to {n_classes - 1}")
    return np.stack([(labels == number).mean(axis=0) for number in range(n_classes)], axis=-1)


def vote_entropy(member_labels: ArrayLike, n_classes: int) -> Any:
    """-sum c log c over the shares c of members that vote for each class, (...) of labels (members, ...), in nats.

    Source: Dagan and Engelson 1995, as QuasarNET takes it.
    """
    return _entropy(vote_shares(member_labels, n_classes))


def vote_mutual_information(rho_samples: ArrayLike, votes: int) -> Any:
    """H(mean of Bin(votes, rho)) - mean of H(Bin(votes, rho)), (...) of sampled probabilities (K, ...), in nats.

    What the answers of so many volunteers to one question would tell of the model; one vote is `mutual_information`.
    Holds (..., votes + 1) numbers, whatever K. A probability that rounding led out of [0, 1] counts as 0 or 1. Raises
    UsageError for no sample and no votes. Source: Walmsley et al. 2020, Zoobot.
    """
    from scipy.special import gammaln, xlog1py, xlogy

    if not votes >= 1 or votes % 1:
        raise UsageError(f"votes {votes} cannot be; give the number of volunteers, 1 or more")
    votes = int(votes)
    samples = np.asarray(rho_samples, np.float64)
    if not samples.ndim or not len(samples):
        raise UsageError(f"samples of shape {samples.shape} cannot be; give one or more, along the first axis")
    if ((samples < -ROUNDING) | (samples > 1 + ROUNDING)).any():
        raise UsageError(f"probabilities from {samples.min():g} to {samples.max():g} cannot be; give 0 to 1")
    samples = samples.clip(0, 1)
    counts = np.arange(votes + 1)
    ways = gammaln(votes + 1) - gammaln(counts + 1) - gammaln(votes - counts + 1)
    mean, entropies = np.zeros((*samples.shape[1:], votes + 1)), np.zeros(samples.shape[1:])
    for rho in samples[..., None]:
        logs = ways + xlogy(counts, rho) + xlog1py(votes - counts, -rho)  # in logarithms, or 1,000 votes overflow
        chances = np.exp(logs)
        mean += chances / len(samples)
        entropies -= (chances * np.maximum(logs, -1e300)).sum(axis=-1) / len(samples)
    return np.maximum(_entropy(mean) - entropies, 0)


class RunningInformation:
    """Mutual information of samples that come one at a time; holds one sum of p and one of H, however many come.

    Sums are float32 for float32 samples, else float64: 8.4 MB for a tile of 512 x 512 pixels and 7 classes.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: Array = None
        self._entropies: Array = None

    def add(self, p: Array) -> None:
        """Take in one sample, (..., classes), always of the same shape."""
        p = p if getattr(p, "dtype", None) == np.float32 else floats(p)
        if self._sum is None:
            self._sum = namespace(p).zeros_like(p)
            self._entropies = namespace(p).zeros_like(self._sum[..., 0])
        self.count += 1
        self._sum += p
        for rows in _blocks(p):
            self._entropies[rows] += _entropy(_spread(p[rows]))

    @property
    def mean(self) -> Array:
        """The mean probabilities, (..., classes). Raises UsageError before the first sample."""
        if self.count == 0:
            raise UsageError("no sample was added, so there is no mean")
        return self._sum / self.count

    def mutual_information(self) -> Array:
        """What `mutual_information` gives of all samples so far, (...). Raises UsageError before the first one."""
        if self.count == 0:
            raise UsageError("no sample was added, so there is no information")
        found = namespace(self._sum).zeros_like(self._entropies)
        found -= self._entropies / self.count
        for rows in _blocks(self._sum):
            found[rows] += _entropy(_spread(self._sum[rows] / self.count))
        return found.clip(min=0)


def _both(p: Array) -> Array:
    return _spread(floats(p))


def _spread(p: Array) -> Array:
    """Probabilities of all classes, where one column is that of the second of two."""
    if not len(p.shape) or not p.shape[-1]:
        raise UsageError(f"probabilities of shape {tuple(p.shape)} cannot be; classes lie on the last axis")
    if p.shape[-1] > 1:
        return p
    xp = namespace(p)
    return xp.concatenate([1 - p, p], axis=-1)


def _entropy(p: Array) -> Array:
    """-sum p log p over the last axis, never below 0 for what rounding made of a certain prediction."""
    logs = namespace(p).log(p.clip(min=TINY))
    logs *= p
    return (0 - logs.sum(-1)).clip(min=0)  # 0 - 0 is 0, where -0 is -0


def _blocks(p: Array) -> list[Any]:
    """Slices along the first axis that hold about BLOCK values each; all of it where that axis is the classes'."""
    if len(p.shape) < 2:
        return [...]
    values = math.prod(p.shape[1:])
    step = max(1, BLOCK // max(1, values))
    return [slice(start, start + step) for start in range(0, p.shape[0], step)]
