"""Names of objects and files: what cannot be on the other side is told, and nothing ever leaves its folder."""

import os
import socket

import pytest
from bucket_made import files_in, write_files
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml.errors import StorageError
from ceruleanml.mirror import mirror
from ceruleanml.mirror_names import clashes, file_fault, is_own, object_fault


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a", None), ("a/b.tif", None), ("a..b/..c/.d", None), ("é/ ü", None), ("-rf", None), ("a\nb", None),
        ("", "would leave"), ("/a", "would leave"), ("a//b", "would leave"), ("../a", "would leave"),
        ("a/../b", "would leave"), ("a/..", "would leave"), ("./a", "would leave"), ("a/.", "would leave"),
        ("a/", "ends in a slash"), ("a\\b", "backslash"), ("a\0b", "a zero"), ("x" * 256, "more than 255 bytes"),
        ("é" * 128, "more than 255 bytes"), ("x" * 255, None),
    ],
)  # fmt: skip
def test_which_objects_can_be_files(name, fault):
    found = object_fault(name)
    assert found is None if fault is None else fault in found


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a b/é", None), ("a\nb", "line break"), ("a\rb", "line break"), ("a\\b", "backslash"), ("a\udcff", "no UTF-8"),
        ("/".join(["x" * 200] * 6), "more than 1024 bytes"),
    ],
)  # fmt: skip
def test_which_files_can_be_objects(name, fault):
    found = file_fault(name)
    assert found is None if fault is None else fault in found


@given(st.text(alphabet="ab./\\\0", max_size=12))
def test_no_object_without_a_fault_leaves_its_folder(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp()
    if object_fault(name) is None:
        assert os.path.normpath(root / name) == str(root / name) != str(root)


@given(st.lists(st.text(alphabet="ab/", min_size=1, max_size=5)))
def test_clashes_are_the_names_with_names_below(names):
    assert clashes(names) == {a for a in names for b in names if b.startswith(a + "/")}


def test_unfinished_files_are_nobody_s():
    owned = [".a.tif.x8_y.part", "d/.x.part", ".ceruleanml-mirror/x", "d/.ceruleanml-mirror/y"]
    assert [name for name in [*owned, "a.part", ".part/x", ".hidden"] if is_own(name)] == owned


def test_objects_that_cannot_be_files_are_told_and_the_rest_is_fetched(bucket, tmp_path):
    for name in ("good", "../up", "a//b", "two\\one", "f", "f/below", "full/"):
        bucket.put(f"x/{name}", b"c")
    bucket.put("x/marker/", b"")
    bucket.put("x/marker/in", b"c")
    report = mirror("gs://b/x", str(tmp_path / "down" / "here"))
    there = {name.removeprefix("x/") for name in bucket.objects("x/")}
    assert report.left_out.keys() == there - {"good", "marker/", "marker/in", "f/below"}
    assert report.left_out["f"] == "is a file and a folder at once; rename one of the two"
    assert files_in(tmp_path / "down") == {"here/good": b"c", "here/marker/in": b"c"}


def test_a_bucket_of_nothing_but_odd_names(bucket, tmp_path):
    bucket.put("x/a//b", b"c")
    with pytest.raises(StorageError, match="gs://b/x: holds no files to mirror; a//b would leave its folder as a file"):
        mirror("gs://b/x", str(tmp_path / "down"))


def test_a_file_here_where_a_folder_is_to_be_and_the_other_way_round(bucket, tmp_path):
    for name in ("folder/a", "file", "good"):
        bucket.put(f"x/{name}", b"c")
    here = write_files(tmp_path / "here", {"folder": b"a file", "file/in": b"a folder"})
    report = mirror("gs://b/x", str(here))
    assert report.failed == {
        "folder/a": "cannot be kept here: a file has the name of its folder; move that away",
        "file": "cannot be kept here: a folder has its name; move that away",
    }
    assert files_in(here) == {"folder": b"a file", "file/in": b"a folder", "good": b"c"}


def test_a_file_is_not_sent_where_the_bucket_has_a_folder(bucket, tmp_path):
    bucket.put("x/a/below", b"c")
    here = write_files(tmp_path / "here", {"a": b"a", "b": b"b"})
    report = mirror(str(here), "gs://b/x")
    assert (report.moved, list(report.left_out)) == (1, ["a"])
    assert mirror(str(here), "gs://b/x", delete=True).left_out == {}  # the folder goes
    assert bucket.objects().keys() == {"x/a", "x/b"}


@pytest.fixture
def linked(tmp_path):
    """A folder with links in it and out of it, a socket and a name that is no text."""
    here = write_files(tmp_path / "here", {"a": b"a", "d/b": b"b"})
    write_files(tmp_path / "outside", {"secret": b"s"})
    for name, target in {
        "in": "a", "d/up": "../a", "out": "../outside/secret", "out_folder": "../outside", "folder": "d",
        "gone": "none", "loop": "loop",
    }.items():  # fmt: skip
        (here / name).symlink_to(target)
    (here / os.fsdecode(b"\xff")).write_bytes(b"")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(here / "socket"))
    return here


def test_links_are_followed_within_the_folder_only(bucket, linked):
    report = mirror(str(linked), "gs://b/x")
    assert {name.removeprefix("x/") for name in bucket.objects()} == {"a", "d/b", "in", "d/up"}
    told = {name: why.split(";")[0] for name, why in report.left_out.items()}
    assert told.pop("loop").startswith("cannot be read") and told.pop("gone").startswith("cannot be read")
    assert told == {
        "out": "is a link that leads out of the folder", "out_folder": "is a link that leads out of the folder",
        "folder": "is a link to a folder", "socket": "is no ordinary file", "\udcff": "has a name that is no UTF-8",
    }  # fmt: skip


def test_nothing_is_written_or_deleted_through_a_link(bucket, tmp_path):
    for name in ("out_folder/secret", "out_folder/new", "out", "a"):
        bucket.put(f"x/{name}", b"from the bucket")
    here = write_files(tmp_path / "here", {})
    here.mkdir()
    write_files(tmp_path / "outside", {"secret": b"s", "more": b"m"})
    (here / "out_folder").symlink_to("../outside")
    (here / "out").symlink_to("../outside/secret")
    report = mirror("gs://b/x", str(here), delete=True)
    assert report.left_out.keys() == {"out_folder", "out"} and report.deleted == 0
    assert files_in(tmp_path / "outside") == {"secret": b"s", "more": b"m"}
    assert (here / "a").read_bytes() == b"from the bucket" and (here / "out").is_symlink()


def test_what_lies_behind_a_linked_folder_is_not_deleted_in_the_bucket(bucket, linked):
    for name in ("folder/b", "out_folder/secret", "gone", "stale"):
        bucket.put(f"x/{name}", b"b")
    assert mirror(str(linked), "gs://b/x", delete=True).deleted == 1
    assert {"x/folder/b", "x/out_folder/secret", "x/gone"} <= bucket.objects().keys()


def test_unfinished_files_are_left_where_they_are(bucket, tmp_path):
    here = write_files(tmp_path / "here", {"a": b"a", ".b.x.part": b"half", ".ceruleanml-mirror/y": b"half"})
    write_files(here, {".may.building/units/s.json": b"half", "pages/.june.preparing/plan.json": b"half"})
    for name in (".c.z.part", ".ceruleanml-mirror/k/000001"):
        bucket.put(f"x/{name}", b"half")
    assert mirror(str(here), "gs://b/x", delete=True).moved == 1
    assert bucket.objects().keys() == {"x/a", "x/.c.z.part", "x/.ceruleanml-mirror/k/000001"}
    assert mirror("gs://b/x", str(here), delete=True).deleted == 0
    assert files_in(here).keys() >= {"a", ".b.x.part"}


def test_what_an_interrupted_fetch_left_goes_when_it_is_of_no_use(bucket, tmp_path):
    bucket.put("x/a", b"a")
    left = {".ceruleanml-mirror/0-1.part": b"", ".ceruleanml-mirror/0-1.slices": b""}
    here = write_files(tmp_path / "here", {"a": b"a", **left})
    assert mirror("gs://b/x", str(here)).moved == 0
    assert files_in(here) == {"a": b"a"} and not (here / ".ceruleanml-mirror").exists()
