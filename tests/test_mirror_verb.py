"""`ceruleanml mirror` as its users meet it: statuses, lists, and the yes before anything is deleted."""

import os
import pty
import sys
import threading
from pathlib import Path

import pytest
from bucket_made import files_in, proxied, surroundings, write_files
from processes import finished

from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app

CERULEANML = Path(sys.executable).parent / "ceruleanml"
FILES = {"a": b"a", "d/b": b"b" * 2_000_000}


@pytest.fixture
def here(tmp_path):
    return write_files(tmp_path / "here", FILES)


def said(capsys, *arguments):
    """Status, output and errors of the verb."""
    status = status_of(app, ["mirror", *map(str, arguments)])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_what_was_done_is_said(bucket, here, tmp_path, capsys):
    status, out, err = said(capsys, here, "gs://b/x")
    assert (status, err) == (0, "")
    assert out.startswith("gs://b/x: sent 2 files, 2.0 MB in ") and out.endswith(" MB/s; 0 were alike\n")
    assert said(capsys, here, "gs://b/x") == (0, "gs://b/x: sent 0 files, 0.0 MB; 2 were alike\n", "")
    status, out, _ = said(capsys, "gs://b/x", tmp_path / "down")
    assert status == 0 and out.startswith(f"{tmp_path}/down: fetched 2 files, 2.0 MB in ")
    assert said(capsys, "gs://b/x", tmp_path / "more", "--quiet") == (0, "", "")


def test_a_dry_run_lists_and_does_nothing(bucket, here, capsys):
    bucket.put("x/a", b"other")
    bucket.put("x/old", b"o")
    status, out, err = said(capsys, here, "gs://b/x", "--dry-run", "--delete")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "replace a (0.0 MB)", "send d/b (2.0 MB)", "delete old",
        "gs://b/x: would take 2 files, 2.0 MB; 0 are alike",
    ]  # fmt: skip
    assert bucket.objects().keys() == {"x/a", "x/old"} and bucket.content("x/a") == b"other"


def test_without_a_terminal_nothing_is_deleted_unless_yes_is_said(bucket, here, capsys, monkeypatch):
    bucket.put("x/old", b"o")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        status, out, err = said(capsys, here, "gs://b/x", "--delete")
    assert (status, out) == (2, "delete old\n")
    assert err == ("ceruleanml: gs://b/x: 1 file would be deleted there, listed above; nothing was done, add --yes\n")
    assert bucket.objects().keys() == {"x/old"}
    status, out, _ = said(capsys, here, "gs://b/x", "--delete", "--yes")
    assert status == 0 and out.startswith("delete old\n") and out.endswith("; deleted 1\n")
    assert bucket.objects().keys() == {"x/a", "x/d/b"}


@pytest.mark.parametrize(("answer", "status", "left"), [("n", 130, {"x/old"}), ("y", 0, {"x/a", "x/d/b"})])
def test_on_a_terminal_it_asks(bucket, here, capsys, monkeypatch, answer, status, left):
    bucket.put("x/old", b"o")
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keys, os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        keys.write(f"{answer}\n".encode())
        found, out, _ = said(capsys, here, "gs://b/x", "--delete")
    assert found == status and "Delete 1 file of gs://b/x? [y/N]: " in out
    assert bucket.objects().keys() == left


def test_what_could_not_be_moved_is_named(bucket, here, tmp_path, capsys, monkeypatch):
    for name, content in {**FILES, "odd//name": b"o"}.items():
        bucket.put(f"x/{name}", content)
    with proxied(bucket) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.alter = lambda asked, body: b"?" if asked.is_media and asked.name == "x/a" else body
        status, out, err = said(capsys, "gs://b/x", tmp_path / "down")
        assert status == 3 and "fetched 1 file, 2.0 MB" in out
        assert "failed: a came corrupted 3 times" in err and "left out: odd//name would leave its folder" in err
        status, out, err = said(capsys, "gs://b/x", tmp_path / "down")
    assert (status, out) == (2, "")
    assert err.startswith(f"ceruleanml: {tmp_path}/down: a came corrupted 3 times") and err.count("\n") == 1


def test_what_was_deleted_is_said_even_where_nothing_else_was_done(bucket, here, capsys, monkeypatch):
    assert said(capsys, here, "gs://b/x")[0] == 0
    for name in ("old", "taken"):
        bucket.put(f"x/{name}", b"o")
    with proxied(bucket) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.refuse = lambda asked: 412 if asked.method == "DELETE" and asked.name == "x/taken" else None
        status, out, err = said(capsys, here, "gs://b/x", "--delete", "--yes")
    assert status == 3 and out.endswith("gs://b/x: sent 0 files, 0.0 MB; 2 were alike; deleted 1\n")
    assert err.startswith("failed: taken was changed in the bucket by another writer meanwhile")
    assert bucket.objects().keys() == {"x/a", "x/d/b", "x/taken"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gs://none/x", "down"), "gs://none/x: there is no bucket none"),
        (("gs://b/none", "down"), "gs://b/none: holds no files to mirror; check the name"),
        (("none", "gs://b/x"), "none: is no file or folder; name what is to be mirrored"),
        (("gs://b/x", "gs://b/y"), "are both in buckets; say gcloud storage rsync"),
    ],
)
def test_a_user_s_error_is_one_line_and_status_2(bucket, tmp_path, arguments, message):
    run = finished([CERULEANML, "mirror", *arguments], cwd=tmp_path, env=surroundings(bucket.endpoint, tmp_path / "c"))
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.startswith("ceruleanml: ") and message in run.stderr and run.stderr.count("\n") == 1


def test_two_mirrors_into_one_folder_do_not_mix(bucket, tmp_path, capsys, monkeypatch):
    bucket.put("x/a", b"a")
    second = []
    with proxied(bucket) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)

        def meanwhile(asked):
            if asked.is_media and not second:
                second.append(None)
                second[0] = said(capsys, "gs://b/x", tmp_path / "down")

        proxy.before = meanwhile
        first = threading.Thread(target=status_of, args=(app, ["mirror", "gs://b/x", str(tmp_path / "down")]))
        first.start()
        first.join(timeout=60)
    assert second[0][0] == 2 and "another mirror into it is at work; wait for its end" in second[0][2]
    assert files_in(tmp_path / "down") == {"a": b"a"}
