"""`ceruleanml predict`: a model and scenes in, the slicks' outlines out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.buckets import as_written, brought, output
from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Georeference, Quiet, Scenes

if TYPE_CHECKING:
    from ceruleanml.inference.predict import PredictReport

Model = Annotated[
    Path, typer.Argument(help="A run folder of ceruleanml train, or an exported .pt, .onnx or .pt2 file; gs:// too.")
]
Out = Annotated[
    Path,
    typer.Option(
        help="Folder for <scene_id>.geojson, gs:// too; started again with the same options, it goes on there."
    ),
]
Context = Annotated[
    list[str] | None,
    typer.Option(help="A further channel that the model takes, as make-dataset was given it: infra_distance=FILE, ..."),
]
Grid = Annotated[str | None, typer.Option(help="native or serving. Default: the grid the model learned on.")]
Resolution = Annotated[
    float | None, typer.Option(help="Ground size of a native pixel in metres. Default: the model's, from its card.")
]
Tiling = Annotated[
    str,
    typer.Option(
        help="blended: windows that overlap, smoothly joined; service: the three offset sets of tiles and the ensemble "
        "of the deployed service, on its grid."
    ),
]
Overlap = Annotated[float, typer.Option(help="Share of a side that neighbouring windows have in common, 0 to 0.75.")]
Flips = Annotated[
    bool, typer.Option("--flips", help="Ask a U-Net four times, mirrored both ways, and take the mean: 4 x the time.")
]
Ocean = Annotated[
    Path | None, typer.Option(help="Polygons of the sea (any OGR format, EPSG:4326); what lies outside is skipped.")
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE in place of the card's, as in poly_score_thresh=0.4. Repeat for more."),
]
MinArea = Annotated[float, typer.Option(help="Slicks smaller than so many square kilometres are left out.")]
Probabilities = Annotated[
    bool, typer.Option("--probabilities", help="Also write <scene_id>.tif: a COG with a band a slick class.")
]
BatchSize = Annotated[int, typer.Option(help="Windows asked at once.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
Workers = Annotated[
    int, typer.Option(help="Scenes predicted side by side on the CPU, in a local Dask cluster above 1.")
]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]


def predict(
    model: Model,
    scenes: Scenes,
    out: Out,
    georeference: Georeference = None,
    context: Context = None,
    grid: Grid = None,
    resolution: Resolution = None,
    tiling: Tiling = "blended",
    overlap: Overlap = 0.25,
    flips: Flips = False,
    ocean: Ocean = None,
    threshold: Threshold = None,
    min_area: MinArea = 0.0,
    probabilities: Probabilities = False,
    batch_size: BatchSize = 4,
    device: Device = "auto",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> int:
    """Find slicks in whole scenes and write their outlines as GeoJSON.

    Each scene is laid out as the model's card says its training tiles were. A killed run goes on with the scenes that
    are missing. Exit status: 0 all scenes done, 2 nothing done, 3 some scenes failed.
    Memory beside the model: 0.9 GB for a full product at 10 m, 0.2 GB at 40 m, for each worker; and for as long as it
    runs 2 bytes of disk a pixel and slick class.
    """
    from ceruleanml.inference.options import PredictOptions
    from ceruleanml.inference.predict import predict_scenes
    from ceruleanml.inference.thresholds import parse_threshold
    from ceruleanml.scenes.context import parse_context

    options = PredictOptions(
        georeference=georeference,
        context=tuple(parse_context(text) for text in context or []),
        grid=grid,
        resolution_m=resolution,
        tiling=tiling,
        overlap=overlap,
        flips=flips,
        ocean=brought(ocean, quiet),
        thresholds=dict(parse_threshold(text) for text in threshold or []),
        min_area_km2=min_area,
        probabilities=probabilities,
        batch_size=batch_size,
        device=device,
    )
    model = brought(model, quiet)
    with output(out, quiet) as folder:
        report = predict_scenes(model, scenes, folder, options, workers, scheduler, console_progress(quiet))
    if not quiet:
        _print_report(report, out)
    return SOME_FAILED if report.failed else 0


def _print_report(report: PredictReport, out: Path) -> None:
    for error in report.failed.values():
        typer.echo(f"failed: {one_line(error)}", err=True)
    total = len(report.slicks) + len(report.failed)
    verb = "made" if report.predicted_now else "is there already:"
    slicks = counted(sum(report.slicks.values()), "slick")
    typer.echo(f"{as_written(out)} {verb} {slicks} in {len(report.slicks):,} of {counted(total, 'scene')}")
