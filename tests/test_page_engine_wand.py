"""One click of the wand on each slick of simulated scenes, against the labels that the simulator wrote."""

import base64

import numpy as np
import pytest
from page_engine_bridge import ask
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_edt

from ceruleanml.classes import load_classes
from ceruleanml.labels.simulated import simulate_scenes
from ceruleanml.progress import Silent

LEAST_PIXELS = 300
"""Below, half of a slick's pixels lie on its soft edge, and no threshold reaches an IoU of 0.9."""


@pytest.fixture(scope="module")
def clicked(tmp_path_factory):
    """(truth, mask) of each slick of at least LEAST_PIXELS, on the windows of their scenes."""
    out = tmp_path_factory.mktemp("scenes")
    simulate_scenes(out, 4, 7, (640, 800), 20.0, "photopea", "photopea", 0.0, Silent(), load_classes())
    pairs = []
    for folder in sorted((out / "scenes").iterdir()):
        truths = [np.asarray(Image.open(path))[..., 3] >= 128 for path in sorted(folder.glob("*_[0-9]*.png"))]
        truths = [truth for truth in truths if truth.sum() >= LEAST_PIXELS]
        pixels = np.asarray(Image.open(folder / "Background.png"))
        pairs += zip(truths, masks_of(pixels, [deepest(truth) for truth in truths]), strict=True)
    return pairs


def deepest(truth):
    """Column and row of the middle of a slick's broadest place: where a person clicks."""
    depth = distance_transform_edt(np.pad(truth, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(depth.argmax(), depth.shape)
    return [float(col) + 0.5, float(row) + 0.5]


def masks_of(pixels, clicks):
    height, width = pixels.shape
    samples = {"row": 0, "col": 0, "height": height, "width": width}
    samples["bytes"] = base64.b64encode(pixels.tobytes()).decode()
    (found,) = ask(("wand", {"samples": samples, "clicks": clicks}))
    for back in found:
        whole = np.zeros(pixels.shape, bool)
        if back is not None:
            rows, cols = (slice(back[a], back[a] + back[b]) for a, b in (("row", "height"), ("col", "width")))
            whole[rows, cols] = np.reshape(back["data"], (back["height"], back["width"]))
        yield whole


def test_one_click_takes_most_of_what_can_be_seen(clicked):
    assert len(clicked) >= 5
    ious = [(truth & mask).sum() / (truth | mask).sum() for truth, mask in clicked]
    assert np.median(ious) > 0.75, np.round(ious, 2)


def test_what_is_taken_lies_on_the_slick_within_a_pixel(clicked):
    near = np.ones((3, 3), bool)
    precisions = [(mask & binary_dilation(truth, near)).sum() / max(1, mask.sum()) for truth, mask in clicked]
    recalls = [(truth & binary_dilation(mask, near)).sum() / truth.sum() for truth, mask in clicked]
    assert np.median(precisions) > 0.95, np.round(precisions, 2)
    assert np.median(recalls) > 0.9, np.round(recalls, 2)
