"""`ceruleanml loop`: rounds of labelling and learning, created, run, looked at and compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ceruleanml.cli.console import Lines, counted
from ceruleanml.cli.define_experiment import define_experiment
from ceruleanml.cli.options import Quiet, named_values
from ceruleanml.progress import Progress, Silent

if TYPE_CHECKING:
    from ceruleanml.selection.rounds import Standing

app = typer.Typer(
    help="Run rounds: labels arrive, a model is trained, judged and asked about the pool, the next items are chosen.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="Folder of the experiment.")]
Pool = Annotated[
    Path | None, typer.Option(help="Slicks: data set folder to choose tiles from; a simulation reveals its labels.")
]
Evaluation = Annotated[Path | None, typer.Option(help="Slicks: data set folder of other scenes, to judge by.")]
Catalogue = Annotated[Path | None, typer.Option("--catalog", help="Images with volunteer votes: CSV of the pool.")]
Votes = Annotated[str, typer.Option(help="Images: columns of the catalogue with votes for, and all votes.")]
Spectra = Annotated[Path | None, typer.Option(help="Spectra: file of the pool, Parquet, .npz or FITS.")]
Heldout = Annotated[Path | None, typer.Option("--heldout", help="Images or spectra: catalogue or file to judge by.")]
TaskSetting = Annotated[
    list[str] | None,
    typer.Option("--task", help="A setting of the task, NAME=VALUE, as in samples=5 or epochs=20. Repeat for more."),
]
TrainSetting = Annotated[
    list[str] | None,
    typer.Option("--train", help="Slicks: a setting of each training, as ceruleanml train takes it. Repeat for more."),
]
OracleKind = Annotated[
    str,
    typer.Option(
        "--oracle", help="simulated: the pool's own labels; page: annotators, through a label store; zooniverse."
    ),
]
OracleSetting = Annotated[
    list[str] | None,
    typer.Option("--oracle-setting", help="A setting of the oracle, NAME=VALUE, as in store=labels. Repeat for more."),
]
Strategy = Annotated[str, typer.Option(help="How items are chosen; ceruleanml select --strategies lists the ways.")]
Choice = Annotated[
    list[str] | None,
    typer.Option("--choice", help="An option of the choice, NAME=VALUE, as in max_per_group=3. Repeat for more."),
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(help="A further arm to compare with: random, foreground-random, ... Repeat for more."),
]
Seeds = Annotated[str, typer.Option(help="Seeds of each arm, with commas. Claims need several.")]
Start = Annotated[
    str,
    typer.Option(
        help="How the first items are chosen: random, or, with --task embeddings=FILE, typical, coreset or default."
    ),
]
StartIds = Annotated[
    Path | None,
    typer.Option(help="Items to start from, in place of --start: a file of ids, one a line, or a selection.csv."),
]
First = Annotated[int, typer.Option("--first", help="Items labelled before the first training.")]
PerRound = Annotated[int, typer.Option("--per-round", "-n", help="Items labelled before each further training.")]
Rounds = Annotated[int, typer.Option(help="Trainings.")]
Warm = Annotated[bool, typer.Option("--warm-start", help="Start each training from the model of the round before.")]
Budget = Annotated[int | None, typer.Option(help="Labels after which to advise to stop.")]
TestMode = Annotated[bool, typer.Option("--test-mode", help="Tiny rounds, to see that all runs: 4 items, 2 trainings.")]
FurtherRounds = Annotated[
    int | None, typer.Option("--rounds", help="Trainings to go to, in place of what the experiment was created with.")
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Go on with the labels that are there; the rest stays in the pool.")
]
Workers = Annotated[int, typer.Option(help="Arms run side by side on the CPU, in a local Dask cluster above 1.")]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for the report. Default: report/ in the experiment.")]


app.command("define-experiment", short_help="Split a catalogue and its votes for experiments.")(define_experiment)


@app.command(short_help="Write an experiment's instructions.")
def create(
    folder: Folder,
    pool: Pool = None,
    evaluation: Evaluation = None,
    catalogue: Catalogue = None,
    votes: Votes = "k,N",
    spectra: Spectra = None,
    heldout: Heldout = None,
    task: TaskSetting = None,
    train: TrainSetting = None,
    oracle: OracleKind = "simulated",
    oracle_setting: OracleSetting = None,
    strategy: Strategy = "default",
    choice: Choice = None,
    baseline: Baseline = None,
    seeds: Seeds = "0",
    start: Start = "random",
    start_ids: StartIds = None,
    first: First = 20,
    per_round: PerRound = 20,
    rounds: Rounds = 5,
    warm_start: Warm = False,
    budget: Budget = None,
    test_mode: TestMode = False,
    quiet: Quiet = False,
) -> None:
    """Write the instructions of an experiment: what to learn, who labels, how to choose, against which baselines.

    Say what the pool is: --pool and --evaluation for slicks, --catalog and --heldout for images with volunteer votes,
    --spectra and --heldout for spectra. Every arm starts from the same items of its seed.
    """
    from ceruleanml.selection.experiment import create as create_experiment
    from ceruleanml.selection.instructions import Instructions

    kind, settings = _pool(pool, catalogue, spectra, evaluation, heldout)
    settings = {**named_values(task), **settings}
    settings |= {"train_settings": train} if train else {}
    settings |= {"votes": votes} if kind == "catalogue" else {}
    instructions = Instructions(
        task=kind,
        settings=settings,
        oracle=oracle,
        oracle_settings=named_values(oracle_setting),
        strategy=strategy,
        choice=named_values(choice),
        start=start,
        start_ids=_start(start_ids),
        first=first,
        per_round=per_round,
        rounds=rounds,
        warm_start=warm_start,
        budget=budget,
    )
    made = create_experiment(folder, instructions, baseline or [], _numbers(seeds), test_mode)
    if not quiet:
        typer.echo(f"{folder}: {counted(len(made.arms()), 'arm')} to run with ceruleanml loop run {folder}")


@app.command(short_help="Run every arm as far as it goes.")
def run(
    folder: Folder,
    rounds: FurtherRounds = None,
    partial: Partial = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Run every arm as far as it goes; run again, it goes on where it stood, also after a crash.

    Where labels are asked of people it ends when it has to wait, and says for what.
    """
    from ceruleanml.selection.experiment import run as run_experiment

    progress: Progress = Silent() if quiet else Lines()
    standings = run_experiment(folder, rounds, partial, workers, scheduler, progress)
    if not quiet:
        _print(standings)


@app.command()
def status(folder: Folder) -> None:
    """Say where every arm stands; nothing is run."""
    from ceruleanml.selection.experiment import standings

    _print(standings(folder))


@app.command(short_help="Draw the learning curves of an experiment.")
def report(folder: Folder, out: Out = None, quiet: Quiet = False) -> None:
    """Draw the learning curves over labels and over cost, with intervals, and advise whether to go on."""
    from ceruleanml.selection.loop_report import report as write

    files = write(folder, out or folder / "report")
    if not quiet:
        typer.echo(f"{files[0]}: the learning curves, and what speaks for stopping")


@app.command(short_help="Draw the curves of several experiments together.")
def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders of experiments on one task.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    quiet: Quiet = False,
) -> None:
    """Draw the learning curves of several experiments together, and the labels that one saves over another."""
    from ceruleanml.selection.loop_report import compare as write

    files = write(folders, out)
    if not quiet:
        typer.echo(f"{files[0]}: {counted(len(folders), 'experiment')} compared")


def _print(standings: list[Standing]) -> None:
    for one in standings:
        name = f"{one.folder.parent.name}, {one.folder.name.replace('_', ' ')}"
        typer.echo(f"{name}: {one.done} of {counted(one.rounds, 'round')}; {one.waiting or one.ended}")


def _pool(
    pool: Path | None, catalogue: Path | None, spectra: Path | None, evaluation: Path | None, heldout: Path | None
) -> tuple[str, dict[str, Any]]:
    """The task that the given pool is for, and its settings of pool and evaluation set."""
    from ceruleanml.errors import UsageError

    kinds = {"slicks": ("pool", pool), "catalogue": ("catalogue", catalogue), "spectra": ("spectra", spectra)}
    given = [(kind, setting, path) for kind, (setting, path) in kinds.items() if path is not None]
    judged = evaluation if pool else heldout
    if len(given) != 1 or judged is None:
        raise UsageError("say what the pool is: --pool with --evaluation, or --catalog or --spectra with --heldout")
    kind, setting, path = given[0]
    return kind, {setting: str(path), "evaluation": str(judged)}


def _start(path: Path | None) -> tuple[str, ...]:
    """The ids in a file, each once, in their order."""
    from ceruleanml.errors import SelectionError
    from ceruleanml.selection.id_lists import read_ids

    if path is None:
        return ()
    ids = tuple(dict.fromkeys(read_ids(path).ids))
    if not ids:
        raise SelectionError(f"{path}: names no item; write one id a line")
    return ids


def _numbers(text: str) -> list[int]:
    from ceruleanml.errors import UsageError

    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--seeds {text}: give whole numbers with commas, as in 0,1,2,3,4") from error
