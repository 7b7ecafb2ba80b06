"""Locks that end with the process that took them."""

import os
import signal
import subprocess
import sys

import pytest

from ceruleanml.locks import locked

HOLDER = """
import os, sys, time
from ceruleanml.locks import locked
with open(sys.argv[1], "w") as file, locked(file.fileno()):
    if os.fork() == 0:
        print(os.getpid(), flush=True)
    time.sleep(60)
    os._exit(0)
"""


def test_a_killed_process_holds_nothing_even_where_one_that_it_forked_lives_on(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    forked = int(holder.stdout.readline())
    try:
        with path.open("w") as file:
            with pytest.raises(BlockingIOError), locked(file.fileno()):
                pass
            holder.kill()
            holder.wait(timeout=30)
            os.kill(forked, 0)  # it lives
            with locked(file.fileno()):
                pass
    finally:
        os.kill(forked, signal.SIGKILL)
        holder.stdout.close()


def test_a_lock_ends_with_its_block(tmp_path):
    with (tmp_path / "lock").open("w") as one, (tmp_path / "lock").open("w") as other:
        for _ in range(2):
            with locked(one.fileno()), pytest.raises(BlockingIOError), locked(other.fileno()):
                pass
        with locked(other.fileno()):
            pass
