"""Rounds: what a killed run becomes, what each round holds, and how an arm ends."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rounds_made  # noqa: F401 # brings the task "points"

from ceruleanml.errors import SelectionError, StorageError, UsageError
from ceruleanml.selection.experiment import create, open_experiment, run, standings
from ceruleanml.selection.instructions import Instructions, read_instructions
from ceruleanml.selection.round_folder import RoundFolder, labels_so_far, round_numbers, snapshot_of
from ceruleanml.selection.selection_files import read_selection
from ceruleanml.storage import read_json

TOLD = Instructions("points", {}, strategy="coral", first=4, per_round=5, rounds=4)


def files(folder: Path) -> dict[str, bytes]:
    """Every file of an experiment but its lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_killed_at_twenty_random_moments_a_loop_continues_to_the_same_files(tmp_path: Path, warm_cli: Path) -> None:
    told = replace(TOLD, strategy="default", rounds=12, per_round=4)
    create(tmp_path / "whole", told, baselines=["random"], seeds=[3])
    run(tmp_path / "whole")
    create(tmp_path / "cut", told, baselines=["random"], seeds=[3])
    draw, kills, ended = random.Random(1), 0, False
    while not ended:
        pause = "0.25" if kills < 20 else "0"
        child = subprocess.Popen(
            [warm_cli / "python", rounds_made.__file__, tmp_path / "cut", pause], stdout=subprocess.PIPE
        )
        worker = int(child.stdout.readline())
        if kills < 20:
            before = len(files(tmp_path / "cut"))
            until = time.monotonic() + 20
            while len(files(tmp_path / "cut")) == before and child.poll() is None and time.monotonic() < until:
                time.sleep(0.005)  # until this run did something
            time.sleep(draw.uniform(0, 0.2))
            os.kill(worker, signal.SIGKILL)
            kills += 1
        child.communicate(timeout=300)
        ended = child.returncode == 0
        assert ended or kills < 20 or child.returncode == -signal.SIGKILL, "left alone it ends"
    assert kills == 20
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_labels_arrive_once_and_the_last_request_is_not_made(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD)
    (standing,) = run(tmp_path / "e")
    arm = open_experiment(tmp_path / "e").arm("coral", 0)
    assert (standing.done, standing.ended) == (4, "all 4 rounds are done")
    labels = labels_so_far(arm, 4)
    assert len(labels) == 4 + 3 * 5
    for number in range(3):
        asked = [pick.id for pick in RoundFolder(arm, number).picks()]
        assert asked == read_json(RoundFolder(arm, number + 1).labels)["asked"]
        assert not set(asked) & set(labels_so_far(arm, number + 1))
    assert not RoundFolder(arm, 3).selection.exists()
    assert read_json(RoundFolder(arm, 3).record)["snapshot"] == snapshot_of(labels)
    assert all(len(item_id) == 3 for item_id in labels), "ids like 007 stay text"


def test_further_rounds_continue_where_the_experiment_ended(tmp_path: Path) -> None:
    for name, rounds in (("at_once", 4), ("later", 2)):
        create(tmp_path / name, replace(TOLD, rounds=rounds))
        run(tmp_path / name)
    (standing,) = run(tmp_path / "later", rounds=4)
    assert standing.done == 4
    shared = [name for name in files(tmp_path / "at_once") if "round_" in name or "start" in name]
    assert {name: files(tmp_path / "later")[name] for name in shared} == {
        name: files(tmp_path / "at_once")[name] for name in shared
    }


def test_seeds_draw_differently(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, strategy="random"), seeds=[0, 1])
    run(tmp_path / "e")
    first, second = (labels_so_far(open_experiment(tmp_path / "e").arm("random", seed), 4) for seed in (0, 1))
    assert first.keys() != second.keys()


def test_all_arms_of_a_seed_start_alike(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD, baselines=["random", "coreset"], seeds=[0, 1])
    run(tmp_path / "e", rounds=1)
    experiment = open_experiment(tmp_path / "e")
    starts = {
        (name, seed): tuple(pick.id for pick in read_selection(arm / "start" / "selection.csv").picks)
        for name, seed, arm in experiment.arms()
    }
    assert starts["coral", 0] == starts["random", 0] == starts["coreset", 0]
    assert starts["coral", 0] != starts["coral", 1]


def test_a_thousand_rounds_keep_their_order(tmp_path: Path) -> None:
    for number in (0, 9, 24, 49, 999, 1000):
        RoundFolder(tmp_path, number).root.mkdir()
    assert round_numbers(tmp_path) == [0, 9, 24, 49, 999, 1000]


def test_fifty_rounds_run_in_order(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, rounds=50, first=2, per_round=1))
    (standing,) = run(tmp_path / "e")
    arm = open_experiment(tmp_path / "e").arm("coral", 0)
    assert standing.done == 50
    counts = [read_json(RoundFolder(arm, number).record)["labels"] for number in round_numbers(arm)]
    assert counts == list(range(2, 52))


def test_a_pool_that_runs_out_ends_the_rounds(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, settings={"count": 10}))
    (standing,) = run(tmp_path / "e")
    assert standing.done == 3
    assert standing.ended == "round 3: the pool holds nothing more to ask for"
    arm = open_experiment(tmp_path / "e").arm("coral", 0)
    assert len(labels_so_far(arm, 3)) == 10


def test_rounds_go_on_without_a_model_while_there_is_nothing_to_learn(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, settings={"kinds": 1}, rounds=3))
    (standing,) = run(tmp_path / "e")
    arm = open_experiment(tmp_path / "e").arm("coral", 0)
    assert standing.done == 3
    assert read_json(RoundFolder(arm, 2).untrained) == {"reason": "all labels are of one kind"}
    assert read_json(RoundFolder(arm, 2).record)["figures"] == {}
    assert len(labels_so_far(arm, 3)) == 14


def test_test_mode_makes_tiny_rounds(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD, test_mode=True)
    told = read_instructions(open_experiment(tmp_path / "e").arm("coral", 0))
    assert (told.first, told.per_round, told.rounds) == (4, 4, 2)


def test_instructions_are_saved_and_reloaded(tmp_path: Path) -> None:
    told = replace(TOLD, start_ids=("007", "012"), choice={"max_per_group": 2}, warm_start=True)
    create(tmp_path / "e", told, seeds=[5])
    arm = open_experiment(tmp_path / "e").arm("coral", 5)
    assert read_instructions(arm) == replace(told, seed=5, judged_by="200 points")
    run(tmp_path / "e")
    assert [pick.id for pick in read_selection(arm / "start" / "selection.csv").picks] == ["007", "012"]
    assert standings(tmp_path / "e")[0].done == 4


@pytest.mark.parametrize(
    ("changed", "error", "says"),
    [
        ({"task": "tiles"}, SelectionError, "task tiles: is not known; there are slicks"),
        ({"strategy": "best"}, UsageError, "strategy best: is not known"),
        ({"start": "uncertainty"}, UsageError, "start uncertainty: needs scores, and there is no model yet"),
        ({"oracle": "delphi"}, SelectionError, "oracle delphi: is not known"),
        ({"oracle_settings": {"store": "x"}}, SelectionError, "oracle simulated: store is not known"),
        ({"choice": {"most": 2}}, UsageError, "most"),
        ({"settings": {"count": 0}}, SelectionError, "the pool holds no item"),
    ],
)
def test_what_cannot_run_is_said_at_the_beginning(tmp_path: Path, changed: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        create(tmp_path / "e", replace(TOLD, **changed))
    assert not (tmp_path / "e").exists()


def test_an_experiment_is_not_made_twice_nor_run_twice_at_once(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD)
    with pytest.raises(UsageError, match="holds an experiment already"):
        create(tmp_path / "e", TOLD)
    child = subprocess.Popen([sys.executable, rounds_made.__file__, str(tmp_path / "e"), "5"])
    try:
        until = time.monotonic() + 30
        while not (tmp_path / "e" / "arms" / "coral" / "seed_0" / "round_000").exists() and time.monotonic() < until:
            time.sleep(0.01)
        with pytest.raises(StorageError, match="is being run by another process"):
            run(tmp_path / "e")
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()


def test_a_broken_round_is_named(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD)
    run(tmp_path / "e", rounds=2)
    path = RoundFolder(open_experiment(tmp_path / "e").arm("coral", 0), 0).labels
    path.write_text("{")
    with pytest.raises(SelectionError, match=r"labels.json: is missing or broken"):
        run(tmp_path / "e")


def test_a_warm_start_takes_the_model_of_the_round_before(tmp_path: Path) -> None:
    found = []
    for warm in (False, True):
        create(tmp_path / str(warm), replace(TOLD, warm_start=warm))
        run(tmp_path / str(warm), rounds=2)
        arm = open_experiment(tmp_path / str(warm)).arm("coral", 0)
        found.append(np.abs(read_json(RoundFolder(arm, 1).model / "weights.json")).sum())
    assert found[1] > found[0], "twice the steps of a regression that still grows"
