"""How many of each class a batch may hold, when shares are asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ceruleanml.errors import SelectionError
from ceruleanml.selection.batch import Places, Quotas
from ceruleanml.selection.candidates import Candidates, Floats
from ceruleanml.selection.filters import Texts
from ceruleanml.selection.score_columns import foreground_classes, listed


def quotas_of(items: Candidates, texts: Texts, balance: Mapping[str, float], n: int) -> Quotas:
    """The classes with a share of a batch of n, in rising order of their names.

    A class is one of the columns foreground_<class>, or COLUMN:VALUE of a text column. An item of several counts for
    the first. Places are shared out by the largest remainders; what the shares leave of 1 is for all other items.
    Raises SelectionError for a class of which no column tells.
    """
    names = tuple(sorted(balance))
    classes = _likeliest(items, foreground_classes(items.scores))
    of_item = np.full(len(items), -1, np.int64)
    for number in reversed(range(len(names))):
        of_item[_members(names[number], items, texts, classes)] = number
    shares = np.array([*(balance[name] for name in names), max(0.0, 1 - sum(balance.values()))])
    *most, others = shared_out(n, shares).tolist()
    return Quotas(names, of_item, tuple(most), others)


def shared_out(n: int, shares: Floats) -> Places:
    """The number n in whole parts by shares that sum to 1, by the largest remainders, the first of equals."""
    exact = n * shares / shares.sum()
    parts: Places = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - parts).round(9), kind="stable")
    parts[order[: n - int(parts.sum())]] += 1
    return parts


def _likeliest(items: Candidates, columns: Mapping[str, str]) -> dict[str, Places]:
    """The places of the items of each class: those whose greatest foreground, above 0, is the class's."""
    if not columns:
        return {}
    values = np.nan_to_num(np.stack([items.scores[column] for column in columns.values()]))
    best = np.where(values.max(axis=0) > 0, values.argmax(axis=0), -1)
    return {name: np.flatnonzero(best == number) for number, name in enumerate(columns)}


def _members(name: str, items: Candidates, texts: Texts, classes: Mapping[str, Places]) -> Places:
    plain = name.removeprefix("foreground_")
    if plain in classes:
        return classes[plain]
    column, _, value = name.partition(":")
    if column not in texts:
        known = {**classes, **{f"{one}:VALUE": None for one in texts}}
        raise SelectionError(f"balance {name}: no column of the scores tells of it; they tell of {listed(known)}")
    return np.array([place for place, text in enumerate(texts[column]) if text == value], np.int64)
