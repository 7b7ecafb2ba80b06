"""`ceruleanml annotate zooniverse-...`: the queue to volunteers of Zooniverse, their drawings to labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.buckets import as_written, label_store
from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Classes, Quiet

Page = Annotated[Path, typer.Argument(help="A folder that ceruleanml annotate prepare wrote.")]
OfPage = Annotated[Path, typer.Option("--page", help="The folder of the page whose queue was uploaded.")]
Project = Annotated[int, typer.Option(help="The project's number, as its address at Zooniverse's lab says.")]
Export = Annotated[Path, typer.Argument(help="A classification export (CSV) of the project or of one workflow.")]


def zooniverse_upload(
    page: Page,
    project: Annotated[int | None, typer.Option(help="The project's number.")] = None,
    subject_set: Annotated[
        str | None, typer.Option(help="Name of the subject set; it is made where the project has none of that name.")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            help="Write pictures and manifest.csv to this folder and send nothing: for the project's own page."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Send a prepared page's queue to Zooniverse, as subjects with pictures.

    Started again, it sends what the set does not hold yet. Credentials: PANOPTES_USERNAME and PANOPTES_PASSWORD, or
    PANOPTES_CLIENT_ID and PANOPTES_CLIENT_SECRET. Volunteers see no pre-labels.
    """
    from ceruleanml.annotation.zooniverse_client import upload_page
    from ceruleanml.annotation.zooniverse_subjects import MANIFEST_NAME, write_subjects
    from ceruleanml.errors import UsageError

    if files is not None:
        written = write_subjects(page, files)
        if not quiet:
            typer.echo(f"{files / MANIFEST_NAME} lists {counted(len(written), 'picture')}")
        return
    if project is None or not subject_set:
        raise UsageError("give --project and --subject-set to send the queue, or --files to write it to a folder")
    report = upload_page(page, project, subject_set, console_progress(quiet))
    if not quiet:
        sent = counted(report.sent, "subject")
        typer.echo(f"subject set {report.subject_set}: {sent} sent, {report.there:,} there already")


def zooniverse_download(
    project: Project,
    out: Annotated[Path, typer.Option(help="The CSV to write; what was there is replaced.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for the export.")] = 3600.0,
    latest: Annotated[
        bool, typer.Option("--latest", help="Take the last export there is instead of a new one.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Ask Zooniverse for the project's classification export and write it."""
    from ceruleanml.annotation.zooniverse_client import download_export

    size = download_export(project, out, wait, latest)
    if not quiet:
        typer.echo(f"{out}: {size / 1e6:.1f} MB")


def zooniverse_import(
    export: Export,
    page: OfPage,
    store: Annotated[Path, typer.Option(help="The label store: a folder that grows and never loses a file.")],
    tool: Annotated[
        list[str] | None,
        typer.Option(
            help="LABEL=CLASS: the class of a drawing tool, by its label or its number from 0; LABEL=CLASS:bezier "
            "where marks do not say their shape (polygon, freehand, bezier). Default: labels name classes. Repeat."
        ),
    ] = None,
    votes: Annotated[int, typer.Option(help="Volunteers an item needs before its labels are taken.")] = 5,
    line_width: Annotated[float, typer.Option(help="Width of an open freehand line, in pixels of the picture.")] = 5.0,
    votes_file: Annotated[
        Path | None,
        typer.Option(help="Write k of N for each item here, as .csv or .parquet. Default: beside the export."),
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="Only rows of this workflow's number.")] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(help="A data set folder or a list of scene ids to judge models by; labels of these are refused."),
    ] = None,
    classes: Classes = None,
    quiet: Quiet = False,
) -> int:
    """Turn volunteers' drawings into labels: the slicks that more than half of them drew.

    The labels go into the store as states of the annotator `zooniverse`. Exit status: 0 done, 2 nothing done, 3 scenes
    were refused.
    """
    from ceruleanml.annotation.importing import evaluation_scenes
    from ceruleanml.annotation.zooniverse_import import CrowdRules, import_export
    from ceruleanml.annotation.zooniverse_marks import MarkRules, parse_tool
    from ceruleanml.classes import load_classes

    table = load_classes(classes)
    tools = dict(parse_tool(text, table) for text in tool or [])
    rules = CrowdRules(MarkRules(tools, table), votes, line_width, workflow, evaluation_scenes(evaluation))
    votes_file = votes_file or export.with_name(f"{export.stem}_votes.csv")
    with label_store(store, quiet) as growing:
        report = import_export(export, page, growing.root, rules, votes_file)
    for note in report.notes:
        typer.echo(f"note: {one_line(note)}", err=True)
    for error in report.refused.values():
        typer.echo(f"refused: {one_line(error)}", err=True)
    if not quiet:
        new = sum(is_new for _, is_new in report.states.values())
        items, slicks = counted(report.decided, "item"), counted(report.slicks, "slick")
        typer.echo(
            f"{items} decided with {slicks}, {report.waiting:,} waiting for votes; "
            f"{counted(new, 'new state')} of {counted(len(report.states), 'scene')} in {as_written(store)}"
        )
        typer.echo(f"votes: {votes_file}")
    return SOME_FAILED if report.refused else 0
