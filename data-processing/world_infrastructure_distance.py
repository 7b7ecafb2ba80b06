"""Distance to the nearest infrastructure, of the whole world, as one Cloud-Optimised GeoTIFF of metres."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import console_progress, counted
from ceruleanml.cli.script import run


def world_infrastructure_distance(
    points: Annotated[
        list[str], typer.Argument(help="Point files of any format that OGR reads; all are taken as one.")
    ],
    out: Annotated[Path, typer.Option(help="The COG to write; started again, a killed run goes on there.")],
    resolution: Annotated[
        float, typer.Option(help="Size of a pixel in degrees; it must divide 180 (0.005 is 556 m of latitude).")
    ] = 0.005,
    bounds: Annotated[
        tuple[float, float, float, float], typer.Option(help="West, south, east, north in degrees: only this part.")
    ] = (-180.0, -90.0, 180.0, 90.0),
    workers: Annotated[int, typer.Option(help="Processes that work side by side; the bytes do not depend on it.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Write the geodesic distance to the nearest point, capped at 60 km, for make-dataset's --context infra_distance.

    Memory: 0.3 GB a worker, whatever the resolution.
    """
    from ceruleanml.scenes.world_distance import infrastructure_points, world_distance
    from ceruleanml.scenes.world_lattice import WorldLattice

    lattice = WorldLattice.of(resolution, bounds)
    report = world_distance(infrastructure_points(points), out, lattice, workers, scheduler, console_progress(quiet))
    if not quiet:
        verb = "made" if report.is_new else "is there already:"
        height, width = report.height_width
        typer.echo(f"{out} {verb} {height:,} x {width:,} pixels from {counted(report.points, 'point')}")


if __name__ == "__main__":
    run(world_infrastructure_distance)
