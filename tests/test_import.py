"""Saves of the annotation page that come in: whose they are, when, where they lie, and what they become."""

from datetime import timedelta

import numpy as np
import pytest
from imports_made import MASK, built, only, seen, take
from label_states import NOON, box, feature, pixel_box, save, write
from scenes_made import NORTH, STEP, WEST, pixels, write_gcps, write_png, write_tiff

from ceruleanml.annotation.importing import evaluation_scenes
from ceruleanml.annotation.importing_frames import frames_of
from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import SceneError, StorageError
from ceruleanml.labels.store import files_of
from ceruleanml.storage import read_json


def test_a_save_of_the_page_comes_in_under_its_own_time_and_annotator(tmp_path):
    drawn = feature(box(20, 10, 4, 70), box(40, 10, 2, 2), slick_id="s/ann/1", started="2026-11-21T11:58:00Z")
    tiles = {"s_00000_00000": {"reviewed": True, "seconds": 12.5, "clicks": 3, "blind": True, "comment": "by night"}}
    one = only(take(tmp_path, write(tmp_path / "x.geojson", save(drawn, tiles=tiles, comment="calm"))))
    assert (one.path.name, one.scene_id, one.annotator, one.slicks, one.is_new) == (
        "20261121T120000Z_ann.geojson", "s", "ann", 1, True,
    )  # fmt: skip
    stored = read_json(one.path)
    assert stored["features"][0]["geometry"] == drawn["geometry"], "outlines are kept to the last digit"
    assert stored["features"][0]["properties"] == {
        "class": "old_vessel", "slick_id": "s/ann/1", "annotator": "ann", "source": "drawn",
        "started": "2026-11-21T11:58:00Z", "finished": None, "model": None,
    }  # fmt: skip
    assert (stored["tiles"], stored["comment"], stored["complete"]) == (tiles, "calm", True)


def test_the_same_file_twice_is_one_state(tmp_path):
    path = write(tmp_path / "x.geojson", save(feature(box(1, 1, 5, 5))))
    first, again = take(tmp_path, path), take(tmp_path, path, now=NOON + timedelta(days=1))
    assert (only(first).is_new, only(again).is_new, only(again).path) == (True, False, only(first).path)
    assert len(files_of(tmp_path / "store", "s")) == 1


def test_an_older_save_is_kept_and_stays_behind(tmp_path):
    new = write(tmp_path / "new.geojson", save(feature(box(1, 1, 5, 5)), saved="2026-11-21T12:30:00Z"))
    old = write(tmp_path / "old.geojson", save())
    later = NOON + timedelta(hours=1)
    take(tmp_path, new, now=later)
    one = only(take(tmp_path, old, now=later))
    assert one.is_new and "old.geojson: is older than what the store holds of scene s" in one.notes[0]


def test_a_time_that_cannot_be_is_noted(tmp_path):
    path = write(tmp_path / "x.geojson", save(saved="2099-01-01T00:00:00Z"))
    one = only(take(tmp_path, path))
    assert one.path.name == "20261121T120000Z_ann.geojson"
    assert "says it was saved on 2099-01-01 00:00, which cannot be" in one.notes[0]


def test_a_crossing_outline_is_repaired_and_noted(tmp_path):
    bow_tie = [[10.0, 39.9], [10.01, 39.91], [10.01, 39.9], [10.0, 39.91], [10.0, 39.9]]
    one = only(take(tmp_path, write(tmp_path / "x.geojson", save(feature(bow_tie)))))
    assert "feature 1 (s/1) crossed itself and was repaired" in one.notes[0]
    assert len(read_json(one.path)["features"][0]["geometry"]["coordinates"]) == 2, "two triangles"


def test_who_drew_it_can_be_said_in_three_places(tmp_path):
    named = write(tmp_path / "a.geojson", save())
    by_slicks = write(tmp_path / "b.geojson", {**save(feature(box(1, 1, 5, 5), annotator="bob")), "annotator": None})
    silent = write(tmp_path / "c.geojson", {**save(), "annotator": None})
    assert [one.annotator for one in take(tmp_path, named, by_slicks).taken] == ["ann", "bob"]
    assert "c.geojson: does not say who drew it; give --annotator" in take(tmp_path, silent).refused[str(silent)]
    given = take(tmp_path, named, silent, annotator="cy").taken
    assert [one.annotator for one in given] == ["cy", "cy"]
    assert "says that ann drew it; taken as drawn by cy" in given[0].notes[0]


def test_tiles_get_their_place_from_the_page(tmp_path):
    page = tmp_path / "page"
    write(page / "data" / "queue.json", {"format_version": 1, "items": [
        {"id": "s_0_32", "tile_id": "s_0_32", "scene_id": "s", "scene": "s000", "window": [0, 32, 32, 32], "order": 1},
        {"id": "s", "tile_id": None, "scene_id": "s", "scene": "s000", "window": None, "order": 2},
    ]})  # fmt: skip
    about = {
        "scene_id": "s",
        "height_width": [60, 90],
        "crs": "EPSG:4326",
        "transform": [STEP, 0, WEST, 0, -STEP, NORTH],
    }
    write(page / "data" / "scenes" / "s000" / "scene.json", about)
    drawn = save(feature(box(20, 10, 4, 70)), tiles={"s_0_32": {"reviewed": True}, "other": {"reviewed": True}})
    one = only(take(tmp_path, write(tmp_path / "x.geojson", drawn), frames=frames_of(page=page)))
    tiles = read_json(one.path)["tiles"]
    assert tiles["s_0_32"]["bounds"] == pytest.approx([10.032, 39.968, 10.064, 40.0], abs=1e-9)
    assert "bounds" not in tiles["other"]
    with pytest.raises(StorageError, match=r"nowhere: holds no data/queue\.json"):
        frames_of(page=tmp_path / "nowhere")


@pytest.mark.parametrize("place", ["wrong", "partly"])
def test_labels_must_lie_in_their_scene(tmp_path, place):
    write_tiff(tmp_path / "s.tif", pixels())
    ring = box(500, 10, 5, 5) if place == "wrong" else box(50, 10, 20, 10)
    path = write(tmp_path / "x.geojson", save(feature(ring)))
    report = take(tmp_path, path, frames=frames_of([str(tmp_path / "s.tif")]))
    if place == "wrong":
        assert "x.geojson: s/1 lies outside scene s; is it of another scene?" in report.refused[str(path)]
        assert not (tmp_path / "store").exists()
    else:
        assert "s/1 reaches out of the scene with 50.0% of its area" in only(report).notes[0]


def test_labels_of_a_scene_that_was_not_given_are_refused(tmp_path):
    write_tiff(tmp_path / "s.tif", pixels())
    path = write(tmp_path / "x.geojson", save(scene_id="t"))
    report = take(tmp_path, path, frames=frames_of([str(tmp_path / "s.tif")]))
    assert "labels scene 't', which is not among the given ones" in report.refused[str(path)]


def test_evaluation_scenes_are_refused_unless_told(tmp_path):
    path = write(tmp_path / "x.geojson", save())
    (tmp_path / "test_scenes.txt").write_text("# to judge by\nscenes/s.tif\nother\n")
    held = evaluation_scenes(tmp_path / "test_scenes.txt")
    assert held == {"s", "other"}
    assert "scene s belongs to the evaluation set" in take(tmp_path, path, evaluation=held).refused[str(path)]
    write_tiff(tmp_path / "s.tif", pixels())
    make_dataset([str(tmp_path / "s.tif")], tmp_path / "held", BuildOptions())
    assert evaluation_scenes(tmp_path / "held") == {"s"} and evaluation_scenes(None) == frozenset()
    assert only(take(tmp_path, path)).is_new
    (tmp_path / "none.txt").write_text("# nothing\n")
    with pytest.raises(SceneError, match="names no scene"):
        evaluation_scenes(tmp_path / "none.txt")


def test_a_table_of_evaluation_scenes_is_read_by_its_column(tmp_path):
    """Taken as a list of lines it would name no scene, and every label of an evaluation scene would get in."""
    (tmp_path / "held.csv").write_text("scene_id,sensing_time,sweep\ns,,\n")
    write(tmp_path / "held.geojson", {"features": [{"properties": {"scene_id": "s"}}]})
    path = write(tmp_path / "x.geojson", save())
    for name in ("held.csv", "held.geojson"):
        refused = take(tmp_path, path, evaluation=evaluation_scenes(tmp_path / name)).refused
        assert "scene s belongs to the evaluation set" in refused[str(path)]


def test_a_scene_drawn_in_pixels_is_burnt_on_its_own_grid_and_later_through_its_map(tmp_path):
    """A plain image has no longitudes; when its control points are found, the same labels follow the warp."""
    write_png(tmp_path / "in" / "s.png", pixels())
    drawn = feature(pixel_box(20, 10, 4, 70), pixel_box(30, 40, 20, 10))
    drawn["geometry"]["coordinates"][1].append(pixel_box(36, 43, 4, 3)[::-1])
    content = save(drawn, crs=None, pixels=True)
    only(take(tmp_path, write(tmp_path / "x.geojson", content), frames=frames_of([str(tmp_path / "in")])))
    np.testing.assert_array_equal(built(tmp_path, tmp_path / "in")[1], MASK)
    write_gcps(tmp_path / "gcps" / "s.json")
    (tmp_path / "out").rename(tmp_path / "plain")
    tile, mapped = built(tmp_path, tmp_path / "in", georeference=f"{tmp_path}/gcps/{{scene_id}}.json")
    assert mapped.shape != MASK.shape, "columns are narrowed to the latitude"
    np.testing.assert_array_equal(mapped, seen(tile))


def test_pixels_and_degrees_are_not_taken_for_each_other(tmp_path):
    write_tiff(tmp_path / "s.tif", pixels())
    write_png(tmp_path / "p.png", pixels())
    frames = frames_of([str(tmp_path / "s.tif"), str(tmp_path / "p.png")])
    in_pixels = write(tmp_path / "x.geojson", save(feature(pixel_box(1, 1, 2, 2)), pixels=True))
    in_degrees = write(tmp_path / "y.geojson", save(feature(box(1, 1, 2, 2)), scene_id="p"))
    refused = take(tmp_path, in_pixels, in_degrees, frames=frames).refused
    assert "is in pixels but scene s is in longitude and latitude" in refused[str(in_pixels)]
    assert "is in degrees but scene p is in pixels of its image" in refused[str(in_degrees)]
