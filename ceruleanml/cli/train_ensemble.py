"""`ceruleanml train-ensemble`: the same training several times, each with its own seed and draw of the tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ceruleanml.cli.console import SOME_FAILED, counted, one_line
from ceruleanml.cli.options import Quiet, named_values
from ceruleanml.cli.train import training_progress
from ceruleanml.errors import UsageError

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Presets and settings of the training, as ceruleanml train takes them: data.train=datasets/train "
        "model=unet_resnet34 trainer.epochs=20. With --task settings of the task, as epochs=20, and seed=1."
    ),
]
TaskFile = Annotated[
    Path | None,
    typer.Option(
        "--task",
        help="A task's .json file, for catalogues and spectra: small networks learn from all labels of its pool.",
    ),
]
Members = Annotated[int, typer.Option("-n", "--members", help="How many members to train.")]
Out = Annotated[
    Path, typer.Option(help="The ensemble's folder: ensemble.json, and a run folder for each member: member_00 ...")
]
Bootstrap = Annotated[
    str,
    typer.Option(
        help="What each member draws with replacement, as many as there are: scene (whole scenes with their tiles), "
        "tile, or none (all members see all tiles)."
    ),
]
Workers = Annotated[int, typer.Option(help="How many members are trained at once on this machine, each by a process.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Dask scheduler (tcp://host:port) whose workers train the members; they must see the same files."
    ),
]


def train_ensemble(
    out: Out,
    overrides: Overrides = None,
    task: TaskFile = None,
    members: Members = 5,
    bootstrap: Bootstrap = "scene",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> int:
    """Train an ensemble: members that are alike but for their seed and the tiles they draw.

    Each member is a run folder like one of ceruleanml train, by a seed that follows from trainer.seed; all hold out
    the same scenes. Stopped by SIGTERM, Ctrl-C or a crash, the same command goes on: finished members are kept, begun
    ones go on from their checkpoints. On a CPU the weights do not depend on --workers; each member has one thread
    unless trainer.threads says otherwise. predict, evaluate and score take the folder as a model. Exit status: 0 all
    members trained, 2 none, 3 some failed. Memory: that of one training for each worker.
    """
    if task is not None:
        if bootstrap != "scene" or workers != 1 or scheduler is not None:
            raise UsageError("--task: its members draw items, one after another; leave --bootstrap and --workers out")
        return _train_items(task, named_values(overrides), members, out, quiet)
    from ceruleanml.models.ensemble import train_ensemble as train_members
    from ceruleanml.models.groups import compose

    drawn = None if bootstrap == "none" else bootstrap
    config = compose(overrides or [])
    report = train_members(config, members, out, drawn, workers, scheduler, training_progress(quiet))
    for name, line in report.failed.items():
        typer.echo(f"failed: {name}: {one_line(line)}", err=True)
    if not quiet:
        scores = [one["mean_iou"] for one in report.figures.values() if "mean_iou" in one]
        judged = f"; mean IoU at validation {min(scores):.3f} to {max(scores):.3f}" if scores else ""
        now = f", {len(report.trained_now)} of them now" if len(report.trained_now) < len(report.figures) else ""
        typer.echo(f"{report.out}: {counted(len(report.figures), 'member')} trained{now}{judged}")
    return SOME_FAILED if report.failed else 0


def _train_items(task_file: Path, settings: dict[str, Any], members: int, out: Path, quiet: bool) -> int:
    from ceruleanml.selection.task_files import read_task, train_on_pool

    seed = settings.pop("seed", 0)
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed={seed}: is no seed; give a whole number from 0")
    task = read_task(task_file, {**settings, "members": members})
    labels = train_on_pool(task, out, seed, training_progress(quiet))
    if not quiet:
        typer.echo(f"{out}: {counted(members, 'member')} trained on {counted(labels, 'label')}")
    return 0
