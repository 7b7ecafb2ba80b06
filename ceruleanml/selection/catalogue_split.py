"""A master catalogue split for an experiment: what has votes, what has none, and a simulation with hidden votes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.seeds import generator
from ceruleanml.selection.catalogue_files import FILE_COLUMNS, ID_COLUMNS, Columns, Table, read_catalogue, read_table
from ceruleanml.storage import make_folder, read_json, sha256_of, write_bytes, write_json

RECORD_NAME = "experiment.json"
SIMULATION = "simulation"


@dataclass(frozen=True)
class Split:
    """What came of a split: items by part. `was_there` says that the same split lay in the folder already."""

    out: Path
    labelled: int
    unlabelled: int
    evaluation: int
    pool: int
    start: int
    was_there: bool = False


def define_experiment(
    master: Path,
    out: Path,
    columns: Columns,
    evaluation_share: float = 0.2,
    start: int = 20,
    seed: int = 0,
) -> Split:
    """Split a master catalogue into the folder `out`; rows keep their columns and their order.

    `labelled.csv` holds the items with votes and `unlabelled.csv` those without (N empty or 0). In `simulation/`, of
    the labelled ones, `evaluation.csv` is the frozen evaluation set, `pool.csv` the rest, whose votes a simulation
    hides, and `start.csv` those of the pool that it begins with, their ids alone in `start_ids.txt`. Beside each of
    the three pools lies its task as a file: `labelled.json`, `unlabelled.json`, `simulation/pool.json`.
    With a group column whole groups go to the evaluation set. Images given by a relative path are named relative to
    the new files. The split hangs on the seed and the ids, not on the order of rows. Raises UsageError for shares and
    numbers that cannot be, and SelectionError for catalogues that cannot and for a folder that holds another split.
    """
    if not 0 < evaluation_share < 1:
        raise UsageError(f"evaluation share {evaluation_share:g} cannot be; give more than 0 and less than 1")
    if start < 1:
        raise UsageError(f"start {start} cannot be; give 1 item or more")
    catalogue, table = read_catalogue(master, columns), read_table(master)
    id_column = columns.id or table.first(ID_COLUMNS, "ids")
    file_column = columns.file or table.first(FILE_COLUMNS, "image files")
    named = Columns(columns.votes, id_column, file_column, columns.group)
    told = {
        "master": sha256_of(master), "votes": list(columns.votes), "id": id_column, "file": file_column,
        "group": columns.group, "evaluation_share": evaluation_share, "start": start, "seed": seed,
    }  # fmt: skip
    voted = catalogue.n > 0
    frozen, begin = _parts(catalogue.ids, catalogue.groups, voted, evaluation_share, start, seed, master)
    before = _before(out, told)
    if not before:
        _write(table, out, named, voted, frozen, begin, told)
    labelled, unlabelled, evaluation, first = (int(flags.sum()) for flags in (voted, ~voted, frozen, begin))
    return Split(out, labelled, unlabelled, evaluation, labelled - evaluation, first, before)


def _parts(
    ids: Sequence[str],
    groups: Sequence[str],
    voted: NDArray[np.bool_],
    share: float,
    start: int,
    seed: int,
    master: Path,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are evaluation, and which of the rest begin labelled."""
    rows = sorted((int(row) for row in np.flatnonzero(voted)), key=lambda row: ids[row])
    names = sorted({groups[row] for row in rows})
    if len(names) < 2:
        raise SelectionError(f"{master}: has votes for {len(names)} items or groups; two or more are needed to split")
    members: dict[str, list[int]] = {name: [] for name in names}
    for row in rows:
        members[groups[row]].append(row)
    frozen = np.zeros(len(ids), np.bool_)
    order = [names[place] for place in generator(seed, "evaluation set").permutation(len(names))]
    for name in order[:-1]:  # one group at least stays for the pool
        if frozen.sum() >= share * len(rows):
            break
        frozen[members[name]] = True
    rest = [row for row in rows if not frozen[row]]
    begin = np.zeros(len(ids), np.bool_)
    begin[[rest[place] for place in generator(seed, "start").permutation(len(rest))[:start]]] = True
    return frozen, begin


def _before(out: Path, told: dict[str, Any]) -> bool:
    record = out / RECORD_NAME
    if not record.is_file():
        return False
    if read_json(record) != told:
        raise SelectionError(f"{out}: holds a split of another catalogue or with other options; choose another folder")
    return True


def _write(
    table: Table,
    out: Path,
    columns: Columns,
    voted: NDArray[np.bool_],
    frozen: NDArray[np.bool_],
    begin: NDArray[np.bool_],
    told: dict[str, Any],
) -> None:
    """Write all files; the record, by which a whole split is known, comes last."""
    simulation = make_folder(out / SIMULATION)
    parts = {
        out / "labelled.csv": voted, out / "unlabelled.csv": ~voted, simulation / "evaluation.csv": frozen,
        simulation / "pool.csv": voted & ~frozen, simulation / "start.csv": begin,
    }  # fmt: skip
    for path, flags in parts.items():
        _write_rows(path, table, flags, table.header.index(str(columns.file)))
    settings = {
        "evaluation": str(simulation / "evaluation.csv"), "votes": ",".join(columns.votes), "id": columns.id,
        "file": columns.file, "group": columns.group,
    }  # fmt: skip
    for pool in (out / "labelled.csv", out / "unlabelled.csv", simulation / "pool.csv"):
        task = {"task": "catalogue", "settings": {"catalogue": str(pool), **settings}}
        write_json(pool.with_suffix(".json"), task)
    ids = table.column(str(columns.id))
    write_bytes(simulation / "start_ids.txt", "".join(f"{ids[row]}\n" for row in np.flatnonzero(begin)).encode())
    write_json(out / RECORD_NAME, told)


def _write_rows(path: Path, table: Table, flags: NDArray[np.bool_], file_place: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    for row in np.flatnonzero(flags):
        cells = list(table.rows[row])
        cells[file_place] = _moved(cells[file_place].strip(), table.path.parent, path.parent)
        writer.writerow(cells)
    write_bytes(path, text.getvalue().encode())


def _moved(name: str, before: Path, after: Path) -> str:
    """A path relative to the folder `before`, as one relative to `after`; absolute ones stay."""
    return name if os.path.isabs(name) else os.path.relpath(before / name, after)
