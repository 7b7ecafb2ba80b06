"""Strategies that draw: plain random, and random among what a prior says holds what is sought."""

from __future__ import annotations

import numpy as np

from ceruleanml.selection.batch import Batch, Places, number_text
from ceruleanml.selection.candidates import Floats
from ceruleanml.selection.score_columns import foreground_column

LIKELY = 0.5
LIKELY_SHARE = 2 / 3
PLAIN = "plain random"


def take_random(batch: Batch, n: int, why: str = PLAIN) -> None:
    """Take n open items, each as likely as any other."""
    batch.take_in_order(_shuffled(batch, "random"), n, lambda _: why)


def take_foreground_random(batch: Batch, n: int) -> None:
    """Take n open items: two thirds among those that likely show what is sought, one third among all.

    The baseline that uncertainty often fails to beat: nnActive's Foreground Aware Random (Lüth et al., TMLR 2025),
    which in its 66 % form takes two of three patches from the foreground, each place of it as likely as any. Here an
    item counts as foreground when the prior is 0.5 or more; where too few do, the others follow, drawn without
    replacement with the prior as the weight. As in nnActive, the plain third may hit foreground too. Raises
    SelectionError for a missing column.
    """
    column = foreground_column(batch.items.scores, batch.options.foreground, batch.options.strategy)
    prior = batch.items.scores[column]
    likely = batch.take_in_order(
        _by_prior(batch, prior),
        round(LIKELY_SHARE * n),
        lambda place: f"drawn among the foreground: {column} {number_text(float(prior[place]))}",
    )
    if not likely and n > 0:
        batch.notes.append(f"{column} is 0 everywhere, so all of {batch.options.strategy} is plain random")
    take_random(batch, n - likely)


def weighted_order(weights: Floats, draws: np.random.Generator) -> Places:
    """The places of positive weights in the order of a draw without replacement, int64.

    By the keys log(u) / w of Efraimidis and Spirakis (2006): the next is always drawn by the weights that are left.
    """
    places = np.flatnonzero(weights > 0)
    keys = np.log(1 - draws.random(len(weights)))[places] / weights[places]
    return np.asarray(places[np.argsort(-keys, kind="stable")], np.int64)


def _by_prior(batch: Batch, prior: Floats) -> Places:
    """Items with a prior above 0: first the likely ones in any order, then the others by weight."""
    shuffled = _shuffled(batch, "foreground")
    likely = shuffled[prior[shuffled] >= LIKELY]
    rest = np.where(prior < LIKELY, prior, 0)  # NaN is in neither part
    return np.concatenate([likely, weighted_order(rest, batch.random("prior"))])


def _shuffled(batch: Batch, what: str) -> Places:
    return batch.random(what).permutation(len(batch.items))
