"""`ceruleanml export`: a trained model as a file that others can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import counted, one_line
from ceruleanml.cli.options import Quiet

Target = Annotated[
    str,
    typer.Option(
        help="cerulean-cloud (TorchScript as SkyTruth's service calls it), onnx, or torch-export (U-Net only)."
    ),
]


def export(
    run: Annotated[Path, typer.Argument(help="The run folder, as train made it.")],
    target: Target,
    out: Annotated[Path | None, typer.Option(help="Folder to write. Default: RUN/export/TARGET.")] = None,
    tiles: Annotated[
        Path | None,
        typer.Option(help="Data set to compare the file with the network on. Default: that of the training."),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="SPDX name of the model's licence, for its cards; 'other' says that none is stated.")
    ] = "other",
    quiet: Quiet = False,
) -> int:
    """Write a trained model for another program, compared with the network on real tiles first.

    The folder holds the file, model.json, README.md (the model's card in words) and stac.json (a STAC MLM item), for
    cerulean-cloud also record.json. Normalisation and temperature are inside the file. Memory: three times the weights,
    and the network on three tiles.
    """
    from ceruleanml.models import export as exporting

    report = exporting.export(run, target, out, tiles, licence)
    if not quiet:
        agreement = report.agreement
        typer.echo(f"{report.out} holds {', '.join(report.files)}")
        typer.echo(
            f"compared on {counted(agreement.real_tiles, 'tile')} of {agreement.dataset}, noise and an empty tile: "
            f"probabilities within {agreement.probability:.0e}, boxes within {agreement.box_px:.0e} px"
        )
        for note in report.notes:
            typer.echo(f"note: {one_line(note)}")
    return 0
