"""pull-dataset and push-dataset between here, the machine's disk and a bucket; and what runs on the machine itself."""

import os
import signal
from pathlib import Path

import pytest
from builds_made import CERULEANML, contents
from processes import finished
from servers import gcs_server
from vm_made import ROOT, vm


@pytest.fixture
def machine(tmp_path):
    with vm(tmp_path) as made:
        program(made, 'echo "$2: nothing of that name" >&2; exit 2')
        yield made


def program(machine, body):
    """Lays the machine's ceruleanml."""
    file = machine.there / ".venv" / "bin" / "ceruleanml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def data_set(folder, name="may"):
    (folder / "tiles").mkdir(parents=True)
    (folder / "dataset.json").write_text(f'{{"name": "{name}"}}')
    (folder / "instances.json").write_text("{}")
    for number in range(3):
        (folder / "tiles" / f"tile {number}.tif").write_bytes(os.urandom(2000))
    return folder


def on_disk(machine, name="may"):
    return machine.there.parent / "datasets" / name


def done(machine, *words):
    result = machine.make(*words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_from_here_to_the_machine_to_a_bucket_and_all_the_way_back(machine):
    """The machine's mirror is the real one, the bucket a real server's."""
    mine = data_set(machine.laptop / "datasets" / "may")
    (machine.folder / "buckets" / "our-sets").mkdir(parents=True)
    assert f"datasets/may is at vm-of-tests:{on_disk(machine)}" in done(machine, "push-dataset", "DATASET=datasets/may")
    assert contents(on_disk(machine)) == contents(mine)
    with gcs_server(machine.folder / "buckets") as environment:
        server = environment["CPL_GS_ENDPOINT"].rstrip("/")
        program(machine, f'STORAGE_EMULATOR_HOST={server} exec {CERULEANML} "$@"')
        pushed = done(machine, "push-dataset", "DATASET=may", "TO=gs://our-sets/2026/")
        assert pushed.endswith("is at gs://our-sets/2026/may\n")
        on_disk(machine).rename(on_disk(machine, "other"))
        done(machine, "pull-dataset", "DATASET=gs://our-sets/2026/may/")
        done(machine, "push-dataset", "DATASET=may/", "TO=gs://our-sets/2026")
        refused_to_mix(machine)
    assert contents(on_disk(machine)) == contents(mine)
    done(machine, "pull-dataset", "DATASET=may", "TO=elsewhere")
    assert contents(machine.laptop / "elsewhere" / "may") == contents(mine)


def refused_to_mix(machine):
    """Neither side of a bucket takes another data set of the name, nor does an SSD."""
    before = contents(machine.folder / "buckets"), (on_disk(machine) / "instances.json").read_bytes()
    (on_disk(machine) / "dataset.json").write_text('{"name": "theirs"}')
    told = "is another data set of that name; remove it, or give this one another name"
    into = [f"{machine.laptop}/gcpvm/laptop/dataset.sh", "into", machine.folder / "the disk" / "datasets"]
    program = {**machine.environment(), "CERULEANML": str(machine.there / ".venv/bin/ceruleanml")}
    refused = [
        machine.make("push-dataset", "DATASET=may", "TO=gs://our-sets/2026"),
        machine.make("pull-dataset", "DATASET=gs://our-sets/2026/may"),
        finished([*into, "gs://our-sets/2026/may"], env=program),
        finished([*into, machine.laptop / "datasets" / "may"], env=program),
    ]
    for one, place in zip(refused, ["gs://our-sets/2026/may", *[on_disk(machine)] * 3], strict=True):
        assert one.returncode == 2 and f"{place}: {told}" in one.stderr.splitlines()
    assert (contents(machine.folder / "buckets"), (on_disk(machine) / "instances.json").read_bytes()) == before
    (on_disk(machine) / "dataset.json").write_text('{"name": "may"}')


def bucket(folder, verb, source, target, fails=""):
    """Runs bucket.sh with a mirror that writes down what it was to do, and that copies from FOLDER/bucket."""
    mirror = folder / "mirror"
    mirror.write_text(
        f"""#!/bin/sh
echo "$2" >>'{folder}/asked'
case $2 in "{fails or "/"}") exit 1 ;; esac
from=$(echo "$2" | sed 's,^gs:/,{folder},') to=$(echo "$3" | sed 's,^gs:/,{folder},')
[ -e "$from" ] || {{ echo "$2: holds no files to mirror; check the name" >&2; exit 2; }}
mkdir -p "$(dirname "$to")"
if [ -d "$from" ]; then mkdir -p "$to" && cp -R "$from/." "$to"; else cp "$from" "$to"; fi
"""
    )
    mirror.chmod(0o755)
    return finished([ROOT / "gcpvm" / "laptop" / "bucket.sh", verb, mirror, source, target])


def test_what_comes_from_a_bucket_is_whole_or_absent_and_gone_on_with(tmp_path):
    there, here = data_set(tmp_path / "b" / "may"), tmp_path / "disk" / "may"
    (tmp_path / "disk").mkdir()
    assert bucket(tmp_path, "fetch", "gs://b/may", here, fails="gs://b/may").returncode == 1
    assert not here.exists()
    data_set(tmp_path / "c" / "may", "another")
    assert "is another data set of that name" in bucket(tmp_path, "fetch", "gs://c/may", here).stderr
    assert bucket(tmp_path, "fetch", "gs://b/may", here).returncode == 0
    assert contents(here) == contents(there) and [path.name for path in here.parent.iterdir()] == ["may"]
    (here / "dataset.json").unlink()
    assert "is a folder without dataset.json" in bucket(tmp_path, "fetch", "gs://b/may", here).stderr


def test_to_a_bucket_the_description_goes_last_and_a_bucket_that_cannot_be_read_is_no_empty_one(tmp_path):
    mine, there = data_set(tmp_path / "may"), tmp_path / "b" / "may"
    (mine / "an empty folder").mkdir()
    unread = bucket(tmp_path, "send", mine, "gs://b/may", fails="gs://b/may/dataset.json")
    assert unread.returncode == 2 and not there.exists()
    assert bucket(tmp_path, "send", mine, "gs://b/may", fails=mine).returncode == 1
    assert not (there / "dataset.json").exists() and len(list(there.rglob("*.tif"))) == 3
    assert bucket(tmp_path, "send", mine, "gs://b/may").returncode == 0
    assert contents(there) == contents(mine)


def test_a_machine_that_does_not_answer_is_not_one_that_holds_nothing(machine):
    data_set(machine.laptop / "datasets" / "may")
    done(machine, "vscode")
    tunnel = machine.folder / "tunnel.py"
    failing = "import os, sys\nif not os.path.exists('once'):\n    open('once', 'w').close()\n    sys.exit(1)\n"
    tunnel.write_text(f"import os\nos.chdir({str(machine.folder)!r})\n{failing}{tunnel.read_text()}")
    data_set(on_disk(machine), "theirs")
    result = machine.make("push-dataset", "DATASET=datasets/may")
    assert result.returncode == 2 and "Error 255" in result.stderr
    assert "theirs" in (on_disk(machine) / "dataset.json").read_text()


def test_another_data_set_of_the_same_name_is_not_mixed_in(machine):
    data_set(machine.laptop / "datasets" / "may", "mine")
    data_set(on_disk(machine), "theirs")
    before = contents(machine.laptop / "datasets"), contents(on_disk(machine))
    told = "is another data set of that name; remove it, or give this one another name"
    for words, place in (("pull-dataset DATASET=may", "datasets/may"), ("push-dataset DATASET=datasets/may", "vm-of")):
        refused = machine.make(*words.split())
        lines = [line for line in refused.stderr.splitlines() if told in line]
        assert refused.returncode == 2 and len(lines) == 1 and lines[0].startswith(place)
    assert (contents(machine.laptop / "datasets"), contents(on_disk(machine))) == before


def test_a_data_set_that_came_in_part_is_none_yet_and_is_gone_on_with(machine):
    mine = data_set(machine.laptop / "datasets" / "may")
    (mine / "tiles" / "large.tif").write_bytes(os.urandom(4_000_000))
    machine.cut_off("push-dataset", "DATASET=datasets/may", way="up", limit=2_000_000, how=signal.SIGKILL)
    assert not (on_disk(machine) / "dataset.json").exists()
    assert "is no data set" in machine.make("pull-dataset", "DATASET=may", "TO=elsewhere").stderr
    done(machine, "push-dataset", "DATASET=datasets/may")
    assert contents(on_disk(machine)) == contents(mine)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["pull-dataset", "DATASET=june"], "june: is no data set"),
        (["pull-dataset", "DATASET=../etc"], "../etc: is no data set's name"),
        (["pull-dataset", "DATASET=-rf"], "-rf: is no data set's name"),
        (["pull-dataset", "DATASET=gs://our-sets/none"], "gs://our-sets/none/dataset.json: nothing of that name"),
        (["push-dataset", "DATASET=no/such"], "no/such: is no data set folder, it has no dataset.json"),
        (["push-dataset", "DATASET=june", "TO=gs://our-sets"], "is no data set; push its folder there first"),
        (["push-dataset", "DATASET=may", "TO=somewhere"], "somewhere: is no bucket; give gs://bucket/folder"),
        (["pull-dataset"], "say which: make pull-dataset DATASET=gs://our-sets/may, then DATASET=may"),
    ],
)
def test_what_cannot_be_moved_is_named_in_one_line(machine, words, line):
    result = machine.make(*words)
    assert result.returncode == 2 and line in result.stderr
    assert not on_disk(machine, "june").exists() and "Traceback" not in result.stderr


def stand_ins(folder, **bodies):
    (folder / "bin").mkdir()
    for name, body in bodies.items():
        (folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*" >>"{folder}/called"\n{body}\n')
        (folder / "bin" / name).chmod(0o755)
    return {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CERULEANML_ROOT": str(folder)}


def test_cdata_mounts_unmounts_and_lists(tmp_path):
    (tmp_path / "etc/ceruleanml").mkdir(parents=True)
    (tmp_path / "etc/ceruleanml/buckets").write_text("our-scenes\n")
    cdata = ROOT / "gcpvm" / "vm" / "cdata.sh"
    known = f'grep -qxF "$2" "{tmp_path}/mounted"'
    environment = stand_ins(
        tmp_path, mountpoint=known, gcsfuse=f'for at; do :; done; echo "$at" >>"{tmp_path}/mounted"',
        fusermount=f'rm "{tmp_path}/mounted"', sudo='shift; exec "$@"',
    )  # fmt: skip
    (tmp_path / "mounted").touch()
    at = tmp_path / "mnt" / "our-scenes"
    run = [finished([cdata, word], env=environment) for word in ("list", "mount", "mount", "list", "unmount")]
    assert [step.returncode for step in run] == [0] * 5, [step.stderr for step in run]
    assert [step.stdout for step in run] == [
        "gs://our-scenes is not mounted\n", *[f"gs://our-scenes is at {at}\n"] * 3, "gs://our-scenes is unmounted\n"
    ]  # fmt: skip
    gcsfuse = [line for line in (tmp_path / "called").read_text().splitlines() if line.startswith("gcsfuse")]
    assert len(gcsfuse) == 1 and " -o ro," in gcsfuse[0]
    for words, line in [(["mount", "../etc"], "is no bucket's name"), ([], "Usage"), (["sing", "a-bucket"], "Usage")]:
        wrong = finished([cdata, *words], env=environment)
        assert wrong.returncode == 2 and line in wrong.stderr


JUPYTER = "echo 'Currently running servers:'; echo 'http://127.0.0.1:8888/?token=0123 :: /data/ceruleanml'"


def test_jserve_starts_services_of_the_user_and_prints_where_they_are(tmp_path):
    jserve = ROOT / "gcpvm" / "vm" / "jserve.sh"
    environment = stand_ins(tmp_path, systemctl='[ "$2" != --quiet ]', loginctl="", sleep="")
    environment |= {"REMOTE_DIR": str(tmp_path), "CERULEANML_CACHE": "/data/cache/ana"}
    missing = finished([jserve, "start"], env=environment)
    assert missing.returncode == 2 and "run setup-environment first" in missing.stderr
    jupyter = tmp_path / ".venv" / "bin" / "jupyter"
    jupyter.parent.mkdir(parents=True)
    jupyter.write_text(f"#!/bin/sh\n{JUPYTER}\n")
    jupyter.chmod(0o755)
    started = finished([jserve, "start"], env=environment)
    assert started.returncode == 0, started.stderr
    assert started.stdout.splitlines() == [
        "JupyterLab   http://127.0.0.1:8888/?token=0123", "TensorBoard  http://127.0.0.1:6006/",
    ]  # fmt: skip
    called = (tmp_path / "called").read_text()
    assert "systemctl --user start ceruleanml-jupyter.service ceruleanml-tensorboard.service" in called
    assert "systemctl --user import-environment REMOTE_DIR CERULEANML_CACHE\n" in called
    assert "0123" not in called  # the token stands in no command line
    program = tmp_path / "bin" / "systemctl"
    program.write_text("#!/bin/sh\n[ $2 != show-environment ] || echo \"REMOTE_DIR=\\$'/data/bo/a b'\"\n")
    other = finished([jserve, "start"], env=environment)
    assert (other.returncode, other.stderr) == (2, "jserve: they run in /data/bo/a b: say jserve stop there first\n")
    jupyter.write_text("#!/bin/sh\nexit 0\n")
    silent = finished([jserve, "url"], env=environment)
    assert silent.returncode == 1 and "JupyterLab does not run" in silent.stderr
    assert finished([jserve], env=environment).returncode == 2


def test_services_listen_on_the_machine_alone():
    for name, words in {"jupyter": "--ServerApp.ip=127.0.0.1", "tensorboard": "--host 127.0.0.1"}.items():
        text = (ROOT / "gcpvm" / "vm" / f"ceruleanml-{name}.service").read_text()
        assert words in text and "token" not in text and "0.0.0.0" not in text
        assert """/bin/sh -c 'cd "$${REMOTE_DIR:-/data/ceruleanml}" && exec .venv/bin/""" in text


def test_the_environment_is_made_by_make_setup_with_a_python_that_is_new_enough(tmp_path):
    script = ROOT / "gcpvm" / "vm" / "setup_environment.sh"
    (tmp_path / "repository").mkdir()
    environment = stand_ins(tmp_path, make=f'mkdir -p .venv/bin; cp "{tmp_path}/pip" .venv/bin/python')
    (tmp_path / "pip").write_text(f'#!/bin/sh\necho "python $*" >>"{tmp_path}/called"\n')
    (tmp_path / "pip").chmod(0o755)
    missing = finished([script, tmp_path / "repository"], env=environment)
    assert missing.returncode == 2 and "say make syncup on the laptop first" in missing.stderr
    (tmp_path / "repository" / "pyproject.toml").touch()
    done = finished([script, tmp_path / "repository"], env=environment)
    assert done.returncode == 0, done.stderr
    first, second, *_ = (tmp_path / "called").read_text().splitlines()
    python = Path(first.removeprefix("make setup PYTHON="))
    assert finished([python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]).returncode == 0
    assert "--constraint constraints.txt jupyterlab" in second
