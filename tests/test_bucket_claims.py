"""A copy in the cache stays as it is for whoever reads it, whatever the bucket and other commands do meanwhile."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from bucket_made import files_in, proxied
from training_made import Notes

from ceruleanml.errors import StorageError
from ceruleanml.mirror_cache import cached

READER = """
import os, sys, time
from ceruleanml.mirror_cache import cached
here = cached(sys.argv[1])
ready, tell = os.pipe()
child = os.fork() if "fork" in sys.argv else 1
if not child:
    os.write(tell, b".")  # what a forked process has to close is closed by now
    time.sleep(60)
    os._exit(0)
if "fork" in sys.argv:
    os.read(ready, 1)
print(child, here, flush=True)
sys.stdin.read()
"""


@contextmanager
def reader(location, *words):
    """A process that reads a copy until the block ends or it is killed; it, and the copy that it was given."""
    command = [sys.executable, "-c", READER, location, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            forked, _, here = process.stdout.readline().strip().partition(" ")
            yield process, Path(here), int(forked)
        finally:
            process.kill()
            process.wait(timeout=60)


@pytest.fixture
def folders(tmp_path):
    """The folders of the cache in which copies of `gs://b/set` may lie, by name."""
    return {name: tmp_path / "cache" / name / "b" / "set" for name in ("inputs", "inputs.1", "inputs.2")}


def test_a_changed_set_comes_beside_the_copy_that_is_read(bucket, folders):
    bucket.put("set/a", b"before")
    bucket.put("set/gone", b"g")
    with reader("gs://b/set") as (_, first, _):
        assert first == folders["inputs"]
        with reader("gs://b/set") as (_, same, _):
            assert same == first  # nothing is to be changed
        bucket.put("set/a", b"after")
        bucket.delete("set/gone")
        notes = Notes()
        with reader("gs://b/set") as (_, second, _):
            assert second == folders["inputs.1"] == cached("gs://b/set", progress=notes)
            assert "gs://b/set: was changed while another process reads its copy here; fetching one beside it" in (
                notes.notes
            )
            bucket.put("set/a", b"and again")
            assert cached("gs://b/set") == folders["inputs.2"]
            assert files_in(folders["inputs.2"]) == {"a": b"and again"}
            assert files_in(second) == {"a": b"after"}
        assert files_in(first) == {"a": b"before", "gone": b"g"}
    assert cached("gs://b/set") == first  # who read it has ended, without a word
    assert files_in(first) == {"a": b"and again"}


@pytest.mark.parametrize("read", ["gs://b/set", "gs://b/set/tiles", "gs://b/set/tiles/a", "gs://b"])
@pytest.mark.parametrize("wanted", ["gs://b/set", "gs://b"])
def test_what_is_within_or_above_a_copy_that_is_read(bucket, tmp_path, read, wanted):
    bucket.put("set/tiles/a", b"before")
    with reader(read):
        bucket.put("set/tiles/a", b"after")
        here = cached(wanted)
        assert (tmp_path / "cache/inputs/b/set/tiles/a").read_bytes() == b"before"
        assert here.is_relative_to(tmp_path / "cache/inputs.1") and list(files_in(here).values()) == [b"after"]


def test_what_lies_beside_a_copy_that_is_read_is_brought_up_to_date(bucket, folders):
    for name in ("set/a", "set2/a"):
        bucket.put(name, b"before")
    assert files_in(cached("gs://b/set2")) == {"a": b"before"}
    with reader("gs://b/set"):
        bucket.put("set2/a", b"after")
        assert cached("gs://b/set2") == folders["inputs"].with_name("set2")
        assert files_in(folders["inputs"].with_name("set2")) == {"a": b"after"}


def test_a_killed_reader_holds_nothing_even_where_what_it_forked_lives(bucket, folders):
    import os
    import signal

    bucket.put("set/a", b"before")
    with reader("gs://b/set", "fork") as (process, first, forked):
        try:
            process.kill()
            process.wait(timeout=60)
            os.kill(forked, 0)  # it lives
            bucket.put("set/a", b"after")
            assert cached("gs://b/set") == first == folders["inputs"]
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_copy_that_did_not_come_is_nobody_s(bucket, tmp_path):
    bucket.put("set/a", b"a")
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.refuse = lambda asked: 403 if asked.is_media else None
        with pytest.raises(StorageError, match="gs://b/set: you have no permission there"):
            cached("gs://b/set")
    assert not any((tmp_path / "cache" / "claims" / "b").iterdir())
    with reader("gs://b/set") as (_, here, _):
        assert files_in(here) == {"a": b"a"}


def test_who_asks_again_himself_gets_the_copy_as_the_bucket_is_now(bucket, folders):
    for content in (b"1", b"2"):
        bucket.put("set/a", content)
        assert cached("gs://b/set") == folders["inputs"] and files_in(folders["inputs"]) == {"a": content}
