"""Two trainings in one run folder: the second is refused, whatever the first comes to."""

import os
import signal
import subprocess
import sys

import pytest

from ceruleanml.errors import UsageError
from ceruleanml.models.config import TrainConfig
from ceruleanml.models.run_folder import RunFolder, claimed

HOLDS = """
import sys, time
from pathlib import Path
from ceruleanml.models.config import TrainConfig
from ceruleanml.models.run_folder import RunFolder, claimed

with claimed(RunFolder(Path(sys.argv[1])), TrainConfig(), False):
    print("held", flush=True)
    time.sleep(60)
"""


def claim(folder, resume=False):
    return claimed(RunFolder(folder), TrainConfig(), resume)


def test_who_comes_second_is_refused_until_the_first_ends_or_is_killed(tmp_path):
    run = tmp_path / "run"
    first = subprocess.Popen([sys.executable, "-c", HOLDS, run], stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match=f"{run}: is being trained by another process; wait for it or end it"):
            claim(run).__enter__()
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=60)
        first.stdout.close()
    with claim(run):
        pass


def test_what_another_has_begun_and_ended_since_is_not_run_over(tmp_path):
    (tmp_path / "config.yaml").write_text("{}")
    with pytest.raises(UsageError, match="holds an unfinished run"):
        claim(tmp_path).__enter__()


@pytest.mark.parametrize(("there_before", "writes"), [(False, False), (False, True), (True, False)])
def test_only_a_folder_that_was_made_for_nothing_is_removed(tmp_path, there_before, writes):
    run = tmp_path / "run"
    if there_before:
        run.mkdir()
    with pytest.raises(ZeroDivisionError), claim(run):
        if writes:
            (run / "config.yaml").touch()
        raise ZeroDivisionError
    assert run.exists() == (there_before or writes)


def test_the_other_processes_of_one_training_wait_for_nobody(tmp_path, monkeypatch):
    with claim(tmp_path):
        for name, value in {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
            monkeypatch.setitem(os.environ, name, value)
        with claim(tmp_path):
            pass
