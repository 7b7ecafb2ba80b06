"""The wand dragged along the real slick off Cape Hatteras, against an outline drawn by hand on enlarged pictures."""

import base64
from pathlib import Path

import numpy as np
import pytest
from page_engine_bridge import ask
from scipy.ndimage import binary_dilation

from ceruleanml.classes import load_classes
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_geojson
from ceruleanml.scenes.grid import Window, make_grid
from ceruleanml.scenes.reading import open_scene
from ceruleanml.scenes.warp import framed_pixels, warp

OUTLINE = Path(__file__).parent / "data_hatteras_outline.geojson"
ENDS = [(655.5, 288.5), (810.5, 425.5)]
"""Column and row on the native grid where the slick begins and ends."""
WAY = [
    (655, 288), (665, 309), (675, 311), (682, 305), (698, 328), (714, 347),
    (722, 352), (726, 366), (745, 375), (752, 376), (790, 408), (810, 425),
]  # fmt: skip
MARGIN = 60


@pytest.fixture(scope="module")
def slick(shared_data):
    """The samples around the slick on the scene's native grid, and the outline's mask on them."""
    scene = open_scene(str(shared_data / "hatteras" / "iw-vv.tiff"))
    grid = make_grid(scene)
    (shape,) = read_geojson(OUTLINE, load_classes(), scene.scene_id)
    instance = burn(shape, grid, scene.georeference)
    box = instance.window
    window = Window(box.row - MARGIN, box.col - MARGIN, box.height + 2 * MARGIN, box.width + 2 * MARGIN)
    pixels = warp(framed_pixels(scene), scene.georeference, grid, window)
    samples = {"row": window.row, "col": window.col, "height": window.height, "width": window.width}
    return {**samples, "bytes": base64.b64encode(pixels.tobytes()).decode()}, np.pad(instance.mask, MARGIN)


def followed(samples, drags):
    """The masks that drags give, each on the samples' window."""
    masks = []
    for back in ask(*(("follow", {"samples": samples, "drag": drag}) for drag in drags)):
        whole = np.zeros((samples["height"], samples["width"]), bool)
        row, col = back["row"] - samples["row"], back["col"] - samples["col"]
        part = np.reshape(back["data"], (back["height"], back["width"]))
        whole[row : row + back["height"], col : col + back["width"]] = part
        masks.append(whole)
    return masks


def precision_recall(mask, outline):
    """Within one pixel, the eight neighbours."""
    near = np.ones((3, 3), bool)
    precision = (mask & binary_dilation(outline, near)).sum() / mask.sum()
    recall = (outline & binary_dilation(mask, near)).sum() / outline.sum()
    return precision, recall


def test_one_drag_outlines_the_slick(slick):
    samples, outline = slick
    assert outline.sum() == 450
    random = np.random.default_rng(1)
    shaky = [(np.array(WAY) + random.uniform(-4, 4, (len(WAY), 2))).tolist() for _ in range(6)]
    for mask in followed(samples, [ENDS, WAY, *shaky]):
        precision, recall = precision_recall(mask, outline)
        assert precision >= 0.95
        assert recall >= 0.95
    exact = followed(samples, [ENDS])[0]
    assert (exact & outline).sum() / (exact | outline).sum() > 0.75
