"""Whether probabilities mean what they say: reliability, its expected error, and the temperature that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.evaluation.confusion import ratio

Floats = NDArray[np.float64]
FINE_BINS = 200
"""Equal bins of the slick probability that are counted."""
BINS = 20
"""Bins of the reliability diagram, each of ten fine ones."""
SMALLEST = 1e-7
LEAST_T, MOST_T = 0.05, 20.0


def probability_counts(slick: NDArray[np.float32], is_slick: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats]:
    """Pixels without and with a slick in each fine bin, (2, FINE_BINS), and their summed probabilities (FINE_BINS,).

    `slick` is the slick probability of pixels (n,), `is_slick` what is labelled. A bin holds its lower edge.
    """
    exact = slick.astype(np.float64)
    bins = fine_bin(exact)
    counts = np.bincount(bins + FINE_BINS * is_slick, minlength=2 * FINE_BINS).reshape(2, FINE_BINS)
    sums: Floats = np.bincount(bins, weights=exact, minlength=FINE_BINS).astype(np.float64)
    return counts.astype(np.int64), sums


def fine_bin(probability: Any) -> NDArray[np.int64]:
    """The fine bin of each probability; one that is float32's nearest to a bin's lower edge lies in that bin."""
    scaled = np.asarray(probability, np.float64) * FINE_BINS
    found: NDArray[np.int64] = np.clip(np.floor(scaled + 1e-5), 0, FINE_BINS - 1).astype(np.int64)
    return found


def reliability(counts: NDArray[Any], sums: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """Pixels, mean probability and share of slick in each of BINS, each (..., BINS); the last two NaN in empty bins.

    `counts` is (..., 2, FINE_BINS), `sums` (..., FINE_BINS).
    """
    shape = (*sums.shape[:-1], BINS, FINE_BINS // BINS)
    slick = counts[..., 1, :].reshape(shape).sum(axis=-1)
    pixels = slick + counts[..., 0, :].reshape(shape).sum(axis=-1)
    return pixels.astype(np.float64), ratio(sums.reshape(shape).sum(axis=-1), pixels), ratio(slick, pixels)


def expected_error(counts: NDArray[Any], sums: NDArray[Any]) -> Floats:
    """The expected calibration error, (...,): the mean of |share of slick - mean probability|, weighed by pixels.

    Source: Naeini, Cooper and Hauskrecht 2015, for the probability of slick. NaN without pixels.
    """
    pixels, mean, share = reliability(counts, sums)
    apart = np.where(pixels > 0, np.abs(np.nan_to_num(share) - np.nan_to_num(mean)), 0.0)
    return ratio((pixels * apart).sum(axis=-1), pixels.sum(axis=-1))


def tempered(probabilities: NDArray[Any], temperature: float) -> NDArray[np.float32]:
    """The probabilities (..., classes on axis -1) with their logits divided by `temperature`, float32.

    Softmax forgets one number a pixel only, so log p stands for the logits.
    """
    logits = np.log(np.clip(probabilities, SMALLEST, None).astype(np.float64)) / temperature
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: NDArray[np.float32] = (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found


@dataclass(frozen=True)
class Temperature:
    """A temperature fitted on `pixels` pixels, and mean negative log-likelihood and expected error without and with it.

    Above 1 the model was too sure of itself. It is to be multiplied with the temperature the model has.
    """

    value: float
    pixels: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


def fit_temperature(probabilities: NDArray[Any], labelled: NDArray[Any]) -> Temperature | None:
    """The temperature of least mean negative log-likelihood (Guo et al. 2017), None where there is nothing to fit.

    `probabilities` is (pixels, classes), `labelled` (pixels,) the right class. Between LEAST_T and MOST_T; one class
    alone among the labels would push it to a bound, so nothing is fitted then.
    """
    from scipy.optimize import minimize_scalar

    if len(np.unique(labelled)) < 2:
        return None
    best = minimize_scalar(
        lambda log_t: mean_nll(tempered(probabilities, float(np.exp(log_t))), labelled),
        bounds=(np.log(LEAST_T), np.log(MOST_T)), method="bounded", options={"xatol": 1e-4},
    )  # fmt: skip
    value = float(np.exp(best.x))
    after = tempered(probabilities, value)
    is_slick = labelled > 0
    return Temperature(
        value=value,
        pixels=len(labelled),
        nll_before=mean_nll(probabilities, labelled),
        nll_after=mean_nll(after, labelled),
        ece_before=_error_of(probabilities, is_slick),
        ece_after=_error_of(after, is_slick),
    )


def mean_nll(probabilities: NDArray[Any], labelled: NDArray[Any]) -> float:
    """The mean of -log of the right class's probability, floored at SMALLEST."""
    right = probabilities[np.arange(len(labelled)), labelled]
    return float(-np.log(np.clip(right, SMALLEST, None).astype(np.float64)).mean())


def _error_of(probabilities: NDArray[Any], is_slick: NDArray[np.bool_]) -> float:
    slick = np.clip(probabilities[:, 1:].sum(axis=1), 0, 1)
    return float(expected_error(*probability_counts(slick, is_slick)))
