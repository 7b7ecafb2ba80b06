"""Scenes of dark sea with bright spots, and predictions on them."""

import json

import numpy as np
from predictors_made import Brightness
from scenes_made import NORTH, STEP, WEST, write_tiff
from shapely import box
from shapely.geometry import shape

from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.predict import predict_scenes

HEIGHT_WIDTH = (100, 140)
BRIGHT, SPOT = 250, (slice(40, 52), slice(60, 90))


def picture(bright=(SPOT,), level=10):
    """Dark sea with bright spots."""
    pixels = np.full(HEIGHT_WIDTH, level, np.uint8)
    for place in bright:
        pixels[place] = BRIGHT
    return pixels


def ground(rows, cols):
    """Where pixels lie, by the control points of scenes_made."""
    return box(WEST + STEP * cols.start, NORTH - STEP * rows.stop, WEST + STEP * cols.stop, NORTH - STEP * rows.start)


def two_scenes(folder):
    """Scene a has a spot, scene b none; what comes back is the folder that `predict` takes."""
    write_tiff(folder / "in" / "a.tif", picture())
    write_tiff(folder / "in" / "b.tif", picture([]))
    return folder


def predicted(folder, name="a", out="out"):
    return json.loads((folder / out / f"{name}.geojson").read_text())


def outline(collection):
    return shape(collection["features"][0]["geometry"])


def predict(folder, model=None, out="out", scenes="in", workers=1, **options):
    return predict_scenes(
        model or Brightness(), [str(folder / scenes)], folder / out, PredictOptions(**options), workers
    )
