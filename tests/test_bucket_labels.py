"""A label store in a bucket: whoever appends at once, crashes or is without network, nothing is lost."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bucket_made import files_in, proxied, surroundings, write_files
from label_states import save

from ceruleanml.errors import LabelError, StorageError, WriteError
from ceruleanml.labels.bucket import BucketStore, bucket_store, is_of_store, labels_here, names_in
from ceruleanml.labels.snapshots import open_store, take_snapshot
from ceruleanml.labels.store import append_state

NOON = datetime(2021, 1, 1, 12, tzinfo=UTC)
STORE = "gs://b/labels"


def machine(tmp_path, name):
    """A store as another machine has it."""
    return BucketStore(STORE, tmp_path / name)


def add(store, who="ann", seconds=0, comment="", scene_id="s"):
    content = save(annotator=who, comment=comment, scene_id=scene_id)
    return append_state(store.root, scene_id, content, who, NOON + timedelta(seconds=seconds)).path


def comments(bucket):
    """What every state in the bucket says, by its name."""
    return {name: json.loads(bucket.content(name)).get("comment") for name in bucket.objects("labels/s/")}


def test_a_state_goes_up_and_comes_to_another_machine(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    assert one.synced() == {} and bucket.objects() == {}
    add(one, comment="first")
    one.synced()
    assert comments(bucket) == {"labels/s/20210101T120000Z_ann.geojson": "first"}
    two.synced()
    assert files_in(two.root) == files_in(one.root)
    add(two, "bob")
    two.synced("s")
    one.synced("other")
    assert len(names_in(one.root)) == 1
    one.synced("s")
    assert files_in(two.root) == files_in(one.root) and len(names_in(one.root)) == 2


def test_a_second_that_another_machine_took_gives_the_next_free_one(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    for store in (one, two):
        for second in range(2):
            add(store, comment=f"{store.root.name} {second}", seconds=second)
    assert one.synced() == {}
    moved = two.synced()
    named = {path.name: new.name for path, new in moved.items()}
    assert set(named) == {f"20210101T12000{second}Z_ann.geojson" for second in range(2)}
    assert sorted(named.values()) == [f"20210101T12000{second}Z_ann.geojson" for second in (2, 3)]
    assert sorted(comments(bucket).values()) == ["one 0", "one 1", "two 0", "two 1"]
    one.synced()
    assert files_in(one.root) == files_in(two.root) and len(names_in(one.root)) == 4


def test_the_other_machine_s_state_of_that_second_is_not_kept_corrupt(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    for store in (one, two):
        add(store, comment=store.root.name)
    one.synced()
    name = "s/20210101T120000Z_ann.geojson"
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.alter = lambda asked, body: b"?" + body[1:] if asked.is_media else body
        with pytest.raises(StorageError, match=f"{name} came corrupted 3 times"):
            two.synced()
    assert json.loads((two.root / name).read_text())["comment"] == "two"
    two.synced()
    assert json.loads((two.root / name).read_text())["comment"] == "one"
    assert sorted(comments(bucket).values()) == ["one", "two"] and len(names_in(two.root)) == 2


def test_the_same_content_is_no_second_copy(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    for store in (one, two):
        add(store, comment="same")
    assert (one.synced(), two.synced()) == ({}, {})
    assert len(bucket.objects()) == 1


def test_a_crash_before_the_state_went_up_loses_nothing(bucket, tmp_path):
    one = machine(tmp_path, "one")
    add(one, comment="before the crash")
    machine(tmp_path, "one").synced()
    assert list(comments(bucket).values()) == ["before the crash"]


@pytest.mark.parametrize("crash", ["after the bucket", "after the copy"])
def test_a_crash_while_a_state_gets_another_second_loses_nothing(bucket, tmp_path, monkeypatch, crash):
    from ceruleanml.labels import bucket as module

    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    add(one, comment="one")
    add(two, comment="two")
    one.synced()

    def crashes(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_linked" if crash == "after the bucket" else "_replaced", crashes)
        with pytest.raises(KeyboardInterrupt):
            two.synced()
    assert sorted(comments(bucket).values()) == ["one", "two"]
    two.synced()
    assert sorted(comments(bucket).values()) == ["one", "two"]
    one.synced()
    assert files_in(one.root) == files_in(two.root) and len(names_in(one.root)) == 2


def test_two_machines_that_append_at_once_lose_nothing(bucket, tmp_path):
    count = 12
    child = Path(__file__).with_name("appending_child.py")
    running = [
        subprocess.Popen(
            [sys.executable, str(child), STORE, name, str(count)], env=surroundings(bucket.endpoint, tmp_path / name)
        )
        for name in ("one", "two")
    ]
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    there = comments(bucket)
    assert sorted(there.values()) == sorted(f"{name} {number}" for name in ("one", "two") for number in range(count))
    last = machine(tmp_path, "last")
    last.synced()
    assert len(names_in(last.root)) == 2 * count


def test_without_network_a_state_stays_here_and_goes_up_later(bucket, tmp_path):
    one = machine(tmp_path, "one")
    add(one, comment="offline")
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.refuse = lambda asked: 403 if asked.method == "POST" else None
        with pytest.raises(WriteError, match="gs://b/labels: you have no permission there; ask for roles/storage.obj"):
            one.synced()
    assert bucket.objects() == {} and len(names_in(one.root)) == 1
    one.synced()
    assert list(comments(bucket).values()) == ["offline"]


def test_a_state_that_comes_corrupted_is_not_taken(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    add(one)
    one.synced()
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.alter = lambda asked, body: b"?" + body[1:] if asked.is_media else body
        with pytest.raises(StorageError, match="s/20210101T120000Z_ann.geojson came corrupted 3 times"):
            two.synced()
    assert names_in(two.root) == [] and files_in(two.root) == {}


def test_snapshots_are_found_on_every_machine_and_keep_their_names(bucket, tmp_path):
    one, two = machine(tmp_path, "one"), machine(tmp_path, "two")
    add(one)
    taken = take_snapshot(one.root, "may")
    one.synced()
    assert open_store(f"{labels_here(STORE + '@may')}").snapshot == taken
    assert Path(labels_here(STORE)).parent == Path(labels_here(f"{STORE}@may")).parent
    add(two, "bob")
    take_snapshot(two.root, "may")
    with pytest.raises(LabelError, match="gs://b/labels: may names another snapshot in the bucket; choose another"):
        two.synced()
    two.synced()
    assert open_store(f"{two.root}@may").snapshot == taken


def test_a_folder_of_label_files_is_no_store_and_is_brought_too(bucket, tmp_path):
    bucket.put("plain/s.geojson", b"{}")
    here = labels_here("gs://b/plain")
    assert files_in(here) == {"s.geojson": b"{}"}
    with pytest.raises(StorageError, match="gs://b/none: holds no files to mirror; check the name"):
        labels_here("gs://b/none")
    assert labels_here("here@may") == Path("here@may")


def test_what_is_no_label_file_is_left_alone(bucket, tmp_path):
    one = machine(tmp_path, "one")
    write_files(one.root, {"notes.txt": b"n", "s/.x.part": b"half", "s/readme.md": b"r"})
    bucket.put("labels/../up", b"u")
    bucket.put("labels/s/other.json", b"o")
    add(one)
    one.synced()
    assert len(bucket.objects()) == 3 and len(names_in(one.root)) == 1


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("s/20210101T120000Z_ann.geojson", True), (".snapshots/may.name", True), (".snapshots/abc.json", True),
        ("s/x/20210101T120000Z_ann.geojson", False), ("../20210101T120000Z_ann.geojson", False),
        (".snapshots/../x.json", False), (".snapshots/.x.part", False), ("20210101T120000Z_ann.geojson", False),
        ("s/20210101T120000Z_ann.geojson/x", False), (".hidden/20210101T120000Z_ann.geojson", False),
    ],
)  # fmt: skip
def test_which_names_are_a_store_s(name, is_one):
    assert is_of_store(name) == is_one


def test_the_copy_lies_in_the_cache(bucket, tmp_path):
    assert bucket_store("gs://b/team/labels/").root == tmp_path / "cache" / "stores" / "b" / "team" / "labels"
