"""A sync that is cut off half-way, by the network or by kill -9, goes on where it was when it is run again."""

import os
import signal

import pytest
from vm_made import vm, waited_for

SIZE = 12_000_000  # bytes that do not compress; the connection is cut after half of them
HALF = SIZE // 2


@pytest.fixture
def machine(tmp_path):
    with vm(tmp_path) as made:
        (made.laptop / ".gitignore").write_text("/gcpvm/\n/runs/\n")
        assert made.make("syncup").returncode == 0  # the ssh entry is made, and the folder there
        yield made


def parts(folder):
    """The parts that a side keeps, by name and size."""
    kept = folder / ".sync" / "partial"
    return {path.name: path.stat().st_size for path in kept.iterdir()} if kept.is_dir() else {}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_syncup_leaves_the_old_file_whole_and_goes_on_from_its_part(machine, how):
    big, content = machine.laptop / "big file.bin", os.urandom(SIZE)
    big.write_text("the first version")
    (machine.laptop / "goes too").write_text("x")
    assert machine.make("syncup").returncode == 0
    big.write_bytes(content)
    (machine.laptop / "goes too").unlink()
    machine.cut_off("syncup", way="up", limit=HALF, how=how)
    waited_for(lambda: parts(machine.there))  # the other side notices in its own time
    assert (machine.there / "big file.bin").read_text() == "the first version"
    before = len(machine.moved)
    again = machine.make("syncup")
    assert again.returncode == 0, again.stderr
    assert (machine.there / "big file.bin").read_bytes() == content
    assert not (machine.there / "goes too").exists()
    assert sum(up for up, _ in machine.moved[before:]) < 0.7 * SIZE


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_syncdown_leaves_the_old_file_whole_and_goes_on_from_its_part(machine, how):
    there, here = machine.there / "runs" / "first" / "weights.pt", machine.laptop / "runs" / "first" / "weights.pt"
    content = os.urandom(SIZE)
    for path, text in ((there, content), (here, b"the first version")):
        path.parent.mkdir(parents=True)
        path.write_bytes(text)
    os.utime(here, (1, 1))
    machine.cut_off("syncdown", way="down", limit=HALF, how=how)
    assert here.read_bytes() == b"the first version"
    before = len(machine.moved)
    again = machine.make("syncdown")
    assert again.returncode == 0, again.stderr
    assert here.read_bytes() == content
    assert sum(down for _, down in machine.moved[before:]) < 0.7 * SIZE
    left = [path for path in machine.laptop.rglob("*") if path.name.startswith((".weights", "weights.pt."))]
    assert left == []


def test_what_a_killed_syncup_had_sent_is_known_to_be_sent(machine):
    """Else a file that is removed between a killed sync and the next would stay there."""
    (machine.laptop / "a small one").write_text("x")
    (machine.laptop / "big file.bin").write_bytes(os.urandom(SIZE))
    machine.cut_off("syncup", way="up", limit=HALF, how=signal.SIGKILL)
    waited_for((machine.there / "a small one").exists)
    (machine.laptop / "a small one").unlink()
    assert machine.make("syncup").returncode == 0
    assert not (machine.there / "a small one").exists()
