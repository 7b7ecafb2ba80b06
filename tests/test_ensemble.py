"""Ensembles: members alike but for seed and data, the same bits however they are trained and whatever stops them."""

import fcntl
import json
import os
import signal
import time
from pathlib import Path

import pytest
from ensembles_made import begin, member_config
from training_made import CutAfter, Notes, PowerCut, lines, make_tiles

from ceruleanml.errors import DatasetError, StorageError, TrainingStopped, UsageError, WriteError
from ceruleanml.models.card import read_card
from ceruleanml.models.config import settings
from ceruleanml.models.ensemble import train_ensemble
from ceruleanml.models.ensemble_folder import member_configs, read_ensemble
from ceruleanml.models.run_folder import read_config
from ceruleanml.models.stopping import StopFile
from ceruleanml.models.weights import load_state

pytestmark = pytest.mark.usefixtures("narrow_networks", "warm_workers")
NAMES = ("member_00", "member_01")
OWN = {"name", "seed", "metrics", "weights_sha256"}
"""What cards of members differ in, beside the number of epochs, which is the same here."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return make_tiles(tmp_path_factory.mktemp("tiles") / "tiles")


@pytest.fixture(scope="module")
def config(tiles):
    return member_config(tiles, epochs=1, checkpoint_minutes=0)


@pytest.fixture(scope="module")
def straight(tmp_path_factory, config):
    """The folder of an ensemble that was trained in this process, one member after the other."""
    out = tmp_path_factory.mktemp("ensemble") / "straight"
    assert train_ensemble(config, 2, out).trained_now == NAMES
    return out


def changed(config, **values):
    from copy import deepcopy

    made = deepcopy(config)
    for name, value in values.items():
        group, _, setting = name.partition("__")
        setattr(getattr(made, group), setting, value)
    return made


def same(out, straight):
    for name in NAMES:
        assert (out / name / "weights.pt").read_bytes() == (straight / name / "weights.pt").read_bytes()
        assert lines(out / name) == lines(straight / name)
        assert read_card(out / name) == read_card(straight / name)
    assert sorted(path.name for path in out.iterdir()) == ["ensemble.json", *NAMES]


def test_members_are_alike_but_for_their_seed_and_data(straight):
    first, second = (read_config(straight / name) for name in NAMES)
    values = [dict((name, value) for name, _, value in settings(one)) for one in (first, second)]
    assert {name for name in values[0] if values[0][name] != values[1][name]} == {"run", "trainer.seed"}
    assert (first.data.bootstrap, first.data.split_seed, first.trainer.threads) == ("scene", 0, 1)
    cards = [vars(read_card(straight / name)) for name in NAMES]
    assert {name for name in cards[0] if cards[0][name] != cards[1][name]} == OWN
    assert cards[0]["dataset"]["validation"]["scenes"] == cards[1]["dataset"]["validation"]["scenes"]


def test_two_processes_give_the_bits_of_one(tmp_path, config, straight):
    notes = Notes()
    report = train_ensemble(config, 2, tmp_path / "out", workers=2, progress=notes)
    same(tmp_path / "out", straight)
    assert report.trained_now == NAMES and set(report.figures) == set(NAMES) and report.failed == {}
    assert sorted(note.split(":")[0] for note in notes.notes) == list(NAMES)


@pytest.mark.parametrize("batches", [2, 5])
def test_cut_in_either_member_and_continued(tmp_path, config, straight, batches):
    with pytest.raises(PowerCut):
        train_ensemble(config, 2, tmp_path / "out", progress=CutAfter(batches))
    report = train_ensemble(config, 2, tmp_path / "out")
    assert report.trained_now == (NAMES if batches == 2 else NAMES[1:])
    same(tmp_path / "out", straight)


def test_sigterm_leaves_a_whole_checkpoint_of_each_member(tmp_path, tiles):
    config = member_config(tiles, epochs=1000, checkpoint_minutes=60)
    out = tmp_path / "out"
    process = begin(config, 2, out, 2, tmp_path / "errors")
    until = time.monotonic() + 120
    while not all((out / name / "metrics.jsonl").is_file() for name in NAMES):  # both are about to learn
        assert process.is_alive() and time.monotonic() < until, (tmp_path / "errors").read_text()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    process.join(timeout=120)
    assert process.exitcode == 143
    assert (tmp_path / "errors").read_text().strip().splitlines()[-1] == (
        "stopped with 0 of 2 members trained; the others' checkpoints are written, the same command goes on"
    )
    for name in NAMES:
        assert load_state(out / name / "checkpoint.pt")["course"]["step"] > 0
    assert not (out / "stop").exists()


def test_a_signal_here_stops_the_members_that_wait_too(tmp_path, config):
    class Interrupt(CutAfter):
        def cut(self):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingStopped) as stopped:
        train_ensemble(config, 2, tmp_path / "out", progress=Interrupt(1))
    assert stopped.value.status == 130
    assert (tmp_path / "out" / "member_00" / "checkpoint.pt").is_file()
    assert not (tmp_path / "out" / "member_01" / "config.yaml").exists()


def test_what_one_process_notes_all_see(tmp_path):
    StopFile(tmp_path / "stop").ask(signal.SIGINT)
    other = StopFile(tmp_path / "stop")
    with pytest.raises(Exception, match="SIGINT"):
        other.check(alone=True)
    (tmp_path / "stop").write_text("")  # read while it is being written
    assert StopFile(tmp_path / "stop").asked() == signal.SIGTERM
    assert StopFile(tmp_path / "none").asked() == 0


def test_a_finished_ensemble_is_left_alone(config, straight):
    before = {path: path.stat().st_mtime_ns for path in straight.rglob("*") if path.is_file()}
    report = train_ensemble(changed(config, data__workers=2, trainer__device="auto"), 2, straight)
    assert report.trained_now == () and set(report.figures) == set(NAMES)
    assert {path: path.stat().st_mtime_ns for path in straight.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("values", "n", "bootstrap", "words"),
    [
        ({"trainer__epochs": 2}, 2, "scene", r"trainer.epochs is 2, the ensemble in .* was started with 1; go on with"),
        ({"trainer__seed": 1}, 2, "scene", "trainer.seed is 1, .* started with 0"),
        ({"model__dropout": 0.5}, 2, "scene", "model.dropout is 0.5, .* started with 0.0"),
        ({}, 3, "scene", "-n is 3, .* started with 2; go on with the same, or choose another --out"),
        ({}, 2, "tile", "--bootstrap is 'tile', .* started with 'scene'"),
        ({}, 2, None, "--bootstrap is 'none', .* started with 'scene'"),
    ],
)
def test_other_arguments_are_refused_by_name(config, straight, values, n, bootstrap, words):
    before = (straight / "ensemble.json").read_bytes()
    with pytest.raises(UsageError, match=words):
        train_ensemble(changed(config, **values), n, straight, bootstrap)
    assert (straight / "ensemble.json").read_bytes() == before


def test_before_any_member_was_begun_arguments_may_change(tmp_path, config):
    out = tmp_path / "out"
    no_slick = changed(config, data__classes=["ambiguous"])
    with pytest.raises(DatasetError, match="no training tile shows ambiguous"):
        train_ensemble(no_slick, 2, out)
    assert len(json.loads((out / "ensemble.json").read_text())["members"]) == 2
    assert train_ensemble(config, 1, out).trained_now == ("member_00",)


@pytest.mark.parametrize(
    ("values", "n", "bootstrap", "words"),
    [
        ({}, 0, "scene", "-n 0 cannot be; give 1 to 100 members"),
        ({}, 2, "pixel", "--bootstrap pixel is not known; choose scene, tile or none"),
        ({"data__bootstrap": "tile"}, 2, "scene", "data.bootstrap is for a single training; say --bootstrap"),
        ({"trainer__epochs": 0}, 2, "scene", "trainer.epochs 0 cannot be"),
        ({"data__train": "nowhere"}, 2, "scene", "nowhere"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(tmp_path, config, values, n, bootstrap, words):
    with pytest.raises((UsageError, DatasetError, StorageError), match=words):
        train_ensemble(changed(config, **values), n, tmp_path / "out", bootstrap)
    assert not (tmp_path / "out").exists()


def test_a_run_folder_of_ones_own_is_refused(tmp_path, config):
    other = changed(config)
    other.run = "runs/mine"
    with pytest.raises(UsageError, match="run=runs/mine is for a single training; say --out"):
        train_ensemble(other, 2, tmp_path / "out")


def test_a_folder_that_holds_something_else_is_refused(tmp_path, config):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists and holds no ensemble; choose another --out"):
        train_ensemble(config, 2, tmp_path)
    with pytest.raises(WriteError, match="lies in a bucket"):
        train_ensemble(config, 2, Path("gs://bucket/ensemble"))


def test_a_member_that_is_trained_elsewhere_lets_the_others_go_on(tmp_path, config, straight):
    out = tmp_path / "out"
    (out / "member_00").mkdir(parents=True)
    (out / "ensemble.json").write_bytes((straight / "ensemble.json").read_bytes())
    handle = os.open(out / "member_00", os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        report = train_ensemble(config, 2, out)
        assert (report.trained_now, list(report.figures)) == (NAMES[1:], ["member_01"])
        assert report.failed == {
            "member_00": f"{out / 'member_00'}: is being trained by another process; wait for it or end it"
        }
    finally:
        os.close(handle)
    assert train_ensemble(config, 2, out).trained_now == NAMES[:1]
    same(out, straight)


def test_seeds_follow_from_the_ensembles_and_more_members_change_none(config):
    def seeds(n, seed=0):
        made = member_configs(changed(config, trainer__seed=seed), n, Path("out"), None)
        return [one.trainer.seed for one in made]

    assert len(set(seeds(100))) == 100
    assert seeds(5) == seeds(100)[:5]
    assert not set(seeds(5, seed=1)) & set(seeds(5))
    given = member_configs(changed(config, data__split_seed=7, trainer__threads=3), 1, Path("out"), None)[0]
    assert (given.data.split_seed, given.trainer.threads) == (7, 3)


def test_reading_an_ensemble_gives_its_runs_in_order(straight):
    assert read_ensemble(straight) == tuple(straight / name for name in NAMES)
    assert read_ensemble(straight / "member_01") == (straight / "member_01",)
    assert read_ensemble(straight / "member_01" / "weights.pt") == (straight / "member_01" / "weights.pt",)


def test_the_verb_trains_and_tells(tmp_path, config, straight, capsys):
    import typer

    from ceruleanml.cli.train_ensemble import train_ensemble as verb

    app = typer.Typer()
    app.command()(verb)
    values = [f"{name}={value}" for name, _, value in settings(config) if name in ("data.train", "data.batch_size")]
    values += ["data.validation_share=0.25", "trainer.epochs=1", "trainer.device=cpu", "augmentation=flips"]
    arguments = [*values, "logger=jsonl", "trainer.checkpoint_minutes=0", "trainer.threads=1", "--out"]
    status = app([*arguments, str(tmp_path / "out"), "-n", "2", "--quiet"], standalone_mode=False)
    assert status == 0 and capsys.readouterr().out == ""
    same(tmp_path / "out", straight)
    assert app([*arguments, str(tmp_path / "out"), "-n", "2"], standalone_mode=False) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'out'}: 2 members trained, 0 of them now; mean IoU")
