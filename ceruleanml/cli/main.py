"""The table of contents: every verb, in the order of the loop."""

from __future__ import annotations

import logging
import sys

import typer

from ceruleanml.cli.annotate import app as annotate
from ceruleanml.cli.check import check
from ceruleanml.cli.compare import compare
from ceruleanml.cli.describe import describe
from ceruleanml.cli.embed import embed
from ceruleanml.cli.ending import status_of
from ceruleanml.cli.evaluate import evaluate
from ceruleanml.cli.export import export
from ceruleanml.cli.import_labels import import_labels
from ceruleanml.cli.labels import app as labels
from ceruleanml.cli.loop import app as loop
from ceruleanml.cli.make_dataset import make_dataset
from ceruleanml.cli.mirror import mirror
from ceruleanml.cli.partition import partition
from ceruleanml.cli.predict import predict
from ceruleanml.cli.score import score
from ceruleanml.cli.select import select
from ceruleanml.cli.simulate_scenes import simulate_scenes
from ceruleanml.cli.train import train
from ceruleanml.cli.train_ensemble import train_ensemble
from ceruleanml.cli.zooniverse import zooniverse_download, zooniverse_import, zooniverse_upload

app = typer.Typer(
    help="From Sentinel-1 scenes and hand labels to slick models, and back to the labels that teach most.",
    rich_markup_mode=None,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("simulate-scenes")(simulate_scenes)
app.command("mirror")(mirror)
app.command("partition")(partition)
app.command("make-dataset")(make_dataset)
app.command("describe")(describe)
app.command("check")(check)
app.command("train")(train)
app.command("train-ensemble")(train_ensemble)
app.command("evaluate")(evaluate)
app.command("compare")(compare)
app.command("predict")(predict)
app.command("export")(export)
app.command("score")(score)
app.command("embed")(embed)
app.command("select")(select)
annotate.command("import")(import_labels)
annotate.command("zooniverse-upload")(zooniverse_upload)
annotate.command("zooniverse-download")(zooniverse_download)
annotate.command("zooniverse-import")(zooniverse_import)
app.add_typer(annotate, name="annotate")
app.add_typer(labels, name="labels")
app.add_typer(loop, name="loop")


@app.callback()
def options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error instead of its one line."),
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    """Options before the verb; --debug may also stand behind it."""
    if version:
        from ceruleanml import __version__

        typer.echo(f"ceruleanml {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Users' errors end in one line and status 2, a stopped training in its signal's status."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    if debug:
        logging.basicConfig()
        logging.getLogger("ceruleanml").setLevel(logging.DEBUG)
    sys.exit(status_of(app, [word for word in arguments if word != "--debug"], debug))
