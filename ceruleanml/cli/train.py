"""`ceruleanml train`: a training from its settings, a sweep of them, or the search for a learning rate."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.buckets import as_written, brought, is_in_bucket, output
from ceruleanml.cli.console import SOME_FAILED, Lines, console_progress, counted, one_line
from ceruleanml.cli.options import Quiet

if TYPE_CHECKING:
    from ceruleanml.models.config import TrainConfig
    from ceruleanml.progress import Progress

Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Presets and settings, as Hydra takes them: data.train=datasets/train run=runs/first model=unet_resnet34 "
        "loss=focal trainer.epochs=20. With --multirun a setting may have several values: trainer.lr=1e-3,1e-4."
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        help="Go on with the training in this run folder, from its last checkpoint, with its own settings; a few may "
        "change: trainer.lr, trainer.epochs, data.workers ..."
    ),
]
Multirun = Annotated[
    bool, typer.Option("--multirun", help="Train once for each combination of the values, in run/000, run/001 ...")
]
FindLr = Annotated[
    bool,
    typer.Option("--find-lr", help="Train no model: try learning rates, propose one and draw run/plots/lr_finder.png."),
]
Show = Annotated[bool, typer.Option("--show", help="Print the settings that this command would train with, and stop.")]
Settings = Annotated[
    bool, typer.Option("--settings", help="List every preset, and every setting with its unit and bounds, and stop.")
]


def train(
    overrides: Overrides = None,
    resume: Resume = None,
    multirun: Multirun = False,
    find_lr: FindLr = False,
    show: Show = False,
    settings: Settings = False,
    quiet: Quiet = False,
) -> int:
    """Train a segmenter on a data set.

    The run folder then holds config.yaml, the card model.json, weights.pt, metrics.jsonl, TensorBoard's events and
    plots. A training that is stopped, by SIGTERM, Ctrl-C or a crash, goes on with --resume. On several GPUs say
    accelerate launch scripts/train.py with the same settings. Memory: the network's, and a batch of tiles for each
    loading process.
    """
    if settings:
        _list_settings()
        return 0
    if resume is not None:
        return _resume(resume, overrides or [], quiet)
    if multirun:
        return _sweep(overrides or [], quiet)
    from ceruleanml.models.groups import compose

    config = compose(overrides or [])
    if show:
        _print_config(config)
        return 0
    if find_lr:
        return _find_lr(config, quiet)
    _train(config, False, quiet)
    return 0


def _train(config: TrainConfig, resume: bool, quiet: bool, shown: str | None = None) -> None:
    from ceruleanml.models.training import train as train_model

    with _run_here(config, quiet, resume) as run:
        report = train_model(config, resume, training_progress(quiet))
    if quiet or not report.leads:
        return
    if report.was_finished:
        typer.echo(report.notes[0])
        return
    score = report.figures.get("mean_iou")
    judged = "" if score is None else f"; mean IoU at validation {score:.3f}"
    took = f"{counted(report.steps, 'step')}, {report.epochs:g} epochs, {report.seconds / 60:.1f} min"
    typer.echo(f"{shown or run}: {took}{judged}")


def _resume(run: Path, overrides: list[str], quiet: bool) -> int:
    from ceruleanml.models.groups import changed
    from ceruleanml.models.run_folder import read_config

    with output(run, quiet) as folder:
        config = changed(read_config(folder), overrides)
        config.run = str(folder)
        _train(config, True, quiet, as_written(run))
    return 0


def _sweep(overrides: list[str], quiet: bool) -> int:
    from ceruleanml.models.groups import sweep

    failed = sweep(overrides, lambda config: _train(config, False, quiet))
    for line in failed:
        typer.echo(f"failed: {one_line(line)}", err=True)
    return SOME_FAILED if failed else 0


def _find_lr(config: TrainConfig, quiet: bool) -> int:
    from ceruleanml.models.lr_finder import find_lr

    with _run_here(config, quiet) as run:
        report = find_lr(config, training_progress(quiet))
    if not quiet:
        typer.echo(f"trainer.lr={report.lr:.2g} is proposed; see {run}/plots/{report.plot.name}")
    return 0


@contextmanager
def _run_here(config: TrainConfig, quiet: bool, resume: bool = False) -> Iterator[str]:
    """Let the settings name folders on this machine, for a `with`; the run's own, as it was written."""
    written = config.run
    if is_in_bucket(written) and os.environ.get("WORLD_SIZE", "1") != "1":
        from ceruleanml.errors import UsageError

        raise UsageError(f"run={written}: several processes train; give run= a folder here, and mirror it afterwards")
    for name in ("train", "validation"):
        setattr(config.data, name, _data_here(getattr(config.data, name), quiet))
    if not resume:  # later its weights are the checkpoint's
        config.model.start = brought(config.model.start, quiet)
    with output(Path(written), quiet) as folder:
        if is_in_bucket(written):
            config.run = str(folder)
        yield written


def _data_here(location: str | None, quiet: bool) -> str | None:
    """A data set on this machine. What a run was trained on before may be a copy of what a bucket holds."""
    if location is not None and not is_in_bucket(location) and not Path(location).exists():
        from ceruleanml.mirror_copies import origin_of

        location = origin_of(location)
    return brought(location, quiet)


def training_progress(quiet: bool) -> Progress:
    """A bar on a terminal; elsewhere, as in a log over SSH, a line for all that a bar would stand above."""
    return Lines() if not quiet and not sys.stderr.isatty() else console_progress(quiet)


def _print_config(config: TrainConfig) -> None:
    import yaml

    from ceruleanml.models.config import as_values

    typer.echo(yaml.safe_dump(as_values(config), sort_keys=False, allow_unicode=True).rstrip())


def _list_settings() -> None:
    from ceruleanml.models.config import TrainConfig, settings
    from ceruleanml.models.groups import DEFAULTS, PRESETS

    typer.echo("Presets, the default marked *:")
    for group, presets in PRESETS.items():
        names = " ".join(f"{name}*" if name == DEFAULTS[group] else name for name in presets)
        typer.echo(f"  {group}={names}")
    typer.echo("\nSettings and their defaults without presets:")
    for name, about, value in settings(TrainConfig()):
        typer.echo(f"  {name}={value}\n      {_explained(about.metadata)}")


def _explained(about: dict[str, object]) -> str:
    if not about:
        return "the run folder, which the training makes"
    bounds = f"{about['low']:g} to {about['high']:g} {about['unit']}" if about["low"] is not None else ""
    choices = ", ".join(str(choice) for choice in about["choices"])  # type: ignore[attr-defined] # a tuple
    limits = (bounds or choices).strip()
    return f"{about['help']} [{limits}]" if limits else str(about["help"])
