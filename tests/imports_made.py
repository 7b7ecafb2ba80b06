"""Importing labels in tests: one call, what it took, and what make-dataset makes of it."""

import numpy as np
from label_states import NOON
from scenes_made import HEIGHT_WIDTH, NORTH, STEP, WEST

from ceruleanml.annotation.importing import ImportRules, import_files
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions

RED = (255, 0, 0)
MASK = np.zeros(HEIGHT_WIDTH, bool)
MASK[20:24, 10:80] = True
MASK[30:50, 40:50] = True
MASK[36:40, 43:46] = False


def take(folder, *files, now=NOON, **rules):
    return import_files(list(files), folder / "store", ImportRules(**rules), now)


def only(report):
    """The one state that a report says was taken."""
    assert report.refused == {}
    (one,) = report.taken
    return one


def built(folder, scenes, **options):
    """The only tile that make-dataset makes of the store, and its only slick's mask."""
    options = BuildOptions(labels=str(folder / "store"), tile_size=None, **options)
    assert make_dataset([str(scenes)], folder / "out", options).failed == {}
    dataset = open_dataset(folder / "out")
    (tile,) = dataset.tiles
    (piece,) = dataset.annotations[tile.tile_id]
    return tile, piece.mask()


def seen(tile, mask=MASK):
    """What a mask of the image shows at the centres of a tile's pixels."""
    rows, cols = np.mgrid[: tile.height_width[0], : tile.height_width[1]] + 0.5
    t = tile.transform
    rows, cols = (NORTH - (t.f + t.e * rows)) / STEP, (t.c + t.a * cols - WEST) / STEP
    inside = (rows < mask.shape[0]) & (cols < mask.shape[1])
    found = np.zeros(tile.height_width, bool)
    found[inside] = mask[rows[inside].astype(int), cols[inside].astype(int)]
    return found
