"""A training and its run folder; what it cannot be given; what it survives."""

import json
import os
import resource
import subprocess

import numpy as np
import pytest
import torch
from datasets_made import make_dataset_folder
from hypothesis import given
from hypothesis import strategies as st
from narrow import encoder
from torch import nn
from training_made import SIDE, Notes, config_for, lines, make_tiles, tile

from ceruleanml.errors import StorageError, TrainingError, UsageError, WriteError
from ceruleanml.models.average import WeightAverage
from ceruleanml.models.card import read_card
from ceruleanml.models.config import TrainConfig, greatest_lr
from ceruleanml.models.precision import chosen
from ceruleanml.models.run_folder import RunFolder, read_config
from ceruleanml.models.segmenter import load_segmenter
from ceruleanml.models.session import optimiser_of
from ceruleanml.models.training import train
from ceruleanml.models.weights import load_state
from ceruleanml.storage import sha256_of

pytestmark = pytest.mark.usefixtures("narrow_networks")


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return make_tiles(tmp_path_factory.mktemp("tiles") / "tiles")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiles):
    """A training with the default logger, its report and its notes."""
    config = config_for(tmp_path_factory.mktemp("trained"), tiles, lr=2e-4, epochs=3)
    config.logger.name = "tensorboard"
    notes = Notes()
    return train(config, progress=notes), config, notes.notes


def test_the_run_folder(trained):
    report, config, _ = trained
    names = sorted(path.name for path in report.run.iterdir())
    assert names == ["config.yaml", "metrics.jsonl", "model.json", "plots", "tensorboard", "weights.pt"]
    assert read_config(report.run) == config
    assert (report.run / "plots" / "losses.png").read_bytes()[:4] == b"\x89PNG"
    assert report.steps == 9


def test_the_card_says_where_the_model_is_from(trained, tiles):
    report, _, _ = trained
    card = read_card(report.run)
    assert (card.kind, card.encoder, card.classes) == (
        "unet", "mobilenet_v2", ("background", "infra_slick", "natural_seep"),
    )  # fmt: skip
    assert (card.channels, card.tile_px, card.epochs, card.seed) == (("vv",), SIDE, 3, 0)
    assert card.dataset["train"]["sha256"] == sha256_of(tiles / "dataset.json")
    assert card.dataset["train"]["label_snapshot"] == "0" * 64
    assert card.weights_sha256 == sha256_of(report.run / "weights.pt")
    assert card.metrics == report.figures
    assert {"validation_loss", "mean_iou", "mean_dice"} <= card.metrics.keys()


def test_the_weights_load_as_plain_tensors_and_answer(trained):
    report, _, _ = trained
    state = load_state(report.run / "weights.pt")
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    _, network = load_segmenter(report.run)
    with torch.no_grad():
        assert network.probabilities(torch.rand(1, 1, SIDE, SIDE)).shape == (1, 3, SIDE, SIDE)


def test_a_line_an_epoch(trained):
    report, _, _ = trained
    found = [json.loads(line) for line in (report.run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in found] == [(1, 3), (2, 6), (3, 9)]
    for line in found:
        assert line["train"]["loss"] > 0
        assert line["validation"]["losses"]["loss"] > 0
        assert set(line["validation"]["classes"]) == {"infra_slick", "natural_seep"}
        assert line["seconds"] > 0
        assert line["images_per_second"] > 0
    assert found[-1]["train"]["loss"] < found[0]["train"]["loss"]


def test_what_was_decided_is_noted(trained):
    report, _, notes = trained
    assert list(report.notes) == notes
    assert "the mobilenet_v2 encoder starts from scratch" in notes
    assert "training on the CPU" in notes


def test_the_best_epoch_is_kept(tmp_path, tiles):
    config = config_for(tmp_path, tiles, epochs=3, lr=0.003, schedule="constant")
    best = train(config)
    losses = [(line["validation"]["mean_dice"], -line["validation"]["losses"]["loss"]) for line in lines(best.run)]
    assert best.figures["validation_loss"] == -max(losses)[1]
    config.run, config.trainer.keep = str(tmp_path / "last"), "last"
    last = train(config)
    assert last.figures["validation_loss"] == -losses[-1][1]


def test_patience_ends_a_training_that_learns_nothing(tmp_path, tiles):
    config = config_for(tmp_path, tiles, epochs=9, patience=1, schedule="constant", optimiser="sgd", clip_norm=1e-9)
    report = train(config)
    assert 2 <= report.epochs < 9
    scores = [(line["validation"]["mean_dice"], -line["validation"]["losses"]["loss"]) for line in lines(report.run)]
    assert scores[-1] <= max(scores[:-1])


class Clock:
    """A clock that moves on by a second each time it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1
        return self.now


def test_a_training_of_so_many_minutes(tmp_path, tiles):
    config = config_for(tmp_path, tiles, minutes=0.5, checkpoint_minutes=1e6)
    report = train(config, clock=Clock())
    assert report.seconds >= 30
    assert report.epochs > 2  # epochs do not count then
    last = lines(report.run)[-1]
    assert last["epoch"] == report.epochs
    assert last["lr"] < 0.2 * greatest_lr(config)  # the schedule came to its end


def test_stages_grow_the_tiles(tmp_path, tiles):
    config = config_for(tmp_path, tiles, stages=[[32, 0.2], [96, 0.3]], checkpoint_minutes=1e6)
    report = train(config, clock=Clock())
    sides = [line["tile_px"] for line in lines(report.run)]
    assert sides == sorted(sides)
    assert set(sides) == {32, 96}
    assert read_card(report.run).tile_px == 96


def test_mask_rcnn_learns_by_the_same_loop(tmp_path, tiles):
    config = config_for(tmp_path, tiles, epochs=1)
    config.model.kind, config.model.encoder = "mask_rcnn", "resnet18"
    report = train(config)
    (line,) = lines(report.run)
    parts = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}
    assert set(line["train"]) == set(line["validation"]["losses"]) == {"loss"} | parts
    assert line["train"]["loss"] == pytest.approx(sum(line["train"][name] for name in parts))
    assert set(line["validation"]["classes"]) == {"infra_slick", "natural_seep"}
    _, network = load_segmenter(report.run)
    assert network.kind == "mask_rcnn"


def test_a_frozen_encoder_keeps_still(tmp_path, tiles):
    torch.manual_seed(0)
    torch.save(encoder("mobilenet_v2").state_dict(), tmp_path / "first.pt")
    config = config_for(tmp_path, tiles, epochs=1, freeze_epochs=1, keep="last")
    config.model.pretrained = str(tmp_path / "first.pt")
    state = load_state(train(config).run / "weights.pt")
    first = load_state(tmp_path / "first.pt")
    ours = "network.layers.0.1.conv.0.0.weight"
    assert torch.equal(state[ours], first["features.1.conv.0.0.weight"])
    assert torch.equal(state["network.layers.0.1.conv.0.1.running_mean"], first["features.1.conv.0.1.running_mean"])
    config.run, config.trainer.freeze_epochs = str(tmp_path / "free"), 0
    assert not torch.equal(load_state(train(config).run / "weights.pt")[ours], state[ours])


def test_freezing_from_scratch_is_noted(tmp_path, tiles):
    report = train(config_for(tmp_path, tiles, epochs=1, freeze_epochs=1, precision="bf16"))
    assert "trainer.freeze_epochs is left out: the encoder starts from scratch" in report.notes
    assert "trainer.precision bf16 is for GPUs; here it is fp32" in report.notes


def test_a_single_training_tile(tmp_path):
    root = make_dataset_folder(tmp_path / "tiles", {"one": [tile(1, 1)], "two": [tile(2, 1)]}, channels=("vv",))
    config = config_for(tmp_path, root, epochs=1)
    config.data.validation_share = 0.5
    assert train(config).steps == 1
    config.run, config.data.tile_px = str(tmp_path / "small"), 32
    with pytest.raises(TrainingError, match="a batch of one tile this small .* give data.batch_size=2 or more"):
        train(config)


def land(seed, class_id=None):
    """A tile with one row of data; most crops of it hold none."""
    row_col, pixels, masks = tile(seed, class_id)
    pixels[:, 1:] = 0
    return row_col, pixels, masks


def cropped(root, scenes):
    """A training on crops of 32 pixels, enlarged to 64, one a batch."""
    dataset = make_dataset_folder(root / "tiles", scenes, channels=("vv",))
    config = config_for(root, dataset, epochs=1)
    config.data.batch_size, config.data.crop_px, config.data.tile_px = 1, 32, SIDE
    config.data.validation, config.data.classes = str(make_tiles(root / "others", scenes=1)), ["infra_slick"]
    return config


def test_batches_without_data_are_left_out(tmp_path):
    report = train(cropped(tmp_path, {"a": [tile(1, 1), land(2)], "b": [tile(3, 1), land(4)]}))
    assert report.steps == 2
    assert report.notes[-1] == "2 batches held no data and were left out"


def test_an_epoch_without_data(tmp_path):
    with pytest.raises(
        TrainingError, match="no batch of the epoch held data: every pixel is nodata .* check the tiles"
    ):
        train(cropped(tmp_path, {"a": [land(1, 1), land(2, 1)]}))


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, tiles):
    config = config_for(tmp_path, tiles, epochs=2, checkpoint_minutes=0, keep="last")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(WriteError, match=r"run/checkpoint.pt: cannot be written: File too large"):
            train(config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.yaml", "metrics.jsonl"]
    assert train(config, resume=True).epochs == 2


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MB: a file system in memory, which only root may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, text=True
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_really_full_disk(small_disk, tiles):
    config = config_for(small_disk, tiles, epochs=1, checkpoint_minutes=0)
    config.logger.name = "tensorboard"
    with pytest.raises(WriteError, match=r"checkpoint.pt: cannot be written: No space left on device"):
        train(config)
    assert not list((small_disk / "run").glob(".*"))  # no half file takes the room
    subprocess.run(["mount", "-o", "remount,size=60m", small_disk], check=True)
    assert train(config, resume=True).epochs == 1


def test_a_disk_too_full_for_a_line(tmp_path):
    from ceruleanml.models.logs import MetricsFile

    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    metrics = MetricsFile.__new__(MetricsFile)
    metrics.path, metrics.size = tmp_path / "metrics.jsonl", 0
    with pytest.raises(WriteError, match=r"metrics.jsonl: cannot be written: No space left on device"):
        metrics.append({"epoch": 1})
    assert metrics.size == 0


def test_a_broken_config_file(tmp_path):
    (tmp_path / "config.yaml").write_text("model: [unclosed")
    with pytest.raises(StorageError, match=r"config.yaml: is not YAML"):
        read_config(tmp_path)
    with pytest.raises(UsageError, match=r"holds no run, it has no config.yaml"):
        read_config(tmp_path / "elsewhere")
    assert not RunFolder(tmp_path / "elsewhere").started


def test_biases_and_normalisation_do_not_decay():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    network[0].weight.requires_grad_(False)
    optimiser = optimiser_of(TrainConfig(), network)
    shapes = [
        ([tuple(one.shape) for one in group["params"]], group["weight_decay"]) for group in optimiser.param_groups
    ]
    assert shapes == [([], 0.01), ([(2,), (2,), (2,)], 0.0)]


def test_on_a_cpu_there_is_one_precision():
    assert {chosen(asked, torch.device("cpu")) for asked in ("auto", "fp32", "fp16", "bf16")} == {"fp32"}


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20), st.floats(0, 0.99))
def test_the_mean_of_weights_lies_between_them(values, decay):
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = WeightAverage(network, decay)
    for step, value in enumerate(values, start=1):
        nn.init.constant_(network.weight, value)
        average.update(network, step)
    mean = average.state()["weight"].item()
    assert min([0, *values]) - 1e-3 <= mean <= max([0, *values]) + 1e-3
    with average.swapped_in(network):
        assert network.weight.item() == mean
    assert network.weight.item() == np.float32(values[-1])


def test_the_mean_of_weights_by_hand():
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = WeightAverage(network, 0.9)
    nn.init.constant_(network.weight, 11.0)
    average.update(network, 1)  # decay 2 / 11
    assert average.state()["weight"].item() == pytest.approx(9)
    nn.init.constant_(network.weight, 0.0)
    average.update(network, 1000)  # decay 0.9
    assert average.state()["weight"].item() == pytest.approx(8.1)
