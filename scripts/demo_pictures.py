"""The pictures of the demo's report, as PNG bytes; equal results give equal bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.evaluation.plots import INK, new_figure, plain
from ceruleanml.storage import read_json

FOUND, TRUE, FIRST, SECOND, FLOOR = "#e69f00", "#0072b2", "#62717a", "#d55e00", "#9aa4aa"
"""Colours that most people with colour blindness tell apart (Okabe and Ito 2008)."""
SCENE_M, DETAIL_M, DETAIL_PX, DETAILS = 160, 40, 200, 4
TILES_SHOWN = 12
Json = dict[str, Any]
Outline = list[NDArray[np.float64]]


def learning_curve(out: Path, sets: dict[str, Dataset], slick: dict[str, Json]) -> bytes:
    """IoU over the labelled tiles, with the intervals, and the losses of both trainings."""
    figure = new_figure(11, 3.6)
    left, right = figure.subplots(1, 2)
    floor = slick["floor"]["iou"]["value"]
    left.axhline(floor or 0, color=FLOOR, linestyle="--", linewidth=1)
    left.text(0.99, (floor or 0) + 0.01, "blur and threshold", color=FLOOR, fontsize=8, ha="right",
              transform=left.get_yaxis_transform())  # fmt: skip
    tiles = [len(sets[name].tiles) for name in ("first", "second")]
    values = [slick[name]["iou"] for name in ("first", "second")]
    heights = [value["value"] or 0 for value in values]
    left.plot(tiles, heights, color=INK, linewidth=1)
    for x, value, colour in zip(tiles, values, (FIRST, SECOND), strict=True):
        if value["low"] is not None:
            left.plot([x, x], [value["low"], value["high"]], color=colour, linewidth=2)
        left.plot([x], [value["value"] or 0], "o", color=colour, markersize=7)
    left.set_ylim(0, max(0.3, *(value["high"] or 0 for value in values)) * 1.1)
    left.set_xlim(tiles[0] * 0.7, tiles[1] * 1.1)
    plain(left, "IoU of slick on the test scenes", "labelled tiles")
    for name, colour in (("first", FIRST), ("second", SECOND)):
        lines = [json.loads(line) for line in (out / "runs" / name / "metrics.jsonl").read_text().splitlines()]
        epochs = [line["epoch"] for line in lines]
        right.plot(epochs, [line["train"]["loss"] for line in lines], color=colour, label=f"{name} model, training")
        right.plot(epochs, [line["validation"]["losses"]["loss"] for line in lines], color=colour, linestyle=":",
                   label=f"{name} model, validation")  # fmt: skip
    right.legend(fontsize=8, frameon=False)
    plain(right, "Loss", "epoch")
    return png_of(figure)


def chosen_tiles(out: Path, pool: Dataset, picks: Sequence[Json]) -> bytes:
    """The first tiles of the queue: the model's outlines dashed, what was drawn solid."""
    tiles = {tile.tile_id: tile for tile in pool.tiles}
    figure = new_figure(11, 4.3)
    for axes in (grid := figure.subplots(2, TILES_SHOWN // 2)).flat:
        axes.set_axis_off()
    for axes, row in zip(grid.flat, picks, strict=False):
        tile = tiles[row["tile_id"]]
        show(axes, pool.read(tile)[0])
        for folder, colour, style in (("predictions", FOUND, "--"), ("drawn/second", TRUE, "-")):
            path = out / folder / f"{tile.scene_id}.geojson"
            features = read_json(path)["features"] if path.is_file() else []
            draw(axes, _on_tile(features, tile), colour, style)
        height, width = tile.height_width
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_title(f"{row['rank']}: …{tile.tile_id[-16:]}", fontsize=8, color=INK, loc="left")
    return png_of(figure)


def scene_picture(location: str, found: Sequence[Json], true: Sequence[Json], brightest: float = 99.5) -> bytes:
    """A whole scene, coarse, with what was found and what is there; `brightest` as for `show`."""
    pixels, transform = prepared(location, SCENE_M)
    height, width = pixels.shape
    figure = new_figure(11, 11 * height / width + 0.2)
    axes = figure.subplots()
    axes.set_axis_off()
    show(axes, pixels, brightest)
    for features, colour in ((true, TRUE), (found, FOUND)):
        for outline in outlines_of(features, transform):
            middle = outline[0].mean(axis=0)
            axes.plot(*middle, "o", color=colour, markersize=13, fillstyle="none", markeredgewidth=1.2)
        draw(axes, outlines_of(features, transform), colour, "-")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return png_of(figure)


def slick_details(location: str, found: Sequence[Json], true: Sequence[Json]) -> bytes:
    """The largest slicks, those that are there first, at the model's resolution."""
    pixels, transform = prepared(location, DETAIL_M)
    outlines = {colour: outlines_of(some, transform) for colour, some in ((TRUE, true), (FOUND, found))}
    ranked = [one for some in outlines.values() for one in sorted(some, key=_extent, reverse=True)][:DETAILS]
    figure = new_figure(11, 3.1)
    for axes in (row := figure.subplots(1, DETAILS)):
        axes.set_axis_off()
    for axes, outline in zip(row, ranked, strict=False):
        col, line = np.concatenate(outline).mean(axis=0)
        top, left = (int(max(0, value - DETAIL_PX / 2)) for value in (line, col))
        show(axes, pixels[top : top + DETAIL_PX, left : left + DETAIL_PX])
        for colour, some in outlines.items():
            draw(axes, [[ring - (left, top) for ring in one] for one in some], colour, "-")
        axes.set_xlim(0, DETAIL_PX)
        axes.set_ylim(DETAIL_PX, 0)
    return png_of(figure)


def prepared(location: str, resolution_m: float) -> tuple[NDArray[np.uint8], Any]:
    """A scene on a longitude-latitude grid of that resolution, uint8 (rows, columns), and the grid's transform."""
    from ceruleanml.scenes.grid import make_grid
    from ceruleanml.scenes.prepared import PreparedScene
    from ceruleanml.scenes.reading import open_scene
    from ceruleanml.storage import gdal_environment

    with gdal_environment():
        scene = open_scene(location)
        grid = make_grid(scene, "native", resolution_m)
        pixels = np.zeros((1, *grid.height_width), np.uint8)
        PreparedScene(scene, grid).fill(pixels, 0)
    return pixels[0], grid.transform


def outlines_of(features: Sequence[Json], transform: Any) -> list[Outline]:
    """Of each feature its rings as (column, row) on a grid of longitude and latitude."""
    into = ~transform
    found = []
    for feature in features:
        geometry = feature["geometry"]
        parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
        rings = [np.array(ring, np.float64)[:, :2] for part in parts for ring in part]
        found.append([np.column_stack(into @ (ring[:, 0], ring[:, 1])) for ring in rings])
    return found


def _on_tile(features: Sequence[Json], tile: TileRecord) -> list[Outline]:
    return outlines_of(features, tile.transform)


def _extent(outline: Outline) -> float:
    every = np.concatenate(outline)
    return float(np.prod(np.ptp(every, axis=0) + 1))


def draw(axes: Any, outlines: Sequence[Outline], colour: str, style: str) -> None:
    """Draw outlines, in columns and rows."""
    for outline in outlines:
        for ring in outline:
            axes.plot(ring[:, 0], ring[:, 1], color=colour, linestyle=style, linewidth=1.1)


def show(axes: Any, pixels: NDArray[np.uint8], brightest: float = 99.5) -> None:
    """Draw pixels, 0 being no data; `brightest` is the percentile that becomes white."""
    data = pixels[pixels > 0]
    low, high = np.percentile(data, (1, brightest)) if data.size else (0, 1)
    height, width = pixels.shape
    axes.imshow(
        pixels, cmap="gray", vmin=low, vmax=max(high, low + 1), interpolation="nearest", extent=(0, width, height, 0)
    )


def png_of(figure: Any) -> bytes:
    """A figure as PNG."""
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=100)
    return written.getvalue()
