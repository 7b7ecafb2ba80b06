"""A training in two processes, as on two GPUs, but on the CPU. Their sums round otherwise after a resumption."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from training_made import config_for, lines, make_tiles, run_child

from ceruleanml.errors import UsageError
from ceruleanml.models.distributed import Ranks, device_of, ranks_of_environment
from ceruleanml.models.weights import load_state

TWO = ("--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no")
SETTINGS = {"accumulate": 2, "ema_decay": 0.9, "checkpoint_minutes": 0}


@pytest.fixture(scope="module")
def launched(warm_cli):
    """Runs a training in two processes that accelerate's launcher starts; none of the three imports PyTorch anew."""
    launcher = (Path(sys.executable).with_name("accelerate"), "launch", "--multi_gpu", "--main_process_port", "0", *TWO)
    return partial(run_child, warm_cli, launcher=(*launcher, "--no_python", warm_cli / "python"))


@pytest.fixture(scope="module")
def straight(tmp_path_factory, launched):
    """A training of two processes that nothing interrupts, and its tiles."""
    root = tmp_path_factory.mktemp("two")
    config = config_for(root, make_tiles(root / "tiles", scenes=5), **SETTINGS)
    done = launched(config)
    assert done.returncode == 0, done.stderr
    return root


def test_two_processes_share_an_epoch(straight):
    line = lines(straight / "run")[-1]
    assert (line["epoch"], line["step"]) == (2, 2)  # eight tiles in twos make two batches in each process: one step
    assert len(lines(straight / "run")) == 2
    assert sorted(path.name for path in (straight / "run").iterdir()) == [
        "config.yaml", "metrics.jsonl", "model.json", "plots", "weights.pt",
    ]  # fmt: skip


def test_a_signal_to_one_stops_both_and_they_resume(straight, launched, tmp_path):
    config = config_for(tmp_path, straight / "tiles", **SETTINGS)
    stopped = launched(config, signal_name="SIGTERM", after=2)
    assert stopped.returncode != 0
    assert "stopped by SIGTERM in epoch 2 at step 1" in stopped.stderr
    assert load_state(tmp_path / "run" / "checkpoint.pt")["course"]["batch"] == 1
    resumed = launched(config, resume=True)
    assert resumed.returncode == 0, resumed.stderr
    ours, theirs = (lines(root / "run")[-1] for root in (tmp_path, straight))
    assert ours["train"]["loss"] == pytest.approx(theirs["train"]["loss"], abs=1e-5)
    assert ours["validation"]["losses"]["loss"] == pytest.approx(theirs["validation"]["losses"]["loss"], abs=2e-3)
    ours, theirs = (load_state(root / "run" / "weights.pt") for root in (tmp_path, straight))
    assert all(torch.allclose(ours[name], theirs[name], atol=2e-3) for name in theirs)


def test_the_launcher_says_who_one_is(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert ranks_of_environment() == Ranks(0, 1, 0)
    for name, value in {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}.items():
        monkeypatch.setitem(os.environ, name, value)
    assert ranks_of_environment() == Ranks(3, 4, 1)
    assert not Ranks(3, 4, 1).leads


@pytest.mark.parametrize("asked", ["tpu", "cpu:1", "cuda:x", "cuda:99"])
def test_devices_that_are_not_there(asked):
    with pytest.raises(UsageError, match=f"trainer.device {asked}"):
        device_of(asked)
