"""Volunteers' drawings to labels: the vote at each pixel, votes per item, the store, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet
import pytest
import rasterio
from crowd_made import (
    SCENE,
    classification,
    freehand,
    mask_of,
    old_polygon,
    polygon,
    samples,
    subject_of,
    write_crowd_page,
    write_export,
)

from ceruleanml.annotation.zooniverse_import import CrowdRules, import_export
from ceruleanml.annotation.zooniverse_subjects import picture_of, subjects_of
from ceruleanml.classes import load_classes
from ceruleanml.errors import LabelError, SelectionError, StorageError, UsageError
from ceruleanml.labels.burn import burn
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.labels.store import files_of
from ceruleanml.scenes.grid import Grid
from ceruleanml.selection.catalogue_files import read_table, votes_of

CLASSES = load_classes()


@pytest.fixture
def page(tmp_path):
    return write_crowd_page(tmp_path / "page")


def polled(page, tmp_path, *of_volunteers, order=1, **about):
    """An export in which volunteers 1, 2, ... drew these marks on an item."""
    subject = subject_of(page, order)
    rows = [classification(subject, f"v{n}", marks, n, **about) for n, marks in enumerate(of_volunteers, start=1)]
    return write_export(tmp_path / "export.csv", rows)


def state(store):
    (path,) = files_of(store, SCENE)[-1:]
    return json.loads(path.read_text())


def burnt(store, page):
    """The labels of the store's newest file on the page's scene: class id at each pixel, and the instances."""
    frame = subjects_of(page)[0].frame
    grid = Grid("page", frame.georeference.transform, frame.height_width)
    out, found = np.zeros(frame.height_width, int), []
    for shape in read_label_file(files_of(store, SCENE)[-1], CLASSES, SCENE).shapes:
        one = burn(shape, grid, None)
        found.append(one)
        window = one.window
        out[window.row : window.row + window.height, window.col : window.col + window.width][one.mask] = one.class_id
    return out, found


def test_a_pixel_is_a_slick_where_more_than_half_drew_one(page, tmp_path):
    export = polled(page, tmp_path, [polygon(10, 20, 20, 30)], [polygon(10, 30, 20, 30)], [old_polygon(15, 30, 20, 30)])
    report = import_export(export, page, tmp_path / "store", CrowdRules(votes=3))
    assert (report.decided, report.waiting, report.slicks) == (1, 2, 1)
    drawn = [
        mask_of((300, 600), 10, 20, 20, 30),
        mask_of((300, 600), 10, 30, 20, 30),
        mask_of((300, 600), 15, 30, 20, 30),
    ]
    found, _ = burnt(tmp_path / "store", page)
    assert np.array_equal(found == 2, sum(mask.astype(int) for mask in drawn) >= 2)


def test_marks_are_laid_where_the_item_lies_in_its_scene(page, tmp_path):
    export = polled(page, tmp_path, [polygon(5, 7, 10, 12)], order=3)
    import_export(export, page, tmp_path / "store", CrowdRules(votes=1))
    found, _ = burnt(tmp_path / "store", page)
    assert np.array_equal(found == 2, mask_of((300, 600), 205, 507, 10, 12))


def test_half_is_not_more_than_half_and_who_drew_nothing_counts(page, tmp_path):
    export = polled(page, tmp_path, [polygon(10, 20, 20, 30)], [polygon(10, 20, 20, 30)], [], [])
    report = import_export(export, page, tmp_path / "store", CrowdRules(votes=4))
    assert report.slicks == 0
    about = state(tmp_path / "store")
    (tile,) = about["tiles"].values()
    assert about["features"] == []
    assert {name: tile[name] for name in ("reviewed", "empty", "blind", "k", "N", "clicks", "seconds")} == {
        "reviewed": True, "empty": True, "blind": True, "k": 2, "N": 4, "clicks": 2, "seconds": 80.0,
    }  # fmt: skip


def test_the_class_is_that_of_most_drawn_pixels(page, tmp_path):
    seep, old = [polygon(10, 20, 20, 30)], [polygon(10, 20, 20, 30, "Old vessel")]
    export = polled(page, tmp_path, seep, old, old)
    import_export(export, page, tmp_path / "store", CrowdRules(votes=3))
    assert [one["properties"]["class"] for one in state(tmp_path / "store")["features"]] == ["old_vessel"]


def test_strokes_of_a_thin_slick_meet(page, tmp_path):
    strokes = [[freehand([(5, 20.5 + off), (40, 22.5 + off), (80, 30.5 + off)])] for off in (-1, 0, 1)]
    export = polled(page, tmp_path, *strokes)
    import_export(export, page, tmp_path / "store", CrowdRules(votes=3, line_px=4))
    found, instances = burnt(tmp_path / "store", page)
    assert len(instances) == 1
    assert {int(found[:64, col].sum()) // 2 for col in range(10, 75)} <= {3, 4, 5}


def test_each_volunteer_counts_once_with_the_last_word(page, tmp_path):
    subject = subject_of(page)
    rows = [
        classification(subject, "ann", [polygon(0, 0, 9, 9)], 1),
        classification(subject, "bob", [polygon(30, 30, 9, 9)], 2),
        classification(subject, "ann", [polygon(30, 30, 9, 9)], 3),
    ]
    import_export(write_export(tmp_path / "e.csv", rows), page, tmp_path / "store", CrowdRules(votes=2))
    assert np.array_equal(burnt(tmp_path / "store", page)[0] == 2, mask_of((300, 600), 30, 30, 9, 9))


def test_votes_are_kept_as_k_of_n_and_read_as_a_catalogue_s(page, tmp_path):
    drawn = {"a": [polygon(1, 1, 5, 5)], "b": [], "c": [polygon(1, 1, 5, 5, "Ambiguous"), polygon(20, 1, 5, 5)]}
    rows = [classification(subject_of(page, 1), name, marks) for name, marks in drawn.items()]
    rows.append(classification(subject_of(page, 2), "a", []))
    export = write_export(tmp_path / "e.csv", rows)
    for name in ("votes.csv", "votes.parquet"):
        import_export(export, page, tmp_path / "store", CrowdRules(votes=3), tmp_path / "v" / name)
    table = read_table(tmp_path / "v" / "votes.csv")
    k, n = votes_of(table, ("k", "N"))
    assert (k.tolist(), n.tolist()) == ([2, 0], [3, 1])
    assert table.column("tile_id") == tuple(subject_of(page, order).tile_id for order in (1, 2))
    assert [table.column(f"k_{name}") for name in ("natural_seep", "ambiguous", "old_vessel")] == [
        ("2", "0"),
        ("1", "0"),
        ("0", "0"),
    ]
    assert pyarrow.parquet.read_table(tmp_path / "v" / "votes.parquet").column("N").to_pylist() == [3, 1]


def test_the_same_export_again_adds_nothing(page, tmp_path):
    export = polled(page, tmp_path, [polygon(10, 20, 20, 30)])
    first = import_export(export, page, tmp_path / "store", CrowdRules(votes=1))
    again = import_export(export, page, tmp_path / "store", CrowdRules(votes=1))
    assert [is_new for _, is_new in first.states.values()] == [True]
    assert [is_new for _, is_new in again.states.values()] == [False]
    assert len(files_of(tmp_path / "store", SCENE)) == 1


def test_a_later_export_keeps_what_is_known_of_other_tiles(page, tmp_path):
    store, rules = tmp_path / "store", CrowdRules(votes=1)
    import_export(polled(page, tmp_path, [polygon(10, 20, 20, 30)], order=1), page, store, rules)
    import_export(polled(page, tmp_path, [polygon(1, 2, 3, 4)], order=2), page, store, rules)
    both = mask_of((300, 600), 10, 20, 20, 30) | mask_of((300, 600), 65, 98, 3, 4)
    assert np.array_equal(burnt(store, page)[0] == 2, both)
    assert len(state(store)["tiles"]) == 2
    import_export(polled(page, tmp_path, [], order=1), page, store, rules)
    assert np.array_equal(burnt(store, page)[0] == 2, mask_of((300, 600), 65, 98, 3, 4))
    assert len(files_of(store, SCENE)) == 3


def test_a_tile_that_the_page_shows_in_another_window_now_is_still_that_tile(page, tmp_path):
    store, rules = tmp_path / "store", CrowdRules(votes=1)
    import_export(polled(page, tmp_path, [polygon(10, 20, 20, 30)]), page, store, rules)
    queue = page / "data" / "queue.json"
    queue.write_text(queue.read_text().replace("[0, 0, 64, 96]", "[0, 0, 65, 97]"))
    import_export(polled(page, tmp_path, [polygon(11, 21, 20, 30)]), page, store, rules)
    assert np.array_equal(burnt(store, page)[0] == 2, mask_of((300, 600), 11, 21, 20, 30))


def test_a_whole_scene_is_shown_smaller_and_complete_when_decided(tmp_path):
    scene = samples(1_540, 1_600)
    page = write_crowd_page(tmp_path / "page", scene, [None])
    subject = subject_of(page)
    assert (subject.scale, subject.height_width) == (2, (770, 800))
    export = polled(
        page, tmp_path, [polygon(10, 20, 20, 30)], [polygon(750, 780, 90, 90)] * 2, [polygon(750, 780, 90, 90)]
    )
    import_export(export, page, tmp_path / "store", CrowdRules(votes=3))
    assert state(tmp_path / "store")["complete"] is True
    assert np.array_equal(burnt(tmp_path / "store", page)[0] == 2, mask_of(scene.shape, 1_500, 1_560, 40, 40))


def test_a_scene_without_georeference_keeps_pixels(tmp_path):
    page = write_crowd_page(tmp_path / "page", windows=[[0, 0, 64, 96]], crs=None, transform=None)
    import_export(polled(page, tmp_path, [polygon(10, 20, 20, 30)]), page, tmp_path / "store", CrowdRules(votes=1))
    about = state(tmp_path / "store")
    assert (about["crs"], about["pixels"]) == (None, True)
    xs, ys = zip(*about["features"][0]["geometry"]["coordinates"][0][0], strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == (20, 50, 10, 30)


def test_evaluation_scenes_are_refused(page, tmp_path):
    export = polled(page, tmp_path, [polygon(10, 20, 20, 30)])
    report = import_export(export, page, tmp_path / "store", CrowdRules(votes=1, evaluation=frozenset([SCENE])))
    assert list(report.refused) == [SCENE]
    assert not files_of(tmp_path / "store", SCENE)


def test_what_is_of_another_page_or_workflow_is_told(page, tmp_path):
    other = write_crowd_page(tmp_path / "other", windows=[[0, 0, 64, 96], [9, 9, 20, 20]])
    rows = [classification(subject_of(page), "a", []), classification(subject_of(other, 2), "a", [])]
    rows.append(classification(subject_of(page), "b", [], workflow_id="56"))
    export = write_export(tmp_path / "e.csv", rows)
    report = import_export(export, page, tmp_path / "store", CrowdRules(votes=1, workflow="55"))
    assert report.notes == ("1 classifications are of subjects that this page has not",)
    (tile,) = state(tmp_path / "store")["tiles"].values()
    assert tile["N"] == 1
    with pytest.raises(LabelError, match="holds no classification of an item"):
        import_export(export, page, tmp_path / "store", CrowdRules(workflow="9"))


def test_an_export_of_another_picture_is_refused(page, tmp_path):
    row = classification(subject_of(page), "a", [])
    about = json.loads(row["subject_data"])
    about["9001"]["#origin"] = "[5, 5]"
    export = write_export(tmp_path / "e.csv", [row | {"subject_data": json.dumps(about)}])
    with pytest.raises(LabelError, match=r"line 2: item .* was drawn on another picture"):
        import_export(export, page, tmp_path / "store")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"annotations": "{"}, "line 2 is no classification"),
        ({"subject_data": "[1]"}, "line 2 is no classification"),
        ({"subject_data": '{"1": 3}'}, "line 2 is no classification"),
        ({"annotations": "[" * 100_000}, "line 2 is no classification"),
        ({"created_at": "soon"}, "created_at is 'soon'"),
    ],
)
def test_broken_exports_are_refused_with_the_line(page, tmp_path, broken, message):
    export = write_export(tmp_path / "e.csv", [classification(subject_of(page), "a", []) | broken])
    with pytest.raises((SelectionError, LabelError), match=message):
        import_export(export, page, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_rules_and_pages_that_cannot_be_are_refused(page, tmp_path):
    with pytest.raises(UsageError, match="--votes 0"):
        CrowdRules(votes=0)
    with pytest.raises(UsageError, match="--line-width"):
        CrowdRules(line_px=0)
    with pytest.raises(StorageError, match="holds no data/queue.json"):
        subjects_of(tmp_path)
    next((page / "data" / "scenes" / "s000" / "0").glob("*.png")).write_bytes(b"x")
    with pytest.raises(StorageError, match="cannot be read as a tile"):
        [picture_of(page, subject) for subject in subjects_of(page)]


def test_labels_of_volunteers_build_a_data_set(page, tmp_path):
    export = polled(page, tmp_path, [polygon(10, 20, 20, 30)])
    import_export(export, page, tmp_path / "store", CrowdRules(votes=1))
    frame = subjects_of(page)[0].frame
    (tmp_path / "scenes").mkdir()
    with rasterio.open(
        tmp_path / "scenes" / f"{SCENE}.tif", "w", driver="GTiff", dtype="uint8", count=1, height=300, width=600,
        crs="EPSG:4326", transform=frame.georeference.transform,
    ) as file:  # fmt: skip
        file.write(samples()[None])
    (path,) = files_of(tmp_path / "store", SCENE)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / f"{SCENE}.geojson").write_bytes(path.read_bytes())
    code = "import sys; from ceruleanml.cli.main import main; main()"
    command = [sys.executable, "-c", code, "make-dataset", tmp_path / "scenes", "--labels", tmp_path / "labels"]
    subprocess.run([*command, "--out", tmp_path / "set"], check=True, capture_output=True, timeout=120)
    coco = json.loads((tmp_path / "set" / "instances.json").read_text())
    assert [one["slick_id"] for one in coco["annotations"]] == [f"{SCENE}/zooniverse/0_0_64x96_1"]
