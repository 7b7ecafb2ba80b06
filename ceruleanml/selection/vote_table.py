"""The table of an ensemble's votes: a row a tile, put together from the parts of its scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.selection.columns import VOTE_SHARE
from ceruleanml.selection.score_files import read_scores, write_table
from ceruleanml.selection.score_tiles import ScoreOptions
from ceruleanml.selection.uncertainty import entropy

FORMATS = ("csv", "parquet")
SOM_CELL = "som_cell"


def check_votes(options: ScoreOptions, ensemble: bool, pool: str) -> None:
    """Raise UsageError or SelectionError for a form or embeddings that cannot be; `pool` is its sha256."""
    if options.votes not in FORMATS:
        raise UsageError(f"--votes {options.votes} is not known; choose csv or parquet")
    if options.embeddings is None:
        return
    if not ensemble:
        raise UsageError("--embeddings places tiles in the table of votes, which needs an ensemble; leave it out")
    from ceruleanml.selection.embedding_files import read_any

    of_pool = read_any(options.embeddings).about.get("pool", pool)
    if of_pool != pool:
        raise SelectionError(f"{options.embeddings}: holds embeddings of another pool; embed this one")


def write_votes(out: Path, options: ScoreOptions) -> Path:
    """Write `votes.parquet` or `votes.csv` of the scenes whose parts are there, in the order of the parts.

    Columns: `tile_id`, `scene_id`, `vote_share_<class>`, `vote_entropy` over these shares in nats, with embeddings
    `som_cell` (nothing for a tile without an embedding), `model`, `pool` and `seed`.
    """
    table = read_scores(out)
    shares = {name: column for name, column in table.columns.items() if name.startswith(VOTE_SHARE)}
    columns: dict[str, Any] = {"tile_id": list(table.ids), "scene_id": list(table.texts["scene_id"]), **shares}
    columns["vote_entropy"] = entropy(np.stack(list(shares.values()), axis=-1), normalised=False)
    if options.embeddings is not None:
        columns[SOM_CELL] = _cells(options.embeddings, table.ids, options.seed)
    columns |= {name: list(table.texts[name]) for name in ("model", "pool")}
    columns["seed"] = np.array(table.texts["seed"], np.int64)
    path = out / f"votes.{options.votes}"
    write_table(path, columns)
    for form in FORMATS:
        if form != options.votes:  # of an earlier run, perhaps on another map
            (out / f"votes.{form}").unlink(missing_ok=True)
    return path


def _cells(path: Path, tile_ids: Sequence[str], seed: int) -> Any:
    """The cell of each tile on a map fitted to all embeddings of a file, null without an embedding, an Arrow array."""
    import pyarrow

    from ceruleanml.selection.embedding_files import read_any
    from ceruleanml.selection.som import fit_map

    found = read_any(path)
    cell_of = dict(zip(found.ids, fit_map(found.vectors, seed=seed).cells(found.vectors).tolist(), strict=True))
    return pyarrow.array([cell_of.get(tile_id) for tile_id in tile_ids], pyarrow.int64())
