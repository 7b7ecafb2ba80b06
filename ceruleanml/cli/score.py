"""`ceruleanml score`: a model and a pool of tiles in, how much each tile's label would teach out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Quiet, Seed
from ceruleanml.errors import UsageError

if TYPE_CHECKING:
    from ceruleanml.selection.scoring import ScoreReport

Model = Annotated[
    Path,
    typer.Argument(
        help="A run folder of ceruleanml train, an exported .pt, .onnx or .pt2 file, or a folder of train-ensemble."
    ),
]
Pool = Annotated[
    Path,
    typer.Argument(
        help="Data set folder of make-dataset; its labels, if any, are not looked at. For catalogues and spectra a "
        "task's .json file."
    ),
]
Out = Annotated[
    Path,
    typer.Option(help="Folder for scores.json and parts/<scene_id>.parquet; started again with the same, it goes on."),
]
Samples = Annotated[
    int, typer.Option(help="Passes with dropout, for mutual_information; the model must be trained with model.dropout.")
]
Window = Annotated[int, typer.Option(help="Side in pixels of the sliding window of the _window columns.")]
Top = Annotated[float, typer.Option(help="The _top columns are the mean of so many per cent of a tile's pixels.")]
Embeddings = Annotated[
    Path | None,
    typer.Option(
        help="File of ceruleanml embed: an ensemble's table of votes gets each tile's cell of a map of these."
    ),
]
Votes = Annotated[str, typer.Option(help="Form of an ensemble's table of votes: parquet or csv.")]
BatchSize = Annotated[
    int, typer.Option(help="Tiles asked at once: together on a GPU, on a CPU each by a core of its own.")
]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Workers = Annotated[int, typer.Option(help="Scenes scored side by side on the CPU, in a local Dask cluster above 1.")]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]


def score(
    model: Model,
    pool: Pool,
    out: Out,
    samples: Samples = 1,
    window: Window = 32,
    top: Top = 5.0,
    embeddings: Embeddings = None,
    votes: Votes = "parquet",
    device: Device = "auto",
    batch_size: BatchSize = 8,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Say for each tile of a pool how unsure a model is of it, and how much slick it sees.

    Scores come as Parquet, a part a scene; a killed run goes on with the scenes that are missing. On a CPU the results
    are the same bits whatever the number of cores, workers and tiles asked at once. Memory beside the model is that of
    these tiles, however many samples and members there are. Exit status: 0 all scenes done, 2 nothing done, 3 some
    scenes failed.
    """
    from ceruleanml.parallel import keep_freed_memory
    from ceruleanml.selection.scoring import ScoreOptions, score_pool
    from ceruleanml.selection.task_files import is_task_file

    keep_freed_memory()
    options = ScoreOptions(
        samples=samples,
        window_px=window,
        top_percent=top,
        batch_size=batch_size,
        device=device,
        seed=seed,
        embeddings=embeddings,
        votes=votes,
    )
    if is_task_file(pool):
        if options != ScoreOptions(seed=seed) or workers != 1 or scheduler is not None:
            raise UsageError(f"{pool}: says by its settings how items are scored; of the options --seed alone counts")
        return _score_items(model, pool, out, seed, quiet)
    report = score_pool(model, pool, out, options, workers, scheduler, console_progress(quiet))
    if not quiet:
        _print_report(report)
    return SOME_FAILED if report.failed else 0


def _score_items(model: Path, task_file: Path, out: Path, seed: int, quiet: bool) -> int:
    from ceruleanml.selection.item_scores import write_item_scores
    from ceruleanml.selection.task_files import read_task

    files = write_item_scores(read_task(task_file), model, out, seed)
    if not quiet:
        typer.echo("\n".join(str(path) for path in files if path is not None))
    return 0


def _print_report(report: ScoreReport) -> None:
    for error in report.failed.values():
        typer.echo(f"failed: {one_line(error)}", err=True)
    total = len(report.tiles) + len(report.failed)
    verb = "made" if report.scored_now else "is there already:"
    tiles = counted(sum(report.tiles.values()), "tile")
    typer.echo(f"{report.out} {verb} scores of {tiles} in {len(report.tiles):,} of {counted(total, 'scene')}")
    if report.votes is not None:
        typer.echo(f"{report.votes}")
