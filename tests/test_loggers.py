"""Where figures go: metrics.jsonl, TensorBoard, wandb and mlflow, none of them through a network."""

import importlib.util
import json

import pytest
from training_made import config_for

from ceruleanml.errors import UsageError
from ceruleanml.models.config import TrainConfig
from ceruleanml.models.logs import MetricsFile, check_logger, flat, open_logger, read_metrics
from ceruleanml.models.training import train

LINE = {
    "epoch": 1.0, "step": 5, "train": {"loss": 0.5}, "lr": 0.001,
    "validation": {"mean_dice": None, "classes": {"natural_seep": {"iou": 0.25}}},
}  # fmt: skip
FLAT = {"train/loss": 0.5, "lr": 0.001, "validation/classes/natural_seep/iou": 0.25}


def logger_config(root, name):
    config = TrainConfig(run=str(root))
    config.logger.name = name
    return config


def test_figures_by_name():
    assert dict(flat(LINE)) == FLAT


def test_lines_come_back_and_a_resumed_run_takes_later_ones_away(tmp_path):
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.append({"epoch": 1})
    size = metrics.size
    metrics.append({"epoch": 2})
    assert read_metrics(metrics.path) == [{"epoch": 1}, {"epoch": 2}]
    again = MetricsFile(metrics.path, size)
    again.append({"epoch": 3})
    assert read_metrics(metrics.path) == [{"epoch": 1}, {"epoch": 3}]


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epo')
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"epoch": 1}]
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_tensorboard_reads_the_curves(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step in (5, 10):
        logger = open_logger(logger_config(tmp_path, "tensorboard"), tmp_path, step - 5, "id")
        logger.log({**LINE, "step": step})
        logger.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert set(events.Tags()["scalars"]) == set(FLAT)
    curve = events.Scalars("train/loss")
    assert [(point.step, point.value) for point in curve] == [(5, 0.5), (10, 0.5)]


def test_others_than_the_leading_process_log_nowhere(tmp_path):
    open_logger(logger_config(tmp_path, "tensorboard"), tmp_path, 0, "id", leads=False).log(LINE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named_before_anything_is_made(tmp_path, name, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, name, None)  # as Python has it for packages that are not there
    config = config_for(tmp_path, tmp_path / "none")
    config.logger.name = name
    with pytest.raises(UsageError) as failed:
        train(config)
    assert str(failed.value) == (
        f"logger.name {name} needs the {name} package; pip install 'ceruleanml[{name}]', or take another logger"
    )
    assert list(tmp_path.iterdir()) == []


def installed(name):
    return importlib.util.find_spec(name) is not None


@pytest.mark.skipif(not installed("wandb"), reason="the extra ceruleanml[wandb] is not installed")
@pytest.mark.filterwarnings("default")
def test_wandb_keeps_a_run_to_sync_later(tmp_path, no_network):
    import wandb

    check_logger(logger_config(tmp_path, "wandb"))
    logger = open_logger(logger_config(tmp_path, "wandb"), tmp_path, 0, "abc123")
    logger.log(LINE)
    logger.close()
    wandb.teardown()  # the process beside this one writes its last bytes, as it does at the end of a training
    (run,) = (tmp_path / "wandb").glob("offline-run-*-abc123")
    content = (run / "run-abc123.wandb").read_bytes()
    assert b"natural_seep" in content


@pytest.mark.skipif(not installed("mlflow"), reason="the extra ceruleanml[mlflow] is not installed")
@pytest.mark.filterwarnings("default")
def test_mlflow_keeps_one_run_over_resumptions(tmp_path, no_network):
    for step in (5, 10):
        logger = open_logger(logger_config(tmp_path, "mlflow"), tmp_path, step - 5, "abc123")
        logger.log({**LINE, "step": step})
        logger.close()
    (curve,) = (tmp_path / "mlflow").glob("*/*/metrics/train/loss")
    assert [line.split()[1:] for line in curve.read_text().splitlines()] == [["0.5", "5"], ["0.5", "10"]]
    (name,) = (tmp_path / "mlflow").glob("*/*/params/trainer.lr")
    assert json.loads(name.read_text()) == TrainConfig().trainer.lr


@pytest.fixture
def no_network(monkeypatch):
    """Refuses to connect anywhere but to this machine."""
    import socket

    connect = socket.socket.connect

    def only_here(self, address):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise AssertionError(f"something called {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", only_here)
