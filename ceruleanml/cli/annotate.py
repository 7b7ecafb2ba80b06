"""`ceruleanml annotate`: scenes and queues become a page to draw in, and what was drawn becomes labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.buckets import as_written, brought, brought_labels, output, served_store
from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Classes, Georeference, Polarisation, Quiet, Scenes, Seed

if TYPE_CHECKING:
    from ceruleanml.annotation.prepare import PrepareReport

app = typer.Typer(
    help="Put scenes before annotators in a static web page, and take in what they drew.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="The page's folder, gs:// too. Here it appears whole or not at all.")]
Predictions = Annotated[
    list[str] | None,
    typer.Option(help="Pre-labels: a folder or a file of ceruleanml predict. Repeat for more."),
]
SelectionFile = Annotated[
    Path | None, typer.Option(help="selection.csv of ceruleanml select, or its folder: the tiles in their order.")
]
QueueFile = Annotated[Path | None, typer.Option(help="A queue.json in the selection's place, as a round asks with.")]
DatasetFolder = Annotated[
    Path | None,
    typer.Option(help="The data set whose tiles the queue names: it tells where they lie, and which grid is taken."),
]
StoreFolder = Annotated[Path | None, typer.Option(help="A label store: scenes that have labels there open with them.")]
Overlay = Annotated[
    list[str] | None,
    typer.Option(
        help="A further layer, NAME=FILE: points, lines or polygons of any OGR format, or a raster. FILE may hold "
        "{scene_id}. Repeat for more."
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(help="native or serving, as for make-dataset. Default: the data set's, or a prepared scene's own."),
]
Resolution = Annotated[
    float | None, typer.Option(help="Ground size of a native pixel in metres. Default: the scene's own.")
]
RadiometryName = Annotated[
    str, typer.Option(help="dn: amplitude; sigma0_db: calibrated decibels on 8 bits, for SAFE products.")
]
DbRange = Annotated[
    tuple[float, float], typer.Option(help="The decibels that become 1 and 255 with --radiometry sigma0_db.")
]
SubtractNoise = Annotated[
    bool, typer.Option("--subtract-noise", help="Take thermal noise away, with --radiometry sigma0_db.")
]
Bits = Annotated[int | None, typer.Option(help="8 or 16 bits a pixel. Default: 16 where the source has them.")]
BlindShare = Annotated[
    float, typer.Option(help="Share of a selection's items that are drawn without pre-labels, to tell their sway.")
]
NoTwins = Annotated[
    bool,
    typer.Option("--no-twins", help="Leave out the script twins: smaller, but for http only, not for a double click."),
]
Title = Annotated[str, typer.Option(help="What the page calls the queue.")]
Workers = Annotated[int, typer.Option(help="Scenes prepared side by side, in a local Dask cluster when above 1.")]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]


@app.command(short_help="Make a folder with the annotation page.")
def prepare(
    scenes: Scenes,
    out: Out,
    predictions: Predictions = None,
    selection: SelectionFile = None,
    queue: QueueFile = None,
    dataset: DatasetFolder = None,
    store: StoreFolder = None,
    overlay: Overlay = None,
    georeference: Georeference = None,
    grid: Grid = None,
    resolution: Resolution = None,
    polarisation: Polarisation = "vv",
    radiometry: RadiometryName = "dn",
    db_range: DbRange = (-35.0, 0.0),
    subtract_noise: SubtractNoise = False,
    bits: Bits = None,
    classes: Classes = None,
    blind_share: BlindShare = 0.1,
    no_twins: NoTwins = False,
    title: Title = "Slicks to draw",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Make a folder with the annotation page and all it shows; a double click on its index.html opens it.

    A killed run continues where it stood when it is started again. Workers and scheduler change nothing in the files.
    Exit status: 0 all scenes prepared, 2 nothing made, 3 some scenes failed (named at the end).
    """
    from ceruleanml.annotation.options import PageOptions, parse_overlay
    from ceruleanml.annotation.prepare import prepare_page
    from ceruleanml.classes import load_classes
    from ceruleanml.scenes.scene import Radiometry

    options = PageOptions(
        predictions=tuple(brought(one, quiet) for one in predictions or ()),
        selection=brought(selection, quiet),
        queue=brought(queue, quiet),
        dataset=brought(dataset, quiet),
        store=brought_labels(store, quiet),
        overlays=tuple(parse_overlay(text) for text in overlay or []),
        georeference=georeference,
        grid=grid,
        resolution_m=resolution,
        polarisation=polarisation.lower(),
        radiometry=Radiometry(radiometry, db_range, subtract_noise),
        bits=bits,
        classes=None if classes is None else load_classes(brought(classes, quiet)),
        blind_share=blind_share,
        twins=not no_twins,
        title=title,
        seed=seed,
    )
    with output(out, quiet) as folder:
        report = prepare_page(scenes, folder, options, workers, scheduler, console_progress(quiet))
    if not quiet:
        _print_prepared(report, out)
    return SOME_FAILED if report.failed else 0


@app.command(short_help="Make a page to try, on simulated scenes.")
def demo(
    out: Annotated[Path, typer.Argument(help="Folder for the page and all that it is made from.")],
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Make a page to try, on simulated scenes; its pre-labels are the truth, moved and bent."""
    from ceruleanml.annotation.demo import demo_page

    report = demo_page(out, seed, console_progress(quiet))
    if not quiet:
        _print_prepared(report, report.out)
    return SOME_FAILED if report.failed else 0


@app.command(short_help="Serve a page here; saves go into a label store.")
def serve(
    page: Annotated[Path, typer.Argument(help="A folder that ceruleanml annotate prepare wrote.")],
    store: Annotated[Path, typer.Option(help="The label store that saves go into; made where it is missing.")],
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1. Default: a free one.")] = 0,
    classes: Classes = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(help="A data set folder or a list of scene ids to judge models by; labels of these are refused."),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve a page on this machine alone, and put what is saved there straight into a label store.

    The address holds a token: whoever has it can read the page and save. Ctrl-C ends it; nothing is lost by that.
    """
    from ceruleanml.annotation.importing import evaluation_scenes
    from ceruleanml.annotation.page_server import open_page
    from ceruleanml.annotation.page_server import serve as serve_page
    from ceruleanml.classes import load_classes

    root, synced = served_store(store)
    table, judged = load_classes(brought(classes, False)), evaluation_scenes(brought(evaluation, False))
    content = open_page(brought(page, False), root, table, judged, synced)

    def announce(url: str) -> None:
        typer.echo(f"{as_written(page)} saves into {as_written(store)}; end with Ctrl-C: {url}")
        if open_browser:
            import webbrowser

            webbrowser.open(url)

    serve_page(content, port, announce)


@app.command(short_help="Bring a page to a bucket.")
def publish(
    page: Annotated[Path, typer.Argument(help="A folder that ceruleanml annotate prepare wrote.")],
    target: Annotated[str, typer.Argument(help="gs://BUCKET/PREFIX; what else lies there stays.")],
    quiet: Quiet = False,
) -> None:
    """Bring a page to a bucket: only what differs is sent, nothing is deleted, the queue goes last.

    Started again it goes on. Credentials are those of `gcloud auth application-default login`.
    """
    from ceruleanml.annotation.publishing import publish_page

    report = publish_page(page, target, console_progress(quiet, in_bytes=True))
    if not quiet:
        sent = counted(report.sent, "file")
        typer.echo(f"{target}: sent {sent}, {report.sent_bytes / 1e6:,.1f} MB; {report.unchanged:,} were there already")


@app.command("photopea-links", short_help="Make links that open scenes in Photopea.")
def photopea_links(
    scenes: Annotated[
        list[str],
        typer.Argument(help="Scene ids, text files with one a line (.list, .txt), or folders of scenes."),
    ],
    base_url: Annotated[
        str,
        typer.Option(
            help="Where the backgrounds are served: https://HOST/FOLDER for FOLDER/<scene_id>/Background.png, or an "
            "address with {scene_id} in it."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Page of links to write, and photopea.html beside it. Default: print the links.")
    ] = None,
    classes: Classes = None,
    quiet: Quiet = False,
) -> None:
    """Make links that open scenes in Photopea, with a button for each class.

    What is drawn there is exported as layers, and taken in by ceruleanml annotate import.
    """
    from ceruleanml.annotation import photopea_links as links
    from ceruleanml.classes import load_classes

    scene_ids = links.scene_ids_of(scenes)
    if out is None:
        for scene_id in scene_ids:
            image = links.image_address(base_url, scene_id)
            typer.echo(f"{scene_id}\t{links.page_link('photopea.html', scene_id, image)}")
        return
    links.write_links(out, scene_ids, base_url, load_classes(classes))
    if not quiet:
        typer.echo(f"{out} links {counted(len(scene_ids), 'scene')}")


def _print_prepared(report: PrepareReport, out: Path) -> None:
    for error in report.failed.values():
        typer.echo(f"failed: {one_line(error)}", err=True)
    if report.beside:
        others = f" and {len(report.beside) - 1:,} more" if len(report.beside) > 1 else ""
        typer.echo(f"note: {one_line(report.beside[0])}{others}: beside the scene's page, and left out")
    verb = "made" if report.prepared_now else "is there already:"
    good = report.scenes - len(report.failed)
    items, scenes = counted(report.items, "item"), counted(report.scenes, "scene")
    typer.echo(f"{as_written(out)}/index.html {verb} a queue of {items} in {good:,} of {scenes}")
