"""Rounds on slicks with real networks of seconds: killed, in parallel, and with what the pool may lack."""

import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from datasets_made import make_dataset_folder
from training_made import make_tiles, tile

from ceruleanml.errors import ModelError, SelectionError, UsageError
from ceruleanml.models.card import read_card
from ceruleanml.selection.curves import read_curve
from ceruleanml.selection.experiment import create, open_experiment, run
from ceruleanml.selection.instructions import Instructions
from ceruleanml.selection.round_folder import RoundFolder, labels_so_far, snapshot_of
from ceruleanml.selection.slick_task import SlickTask
from ceruleanml.storage import read_json

LIGHT = (
    "data.batch_size=2",
    "trainer.epochs=1",
    "trainer.threads=1",
    "trainer.device=cpu",
    "trainer.checkpoint_minutes=0",
    "logger=jsonl",
    "model.dropout=0.2",
)
CHILD = """
import os, sys
from pathlib import Path
from narrow import make_narrow
print(os.getpid(), flush=True)
from ceruleanml.selection.experiment import run
make_narrow()
run(Path(sys.argv[1]))
"""
pytestmark = pytest.mark.usefixtures("narrow_networks", "warm_workers")


@pytest.fixture
def settings(tmp_path: Path) -> dict:
    """Five scenes of two tiles to choose from, another to judge by."""
    make_tiles(tmp_path / "pool", scenes=5, classes=(1,))
    make_dataset_folder(tmp_path / "judge", {"other": [tile(1, 1), tile(2)]}, channels=("vv",))
    return {
        "pool": str(tmp_path / "pool"), "evaluation": str(tmp_path / "judge"), "train_settings": list(LIGHT),
        "device": "cpu",
    }  # fmt: skip


def lasting(folder: Path) -> dict[str, bytes]:
    """The files of an experiment that do not tell the time: picks, labels, figures, scores, embeddings, weights."""
    names = ("*.csv", "labels.json", "round.json", "*.parquet", "weights.pt", "instances.json")
    return {str(path.relative_to(folder)): path.read_bytes() for name in names for path in sorted(folder.rglob(name))}


def test_killed_while_it_trains_scores_and_embeds_a_loop_continues_bit_by_bit(
    tmp_path: Path, settings: dict, warm_cli: Path
) -> None:
    told = Instructions("slicks", settings, first=4, per_round=2, rounds=2, choice={"max_per_group": 2})
    for name in ("whole", "cut"):
        create(tmp_path / name, told)
    run(tmp_path / "whole")
    draw, ended, kills = random.Random(5), False, 0
    command = [warm_cli / "python", "-c", CHILD, tmp_path / "cut"]
    surroundings = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    said = tmp_path / "said"
    while not ended:
        with said.open("w") as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=surroundings)
        worker = int(child.stdout.readline())
        if kills < 3:
            known = {path for path in (tmp_path / "cut").rglob("*")}
            until = time.monotonic() + 60
            while known == set((tmp_path / "cut").rglob("*")) and child.poll() is None and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 0.7))
            os.kill(worker, signal.SIGKILL)
            kills += 1
        child.communicate(timeout=300)
        ended = child.returncode == 0
        assert ended or child.returncode == -signal.SIGKILL, said.read_text()
    assert kills == 3
    assert lasting(tmp_path / "cut") == lasting(tmp_path / "whole")
    arm = open_experiment(tmp_path / "whole").arm("default", 0)
    assert len(labels_so_far(arm, 2)) == 6
    curve = read_curve(arm)
    assert curve.main == "iou"
    assert curve.labels.tolist() == [4, 6]
    assert (curve.costs["clicks"] > 0).all()


def test_arms_in_other_processes_write_the_same(tmp_path: Path, settings: dict) -> None:
    told = Instructions("slicks", settings, strategy="random", first=3, per_round=2, rounds=1)
    for name, workers in (("one", 1), ("two", 2)):
        create(tmp_path / name, told, seeds=[0, 1])
        run(tmp_path / name, workers=workers)
    assert lasting(tmp_path / "one") == lasting(tmp_path / "two")


def test_labels_without_a_slick_make_no_model_and_the_rounds_go_on(tmp_path: Path, settings: dict) -> None:
    task = SlickTask.of(settings)
    empty = [one for one in task.items().ids if not task.hidden(one).payload]
    told = Instructions("slicks", settings, strategy="uncertainty", start_ids=tuple(empty[:2]), per_round=8, rounds=2)
    create(tmp_path / "e", told)
    (standing,) = run(tmp_path / "e")
    arm = open_experiment(tmp_path / "e").arm("uncertainty", 0)
    assert standing.done == 2
    assert "none of the 2 labelled tiles shows a slick" in read_json(RoundFolder(arm, 0).untrained)["reason"]
    assert RoundFolder(arm, 1).done
    assert "iou" in read_json(RoundFolder(arm, 1).record)["figures"]


def test_a_class_that_no_label_shows_yet_makes_no_model(tmp_path: Path, settings: dict) -> None:
    asked = {**settings, "train_settings": [*LIGHT, "data.classes=[infra_slick,old_vessel]"]}
    task = SlickTask.of(asked)
    shown = [one for one in task.items().ids if task.hidden(one).payload]
    told = Instructions("slicks", asked, strategy="random", start_ids=tuple(shown[:2]), rounds=1)
    create(tmp_path / "e", told)
    run(tmp_path / "e")
    untrained = RoundFolder(open_experiment(tmp_path / "e").arm("random", 0), 0).untrained
    assert "no training tile shows old_vessel" in read_json(untrained)["reason"]


def test_a_warm_start_begins_with_the_weights_of_the_round_before(tmp_path: Path, settings: dict) -> None:
    from ceruleanml.progress import Silent

    task = SlickTask.of({**settings, "train_settings": [*LIGHT, "trainer.lr=1e-9", "trainer.weight_decay=0"]})
    labels = {one: task.hidden(one).payload for one in task.items().ids}
    for name, warm in (("first", None), ("second", tmp_path / "a" / "first"), ("cold", None)):
        (tmp_path / "a").mkdir(exist_ok=True)
        task.train(labels, tmp_path / "a" / name, 1 if name == "first" else 2, warm, Silent())
    first, second, cold = (weight_of(tmp_path / "a" / name) for name in ("first", "second", "cold"))
    assert (first - second).abs().max() < 1e-5 < (first - cold).abs().max()
    assert read_card(tmp_path / "a" / "second").epochs == 1


def weight_of(run_folder: Path):
    """The first learned convolution of a run."""
    from ceruleanml.models.weights import load_state

    state = load_state(run_folder / "weights.pt")
    return next(value for name, value in sorted(state.items()) if value.ndim == 4)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"evaluation": "pool"}, SelectionError, "scene scene0 is in the pool .* too"),
        ({"train_settings": ["trainer.keep=best"]}, UsageError, "trainer.keep=best: is set by the rounds themselves"),
        ({"train_settings": ["trainer.epoch=1"]}, UsageError, "epoch"),
        ({"samples": "many"}, SelectionError, "samples 'many' cannot be; give a whole number from 1"),
        ({"embeddings": "nowhere"}, SelectionError, "nowhere: there is no such file of embeddings"),
        ({"train_settings": ["trainer.epochs=-1"]}, UsageError, "trainer.epochs -1 cannot be"),
        ({"sample": 3}, SelectionError, "sample is not known; slicks take batch_size"),
    ],
)
def test_settings_that_cannot_be_are_named(
    tmp_path: Path, settings: dict, change: dict, error: type, says: str
) -> None:
    change = {name: str(tmp_path / value) if value == "pool" else value for name, value in change.items()}
    with pytest.raises(error, match=says):
        SlickTask.of({**settings, **change})


def test_a_model_to_start_from_is_kept_and_no_epoch_is_chosen_by_the_evaluation_set(
    tmp_path: Path, settings: dict
) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        SlickTask.of({**settings, "train_settings": ["model.start=nowhere"]})
    config = replace(SlickTask.of(settings), train_settings=("model.start=first",)).config(tmp_path / "run", 0, None)
    assert (config.model.start, config.trainer.keep, config.trainer.patience) == ("first", "last", None)


def test_a_training_that_was_begun_elsewhere_starts_anew(tmp_path: Path, settings: dict) -> None:
    from ceruleanml.models.run_folder import RunFolder, write_config
    from ceruleanml.progress import Silent

    task = SlickTask.of(settings)
    out = tmp_path / "moved" / "model"
    out.mkdir(parents=True)
    write_config(RunFolder(out), task.config(tmp_path / "before" / "model", 1, None))
    (out / "checkpoint.pt").write_bytes(b"half of it")
    labels = {one: task.hidden(one).payload for one in task.items().ids}
    task.train(labels, out, 1, None, Silent())
    assert read_card(out).dataset["train"]["label_snapshot"] == snapshot_of(labels), (
        "the card tells which labels were learned"
    )


def test_a_changed_evaluation_set_is_another(tmp_path: Path, settings: dict) -> None:
    before = SlickTask.of(settings).judged_by()
    assert SlickTask.of(settings).judged_by() == before
    path = tmp_path / "judge" / "instances.json"
    path.write_text(path.read_text() + " ")
    assert SlickTask.of(settings).judged_by() != before


def test_a_pool_needs_its_evaluation_set(settings: dict) -> None:
    settings.pop("evaluation")
    with pytest.raises(SelectionError, match="evaluation is missing"):
        SlickTask.of(settings)
