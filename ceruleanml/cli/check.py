"""`ceruleanml check`: what is wrong within data sets and between the parts they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import SOME_FAILED, console_progress, counted
from ceruleanml.cli.options import Quiet

if TYPE_CHECKING:
    from ceruleanml.datasets.checks import CheckReport

SHOWN = 10


def check(
    datasets: Annotated[
        list[Path],
        typer.Argument(
            help="Data set folders. Several are taken as parts (train, val, test) that may share "
            "nothing; of what stands twice the later one is listed."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="CSV of every offender: dataset, tile_id, scene_id, reason, detail. Replaced if there. Default: "
            "removed_samples.csv, written when something is found."
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Look for what spoils training and testing.

    Tiles that are corrupt, empty, or exact or near duplicates; scenes, passes or ground that two parts share; records
    that COCO readers would not take. Nothing is removed. Near duplicates are found by the signs of a tile's lowest
    frequencies, and only among tiles that hold data in three quarters of their pixels. Memory: one tile at a time and
    half a kilobyte of each. Exit status: 0 nothing found, 2 not a data set, 3 something found.
    """
    from ceruleanml.datasets import checks

    report = checks.check(datasets, console_progress(quiet))
    target = out or Path("removed_samples.csv")
    if out is not None or report.findings:
        checks.write_removed(report, target)
    if not quiet:
        _print(report, target)
    return SOME_FAILED if report.findings else 0


def _print(report: CheckReport, out: Path) -> None:
    from ceruleanml.datasets.checks import REASONS

    tiles, annotations = counted(report.tiles, "tile"), counted(report.annotations, "annotation")
    looked = f"{tiles} with {annotations} in {counted(len(report.datasets), 'data set')}"
    if not report.findings:
        typer.echo(f"{looked}: nothing found")
        return
    for reason, count in report.counts.items():
        typer.echo(f"{count:>9,}  {reason:<16} {REASONS[reason]}")
    typer.echo()
    for finding in report.findings[:SHOWN]:
        where = finding.tile_id or finding.scene_id
        typer.echo(f"{finding.reason}: {finding.dataset}{': ' if where else ''}{where}: {finding.detail}")
    if len(report.findings) > SHOWN:
        typer.echo(f"... and {len(report.findings) - SHOWN:,} more")
    typer.echo(f"{looked}: {len(report.findings):,} found, all in {out}")
