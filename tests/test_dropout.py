"""Dropout before the last layer: there when asked for, nowhere else, and never in a name of a weight."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from models_made import card_of, network_of, run_of
from torch import nn
from training_made import CutAfter, PowerCut, config_for, make_tiles

from ceruleanml.models.card import read_card
from ceruleanml.models.export import export
from ceruleanml.models.predictor import load_predictor
from ceruleanml.models.training import train
from ceruleanml.models.weights import load_state, save_state

pytestmark = pytest.mark.usefixtures("narrow_networks")
KINDS = ("unet", "mask_rcnn")


def layers(network):
    return [one for one in network.modules() if isinstance(one, nn.Dropout | nn.Dropout2d)]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    return make_tiles(tmp_path_factory.mktemp("tiles") / "tiles")


def training(root, tiles, run, dropout):
    config = config_for(root, tiles, run=run, epochs=1, checkpoint_minutes=0)
    config.model.dropout = dropout
    return config


@pytest.mark.parametrize("kind", KINDS)
def test_weights_have_the_same_names_and_shapes_with_and_without(kind):
    card = card_of(kind)
    with_dropout, without = network_of(card.with_(dropout=0.5)), network_of(card)
    shapes = [{name: value.shape for name, value in one.state_dict().items()} for one in (with_dropout, without)]
    assert list(shapes[0].items()) == list(shapes[1].items())
    assert len(layers(with_dropout)) == len(layers(without)) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_trained_network_answers_as_the_same_weights_do_without(kind):
    card = card_of(kind)
    without, with_dropout = network_of(card), network_of(card.with_(dropout=0.5))
    with_dropout.load_state_dict(without.state_dict())
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(with_dropout.probabilities(images), without.probabilities(images))


def test_whole_features_of_a_unet_are_left_out_before_the_last_convolution():
    network = network_of(card_of().with_(dropout=0.5))
    dropout, last = network.network.layers[-2]
    assert isinstance(dropout, nn.Dropout2d) and dropout.p == 0.5 and last.kernel_size == (1, 1)
    seen = []
    last.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    dropout.train()
    torch.manual_seed(0)
    with torch.inference_mode():
        network(torch.rand(1, 1, 64, 64))
    empty = (seen[0] == 0).flatten(2).all(dim=2)
    assert 0 < empty.sum() < empty.numel()


def test_passes_of_mask_rcnn_differ_with_its_dropout_on():
    network = network_of(card_of("mask_rcnn").with_(dropout=0.5))
    layers(network)[-1].train()
    features = torch.rand(3, network.roi_heads.box_predictor.cls_score.in_features)
    first, second = (network.roi_heads.box_predictor(features) for _ in range(2))
    assert first[0].shape == (3, 3) and first[1].shape == (3, 12)
    assert not torch.equal(first[0], second[0])


def test_the_setting_reaches_the_card_and_the_training(tmp_path, tiles):
    plain, dropped = (train(training(tmp_path, tiles, f"run{share}", share)).run for share in (0.0, 0.4))
    assert (read_card(plain).dropout, read_card(dropped).dropout) == (0.0, 0.4)
    assert (plain / "weights.pt").read_bytes() != (dropped / "weights.pt").read_bytes()
    assert load_predictor(dropped, "cpu").card.dropout == 0.4


def test_cut_and_resumed_the_same_features_are_left_out(tmp_path, tiles):
    straight = train(training(tmp_path, tiles, "straight", 0.4)).run
    with pytest.raises(PowerCut):
        train(training(tmp_path, tiles, "cut", 0.4), progress=CutAfter(2))
    resumed = train(training(tmp_path, tiles, "cut", 0.4), resume=True).run
    assert (resumed / "weights.pt").read_bytes() == (straight / "weights.pt").read_bytes()


def test_a_card_of_before_reads_as_one_without(tmp_path):
    run = run_of(tmp_path / "run", card_of())
    content = asdict(read_card(run))
    del content["dropout"]
    (run / "model.json").write_text(json.dumps(content))
    assert read_card(run).dropout == 0.0


def test_exports_leave_nothing_out(tmp_path, tiles):
    card = card_of("unet", classes=("background", "infra_slick", "recent_vessel", "old_vessel")).with_(dropout=0.5)
    run = run_of(tmp_path / "run", card)
    plain = run_of(tmp_path / "plain", card.with_(dropout=0.0))
    save_state(plain / "weights.pt", load_state(run / "weights.pt"))
    images = np.random.default_rng(0).random((1, 1, 64, 64), np.float32)
    exported = [export(one, "cerulean-cloud", tiles=tiles).out for one in (run, plain)]
    answers = [load_predictor(one, "cpu").probabilities(images) for one in exported]
    np.testing.assert_array_equal(*answers)
