"""`ceruleanml evaluate`: a model and a labelled data set in, figures, plots and one page out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import console_progress, counted, one_line
from ceruleanml.cli.options import Quiet, Seed

if TYPE_CHECKING:
    from ceruleanml.evaluation.evaluate import EvaluationReport

Model = Annotated[
    str,
    typer.Argument(
        help="A run folder of ceruleanml train, an exported .pt, .onnx or .pt2 file, or the word floor: a blur and "
        "Otsu's threshold, which a model must beat."
    ),
]
DatasetFolder = Annotated[
    Path, typer.Argument(help="Data set folder of make-dataset, labelled, that was not learned from.")
]
Out = Annotated[
    Path, typer.Option(help="Folder for evaluation.json, counts.npz, plots/ and report.html; replaced if there.")
]
Threshold = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE in place of the card's, as in poly_score_thresh=0.4. Repeat for more."),
]
BoundaryPx = Annotated[int, typer.Option(help="Width in pixels of the rim that boundary IoU compares.")]
Regions = Annotated[
    Path | None,
    typer.Option(help="GeoJSON of polygons, each with a name. Default: cells of 10 degrees, as 20N 050E."),
]
PixelM = Annotated[
    float | None, typer.Option(help="Side of a pixel in metres, for scenes without georeference. Default: no km².")
]
Bootstrap = Annotated[int, typer.Option(help="Resamples of the scenes for the intervals; 0 for none.")]
Worst = Annotated[int, typer.Option(help="How many of the worst tiles to draw.")]
BatchSize = Annotated[int, typer.Option(help="Tiles asked at once.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu or cuda.")]
WriteCard = Annotated[
    bool,
    typer.Option(
        "--write-card",
        help="Fit the temperature first, judge with it, then write it and the proposed thresholds into the run's "
        "model.json. Use validation data.",
    ),
]


def evaluate(
    model: Model,
    dataset: DatasetFolder,
    out: Out,
    threshold: Threshold = None,
    boundary_px: BoundaryPx = 2,
    regions: Regions = None,
    pixel_m: PixelM = None,
    bootstrap: Bootstrap = 1000,
    worst: Worst = 12,
    batch_size: BatchSize = 8,
    device: Device = "auto",
    write_card: WriteCard = False,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> int:
    """Judge a model by a labelled data set, tile by tile.

    Figures for pixels, slicks and areas, by class, size, region and scene, with intervals from resampled scenes.
    Classes are dropped and merged as in the model's training. Tiles pass through the model once, twice with
    --write-card; memory is that of one batch and some hundred bytes a slick. Exit status: 0 done, 2 nothing written.
    """
    from ceruleanml.evaluation.evaluate import evaluate as judge
    from ceruleanml.evaluation.streaming import EvaluateOptions
    from ceruleanml.inference.thresholds import parse_threshold

    options = EvaluateOptions(
        thresholds=dict(map(parse_threshold, threshold or [])),
        boundary_px=boundary_px,
        regions=regions,
        pixel_m=pixel_m,
        bootstrap=bootstrap,
        seed=seed,
        worst=worst,
        batch_size=batch_size,
        device=device,
        write_card=write_card,
    )
    report = judge(model, dataset, out, options, console_progress(quiet))
    if not quiet:
        _print(report, out)
    return 0


def _print(report: EvaluationReport, out: Path) -> None:
    content = report.content
    everything = content["all"]
    slick = everything["figures"]["slick"]
    level = content["intervals"]["level"]
    between = "" if slick["iou"]["low"] is None else f" (value [{level:.0%} interval])"
    typer.echo(
        f"{counted(everything['tiles'], 'tile')} of {counted(everything['scenes'], 'scene')}, "
        f"slick against none{between}:"
    )
    for name in ("iou", "dice", "tolerant_f1", "boundary_iou", "instance_f1", "detection_rate",
                 "false_alarms_per_10000_km2", "area_bias_share", "ap", "ece"):  # fmt: skip
        typer.echo(f"  {name:<28}{_said(slick[name])}")
    typer.echo(f"  {'macro_f1 over classes':<28}{_said(everything['figures']['mean_of_classes']['macro_f1'])}")
    for name, value in content["proposed_thresholds"].items():
        typer.echo(f"these tiles propose {name}={value:g} (used: {content['rules']['thresholds'][name]:g})")
    for note in content["notes"]:
        typer.echo(f"note: {one_line(note)}")
    typer.echo(f"{out / 'report.html'}")


def _said(figure: dict[str, float | None]) -> str:
    if figure["value"] is None:
        return "undefined"
    between = "" if figure["low"] is None else f"  [{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.3f}{between}"
