"""A data set's tiles as PNG with COCO beside them, for FiftyOne, CVAT and Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import console_progress
from ceruleanml.cli.options import Quiet
from ceruleanml.cli.script import run


def tiles_for_tools(
    dataset: Annotated[Path, typer.Argument(help="A data set folder of ceruleanml make-dataset.")],
    out: Annotated[Path, typer.Option(help="Folder to make; it appears whole or not at all.")],
    band: Annotated[str, typer.Option(help="The band that is shown.")] = "vv",
    quiet: Quiet = False,
) -> None:
    """Write images/<tile_id>.png, instances.json (run lengths) and polygons.json (polygons, no boxes).

    What is labelled there comes back by ceruleanml annotate import FILE --dataset DATASET.
    """
    from ceruleanml.annotation.tool_export import export_for_tools
    from ceruleanml.storage import read_json

    made = export_for_tools(dataset, out, band, console_progress(quiet))
    if not quiet:
        content = read_json(made / "instances.json")
        labels, tiles = len(content["annotations"]), len(content["images"])
        typer.echo(f"{made}: {tiles:,} tiles with {labels:,} labels")


if __name__ == "__main__":
    run(tiles_for_tools)
