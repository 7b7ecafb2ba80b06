"""The tiles that a model gets most wrong, as pictures: image, label and prediction beside each other."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.evaluation.answers import TilePrediction
from ceruleanml.evaluation.class_map import NOT_IN_MODEL, ClassMap
from ceruleanml.evaluation.judging import TileAnswer, TileTruth

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, STRANGER = "#26323a", "#b0b7bb"
MOST_PX = 512
_FILL = 0.55


@dataclass(frozen=True, eq=False)
class Picture:
    """One tile: its name, what is wrong with it in words, and the PNG's bytes."""

    tile_id: str
    caption: str
    png: bytes


def picture(
    prediction: TilePrediction, truth: TileTruth, answer: TileAnswer, classes: ClassMap, table: ClassTable
) -> Picture:
    """The picture of a tile: its first channel, the same with labels, and with what the model says."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tile = prediction.view.tile
    step = max(1, max(tile.height_width) // MOST_PX)
    band = prediction.view.image[0][::step, ::step]
    figure = Figure(figsize=(9, 3.2 * band.shape[0] / band.shape[1] + 0.25), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    colours = class_colours(classes, table)
    layers = (None, truth.rows[::step, ::step], answer.class_ids[::step, ::step])
    for axes, layer, title in zip(figure.subplots(1, 3), layers, ("image", "label", "prediction"), strict=True):
        _draw(axes, band, layer, colours)
        axes.set_title(title, fontsize=9, loc="left", color=INK)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=100)
    return Picture(tile.tile_id, _caption(truth, answer, classes), written.getvalue())


def class_colours(classes: ClassMap, table: ClassTable) -> dict[int, str]:
    """The display colour of each row but the background; a class that is not in the table takes the first slick's."""
    known = {row.name: row.display for row in table}
    fallback = table[1].display
    rows = enumerate(classes.rows)
    return {number: STRANGER if name == NOT_IN_MODEL else known.get(name, fallback) for number, name in rows if number}


def _draw(axes: Axes, band: NDArray[np.float32], layer: NDArray[np.uint8] | None, colours: dict[int, str]) -> None:
    from matplotlib.colors import to_rgb

    axes.set_axis_off()
    shown = band[band > 0]
    low, high = np.percentile(shown, (1, 99.5)) if shown.size else (0.0, 1.0)
    grey = np.clip((band - low) / max(high - low, 1e-3), 0, 1)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    if layer is not None:
        for number, colour in colours.items():
            here = layer == number
            rgb[here] = (1 - _FILL) * rgb[here] + _FILL * np.array(to_rgb(colour))
    axes.imshow(rgb, interpolation="nearest")


def _caption(truth: TileTruth, answer: TileAnswer, classes: ClassMap) -> str:
    labelled, predicted = (ids[truth.valid] > 0 for ids in (truth.rows, answer.class_ids))
    names = [classes.rows[number] for number in np.unique(truth.rows) if number] or ["no slick"]
    missed, wrong = int((labelled & ~predicted).sum()), int((predicted & ~labelled).sum())
    return f"labelled {', '.join(names)}: {missed:,} pixels missed, {wrong:,} too many"
