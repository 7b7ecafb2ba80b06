"""While the laptop's targets run, no secret stands in a process list or in what they print and write down."""

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from infra.secret_forms import secrets_in
from vm_made import vm

JUPYTER = "4d8c" * 12
GOOGLE = "ya" + "29." + "0a1b2c3d4e5f" * 3


@pytest.fixture
def machine(tmp_path):
    with vm(tmp_path) as made:
        programs = {"jserve": f"sleep 0.3; cat '{tmp_path}/address'", "setup-environment": "sleep 0.3"}
        for name, body in programs.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho \"$REMOTE_DIR\" >'{tmp_path}/told'\n{body}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        (tmp_path / "address").write_text(f"JupyterLab   http://127.0.0.1:8888/?token={JUPYTER}\n")
        gcloud = tmp_path / "bin" / "gcloud"
        gcloud.write_text(
            gcloud.read_text().replace("case $* in\n", f"case $* in\n*'keys add'*) echo {GOOGLE} ;;\n", 1)
        )
        yield made


@contextmanager
def watched():
    """The command lines of all processes that ran meanwhile, as far as a look each millisecond finds them."""
    seen, over = set(), threading.Event()

    def look():
        while not over.wait(0.001):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue  # it ended

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def written(machine):
    """All that the programs wrote down, apart from the keys themselves."""
    files = [machine.folder / "asked.txt", machine.folder / "sshd.log", machine.laptop / "gcpvm" / ".ssh_config"]
    return "".join(file.read_text() for file in files)


def test_no_secret_in_the_process_list_or_the_logs(machine):
    key = (machine.folder / "keys" / "mine").read_text().splitlines()
    runs = {}
    with watched() as seen:
        for words in (["syncup"], ["ssh", "COMMAND=sleep 0.3"], ["environment"], ["jserve"], ["syncdown"]):
            runs[words[0]] = machine.make(*words)
    assert [run.returncode for run in runs.values()] == [0] * 5, runs
    for name in ("jserve start", "start-iap-tunnel", "ssh -F", "rsync"):
        assert any(name in line for line in seen), name  # else nothing was looked at
    printed = {name: run.stdout + run.stderr for name, run in runs.items()}
    assert printed.pop("jserve").count(JUPYTER) == 1  # the address is what it is for
    for text in (*seen, *printed.values(), written(machine)):
        assert secrets_in(text) == [] and JUPYTER not in text and GOOGLE not in text
        assert not any(line in text for line in key)


def test_the_watch_would_find_a_secret(machine):
    with watched() as seen:
        machine.make("ssh", f"COMMAND=true {GOOGLE}; sleep 0.3")
    assert any(GOOGLE in line and secrets_in(line) == ["Google access token"] for line in seen)


def test_jserve_is_told_the_folder(machine):
    assert machine.make("jserve").returncode == 0
    assert (machine.folder / "told").read_text() == f"{machine.there}\n"
