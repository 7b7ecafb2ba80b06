"""The pictures of the report on real data, as PNG bytes; equal results give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from demo_pictures import FOUND, TRUE, Outline, draw, outlines_of, png_of, prepared, show

from ceruleanml.datasets.folder import Dataset
from ceruleanml.evaluation.plots import INK, new_figure, plain
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.scaled import at_tile_scale

COLUMNS, EXAMPLES = 4, 8
SLICK_FROM = 0.5
"""Probability from which a pixel counts as slick, as a card has it by default."""
MARGIN_PX = 40
ARMS = {"default": FOUND, "random": "#62717a"}
Json = dict[str, Any]


def examples(dataset: Dataset, model: Path) -> bytes:
    """Tiles of a data set, evenly from its list, with their labels' outlines, blue, and the model's, orange."""
    predictor = at_tile_scale(load_predictor(model, "cpu"))
    tiles = dataset.tiles[:: max(1, len(dataset.tiles) // EXAMPLES)][:EXAMPLES]
    rows = -(-len(tiles) // COLUMNS)
    figure = new_figure(11, 2.95 * rows)
    for axes in (grid := figure.subplots(rows, COLUMNS, squeeze=False)).flat:
        axes.set_axis_off()
    for axes, tile in zip(grid.flat, tiles, strict=False):
        pixels = dataset.read(tile)
        oil = 1 - predictor.probabilities(pixels[None].astype(np.float32) / np.float32(255))[0, 0]
        height, width = tile.height_width
        show(axes, pixels[0])
        for heights, colour in ((dataset.mask(tile) > 0, TRUE), (oil, FOUND)):
            if heights.min() < SLICK_FROM <= heights.max():
                axes.contour(
                    np.arange(width) + 0.5, np.arange(height) + 0.5, heights, [SLICK_FROM], colors=colour,
                    linewidths=1.1,
                )  # fmt: skip
        axes.set_xlim(0, width)
        axes.set_ylim(height, 0)
        axes.set_title(tile.scene_id, fontsize=8, color=INK, loc="left")
    return png_of(figure)


def rounds_curve(strategies: Mapping[str, Json], whole: tuple[int, Json], floor: Json) -> bytes:
    """IoU over labels of each strategy with its interval, the floor, and the model of all labels (how many, figure)."""
    figure = new_figure(7.5, 3.6)
    axes = figure.subplots()
    most = max(one["labels"][-1] for one in strategies.values())
    for place, (name, one) in enumerate(strategies.items()):
        at = np.array(one["labels"]) + place * most / 150
        mean, low, high = (np.array([np.nan if v is None else v for v in one[key]]) for key in ("mean", "low", "high"))
        reach = np.nan_to_num(np.maximum([mean - low, high - mean], 0))
        colour = ARMS.get(name, TRUE)
        axes.errorbar(at, mean, reach, color=colour, marker="o", markersize=5, capsize=3, label=name)
    for figure_of, said, style in (
        (floor, "blur and threshold", ":"), (whole[1], f"all {whole[0]} labels, images shrunk to half", "--"),
    ):  # fmt: skip
        if figure_of["value"] is not None:
            axes.axhline(figure_of["value"], color=INK, linestyle=style, linewidth=1, label=said)
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    plain(axes, "IoU of oil on held-out images", "labels")
    return png_of(figure)


def slick_closely(location: str, resolution_m: float, found: Sequence[Json], true: Sequence[Json]) -> bytes:
    """The surroundings of the true outline, three times: bare, outlined by hand, and with what was found."""
    pixels, transform = prepared(location, resolution_m)
    drawn, told = outlines_of(true, transform), outlines_of(found, transform)
    corners = np.concatenate([ring for outline in drawn for ring in outline])
    left, top = (max(0, int(value) - MARGIN_PX) for value in corners.min(axis=0))
    right, bottom = (int(value) + MARGIN_PX for value in corners.max(axis=0))
    part = pixels[top:bottom, left:right]
    figure = new_figure(11, 11 / 3 * part.shape[0] / part.shape[1] + 0.3)
    nothing: list[Outline] = []
    panels = (("the scene", nothing, TRUE), ("outlined by hand", drawn, TRUE), ("found by the model", told, FOUND))
    for axes, (title, outlines, colour) in zip(figure.subplots(1, 3), panels, strict=True):
        axes.set_axis_off()
        show(axes, part)
        draw(axes, [[ring - (left, top) for ring in outline] for outline in outlines], colour, "-")
        axes.set_xlim(0, part.shape[1])
        axes.set_ylim(part.shape[0], 0)
        axes.set_title(title, fontsize=9, color=INK, loc="left")
    return png_of(figure)
