"""Two machines with a Dask scheduler and a worker each: network namespaces with a cable between them.

Where the system lets nobody make namespaces, two loopback addresses stand for the machines.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

DASK = Path(sys.executable).with_name("dask")
TESTS = Path(__file__).parent
PATIENCE_S = 120


@dataclass
class Machine:
    """Where commands run (`prefix`), the address they have there, and the Dask worker on it."""

    address: str
    prefix: tuple[str, ...] = ()
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, log: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """A Dask process on this machine, its words in a file."""
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*self.prefix, str(DASK), *map(str, arguments)], stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                start_new_session=True, env=environment,
            )  # fmt: skip
        self.processes.append(process)
        return process


@dataclass
class Cluster:
    """Two machines; the scheduler is on the first."""

    scheduler: str
    machines: tuple[Machine, Machine]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def two_machines(folder: Path) -> Iterator[Cluster]:
    """The machines, a scheduler and a worker on each; all of it ended afterwards."""
    with ExitStack() as stack:
        machines = stack.enter_context(_machines())
        stack.callback(_end, machines)
        first = machines[0]
        port = _free_port(first.address) if not first.prefix else 8786
        scheduler = f"tcp://{first.address}:{port}"
        first.start(
            folder / "scheduler.log", "scheduler", "--host", first.address, "--port", str(port), "--no-dashboard",
            "--no-jupyter",
        )  # fmt: skip
        workers = [start_worker(machine, scheduler, folder) for machine in machines]
        for number in range(2):
            _wait_for(folder / f"worker_{machines[number].address}.log", b"Registered to", workers[number])
        yield Cluster(scheduler, machines, workers)


def start_worker(machine: Machine, scheduler: str, folder: Path) -> subprocess.Popen[bytes]:
    """A worker of one thread that nothing starts again when it dies."""
    space = folder / f"space_{machine.address}"
    return machine.start(
        folder / f"worker_{machine.address}.log", "worker", scheduler, "--host", machine.address, "--nthreads", "1",
        "--no-nanny", "--no-dashboard", "--memory-limit", "0", "--local-directory", space,
    )  # fmt: skip


def _wait_for(log: Path, word: bytes, process: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + PATIENCE_S
    while word not in log.read_bytes():
        assert process.poll() is None and time.monotonic() < last, log.read_text()
        time.sleep(0.05)


def _free_port(address: str) -> int:
    import socket

    with socket.socket() as free:
        free.bind((address, 0))
        return int(free.getsockname()[1])


def _end(machines: Sequence[Machine]) -> None:
    for machine in machines:
        for process in machine.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)


@contextmanager
def _machines() -> Iterator[tuple[Machine, Machine]]:
    name = f"sea{secrets.token_hex(3)}"
    names = f"{name}a", f"{name}b"
    subnet = f"10.{secrets.choice(range(64, 128))}.{secrets.choice(range(256))}"
    cable = [
        *(["ip", "netns", "add", one] for one in names),
        ["ip", "link", "add", names[0], "netns", names[0], "type", "veth", "peer", names[1], "netns", names[1]],
        *(
            ["ip", "-n", one, *words]
            for number, one in enumerate(names, 1)
            for words in (
                ["address", "add", f"{subnet}.{number}/24", "dev", one],
                ["link", "set", one, "up"],
                ["link", "set", "lo", "up"],
            )
        ),
    ]
    try:
        if all(_works(command) for command in cable):
            yield tuple(Machine(f"{subnet}.{n}", ("ip", "netns", "exec", one)) for n, one in enumerate(names, 1))
        else:
            yield Machine("127.0.0.1"), Machine("127.0.0.2")
    finally:
        for one in names:
            _works(["ip", "netns", "delete", one])


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except FileNotFoundError:
        return False
