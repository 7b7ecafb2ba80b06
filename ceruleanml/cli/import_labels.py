"""`ceruleanml annotate import`: what annotators exported in, states in the label store out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.buckets import GrowingStore, brought, label_store
from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Classes, Georeference, Quiet

if TYPE_CHECKING:
    from ceruleanml.annotation.importing import ImportReport

Files = Annotated[
    list[Path],
    typer.Argument(
        help="The page's GeoJSON or ZIP, COCO with RLE or polygons, data set folders, folders of Photopea layers named "
        "after their scene, or folders of these."
    ),
]
Store = Annotated[Path, typer.Option(help="The label store: a folder that grows and never loses a file.")]
Annotator = Annotated[
    str | None, typer.Option(help="Who drew it. Needed where a file does not say, as COCO and layers do not.")
]
Complete = Annotated[
    bool,
    typer.Option("--complete", help="All of each scene was gone through, where a file does not say, as COCO does not."),
]
SceneList = Annotated[
    list[str] | None,
    typer.Option(
        "--scenes",
        help="The scenes that were labelled, as make-dataset takes them: where layers and COCO lie, and what labels "
        "must touch. Repeat for more.",
    ),
]
Page = Annotated[
    Path | None, typer.Option(help="The folder of the page that was drawn on, in place of --scenes or beside them.")
]
Datasets = Annotated[
    list[Path] | None,
    typer.Option(
        "--dataset",
        help="The data set whose tiles were labelled in another tool: COCO images are told by their file names. Repeat "
        "for more.",
    ),
]
Evaluation = Annotated[
    Path | None,
    typer.Option(help="A data set folder or a list of scene ids to judge models by; labels of these are refused."),
]
AllowEvaluation = Annotated[bool, typer.Option("--allow-evaluation", help="Take labels of evaluation scenes too.")]


def import_labels(
    files: Files,
    store: Store,
    annotator: Annotator = None,
    complete: Complete = False,
    scenes: SceneList = None,
    page: Page = None,
    dataset: Datasets = None,
    georeference: Georeference = None,
    evaluation: Evaluation = None,
    allow_evaluation: AllowEvaluation = False,
    classes: Classes = None,
    quiet: Quiet = False,
) -> int:
    """Check labels and add them to the label store.

    Classes, outlines, places and times are checked; a crossing outline is repaired and noted. A file that was imported
    before adds nothing. Exit status: 0 all files taken, 2 none, 3 some were refused.
    """
    from ceruleanml.annotation.importing import ImportRules, evaluation_scenes, import_files
    from ceruleanml.annotation.importing_frames import frames_of
    from ceruleanml.classes import load_classes

    tiled = [brought(one, quiet) for one in dataset or []]
    rules = ImportRules(
        annotator=annotator,
        complete=complete,
        frames=frames_of(scenes or [], brought(page, quiet), georeference, tiled),
        evaluation=frozenset() if allow_evaluation else evaluation_scenes(brought(evaluation, quiet)),
        classes=load_classes(brought(classes, quiet)),
    )
    with label_store(store, quiet) as growing:
        here = [brought(file, quiet) for file in files]
        report = import_files(here, growing.root, rules, progress=console_progress(quiet))
    _print(report, growing, quiet)
    return SOME_FAILED if report.refused else 0


def _print(report: ImportReport, store: GrowingStore, quiet: bool) -> None:
    """A line for each file. Raises LabelError where all were refused: then nothing was done."""
    from ceruleanml.errors import LabelError

    if not report.taken and len(report.refused) == 1:
        raise LabelError(next(iter(report.refused.values())))
    for error in report.refused.values():
        typer.echo(f"refused: {one_line(error)}", err=True)
    if not report.taken:
        raise LabelError(f"none of {counted(len(report.refused), 'file')} was taken; correct what stands above")
    if quiet:
        return
    for one in report.taken:
        for note in one.notes:
            typer.echo(f"note: {one_line(note)}")
        slicks = counted(one.slicks, "slick")
        said = f"{slicks} by {one.annotator}" if one.is_new else f"{slicks} by {one.annotator}, there already"
        typer.echo(f"{store.name_of(one.path)}: {said}")
