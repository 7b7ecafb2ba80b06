"""QGIS styles beside GeoTIFFs and GeoJSON files, which QGIS then takes by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.options import Classes, Quiet
from ceruleanml.cli.script import run


def qgis_styles(
    places: Annotated[
        list[Path],
        typer.Argument(help="GeoTIFFs, GeoJSON files, and folders of them: tiles, scenes, predictions, labels."),
    ],
    band: Annotated[
        str | None, typer.Option(help="The band to show, as infra_distance or a class. Default: the first one.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace styles that are there already.")] = False,
    classes: Classes = None,
    quiet: Quiet = False,
) -> None:
    """Write NAME.qml beside each NAME.geojson and NAME.tif: classes in their colours, radar in grey.

    A style that is there already stays, since it may be your own. Points and lines are left without one.
    """
    from ceruleanml.classes import load_classes
    from ceruleanml.labels.gis_styles import files_in, write_styles

    written, left = write_styles(files_in(places), load_classes(classes), band, replace)
    if not quiet:
        kept = f"; {len(left):,} were there already" if left else ""
        typer.echo(f"wrote {len(written):,} styles{kept}")


if __name__ == "__main__":
    run(qgis_styles)
