"""`ceruleanml describe`: what a data set holds, as a table, JSON and a figure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import console_progress, counted
from ceruleanml.cli.options import Quiet

if TYPE_CHECKING:
    from ceruleanml.datasets.statistics import DatasetStatistics


TABLE_WIDTH = 120


def describe(
    dataset: Annotated[Path, typer.Argument(help="The data set folder, as make-dataset made it.")],
    json: Annotated[
        Path | None, typer.Option(help="Write all figures, with a row for every slick, to this JSON file.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw classes, areas, channels and example tiles to this .png, .pdf or .svg.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses the example tiles of the figure.")] = 0,
    quiet: Quiet = False,
) -> int:
    """Count and measure what a data set holds.

    Slicks by class, put together from their pieces, with area, length (of the smallest rectangle around a slick) and
    elongation; mean and deviation of each channel over valid pixels; tiles by scene. Every tile is read once.
    Memory: one tile and one mask at a time, which are whole scenes where the tile size is 0.
    """
    from ceruleanml.datasets import figure as drawing
    from ceruleanml.datasets import statistics
    from ceruleanml.datasets.folder import open_dataset
    from ceruleanml.storage import write_json

    opened = open_dataset(dataset)
    found = statistics.describe(opened, console_progress(quiet))
    if json is not None:
        write_json(json, found.as_json())
    if figure is not None:
        drawing.draw(opened, found, figure, seed)
    if not quiet:
        _print(dataset, found)
    return 0


def _print(dataset: Path, found: DatasetStatistics) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, TABLE_WIDTH)
    failed = f", {found.failed_scenes:,} more failed" if found.failed_scenes else ""
    typer.echo(
        f"{dataset}: {counted(found.tiles, 'tile')} ({found.empty_tiles:,} without a slick) of "
        f"{counted(len(found.scenes), 'scene')}"
        f"{failed}; {found.valid_fraction:.1%} of their pixels hold data\n"
    )
    classes = ["class", "slicks", "pieces", "tiles", "scenes", "pixels", "km²", "median km²", "median km", "elongation"]
    console.print(_table(classes, (
        [row.name, f"{row.slicks:,}", f"{row.pieces:,}", f"{row.tiles:,}", f"{row.scenes:,}", f"{row.area_px:,}",
         _figure(row.area_km2),
         _median(row.area_km2_quantiles), _median(row.length_km_quantiles), _median(row.elongation_quantiles)]
        for row in found.classes
    )))  # fmt: skip
    typer.echo()
    channels = ([row.name, _figure(row.mean), _figure(row.deviation)] for row in found.channels)
    console.print(_table(["channel", "mean", "deviation"], channels))


def _table(titles: list[str], rows: Iterable[list[str]]) -> object:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, title in enumerate(titles):
        made.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*row)
    return made


def _median(quantiles: tuple[float, ...] | None) -> str:
    return _figure(None if quantiles is None else quantiles[2])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
