"""Oracles: hidden labels, the page's label store, and Zooniverse's export."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from datasets_made import box_mask
from training_made import make_tiles

from ceruleanml.classes import load_classes
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.errors import LabelError, SelectionError, StorageError
from ceruleanml.labels.store import append
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.effort import clicks_of
from ceruleanml.selection.oracles import open_oracle
from ceruleanml.selection.simulated_items import simulate_catalogue
from ceruleanml.selection.slick_task import SlickTask
from ceruleanml.selection.task import open_task
from ceruleanml.storage import read_json

NOON = datetime(2020, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def task(tmp_path: Path) -> SlickTask:
    """Four scenes of two tiles to choose from, two others to judge by."""
    make_tiles(tmp_path / "pool")
    from datasets_made import make_dataset_folder
    from training_made import tile

    make_dataset_folder(tmp_path / "judge", {"other": [tile(1, 1), tile(2)]}, channels=("vv",))
    return SlickTask.of({"pool": str(tmp_path / "pool"), "evaluation": str(tmp_path / "judge")})


def picks_of(task: SlickTask, scene_id: str) -> list[Pick]:
    return [
        Pick(item, group, rank, None, "why")
        for rank, (item, group) in enumerate(zip(*vars(task.items()).values(), strict=True), start=1)
        if group == scene_id
    ]


def outline(tile, rows: slice, cols: slice) -> list[list[float]]:
    """The corners of a rectangle of pixels of a tile, in longitude and latitude."""
    edges = [(cols.start, rows.start), (cols.stop, rows.start), (cols.stop, rows.stop), (cols.start, rows.stop)]
    corners = [list(tile.transform @ edge) for edge in edges]
    return [*corners, corners[0]]


def saved(task: SlickTask, scene_id: str, **members) -> dict:
    """A label file with one natural seep, rows 10 to 20 and columns 5 to 30 of the scene's first tile."""
    tile = next(one for one in task.pool_dataset.tiles if one.scene_id == scene_id)
    feature = {
        "type": "Feature",
        "properties": {
            "class": "natural_seep", "annotator": "ann", "source": "drawn", "slick_id": f"{scene_id}/1",
            "started": "2020-11-21T12:00:00+00:00", "finished": "2020-11-21T12:01:30+00:00",
        },
        "geometry": {"type": "MultiPolygon", "coordinates": [[outline(tile, slice(10, 20), slice(5, 30))]]},
    }  # fmt: skip
    return {"type": "FeatureCollection", "scene_id": scene_id, "features": [feature], **members}


def test_a_simulation_reveals_what_the_pool_has(task: SlickTask) -> None:
    picks = picks_of(task, "scene0")
    answers = open_oracle("simulated", {}, task).answers(picks)
    pieces = [len(answers[pick.id].payload) for pick in picks]
    assert sorted(pieces) == [0, 1]
    assert [answers[pick.id].cost["clicks"] for pick in picks] == [1 + 4 * count for count in pieces]


def test_labels_of_the_store_are_burnt_onto_the_tiles_they_lie_on(task: SlickTask, tmp_path: Path) -> None:
    append(tmp_path / "store", "scene0", saved(task, "scene0", complete=True), "ann", NOON)
    picks = picks_of(task, "scene0")
    answers = open_oracle("page", {"store": str(tmp_path / "store")}, task).answers(picks)
    drawn, empty = (answers[pick.id] for pick in picks)
    (piece,) = drawn.payload
    from pycocotools import mask as coco_mask

    mask = coco_mask.decode(piece["segmentation"]).astype(bool)
    np.testing.assert_array_equal(mask, box_mask(slice(10, 20), slice(5, 30), (64, 64)))
    assert piece["category_id"] == load_classes().id_of("natural_seep")
    assert piece["bbox"] == [5, 10, 25, 10]
    assert drawn.cost == {"minutes": 1.5}
    assert (empty.payload, empty.cost) == ([], {})


def test_tiles_count_as_answered_when_they_were_gone_through(task: SlickTask, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first, second = picks_of(task, "scene1")
    append(store, "scene1", saved(task, "scene1", complete=False), "ann", NOON)
    oracle = open_oracle("page", {"store": str(store)}, task)
    assert oracle.answers([first, second]) == {}
    tiles = {second.id: {"reviewed": True, "seconds": 12, "clicks": 3}}
    append(store, "scene1", saved(task, "scene1", complete=False, tiles=tiles), "ann", NOON.replace(hour=13))
    answers = oracle.answers([first, second])
    assert list(answers) == [second.id]
    assert answers[second.id].cost == {"minutes": 0.2, "clicks": 3}


def test_of_several_annotators_what_they_agree_on_is_the_answer(task: SlickTask, tmp_path: Path) -> None:
    """Each went through the tile; what both spent is its cost. Who goes on with another's state answers alone."""
    store, (first, _) = tmp_path / "store", picks_of(task, "scene1")
    paths = {}
    for name, clicks, seconds in (("ann", 3, 30), ("bob", 5, 60)):
        tiles = {first.id: {"reviewed": True, "clicks": clicks, "seconds": seconds}}
        content = saved(task, "scene1", complete=False, tiles=tiles)
        if name == "bob":
            tile = next(one for one in task.pool_dataset.tiles if one.scene_id == "scene1")
            ring = outline(tile, slice(10, 20), slice(15, 40))
            content["features"][0]["geometry"]["coordinates"] = [[ring]]
            content["features"][0]["properties"]["class"] = "infra_slick"
        paths[name] = append(store, "scene1", content, name, NOON)
    oracle = open_oracle("page", {"store": str(store)}, task)
    answer = oracle.answers([first])[first.id]
    (piece,) = answer.payload
    assert (piece["bbox"], piece["category_id"]) == ([15, 10, 15, 10], load_classes().id_of("infra_slick"))
    assert piece["slick_id"] == f"{first.id}/consensus/1"
    assert answer.cost == {"clicks": 8, "minutes": 1.5}
    tiles = {first.id: {"reviewed": True}}
    settled = saved(task, "scene1", tiles=tiles, based_on=[path.name for path in paths.values()])
    append(store, "scene1", settled, "cy", NOON.replace(hour=13))
    (piece,) = oracle.answers([first])[first.id].payload
    assert (piece["bbox"], piece["slick_id"]) == ([5, 10, 25, 10], "scene1/1")


def test_labels_in_pixels_are_no_answer(task: SlickTask, tmp_path: Path) -> None:
    content = saved(task, "scene0", complete=True, pixels=True)
    append(tmp_path / "store", "scene0", content, "ann", NOON)
    with pytest.raises(LabelError, match="is in pixels of an image; prepare the page with the scene's georeference"):
        open_oracle("page", {"store": str(tmp_path / "store")}, task).answers(picks_of(task, "scene0"))


@pytest.mark.parametrize(
    ("members", "properties", "says"),
    [
        ({"tiles": [1]}, {}, "its member tiles is no table of tiles"),
        ({}, {"started": "yesterday"}, "its times or clicks cannot be read"),
        ({}, {"started": "2020-11-21T12:00:00"}, "its times or clicks cannot be read"),
    ],
)
def test_a_label_file_that_cannot_be_read_is_named(
    task: SlickTask, tmp_path: Path, members: dict, properties: dict, says: str
) -> None:
    content = saved(task, "scene0", complete=True, **members)
    content["features"][0]["properties"].update(properties)
    append(tmp_path / "store", "scene0", content, "ann", NOON)
    with pytest.raises(LabelError, match=rf"Z_ann.geojson: {says}"):
        open_oracle("page", {"store": str(tmp_path / "store")}, task).answers(picks_of(task, "scene0"))


def test_partial_answers_begin_a_round_that_was_waited_for(task: SlickTask, tmp_path: Path) -> None:
    from ceruleanml.selection.experiment import create, open_experiment, run
    from ceruleanml.selection.instructions import Instructions
    from ceruleanml.selection.round_folder import RoundFolder, labels_so_far

    settings = {"pool": task.pool, "evaluation": task.evaluation}
    store = {"store": str(tmp_path / "store")}
    for scene_id in sorted(set(task.items().groups)):
        tiles = {item.id: {"reviewed": True} for item in picks_of(task, scene_id)[-1:]}
        append(tmp_path / "store", scene_id, {**saved(task, scene_id, tiles=tiles), "features": []}, "ann", NOON)
    told = Instructions("slicks", settings, "page", store, strategy="random", first=5, per_round=3, rounds=3)
    create(tmp_path / "e", told)
    arm = open_experiment(tmp_path / "e").arm("random", 0)
    assert "of 5 labels are missing" in run(tmp_path / "e", partial=True)[0].waiting
    (standing,) = run(tmp_path / "e", partial=True)
    assert (standing.done, standing.waiting.startswith("round 1: ")) == (1, True), "round 1 is asked for only now"
    known = labels_so_far(arm, 1)
    assert 0 < len(known) < 5
    assert not known.keys() & {pick.id for pick in RoundFolder(arm, 0).picks()}


def test_asking_writes_the_queue_in_order(task: SlickTask, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    picks = picks_of(task, "scene2")
    said = open_oracle("page", {"store": str(tmp_path / "store")}, task).ask(picks, tmp_path / "queue")
    queue = read_json(tmp_path / "queue" / "queue.json")
    assert [(item["tile_id"], item["reason"]) for item in queue["items"]] == [(pick.id, "why") for pick in picks]
    assert "draw the 2 tiles" in said


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden"])
def test_names_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabelError, match="choose another name"):
        append(tmp_path, "scene", {}, name, NOON)
    with pytest.raises(LabelError, match="choose another name"):
        append(tmp_path, name, {}, "ann", NOON)


def test_a_store_that_is_not_there_is_named(task: SlickTask, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nowhere: is no label store"):
        open_oracle("page", {"store": str(tmp_path / "nowhere")}, task)
    with pytest.raises(SelectionError, match="oracle page: store is missing"):
        open_oracle("page", {}, task)


@pytest.mark.parametrize(
    ("masks", "clicks"),
    [
        ([], 1),
        ([box_mask(slice(4, 20), slice(3, 9))], 5),
        ([box_mask(slice(4, 20), slice(3, 9)), box_mask(slice(22, 30), slice(3, 29))], 9),
        ([box_mask(slice(2, 30), slice(2, 30)) & ~box_mask(slice(8, 20), slice(8, 20))], 9),
    ],
)
def test_a_click_for_each_corner_and_one_for_done(masks: list, clicks: int) -> None:
    assert clicks_of(masks) == clicks


def classification(number: int, item: str, user: str, answer: str | None) -> dict[str, str]:
    """A line of an export, with what Zooniverse puts around the parts that count."""
    return {
        "classification_id": str(number), "user_name": user, "user_ip": "abc", "workflow_id": "7",
        "annotations": json.dumps([{"task": "T0", "task_label": "Is it smooth?", "value": answer}]),
        "subject_data": json.dumps({str(500 + number): {"retired": None, "#item_id": item, "filename": "x.png"}}),
    }  # fmt: skip


def test_zooniverse_counts_each_volunteer_once(tmp_path: Path) -> None:
    csv_path = simulate_catalogue(tmp_path / "galaxies", 6, 0)
    settings = {"catalogue": str(csv_path), "evaluation": str(csv_path)}
    task = open_task("catalogue", {**settings})
    ids = task.pool.ids
    export = tmp_path / "export.csv"
    oracle = open_oracle("zooniverse", {"export": str(export), "yes": "Smooth", "votes": 3}, task)
    picks = [Pick(item, "", rank, None, "why") for rank, item in enumerate(ids[:2], start=1)]
    assert oracle.answers(picks) == {}
    oracle.ask(picks, tmp_path / "subjects")
    with (tmp_path / "subjects" / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["#item_id"] for row in rows] == list(ids[:2])
    assert all((tmp_path / "subjects" / row["filename"]).stat().st_size for row in rows)
    lines = [
        classification(1, ids[0], "ann", "Featured"),
        classification(2, ids[0], "bob", "Smooth"),
        classification(3, ids[0], "ann", "Smooth"),
        classification(4, ids[0], "cy", "Featured"),
        classification(5, ids[1], "ann", "Smooth"),
        classification(6, ids[0], "dee", None),
    ]
    with export.open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    answers = oracle.answers(picks)
    assert {item: answer.payload for item, answer in answers.items()} == {ids[0]: {"k": 2, "N": 3}}
    assert answers[ids[0]].cost["votes"] == 3


def test_the_pool_is_a_data_set(task: SlickTask) -> None:
    assert len(task.items().ids) == len(open_dataset(Path(task.pool)).tiles) == 8
