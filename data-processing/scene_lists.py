"""Lists of scene ids: check, join, compare and split them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ceruleanml.cli.console import SOME_FAILED, counted
from ceruleanml.cli.options import Seed
from ceruleanml.cli.script import run

Lists = Annotated[
    list[Path],
    typer.Argument(help="Lists of ids: one a line (.list, .txt), tables (.csv, .tsv) or GeoJSON of products."),
]
Out = Annotated[Path, typer.Option(help="The list to write: .csv is a table with times, any other one id a line.")]
Column = Annotated[str | None, typer.Option(help="Column or property of the ids. Default: the first usual one.")]


def check(lists: Lists, column: Column = None) -> int:
    """Say which ids stand twice and which are no names of Sentinel-1 products. Exit status 3 where there are any."""
    from ceruleanml.scenes.scene_list import checked, read_scene_list

    report = checked(scene_id for path in lists for scene_id in read_scene_list(path, column))
    for scene_id in report.twice:
        typer.echo(f"twice: {scene_id}")
    for scene_id in report.strange:
        typer.echo(f"no Sentinel-1 GRD product: {scene_id}")
    typer.echo(f"{counted(len(report.ids), 'scene')} in {counted(len(lists), 'list')}")
    return SOME_FAILED if report.twice or report.strange else 0


def union(lists: Lists, out: Out, column: Column = None) -> None:
    """Write every id of the lists, once; of one list, without what stands twice."""
    from ceruleanml.scenes import scene_list

    _write(out, scene_list.union([scene_list.read_scene_list(path, column) for path in lists]))


def difference(lists: Lists, out: Out, column: Column = None) -> None:
    """Write the ids of the first list that stand in no other."""
    from ceruleanml.scenes import scene_list

    first, *others = (scene_list.read_scene_list(path, column) for path in lists)
    _write(out, scene_list.difference(first, others))


def intersection(lists: Lists, out: Out, column: Column = None) -> None:
    """Write the ids that stand in every list."""
    from ceruleanml.scenes import scene_list

    _write(out, scene_list.intersection([scene_list.read_scene_list(path, column) for path in lists]))


def split(
    lists: Lists,
    out: Annotated[Path, typer.Option(help="Name of the lists to write: a.list becomes a_1.list, a_2.list, ...")],
    parts: Annotated[int, typer.Option(help="How many lists.")],
    column: Column = None,
    seed: Seed = 0,
) -> None:
    """Deal the ids into lists of nearly equal size; scenes of one sweep of the satellite stay together."""
    from ceruleanml.scenes import scene_list

    ids = scene_list.union([scene_list.read_scene_list(path, column) for path in lists])
    for number, part in enumerate(scene_list.split(ids, parts, seed), start=1):
        _write(out.with_name(f"{out.stem}_{number}{out.suffix}"), part)


def _write(path: Path, ids: list[str]) -> None:
    from ceruleanml.scenes.scene_list import write_scene_list

    write_scene_list(path, ids)
    typer.echo(f"{path}: {counted(len(ids), 'scene')}")


if __name__ == "__main__":
    run(check, union, difference, intersection, split)
