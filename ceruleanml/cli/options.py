"""Options that several verbs take, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
        help="A label store, STORE or STORE@SNAPSHOT, or a folder of labels by scene id: <scene_id>.geojson, "
        "<scene_id>.png (a mask) or <scene_id>/ (Photopea layers). Without it, layers beside a Background.png and a "
        "GeoJSON beside a GeoTIFF are taken."
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


def named_values(texts: list[str] | None) -> dict[str, Any]:
    """NAME=VALUE texts as a dictionary; values that read as JSON are what they say, others text."""
    import json

    from ceruleanml.errors import UsageError

    values: dict[str, Any] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text}: is no setting; write NAME=VALUE")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values
