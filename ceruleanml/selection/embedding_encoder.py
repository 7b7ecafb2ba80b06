"""Encoders that turn tiles into vectors: a trained model's, ImageNet's, or one that taught itself on the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ceruleanml.datasets.folder import Dataset
from ceruleanml.errors import ModelError
from ceruleanml.models.card import MULTIPLE_PX, WEIGHTS_NAME
from ceruleanml.models.config import ENCODERS
from ceruleanml.models.encoders import build_encoder, encoder_weights
from ceruleanml.models.ensemble_folder import read_ensemble
from ceruleanml.models.normalise import Normalise
from ceruleanml.models.segmenter import load_segmenter
from ceruleanml.models.tile_reading import Statistics
from ceruleanml.models.weights import load_state, save_state

Floats = NDArray[np.float32]
SELF_TAUGHT = "ceruleanml self-supervised encoder 1"
"""What stands under `format` in the weights of an encoder that taught itself."""


@dataclass(frozen=True)
class EncoderSource:
    """Where an encoder comes from: a run folder, an ensemble's, of which the first member counts, or a file of weights.

    The file is a state dict of torchvision's network `encoder` (mobilenet_v2 unless named), or was made by
    `train_simclr` and says itself what it is.
    """

    path: Path
    encoder: str | None = None

    @property
    def run(self) -> Path | None:
        """The run folder, None for a file of weights. Raises ModelError for a folder that holds no model."""
        return read_ensemble(self.path)[0] if self.path.is_dir() else None

    @property
    def weights(self) -> Path:
        """The file of weights. Raises ModelError where there is none."""
        file = self.path if self.run is None else self.run / WEIGHTS_NAME
        if not file.is_file():
            raise ModelError(f"{file}: no such file of weights; name a run folder of ceruleanml train, or such a file")
        return file


@dataclass(frozen=True, eq=False)
class Encoder:
    """An encoder that can be asked.

    `network` takes float32 (n, bands, height, width) in [0, 1], sides multiples of 32, to (n, d, height / 32,
    width / 32). `channels` are the bands in their order; None is the first band of a data set, its radar. Images are
    resized by `scale` before. `method` is model, weights or self-supervised, `name` the network's.
    """

    network: nn.Module
    channels: tuple[str, ...] | None
    scale: float
    method: str
    name: str
    device: torch.device

    def places(self, dataset: Dataset) -> list[int]:
        """Where each band stands among the data set's channels. Raises ModelError for one that is missing."""
        channels = dataset.channels[:1] if self.channels is None else self.channels
        for name in channels:
            if name not in dataset.channels:
                raise ModelError(
                    f"the encoder takes the channel {name}, {dataset.root} has {', '.join(dataset.channels)}; "
                    "make the data set with that --context"
                )
        return [dataset.channels.index(name) for name in channels]

    def pooled(self, images: Floats, valid: NDArray[np.bool_]) -> Floats:
        """The features of images (n, bands, height, width), averaged over where they hold data, float32 (n, d).

        `valid` is (n, height, width); a cell of the features counts by the share of its pixels that are valid. An image
        without any is NaN.
        """
        size = [max(1, round(side * self.scale)) for side in images.shape[-2:]]
        with torch.inference_mode():
            tensor = _resized(torch.from_numpy(np.ascontiguousarray(images)), size)
            weights = _resized(torch.from_numpy(valid[:, None].astype(np.float32)), size)
            features = self.network(tensor.to(self.device)).double().cpu()
            shares = interpolate(weights, features.shape[-2:], mode="area").double()
            means = (features * shares).sum(dim=(2, 3)) / shares.sum(dim=(2, 3))
        return np.asarray(means.float().numpy())


def load_encoder(source: EncoderSource, statistics: Statistics | None, device: torch.device) -> Encoder:
    """The encoder of a source, in evaluation mode on its device.

    `statistics` of the radar band normalise the input of ImageNet's weights, which say none of their own. Raises
    ModelError for what is no encoder, or weights of another network.
    """
    if source.run is not None:
        return _of_run(source.run, device)
    state = load_state(source.weights)
    if isinstance(state, dict) and state.get("format") == SELF_TAUGHT:
        return _self_taught(state, source.path, device)
    name = _known(source.encoder or "mobilenet_v2")
    given, _, _ = encoder_weights(name, str(source.path))
    network = build_encoder(name, 1, given)
    front = statistics or Statistics((0.0,), (1.0,))
    return Encoder(
        _placed([Normalise(front.mean, front.deviation), network], device), None, 1.0, "weights", name, device
    )


def save_encoder(
    path: Path, network: nn.Sequential, name: str, channel: str, statistics: Statistics, scale: float
) -> None:
    """Write an encoder for one band that taught itself, so that `load_encoder` takes it by its file alone."""
    about = {"format": SELF_TAUGHT, "encoder": name, "channel": channel, "scale": scale}
    figures = {"mean": list(statistics.mean), "deviation": list(statistics.deviation)}
    state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    save_state(path, {**about, **figures, "state": state})


class _Last(nn.Module):
    """The last of the feature maps that torchvision's detector bodies give in a dictionary, finest first."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        """The coarsest features."""
        found: Tensor = list(self.body(images).values())[-1]
        return found


def _of_run(run: Path, device: torch.device) -> Encoder:
    card, segmenter = load_segmenter(run)
    network = segmenter.encoder if card.kind == "unet" else _Last(segmenter.encoder)
    placed = _placed([Normalise(card.mean, card.deviation), network], device)
    return Encoder(placed, card.channels, card.scale, "model", card.encoder, device)


def _self_taught(state: dict[str, Any], path: Path, device: torch.device) -> Encoder:
    try:
        name, channel, scale = _known(str(state["encoder"])), str(state["channel"]), float(state["scale"])
        network = build_encoder(name, 1, None)
        network.load_state_dict(state["state"])
        front = Normalise(state["mean"], state["deviation"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise ModelError(f"{path}: holds a broken self-supervised encoder; train it again with --train-ssl") from error
    return Encoder(_placed([front, network], device), (channel,), scale, "self-supervised", name, device)


def _known(encoder: str) -> str:
    if encoder not in ENCODERS:
        raise ModelError(f"encoder {encoder} is not known; there are {', '.join(ENCODERS)}")
    return encoder


def _placed(layers: Sequence[nn.Module], device: torch.device) -> nn.Module:
    return cast(nn.Module, nn.Sequential(*layers).eval().to(device))


def _resized(images: Tensor, size: Sequence[int]) -> Tensor:
    """Images of another size, as models.scaled resizes them, with zeros around up to the sides that networks take."""
    height, width = images.shape[-2:]
    if list(size) != [height, width]:
        shrinks = size[0] <= height and size[1] <= width
        images = interpolate(images, list(size), **({"mode": "area"} if shrinks else _BILINEAR))
    rows, cols = (-side % MULTIPLE_PX for side in size)
    return nn.functional.pad(images, (0, cols, 0, rows))


_BILINEAR: dict[str, Any] = {"mode": "bilinear", "align_corners": False}
