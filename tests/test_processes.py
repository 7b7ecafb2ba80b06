"""Commands that hang are ended, and say where they stood."""

import sys

import pytest
from processes import finished


def test_what_a_command_wrote_and_how_it_ended():
    ended = finished(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "out\n", "err\n")


def test_a_command_that_hangs_is_named_with_its_line():
    with pytest.raises(AssertionError, match=r"did not end within 1 s(.|\n)*line 1 in sleeps_for_ever"):
        finished([sys.executable, "-c", "def sleeps_for_ever(): __import__('time').sleep(60)\nsleeps_for_ever()"], 1)


def test_what_a_command_left_running_is_not_waited_for():
    assert finished(["sh", "-c", "sleep 5 & echo done"], 4).stdout == "done\n"
