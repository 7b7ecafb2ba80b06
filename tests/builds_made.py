"""A small data set's scenes, and the one way tests build from them."""

import json
import sys
from pathlib import Path

import numpy as np
from scenes_made import HEIGHT_WIDTH

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions

CERULEANML = Path(sys.executable).with_name("ceruleanml")
RED, GREEN = (255, 0, 0), (0, 255, 0)


def slick(rows, cols):
    mask = np.zeros(HEIGHT_WIDTH, bool)
    mask[rows, cols] = True
    return mask


def options(folder, **changed):
    return BuildOptions(**{"georeference": f"{folder}/gcps/{{scene_id}}.json", "tile_size": (32, 32), **changed})


def build(folder, out="out", scenes="in", workers=1, **changed):
    return make_dataset([str(folder / scenes)], folder / out, options(folder, **changed), workers)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def coco_of(folder):
    return json.loads((folder / "instances.json").read_text())


def command(folder, out="out", *more):
    return [
        CERULEANML, "make-dataset", folder / "in", "--out", folder / out, "--georeference",
        f"{folder}/gcps/{{scene_id}}.json", "--tile-size", "32", *more,
    ]  # fmt: skip
