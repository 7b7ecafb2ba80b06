"""Options that several verbs take, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Scenes = Annotated[
    list[str],
    typer.Argument(
        help="Scenes: .SAFE folders or zips, GeoTIFFs, folders with Background.png, images; folders of these, "
        "globs, text files with one location a line, gs:// and s3://."
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Folder of labels by scene id: <scene_id>.geojson, <scene_id>.png (a mask) or <scene_id>/ (Photopea "
        "layers). Without it, layers beside a Background.png and a GeoJSON beside a GeoTIFF are taken."
    ),
]
Georeference = Annotated[
    str | None,
    typer.Option(
        help="Companion file that says where a scene lies, with {scene_id} in its name: a raster, or ground "
        "control points as JSON, GeoJSON or CSV (row, col, lon, lat)."
    ),
]
Polarisation = Annotated[str, typer.Option(help="Polarisation to read from SAFE products: vv, vh, hh or hv.")]
Classes = Annotated[
    Path | None,
    typer.Option(help="Your own class table (TOML, like ceruleanml/classes.toml) in the built-in's place."),
]
MaskClass = Annotated[str | None, typer.Option(help="The class that plain masks show. Default: the first slick class.")]
MaskThreshold = Annotated[int, typer.Option(help="Mask pixels above this value (0..254) are labelled.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")]
