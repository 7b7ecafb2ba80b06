"""ClaSP PE: each class its share of the batch, and chance that fades over the rounds.

From "Finally Outshining the Random Baseline" (Lüth et al., TMLR 2026): two thirds of a batch are shared out evenly over
the classes, each by its own uncertainty p_c H; the rest goes by the entropy alone. Scores get noise, log(score) +
Gumbel(0, 1/beta), which is a draw by score^beta, and beta rises from 1 to 100 over the rounds. The authors' code fills
one class after another; here they take turns, so that a batch that is labelled in part is balanced too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ceruleanml.selection.batch import Batch, Places
from ceruleanml.selection.candidates import Flags, Floats
from ceruleanml.selection.farthest import worth
from ceruleanml.selection.nearness import Nearest
from ceruleanml.selection.score_columns import ENTROPY_FIRST, class_columns, score_column

CLASS_SHARE = 0.66
FIRST_BETA, LAST_BETA = 1.0, 100.0
ANY = "any class"


@dataclass
class Stratum:
    """A part of the batch: `most` items by one column of scores, `noisy` (n,) being log(score) plus noise.

    `shortlist` gives the best `size` open ones, from which one is to be chosen.
    """

    name: str
    column: str
    most: int
    noisy: Floats
    order: Places
    size: int = 1
    _next: int = 0
    _listed: list[int] = field(default_factory=list)

    def shortlist(self, open_now: Flags) -> Places:
        """The places of the best open items, best first, at most `size`."""
        self._listed = [place for place in self._listed if open_now[place]]
        while len(self._listed) < self.size and self._next < len(self.order):
            place = int(self.order[self._next])
            self._next += 1
            if open_now[place]:
                self._listed.append(place)
        return np.array(self._listed, np.int64)


def beta(number: int, rounds: int) -> float:
    """How sharply the score decides in a round (from 0): exponentially from 1 in the first to 100 in the last."""
    share = min(number / max(rounds - 1, 1), 1.0)
    return float(FIRST_BETA * (LAST_BETA / FIRST_BETA) ** share)


def take_by_class(batch: Batch, n: int) -> None:
    """Take n open items by class and noisy uncertainty. Raises SelectionError for missing columns."""
    columns = class_columns(batch.items.scores, batch.options.strategy)
    fill(batch, n, strata(batch, n, columns))


def strata(batch: Batch, n: int, columns: dict[str, str], shortlist: int = 1) -> list[Stratum]:
    """The parts of a batch of n: the classes that the scores see at all, and any class.

    `columns` are of the classes' uncertainties; `shortlist` times as many items as a part has places are its shortlist.
    """
    scores = batch.items.scores
    ranking = score_column(scores, batch.options.score, ENTROPY_FIRST, batch.options.strategy)
    seen = {name: column for name, column in columns.items() if (scores[column][batch.open] > 0).any()}
    for name in sorted(columns.keys() - seen.keys()):
        batch.notes.append(f"{name}: {columns[name]} is 0 in all items left, so its share goes to the others")
    shares = _shared(int(CLASS_SHARE * n), list(seen), batch)
    parts = [(name, seen[name], most) for name, most in shares.items()]
    parts.append((ANY, ranking, n - sum(shares.values())))
    return [_stratum(batch, *part, shortlist) for part in parts if part[2] > 0]


def fill(batch: Batch, n: int, parts: Sequence[Stratum], nearest: Nearest | None = None) -> None:
    """Take n items, the parts in turn; with `nearest` each has the greatest score x distance of a shortlist."""
    if not parts:
        return
    for number in turns([part.most for part in parts]):
        part = parts[number]
        listed = part.shortlist(batch.open)
        if not len(listed):  # its items are in the batch already, or of full groups
            part = parts[-1]
            listed = part.shortlist(batch.open)
        if not len(listed):
            continue
        place = _best(listed, part, nearest)
        why = batch.rank_text(part.column, place)
        batch.take(place, f"{part.name}: {why}", float(batch.items.scores[part.column][place]))
        if nearest is not None:
            nearest.take(place)


def turns(most: Sequence[int]) -> list[int]:
    """Whose turn it is, each part `most` times and spread as evenly as can be; earlier parts first where equal."""
    when = [((place + 0.5) / places, number) for number, places in enumerate(most) for place in range(places)]
    return [number for _, number in sorted(when)]


def _stratum(batch: Batch, name: str, column: str, most: int, shortlist: int) -> Stratum:
    scores = batch.items.scores[column]
    positive = scores > 0
    noise = batch.random("noise", name).gumbel(0, 1 / beta(batch.options.round, batch.options.rounds), len(scores))
    noisy = np.log(np.where(positive, scores, 1)) + noise
    drawn = batch.random("ties", name).permutation(len(scores))
    last = np.where(positive, noisy, -np.inf)  # without any score: behind all others, in any order
    order = drawn[np.argsort(-last[drawn], kind="stable")]
    fitting = batch.open & (positive | (name == ANY))
    return Stratum(name, column, most, last, order[fitting[order]], max(1, shortlist * most) if shortlist > 1 else 1)


def _best(listed: Places, part: Stratum, nearest: Nearest | None) -> int:
    if nearest is None or len(listed) == 1:
        return int(listed[0])
    noisy = part.noisy[listed]
    highest = noisy.max()
    weights = np.exp(noisy - highest) if np.isfinite(highest) else np.ones(len(listed))
    value = worth(nearest.cosines(listed), weights, 1.0)
    return int(listed[value.argmax()]) if value.max() > 0 else int(listed[0])


def _shared(places: int, names: Sequence[str], batch: Batch) -> dict[str, int]:
    """As many places for each class, and what does not divide to classes that are drawn."""
    if not names:
        return {}
    drawn = [names[number] for number in batch.random("shares").permutation(len(names))]
    extra = set(drawn[: places % len(names)])
    return {name: places // len(names) + (name in extra) for name in names}
