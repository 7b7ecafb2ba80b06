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
app.command("simulate-scenes", short_help="Simulate Sentinel-1 scenes with slicks and labels.")(simulate_scenes)
app.command("mirror", short_help="Mirror folders to a bucket, from one, or on disk.")(mirror)
app.command("partition", short_help="Part scenes into training, validation and test.")(partition)
app.command("make-dataset")(make_dataset)
app.command("describe")(describe)
app.command("check")(check)
app.command("train")(train)
app.command("train-ensemble", short_help="Train several models that differ by their seed.")(train_ensemble)
app.command("evaluate")(evaluate)
app.command("compare")(compare)
app.command("predict", short_help="Find slicks in whole scenes and outline them.")(predict)
app.command("export", short_help="Write a model for the service, ONNX or torch.export.")(export)
app.command("score", short_help="Say how unsure a model is of each tile of a pool.")(score)
app.command("embed", short_help="Say what each tile of a pool looks like.")(embed)
app.command("select")(select)
annotate.command("import")(import_labels)
annotate.command("zooniverse-upload", short_help="Send a page's queue to Zooniverse.")(zooniverse_upload)
annotate.command("zooniverse-download", short_help="Fetch the project's classifications.")(zooniverse_download)
annotate.command("zooniverse-import", short_help="Turn volunteers' drawings into labels.")(zooniverse_import)
app.add_typer(annotate, name="annotate", short_help="Show scenes to annotators, take in what they draw.")
app.add_typer(labels, name="labels", short_help="Look into the label store.")
app.add_typer(loop, name="loop", short_help="Run rounds of labelling and learning.")


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
