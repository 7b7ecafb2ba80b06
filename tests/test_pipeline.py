"""The DVC pipeline of rounds in scripts/pipeline, run by dvc: killed, run again, changed, and pulled from a remote."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from builds_made import contents
from processes import finished
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ceruleanml.storage import read_json

PIPELINE = Path(__file__).parents[1] / "scripts" / "pipeline"
BIN = Path(sys.executable).parent
OUTS = (
    "parts", "data", "plans", "experiments", "reports", "models", "evaluations", "predictions", "scores", "selections",
    "pages",
)  # fmt: skip
CONFIG = """[core]
    remote = local
    analytics = false
    check_update = false
[parsing]
    list = append
['remote "local"']
    url = {remote}
"""
TINY = ("trainer.epochs=1", "trainer.threads=1", "trainer.device=cpu", "data.batch_size=2")


def environment(folder):
    """Whatever dvc and git would take from, or leave in, the user's own folders stays in the test's."""
    own = {f"DVC_{name}_DIR": str(folder / ".git" / name) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
    return {**os.environ, **own, "SHELL": "/bin/sh", "DVC_NO_ANALYTICS": "1", "OMP_NUM_THREADS": "1"}


@pytest.fixture(autouse=True)
def programs(warm_cli, monkeypatch):
    """The stages' commands begin with PyTorch imported; see warm_cli.py."""
    monkeypatch.setenv("PATH", f"{warm_cli}:{BIN}:{os.environ['PATH']}")


def run(folder, *command):
    return finished(command, cwd=folder, env=environment(folder))


def done(folder, *command):
    """What a command that must succeed prints."""
    ended = run(folder, *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def change(folder, name="first", **experiment):
    """Set the name and options of the experiment in params.yaml."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["name"] = name
    params["experiment"] |= {option.replace("_", "-"): value for option, value in experiment.items()}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


@pytest.fixture
def project(tmp_path):
    """A user's project as docs/rounds.md makes it: two scenes to choose from, two to judge by, two to ask about."""
    folder = tmp_path / "project"
    shutil.copytree(PIPELINE, folder)
    small = ("--scenes", 6, "--height", 128, "--width", 128, "--slick-free", 0, "--seed", 1)
    done(folder, "ceruleanml", "simulate-scenes", "raw", *small)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["partition"] |= {"train": 0.34, "val": 0.33, "test": 0.33}
    params["dataset"]["tile-size"] = 64
    params["experiment"]["task"] = ["device=cpu", "batch_size=4"]
    params["experiment"]["train"] = [*params["experiment"]["train"], *TINY]
    params["train"] = " ".join(TINY)
    params["asked"] = 3
    params["predict"] |= {"device": "cpu"}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    change(folder, baseline=[], seeds="0", first=4, per_round=2, rounds=2)
    done(folder, "git", "init", "--quiet")
    done(folder, BIN / "dvc", "init", "--quiet")
    (folder / ".dvc" / "config").write_text(CONFIG.format(remote=tmp_path / "remote"))
    return folder


def kill_after(folder, file):
    """Run the pipeline and kill it, and all that it started, when that file is there."""
    process = subprocess.Popen(
        [BIN / "dvc", "repro"], cwd=folder, env=environment(folder), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not file.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert file.is_file()


def test_the_pipeline_goes_on_where_it_stood_does_nothing_twice_and_comes_back_from_a_remote(project):
    dvc, experiment = BIN / "dvc", project / "experiments" / "first"
    arm = experiment / "arms" / "default" / "seed_0"

    kill_after(project, arm / "round_000" / "round.json")
    begun = (arm / "round_000" / "model" / "weights.pt").stat()
    done(project, dvc, "repro")
    assert (arm / "round_000" / "model" / "weights.pt").stat().st_mtime_ns == begun.st_mtime_ns
    assert (arm / "round_001" / "round.json").is_file()
    assert read_json(project / "reports" / "first" / "curves.json")["strategies"]["default"]["labels"] == [4, 6]
    assert "strategies.default.area" in done(project, dvc, "metrics", "show")

    asked = (project / "selections" / "first" / "selection.csv").read_text().splitlines()
    queue = read_json(project / "pages" / "first" / "data" / "queue.json")["items"]
    assert [one["tile_id"] for one in queue] == [row.split(",")[1] for row in asked[1:]] and len(queue) == 3
    for number in range(2):  # side by side in TensorBoard
        events = EventAccumulator(str(arm / f"round_{number:03d}" / "model" / "tensorboard")).Reload()
        assert [one.step for one in events.Scalars("train/loss")] != []

    again = done(project, dvc, "repro")
    assert again.count("didn't change, skipping") == 13
    assert "Running stage" not in again

    made = {name: contents(project / name) for name in OUTS}
    done(project, dvc, "push")
    for name in OUTS:
        shutil.rmtree(project / name)
    shutil.rmtree(project / ".dvc" / "cache")
    done(project, dvc, "pull")
    assert {name: contents(project / name) for name in OUTS} == {
        name: {path: data for path, data in files.items() if not path.endswith(".gitignore")}
        for name, files in made.items()
    }

    change(project, rounds=3)
    done(project, dvc, "repro")
    assert (arm / "round_002" / "round.json").is_file()
    now = contents(experiment / "arms")
    before = {path: data for path, data in made["experiments"].items() if path.startswith("first/arms/")}
    assert {path: now[path.removeprefix("first/arms/")] for path in before if "instructions" not in path} == {
        path: data for path, data in before.items() if "instructions" not in path
    }

    change(project, first=5)
    other = run(project, dvc, "repro")
    assert other.returncode != 0
    assert "experiments/first was begun otherwise; undo the change, or set another name" in other.stderr
    assert contents(experiment / "arms") == now
