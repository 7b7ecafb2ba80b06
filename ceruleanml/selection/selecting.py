"""A selection from files to files: what `ceruleanml select` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ceruleanml.errors import UsageError
from ceruleanml.progress import Progress, Silent
from ceruleanml.selection.candidates import Selection
from ceruleanml.selection.choosing import check_strategy, choose
from ceruleanml.selection.embedding_files import write_lightly
from ceruleanml.selection.embedding_rows import Embeddings
from ceruleanml.selection.filters import counted_reasons
from ceruleanml.selection.gathering import LIGHTLY_SCORE, Gathered, Sources, gather
from ceruleanml.selection.options import SelectOptions
from ceruleanml.selection.report import HTML_NAME, PDF_NAME, write_report
from ceruleanml.selection.report_facts import report_facts
from ceruleanml.selection.selection_files import (
    BLIND_SHARE,
    QUEUE_NAME,
    REMOVED_NAME,
    SELECTION_NAME,
    write_queue,
    write_selection,
)
from ceruleanml.selection.strategies import STRATEGIES
from ceruleanml.storage import make_folder

LIGHTLY_NAME = "embeddings.csv"
NAMES = (SELECTION_NAME, REMOVED_NAME, QUEUE_NAME, LIGHTLY_NAME, HTML_NAME, PDF_NAME)
"""Everything that a folder of a selection may hold."""


@dataclass(frozen=True)
class SelectReport:
    """What a selection made: the picks, how many items there were, how many were left out by reason, and notes."""

    out: Path
    selection: Selection
    items: int
    removed: dict[str, int]
    notes: tuple[str, ...]
    report: Path | None


def select(
    sources: Sources,
    options: SelectOptions,
    out: Path,
    blind_share: float = BLIND_SHARE,
    report: bool = True,
    progress: Progress | None = None,
) -> SelectReport:
    """Choose from the items of the sources and write the folder `out`.

    It holds selection.csv, removed_samples.csv, queue.json, with `report` report.html and report.pdf, and, where the
    embeddings came as a CSV of Lightly's, that again with `selected` set. selection.csv is removed first and written
    last, so where it is, the rest belongs to it; another selection in the folder is replaced. Raises UsageError for
    options and folders that cannot be, SelectionError for files that cannot be used.
    """
    check_strategy(options.strategy)
    _check(out, blind_share)
    progress = progress or Silent()
    progress.start("Choosing", 3)
    try:
        gathered = gather(sources)
        progress.advance()
        options = replace(options, excluded=options.excluded | gathered.excluded)
        selection = choose(gathered.candidates, options, gathered.texts)
        progress.advance()
        _write(out, sources, gathered, selection, options, blind_share, report)
    finally:
        progress.finish()
    return SelectReport(
        out,
        selection,
        len(gathered.candidates),
        counted_reasons(selection.removed),
        (*gathered.notes, *selection.notes),
        out / HTML_NAME if report else None,
    )


def _check(out: Path, blind_share: float) -> None:
    """Raise UsageError for a share that cannot be, and for a folder that holds anything but a selection."""
    if not 0 <= blind_share <= 1:
        raise UsageError(f"blind share {blind_share:g}: cannot be; give 0 to 1")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; choose a folder for --out")
    there = [one.name for one in out.glob("*") if not one.match(".*.part")] if out.is_dir() else []  # a killed run's
    strange = sorted(set(there) - set(NAMES))
    if strange:
        raise UsageError(f"{out}: holds {strange[0]}, which is no part of a selection; choose another --out")


def _write(
    out: Path,
    sources: Sources,
    gathered: Gathered,
    selection: Selection,
    options: SelectOptions,
    blind_share: float,
    report: bool,
) -> None:
    make_folder(out)
    for name in (SELECTION_NAME, *NAMES):
        (out / name).unlink(missing_ok=True)
    made_from = created_from(sources, options, gathered)
    write_queue(out / QUEUE_NAME, selection.picks, made_from, blind_share, options.seed)
    if gathered.embeddings is not None and gathered.embeddings.columns:
        _write_lightly(out / LIGHTLY_NAME, gathered.embeddings, selection)
    if report:
        about = {"strategy": options.strategy, "what it does": STRATEGIES[options.strategy].about}
        about |= {name: _said(value) for name, value in made_from.items() if name != "strategy"}
        about |= {name: digest[:12] for name, digest in gathered.about.items()}
        facts = report_facts(
            gathered.candidates, selection, about, gathered.notes, gathered.pool, options.seed
        )  # fmt: skip
        write_report(out, facts)
    write_selection(out, selection)


def created_from(sources: Sources, options: SelectOptions, gathered: Gathered) -> dict[str, Any]:
    """What a selection was made from, for its queue and its report: files as they were named, options, hashes."""
    files = {"scores": sources.scores, "embeddings": sources.embeddings}
    asked = {"n": options.n, "share": options.share, "score": options.score, "max_per_group": options.max_per_group,
             "thresholds": list(options.thresholds), "balance": options.balance,
             "best_of_group": options.best_of_group, "som_percentile": options.som_percentile}  # fmt: skip
    return {
        "strategy": options.strategy,
        **{name: value for name, value in asked.items() if value not in (None, [], {})},
        **{name: str(path) for name, path in files.items() if path is not None},
        **gathered.about,
        "round": options.round,
        "rounds": options.rounds,
        "seed": options.seed,
    }


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {share:g}" for name, share in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _write_lightly(path: Path, embeddings: Embeddings, selection: Selection) -> None:
    """Lightly's file again: picks are selected beside what was before, `al_score` is the score of each pick."""
    scores = {pick.id: pick.score for pick in selection.picks}
    before = embeddings.columns.get("selected", ("0",) * len(embeddings))
    columns = dict(embeddings.columns)
    columns["selected"] = tuple(
        "1" if one in scores else flag for one, flag in zip(embeddings.ids, before, strict=True)
    )
    if any(score is not None for score in scores.values()):
        old = columns.get(LIGHTLY_SCORE, ("0",) * len(embeddings))
        columns[LIGHTLY_SCORE] = tuple(
            text if scores.get(one) is None else repr(scores[one])
            for one, text in zip(embeddings.ids, old, strict=True)
        )
    write_lightly(path, embeddings.ids, np.asarray(embeddings.vectors), columns)
