"""Both networks: shapes, normalisation inside, first weights, and the promises of their protocol."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from models_made import card_of, network_of
from torch import nn
from torchvision.models import mobilenet_v2, resnet18

from ceruleanml.errors import ModelError
from ceruleanml.models.encoders import adapt_bands, encoder_weights
from ceruleanml.models.mask_rcnn import merged
from ceruleanml.models.segmenter import build_segmenter
from ceruleanml.models.weights import save_state


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "resnet18"])
@pytest.mark.parametrize("channels", [("vv",), ("vv", "infrastructure"), ("vv", "infrastructure", "ships")])
def test_a_unet_gives_a_logit_for_each_class_and_pixel(encoder: str, channels: tuple[str, ...]) -> None:
    network = network_of(card_of("unet", encoder, channels))
    assert network(torch.rand(2, len(channels), 64, 96)).shape == (2, 3, 64, 96)


@pytest.mark.parametrize("kind", ["unet", "mask_rcnn"])
def test_probabilities_of_both_kinds_sum_to_one(kind: str) -> None:
    with torch.inference_mode():
        found = network_of(card_of(kind)).probabilities(torch.rand(2, 1, 64, 64))
    assert found.shape == (2, 3, 64, 64)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(2, 64, 64))


def test_a_higher_temperature_brings_probabilities_nearer_to_each_other() -> None:
    network, images = network_of(card_of()), torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        sharp, soft = network.probabilities(images, 1.0), network.probabilities(images, 4.0)
    assert soft.max() < sharp.max()
    assert torch.equal(soft.argmax(dim=1), sharp.argmax(dim=1))


def test_normalisation_lies_inside_the_unet() -> None:
    card = card_of()
    plain = card.with_(mean=(0.0,), deviation=(1.0,))
    images = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network_of(card)(images), network_of(plain)((images - 0.25) / 0.1))


def test_normalisation_lies_inside_mask_rcnn() -> None:
    network = network_of(card_of("mask_rcnn"))
    batch, _ = network.transform([torch.full((1, 64, 64), 0.35)])
    torch.testing.assert_close(batch.tensors, torch.ones(1, 1, 64, 64))


def test_mask_rcnn_neither_resizes_tiles_nor_freezes_random_weights() -> None:
    network = network_of(card_of("mask_rcnn"))
    for side in (64, 128):
        batch, _ = network.transform([torch.rand(1, side, side)])
        assert batch.image_sizes == [(side, side)]
        assert batch.tensors.shape[-2:] == (side, side)
    assert all(weight.requires_grad for weight in network.parameters())
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def test_a_pretrained_mask_rcnn_keeps_its_statistics_still() -> None:
    state = resnet18(weights=None).state_dict()
    network = build_segmenter(card_of("mask_rcnn", pretrained="weights.pth"), state, trainable_layers=2)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.backbone.body.modules())
    learning = {name.split(".")[0] for name, weight in network.backbone.body.named_parameters() if weight.requires_grad}
    assert learning == {"layer3", "layer4"}


def test_mask_rcnn_learns_from_a_tile_without_slicks() -> None:
    network = network_of(card_of("mask_rcnn")).train()
    empty = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 64, 64, dtype=torch.uint8),
    }
    losses = network([torch.rand(1, 64, 64)], [empty])
    assert len(losses) == 5
    assert all(torch.isfinite(loss) for loss in losses.values())


def test_slicks_are_merged_into_pixels_as_independent_events() -> None:
    found = {
        "labels": torch.tensor([1, 1, 2]),
        "scores": torch.tensor([0.5, 0.8, 1.0]),
        "masks": torch.tensor([[[[1.0, 0.0, 0.0]]], [[[0.5, 0.0, 0.0]]], [[[0.0, 0.25, 0.0]]]]),
    }
    # pixel 0: absent 0.5 x (1 - 0.4) = 0.3; pixel 1: class 2 alone; pixel 2: nothing
    expected = torch.tensor([[[0.3, 0.75, 1.0]], [[0.7, 0.0, 0.0]], [[0.0, 0.25, 0.0]]])
    torch.testing.assert_close(merged(found, 3, (1, 3)), expected)


def test_a_pixel_of_two_classes_is_shared_out_in_proportion() -> None:
    found = {
        "labels": torch.tensor([1, 2]),
        "scores": torch.ones(2),
        "masks": torch.tensor([[[[0.5]]], [[[0.5]]]]),
    }
    torch.testing.assert_close(merged(found, 3, (1, 1)).flatten(), torch.tensor([0.25, 0.375, 0.375]))


def test_a_unet_has_no_detections() -> None:
    with pytest.raises(ModelError, match="no detections"):
        network_of(card_of()).detections(torch.rand(1, 1, 64, 64))


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_adapted_first_layers_answer_equal_bands_as_the_original_answers_grey(bands: int) -> None:
    first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    grey = torch.rand(1, 1, 8, 8)
    torch.testing.assert_close(adapt_bands(first, bands)(grey.expand(1, bands, 8, 8)), first(grey.expand(1, 3, 8, 8)))


def test_one_seed_gives_the_same_weights() -> None:
    first, again, other = (network_of(card_of(), seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_an_encoder_takes_the_weights_of_a_file(tmp_path: Path) -> None:
    torch.manual_seed(5)
    source = mobilenet_v2(weights=None)
    save_state(tmp_path / "mobilenet.pth", source.state_dict())
    state, taken, note = encoder_weights("mobilenet_v2", str(tmp_path / "mobilenet.pth"))
    network = build_segmenter(card_of(), state)
    assert taken == str(tmp_path / "mobilenet.pth")
    assert taken in note
    expected = source.features[3].conv[0][0].weight
    assert torch.equal(network.encoder[3].conv[0][0].weight, expected)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "other.pth", mobilenet_v2(weights=None).state_dict())
    state, _, _ = encoder_weights("resnet18", str(tmp_path / "other.pth"))
    with pytest.raises(ModelError, match="do not fit resnet18"):
        build_segmenter(card_of(encoder="resnet18"), state)


def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "list.pth", [1, 2])
    with pytest.raises(ModelError, match=r"list.pth: is no state dict"):
        encoder_weights("resnet18", str(tmp_path / "list.pth"))


def test_without_a_hub_an_encoder_starts_from_scratch_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "_opener", None)  # made at its first use, it keeps the proxies of that moment
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # where nothing listens
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state, taken, note = encoder_weights("resnet18", "imagenet")
    assert (state, taken) == (None, "none")
    assert "starts from scratch" in note


def test_imagenet_weights_are_taken_by_name_where_they_are_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch's own cache of the hub, filled by hand; the hash in the name is checked only when it downloads."""
    from torchvision.models import MobileNet_V2_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = MobileNet_V2_Weights.DEFAULT.url.rsplit("/", 1)[1]
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    save_state(tmp_path / "hub" / "checkpoints" / name, mobilenet_v2(weights=None).state_dict())
    state, taken, note = encoder_weights("mobilenet_v2", "imagenet")
    assert state is not None
    assert taken == "imagenet"
    assert "ImageNet" in note


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(ModelError, match="vgg"):
        build_segmenter(card_of(encoder="vgg"))


def test_a_probability_is_the_same_alone_and_in_a_batch() -> None:
    network, images = network_of(card_of()), torch.rand(3, 1, 64, 64)
    with torch.inference_mode():
        together = network.probabilities(images)
        alone = torch.cat([network.probabilities(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, atol=1e-5)
