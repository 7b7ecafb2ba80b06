"""A machine to log in to: a real sshd on 127.0.0.1, with stand-ins for `gcloud` and `terraform`.

The stand-in of Google's command line knows the user of this machine, and its tunnel is a connection to the sshd.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from processes import finished
from servers import _free_port

ROOT = Path(__file__).parents[1]
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
ANSWER_S = 10.0
PATIENCE_S = 60.0

# A connection that counts what it moves: in moved/, two numbers a connection, kept as it goes, since ssh just kills it.
# Where limit.txt says `way bytes` it stands still once so much went that way, and says so by the file stalled.txt.
TUNNEL = """\
import os, socket, sys, threading, time
os.chdir({folder!r})
there = socket.create_connection(("127.0.0.1", {port}))
limit = dict([open("limit.txt").read().split()] if os.path.exists("limit.txt") else [])
moved, counts = dict(up=0, down=0), os.open("moved/%d" % time.time_ns(), os.O_WRONLY | os.O_CREAT)
def pump(way, read, write):
    while part := read(65536):
        moved[way] += len(part)
        os.pwrite(counts, b"%20d" % moved[way], 20 * (way == "down"))
        if moved[way] > int(limit.get(way, 1 << 60)):
            open("stalled.txt", "w").close()
            time.sleep(600)
        while part:
            part = part[write(part):]
    if way == "up":
        there.shutdown(socket.SHUT_WR)
threading.Thread(target=pump, args=("up", lambda n: os.read(0, n), there.send), daemon=True).start()
pump("down", there.recv, lambda part: os.write(1, part))
os._exit(0)
"""

GCLOUD = """\
#!/bin/sh
printf '%s\\n' "$*" >>'{log}'
case $* in
*start-iap-tunnel*) exec '{python}' '{tunnel}' ;;
*describe-profile*) echo '{user}' ;;
*describe-from-family*no-such-family*) echo 'ERROR: (gcloud) not found' >&2; exit 1 ;;
*describe-from-family*) echo 'common-cu129-v20261001  READY' ;;
esac
"""

TERRAFORM = """\
#!/bin/sh
printf '%s\\n' "$*" >>'{log}'
case $* in
'output -raw name') printf vm-of-tests ;;
'output -raw zone') printf us-central1-a ;;
'output -raw project_id') printf a-project ;;
esac
"""


@dataclass(frozen=True)
class Vm:
    """A machine on 127.0.0.1, a repository that syncs with it, and a copy of gcpvm/ in that."""

    folder: Path
    port: int

    @property
    def laptop(self) -> Path:
        """The repository; a space in its path, as homes may have."""
        return self.folder / "my laptop"

    @property
    def there(self) -> Path:
        """The repository's folder on the machine; a space in it, as a name may have."""
        return self.folder / "the disk" / "ceruleanml"

    @property
    def log(self) -> str:
        """What gcloud and terraform were asked, a line a call."""
        return (self.folder / "asked.txt").read_text()

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A target of gcpvm/Makefile, run to its end."""
        command = ["make", "--no-print-directory", "-C", "gcpvm", *self.variables, *words]
        return finished(command, patience_s=PATIENCE_S, cwd=self.laptop, env=self.environment(**environment))

    def cut_off(self, *words: str, way: str, limit: int, how: int) -> None:
        """Runs a target whose connection stands still after `limit` bytes up or down, and ends it there by a signal."""
        (self.folder / "limit.txt").write_text(f"{way} {limit}")
        command = ["make", "-C", "gcpvm", *self.variables, *words]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        run = subprocess.Popen(command, cwd=self.laptop, env=self.environment(), start_new_session=True, **quiet)
        try:
            waited_for((self.folder / "stalled.txt").exists)
        finally:
            os.killpg(run.pid, how)
            assert run.wait(timeout=PATIENCE_S) != 0
        (self.folder / "limit.txt").unlink()

    @property
    def variables(self) -> list[str]:
        """What leads the Makefile here."""
        return [
            f"GCLOUD={self.folder / 'bin' / 'gcloud'}",
            f"TERRAFORM={self.folder / 'bin' / 'terraform'}",
            f"PYTHON={sys.executable}",
            f"REMOTE_DIR={self.there}",
            f"DATASETS={self.there.parent / 'datasets'}",
            f"IDENTITY={self.folder / 'keys' / 'mine'}",
        ]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a command on the laptop."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_", "MAKE"))}
        kept.pop("MFLAGS", None)
        return {**kept, "HOME": str(self.folder / "home"), **more}

    @property
    def moved(self) -> list[tuple[int, int]]:
        """Bytes up and down through each connection, in their order."""
        files = sorted((self.folder / "moved").iterdir(), key=lambda path: int(path.name))
        counts = [path.read_text() for path in files]
        return [(int(text[:20].strip() or 0), int(text[20:].strip() or 0)) for text in counts]

    def git(self, *words: str | Path) -> str:
        """What git prints, run in the repository."""
        named = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = finished(["git", *named, *words], cwd=self.laptop, env=self.environment())
        assert done.returncode == 0, done.stderr
        return done.stdout


def waited_for(condition: Callable[[], object]) -> None:
    """Returns once the condition holds; a test that waits in vain fails."""
    last = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


@contextmanager
def vm(folder: Path) -> Iterator[Vm]:
    """The machine while it runs. Its users' programs are those of this machine, found by the PATH of the tests."""
    assert SSHD, "sshd is not installed: apt-get install openssh-server"
    for name in ("my laptop/gcpvm", "the disk", "bin", "keys", "home", "moved"):
        (folder / name).mkdir(parents=True)
    (folder / "asked.txt").touch()
    for name in ("Makefile", "laptop", "variables.tf"):
        _copy(ROOT / "gcpvm" / name, folder / "my laptop" / "gcpvm" / name)
    (folder / "my laptop" / ".gitignore").write_text(".ssh_config*\n.known_hosts*\n__pycache__/\n")
    machine = Vm(folder, _free_port())
    machine.git("init", "--quiet")
    _key(folder / "keys" / "host")
    _key(folder / "keys" / "mine")
    (folder / "tunnel.py").write_text(TUNNEL.format(port=machine.port, folder=str(folder)))
    stand_ins = {"gcloud": GCLOUD, "terraform": TERRAFORM}
    for name, text in stand_ins.items():
        words = {"log": folder / "asked.txt", "python": sys.executable, "tunnel": folder / "tunnel.py"}
        (folder / "bin" / name).write_text(text.format(**words, user=getpass.getuser()))
        (folder / "bin" / name).chmod(0o755)
    with _sshd(machine):
        yield machine


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def _key(path: Path) -> None:
    done = finished(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path])
    assert done.returncode == 0, done.stderr


@contextmanager
def _sshd(machine: Vm) -> Iterator[None]:
    """A server of the tests' own: own host key, own port, only the one key, nothing of /etc/ssh."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # it refuses to start without; Debian's service makes it
    settings = {
        "ListenAddress": "127.0.0.1",
        "Port": machine.port,
        "HostKey": machine.folder / "keys" / "host",
        "AuthorizedKeysFile": f'"{machine.folder / "keys" / "mine.pub"}"',
        "PidFile": "none",
        "StrictModes": "no",  # the folders of tests may be writable by others
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "SetEnv": f'PATH="{machine.folder / "bin"}:{os.environ["PATH"]}"',
    }
    file = machine.folder / "sshd_config"
    file.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (machine.folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", file], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            assert _answers(machine.port, server), (machine.folder / "sshd.log").read_text()
            yield
        finally:
            server.terminate()
            server.wait(timeout=10)


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server takes a connection in time."""
    last = time.monotonic() + ANSWER_S
    while server.poll() is None and time.monotonic() < last:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        with suppress(subprocess.TimeoutExpired):
            server.wait(timeout=0.05)
    return False
