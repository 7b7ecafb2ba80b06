"""`ceruleanml labels`: what the label store holds, what changed in it, and how far its annotators agree."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ceruleanml.cli.buckets import brought, brought_labels, is_in_bucket
from ceruleanml.cli.console import console_progress, counted, one_line
from ceruleanml.cli.options import Classes, Georeference, Quiet

if TYPE_CHECKING:
    from ceruleanml.labels.changes import SceneChange
    from ceruleanml.labels.overview import SceneRow

app = typer.Typer(
    help="Look into the label store: scenes and states, snapshots and changes, agreement, suspected errors.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Store = Annotated[str, typer.Argument(help="The label store, or STORE@SNAPSHOT: a snapshot's name or sha256.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of a table.")]
Scene = Annotated[str, typer.Argument(help="The id of the scene.")]
Before = Annotated[str, typer.Argument(help="The earlier state of the store, STORE@SNAPSHOT.")]
After = Annotated[str | None, typer.Argument(help="The later one, STORE@SNAPSHOT. Default: the store as it is.")]
Name = Annotated[str | None, typer.Option(help="A name by which the snapshot is found, as in STORE@NAME.")]
SceneList = Annotated[
    list[str] | None,
    typer.Option(
        "--scenes",
        help="The scenes, as make-dataset takes them, on whose grids is compared. Default: a grid around what was "
        "drawn. Repeat for more.",
    ),
]
Grid = Annotated[str, typer.Option(help="native or serving, the grid of --scenes.")]
Resolution = Annotated[
    float | None, typer.Option(help="Ground size of a pixel in metres. Default: the scene's own, without scenes 40.")
]
Probabilities = Annotated[
    Path, typer.Argument(help="The folder in which ceruleanml predict --probabilities wrote <scene_id>.tif.")
]
LabelsOf = Annotated[
    str | None,
    typer.Option("--labels", help="A label store, STORE@SNAPSHOT, or a folder of label files: what is doubted."),
]
DatasetFolder = Annotated[
    Path | None, typer.Option(help="A data set in place of --labels: its tiles, with what is labelled on them.")
]
Out = Annotated[Path, typer.Option(help="Folder for selection.csv, which annotate prepare takes as --selection.")]
TileSize = Annotated[int, typer.Option(help="Pixels of the tiles that are ranked, as make-dataset cut them.")]
Most = Annotated[int, typer.Option("-n", "--most", help="How many tiles to list at most, the most suspect first.")]
Kind = Annotated[
    str | None, typer.Option(help="Rank by one kind of error alone: overlooked, badly_located or swapped.")
]


@app.command("list", short_help="List scenes: who drew them, and what they found.")
def list_scenes(store: Store, classes: Classes = None, as_json: AsJson = False) -> None:
    """List the scenes: who drew them, the slicks of each state that counts, how far they were gone through."""
    from ceruleanml.classes import load_classes
    from ceruleanml.labels.overview import scene_rows
    from ceruleanml.labels.snapshots import open_store

    rows = scene_rows(open_store(brought_labels(store, as_json)), load_classes(classes))
    if as_json:
        _print_json([row.as_json for row in rows])
        return
    _print_table([("scene", "drawn by", "slicks", "complete", "tiles", "blind"), *map(_scene_cells, rows)])
    typer.echo(f"{store}: {counted(len(rows), 'scene')}")


@app.command(short_help="Show a scene: its states and their slicks.")
def show(store: Store, scene: Scene, classes: Classes = None, as_json: AsJson = False) -> None:
    """Show a scene: each state that counts, its slicks with class and area, its tiles, and what was replaced."""
    from ceruleanml.classes import load_classes
    from ceruleanml.labels.overview import scene_document
    from ceruleanml.labels.snapshots import open_store

    document = scene_document(open_store(brought_labels(store, as_json)), scene, load_classes(classes))
    if as_json:
        _print_json(document)
        return
    for head in document["heads"]:
        _print_state(head)
    for name in document["replaced"]:
        typer.echo(f"replaced: {name}")


@app.command(short_help="Give a name to what the store holds now.")
def snapshot(store: Store, name: Name = None, quiet: Quiet = False) -> None:
    """Take a snapshot: one sha256 over what the store holds, by which it can be read again as it is now."""
    from ceruleanml.errors import UsageError
    from ceruleanml.labels.snapshots import open_store, take_snapshot

    opened = open_store(brought_labels(store, quiet))
    if opened.snapshot is not None:
        raise UsageError(f"{store}: is a snapshot already; name the store without @")
    taken = take_snapshot(opened.root, name)
    if is_in_bucket(store):
        from ceruleanml.labels.bucket import labels_here

        labels_here(store, must_send=True)
    if not quiet:
        known = name or taken.sha256[:12]
        typer.echo(f"{taken.sha256}")
        typer.echo(f"{counted(len(taken.files), 'file')}: read them as {store}@{known}")


@app.command(short_help="Say what changed between two snapshots.")
def diff(before: Before, after: After = None, classes: Classes = None, as_json: AsJson = False) -> None:
    """Say what changed between two snapshots: slicks added, removed and changed, with their areas."""
    from ceruleanml.classes import load_classes
    from ceruleanml.errors import UsageError
    from ceruleanml.labels.changes import changes
    from ceruleanml.labels.snapshots import open_store

    first = open_store(brought_labels(before, as_json))
    if first.snapshot is None:
        raise UsageError(f"{before}: name the earlier snapshot, as in {before}@NAME")
    found = changes(first, open_store(brought_labels(after, as_json) or first.root), load_classes(classes))
    if as_json:
        _print_json([scene.as_json for scene in found])
        return
    for scene in found:
        _print_change(scene)
    kinds = [slick.kind for scene in found for slick in scene.slicks]
    told = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "changed"))
    typer.echo(f"{counted(len(found), 'scene')} changed: slicks {told}")


@app.command(short_help="Say how far every two annotators agree.")
def agreement(
    store: Store,
    scenes: SceneList = None,
    georeference: Georeference = None,
    grid: Grid = "native",
    resolution: Resolution = None,
    classes: Classes = None,
    as_json: AsJson = False,
) -> None:
    """Say how far every two annotators agree on what both went through, blind tiles apart from the rest.

    IoU and Cohen's kappa over pixels, slicks that belong together, and the distance between their outlines.
    """
    from ceruleanml.classes import load_classes
    from ceruleanml.labels.agreement import agreement as compare
    from ceruleanml.labels.agreement_table import DEFINITIONS, rows_of
    from ceruleanml.labels.frames import Frames
    from ceruleanml.labels.snapshots import open_store
    from ceruleanml.scenes.reading import find_scenes, scene_id_of

    table = load_classes(classes)
    locations = {scene_id_of(location): location for location in find_scenes(scenes)} if scenes else {}
    pairs, notes = compare(
        open_store(brought_labels(store, as_json)), table, Frames(locations, georeference, grid, resolution)
    )
    rows = rows_of(pairs, table)
    if as_json:
        _print_json({"agreement": rows, "definitions": DEFINITIONS, "notes": notes})
        return
    for note in notes:
        typer.echo(f"note: {one_line(note)}")
    heads = ("annotators", "kind", "on", "IoU", "kappa", "matched", "alone", "same class", "mean m", "95 % m", "max m")
    _print_table([heads, *map(_agreement_cells, rows)])
    for row in rows:
        known = {name: value for name, value in row["kappa_by_class"].items() if value is not None}
        said = ", ".join(f"{name} {value:.2f}" for name, value in known.items())
        typer.echo(f"kappa of {' and '.join(row['annotators'])}, {row['kind']}: {said or 'nothing was drawn'}")
    if not rows:
        typer.echo(f"{store}: no two annotators went through one scene or tile on their own")


@app.command(short_help="Rank tiles by how suspect their labels are.")
def suspects(
    probabilities: Probabilities,
    out: Out,
    labels: LabelsOf = None,
    dataset: DatasetFolder = None,
    tile_size: TileSize = 512,
    most: Most = 200,
    kind: Kind = None,
    classes: Classes = None,
    quiet: Quiet = False,
) -> None:
    """Rank tiles by how suspect their labels are to a model: slicks overlooked, badly located, of swapped class.

    The score is the soft minimum over a tile's pixels of the probability that the model gives to what is labelled.
    """
    from ceruleanml.annotation.suspects import of_dataset, of_labels, write_suspects
    from ceruleanml.classes import load_classes
    from ceruleanml.errors import UsageError

    if (labels is None) == (dataset is None):
        raise UsageError("say whose labels are doubted: --labels or --dataset")
    progress = console_progress(quiet)
    probabilities = brought(probabilities, quiet)
    if dataset is not None:
        found = of_dataset(probabilities, brought(dataset, quiet), progress)
    else:
        found = of_labels(
            probabilities, Path(str(brought_labels(labels, quiet))), load_classes(classes), tile_size, progress
        )
    path, listed = write_suspects(out, found, most, kind)
    for note in found.notes:
        typer.echo(f"note: {one_line(note)}")
    if not quiet:
        typer.echo(f"{path}: {counted(listed, 'tile')} of {len(found.tiles):,}, the most suspect first")


def _scene_cells(row: SceneRow) -> tuple[str, ...]:
    several = len(row.heads) > 1
    drawers = [name.split("_", 1)[1].removesuffix(".geojson") for name in row.heads]
    slicks = " | ".join(str(sum(one.values())) for one in row.slicks)
    named = f"{', '.join(drawers)} (on their own)" if several else drawers[0]
    complete = "yes" if row.complete else "no"
    return row.scene_id, named, slicks, complete, f"{row.reviewed_tiles:,}", f"{row.blind_tiles:,}"


def _print_state(head: dict[str, Any]) -> None:
    complete = "complete" if head["complete"] else "not complete"
    typer.echo(f"{head['file']}: {counted(len(head['slicks']), 'slick')}, {complete}")
    for name in head["based_on"]:
        typer.echo(f"  began from {name}")
    if head["comment"]:
        typer.echo(f"  comment: {one_line(head['comment'])}")
    slicks = head["slicks"]
    _print_table([(f"  {one_line(one['slick_id'])}", one["class"], _size(one), one["source"] or "") for one in slicks])
    for tile_id, said in head["tiles"].items():
        marks = [name for name in ("reviewed", "blind", "empty") if said.get(name)]
        typer.echo(f"  tile {one_line(tile_id)}: {', '.join(marks) or 'not gone through'}")


def _size(slick: dict[str, Any]) -> str:
    return f"{slick['area_km2']:.3f} km²" if "area_km2" in slick else f"{slick['area_px']:g} px"


def _print_change(scene: SceneChange) -> None:
    from ceruleanml.labels.changes import CHANGED

    complete = {(False, True): ", now complete", (True, False): ", no longer complete"}
    typer.echo(f"{scene.scene_id}{complete.get((scene.complete_before, scene.complete_after), '')}")
    for one in scene.slicks:
        named = " -> ".join(dict.fromkeys(name for name in (one.class_before, one.class_after) if name))
        areas = " -> ".join(f"{area:.3f}" for area in (one.area_before, one.area_after) if area is not None)
        moved = f", {one.moved:.3f} moved" if one.kind == CHANGED else ""
        typer.echo(f"  {one.kind} {one_line(one.slick_id)} of {one.annotator}: {named}, {areas} {one.unit}{moved}")


def _agreement_cells(row: dict[str, Any]) -> tuple[str, ...]:
    place = counted(row["tiles"], "tile") if row["tiles"] else counted(row["scenes"], "scene")
    shares = [_figure(row[name], 2) for name in ("iou", "kappa")]
    metres = [_figure(row[name], 0) for name in ("boundary_mean_m", "boundary_p95_m", "hausdorff_m")]
    alone = " | ".join(str(count) for count in row["alone"].values())
    matched = [str(row["matched"]), alone, _figure(row["same_class"], 2)]
    return " and ".join(row["annotators"]), row["kind"], place, *shares, *matched, *metres


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, two blanks between."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False))
