"""Encoders: torchvision's networks without their heads, for any number of bands, with or without first weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models

from ceruleanml.errors import ModelError
from ceruleanml.models.weights import load_state

State = dict[str, Tensor]
HEADS = ("fc.", "classifier.")
RGB_BANDS = 3


def encoder_weights(encoder: str, pretrained: str) -> tuple[State | None, str, str]:
    """First weights for an encoder: the state dict or None, what was taken, and a note for the log.

    `pretrained` is "none", "imagenet" (torchvision's own, by name; where no hub can be reached nothing is taken) or the
    path of a state dict of torchvision's network. Raises ModelError for a file that is not one.
    """
    if pretrained == "none":
        return None, "none", f"the {encoder} encoder starts from scratch"
    if pretrained == "imagenet":
        try:
            weights = models.get_model_weights(encoder).DEFAULT
            state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except OSError as error:  # URLError is one
            reason = getattr(error, "reason", error)
            return (
                None,
                "none",
                f"no hub of ImageNet weights answers ({reason}); the {encoder} encoder starts from scratch",
            )
        return state, "imagenet", f"the {encoder} encoder starts from torchvision's ImageNet weights"
    state = load_state(Path(pretrained))
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{pretrained}: is no state dict; give one of torchvision's {encoder}")
    return state, pretrained, f"the {encoder} encoder starts from {pretrained}"


def build_encoder(encoder: str, bands: int, state: State | None) -> nn.Sequential:
    """The encoder as a sequence of layers, finest first, for images of so many bands.

    With `state` (of the whole torchvision network) its weights are taken; those of the first layer are averaged over
    their three colours and shared out to the bands, so that the sum over equal bands stays. Raises ModelError for
    weights of another network.
    """
    network = _network(encoder)
    if state is not None:
        _load(network, state, encoder)
    if encoder == "mobilenet_v2":
        layers = list(network.features.children())[:-1]  # the last one widens for the head that is left out
        layers[0][0] = adapt_bands(layers[0][0], bands)
        return nn.Sequential(*layers)
    network.conv1 = adapt_bands(network.conv1, bands)
    return nn.Sequential(*list(network.children())[:-2])


def resnet(encoder: str, bands: int, state: State | None, norm_layer: Callable[..., nn.Module]) -> Any:
    """A whole torchvision ResNet for images of so many bands, its weights taken as in `build_encoder`."""
    network = _network(encoder, norm_layer=norm_layer)
    if state is not None:
        _load(network, state, encoder)
    network.conv1 = adapt_bands(network.conv1, bands)
    return network


def adapt_bands(first: nn.Conv2d, bands: int) -> nn.Conv2d:
    """The first convolution of an encoder for another number of bands, itself for three."""
    if bands == RGB_BANDS:
        return first
    size: Any = (first.kernel_size, first.stride, first.padding)
    adapted = nn.Conv2d(bands, first.out_channels, size[0], size[1], size[2], bias=first.bias is not None)
    with torch.no_grad():
        adapted.weight.copy_(first.weight.mean(dim=1, keepdim=True) * (RGB_BANDS / bands))
    return adapted


def _network(encoder: str, **options: Any) -> Any:
    return models.get_model(encoder, weights=None, **options)


def _load(network: nn.Module, state: State, encoder: str) -> None:
    body = {key: value for key, value in state.items() if not key.startswith(HEADS)}
    try:
        missing, unexpected = network.load_state_dict(body, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"the pretrained weights are of another network than {encoder}; give those of {encoder}"
        ) from error
    lacking = [key for key in missing if not key.startswith(HEADS) and not key.endswith("num_batches_tracked")]
    strange = [key for key in unexpected if not key.endswith("num_batches_tracked")]  # frozen norms count none
    if lacking or strange:
        which = (lacking or strange)[0]
        raise ModelError(f"the pretrained weights do not fit {encoder} (such as {which}); give torchvision's {encoder}")
