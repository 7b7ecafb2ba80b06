"""The label store: nothing overwritten, double or lost, whoever saves at once and however full the disk."""

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_states import NOON, save

from ceruleanml.errors import LabelError, StorageError, WriteError
from ceruleanml.labels.heads import heads_among
from ceruleanml.labels.states import annotator_of, is_store, time_of
from ceruleanml.labels.store import append, append_state, files_of, heads_of, scenes_of, state_of
from ceruleanml.storage import read_json


def names(paths):
    return [path.name for path in paths]


def test_a_file_is_named_after_its_time_and_annotator(tmp_path):
    path = append(tmp_path, "scene", {"n": 1}, "ann_b", NOON + timedelta(hours=1, microseconds=5))
    assert path == tmp_path / "scene" / "20261121T130000Z_ann_b.geojson"
    assert (annotator_of(path), time_of(path)) == ("ann_b", NOON + timedelta(hours=1))
    assert path.stat().st_mode & 0o777 == 0o644


def test_two_saves_within_a_second_both_land(tmp_path):
    paths = [append(tmp_path, "scene", {"n": n}, "ann", NOON) for n in range(3)]
    assert names(paths) == [f"20261121T12000{n}Z_ann.geojson" for n in range(3)]
    assert [read_json(path) for path in files_of(tmp_path, "scene")] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert append(tmp_path, "scene", {"n": 9}, "bob", NOON).name == "20261121T120000Z_bob.geojson"


def test_the_same_again_adds_nothing(tmp_path):
    first = append_state(tmp_path, "scene", {"n": 1, "m": 2}, "ann", NOON)
    again = append_state(tmp_path, "scene", {"m": 2, "n": 1}, "ann", NOON + timedelta(hours=1))
    assert (first.is_new, again.is_new, again.path) == (True, False, first.path)
    second = append(tmp_path, "scene", {"n": 2}, "ann", NOON)
    assert append(tmp_path, "scene", {"n": 1, "m": 2}, "ann", NOON) == first.path, "the same save, imported once more"
    assert append_state(tmp_path, "scene", {"n": 2}, "ann", NOON).path == second
    back = append_state(tmp_path, "scene", {"n": 1, "m": 2}, "ann", NOON + timedelta(hours=2))
    assert back.is_new, "what was drawn before and is drawn anew takes the place of what came between"
    assert append_state(tmp_path, "scene", {"n": 2}, "bob", NOON).is_new, "another annotator saw the same"


def test_what_no_file_can_be_named_after_or_hold_is_refused(tmp_path):
    for name in ("../up", "", "a/b", ".hidden", "a\n", "n" * 101, "<b>", None):
        with pytest.raises(LabelError, match=r"annotator .* choose a"):
            append(tmp_path, "scene", {}, name, NOON)
    with pytest.raises(LabelError, match=r"scene '\.\./up': may hold letters"):
        append(tmp_path, "../up", {}, "ann", NOON)
    with pytest.raises(LabelError, match="cannot be written as JSON: Out of range"):
        append(tmp_path, "scene", {"n": float("inf")}, "ann", NOON)
    assert list(tmp_path.iterdir()) == []


def test_files_of_killed_writers_and_of_others_are_no_labels(tmp_path):
    path = append(tmp_path, "scene", {"n": 1}, "ann", NOON)
    for name in (".x.part", f".{path.name}.1.part", "notes.txt", "20261121_ann.geojson", f"{path.name}~"):
        (path.parent / name).write_text("{")
    (tmp_path / ".snapshots").mkdir()
    (tmp_path / "empty").mkdir()
    assert files_of(tmp_path, "scene") == [path]
    assert scenes_of(tmp_path) == ["scene"]
    assert is_store(tmp_path) and not is_store(tmp_path / "empty")
    with pytest.raises(StorageError, match="nowhere: is no label store"):
        scenes_of(tmp_path / "nowhere")


SAVING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ceruleanml.labels.store import append_state
store, annotator, mark = sys.argv[1:]
sys.stdin.readline()
for number in range(25):
    content = {"n": number} if mark == "same" else {"n": number, "by": mark}
    append_state(Path(store), "scene", content, annotator, datetime(2026, 11, 21, 12, tzinfo=UTC))
"""


@pytest.mark.parametrize(("annotators", "marks", "files"), [
    (("ann", "bob"), ("a", "b"), 50), (("ann", "ann"), ("a", "b"), 50), (("ann", "ann"), ("same", "same"), 25),
])  # fmt: skip
def test_two_processes_at_once_lose_nothing_and_double_nothing(tmp_path, annotators, marks, files):
    started = [
        subprocess.Popen([sys.executable, "-c", SAVING, tmp_path, who, mark], stdin=subprocess.PIPE, text=True)
        for who, mark in zip(annotators, marks, strict=True)
    ]
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in started:
        one.communicate(timeout=60)
    assert [one.returncode for one in started] == [0, 0]
    found = [json.dumps([annotator_of(path), read_json(path)]) for path in files_of(tmp_path, "scene")]
    assert len(found) == len(set(found)) == files
    assert sorted(os.listdir(tmp_path / "scene")) == names(files_of(tmp_path, "scene")), "no parts are left"


@pytest.fixture
def full_disk(tmp_path):
    """A disk of 64 kB in memory, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, timeout=60)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True, timeout=60)


def test_a_full_disk_loses_nothing_that_is_there(full_disk):
    first = append(full_disk, "scene", {"comment": "x" * 20_000}, "ann", NOON)
    before = first.read_bytes()
    with pytest.raises(WriteError, match=r"scene/ann\.geojson: cannot be written: No space left on device"):
        append(full_disk, "scene", {"comment": "y" * 60_000}, "ann", NOON)
    assert first.read_bytes() == before
    assert os.listdir(full_disk / "scene") == [first.name], "no half of a state, under whatever name"
    assert not append_state(full_disk, "scene", {"comment": "x" * 20_000}, "ann", NOON).is_new
    subprocess.run(["mount", "-o", "remount,size=1m", full_disk], check=True, timeout=60)
    second = append(full_disk, "scene", {"comment": "y" * 60_000}, "ann", NOON)
    assert read_json(second) == {"comment": "y" * 60_000}


# ---- which states count


def store_of(folder, *states):
    """States by name, each (annotator, minutes after noon, based on); the files by name."""
    paths = {}
    for name, who, minutes, based in states:
        on = [paths[one].name for one in based]
        content = {**save(comment=name), **({"based_on": on} if on else {})}
        paths[name] = append(folder, "s", content, who, NOON + timedelta(minutes=minutes))
    return paths


HEADS = {
    "one": ([("a1", "ann", 0, [])], ["a1"]),
    "the newer of one annotator": ([("a1", "ann", 0, []), ("a2", "ann", 1, [])], ["a2"]),
    "drawn on their own": ([("a1", "ann", 0, []), ("b1", "bob", 1, [])], ["a1", "b1"]),
    "gone on with": ([("a1", "ann", 0, []), ("b1", "bob", 1, ["a1"])], ["b1"]),
    "gone on with by a slow clock": ([("a1", "ann", 5, []), ("b1", "bob", 1, ["a1"])], ["b1"]),
    "an older one gone on with": (
        [("a1", "ann", 0, []), ("a2", "ann", 1, []), ("b1", "bob", 2, ["a1"])], ["a2", "b1"],
    ),
    "joined": ([("a1", "ann", 0, []), ("b1", "bob", 1, []), ("c1", "cy", 2, ["a1", "b1"])], ["c1"]),
    "through his own": ([("b1", "bob", 0, []), ("a1", "ann", 1, ["b1"]), ("a2", "ann", 2, [])], ["a2"]),
    "there and back": ([("a1", "ann", 0, []), ("b1", "bob", 1, ["a1"]), ("a2", "ann", 2, ["b1"])], ["a2"]),
}  # fmt: skip


@pytest.mark.parametrize(("states", "heads"), HEADS.values(), ids=HEADS.keys())
def test_heads_are_what_nothing_took_the_place_of(tmp_path, states, heads):
    paths = store_of(tmp_path, *states)
    assert heads_of(tmp_path, "s") == sorted(paths[name] for name in heads)


def test_the_state_is_the_annotators_own_else_the_only_one(tmp_path):
    assert state_of(tmp_path, "s") is None
    store_of(tmp_path, ("a1", "ann", 0, []))
    assert state_of(tmp_path, "s")["comment"] == state_of(tmp_path, "s", "bob")["comment"] == "a1"
    store_of(tmp_path, ("b1", "bob", 1, []))
    assert state_of(tmp_path, "s") is None, "two people drew on their own: what they agree on is told on a grid"
    assert state_of(tmp_path, "s", "bob")["comment"] == "b1"
    assert state_of(tmp_path, "s", "cy") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sets(st.integers(0, 6), max_size=3)), min_size=1, max_size=7))
def test_there_always_is_a_head_and_each_annotators_newest_or_one_based_on_it_stands(tmp_path_factory, drawn):
    """Also where files name each other in a circle, as no honest writer lets them."""
    folder = tmp_path_factory.mktemp("store")
    files = [folder / f"20261121T12000{n}Z_{who}.geojson" for n, (who, _) in enumerate(drawn)]
    for path, (_, based) in zip(files, drawn, strict=True):
        path.write_text(json.dumps({"based_on": [files[n].name for n in sorted(based) if n < len(files)]}))
    heads = heads_among(files)
    assert heads and set(heads) <= set(files)
    last = {annotator_of(path): path for path in files}
    named = {name for path in files for name in read_json(path)["based_on"] if name != path.name}
    assert {path for path in last.values() if path.name not in named} <= set(heads)


def test_a_based_on_that_is_none_is_named(tmp_path):
    path = append(tmp_path, "s", {"based_on": "x"}, "ann", NOON)
    with pytest.raises(LabelError, match=rf'{path.name}: based_on is "x"; it must list names of files'):
        heads_of(tmp_path, "s")
