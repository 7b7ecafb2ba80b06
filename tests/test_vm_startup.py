"""The start-up script, rendered by Terraform and run on a folder that stands for /.

blkid, mkfs.ext4 and cmp are the real ones, on files that stand for disks; what would change this machine stands in.
"""

import base64
import getpass
import json
import os
import shutil
import struct
import subprocess

import pytest
from processes import finished
from vm_made import ROOT

VM = ROOT / "gcpvm" / "vm"
DISK = "dev/disk/by-id/google-data"
DISK_BYTES = 32 << 20  # sparse
FILES = {
    "/usr/local/sbin/idle-guard": ("idle_guard.sh", "0755"),
    "/usr/local/bin/cdata": ("cdata.sh", "0755"),
    "/etc/systemd/system/idle-guard.timer": ("idle-guard.timer", "0644"),
}
# Each writes down how it was called. A mount point is mounted once `mount` was called for it.
STAND_INS = {
    "systemctl": ":",
    "resize2fs": ":",
    "mount": 'for at; do :; done; [ ! -e "$ROOT/mount-fails" ] || exit 32; echo "$at" >>"$ROOT/mounted"',
    "mountpoint": 'for at; do :; done; grep -qxF "$at" "$ROOT/mounted" 2>/dev/null',
    "apt-get": '[ "$1" = update ] || touch "$ROOT/installed"',
    "nvidia-smi": "echo 580.65.06",
    "curl": "echo a-key",
    "gcsfuse": ":",
    "git": ":",
    "make": ":",
    "rsync": ":",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A function of the buckets: the script as Terraform's own templatefile gives it."""
    folder = tmp_path_factory.mktemp("rendered")

    def render(*buckets):
        files = {
            path: {"content": base64.b64encode((VM / name).read_bytes()).decode(), "mode": mode}
            for path, (name, mode) in FILES.items()
        }
        words = {"data_device": "/" + DISK, "mount": "/data", "idle_minutes": 45, "buckets": buckets, "files": files}
        (folder / "words.json").write_text(json.dumps(words))
        asked = f'base64encode(templatefile("{VM}/startup.sh.tftpl", jsondecode(file("words.json"))))'
        quiet = {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "TF_DATA_DIR": str(folder / "data")}
        told = subprocess.run(
            ["terraform", "console"], cwd=folder, input=asked, capture_output=True, text=True, timeout=60,
            env={**os.environ, **quiet}, check=True,
        ).stdout  # fmt: skip
        return base64.b64decode(json.loads(told)).decode()

    return render


class Machine:
    """A folder that stands for /, with a blank disk attached, and programs that write down how they were called."""

    def __init__(self, root, script):
        self.root, self.script = root, root / "startup.sh"
        for folder in ("etc", "dev/disk/by-id", "bin", "sys/bus/pci/devices/0000:00:04.0"):
            (root / folder).mkdir(parents=True)
        (root / "sys/bus/pci/devices/0000:00:04.0/vendor").write_text("0x10de\n")
        (root / "etc/fstab").write_text("# the image's own\nUUID=1234-ABCD /boot/efi vfat defaults 0 1\n")
        (root / "etc/os-release").write_text("NAME=Ubuntu\nVERSION_CODENAME=jammy\n")
        self.script.write_text(script)
        self.disk = root / DISK
        with self.disk.open("wb") as disk:
            disk.truncate(DISK_BYTES)
        for name, body in STAND_INS.items():
            self.program(name, body)
        for name in ("mkfs.ext4", "cdata"):  # the real ones, watched
            real = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") if name != "cdata" else VM / "cdata.sh"
            self.program(name, f'exec "{real}" "$@"')

    def program(self, name, body):
        file = self.root / "bin" / name
        file.write_text(f'#!/bin/bash\necho "{name} $*" >>"$ROOT/called"\n{body}\n')
        file.chmod(0o755)

    def boot(self):
        """Runs the script as the next boot would: nothing is mounted yet."""
        (self.root / "mounted").unlink(missing_ok=True)
        return self.run()

    def run(self):
        """Runs the script on the machine as it is."""
        (self.root / "called").unlink(missing_ok=True)
        waits = {"CERULEANML_DISK_WAIT_S": "1", "CERULEANML_DRIVER_WAIT_S": "0"}
        path = f"{self.root / 'bin'}:{os.environ['PATH']}:/usr/sbin"
        named = {"CERULEANML_ROOT": str(self.root), "ROOT": str(self.root), "PATH": path}
        return finished(["bash", self.script], patience_s=60, env={**os.environ, **named, **waits})

    def called(self, name):
        return [line for line in (self.root / "called").read_text().splitlines() if line.split()[0] == name]

    def tree(self):
        """Every file's content, without what the tests keep."""
        mine = ("bin", "called", "mounted", "installed")
        files = {path.relative_to(self.root): path for path in self.root.rglob("*") if path.is_file()}
        return {str(name): path.read_bytes() for name, path in files.items() if name.parts[0] not in mine}


@pytest.fixture
def machine(tmp_path, rendered):
    return Machine(tmp_path, rendered())


def uuid_of(disk):
    told = finished(["/usr/sbin/blkid", "--probe", "--output", "value", "--match-tag", "UUID", disk])
    return told.stdout.strip()


def test_the_first_boot_formats_the_blank_disk_and_the_second_changes_nothing(machine):
    first = machine.boot()
    assert first.returncode == 0, first.stderr
    assert "is blank: formatting it" in first.stdout and first.stdout.endswith("ceruleanml: ready\n")
    assert len(machine.called("mkfs.ext4")) == 1
    uuid, after_first = uuid_of(machine.disk), machine.tree()
    at = machine.root / "data"
    line = f"UUID={uuid} {at} auto defaults,nofail,x-systemd.device-timeout=60 0 2"
    assert (machine.root / "etc/fstab").read_text().splitlines()[-1] == line
    assert (at / "datasets").stat().st_mode & 0o7777 == 0o1777 == at.stat().st_mode & 0o7777
    second = machine.boot()
    assert second.returncode == 0, second.stderr
    assert machine.called("mkfs.ext4") == [] and uuid_of(machine.disk) == uuid
    assert machine.called("mount") == [f"mount {at}"]
    assert machine.tree() == after_first
    assert machine.run().returncode == 0  # by hand, in the middle of work
    assert machine.called("mount") == machine.called("mkfs.ext4") == [] and machine.tree() == after_first


def test_files_and_settings_are_laid_and_the_guard_is_on(machine):
    assert machine.boot().returncode == 0
    for path, (name, mode) in FILES.items():
        laid = machine.root / path.lstrip("/")
        assert laid.read_bytes() == (VM / name).read_bytes()
        assert laid.stat().st_mode & 0o777 == int(mode, 8)
    settings = (machine.root / "etc/ceruleanml/idle-guard.conf").read_text()
    assert settings == "IDLE_MINUTES=45\nKEEP_FILE=/data/keep-running\n"
    assert "systemctl enable --now idle-guard.timer" in machine.called("systemctl")


def test_the_cache_of_buckets_lies_on_the_data_disk(machine):
    (machine.root / "etc/bash.bashrc").write_text('[ -z "${PS1:-}" ] && return\nCERULEANML_CACHE=no\n')
    assert machine.boot().returncode == 0
    assert (machine.root / "data" / "cache").stat().st_mode & 0o7777 == 0o1777
    profile = machine.root / "etc/profile.d/ceruleanml.sh"
    assert finished(["shellcheck", "--shell", "sh", profile]).returncode == 0
    first, *rest = (machine.root / "etc/bash.bashrc").read_text().splitlines()
    assert first == ". /etc/profile.d/ceruleanml.sh" and len(rest) == 2
    here = str(machine.root / "data")
    profile.write_text(profile.read_text().replace("/data", here))
    (machine.root / "etc/bash.bashrc").write_text("\n".join([f". {profile}", *rest]))
    said = 'echo "$CERULEANML_CACHE"'
    for shell, read in (("sh", profile), ("bash", profile), ("bash", machine.root / "etc/bash.bashrc")):
        told = finished([shell, "-uc", f". {read}; {said}"], env=without_cache())
        assert told.stdout == f"{here}/cache/{getpass.getuser()}\n", told.stderr
    own = finished(["sh", "-c", f". {profile}; {said}"], env={**os.environ, "CERULEANML_CACHE": "/mine"})
    assert own.stdout == "/mine\n"
    shutil.rmtree(machine.root / "data" / "cache")  # the disk is not there
    assert finished(["sh", "-c", f". {profile}; {said}"], env=without_cache()).stdout == "\n"


def without_cache():
    return {name: value for name, value in os.environ.items() if name not in ("CERULEANML_CACHE", "PS1")}


# What lies where, on disks that are no file system that is asked for: the magic of a RAID's member stands near the end.
TRACES = {
    "gpt": (512, b"EFI PART"),
    "somebody's bytes": (0, b"somebody's bytes"),
    "bytes further on": (10 << 20, b"somebody's bytes"),
    "raid": (DISK_BYTES - 65536, struct.pack("<III", 0xA92B4EFC, 0, 90)),
}


@pytest.mark.parametrize("kind", ["ext4", "ext2", "swap", *TRACES, "too small"])
def test_a_disk_that_holds_anything_is_never_formatted(machine, kind):
    if kind in TRACES:
        offset, trace = TRACES[kind]
        with machine.disk.open("r+b") as disk:
            disk.seek(offset)
            disk.write(trace)
    elif kind == "too small":
        os.truncate(machine.disk, 4096)
    else:
        name = "mkswap" if kind == "swap" else f"mkfs.{kind}"
        done = finished([shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin"), "-q", machine.disk])
        assert done.returncode == 0, done.stderr
    before = machine.disk.read_bytes()
    machine.boot()
    assert machine.called("mkfs.ext4") == []
    assert machine.disk.read_bytes() == before


def test_a_disk_that_cannot_be_read_is_not_formatted(machine):
    machine.program("cmp", "exit 2")
    done = machine.boot()
    assert done.returncode == 1 and machine.called("mkfs.ext4") == []
    assert "holds something that is no file system; it is left as it is" in done.stderr


def test_without_its_disk_the_machine_still_has_its_guard_and_says_what_is_wrong(machine):
    machine.disk.unlink()
    done = machine.boot()
    assert done.returncode == 1 and "the data disk is not attached" in done.stderr
    assert "systemctl enable --now idle-guard.timer" in machine.called("systemctl")
    assert machine.called("mount") == [] and not (machine.root / "data" / "datasets").exists()


def test_a_mount_that_fails_leaves_no_folders_on_the_system_disk(machine):
    (machine.root / "mount-fails").touch()
    done = machine.boot()
    assert done.returncode == 1 and "could not be mounted" in done.stderr
    assert not (machine.root / "data" / "datasets").exists()


def test_another_disk_of_the_same_place_replaces_the_line_of_the_first(machine):
    machine.boot()
    machine.disk.unlink()
    with machine.disk.open("wb") as disk:
        disk.truncate(DISK_BYTES)
    assert machine.boot().returncode == 0
    lines = (machine.root / "etc/fstab").read_text().splitlines()
    assert [line.split()[0] for line in lines if "/data " in line] == [f"UUID={uuid_of(machine.disk)}"]
    assert lines[:2] == ["# the image's own", "UUID=1234-ABCD /boot/efi vfat defaults 0 1"]


def test_scratch_disks_get_folders_of_their_own(machine):
    for name in ("google-local-nvme-ssd-0", "google-local-nvme-ssd-1", "google-local-nvme-ssd-0-part1"):
        with (machine.root / "dev/disk/by-id" / name).open("wb") as disk:
            disk.truncate(DISK_BYTES)
    assert machine.boot().returncode == 0
    assert len(machine.called("mkfs.ext4")) == 3
    assert all((machine.root / f"scratch{n}").stat().st_mode & 0o7777 == 0o1777 for n in range(2))
    assert not (machine.root / "scratch2").exists()


def test_buckets_are_mounted_to_browse_and_only_to_browse(tmp_path, rendered):
    machine = Machine(tmp_path, rendered("our-scenes", "our_results.eu"))
    done = machine.boot()
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/ceruleanml/buckets").read_text() == "our-scenes\nour_results.eu\n"
    calls = machine.called("gcsfuse")
    assert [call.split()[-2] for call in calls] == ["our-scenes", "our_results.eu"]
    assert all(" -o ro,allow_other " in call for call in calls)


def test_missing_packages_are_installed(tmp_path, rendered):
    machine = Machine(tmp_path, rendered("our-scenes"))
    (tmp_path / "bin/gcsfuse").unlink()
    done = machine.boot()
    assert "install -qq --yes -o DPkg::Lock::Timeout=300 gcsfuse" in machine.called("apt-get")[-1]
    assert "gcsfuse-jammy main" in (tmp_path / "etc/apt/sources.list.d/gcsfuse.list").read_text()
    assert done.returncode == 1 and "gs://our-scenes could not be mounted" in done.stderr  # nothing was installed here


@pytest.mark.parametrize(
    ("vendor", "answer", "status", "words"),
    [
        ("0x10de", "echo 580.65.06", 0, "driver 580.65.06"),
        ("0x10de", "exit 9", 1, "nvidia-smi does not answer: take an image family with a driver"),
        ("0x1ae0", "exit 9", 0, "no NVIDIA device: a machine without GPU"),
    ],
)
def test_the_driver_is_asked_for_where_there_is_a_gpu(machine, vendor, answer, status, words):
    (machine.root / "sys/bus/pci/devices/0000:00:04.0/vendor").write_text(f"{vendor}\n")
    machine.program("nvidia-smi", answer)
    done = machine.boot()
    assert done.returncode == status and words in done.stdout + done.stderr
    assert ("nvidia-smi -pm 1" in machine.called("nvidia-smi")) == words.startswith("driver")


@pytest.mark.parametrize("buckets", [(), ("our-scenes", "our-results")])
def test_the_rendered_script_and_all_others_pass_shellcheck(tmp_path, rendered, buckets):
    (tmp_path / "startup.sh").write_text(rendered(*buckets))
    others = [*VM.glob("*.sh"), *(ROOT / "gcpvm" / "laptop").glob("*.sh")]
    done = finished(["shellcheck", tmp_path / "startup.sh", *others])
    assert done.returncode == 0, done.stdout


def test_what_terraform_lays_exists():
    text = (ROOT / "gcpvm" / "machine.tf").read_text()
    for name in ("idle_guard.sh", "jserve.sh", "cdata.sh", "setup_environment.sh", "ceruleanml-jupyter.service"):
        assert f'source = "{name}"' in text and (VM / name).is_file()
