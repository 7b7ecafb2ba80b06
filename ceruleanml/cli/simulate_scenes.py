"""`ceruleanml simulate-scenes`: radar scenes with slicks, labels and context layers, made from one seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import console_progress, counted
from ceruleanml.cli.options import Classes, Quiet, Seed


def simulate_scenes(
    out: Annotated[Path, typer.Argument(help="Folder to write to; scenes that are there already are kept.")],
    scenes: Annotated[int, typer.Option("--scenes", help="How many scenes.")] = 6,
    height: Annotated[int, typer.Option("--height", help="Rows of a scene; a full product at 10 m has 16700.")] = 1024,
    width: Annotated[int, typer.Option("--width", help="Columns of a scene; a full product at 10 m has 25900.")] = 1536,
    resolution: Annotated[float, typer.Option("--resolution", help="Size of a pixel in metres, 10 to 500.")] = 40.0,
    imagery_format: Annotated[
        str,
        typer.Option("--format", help="photopea: Background.png, 8-bit, in a folder a scene; geotiff: 16-bit DN."),
    ] = "photopea",
    labels: Annotated[
        str, typer.Option("--labels", help="photopea: an RGBA layer a slick; geojson: a file of outlines a scene.")
    ] = "photopea",
    slick_free: Annotated[
        float, typer.Option("--slick-free", help="Share of scenes without any slick.", show_default="a third")
    ] = 1 / 3,
    classes: Classes = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Simulate Sentinel-1 IW scenes with slicks, their labels and context layers.

    Writes OUT/scenes, OUT/labels or layers beside the imagery, OUT/georeference, OUT/context/infrastructure.geojson
    and OUT/context/ship_density.tif. A run cut short continues where it stood; a larger --scenes adds scenes. Peak
    memory stays below 1 GiB for full products.
    """
    from ceruleanml.classes import load_classes
    from ceruleanml.labels import simulated

    made = simulated.simulate_scenes(
        out,
        scenes,
        seed,
        (height, width),
        resolution,
        imagery_format,
        labels,
        slick_free,
        console_progress(quiet),
        load_classes(classes),
    )
    if not quiet:
        typer.echo(f"{out}: {counted(len(made), 'scene')} of {height} x {width} pixels at {resolution:g} m")
