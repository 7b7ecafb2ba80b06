"""`ceruleanml partition`: scenes into train, validation and test lists, before any tiling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import (
    Classes,
    Georeference,
    Labels,
    MaskClass,
    MaskThreshold,
    Polarisation,
    Quiet,
    Scenes,
    Seed,
)
from ceruleanml.errors import SceneError

if TYPE_CHECKING:
    from ceruleanml.datasets.partition import Partition
    from ceruleanml.datasets.summaries import Summaries


def partition(
    scenes: Scenes,
    out: Annotated[Path, typer.Option(help="Folder for train_scenes.txt, val_scenes.txt and test_scenes.txt.")],
    labels: Labels = None,
    georeference: Georeference = None,
    train: Annotated[float, typer.Option(help="Share of the slicks for training; the three sum to 1.")] = 0.7,
    val: Annotated[float, typer.Option(help="Share for validation.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share for the test; a part of share 0 gets no list.")] = 0.15,
    distance_km: Annotated[
        float, typer.Option(help="Scenes at most this far apart, and --hours, stay in one part; inf for any distance.")
    ] = 50.0,
    hours: Annotated[
        float,
        typer.Option(
            help="Scenes sensed at most this far apart, and --distance-km, stay in one part; with inf "
            "no two parts share ground."
        ),
    ] = 24.0,
    classes: Classes = None,
    mask_class: MaskClass = None,
    mask_threshold: MaskThreshold = 127,
    polarisation: Polarisation = "vv",
    seed: Seed = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make no lists; refuse those in --out where two share a scene or a group.")
    ] = False,
    quiet: Quiet = False,
) -> int:
    """Share scenes out to training, validation and test before they are tiled.

    Whole scenes are shared out, each class in its share; scenes of one orbit pass, or near in place and time, stay
    in one part. The lists hold one location a line and are what make-dataset takes. Lists that are there already
    are never replaced. Exit status: 0 done, 2 nothing written, 3 some scenes could not be read and are in no list.
    """
    from ceruleanml.classes import load_classes
    from ceruleanml.datasets import partition as parting
    from ceruleanml.datasets.options import BuildOptions
    from ceruleanml.datasets.summaries import summarise_scenes
    from ceruleanml.scenes.reading import find_scenes

    shares = (train, val, test)
    parting.check_shares(shares)
    options = BuildOptions(
        labels=labels, georeference=georeference, polarisation=polarisation.lower(), classes=load_classes(classes),
        mask_class=mask_class, mask_threshold=mask_threshold,
    )  # fmt: skip
    found = summarise_scenes(find_scenes(scenes), options, console_progress(quiet))
    if not found.scenes:
        raise SceneError(f"no scene could be read: {next(iter(found.failed.values()))}")
    for error in found.failed.values():
        typer.echo(f"failed: {one_line(error)}", err=True)
    if verify:
        parting.check_parts(parting.listed_scene_ids(out), found.scenes, distance_km, hours)
        typer.echo(f"{out}: the lists share no scene and no group")
        return SOME_FAILED if found.failed else 0
    parts = parting.partition(found.scenes, shares, seed, distance_km, hours)
    paths = parting.write_parts(out, parts, found.locations)
    if not quiet:
        _print(parts, found, paths)
    return SOME_FAILED if found.failed else 0


def _print(parts: Partition, found: Summaries, paths: list[Path]) -> None:
    by_id = {scene.scene_id: scene for scene in found.scenes}
    scenes, groups = counted(len(found.scenes), "scene"), counted(len(parts.groups), "group")
    typer.echo(f"{scenes} in {groups} that stay together")
    for path, scene_ids in zip(paths, filter(None, parts.parts.values()), strict=True):
        totals: dict[str, int] = {}
        for scene_id in scene_ids:
            for name, count in by_id[scene_id].class_counts.items():
                totals[name] = totals.get(name, 0) + count
        listed = ", ".join(f"{name} {count:,}" for name, count in sorted(totals.items())) or "no slicks"
        typer.echo(f"{path}: {counted(len(scene_ids), 'scene')}; {listed}")
