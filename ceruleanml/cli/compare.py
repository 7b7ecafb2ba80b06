"""`ceruleanml compare`: two evaluations of the same tiles, and how sure their difference is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.options import Quiet, Seed

First = Annotated[Path, typer.Argument(help="Folder of an evaluation, as ceruleanml evaluate wrote it.")]
Second = Annotated[Path, typer.Argument(help="Folder of another evaluation of the same tiles.")]
Out = Annotated[Path, typer.Option(help="Folder for compare.json and compare.html; replaced if there.")]
Bootstrap = Annotated[int, typer.Option(help="Resamples of the scenes for the intervals; 0 for none.")]


def compare(
    first: First, second: Second, out: Out, bootstrap: Bootstrap = 1000, seed: Seed = 0, quiet: Quiet = False
) -> int:
    """Compare two models that were judged by the same tiles.

    Every figure of both, and the interval of the second minus the first; both are resampled alike, scene by scene, so
    what is hard for both does not blur the difference. Exit status: 0 done, 2 nothing written.
    """
    from ceruleanml.evaluation.compare import compare as judge

    content = judge(first, second, out, bootstrap, seed)
    if not quiet:
        for name, one in content["figures"]["slick"].items():
            change = one["difference"]
            if change["value"] is not None:
                between = "" if change["low"] is None else f"  [{change['low']:+.3f}, {change['high']:+.3f}]"
                typer.echo(f"{name:<28}{one['first']:>10.3f} {one['second']:>10.3f} {change['value']:>+10.3f}{between}")
        typer.echo(f"{out / 'compare.html'}")
    return 0
