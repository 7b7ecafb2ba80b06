"""When the idle guard shuts the machine down and what holds it back: a truth table, with stand-ins for what it asks."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from processes import finished
from vm_made import ROOT

GUARD = ROOT / "gcpvm" / "vm" / "idle_guard.sh"
MINUTES = 30
UPTIME = " 12:00:00 up 3 days,  4:05,  0 users,  load average: {load}, 1.00, 2.00"
HANGS = "exec sleep 60"
FAILS = "exit 1"
# As `who` shows terminals of programs that go on when their user has left.
TMUX = "ana      pts/1        2026-11-22 00:00 (tmux(9711).%0)"
SCREEN = "ana      pts/2        2026-11-22 00:00 (:pts/0:S.0)"
SCREEN_AFAR = "ana      pts/2        2026-11-22 00:00 (10.0.0.2:S.12)"
ODD_HOST = "ana      pts/2        2026-11-22 00:00 (tmux.example.org)"


def prints(text):
    return f"printf '%s\\n' '{text}'" if text else ":"


def booted(minutes_ago):
    """Counted when it is asked, not when this table is made."""
    return f"date --date='{minutes_ago} minutes ago' '+%F %T'"


@dataclass(frozen=True)
class Machine:
    """What the guard can see. As it stands: a machine with a GPU that nobody uses, up for three days."""

    gpu: str = prints("0")
    who: str = prints("")
    connections: str = prints("")
    uptime: str = prints(UPTIME.format(load="0.00"))
    since: str = prints("2026-11-01 08:00:00")
    vendors: tuple[str, ...] = ("0x8086", "0x10de")
    settings: str = f"IDLE_MINUTES={MINUTES}\nKEEP_FILE=/data/keep-running\n"
    files: tuple[str, ...] = ()
    programs: dict[str, str] = field(default_factory=dict)

    def lay(self, root):
        """Lays it under a folder that stands for /."""
        uptime = f'if [ "${{1:-}}" = -s ]; then {self.since}; else {self.uptime}; fi'
        shutdown = f"echo \"$*\" >>'{root}/shutdown'"
        timeout = 'shift; case $(cat "$(command -v "$1")") in *"exec sleep"*) exit 124 ;; esac; exec "$@"'
        programs = {"nvidia-smi": self.gpu, "who": self.who, "ss": self.connections, "uptime": uptime}
        programs |= {"shutdown": shutdown, "timeout": timeout, **self.programs}
        for name, body in programs.items():
            write(root / "bin" / name, f"#!/bin/sh\n{body}\n").chmod(0o755)
        for number, vendor in enumerate(self.vendors):
            write(root / f"sys/bus/pci/devices/0000:00:0{number}.0/vendor", f"{vendor}\n")
        for name in self.files:
            write(root / name, "")
        write(root / "etc/ceruleanml/idle-guard.conf", self.settings)
        (root / "data").mkdir(exist_ok=True)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def guard(root, *words):
    environment = {**os.environ, "CERULEANML_ROOT": str(root), "PATH": f"{root / 'bin'}:{os.environ['PATH']}"}
    done = finished([GUARD, *words], patience_s=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def minutes_until_shutdown(root, at_most):
    """After how many runs of the guard it shuts the machine down; None where it does not."""
    for minute in range(1, at_most + 1):
        guard(root)
        if (root / "shutdown").exists():
            return minute
    return None


IDLE = Machine()
BUSY = {
    "a GPU at work": (replace(IDLE, gpu=prints("5")), "a GPU is at 5 %"),
    "the second GPU at work": (replace(IDLE, gpu=prints("0\n97")), "a GPU is at 97 %"),
    "nvidia-smi fails": (replace(IDLE, gpu=FAILS), "nvidia-smi says no figure"),
    "nvidia-smi hangs": (replace(IDLE, gpu=HANGS), "nvidia-smi says no figure"),
    "nvidia-smi is silent": (replace(IDLE, gpu=prints("")), "nvidia-smi says no figure"),
    "nvidia-smi does not know": (replace(IDLE, gpu=prints("[N/A]")), "nvidia-smi says no figure but '[N/A]'"),
    "nvidia-smi prints, then fails": (replace(IDLE, gpu=f"{prints('0')}; exit 9"), "nvidia-smi says no figure"),
    "the bus cannot be read": (replace(IDLE, vendors=()), "cannot be read"),
    "somebody logged in": (replace(IDLE, who=prints("ana      pts/0        2026-11-22 00:00")), "logged in: ana"),
    "somebody beside a tmux": (
        replace(IDLE, who=prints(f"{TMUX}\nbo       pts/3        2026-11-22 00:00 (35.235.241.1)")),
        "logged in: bo",
    ),
    "somebody from a host with an odd name": (replace(IDLE, who=prints(ODD_HOST)), "logged in: ana"),
    "who fails": (replace(IDLE, who=FAILS), "who does not answer"),
    "who hangs": (replace(IDLE, who=HANGS), "who does not answer"),
    "an editor connected": (
        replace(IDLE, connections=prints("0 0 10.0.0.2:22 35.235.241.1:43")),
        "connected by ssh",
    ),
    "ss fails": (replace(IDLE, connections=FAILS), "ss does not answer"),
    "load": (replace(IDLE, uptime=prints(UPTIME.format(load="0.50"))), "load 0.50"),
    "much load": (replace(IDLE, uptime=prints(UPTIME.format(load="31.07"))), "load 31.07"),
    "uptime fails": (replace(IDLE, uptime=FAILS), "uptime does not say the load"),
    "uptime says nonsense": (replace(IDLE, uptime=prints("load average: low")), "uptime does not say the load"),
    "just booted": (replace(IDLE, since=booted(MINUTES - 2)), f"booted less than {MINUTES} minutes ago"),
    "boot time unknown": (replace(IDLE, since=prints("")), "uptime -s does not say"),
    "boot time fails": (replace(IDLE, since=FAILS), "uptime -s does not say"),
    "boot time nonsense": (replace(IDLE, since=prints("yesterday")), "uptime -s does not say"),
    "a boot in the future": (replace(IDLE, since=prints("2999-01-01 00:00:00")), "booted less than"),
    "a keep file": (replace(IDLE, files=("data/keep-running",)), "keep-running is there"),
    "a folder of the keep file that cannot be read": (replace(IDLE, programs={"ls": FAILS}), "data cannot be read"),
    "no settings": (replace(IDLE, settings=""), "says no IDLE_MINUTES"),
    "settings of nonsense": (
        replace(IDLE, settings="IDLE_MINUTES=soon\nKEEP_FILE=/data/k\n"),
        "says no IDLE_MINUTES",
    ),
    "no minutes at all": (replace(IDLE, settings="IDLE_MINUTES=0\nKEEP_FILE=/data/keep\n"), "says no IDLE_MINUTES"),
    "no keep file named": (replace(IDLE, settings="IDLE_MINUTES=30\n"), "says no IDLE_MINUTES"),
}
UNUSED = {
    "at rest": IDLE,
    "a GPU that hums": replace(IDLE, gpu=prints("4\n0")),
    "a little load": replace(IDLE, uptime=prints(UPTIME.format(load="0.49"))),
    "without GPU by design": replace(IDLE, vendors=("0x8086", "0x1ae0"), gpu=FAILS),
    "booted long enough ago": replace(IDLE, since=booted(MINUTES + 2)),
    "a tmux that was left": replace(IDLE, who=prints(TMUX)),
    "a screen that was left": replace(IDLE, who=prints(f"{SCREEN}\n{SCREEN_AFAR}\n{TMUX}")),
    "another file": replace(IDLE, files=("data/keep-running.txt",)),
}


@pytest.mark.parametrize("case", BUSY)
def test_a_busy_machine_stays_on_and_says_why(tmp_path, case):
    machine, reason = BUSY[case]
    machine.lay(tmp_path)
    write(tmp_path / "run/idle-guard/idle_for", str(MINUTES * 2))
    guard(tmp_path)
    assert not (tmp_path / "shutdown").exists()
    assert not (tmp_path / "run/idle-guard/idle_for").exists()  # the minutes are counted anew
    assert reason in guard(tmp_path, "--why")


@pytest.mark.parametrize("case", UNUSED)
def test_an_unused_machine_is_shut_down(tmp_path, case):
    UNUSED[case].lay(tmp_path)
    assert guard(tmp_path, "--why") == "idle\n"
    write(tmp_path / "run/idle-guard/idle_for", str(MINUTES - 2))
    assert minutes_until_shutdown(tmp_path, at_most=3) == 2
    assert (tmp_path / "shutdown").read_text().startswith("-h now ")


def test_minutes_are_counted_in_a_row(tmp_path):
    few = replace(IDLE, settings="IDLE_MINUTES=3\nKEEP_FILE=/data/keep-running\n")
    few.lay(tmp_path)
    assert minutes_until_shutdown(tmp_path, at_most=2) is None
    replace(few, gpu=prints("80")).lay(tmp_path)
    guard(tmp_path)
    few.lay(tmp_path)
    assert minutes_until_shutdown(tmp_path, at_most=5) == 3


@pytest.mark.parametrize("count", ["", "many", "-5", "99999999999999999999", "08"])
def test_a_count_that_cannot_be_read_begins_anew(tmp_path, count):
    replace(IDLE, settings="IDLE_MINUTES=10\nKEEP_FILE=/data/keep-running\n").lay(tmp_path)
    write(tmp_path / "run/idle-guard/idle_for", count)
    guard(tmp_path)
    assert (tmp_path / "run/idle-guard/idle_for").read_text() == ("9\n" if count == "08" else "1\n")
    assert not (tmp_path / "shutdown").exists()


def test_asking_why_counts_nothing(tmp_path):
    IDLE.lay(tmp_path)
    guard(tmp_path, "--why")
    assert not (tmp_path / "run").exists()


def test_a_keep_file_that_links_nowhere_and_a_missing_disk(tmp_path):
    IDLE.lay(tmp_path)
    (tmp_path / "data" / "keep-running").symlink_to("nowhere")
    assert "keep-running is there" in guard(tmp_path, "--why")
    (tmp_path / "data" / "keep-running").unlink()
    (tmp_path / "data").rmdir()  # a disk that was not mounted keeps nothing running
    assert guard(tmp_path, "--why") == "idle\n"


def test_the_timer_runs_the_guard_once_a_minute():
    timer = (ROOT / "gcpvm/vm/idle-guard.timer").read_text()
    service = (ROOT / "gcpvm/vm/idle-guard.service").read_text()
    assert "OnCalendar=minutely" in timer and "WantedBy=timers.target" in timer
    assert "ExecStart=/usr/local/sbin/idle-guard\n" in service and "Type=oneshot" in service
    assert '"/usr/local/sbin/idle-guard"' in (ROOT / "gcpvm/machine.tf").read_text()


def test_it_reads_what_the_real_programs_print():
    """The real uptime, who and ss of this machine are understood: none of them is what holds it back."""
    text = GUARD.read_text()
    for name in ("why_young", "why_people", "why_load"):
        assert f"{name}() {{" in text
    functions = text[: text.index("IDLE_MINUTES=$(setting")]
    script = f"{functions}\nIDLE_MINUTES=1\nwhy_young; why_people; why_load"
    done = finished(["bash", "-c", script], patience_s=60, env={**os.environ, "CERULEANML_ROOT": str(Path("/nowhere"))})
    for silent in ("does not say", "does not answer", "cannot be read"):
        assert silent not in done.stdout + done.stderr
