"""syncup and syncdown against a real sshd: git's own set goes up, nothing is lost on the way back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from vm_made import ROOT, vm

ODD_NAMES = [
    "with space.txt",
    "two\nlines.txt",
    "-rf",
    "#comment",
    ";semi",
    ":(top)colon",
    "größe 海.txt",
    "a'b\"c$d`e\\f",
    " ",
]


@pytest.fixture
def machine(tmp_path):
    with vm(tmp_path) as made:
        yield made


def write(folder, names, text="x"):
    for name in [names] if isinstance(names, str) else names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def tree(folder):
    """The files and links of a folder, without what the sync itself and git keep there, and the module's copy."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    return {str(path) for path in found if path.parts[0] not in (".sync", ".git", "gcpvm")} - {".gitignore"}


def backups(folder):
    """What the backups of a side hold, by name."""
    kept = folder / ".sync" / "backup"
    return {
        str(path.relative_to(kept)).split("/", 1)[1]: path.read_text() for path in kept.rglob("*") if path.is_file()
    }


def done(machine, *words):
    result = machine.make(*words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def age(path, seconds):
    """Gives a file a time so many seconds from now."""
    now = path.stat().st_mtime
    os.utime(path, (now + seconds, now + seconds))


def test_what_git_would_track_goes_up_and_nothing_else(machine):
    here = machine.laptop
    (here / ".gitignore").write_text("*.log\n!keep.log\n/data/*\n!/data/keep/\nout/\n")
    sent = [*ODD_NAMES, "keep.log", "data/keep/deep.txt", "src/new and untracked.py", "empty"]
    write(here, sent)
    write(here, ["a.log", "data/raw.tif", "out/big", "src/b.log"])
    (here / "run.sh").write_text("#!/bin/sh\n")
    (here / "run.sh").chmod(0o755)
    (here / "link").symlink_to("run.sh")
    machine.git("add", "keep.log", "run.sh")
    write(here, "was ignored.log", "tracked all the same")
    machine.git("add", "--force", "was ignored.log")
    done(machine, "syncup")
    assert tree(machine.there) == {*sent, "run.sh", "link", "was ignored.log"}
    assert os.access(machine.there / "run.sh", os.X_OK) and (machine.there / "link").readlink() == Path("run.sh")
    assert all((machine.there / name).read_bytes() == (here / name).read_bytes() for name in sent)


def test_what_git_knew_and_is_gone_here_vanishes_there_and_nothing_else(machine):
    here, there = machine.laptop, machine.there
    write(here, ["committed.py", "pkg/committed too.py", "untracked.py", "stays.py", *ODD_NAMES])
    machine.git("add", "committed.py", "pkg")
    machine.git("commit", "--quiet", "-m", "one")
    done(machine, "syncup")
    write(there, ["made there.py", "runs/first/model.json", "pkg/of the machine.py"], "made there")
    machine.git("rm", "--quiet", "committed.py")
    machine.git("commit", "--quiet", "-m", "two")
    (here / "pkg" / "committed too.py").unlink()  # git still knows it
    for name in ["untracked.py", *ODD_NAMES]:
        (here / name).unlink()
    write(there, "untracked.py", "changed there since")
    told = done(machine, "syncup")
    assert tree(there) == {"stays.py", "made there.py", "runs/first/model.json", "pkg/of the machine.py"}
    kept = backups(there)
    assert set(kept) == {"committed.py", "pkg/committed too.py", "untracked.py", *ODD_NAMES}
    assert kept["untracked.py"] == "changed there since"
    assert "removed there: ./untracked.py" in told


def test_a_file_that_is_ignored_from_now_on_is_neither_sent_nor_removed(machine):
    write(machine.laptop, "notes.txt", "first")
    done(machine, "syncup")
    (machine.laptop / ".gitignore").write_text("notes.txt\n")
    write(machine.laptop, "notes.txt", "second")
    done(machine, "syncup")
    assert (machine.there / "notes.txt").read_text() == "first"


def test_a_file_may_become_a_folder_and_a_folder_a_file(machine):
    here = machine.laptop
    write(here, ["one", "two/inside.txt"])
    done(machine, "syncup")
    (here / "one").unlink()
    (here / "two" / "inside.txt").unlink()
    (here / "two").rmdir()
    write(here, ["one/inside.txt", "two"], "now")
    done(machine, "syncup")
    assert tree(machine.there) == {"one/inside.txt", "two"}
    assert backups(machine.there) == {"one": "x", "two/inside.txt": "x"}


def test_what_was_changed_there_and_is_replaced_is_kept_there(machine):
    write(machine.laptop, "train.py", "mine")
    done(machine, "syncup")
    write(machine.there, "train.py", "changed there")
    done(machine, "syncup")
    assert (machine.there / "train.py").read_text() == "mine"
    assert backups(machine.there) == {"train.py": "changed there"}


def test_changes_there_come_down_and_a_newer_file_here_stays(machine):
    here, there = machine.laptop, machine.there
    write(here, ["older.py", "newer.py", "same.py"], "as sent")
    done(machine, "syncup")
    write(there, ["older.py", "newer.py", "new there.py", *ODD_NAMES], "changed there")
    write(here, ["older.py", "newer.py"], "uncommitted, changed here")
    age(here / "older.py", -100)
    age(here / "newer.py", +100)
    told = done(machine, "syncdown")
    assert (here / "older.py").read_text() == "changed there"
    assert (here / "newer.py").read_text() == "uncommitted, changed here"
    assert tree(here) == {"older.py", "newer.py", "same.py", "new there.py", *ODD_NAMES}
    assert backups(here) == {"older.py": "uncommitted, changed here"}
    assert 'newer.py" is newer' in told or "newer.py is newer" in told
    assert "what was replaced here lies in .sync/backup/" in told
    assert machine.git("status", "--porcelain", ".sync") == ""


def test_what_is_ignored_here_stays_there_and_named_folders_come_down_all_the_same(machine):
    here, there = machine.laptop, machine.there
    (here / ".gitignore").write_text("/runs/\n/experiments/\n*.tmp\n!keep.tmp\n/datasets/\n")
    done(machine, "syncup")
    results = [
        "runs/first/weights.pt",
        "runs/first/a.tmp",
        "labels/scene/2026_ana.geojson",
        "runs/with space\nand line/x",
    ]
    write(there, [*results, "a.tmp", "keep.tmp", "datasets/may/tile.tif", ".venv/bin/python", "sub/.git/config"])
    done(machine, "syncdown")
    assert tree(here) == {*results, "keep.tmp"}
    write(here, "runs/first/weights.pt", "drawn here")
    age(here / "runs/first/weights.pt", -100)
    done(machine, "syncdown", "RESULTS=runs")
    assert backups(here) == {"runs/first/weights.pt": "drawn here"}


def test_a_file_that_was_removed_here_does_not_come_back(machine):
    write(machine.laptop, ["stays.py", "goes.py"])
    done(machine, "syncup")
    (machine.laptop / "goes.py").unlink()
    done(machine, "syncdown")
    assert tree(machine.laptop) == {"stays.py"}


def test_nor_does_a_result_of_any_name(machine):
    here, there = machine.laptop, machine.there
    odd = [*ODD_NAMES, "star*", "what?", "[ab]", "back\\slash*", "back\\slash", "tail\\", "sub/*"]
    near = ["star and more", "whats", "a", "back-slash", "sub/other", "back\\slash and more"]
    write(here, [f"labels/{name}" for name in [*odd, *near]])
    done(machine, "syncup")
    write(there, "labels/of the machine", "made there")
    for name in [*odd, *near]:
        (here / "labels" / name).unlink()
    write(here, [f"labels/{name}" for name in near], "older")
    for name in near:
        age(here / "labels" / name, -100)
    done(machine, "syncdown")
    assert tree(here) == {f"labels/{name}" for name in [*near, "of the machine"]}
    assert {(here / "labels" / name).read_text() for name in near} == {"x"}


@pytest.mark.parametrize("folder", ["runs", "runs/deep"])
def test_a_folder_of_results_that_is_a_link_there_is_told(machine, folder):
    write(machine.laptop, "a.py")
    done(machine, "syncup")
    (machine.folder / "scratch").mkdir()
    write(machine.folder / "scratch", "deep/weights.pt")
    (machine.there / "runs").symlink_to(machine.folder / "scratch")
    result = machine.make("syncdown", f"RESULTS=experiments {folder}/")
    assert result.returncode == 2 and result.stderr.splitlines()[0] == (
        f"{machine.there}/runs: is a link there, so what it holds does not come down; make it a folder"
    )
    assert tree(machine.laptop) == {"a.py"}


def test_what_was_sent_to_a_machine_of_the_same_name_elsewhere_is_not_removed(machine):
    write(machine.laptop, ["stays.py", "goes.py"])
    done(machine, "syncup")
    (machine.laptop / "goes.py").unlink()
    done(machine, "syncup", "PROJECT=another")
    assert tree(machine.there) == {"stays.py", "goes.py"}
    done(machine, "syncup")
    assert tree(machine.there) == {"stays.py"}


def test_what_a_stopped_machine_had_received_is_taken_up(machine):
    write(machine.laptop, "weights.pt")
    done(machine, "syncup")
    arriving, partial = machine.there / ".sync" / "arriving", machine.there / ".sync" / "partial"
    write(arriving, ["big file.bin.AbC123", ".hidden.AbC123", "-rf.AbC123", "arrives now.AbC123"])
    for name in ("big file.bin.AbC123", ".hidden.AbC123", "-rf.AbC123"):
        age(arriving / name, -4000)
    done(machine, "syncup")
    write(machine.laptop, "weights.pt", "changed")
    done(machine, "syncup")
    assert {path.name for path in partial.iterdir()} == {"big file.bin", ".hidden", "-rf"}
    assert {path.name for path in arriving.iterdir()} == {"arrives now.AbC123"}


def test_links_and_files_of_one_name_never_lose_what_is_here(machine):
    here, there = machine.laptop, machine.there
    write(here, ["was a file", "target"], "mine")
    (here / "was a link").symlink_to("target")
    done(machine, "syncup")
    (there / "was a file").unlink()
    (there / "was a file").symlink_to("target")
    (there / "was a link").unlink()
    write(there, "was a link", "a file there")
    (there / "outside").symlink_to("/etc/hostname")
    done(machine, "syncdown")
    assert (here / "was a file").is_symlink() and backups(here)["was a file"] == "mine"
    assert (here / "was a link").read_text() == "a file there" and (here / "target").read_text() == "mine"
    assert not (here / "outside").is_symlink()


def test_the_list_of_the_machine_is_not_trusted(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True, timeout=60)
    asked = [
        "./../up",
        "/etc/passwd",
        "./.git/hooks/post-checkout",
        "./sub/.GIT/config",
        "./a//b",
        "plain",
        "./.sync/x",
        "./good",
    ]
    command = [sys.executable, ROOT / "gcpvm" / "laptop" / "names.py", "wanted", tmp_path / "never sent"]
    text = "".join(name + "\0" for name in asked)
    done = subprocess.run(command, cwd=tmp_path, input=text, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "./good\0"


def test_before_the_first_syncup_there_is_nothing_to_bring(machine):
    result = machine.make("syncdown")
    assert result.returncode == 2 and "is not there yet: say make syncup first" in result.stderr
