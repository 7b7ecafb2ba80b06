"""The laptop's targets: ssh with its forwards, what gcloud and terraform are asked, the editor's entries."""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
from processes import finished
from servers import _free_port
from vm_made import ROOT, vm

WHERE = "vm-of-tests --zone us-central1-a --project a-project"


@pytest.fixture
def machine(tmp_path):
    with vm(tmp_path) as made:
        yield made


@contextmanager
def web_server():
    """A page on a port of the machine, as Jupyter or TensorBoard would be."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a notebook")

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def fetched(port, patience_s=30):
    last = time.monotonic() + patience_s
    while time.monotonic() < last:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as there:
            there.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while part := there.recv(4096):
                answer += part
            if answer:
                return answer
        time.sleep(0.05)
    return b""


def test_ssh_runs_there_and_brings_the_ports_here_while_syncs_go_on(machine):
    with web_server() as there:
        here = _free_port()
        words = ["ssh", f"FORWARDS={here}:{there}", "COMMAND=echo ready; cat"]
        command = ["make", "--no-print-directory", "-C", "gcpvm", *machine.variables, *words]
        login = subprocess.Popen(
            command, cwd=machine.laptop, env=machine.environment(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert fetched(here).endswith(b"a notebook")
            synced = machine.make("syncup")  # which does not want the same ports
            assert synced.returncode == 0 and "cannot listen" not in synced.stderr
        finally:
            out, _ = login.communicate("from here\n", timeout=60)
    assert login.returncode == 0 and out.splitlines()[-2:] == ["ready", "from here"]


def test_the_entry_names_the_ports_and_the_proxy_and_ssh_reads_it(machine):
    shown = machine.make("vscode")
    assert shown.returncode == 0, shown.stderr
    entry = machine.laptop / "gcpvm" / ".ssh_config"
    assert entry.read_text() in shown.stdout and f'Include "{entry}"' in shown.stdout
    read = finished(["ssh", "-G", "-F", entry, "vm-of-tests"])
    assert read.returncode == 0, read.stderr
    told = read.stdout.splitlines()
    assert [line for line in told if line.startswith("localforward")] == [
        f"localforward [127.0.0.1]:{port} [127.0.0.1]:{port}" for port in (8888, 6006, 8787)
    ]
    tunnel = "start-iap-tunnel vm-of-tests 22 --listen-on-stdin --zone us-central1-a --project a-project"
    assert any(line.startswith("proxycommand") and tunnel in line for line in told)
    assert {"serveraliveinterval 30", "identitiesonly yes"} <= set(told)
    assert "stricthostkeychecking accept-new" in told


def test_the_entry_is_made_once_and_anew_after_an_apply(machine):
    assert machine.make("ssh", "COMMAND=true").returncode == 0
    asked = machine.log
    assert machine.make("ssh", "COMMAND=true").returncode == 0
    assert set(machine.log[len(asked) :].splitlines()) == {
        f"compute start-iap-tunnel {WHERE.replace(' ', ' 22 --listen-on-stdin ', 1)} --verbosity warning"
    }
    assert machine.make("apply").returncode == 0
    assert not (machine.laptop / "gcpvm" / ".ssh_config").exists()


def test_a_command_is_read_by_the_machine_alone(machine):
    typed = f"cd '{machine.folder}/the disk'; echo $0 $((1+1)) \"two  words\"; printf '%s|' * && pwd >ran-there"
    done = machine.make("ssh", f"COMMAND={typed}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{os.environ.get('SHELL', 'bash').split('/')[-1]} 2 two  words", "*|"]
    assert (machine.folder / "the disk" / "ran-there").read_text() == f"{machine.folder}/the disk\n"


def test_a_machine_that_is_named_is_the_one_that_is_meant(machine):
    assert machine.make("ssh", "COMMAND=true").returncode == 0
    for words in (("NAME=other", "ZONE=z", "PROJECT=p"), ("PROJECT=p",), ("NAME=other", "SSH_CONFIG=.ssh_config")):
        assert machine.make("ssh", "COMMAND=true", *words).returncode == 0
    tunnels = [line for line in machine.log.splitlines() if "start-iap-tunnel" in line]
    wheres = [(line.split()[2], *line.split("--zone ")[1].split()[:3:2]) for line in tunnels]
    mine = ("vm-of-tests", "us-central1-a", "a-project")
    assert wheres == [mine, ("other", "z", "p"), (*mine[:2], "p"), ("other", *mine[1:])]


def test_the_entry_is_made_anew_for_other_ports_another_key_and_a_newer_script(machine):
    entry, asked = machine.laptop / "gcpvm" / ".ssh_config", "os-login ssh-keys add"

    def times(*words, **environment):
        before = machine.log.count(asked)
        assert machine.make("ssh", "COMMAND=true", *words, **environment).returncode == 0
        return machine.log.count(asked) - before

    port = _free_port()
    assert [times(), times()] == [1, 0]
    assert times(FORWARDS=f"{port}:8888") == 1 and f"LocalForward 127.0.0.1:{port} 127.0.0.1:8888" in entry.read_text()
    shutil.copy(machine.folder / "keys" / "mine", machine.folder / "keys" / "again")
    shutil.copy(machine.folder / "keys" / "mine.pub", machine.folder / "keys" / "again.pub")
    assert times(f"IDENTITY={machine.folder}/keys/again") == 1 and "keys/again" in entry.read_text()
    assert [times(), times()] == [1, 0]
    os.utime(entry, (1, 1))
    assert times() == 1


def test_a_key_is_made_where_there_is_none_and_only_its_public_half_is_given_away(machine):
    key = machine.folder / "home" / ".ssh" / "new key"
    done = machine.make("vscode", f"IDENTITY={key}")
    assert done.returncode == 0 and "made the key" in done.stderr
    assert key.stat().st_mode & 0o777 == 0o600
    assert f"os-login ssh-keys add --key-file {key}.pub" in machine.log
    secret = key.read_text().splitlines()[1]
    assert secret not in machine.log + done.stdout + done.stderr


TARGETS = {
    ("start",): f"compute instances start {WHERE}",
    ("stop",): f"compute instances stop {WHERE} --discard-local-ssd=true",
    ("status",): f"compute instances describe {WHERE} --format=table(name, status, ",
    ("plan",): "plan",
    ("apply",): "apply",
    ("destroy",): "destroy -target=google_compute_network.vm -target=google_service_account.vm",
    (
        "image-check",
    ): "compute images describe-from-family common-cu129-ubuntu-2204-nvidia-580 --project deeplearning-pl",
    ("start", "NAME=other", "ZONE=z", "PROJECT=p"): "compute instances start other --zone z --project p",
}


@pytest.mark.parametrize("words", TARGETS, ids=" ".join)
def test_each_target_asks_for_what_it_says(machine, words):
    done = machine.make(*words)
    assert done.returncode == 0, done.stderr
    assert machine.log.splitlines()[-1].startswith(TARGETS[words])


def test_init_wants_to_know_where_the_state_lies(machine):
    assert "backend.hcl is missing: copy backend.hcl.example" in machine.make("init").stderr
    (machine.laptop / "gcpvm" / "backend.hcl").touch()
    assert machine.make("init").returncode == 0
    assert machine.log.splitlines()[-1] == "init -backend-config=backend.hcl"


def test_an_image_family_that_is_gone_is_told(machine):
    (machine.laptop / "gcpvm" / "terraform.tfvars").write_text('image_family = "no-such-family"\n')
    done = machine.make("image-check")
    assert done.returncode == 2 and "image_family no-such-family has no image: take a newer family" in done.stderr


def test_before_an_apply_and_without_gcloud_one_line_says_what_to_do(machine):
    (machine.folder / "bin" / "terraform").write_text("#!/bin/sh\nexit 1\n")
    assert "terraform knows no machine yet: make vm-apply, or give NAME=" in machine.make("ssh").stderr
    done = machine.make("ssh", "NAME=n", "ZONE=z", "PROJECT=p", "GCLOUD=no-gcloud")
    assert done.stderr.splitlines()[0].startswith("no-gcloud: not installed")
    assert not (machine.laptop / "gcpvm" / ".ssh_config").exists()


def test_make_help_explains_every_target():
    listed = finished(["make", "--no-print-directory", "-C", ROOT / "gcpvm", "help"]).stdout
    declared = set(re.findall(r"^\.PHONY: ([\w-]+)$", (ROOT / "gcpvm" / "Makefile").read_text(), re.MULTILINE)) - {
        "again"
    }
    assert set(re.findall(r"^  ([\w-]+) +\S", listed, re.MULTILINE)) == declared
    assert {"init", "plan", "apply", "destroy", "start", "stop", "status", "ssh", "syncup", "syncdown"} <= declared
    assert {"pull-dataset", "push-dataset", "cost", "image-check", "vscode", "jserve"} <= declared


def test_editor_entries_name_programs_and_targets_that_exist():
    entries = json.loads((ROOT / ".vscode" / "launch.json").read_text())["configurations"]
    programs = [entry["program"].removeprefix("${workspaceFolder}/") for entry in entries if "program" in entry]
    assert len(programs) >= 4 and all(name.startswith(".venv/bin/") or (ROOT / name).is_file() for name in programs)
    tasks = json.loads((ROOT / ".vscode" / "tasks.json").read_text())["tasks"]
    advised = json.loads((ROOT / ".vscode" / "extensions.json").read_text())["recommendations"]
    assert {"ms-python.python", "ms-vscode-remote.remote-ssh", "charliermarsh.ruff"} <= set(advised)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    asked = [task["command"].split()[1] for task in tasks if task["command"].startswith("make ")]
    assert asked and set(asked) <= set(targets)


def test_gcloud_knows_the_options_that_are_used():
    if shutil.which("gcloud") is None:
        pytest.skip("not installed here: gcloud")
    uses = [
        "compute start-iap-tunnel name 22 --listen-on-stdin --zone z --project p --verbosity warning",
        "compute os-login ssh-keys add --key-file f --project p",
        "compute os-login describe-profile --project p --format f",
        "compute instances start name --zone z --project p",
        "compute instances stop name --zone z --project p --discard-local-ssd=true",
        "compute instances describe name --zone z --project p --format f",
        "compute images describe-from-family family --project p --format f",
    ]
    for words in uses:
        told = finished(["gcloud", *words.split(), "--no-such-option"], patience_s=120).stderr
        assert "unrecognized arguments: --no-such-option" in told.replace("\n  --no", " --no"), told
