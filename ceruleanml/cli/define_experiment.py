"""`ceruleanml loop define-experiment`: a master catalogue split into labelled, unlabelled and a simulation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import counted
from ceruleanml.cli.options import Quiet, Seed

Master = Annotated[Path, typer.Argument(help="CSV with a row an item: its id, its image, and the votes it has.")]
Out = Annotated[Path, typer.Option(help="Folder for the parts; the same split that lies there already is kept.")]
Votes = Annotated[str, typer.Option(help="Columns of the yes votes and of all votes, as k,N.")]
IdColumn = Annotated[str | None, typer.Option(help="Column of ids. Default: id_str, id, iauname, tile_id or filename.")]
FileColumn = Annotated[str | None, typer.Option(help="Column of images. Default: file_loc, file, path or filename.")]
Group = Annotated[str | None, typer.Option(help="Column whose items stay together, as those of one field of the sky.")]
Share = Annotated[float, typer.Option(help="Share of the labelled items for the frozen evaluation set.")]
Start = Annotated[int, typer.Option(help="Items of the simulated pool that begin with their votes known.")]


def define_experiment(
    master: Master,
    out: Out,
    votes: Votes = "k,N",
    id_column: IdColumn = None,
    file_column: FileColumn = None,
    group: Group = None,
    evaluation_share: Share = 0.2,
    start: Start = 20,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Split a catalogue of images and volunteer votes for active learning.

    Writes OUT/labelled.csv, OUT/unlabelled.csv and OUT/simulation with evaluation.csv, pool.csv (its votes are what a
    simulation hides and reveals) and start_ids.txt; for loop create --catalog, --heldout and --start-ids.
    """
    from ceruleanml.selection import catalogue_split
    from ceruleanml.selection.catalogue_files import Columns, parse_votes

    columns = Columns(parse_votes(votes), id_column, file_column, group)
    made = catalogue_split.define_experiment(master, out, columns, evaluation_share, start, seed)
    if not quiet:
        state = "is there already" if made.was_there else "made"
        typer.echo(
            f"{out} {state}: {counted(made.labelled, 'labelled item')}, {made.unlabelled:,} unlabelled; simulation: "
            f"{made.evaluation:,} for evaluation, {made.pool:,} in the pool, {made.start:,} of them to start with"
        )
