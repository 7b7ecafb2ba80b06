"""How far annotators agree: figures one can check by hand, and who is compared where."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from label_states import NOON, box, feature, pixel_box, save
from scenes_made import pixels, write_tiff
from sklearn.metrics import cohen_kappa_score

from ceruleanml.classes import load_classes
from ceruleanml.errors import LabelError
from ceruleanml.labels.agreement import agreement
from ceruleanml.labels.agreement_figures import kappa, kappa_of_class, matches, outline_distances, slick_iou
from ceruleanml.labels.agreement_table import DEFINITIONS, rows_of
from ceruleanml.labels.frames import Frames
from ceruleanml.labels.instances import GridInstance
from ceruleanml.labels.snapshots import open_store
from ceruleanml.labels.store import append
from ceruleanml.scenes.grid import Window

CLASSES = load_classes()


def add(folder, who, *features, minutes=0, **members):
    return append(folder, "s", save(*features, annotator=who, **members), who, NOON + timedelta(minutes=minutes))


def compared(folder, **frames):
    """The rows of figures by (annotators, kind), and the notes."""
    pairs, notes = agreement(open_store(folder), CLASSES, Frames(**frames))
    return {(*row["annotators"], row["kind"]): row for row in rows_of(pairs, CLASSES)}, notes


# ---- figures


@settings(max_examples=25)
@given(arrays(np.int64, (2, 30), elements=st.integers(0, 3)))
def test_kappa_is_that_of_scikit_learn(drawn):
    confusion = np.zeros((4, 4), np.int64)
    np.add.at(confusion, tuple(drawn), 1)
    if len(set(drawn.ravel())) > 1:
        assert kappa(confusion) == pytest.approx(cohen_kappa_score(*drawn))
        for class_id in set(drawn.ravel().tolist()):
            expected = cohen_kappa_score(*(drawn == class_id))
            assert kappa_of_class(confusion, class_id) == pytest.approx(expected)


def test_figures_of_a_small_matrix():
    confusion = np.array([[80, 2, 0], [3, 10, 1], [0, 0, 4]])
    assert slick_iou(confusion) == pytest.approx(15 / 20)
    assert np.isnan(slick_iou(np.diag([5, 0, 0]))) and np.isnan(kappa(np.zeros((2, 2), np.int64)))
    assert np.isnan(kappa_of_class(np.diag([5, 4, 0]), 2)) and kappa(np.diag([5, 4, 3])) == 1


def test_pairs_have_the_greatest_overlap_together():
    iou = np.array([[0.6, 0.5], [0.55, 0.05]])
    assert matches(iou, 0.1) == [(0, 1), (1, 0)], "0.5 + 0.55 is more than 0.6 + 0.05"
    assert matches(iou, 0.52) == [(0, 0)]
    assert matches(np.zeros((2, 0)), 0.1) == [] == matches(np.zeros((2, 2)), 0.0)


def square(row, col, size):
    return GridInstance("x", 1, Window(row, col, size, size), np.ones((size, size), bool), "x")


def test_distances_are_those_of_the_outlines_both_ways():
    window, pixel_m = Window(0, 0, 20, 20), (10.0, 20.0)
    everywhere = np.ones((20, 20), bool)
    same = outline_distances(square(5, 5, 6), square(5, 5, 6), pixel_m, everywhere, window)
    assert len(same) == 2 * 20 and not same.any()
    shifted = outline_distances(square(5, 5, 6), square(7, 5, 6), pixel_m, everywhere, window)
    assert shifted.max() == 20 and shifted.min() == 0
    within = outline_distances(square(5, 3, 10), square(8, 6, 4), pixel_m, everywhere, window)
    assert within.max() == pytest.approx(np.hypot(3 * 10, 3 * 20)), "the corner is the farthest"
    half = everywhere.copy()
    half[:, :5] = False
    assert len(outline_distances(square(5, 3, 10), square(8, 6, 4), pixel_m, half, window)) == (36 - 10 - 2) + 12
    none = outline_distances(square(5, 3, 10), square(8, 6, 4), pixel_m, ~everywhere, window)
    assert none.size == 0


# ---- who is compared where


def test_two_who_drew_on_their_own_are_compared_over_the_scene(tmp_path):
    write_tiff(tmp_path / "s.tif", pixels())
    add(tmp_path / "store", "ann", feature(box(20, 10, 8, 20), slick_id="1"), feature(box(40, 60, 4, 4), slick_id="2"))
    add(tmp_path / "store", "bob", feature(box(20, 20, 8, 20), slick_id="1", name="infra_slick"))
    found, notes = compared(tmp_path / "store", locations={"s": str(tmp_path / "s.tif")}, grid="native")
    assert notes == []
    row = found["ann", "bob", "not blind"]
    assert (row["scenes"], row["tiles"], row["matched"], row["alone"]) == (1, 0, 1, {"ann": 1, "bob": 0})
    assert row["iou"] == pytest.approx(80 / 256, abs=0.02)
    assert row["matched_iou"] == pytest.approx(1 / 3, abs=0.02)
    assert row["same_class"] == 0 and row["kappa_by_class"]["old_vessel"] == 0, "bob gave it to none"
    assert row["hausdorff_m"] == pytest.approx(10 * 85, rel=0.1), "10 columns of 0.001 degrees at 40 degrees north"
    assert set(DEFINITIONS) <= {*row, "kappa"}


def test_blind_tiles_are_told_apart(tmp_path):
    """In the blind tile they agree on nothing, elsewhere, with the model's outlines before them, on all."""
    blind = {"reviewed": True, "blind": True, "bounds": [10.0, 39.97, 10.03, 40.0]}
    seen = {"reviewed": True, "blind": False, "bounds": [10.03, 39.97, 10.06, 40.0]}
    tiles = {"s_0": blind, "s_1": seen, "s_2": {"reviewed": True}}
    same = feature(box(5, 40, 10, 10), slick_id="1")
    add(tmp_path, "ann", same, feature(box(5, 5, 4, 4), slick_id="2"), complete=False, tiles=tiles)
    add(tmp_path, "bob", same, feature(box(20, 20, 4, 4), slick_id="2"), complete=False, tiles=tiles)
    found, notes = compared(tmp_path, resolution_m=100.0)
    assert notes == ["scene s: 1 tiles are left out whose place is not known; import with --page"]
    assert (found["ann", "bob", "blind"]["iou"], found["ann", "bob", "blind"]["tiles"]) == (0, 1)
    assert (found["ann", "bob", "not blind"]["iou"], found["ann", "bob", "not blind"]["kappa"]) == (1, 1)


def test_a_tile_cuts_no_outline(tmp_path):
    """A slick that leaves the tile: where both are cut, nothing is measured."""
    tiles = {"t": {"reviewed": True, "blind": True, "bounds": [10.0, 39.96, 10.03, 40.0]}}
    for who, row in (("ann", 10), ("bob", 12)):
        add(tmp_path, who, feature(box(row, 10, 6, 60), slick_id="1"), complete=False, tiles=tiles)
    row = compared(tmp_path, resolution_m=111.195)[0]["ann", "bob", "blind"]
    assert row["hausdorff_m"] == pytest.approx(2 * 111.195, rel=0.01)
    assert row["boundary_mean_m"] > 150, "the long edges lie two pixels apart"


def test_complete_scenes_are_compared_without_their_blind_tiles(tmp_path):
    tiles = {"t": {"reviewed": True, "blind": True, "bounds": [10.0, 39.9, 10.05, 40.0]}}
    left, right = feature(box(5, 5, 4, 4), slick_id="1"), feature(box(5, 70, 4, 4), slick_id="2")
    add(tmp_path, "ann", left, right, tiles=tiles)
    add(tmp_path, "bob", right, tiles=tiles)
    found, _ = compared(tmp_path)
    assert (found["ann", "bob", "blind"]["iou"], found["ann", "bob", "not blind"]["iou"]) == (0, 1)
    add(tmp_path, "cy", left, complete=False, tiles=tiles)
    found, _ = compared(tmp_path)
    assert found["ann", "cy", "blind"]["iou"] == 1 and ("ann", "cy", "not blind") not in found


def test_a_complete_state_has_looked_at_every_tile(tmp_path):
    bounds = [10.0, 39.9, 10.05, 40.0]
    add(tmp_path, "ann", feature(box(5, 5, 4, 4)))
    add(tmp_path, "bob", complete=False, tiles={"t": {"reviewed": True, "blind": True, "bounds": bounds}})
    found, _ = compared(tmp_path)
    assert [*found] == [("ann", "bob", "not blind")]
    assert (found["ann", "bob", "not blind"]["tiles"], found["ann", "bob", "not blind"]["iou"]) == (1, 0)


def test_who_went_on_with_the_others_work_is_not_compared(tmp_path):
    first = add(tmp_path, "ann", feature(box(5, 5, 4, 4)))
    add(tmp_path, "bob", feature(box(5, 5, 4, 4)), minutes=1, based_on=[first.name])
    add(tmp_path, "bob", feature(box(5, 5, 5, 5)), minutes=2)
    found, notes = compared(tmp_path)
    assert found == {} and notes == ["scene s: ann and bob are not compared, as one went on with the other's"]


def test_nor_who_went_on_with_it_through_a_third(tmp_path):
    first = add(tmp_path, "ann", feature(box(5, 5, 4, 4)))
    add(tmp_path, "bob", feature(box(5, 5, 4, 4)), minutes=1, based_on=[first.name])
    second = add(tmp_path, "bob", feature(box(5, 5, 5, 5)), minutes=2)
    add(tmp_path, "cleo", feature(box(5, 5, 5, 5)), minutes=3, based_on=[second.name])
    found, notes = compared(tmp_path)
    assert found == {} and len(notes) == 3


def test_what_lies_half_a_world_apart_is_refused_before_it_fills_the_memory(tmp_path):
    """A slick at both ends of the map, as across the antimeridian, has all the world for its box."""
    for who in ("ann", "bob"):
        ends = [[[side * 179.9, 1], [side * 179.8, 1], [side * 179.8, 1.5], [side * 179.9, 1]] for side in (-1, 1)]
        add(tmp_path, who, feature(*ends))
    with pytest.raises(LabelError, match=r"scene s: what was drawn lies 1,406 x 999,978 pixels apart"):
        compared(tmp_path, resolution_m=40)


def test_of_each_annotator_the_newest_counts(tmp_path):
    add(tmp_path, "ann", feature(box(5, 5, 4, 4)))
    add(tmp_path, "ann", feature(box(20, 20, 4, 4)), minutes=1)
    add(tmp_path, "bob", feature(box(20, 20, 4, 4)))
    assert compared(tmp_path)[0]["ann", "bob", "not blind"]["iou"] == 1


def test_in_pixels_of_an_image_nothing_is_metres(tmp_path):
    for who, col in (("ann", 5), ("bob", 7)):
        add(tmp_path, who, feature(pixel_box(5, col, 4, 4)), pixels=True)
    row = compared(tmp_path)[0]["ann", "bob", "not blind"]
    assert row["iou"] == pytest.approx(8 / 24, abs=1e-4) and row["hausdorff_m"] is None


def test_nothing_drawn_by_either_is_no_figure(tmp_path):
    for who in ("ann", "bob"):
        add(tmp_path, who)
    assert compared(tmp_path) == ({}, [])
