"""Running units in processes: beside another cluster, and what is said where processes cannot start."""

import contextlib
import socket
import subprocess
import sys

import distributed
import pytest

from ceruleanml.errors import UsageError
from ceruleanml.parallel import run_units


def test_workers_that_do_not_start_are_said_in_a_line(monkeypatch):
    def failing(**_):
        raise RuntimeError("Cluster closed without starting up")

    monkeypatch.setattr(distributed, "LocalCluster", failing)
    with pytest.raises(UsageError, match="2 workers did not start on this machine .*; use fewer"):
        list(run_units(abs, [1, 2], workers=2))


def test_a_cluster_starts_beside_another_without_a_word():
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody has Dask's own port already, which is as well
            taken.bind(("", 8787))
            taken.listen()
        assert sorted(run_units(abs, [-1, 2], workers=2)) == [1, 2]


def test_units_of_one_worker_run_here():
    assert list(run_units(abs, [-1, 2])) == [1, 2]
    with pytest.raises(UsageError, match="workers 0 cannot be"):
        list(run_units(abs, [1], workers=0))


def test_memory_that_was_freed_is_kept():
    script = """
import resource
from ceruleanml.parallel import keep_freed_memory
keep_freed_memory()
bytes(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(1 << 24)[:] = bytes(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pages = 10 * (1 << 24) // 4096
    assert int(run.stdout) < pages / 2, "each block would be given page by page again"
