"""Rounds when something is wrong: files changed by hand, options that cannot be, a pool or evaluation set of others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import rounds_made

from ceruleanml.errors import SelectionError, StorageError, UsageError
from ceruleanml.progress import Silent
from ceruleanml.selection import experiment as experiments
from ceruleanml.selection.experiment import create, open_experiment, run, standings
from ceruleanml.selection.instructions import Instructions, read_instructions
from ceruleanml.selection.loop_report import report
from ceruleanml.selection.round_folder import RoundFolder, labels_so_far
from ceruleanml.selection.rounds import SPENT, _Arm

TOLD = Instructions("points", {}, strategy="coral", first=4, per_round=5, rounds=3)


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def arm_of(folder: Path) -> Path:
    return open_experiment(folder).arm("coral", 0)


@pytest.mark.parametrize("choice", [{"thresholds": ["entropy_window>=0"]}, {"balance": {"seep": 0.5}}, {"score": "x"}])
def test_limits_by_scores_wait_until_there_are_scores(tmp_path: Path, choice: dict) -> None:
    create(tmp_path / "e", replace(TOLD, settings={"kinds": 1}, choice=choice))
    assert run(tmp_path / "e")[0].done == 3


def test_a_baseline_without_scores_gets_them_for_its_limits(tmp_path: Path) -> None:
    told = replace(TOLD, strategy="random", choice={"thresholds": ["entropy_window>=0"], "som_percentile": 1})
    create(tmp_path / "e", told)
    assert run(tmp_path / "e")[0].done == 3


def test_notes_of_a_choice_are_told(tmp_path: Path) -> None:
    create(tmp_path / "e", replace(TOLD, choice={"thresholds": ["entropy_window>=2"]}))
    heard = Heard()
    (standing,) = run(tmp_path / "e", progress=heard)
    assert standing.ended == f"round 1: {SPENT}"
    assert any("coral, seed 0, round 1: nothing is left to choose from" in note for note in heard.notes)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"choice": {"n": 5}}, "n is not for rounds"),
        ({"choice": {"seed": 5}}, "seed is not for rounds"),
        ({"choice": {"best_of_group": "field"}}, "best_of_group is not for rounds"),
        ({"start_ids": ("007", "007")}, "an item is named twice"),
        ({"start_ids": ("zzz",)}, "item zzz: is named to start from"),
    ],
)
def test_options_that_would_count_for_nothing_are_refused(tmp_path: Path, changed: dict, says: str) -> None:
    with pytest.raises((UsageError, SelectionError), match=says):
        create(tmp_path / "e", replace(TOLD, **changed))


def test_a_budget_and_rounds_are_numbers_from_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="budget -5 cannot be"):
        replace(TOLD, budget=-5)
    create(tmp_path / "e", TOLD)
    with pytest.raises(UsageError, match="rounds 0 cannot be"):
        run(tmp_path / "e", rounds=0)


@pytest.mark.parametrize("other", [lambda arm: "999", lambda arm: RoundFolder(arm, -1).picks()[0].id])
def test_a_request_changed_by_hand_is_refused(tmp_path: Path, other: Callable[[Path], str]) -> None:
    create(tmp_path / "e", TOLD)
    run(tmp_path / "e", rounds=1)
    arm = arm_of(tmp_path / "e")
    _Arm(arm, read_instructions(arm), Silent()).select(1)
    path = RoundFolder(arm, 0).selection
    path.write_text(path.read_text().replace(RoundFolder(arm, 0).picks()[0].id, other(arm)))
    with pytest.raises(SelectionError, match=f"item {other(arm)} is not in the pool, has a label already"):
        run(tmp_path / "e")
    path.unlink()
    run(tmp_path / "e")
    assert len(labels_so_far(arm, 3)) == 14


@pytest.mark.parametrize(("name", "text"), [("round.json", "{"), ("round.json", "{}"), ("labels.json", "[]")])
def test_a_broken_round_ends_the_report_in_a_sentence(tmp_path: Path, name: str, text: str) -> None:
    create(tmp_path / "e", TOLD)
    run(tmp_path / "e", rounds=1)
    (arm_of(tmp_path / "e") / "round_000" / name).write_text(text)
    with pytest.raises(SelectionError, match="of a round is broken"):
        report(tmp_path / "e", tmp_path / "report")


def test_instructions_and_experiments_without_content_are_named(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD)
    path = arm_of(tmp_path / "e") / "instructions.json"
    path.write_text(path.read_text().replace('"choice": {}', '"choice": 7'))
    with pytest.raises(SelectionError, match="choice is no object"):
        run(tmp_path / "e")
    (tmp_path / "e" / "experiment.json").write_text('{"strategies": [], "seeds": []}')
    with pytest.raises(SelectionError, match="it has no arms"):
        run(tmp_path / "e")


def test_another_evaluation_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path / "e", TOLD)
    run(tmp_path / "e", rounds=1)
    monkeypatch.setattr(rounds_made.Points, "judged_by", lambda self: "300 points")
    with pytest.raises(SelectionError, match="its evaluation set was changed"):
        run(tmp_path / "e")


def test_an_arm_is_run_by_one_process_alone(tmp_path: Path) -> None:
    create(tmp_path / "e", TOLD)
    with experiments._alone(arm_of(tmp_path / "e")), pytest.raises(StorageError, match="run by another process"):
        run(tmp_path / "e")


def test_status_tells_of_further_rounds_and_of_a_spent_pool(tmp_path: Path) -> None:
    create(tmp_path / "far", replace(TOLD, rounds=2))
    run(tmp_path / "far", rounds=3)
    (found,) = standings(tmp_path / "far")
    assert (found.done, found.rounds, found.ended) == (3, 3, "all 3 rounds are done")
    create(tmp_path / "spent", replace(TOLD, settings={"count": 10}, rounds=9))
    (ran,) = run(tmp_path / "spent")
    (found,) = standings(tmp_path / "spent")
    assert (found.done, found.ended) == (ran.done, ran.ended) == (3, f"round 3: {SPENT}")
