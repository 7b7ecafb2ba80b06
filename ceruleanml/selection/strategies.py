"""The table of strategies: what each is called, does and needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ceruleanml.selection.batch import Batch
from ceruleanml.selection.candidates import Candidates
from ceruleanml.selection.clasp import take_by_class
from ceruleanml.selection.drawing import take_foreground_random, take_random
from ceruleanml.selection.mix import take_mix
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.ranking import take_disputed, take_uncertain
from ceruleanml.selection.score_columns import (
    CONFIDENCE,
    ENTROPY_FIRST,
    UNCERTAINTY,
    VOTES,
    class_columns,
    foreground_column,
    optional_column,
    score_column,
)
from ceruleanml.selection.spreading import take_seeds, take_spread, take_spread_and_worth, take_typical

NEEDED, USED, UNUSED = "needed", "used", "unused"


@dataclass(frozen=True)
class Strategy:
    """A way to choose: what it does in a line, the function that fills a batch, and what of the items it reads.

    `score`, `embeddings`, `foreground` (how likely an item shows what is sought) and `classes` (the columns
    uncertain_<class>) are NEEDED, USED where they are there, or UNUSED; `columns` are the scores that it ranks by, the
    best first.
    """

    about: str
    take: Callable[[Batch, int], None]
    score: str = UNUSED
    columns: Sequence[str] = ()
    embeddings: str = UNUSED
    foreground: str = UNUSED
    classes: str = UNUSED


STRATEGIES = {
    "default": Strategy(
        "first typical and foreground-random items; later clasp-pe x distance; 10 % plain random; few of one group",
        take_mix, USED, ENTROPY_FIRST, USED, foreground=USED, classes=USED,
    ),
    "random": Strategy("each item as likely as any other", take_random),
    "foreground-random": Strategy(
        "two thirds drawn among items that the foreground column says hold what is sought, one third among all",
        take_foreground_random, foreground=NEEDED,
    ),
    "uncertainty": Strategy("the greatest score", take_uncertain, NEEDED, UNCERTAINTY),
    "vote-entropy": Strategy("the items an ensemble's members disagree on most", take_disputed, NEEDED, VOTES),
    "coreset": Strategy("each the farthest from all labelled and chosen items", take_spread, embeddings=NEEDED),
    "coral": Strategy(
        "each the greatest score x distance to labelled and chosen items", take_spread_and_worth,
        NEEDED, UNCERTAINTY, NEEDED,
    ),
    "typical": Strategy("typical items of clusters without labels, for a first batch", take_typical, embeddings=NEEDED),
    "badge": Strategy(
        "drawn as k-means++ seeds, by distance and least confidence", take_seeds, USED, CONFIDENCE, NEEDED
    ),
    "clasp-pe": Strategy(
        "two thirds shared out over the classes by uncertain_<class>, the rest by entropy, with fading chance",
        take_by_class, NEEDED, ENTROPY_FIRST, classes=NEEDED,
    ),
}  # fmt: skip


def ranking_column(name: str, items: Candidates, options: SelectOptions) -> str | None:
    """The column that a strategy ranks by, None where it ranks by none. Raises SelectionError where it is missing."""
    strategy = STRATEGIES[name]
    if strategy.score == UNUSED:
        return None
    if strategy.score == NEEDED or options.score is not None:
        return score_column(items.scores, options.score, strategy.columns, name)
    return optional_column(items.scores, strategy.columns)


def columns_read(name: str, items: Candidates, options: SelectOptions) -> list[str]:
    """The columns of scores without which an item cannot be chosen. Raises SelectionError where one is missing."""
    strategy = STRATEGIES[name]
    found = [ranking_column(name, items, options)]
    if strategy.foreground == NEEDED:
        found.append(foreground_column(items.scores, options.foreground, name))
    if strategy.classes == NEEDED:
        class_columns(items.scores, name)
    return [column for column in found if column is not None]


def needs(name: str) -> str:
    """What a strategy needs, and what it uses where it is there, in words."""
    strategy = STRATEGIES[name]
    parts = {
        f"a column of scores ({', '.join(strategy.columns[:2])}, … or --score)": strategy.score,
        "columns uncertain_<class>": strategy.classes,
        "a column foreground": strategy.foreground,
        "embeddings": strategy.embeddings,
    }
    needed, used = ([part for part, use in parts.items() if use == kind] for kind in (NEEDED, USED))
    said = " and ".join(needed) or "nothing"
    return f"{said}; uses {' and '.join(used)}" if used else said
