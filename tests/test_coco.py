"""Run lengths, areas and boxes equal pycocotools'."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from ceruleanml.classes import load_classes
from ceruleanml.datasets.coco import annotation, assemble
from ceruleanml.scenes.grid import Window


@st.composite
def placed_masks(draw):
    mask = draw(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9)))
    assume(mask.any())
    row, col = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    height, width = row + mask.shape[0] + draw(st.integers(0, 5)), col + mask.shape[1] + draw(st.integers(0, 5))
    return mask, Window(row, col, *mask.shape), (height, width)


@given(placed_masks())
def test_annotation_equals_pycocotools(placed):
    mask, window, height_width = placed
    full = np.zeros(height_width, np.uint8, order="F")
    full[window.row : window.row + window.height, window.col : window.col + window.width] = mask
    ours, theirs = annotation(mask, window, height_width), coco_mask.encode(full)
    assert ours["segmentation"] == {"size": list(height_width), "counts": theirs["counts"].decode()}
    assert ours["area"] == coco_mask.area(theirs)
    assert ours["bbox"] == coco_mask.toBbox(theirs).tolist()
    np.testing.assert_array_equal(coco_mask.decode(ours["segmentation"]), full)


def test_a_full_image_and_a_column_to_its_foot():
    full = annotation(np.ones((3, 2), bool), Window(0, 0, 3, 2), (3, 2))
    assert coco_mask.decode(full["segmentation"]).all() and full["area"] == 6
    foot = annotation(np.array([[False, True], [True, False]]), Window(1, 0, 2, 2), (3, 2))
    np.testing.assert_array_equal(coco_mask.decode(foot["segmentation"]), [[0, 0], [0, 1], [1, 0]])


def test_assemble_numbers_from_one_in_order():
    units = [
        {"images": [{"scene_id": "a", "annotations": [{"slick_id": "a/1"}, {"slick_id": "a/2"}]}]},
        {"images": []},
        {"images": [{"scene_id": "c", "annotations": []}, {"scene_id": "c", "annotations": [{"slick_id": "c/1"}]}]},
    ]
    coco = assemble(units, load_classes(), {})
    assert [(i["id"], i["big_image_id"]) for i in coco["images"]] == [(1, 1), (2, 3), (3, 3)]
    assert [(a["id"], a["image_id"], a["slick_id"]) for a in coco["annotations"]] == [
        (1, 1, "a/1"), (2, 1, "a/2"), (3, 3, "c/1"),
    ]  # fmt: skip
    assert [c["id"] for c in coco["categories"]] == [1, 2, 3, 4, 5, 6]
    assert coco["categories"][0]["name"] == "infra_slick"
