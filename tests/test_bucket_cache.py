"""Copies of what buckets hold: inputs are as the bucket is, outputs come up whole and over no other writer's."""

import threading
import time

import pytest
from bucket_made import crc32c, files_in, proxied, write_files

from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.mirror_cache import cached, one_at_a_time, remote_output
from ceruleanml.mirror_copies import location_of

OUT = "gs://b/runs/first"


def sums(**contents):
    return {name.replace("__", "/"): crc32c(content) for name, content in contents.items()}


def test_an_input_is_as_the_bucket_is_now(bucket, tmp_path):
    bucket.put("set/a", b"a")
    bucket.put("set/tiles/b", b"b")
    here = cached("gs://b/set")
    assert here == tmp_path / "cache" / "inputs" / "b" / "set"
    assert files_in(here) == {"a": b"a", "tiles/b": b"b"}
    bucket.put("set/a", b"other")
    bucket.delete("set/tiles/b")
    assert files_in(cached("gs://b/set/")) == {"a": b"other"}
    assert cached("gs://b/set/a").read_bytes() == b"other"
    assert cached("gs://b/set", cache=tmp_path / "elsewhere") == tmp_path / "elsewhere" / "inputs" / "b" / "set"


@pytest.mark.parametrize("location", ["set", "/abs/set", "-", "gs:"])
def test_an_input_of_this_machine_stays_where_it_is(location):
    assert str(cached(location)) == location


def test_a_path_takes_a_slash_and_gets_it_back():
    from pathlib import Path

    assert location_of(Path("gs://b/x/y")) == location_of("gs://b/x/y") == "gs://b/x/y"
    assert location_of(Path("a/gs:/b")) == "a/gs:/b"


def test_an_output_comes_up_when_all_went_well(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"config.yaml": b"c", "plots/a.png": b"p"})
        assert bucket.objects() == {}
    assert bucket.sums("runs/first/") == sums(**{"config.yaml": b"c", "plots/a.png": b"p"})


def test_an_output_within_another_leaves_nothing_of_its_own_there(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
        write_files(folder.parent, {".second.building/units/s": b"half"})
    with remote_output("gs://b/runs") as folder:
        assert (folder / "first" / "a").is_file()
        write_files(folder, {"table.csv": b"t"})
    assert bucket.sums("runs/") == sums(**{"first/a": b"a", "table.csv": b"t"})


def test_what_says_that_an_output_is_whole_comes_up_last(bucket):
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        with remote_output(OUT) as folder:
            write_files(folder, {"dataset.json": b"d", **{f"tiles/{number}": b"t" for number in range(20)}})
        written = [asked for asked in proxy.requests if asked.method == "POST"]
    assert len(written) == 21 and written[-1].writes("runs/first/dataset.json")


def test_after_an_error_nothing_comes_up_and_the_next_try_goes_on(bucket):
    with pytest.raises(KeyboardInterrupt), remote_output(OUT) as folder:
        write_files(folder, {"half": b"h"})
        raise KeyboardInterrupt
    assert bucket.objects() == {}
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"half": b"h"}
    assert bucket.sums("runs/first/") == sums(half=b"h")


def test_another_machine_goes_on_with_what_the_bucket_holds(bucket, tmp_path, monkeypatch):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a", "checkpoint": b"c"})
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "other"))
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"a": b"a", "checkpoint": b"c"}
        (folder / "checkpoint").unlink()
        write_files(folder, {"a": b"longer", "b": b"b"})
    assert bucket.sums("runs/first/") == sums(a=b"longer", b=b"b")
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"a": b"longer", "b": b"b"}


def test_what_an_unfinished_command_wrote_is_newer_than_the_bucket(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"metrics": b"1", "old": b"o"})
    with pytest.raises(KeyboardInterrupt), remote_output(OUT) as folder:
        write_files(folder, {"metrics": b"1 2"})
        (folder / "old").unlink()
        raise KeyboardInterrupt
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"metrics": b"1 2"}
    assert bucket.sums("runs/first/") == sums(metrics=b"1 2")


def test_a_cache_that_was_removed_loses_nothing_of_the_bucket(bucket, tmp_path):
    import shutil

    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
    shutil.rmtree(folder)
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"a": b"a"}
    assert bucket.sums("runs/first/") == sums(a=b"a")


def test_both_changed_is_told_and_nothing_is_overwritten(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
    with pytest.raises(KeyboardInterrupt), remote_output(OUT) as folder:
        write_files(folder, {"a": b"ours"})
        raise KeyboardInterrupt
    bucket.put("runs/first/a", b"theirs")
    message = "a was changed in the bucket and, by an unfinished command, in .*; remove"
    with pytest.raises(StorageError, match=message), remote_output(OUT):
        pytest.fail("the block was entered")
    assert bucket.sums("runs/first/") == sums(a=b"theirs") and files_in(folder)["a"] == b"ours"


@pytest.mark.parametrize("known", [True, False])
def test_another_writer_meanwhile_is_not_overwritten(bucket, known):
    if known:
        with remote_output(OUT) as folder:
            write_files(folder, {"a": b"a"})
    message = "a was changed in the bucket by another writer meanwhile; what was made here lies in "
    with pytest.raises(WriteError, match=message), remote_output(OUT) as folder:
        write_files(folder, {"a": b"ours"})
        bucket.put("runs/first/a", b"theirs")
    assert bucket.sums("runs/first/") == sums(a=b"theirs") and files_in(folder)["a"] == b"ours"


def test_what_another_writer_added_meanwhile_stays(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
        bucket.put("runs/first/b", b"theirs")
    assert bucket.sums("runs/first/") == sums(a=b"a", b=b"theirs")


@pytest.mark.parametrize("name", ["a", "b"])
def test_what_another_writer_did_after_a_command_ended_is_taken_by_the_next(bucket, name):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
    bucket.put(f"runs/first/{name}", b"theirs")
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"a": b"a"} | {name: b"theirs"}
        write_files(folder, {"c": b"c"})
    assert bucket.sums("runs/first/") == sums(**({"a": b"a", "c": b"c"} | {name: b"theirs"}))


def test_what_another_writer_added_is_not_deleted_by_the_next_command(bucket):
    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a"})
        bucket.put("runs/first/b", b"theirs")
    with remote_output(OUT) as folder:
        write_files(folder, {"c": b"c"})
    assert bucket.sums("runs/first/") == sums(a=b"a", b=b"theirs", c=b"c")


@pytest.mark.parametrize("unfinished", [True, False])
def test_an_emptied_cache_deletes_nothing_in_the_bucket(bucket, unfinished):
    import shutil

    with remote_output(OUT) as folder:
        write_files(folder, {"a": b"a", "b": b"b"})
    if unfinished:
        with pytest.raises(KeyboardInterrupt), remote_output(OUT):
            raise KeyboardInterrupt
        shutil.rmtree(folder)
    else:
        for path in folder.iterdir():
            path.unlink()
    with remote_output(OUT) as folder:
        assert files_in(folder) == {"a": b"a", "b": b"b"}
    assert bucket.sums("runs/first/") == sums(a=b"a", b=b"b")


def test_objects_that_cannot_be_files_here_stay_in_the_bucket(bucket):
    theirs = {"x": b"1", "x/y": b"2", "z": b"3"}
    for name, content in theirs.items():
        bucket.put(f"runs/first/{name}", content)
    for _ in range(2):
        with remote_output(OUT) as folder:
            write_files(folder, {"c": b"c"})
    assert {name: crc32c(content) for name, content in theirs.items()}.items() <= bucket.sums("runs/first/").items()


def test_an_output_file_that_cannot_be_an_object_is_told(bucket):
    with pytest.raises(WriteError, match="what was made here lies in"), remote_output(OUT) as folder:
        write_files(folder, {"a\\b": b"a"})


def test_a_whole_bucket_is_no_output():
    message = "gs://b: is a whole bucket; name a folder in it, gs://BUCKET/FOLDER"
    with pytest.raises(UsageError, match=message), remote_output("gs://b"):
        pytest.fail("the block was entered")


def test_who_works_on_the_same_waits(tmp_path):
    order = []

    def second():
        with one_at_a_time("gs://b/x/", tmp_path):
            order.append("second")

    with one_at_a_time("gs://b/x", tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(0.3)
        order.append("first")
        with one_at_a_time("gs://b/y", tmp_path):
            order.append("another place")
    waiting.join(timeout=30)
    assert order == ["first", "another place", "second"]
