"""Files into candidates: scores and embeddings joined by id, what is labelled, excluded or frozen marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, open_dataset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.candidates import Candidates, Floats
from ceruleanml.selection.embedding_files import read_any
from ceruleanml.selection.embedding_rows import Embeddings
from ceruleanml.selection.freshness import check_sources
from ceruleanml.selection.id_lists import read_ids
from ceruleanml.selection.score_files import ScoreTable, read_scores

GROUP = "scene_id"
OF_TILE = re.compile(r"(.+)_\d{5}_\d{5}")
"""Ids of tiles are a scene's and the row and column of their corner."""
LIGHTLY_SCORE = "al_score"


@dataclass(frozen=True)
class Sources:
    """The files that a choice is made from.

    `scores` is what `score_files.read_scores` takes, `embeddings` what `embedding_files.read_any` does; one of them is
    needed. `id_column` and `group_column` name columns of the scores. `preselected`, `excluded` and `evaluation` are
    files of ids or data set folders; those of evaluation sets stand for their scenes too. `pool` is the data set that
    the items are tiles of, `model` what scored them: against both the files are checked unless `force` is set.
    """

    scores: Path | None = None
    embeddings: Path | None = None
    id_column: str | None = None
    group_column: str | None = None
    preselected: tuple[Path, ...] = ()
    excluded: tuple[Path, ...] = ()
    evaluation: tuple[Path, ...] = ()
    pool: Path | None = None
    model: Path | None = None
    force: bool = False


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the files say: the candidates, further columns as text, excluded ids, and notes for the user.

    `about` holds the sha256 of the `model` and the `pool` that the files are of, where they say so. `pool` is the data
    set, `embeddings` the file's content, both None where not given.
    """

    candidates: Candidates
    texts: dict[str, tuple[str, ...]]
    excluded: frozenset[str]
    about: dict[str, str]
    notes: tuple[str, ...] = ()
    pool: Dataset | None = None
    embeddings: Embeddings | None = field(default=None, repr=False)


def gather(sources: Sources) -> Gathered:
    """The candidates that the files hold, in any order.

    Items of either file are candidates; what one of them lacks is NaN. Groups are the scores' `group_column` or
    `scene_id`, else the embeddings', else the pool's scenes, else "". Raises UsageError where neither file is given,
    SelectionError for files that cannot be used, or are stale (see `freshness`).
    """
    if sources.scores is None and sources.embeddings is None:
        raise UsageError("neither scores nor embeddings were given; name one with --scores or --embeddings")
    table = None if sources.scores is None else read_scores(sources.scores, sources.id_column)
    embeddings = None if sources.embeddings is None else read_any(sources.embeddings)
    pool = None if sources.pool is None else open_dataset(sources.pool)
    about, notes = check_sources(table, embeddings, sources.model, sources.pool, sources.force)
    ids = _joined(table, embeddings)
    scores, texts = _columns(ids, table, embeddings)
    scenes = _scenes(ids, texts, embeddings, pool)
    groups = scenes if sources.group_column is None else _texts_of(texts, sources.group_column)
    marks = _Marks(ids, scenes)
    excluded = {one for path in sources.excluded for one in marks.listed(path, sources.id_column)}
    excluded |= set(_flagged(embeddings, "masked"))
    labelled = {one for path in sources.preselected for one in marks.listed(path, sources.id_column)}
    labelled |= set(_flagged(embeddings, "selected"))
    candidates = Candidates(
        ids, groups, scores, _vectors(ids, embeddings), marks.of(labelled), marks.frozen(sources)
    )  # fmt: skip
    notes += [*(table.notes if table else ()), *marks.notes, *_lightly_notes(embeddings), *_overlap_notes(pool)]
    return Gathered(candidates, texts, frozenset(excluded), about, tuple(notes), pool, embeddings)


class _Marks:
    """Ids from lists, found among the items; `scenes` are those of the items, whatever their groups are."""

    def __init__(self, ids: Sequence[str], scenes: Sequence[str]) -> None:
        self.ids, self.scenes, self.known = ids, scenes, set(ids)
        self.notes: list[str] = []

    def listed(self, path: Path, id_column: str | None) -> list[str]:
        """The ids that a file names; a note for those that no item has."""
        found = read_ids(path, id_column).ids
        strange = len(set(found) - self.known)
        if strange:
            self.notes.append(f"{path}: {strange:,} of its {len(set(found)):,} ids are none of the items")
        return list(found)

    def of(self, chosen: set[str]) -> NDArray[np.bool_]:
        """Which items are among the ids, bool (n,)."""
        return np.array([one in chosen for one in self.ids], bool)

    def frozen(self, sources: Sources) -> NDArray[np.bool_]:
        """Which items are of evaluation sets, or of their scenes."""
        ids: set[str] = set()
        frozen: set[str] = set()
        for path in sources.evaluation:
            listed = read_ids(path, sources.id_column)
            ids.update(listed.ids)
            frozen |= listed.groups
        found = np.array(
            [one in ids or _scene_of(one, scene) in frozen for one, scene in zip(self.ids, self.scenes, strict=True)],
            bool,
        )
        if sources.evaluation and not found.any():
            self.notes.append("none of the items is of an evaluation set")
        return found


def _scene_of(item_id: str, scene: str) -> str:
    """The scene of an item, or, where that is not known, what its id says if it is one of a tile."""
    if scene:
        return scene
    told = OF_TILE.fullmatch(item_id)
    return told[1] if told else ""


def _joined(table: ScoreTable | None, embeddings: Embeddings | None) -> tuple[str, ...]:
    """The ids of both; those of the embeddings first, in their order, so that their rows need no copy."""
    if embeddings is None:
        return () if table is None else table.ids
    if table is None:
        return embeddings.ids
    known = set(embeddings.ids)
    if known.isdisjoint(table.ids) and len(table):
        raise SelectionError(
            f"the scores and the embeddings share no id: {table.ids[0]} and {embeddings.ids[0] if known else 'none'}, "
            "say; name files of the same items, or the column of ids with --id"
        )
    return (*embeddings.ids, *(one for one in table.ids if one not in known))


def _columns(
    ids: Sequence[str], table: ScoreTable | None, embeddings: Embeddings | None
) -> tuple[dict[str, Floats], dict[str, tuple[str, ...]]]:
    """Numbers and texts of the scores, or else of Lightly's file, by the ids; NaN and "" where there are none."""
    if table is None:
        columns = {} if embeddings is None else embeddings.columns
        scores = {LIGHTLY_SCORE: _numbers(columns[LIGHTLY_SCORE])} if LIGHTLY_SCORE in columns else {}
        return scores, {"labels": columns["labels"]} if "labels" in columns else {}
    if ids == table.ids:
        return dict(table.columns), dict(table.texts)
    row_of = {one: row for row, one in enumerate(table.ids)}
    rows = np.array([row_of.get(one, -1) for one in ids], np.int64)
    scores = {name: np.where(rows >= 0, values[rows], np.nan) for name, values in table.columns.items()}
    listed = rows.tolist()
    texts = {name: tuple(values[row] if row >= 0 else "" for row in listed) for name, values in table.texts.items()}
    return scores, texts


def _texts_of(texts: dict[str, tuple[str, ...]], column: str) -> tuple[str, ...]:
    if column not in texts:
        raise SelectionError(
            f"group {column}: is no column of text in the scores; they have {', '.join(sorted(texts)) or 'none'}"
        )
    return texts[column]


def _scenes(
    ids: Sequence[str], texts: dict[str, tuple[str, ...]], embeddings: Embeddings | None, pool: Dataset | None
) -> tuple[str, ...]:
    known = dict(zip(ids, texts.get(GROUP, [""] * len(ids)), strict=True))
    if embeddings is not None and embeddings.groups is not None:
        known |= {one: known[one] or group for one, group in zip(embeddings.ids, embeddings.groups, strict=True)}
    if pool is not None:
        known |= {tile.tile_id: known[tile.tile_id] or tile.scene_id for tile in pool.tiles if tile.tile_id in known}
    return tuple(known[one] for one in ids)


def _vectors(ids: Sequence[str], embeddings: Embeddings | None) -> NDArray[np.float32] | None:
    """The embeddings by the ids, which begin with theirs; NaN behind them."""
    if embeddings is None or len(ids) == len(embeddings):
        return None if embeddings is None else embeddings.vectors
    missing = np.full((len(ids) - len(embeddings), embeddings.vectors.shape[1]), np.nan, np.float32)
    return np.concatenate([embeddings.vectors, missing])


def _numbers(words: Sequence[str]) -> Floats:
    def number(word: str) -> float:
        try:
            return float(word)
        except ValueError:
            return float("nan")

    return np.array([number(word) for word in words], np.float64)


def _flagged(embeddings: Embeddings | None, name: str) -> list[str]:
    """The ids of the rows of Lightly's file that are set in a column."""
    if embeddings is None or name not in embeddings.columns:
        return []
    set_ = _numbers(embeddings.columns[name]) > 0
    return [one for one, flag in zip(embeddings.ids, set_.tolist(), strict=True) if flag]


def _lightly_notes(embeddings: Embeddings | None) -> list[str]:
    said = {"selected": "count as preselected", "masked": "are left out"}
    return [
        f"{count:,} items that the embeddings mark as {name} {what}"
        for name, what in said.items()
        if (count := len(_flagged(embeddings, name)))
    ]


def _overlap_notes(pool: Dataset | None) -> list[str]:
    """A sentence where tiles that are beside each other show the same ground."""
    manifest = {} if pool is None else pool.manifest
    size, stride = manifest.get("tile_size"), manifest.get("stride")
    if not size or not stride or all(step >= side for step, side in zip(stride, size, strict=True)):
        return []
    return [
        f"tiles of the pool overlap (stride {' x '.join(map(str, stride))} of {' x '.join(map(str, size))}), so two "
        "picks may show the same ground; make the pool without --stride, or give --max-per-scene 1"
    ]
