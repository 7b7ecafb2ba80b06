"""Mirroring: the target holds what the source does, only what differs is moved, and nothing goes unasked."""

import os

import pytest
from bucket_made import crc32c, files_in, served_bucket, write_files
from hypothesis import given
from hypothesis import strategies as st

from ceruleanml import mirror_checksums
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.mirror import mirror
from ceruleanml.mirror_checksums import Checksums, crc32c_of_bytes, crc32c_of_parts
from ceruleanml.mirror_upload import COMPOSED, LONGEST_PART, part_length

FILES = {"a.txt": b"first", "d/b.bin": b"\0" * 10_000, "d/e/é 1.txt": b"", ".hidden/c": b"c"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("server")) as bucket:
        yield bucket


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    return server


@pytest.fixture
def place(request):
    """A prefix that no other test uses."""
    return f"gs://b/{request.node.name}"


def test_there_and_back(bucket, place, tmp_path):
    source = write_files(tmp_path / "source", FILES)
    up = mirror(str(source), place)
    assert (up.moved, up.moved_bytes, up.unchanged, up.deleted) == (4, 10_006, 0, 0)
    assert bucket.sums(place.removeprefix("gs://b/") + "/") == {name: crc32c(c) for name, c in FILES.items()}
    down = mirror(place + "/", str(tmp_path / "down"))
    assert (down.moved, down.moved_bytes, down.unchanged, down.deleted) == (4, 10_006, 0, 0)
    assert files_in(tmp_path / "down") == FILES


def test_only_what_differs_is_moved(bucket, place, tmp_path):
    here = write_files(tmp_path / "here", FILES)
    mirror(str(here), place)
    assert (mirror(str(here), place).moved, mirror(place, str(here)).moved) == (0, 0)
    write_files(here, {"a.txt": b"other", "new": b"n"})  # of the same size
    report = mirror(str(here), place)
    assert (report.moved, report.moved_bytes, report.unchanged) == (2, 6, 3)
    there = write_files(tmp_path / "there", {"a.txt": b"first", "d/b.bin": b"\0" * 10_000, "more": b"m"})
    report = mirror(place, str(there))
    assert (report.moved, report.unchanged, report.deleted) == (4, 1, 0)
    assert files_in(there) == {**FILES, "a.txt": b"other", "new": b"n", "more": b"m"}


def test_files_get_ordinary_permissions_and_leave_nothing_beside(bucket, place, tmp_path):
    bucket.put(place.removeprefix("gs://b/") + "/a", b"a")
    mirror(place, str(tmp_path / "down"))
    (tmp_path / "plain").touch()
    assert (tmp_path / "down" / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert os.listdir(tmp_path / "down") == ["a"]


def test_what_only_the_target_holds_goes_when_asked(bucket, place, tmp_path):
    here = write_files(tmp_path / "here", FILES)
    mirror(str(here), place)
    (here / "d" / "b.bin").unlink()
    assert mirror(str(here), place).deleted == 0
    assert mirror(str(here), place, delete=True, dry_run=True).deleted == 0
    assert "d/b.bin" in bucket.sums(place.removeprefix("gs://b/") + "/")
    assert mirror(str(here), place, delete=True).deleted == 1
    assert bucket.sums(place.removeprefix("gs://b/") + "/").keys() == FILES.keys() - {"d/b.bin"}
    there = write_files(tmp_path / "there", {**FILES, "x/y/z": b"z"})
    assert mirror(place, str(there), delete=True).deleted == 2
    assert files_in(there).keys() == FILES.keys() - {"d/b.bin"} and not (there / "x").exists()


def test_neighbours_of_the_prefix_are_left_alone(bucket, place, tmp_path):
    inside = place.removeprefix("gs://b/")
    for name in ("", "-2", "2"):
        bucket.put(f"{inside}{name}/a", b"of a neighbour")
    here = write_files(tmp_path / "here", {"b": b"b"})
    assert mirror(str(here), place, delete=True).deleted == 1
    assert bucket.objects(inside).keys() == {f"{inside}/b", f"{inside}-2/a", f"{inside}2/a"}


def test_a_single_file(bucket, place, tmp_path):
    here = write_files(tmp_path / "here", {"scene.tif": b"pixels", "other": b"o"})
    inside = place.removeprefix("gs://b/")
    assert mirror(str(here / "scene.tif"), f"{place}/named.tif").moved == 1
    assert mirror(str(here / "scene.tif"), f"{place}/").moved == 1
    assert bucket.sums(inside + "/") == dict.fromkeys(("named.tif", "scene.tif"), crc32c(b"pixels"))
    assert mirror(f"{place}/named.tif", str(tmp_path / "down" / "x.tif")).moved == 1
    assert mirror(f"{place}/named.tif", str(tmp_path / "down")).moved == 1
    assert mirror(f"{place}/named.tif", str(tmp_path / "down")).unchanged == 1
    assert files_in(tmp_path / "down") == dict.fromkeys(("x.tif", "named.tif"), b"pixels")
    assert mirror(f"{place}/named.tif", str(tmp_path / "down"), delete=True).deleted == 0


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("gs://b/x", "gs://b/y", "are both in buckets; say gcloud storage rsync"),
        ("x", "y", "are both on this machine; write one as gs://BUCKET/PREFIX"),
        ("s3://b/x", "y", "only gs:// buckets are mirrored"),
        (".", "gs://b/../x", "is no place in a bucket; write gs://BUCKET/PREFIX"),
        (".", "gs://", "is no place in a bucket"),
    ],
)
def test_two_sides_that_cannot_be_mirrored(bucket, source, target, message):
    with pytest.raises(UsageError, match=message):
        mirror(source, target)


def test_a_source_that_holds_nothing_deletes_nothing(bucket, place, tmp_path):
    here = write_files(tmp_path / "here", {"a": b"a"})
    with pytest.raises(StorageError, match="holds no files to mirror; check the name"):
        mirror(place, str(here), delete=True)
    mirror(str(here), place)
    (tmp_path / "empty").mkdir()
    for empty, message in (("empty", "holds no files to mirror"), ("none", "is no file or folder")):
        with pytest.raises(StorageError, match=message):
            mirror(str(tmp_path / empty), place, delete=True)
    assert len(bucket.objects(place.removeprefix("gs://b/"))) == 1 and files_in(here) == {"a": b"a"}


def test_sums_of_settled_files_are_remembered_and_of_changed_ones_taken_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    here = write_files(tmp_path / "here", {"old": b"old", "young": b"young"})
    monkeypatch.setattr(mirror_checksums, "SETTLED_NS", -(10**18))

    def sums():
        checksums = Checksums(here)
        found = {name: checksums.of(here / name, name) for name in ("old", "young")}
        checksums.keep()
        return found

    assert sums() == {"old": crc32c(b"old"), "young": crc32c(b"young")}
    monkeypatch.setattr(mirror_checksums, "crc32c_of", lambda path: pytest.fail(f"{path} was read again"))
    assert sums() == {"old": crc32c(b"old"), "young": crc32c(b"young")}
    monkeypatch.undo()
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    times = (here / "old").stat().st_atime_ns, (here / "old").stat().st_mtime_ns
    (here / "old").write_bytes(b"new")  # of the same size, and then of the same time
    os.utime(here / "old", ns=times)
    assert sums()["old"] == crc32c(b"new")


def test_a_file_that_was_just_written_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    here = write_files(tmp_path / "here", {"a": b"a"})
    checksums = Checksums(here)
    checksums.of(here / "a", "a")
    checksums.keep()
    assert not (tmp_path / "cache").exists()


@given(st.binary(max_size=300), st.integers(1, 70))
def test_sums_of_parts_are_those_of_the_pieces(tmp_path_factory, content, length):
    path = tmp_path_factory.getbasetemp() / "parts"
    path.write_bytes(content)
    pieces = [content[start : start + length] for start in range(0, len(content), length)]
    assert crc32c_of_parts(path, length) == (crc32c_of_bytes(content), tuple(map(crc32c_of_bytes, pieces)))


@given(st.integers(64 << 20, 5 << 40))
def test_parts_are_few_and_none_too_long_to_lose(size):
    length = part_length(size)
    assert length <= LONGEST_PART and (-(-size // length) <= COMPOSED or length == LONGEST_PART)
