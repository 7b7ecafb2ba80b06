"""The tiles that a model gets most wrong, as pictures: image, label and prediction beside each other."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ceruleanml.classes import ClassTable
from ceruleanml.evaluation.answers import TilePrediction
from ceruleanml.evaluation.class_map import NOT_IN_MODEL, ClassMap
from ceruleanml.evaluation.judging import TileAnswer, TileTruth

INK, STRANGER = "#26323a", "#b0b7bb"
MOST_PX = 512
PANEL_PX, TITLE_PX, GAP_PX = 300, 20, 8
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
    from PIL import Image, ImageDraw, ImageFont

    step = max(1, max(prediction.view.tile.height_width) // MOST_PX)
    band = prediction.view.image[0][::step, ::step]
    height, width = (max(1, round(PANEL_PX * size / band.shape[1])) for size in band.shape)
    drawn = Image.new("RGB", (3 * width + 2 * GAP_PX, TITLE_PX + height), "white")
    text = ImageDraw.Draw(drawn)
    colours = class_colours(classes, table)
    layers = {"image": None, "label": truth.rows[::step, ::step], "prediction": answer.class_ids[::step, ::step]}
    # Averaged where it shrinks: of a slick one pixel wide something is still to be seen.
    way = Image.Resampling.BOX if width < band.shape[1] else Image.Resampling.NEAREST
    for left, (title, layer) in zip(range(0, drawn.width, width + GAP_PX), layers.items(), strict=True):
        drawn.paste(Image.fromarray(_panel(band, layer, colours)).resize((width, height), way), (left, TITLE_PX))
        text.text((left, 2), title, fill=INK, font=ImageFont.load_default(12))
    written = io.BytesIO()
    drawn.save(written, format="png")
    return Picture(prediction.view.tile.tile_id, _caption(truth, answer, classes), written.getvalue())


def class_colours(classes: ClassMap, table: ClassTable) -> dict[int, str]:
    """The display colour of each row but the background; a class that is not in the table takes the first slick's."""
    known = {row.name: row.display for row in table}
    fallback = table[1].display
    rows = enumerate(classes.rows)
    return {number: STRANGER if name == NOT_IN_MODEL else known.get(name, fallback) for number, name in rows if number}


def _panel(band: NDArray[np.float32], layer: NDArray[np.uint8] | None, colours: dict[int, str]) -> NDArray[np.uint8]:
    """The channel in grey, (rows, columns, 3), with the classes of a layer laid over it."""
    from PIL import ImageColor

    shown = band[band > 0]
    low, high = np.percentile(shown, (1, 99.5)) if shown.size else (0.0, 1.0)
    grey = np.clip((band - low) / max(high - low, 1e-3), 0, 1)
    rgb = np.repeat(255 * grey[..., None], 3, axis=2)
    if layer is not None:
        for number, colour in colours.items():
            here = layer == number
            rgb[here] = (1 - _FILL) * rgb[here] + _FILL * np.array(ImageColor.getrgb(colour))
    return rgb.round().astype(np.uint8)


def _caption(truth: TileTruth, answer: TileAnswer, classes: ClassMap) -> str:
    labelled, predicted = (ids[truth.valid] > 0 for ids in (truth.rows, answer.class_ids))
    names = [classes.rows[number] for number in np.unique(truth.rows) if number] or ["no slick"]
    missed, wrong = int((labelled & ~predicted).sum()), int((predicted & ~labelled).sum())
    return f"labelled {', '.join(names)}: {missed:,} pixels missed, {wrong:,} too many"
