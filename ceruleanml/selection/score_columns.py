"""Which columns of scores a strategy reads, by the names that `ceruleanml score` gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ceruleanml.errors import SelectionError
from ceruleanml.selection.candidates import Floats

SOM_CELL = "som_cell"
"""The cell of a self-organising map in which an item lies."""
FOREGROUND, UNCERTAIN = "foreground", "uncertain_"
NO_RANKING = (FOREGROUND, UNCERTAIN, SOM_CELL, "object_count", "vote_share_")
"""Beginnings of columns that say other things than how much a label would teach."""
ENTROPY = ("entropy_window", "entropy")
INFORMATION = ("mutual_information_window", "mutual_information")
UNCERTAINTY = (*INFORMATION, *ENTROPY)
ENTROPY_FIRST = (*ENTROPY, *INFORMATION)
VOTES = ("vote_entropy_window", "vote_entropy", "vote_entropy_mean")
CONFIDENCE = ("least_confidence_window", "least_confidence", *UNCERTAINTY)
SHOWN = 8

Scores = Mapping[str, Floats]


def score_column(scores: Scores, asked: str | None, known: Sequence[str], strategy: str) -> str:
    """The column that ranks: the one asked for, else the first known one with values, else the only one there is.

    Raises SelectionError that names the columns there are.
    """
    if asked is not None:
        if asked not in scores:
            raise SelectionError(f"score {asked}: is no column of the scores, which have {listed(scores)}")
        return asked
    found = optional_column(scores, known)
    if found is not None:
        return found
    rankings = ranking_columns(scores)
    if len(rankings) == 1 and known is not VOTES:
        return rankings[0]
    command = "score an ensemble of ceruleanml train-ensemble" if known is VOTES else "make it with ceruleanml score"
    raise SelectionError(
        f"strategy {strategy} needs the column {known[0]}; {command}, or name another with --score; "
        f"the scores have {listed(scores)}"
    )


def ranking_columns(scores: Scores) -> list[str]:
    """The columns that may say how much a label would teach."""
    return [name for name in scores if not name.startswith(NO_RANKING)]


def optional_column(scores: Scores, known: Sequence[str]) -> str | None:
    """The first of the known columns that holds a value, None where there is none."""
    return next((name for name in known if name in scores and np.isfinite(scores[name]).any()), None)


def foreground_column(scores: Scores, asked: str, strategy: str) -> str:
    """The column of the prior. Raises SelectionError."""
    if asked not in scores:
        raise SelectionError(
            f"strategy {strategy} needs the column {asked}, how likely an item shows what is sought; make it with "
            f"ceruleanml score, or name another with --foreground; the scores have {listed(scores)}"
        )
    return asked


def class_columns(scores: Scores, strategy: str | None = None) -> dict[str, str]:
    """The column of each class's uncertainty, uncertain_<class>, background left out, sorted by class.

    Raises SelectionError where there are none and a strategy needs them.
    """
    found = _of_classes(scores, UNCERTAIN)
    if not found and strategy is not None:
        raise SelectionError(
            f"strategy {strategy} needs columns {UNCERTAIN}<class>; make them with ceruleanml score, or choose another "
            f"strategy; the scores have {listed(scores)}"
        )
    return found


def foreground_classes(scores: Scores) -> dict[str, str]:
    """The column of each class's foreground, foreground_<class>, background left out, sorted by class."""
    return _of_classes(scores, f"{FOREGROUND}_")


def listed(names: Mapping[str, object]) -> str:
    """The names of some columns, for a message."""
    shown = sorted(names)
    return ", ".join(shown[:SHOWN]) + (", …" if len(shown) > SHOWN else "") if shown else "none"


def _of_classes(scores: Scores, start: str) -> dict[str, str]:
    found = {name.removeprefix(start): name for name in scores if name.startswith(start)}
    return {name: found[name] for name in sorted(found) if name != "background"}
