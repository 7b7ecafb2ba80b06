"""Mirroring at its real size: 10,000 small files, 2 GB in one, killed in the middle; and the same as gcloud leaves."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import google_crc32c
import pytest
from bucket_made import crc32c, served_bucket, surroundings
from processes import finished

from ceruleanml.mirror import mirror
from ceruleanml.mirror_checksums import crc32c_of
from ceruleanml.mirror_moving import WHOLE
from ceruleanml.mirror_upload import part_length

CERULEANML = Path(sys.executable).parent / "ceruleanml"
PATIENCE_S = 600.0
SIZE = 2 << 30
MARKS = {5 << 20: b"beginning", SIZE // 2 - 3: b"across the middle", SIZE - 4: b"last"}
MANY, MISSING = 10_000, 2_000
EMPTY_PARTS = range(17, 31)
"""Parts of that file that hold zeros alone, among the last to be sent."""
NOTES = "user.metadata"
"""The attribute of its files in which the stand-in notes what it knows of an object."""


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    with served_bucket(tmp_path / "server", in_memory=False) as bucket:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.endpoint)
        monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
        yield bucket
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size > WHOLE:
            path.unlink()  # pytest would keep gigabytes


def sparse(path):
    """A file of 2 GB that holds almost nothing."""
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(SIZE)
        for start, mark in MARKS.items():
            file.seek(start)
            file.write(mark)
    return path


def killed(arguments, environment, is_time, look_s=0.05):
    """Run the verb and kill it without warning once it is time, for which it looks so often."""
    with subprocess.Popen([CERULEANML, "mirror", *map(str, arguments)], env=environment) as process:
        last = time.monotonic() + PATIENCE_S
        while process.poll() is None and not is_time():
            assert time.monotonic() < last, "it did not come so far"
            time.sleep(look_s)
        assert process.poll() is None, "it was done before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)


def test_2_gb_killed_in_the_middle_go_on(bucket, tmp_path):
    """The stand-in takes 8 GB of memory to put the parts together; the verb itself holds a part at a time.

    Some of the parts come from another machine meanwhile, which here costs nothing.
    """
    source = sparse(tmp_path / "here" / "big.tif")
    expected = crc32c_of(source)
    environment = surroundings(bucket.endpoint, tmp_path / "cache")
    parts = "x/.ceruleanml-mirror/"
    sent = tmp_path / "server" / "b" / "x" / ".ceruleanml-mirror"  # to list them the server reads them all
    killed([source.parent, "gs://b/x"], environment, lambda: whole(sent, part_length(SIZE)) >= 4, look_s=0.2)
    more = [path for path in (next(sent.iterdir()) / f"{number:06d}" for number in EMPTY_PARTS) if not path.exists()]
    place(dict.fromkeys(more, b""), next(sent.glob("*/00000[2-9]")), part_length(SIZE))
    least = (4 + len(more)) * part_length(SIZE)
    there = sum(int(item["size"]) for item in bucket.objects(parts).values())
    report = mirror(str(source.parent), "gs://b/x")
    assert there >= least and report.moved_bytes <= SIZE - least
    assert {name: item["crc32c"] for name, item in bucket.objects().items()} == {"x/big.tif": expected}

    down = tmp_path / "down"
    state = down / ".ceruleanml-mirror"
    killed(["gs://b/x", down], environment, lambda: slices(state) >= 64)
    assert not (down / "big.tif").exists()
    kept = slices(state)
    report = mirror("gs://b/x", str(down))
    assert report.moved_bytes == SIZE - kept * WHOLE and kept >= 64
    assert os.listdir(down) == ["big.tif"] and crc32c_of(down / "big.tif") == expected
    with (down / "big.tif").open("rb") as file:
        for start, mark in MARKS.items():
            file.seek(start)
            assert file.read(len(mark)) == mark


def place(contents, model, size=None):
    """Put objects among the stand-in's files: with the notes of the model, whose bytes they have when filled up with
    zeros to `size`, or, without a size, with checksums of their own."""
    notes = os.getxattr(model, NOTES)
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(content)
            file.truncate(size)
        own = notes if size else json.dumps({**json.loads(notes), "Crc32c": crc32c(content), "Md5Hash": ""}).encode()
        os.setxattr(path, NOTES, own)


def whole(folder, size):
    """How many files of a size lie below a folder."""
    return sum(path.stat().st_size == size for path in folder.glob("*/*") if path.is_file())


def slices(state):
    """How many slices are written down as there."""
    return sum(path.read_text().count("\n") for path in state.glob("*.slices"))


def test_a_slice_that_is_not_as_written_down_is_fetched_again(bucket, tmp_path):
    content = os.urandom(9 * WHOLE)
    bucket.put("x/a", content)
    down = tmp_path / "down"
    environment = surroundings(bucket.endpoint, tmp_path / "cache")
    state = down / ".ceruleanml-mirror"
    killed(["gs://b/x", down, "--at-once", "1"], environment, lambda: slices(state) >= 3)
    kept = slices(state)
    with next(state.glob("*.part")).open("r+b") as part:  # as after a loss of power
        part.seek(100)
        part.write(b"?")
    with next(state.glob("*.slices")).open("a") as log:
        log.write("8388")  # half a line
    report = mirror("gs://b/x", str(down))
    assert report.moved_bytes == (9 - kept + 1) * WHOLE
    assert (down / "a").read_bytes() == content


def test_10_000_files_killed_in_the_middle_go_on(bucket, tmp_path):
    here = tmp_path / "here"
    contents = {f"{number % 100:02}/{number:05}": f"{number} {'x' * (number % 300)}".encode() for number in range(MANY)}
    for name, content in contents.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    environment = surroundings(bucket.endpoint, tmp_path / "cache")
    there = tmp_path / "server" / "b" / "x"
    first, *others = list(contents)[:-MISSING]
    bucket.put(f"x/{first}", contents[first])
    place({there / name: contents[name] for name in others}, there / first)
    killed([here, "gs://b/x"], environment, lambda: count(there) >= MANY - MISSING // 2, look_s=0.2)
    done = len(bucket.objects())
    report = mirror(str(here), "gs://b/x")
    # The server still ends what the killed process had asked it for.
    assert MANY - MISSING // 2 <= done <= report.unchanged <= done + 64 and report.moved == MANY - report.unchanged
    assert bucket.sums("x/") == {name: crc32c(content) for name, content in contents.items()}

    down = tmp_path / "down"
    shutil.copytree(here, down)
    for name in list(contents)[:MISSING]:
        (down / name).unlink()
    killed(["gs://b/x", down], environment, lambda: count(down) >= MANY - MISSING // 2, look_s=0.2)
    done = sum(1 for name, content in contents.items() if content_of(down / name) == content)
    report = mirror("gs://b/x", str(down))
    assert (report.moved, report.unchanged) == (MANY - done, done) and MANY - MISSING < done < MANY
    assert all(content_of(down / name) == content for name, content in contents.items())
    assert sorted(os.listdir(down)) == sorted({name.split("/")[0] for name in contents})


def count(folder):
    """How many files lie below a folder."""
    return sum(len(files) for _, _, files in os.walk(folder))


def content_of(path):
    return path.read_bytes() if path.is_file() else None


def test_gcloud_leaves_the_same_objects_and_files(bucket, tmp_path):
    here = tmp_path / "here"
    for number in range(60):
        path = here / f"{number % 7}" / f"é {number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(range(number)) * number)
    (here / "large").write_bytes(os.urandom(WHOLE * 10))
    gcloud = {
        **os.environ,
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{bucket.endpoint}/storage/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true", "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true", "CLOUDSDK_CORE_PROJECT": "p",
    }  # fmt: skip
    for arguments in ((here, "gs://b/theirs"), ("gs://b/theirs", tmp_path / "theirs")):
        (tmp_path / "theirs").mkdir(exist_ok=True)
        run = finished(["gcloud", "storage", "rsync", "--recursive", *arguments], env=gcloud)
        assert run.returncode == 0, run.stderr
    mirror(str(here), "gs://b/ours")
    mirror("gs://b/theirs", str(tmp_path / "ours"))
    assert bucket.sums("ours/") == bucket.sums("theirs/") and len(bucket.sums("ours/")) == 61
    assert sums_of(tmp_path / "ours") == sums_of(tmp_path / "theirs") == sums_of(here)
    assert mirror(str(here), "gs://b/theirs").moved == 0


def sums_of(folder):
    return {str(path.relative_to(folder)): google_crc32c.value(path.read_bytes()) for path in folder.rglob("*.*")}
