"""`ceruleanml make-dataset`: scenes and labels in, a tiled COCO data set out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.buckets import as_written, brought, brought_labels, output, sent_snapshot
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
from ceruleanml.errors import UsageError

if TYPE_CHECKING:
    from ceruleanml.datasets.build import BuildReport
    from ceruleanml.datasets.estimate import Estimate
    from ceruleanml.datasets.options import BuildOptions
    from ceruleanml.scenes.context import ContextSpec


Out = Annotated[Path, typer.Option(help="The data set folder to make, gs:// too. Here it appears whole or not at all.")]
Context = Annotated[
    list[str] | None,
    typer.Option(
        help="A further channel, in this order: infra_distance=FILE (points, polygons, or a raster of metres), "
        "ship_density=FILE[@W,S,E,N], zeros, full. Repeat for more. FILE may hold {scene_id}."
    ),
]
Grid = Annotated[
    str | None,
    typer.Option(
        help="native: longitude-latitude at --resolution (the default for georeferenced scenes); serving: the "
        "WorldCRS84Quad lattice of zoom 9 at 512 px, on which the deployed service infers."
    ),
]
Resolution = Annotated[
    float | None, typer.Option(help="Ground size of a native pixel in metres. Default: the scene's own.")
]
TileSize = Annotated[str, typer.Option(help="Pixels: 512, or HEIGHTxWIDTH as in 256x512; 0 keeps each scene whole.")]
Stride = Annotated[
    str | None, typer.Option(help="Pixels from one tile to the next, as --tile-size. Default: the tile size.")
]
MinValid = Annotated[
    float, typer.Option(help="Least share of a tile that must hold data; tiles without any are never kept.")
]
EmptyTiles = Annotated[
    str, typer.Option(help="Tiles without a label: all, none, or the share to keep as in 0.2 (drawn by --seed).")
]
HardNegatives = Annotated[
    Path | None, typer.Option(help="Text file of tile ids that are kept even when empty tiles are dropped.")
]
ReviewedOnly = Annotated[
    bool,
    typer.Option(
        "--reviewed-only",
        help="Leave tiles out that nobody went through: all are kept of scenes marked complete, of others of a label "
        "store those that its states call reviewed.",
    ),
]
RadiometryName = Annotated[
    str, typer.Option(help="dn: amplitude clipped to 0..255, as the service wants; sigma0_db: calibrated.")
]
DbRange = Annotated[
    tuple[float, float], typer.Option(help="The decibels that become 1 and 255 with --radiometry sigma0_db.")
]
SubtractNoise = Annotated[
    bool, typer.Option("--subtract-noise", help="Take thermal noise away, with --radiometry sigma0_db.")
]
KeepScenes = Annotated[
    bool, typer.Option("--keep-scenes", help="Keep each prepared scene beside its tiles, as a COG in scenes/.")
]
Workers = Annotated[int, typer.Option(help="Scenes built side by side, in a local Dask cluster when above 1.")]
Scheduler = Annotated[
    str | None, typer.Option(help="A running Dask scheduler, tcp://HOST:PORT, whose workers see the same files.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be made at most; write nothing.")]


def make_dataset(
    scenes: Scenes,
    out: Out,
    labels: Labels = None,
    georeference: Georeference = None,
    context: Context = None,
    grid: Grid = None,
    resolution: Resolution = None,
    tile_size: TileSize = "512",
    stride: Stride = None,
    min_valid: MinValid = 0.0,
    empty_tiles: EmptyTiles = "all",
    hard_negatives: HardNegatives = None,
    reviewed_only: ReviewedOnly = False,
    polarisation: Polarisation = "vv",
    radiometry: RadiometryName = "dn",
    db_range: DbRange = (-35.0, 0.0),
    subtract_noise: SubtractNoise = False,
    classes: Classes = None,
    mask_class: MaskClass = None,
    mask_threshold: MaskThreshold = 127,
    keep_scenes: KeepScenes = False,
    workers: Workers = 1,
    scheduler: Scheduler = None,
    seed: Seed = 0,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> int:
    """Build a tiled COCO data set from scenes and labels.

    A killed run continues where it stood when it is started again. Workers and scheduler change nothing in the data.
    Exit status: 0 all scenes built, 2 nothing made, 3 some scenes failed (named at the end and in dataset.json).
    Memory: one byte a pixel of the scene and a row of tiles, 0.7 GB for a full product, for each worker.
    """
    from ceruleanml.classes import load_classes
    from ceruleanml.datasets.options import BuildOptions
    from ceruleanml.scenes.scene import Radiometry

    options = BuildOptions(
        labels=brought_labels(labels, quiet),
        georeference=georeference,
        context=_channels(context or []),
        grid=grid,
        resolution_m=resolution,
        **_sizes(tile_size, stride),
        min_valid=min_valid,
        empty_tiles=_share(empty_tiles),
        hard_negatives=frozenset(_lines(brought(hard_negatives, quiet))),
        reviewed_only=reviewed_only,
        polarisation=polarisation.lower(),
        radiometry=Radiometry(radiometry, db_range, subtract_noise),
        classes=load_classes(brought(classes, quiet)),
        mask_class=mask_class,
        mask_threshold=mask_threshold,
        keep_scenes=keep_scenes,
        seed=seed,
    )
    if dry_run:
        return _estimate(scenes, options, quiet)
    return _build(scenes, out, options, labels, workers, scheduler, quiet)


def _estimate(scenes: list[str], options: BuildOptions, quiet: bool) -> int:
    from ceruleanml.datasets.estimate import estimate

    found = estimate(scenes, options, console_progress(quiet))
    _print_estimate(found, options)
    return SOME_FAILED if found.failed else 0


def _build(
    scenes: list[str],
    out: Path,
    options: BuildOptions,
    labels: str | None,
    workers: int,
    scheduler: str | None,
    quiet: bool,
) -> int:
    from ceruleanml.datasets.build import make_dataset

    with output(out, quiet) as folder:
        report = make_dataset(scenes, folder, options, workers, scheduler, console_progress(quiet))
    if not quiet:
        _print_report(report, out)
    sent_snapshot(labels, quiet)
    return SOME_FAILED if report.failed else 0


def _channels(texts: list[str]) -> tuple[ContextSpec, ...]:
    from ceruleanml.scenes.context import parse_context

    return tuple(parse_context(text) for text in texts)


def _sizes(tile_size: str, stride: str | None) -> dict[str, tuple[int, int] | None]:
    whole = tile_size.strip() == "0"
    return {
        "tile_size": None if whole else _size(tile_size, "--tile-size"),
        "stride": None if stride is None else _size(stride, "--stride"),
    }


def _size(text: str, option: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.strip().isdigit() for part in parts):
        raise UsageError(f"{option} {text!r} is no size in pixels; write 512 or HEIGHTxWIDTH as in 256x512")
    return int(parts[0]), int(parts[-1])


def _share(text: str) -> float:
    try:
        return {"all": 1.0, "none": 0.0}[text] if text in ("all", "none") else float(text)
    except ValueError as error:
        raise UsageError(f"--empty-tiles {text!r} is not known; write all, none or a share as in 0.2") from error


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--hard-negatives {path}: cannot be read as a list of tile ids: {error}") from error


def _print_report(report: BuildReport, out: Path) -> None:
    _print_notes(report.notes)
    for error in report.failed.values():
        typer.echo(f"failed: {one_line(error)}", err=True)
    verb = "made" if report.built_now else "is there already:"
    built = f"{report.scenes - len(report.failed):,} of {counted(report.scenes, 'scene')}"
    tiles, annotations = counted(report.tiles, "tile"), counted(report.annotations, "annotation")
    typer.echo(f"{as_written(out)} {verb} {tiles} with {annotations} from {built}")


def _print_notes(notes: dict[str, list[str]]) -> None:
    for note, scene_ids in _by_note(notes).items():
        others = f" and {len(scene_ids) - 1:,} more" if len(scene_ids) > 1 else ""
        typer.echo(f"note: {one_line(scene_ids[0])}{others}: {one_line(note)}")


def _by_note(notes: dict[str, list[str]]) -> dict[str, list[str]]:
    """The scenes of each note: most scenes hold no slick, and a line each would hide the rest."""
    scenes: dict[str, list[str]] = {}
    for scene_id, lines in notes.items():
        for line in lines:
            scenes.setdefault(line, []).append(scene_id)
    return scenes


def _print_estimate(found: Estimate, options: BuildOptions) -> None:
    _print_notes(found.notes)
    for error in found.failed.values():
        typer.echo(f"would fail: {error}", err=True)
    good = found.scenes - len(found.failed)
    if good:
        tiles, channels = counted(found.tiles, "tile"), counted(len(options.channels), "channel")
        typer.echo(
            f"{good:,} of {counted(found.scenes, 'scene')}, {counted(found.instances, 'labelled slick')}: at most "
            f"{tiles} of {channels}, {found.raw_bytes / 1e6:,.1f} MB before compression"
        )
