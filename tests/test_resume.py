"""Killed at any time and resumed, a training comes to the same end, bit by bit."""

import json
import signal

import pytest
from training_made import CutAfter, PowerCut, config_for, fixed_bytes, lines, make_tiles, run_child

from ceruleanml.errors import ModelError, TrainingError, UsageError
from ceruleanml.models.card import read_card
from ceruleanml.models.training import train
from ceruleanml.models.weights import load_state, save_state

pytestmark = pytest.mark.usefixtures("narrow_networks")
HARD = {"accumulate": 2, "ema_decay": 0.9, "checkpoint_minutes": 0, "epochs": 2}
"""Three batches an epoch in steps of two and one, a running mean, a checkpoint after each batch."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return make_tiles(tmp_path_factory.mktemp("tiles") / "tiles")


@pytest.fixture(scope="module")
def straight(tmp_path_factory, tiles):
    """The folder of the training that nothing interrupts."""
    config = config_for(tmp_path_factory.mktemp("straight"), tiles, **HARD)
    return train(config).run


def same(run, straight):
    assert lines(run) == lines(straight)
    assert (run / "weights.pt").read_bytes() == (straight / "weights.pt").read_bytes()
    assert read_card(run).weights_sha256 == read_card(straight).weights_sha256
    assert not (run / "checkpoint.pt").exists()


@pytest.mark.parametrize("batches", [2, 3, 5])
def test_cut_anywhere_and_resumed(tmp_path, tiles, straight, batches):
    config = config_for(tmp_path, tiles, **HARD)
    with pytest.raises(PowerCut):
        train(config, progress=CutAfter(batches))
    same(train(config, resume=True).run, straight)


def test_mask_rcnn_cut_in_mid_epoch_and_resumed(tmp_path, tiles):
    def config(run):
        made = config_for(tmp_path, tiles, run=run, epochs=1, checkpoint_minutes=0)
        made.model.kind, made.model.encoder = "mask_rcnn", "resnet18"
        return made

    straight = train(config("straight")).run
    with pytest.raises(PowerCut):
        train(config("cut"), progress=CutAfter(2))
    same(train(config("cut"), resume=True).run, straight)


def test_cut_between_checkpoints_takes_later_lines_back(tmp_path, tiles, straight):
    config = config_for(tmp_path, tiles, **HARD)
    with pytest.raises(PowerCut):
        train(config, progress=CutAfter(3))
    old = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    with pytest.raises(PowerCut):
        train(config, resume=True, progress=CutAfter(3))
    assert len(lines(tmp_path / "run")) == 1
    (tmp_path / "run" / "checkpoint.pt").write_bytes(old)  # the last one before its first epoch ended
    same(train(config, resume=True).run, straight)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_cut_when_all_is_learnt_and_nothing_written_yet(tmp_path, tiles, monkeypatch, keep):
    def config(run):
        return config_for(tmp_path, tiles, run=run, epochs=2, checkpoint_minutes=0, keep=keep)

    def cut(*_):
        raise PowerCut

    whole = train(config("whole")).run
    with pytest.raises(PowerCut), monkeypatch.context() as patched:
        patched.setattr("ceruleanml.models.training._Training._write", cut)
        train(config("cut"))
    after = train(config("cut"), resume=True)
    same(after.run, whole)
    assert after.figures == dict(read_card(whole).metrics) == dict(read_card(after.run).metrics)


def test_other_workers_give_the_same(tmp_path, tiles, straight):
    config = config_for(tmp_path, tiles, **HARD)
    config.data.workers = 1
    same(train(config).run, straight)


def test_another_seed_gives_something_else(tmp_path, tiles, straight):
    run = train(config_for(tmp_path, tiles, seed=1, **HARD)).run
    assert (run / "weights.pt").read_bytes() != (straight / "weights.pt").read_bytes()


def test_sigkill(tmp_path, tiles, straight, warm_cli):
    config = config_for(tmp_path, tiles, **HARD)
    killed = run_child(warm_cli, config, signal_name="SIGKILL", after=5)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "run" / "weights.pt").exists()
    resumed = run_child(warm_cli, config, resume=True)
    assert resumed.returncode == 0, resumed.stderr
    same(tmp_path / "run", straight)


def test_sigterm(tmp_path, tiles, straight, warm_cli):
    config = config_for(tmp_path, tiles, **{**HARD, "checkpoint_minutes": 60})
    stopped = run_child(warm_cli, config, signal_name="SIGTERM", after=4)
    assert stopped.returncode == 143
    assert stopped.stderr.strip().splitlines()[-1] == (
        "stopped by SIGTERM in epoch 2 at step 2; its checkpoint is written, continue with ceruleanml train --resume "
        f"{tmp_path / 'run'}"
    )
    config.trainer.checkpoint_minutes = 0
    same(train(config, resume=True).run, straight)


def test_a_finished_run_is_left_alone(tiles, straight):
    before = {path: path.stat().st_mtime_ns for path in straight.rglob("*")}
    config = config_for(straight.parent, tiles, **HARD)
    report = train(config, resume=True)
    assert report.was_finished
    assert report.notes == (f"{straight}: the run is finished already; nothing was changed",)
    assert {path: path.stat().st_mtime_ns for path in straight.rglob("*")} == before
    with pytest.raises(UsageError, match=r"holds a finished run; continue it with --resume .*, or choose another run="):
        train(config)


@pytest.fixture
def cut(tmp_path, tiles):
    """The configuration of a run that was cut in its second epoch."""
    config = config_for(tmp_path, tiles, **HARD)
    with pytest.raises(PowerCut):
        train(config, progress=CutAfter(5))
    return config


def test_an_unfinished_run_is_not_run_over(cut):
    with pytest.raises(UsageError, match="holds an unfinished run; continue it with --resume"):
        train(cut)


def test_nothing_to_resume(tmp_path, tiles):
    with pytest.raises(UsageError, match="holds no run to resume; start one with run="):
        train(config_for(tmp_path, tiles), resume=True)


def test_other_settings_are_refused(cut):
    cut.trainer.accumulate = 3
    with pytest.raises(UsageError, match=r"trainer.accumulate is 3, .* was started with 2; resume it with the same"):
        train(cut, resume=True)


def test_another_rate_is_noted(cut):
    cut.trainer.lr = 1e-4
    report = train(cut, resume=True)
    assert "trainer.lr is 0.0001 from here on, it was None" in report.notes
    assert "lr: 0.0001" in (report.run / "config.yaml").read_text()


def test_other_data_is_refused(cut, tmp_path):
    import shutil

    old = cut.data.train
    cut.data.train = str(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"data.train is .*moved'"):
        train(cut, resume=True)
    cut.data.train = old
    shutil.copytree(old, tmp_path / "kept")
    try:
        shutil.rmtree(old)
        make_tiles(tmp_path.__class__(old), bands=2)
        with pytest.raises(
            ModelError, match=r"began with the channels 1 \(vv\), the data has 2 \(vv, context1\) now; give it the data"
        ):
            train(cut, resume=True)
    finally:
        shutil.rmtree(old)
        shutil.move(tmp_path / "kept", old)


def test_a_truncated_checkpoint(cut, tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"checkpoint.pt: is (truncated|no file of weights).*take an? (earlier|file)"):
        train(cut, resume=True)
    assert path.stat().st_size == 100_000  # nothing is lost that was there


def test_what_is_no_checkpoint(cut, tmp_path):
    path = tmp_path / "run" / "checkpoint.pt"
    state = load_state(path)
    for content, message in (
        ({}, "is no checkpoint of a training"),
        ({**state, "format_version": 7}, "has format version 7, this program reads 1"),
        ({"format_version": 1}, "lacks average"),
    ):
        save_state(path, content)
        with pytest.raises(ModelError, match=message):
            train(cut, resume=True)
    path.write_bytes(fixed_bytes(0, 1000))
    with pytest.raises(ModelError, match="no file of weights"):
        train(cut, resume=True)


def test_a_hostile_checkpoint_runs_nothing(cut, tmp_path):
    import torch

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"format_version": 1, "card": Trap()}, tmp_path / "run" / "checkpoint.pt")
    with pytest.raises(ModelError, match="not loaded, since that could run code"):
        train(cut, resume=True)
    assert not (tmp_path / "sprung").exists()


def test_checkpoints_hold_plain_values_alone(cut, tmp_path):
    state = load_state(tmp_path / "run" / "checkpoint.pt")
    assert state["course"] | {"seconds": 0} == {"epoch": 1, "batch": 1, "step": 2, "blank": 0, "seconds": 0}
    assert json.dumps(state["card"])
    assert state["metrics_size"] == (tmp_path / "run" / "metrics.jsonl").stat().st_size


def test_after_a_bad_loss_the_checkpoint_is_the_last_good_one(tmp_path, tiles):
    config = config_for(tmp_path, tiles, **{**HARD, "ema_decay": None, "epochs": 30, "lr": 100, "clip_norm": None})
    config.trainer.schedule = "constant"
    config.trainer.optimiser = "sgd"
    with pytest.raises(TrainingError, match=r"the (validation )?loss became (nan|inf) .*lower trainer.lr") as failed:
        train(config)
    assert "\n" not in str(failed.value)
    state = load_state(tmp_path / "run" / "checkpoint.pt")
    assert all(value.isfinite().all() for value in state["network"].values() if value.is_floating_point())
