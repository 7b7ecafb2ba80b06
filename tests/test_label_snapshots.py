"""Snapshots of the label store, and data sets that are built from it, now or as it was."""

import json
from datetime import timedelta

import numpy as np
import pytest
from builds_made import build, coco_of, contents
from label_states import NOON, box, feature, save
from scenes_made import pixels, write_tiff

from ceruleanml.datasets.build import make_dataset
from ceruleanml.datasets.folder import open_dataset
from ceruleanml.datasets.options import BuildOptions
from ceruleanml.errors import DatasetError, LabelError, StorageError, UsageError
from ceruleanml.labels.consensus import RULE
from ceruleanml.labels.finding import NOT_COMPLETE
from ceruleanml.labels.snapshots import find_store, open_store, snapshot_of, take_snapshot
from ceruleanml.labels.store import append

LEFT, MIDDLE, RIGHT = (feature(box(20, col, 4, 20), slick_id=f"s/{col}") for col in (10, 20, 30))


@pytest.fixture
def scene(tmp_path):
    """A scene and a store with one state of it."""
    write_tiff(tmp_path / "in" / "s.tif", pixels())
    append(tmp_path / "store", "s", save(LEFT), "ann", NOON)
    return tmp_path


def add(folder, *features, who="ann", minutes=1, **members):
    return append(folder / "store", "s", save(*features, **members), who, NOON + timedelta(minutes=minutes))


def built(folder, out="out", labels="store", **options):
    """The data set made of the store, and the notes on its only scene."""
    chosen = BuildOptions(labels=str(folder / labels), tile_size=None, **options)
    report = make_dataset([str(folder / "in")], folder / out, chosen)
    assert report.failed == {}
    return open_dataset(folder / out), report.notes.get("s", [])


def columns(dataset):
    """First and last labelled column of the image's 90, from the only tile."""
    (tile,) = dataset.tiles
    labelled = np.flatnonzero(dataset.mask(tile).any(axis=0))
    west, step = tile.transform.c, tile.transform.a
    return [round((west + step * edge - 10.0) / 0.001) for edge in (labelled[0], labelled[-1] + 1)]


def test_a_snapshot_is_the_sum_of_names_and_contents(scene):
    first = take_snapshot(scene / "store")
    assert first == take_snapshot(scene / "store") == snapshot_of(scene / "store")
    assert json.loads((scene / "store" / ".snapshots" / f"{first.sha256}.json").read_text())["files"] == first.files
    assert list(first.files) == ["s/20261121T120000Z_ann.geojson"]
    add(scene, RIGHT)
    second = take_snapshot(scene / "store")
    assert second.sha256 != first.sha256 and len(second.files) == 2
    assert find_store(scene / "store").snapshot is None


def test_a_store_is_opened_as_it_was(scene):
    first = take_snapshot(scene / "store", "before")
    take_snapshot(scene / "store", "x" * 64)  # as long as a sha256
    later = add(scene, RIGHT)
    for name in ("before", first.sha256, first.sha256[:4], "x" * 64):
        store = open_store(f"{scene}/store@{name}")
        assert (store.snapshot, store.scenes()) == (first, ["s"])
        assert [path.name for path in store.heads("s")] == ["20261121T120000Z_ann.geojson"]
    assert open_store(scene / "store").heads("s") == [later]


def test_digits_that_begin_two_snapshots_name_neither(scene):
    digest = take_snapshot(scene / "store").sha256
    folder = scene / "store" / ".snapshots"
    (folder / f"{digest[:6]}{'0' * 58}.json").write_text((folder / f"{digest}.json").read_text())
    with pytest.raises(LabelError, match="begins 2 snapshots; give more digits of one"):
        open_store(f"{scene}/store@{digest[:6]}")
    assert open_store(f"{scene}/store@{digest[:8]}").snapshot.sha256 == digest


def test_a_name_keeps_its_snapshot(scene):
    take_snapshot(scene / "store", "round-1")
    take_snapshot(scene / "store", "round-1")
    add(scene, RIGHT)
    with pytest.raises(LabelError, match=r"round-1\.name: names another snapshot already"):
        take_snapshot(scene / "store", "round-1")
    with pytest.raises(LabelError, match=r"snapshot '\.\./x': may hold letters"):
        take_snapshot(scene / "store", "../x")


@pytest.mark.parametrize("named", ["nothing", "abc", "00000000", "0" * 64, "*", "../../x"])
def test_what_names_no_snapshot_is_told(scene, named):
    take_snapshot(scene / "store", "round-1")
    with pytest.raises(LabelError, match=r"is no snapshot of the store; it has round-1|is missing or was changed"):
        open_store(f"{scene}/store@{named}".replace("../../", ""))
    with pytest.raises(StorageError, match="nowhere: is no label store"):
        open_store(f"{scene}/nowhere@x")


def test_a_snapshot_tells_of_files_that_were_changed(scene):
    first = take_snapshot(scene / "store")
    (path,) = (scene / "store" / "s").glob("*.geojson")
    path.write_text(path.read_text().replace("old_vessel", "infra_slick"))
    with pytest.raises(LabelError, match=r"ann\.geojson: is not what it was in snapshot"):
        open_store(f"{scene}/store@{first.sha256}").heads("s")
    listing = scene / "store" / ".snapshots" / f"{first.sha256}.json"
    listing.write_text(listing.read_text().replace("s/2026", "../2026"))
    with pytest.raises(LabelError, match="is missing or was changed; take the snapshot again"):
        open_store(f"{scene}/store@{first.sha256}")


def test_a_folder_may_have_an_at_sign_in_its_name(tmp_path):
    append(tmp_path / "team@sea", "s", save(), "ann", NOON)
    assert open_store(tmp_path / "team@sea").scenes() == ["s"]
    take_snapshot(tmp_path / "team@sea", "x")
    assert open_store(f"{tmp_path}/team@sea@x").scenes() == ["s"]


# ---- data sets


def test_a_data_set_names_the_snapshot_that_it_is_of(scene):
    dataset, notes = built(scene)
    assert (columns(dataset), notes) == ([10, 30], [])
    assert dataset.manifest["label_snapshot"] == snapshot_of(scene / "store").sha256
    assert dataset.manifest["scenes"]["s"]["labels"] == [str(scene / "store" / "s" / "20261121T120000Z_ann.geojson")]


def test_the_newest_state_counts_and_a_snapshot_brings_the_old_one_back(scene):
    before, _ = built(scene)
    add(scene, RIGHT)
    with pytest.raises(DatasetError, match="was built from other labels of s"):
        built(scene)
    assert columns(built(scene, "new")[0]) == [30, 50]
    again, _ = built(scene, "again", f"store@{before.manifest['label_snapshot']}")
    assert columns(again) == [10, 30]
    assert again.manifest["label_snapshot"] == before.manifest["label_snapshot"]
    assert coco_of(scene / "out") == coco_of(scene / "again")


def test_states_of_other_scenes_leave_a_data_set_as_it_is(scene):
    built(scene)
    append(scene / "store", "t", save(scene_id="t"), "ann", NOON)
    report = make_dataset([str(scene / "in")], scene / "out", BuildOptions(labels=str(scene / "store"), tile_size=None))
    assert not report.built_now


def test_of_several_who_drew_on_their_own_what_they_agree_on_counts(scene):
    add(scene, MIDDLE, who="bob")
    dataset, notes = built(scene)
    assert columns(dataset) == [20, 30]
    assert notes == [f"drawn by ann, bob on their own: {RULE}"]
    assert len(dataset.manifest["scenes"]["s"]["labels"]) == 2
    assert {one["slick_id"] for one in coco_of(scene / "out")["annotations"]} == {"s/consensus/1"}


def test_who_goes_on_with_another_counts_alone(scene):
    add(scene, MIDDLE, who="bob", based_on=["20261121T120000Z_ann.geojson"])
    assert columns(built(scene)[0]) == [20, 40]


def test_a_scene_of_which_tiles_were_gone_through_is_noted(scene):
    tiles = {f"s_{n}": {"reviewed": n < 2} for n in range(3)}
    path = add(scene, LEFT, complete=False, tiles=tiles)
    assert built(scene)[1] == [f"{path}: {NOT_COMPLETE}: only 2 tiles of it were gone through"]
    path = add(scene, LEFT, complete=False, minutes=2)
    assert built(scene, "second")[1] == [f"{path}: {NOT_COMPLETE}"]


def test_a_tile_that_one_of_two_went_through_is_voted_on_by_both(scene):
    """Bob's state is not complete: where he did not look, ann alone counts."""
    bounds = [10.02, 39.94, 10.06, 40.0]
    add(scene, who="bob", complete=False, tiles={"t": {"reviewed": True, "bounds": bounds}})
    assert columns(built(scene)[0]) == [10, 20]


def test_a_scene_that_the_store_lacks_is_noted_as_before(scene):
    write_tiff(scene / "in" / "t.tif", pixels(1))
    report = make_dataset([str(scene / "in")], scene / "out", BuildOptions(labels=str(scene / "store")))
    assert "no labels found" in report.notes["t"][0]


def test_a_store_and_a_file_of_one_scene_are_two_labels(scene):
    (scene / "store" / "s.geojson").write_text(json.dumps(save(LEFT)))
    with pytest.raises(DatasetError, match=r"store/s and .*s\.geojson: both label scene s; keep one"):
        built(scene)


def test_a_save_after_the_snapshot_changes_nothing(photopea):
    for name in "abc":
        append(photopea / "store", name, save(LEFT, scene_id=name), "ann", NOON)
    first = build(photopea, "one", labels=str(photopea / "store"))
    append(photopea / "store", "a", save(RIGHT, scene_id="a"), "ann", NOON + timedelta(minutes=1))
    digest = json.loads((photopea / "one" / "dataset.json").read_text())["label_snapshot"]
    second = build(photopea, "two", labels=f"{photopea}/store@{digest}")
    assert (first.failed, second.failed) == ({}, {})
    one, two = contents(photopea / "one"), contents(photopea / "two")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == ["dataset.json"], "which names STORE@SNAPSHOT"


def test_labels_that_are_nowhere_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no such folder; name a folder of label files"):
        BuildOptions(labels=str(tmp_path / "nowhere@x"))
    append(tmp_path / "store", "s", save(), "ann", NOON)
    with pytest.raises(LabelError, match="store@x: is no snapshot of the store; take one"):
        BuildOptions(labels=f"{tmp_path}/store@x")
