"""A training put together from its configuration: data, card, network, optimiser, loaders; nothing is written here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import ceruleanml
from ceruleanml.errors import ModelError
from ceruleanml.models.average import WeightAverage
from ceruleanml.models.callbacks import Clip, LossWatch, Mean, Rate, Still
from ceruleanml.models.card import MULTIPLE_PX, WEIGHTS_NAME, Card, read_card
from ceruleanml.models.config import TrainConfig, greatest_lr
from ceruleanml.models.distributed import Ranks, shared_network
from ceruleanml.models.encoders import encoder_weights
from ceruleanml.models.fastai_parts import OptimWrapper
from ceruleanml.models.learner import Parts, Sides
from ceruleanml.models.loading import training_loader, validation_loader
from ceruleanml.models.objectives import objective_of
from ceruleanml.models.precision import Precision
from ceruleanml.models.schedule import STEADY_MOMENTUM, Course, span_of
from ceruleanml.models.segmenter import Segmenter, build_segmenter, fill
from ceruleanml.models.stopping import StopSignals
from ceruleanml.models.tiles import TrainingData
from ceruleanml.models.weights import load_state
from ceruleanml.seeds import generator

BETAS, EPSILON = (STEADY_MOMENTUM, 0.99), 1e-5
"""Adam's, as in fastai: its network has no normalisation between decoder layers, and PyTorch's own let it overshoot."""
GPU_LAG = 2
"""Steps after which a loss is looked at on a GPU."""


@dataclass
class Session:
    """A training that can begin."""

    card: Card
    sides: Sides
    parts: Parts
    watch: LossWatch
    callbacks: list[Any]
    notes: list[str]


def new_card(config: TrainConfig, data: TrainingData, pretrained: str) -> Card:
    """The card of a training that begins; its figures and the hash of its weights come with its end."""
    about = data.about
    scale = side_of(config, data) / source_side(config, data)
    return Card(
        name=Path(config.run).name,
        kind=config.model.kind,
        encoder=config.model.encoder,
        classes=data.classes,
        channels=data.channels,
        tile_px=side_of(config, data),
        mean=data.mean,
        deviation=data.deviation,
        grid="native" if about["grid"] == "serving" and scale != 1 else about["grid"],
        resolution_m=about["resolution_m"] / scale if about["resolution_m"] else None,
        scale=scale,
        radiometry=about["radiometry"] or "dn",
        db_range=tuple(about["db_range"]) if about["db_range"] else None,
        subtract_noise=bool(about["subtract_noise"]),
        polarisation=about["polarisation"] or "vv",
        dropout=config.model.dropout,
        pretrained=pretrained,
        class_rows=data.class_rows,
        dataset=about,
        code_version=ceruleanml.__version__,
        seed=config.trainer.seed,
    )


def side_of(config: TrainConfig, data: TrainingData) -> int:
    """The side in pixels of the tiles that the network sees at the end of the training."""
    if config.trainer.stages:
        return int(config.trainer.stages[-1][0])
    side = config.data.tile_px or source_side(config, data)
    return -(-side // MULTIPLE_PX) * MULTIPLE_PX


def source_side(config: TrainConfig, data: TrainingData) -> int:
    """The side in pixels of the tiles or crops before they are resized, a multiple of 32 where nothing resizes them."""
    side = config.data.crop_px or max(max(tile.record.height_width) for tile in data.train)
    resized = config.trainer.stages or config.data.tile_px
    return side if resized else -(-side // MULTIPLE_PX) * MULTIPLE_PX


def build(
    config: TrainConfig, data: TrainingData, card: Card | None, ranks: Ranks, device: torch.device, stop: StopSignals
) -> Session:
    """The training on this data: a new one, or, with the card of one that was begun, one for its checkpoint to fill.

    The network's weights depend on the seed alone. Raises ModelError for first weights that do not fit.
    """
    notes, encoder_state, begins = list(data.notes), None, card is None
    if card is None:
        encoder_state, taken, note = encoder_weights(config.model.encoder, config.model.pretrained)
        card = new_card(config, data, taken)
        if config.model.start is None:
            notes.append(note)
    torch.manual_seed(torch_seed(config, "weights"))
    network = cast(nn.Module, build_segmenter(card, encoder_state, config.model.trainable_layers))
    if begins and config.model.start is not None:
        notes.append(started(network, card, Path(config.model.start)))
    network = placed(network, card.kind, device, ranks)
    torch.manual_seed(torch_seed(config, "training", ranks.rank))
    frozen = config.trainer.freeze_epochs if card.pretrained != "none" else 0
    if config.trainer.freeze_epochs and not frozen:
        notes.append("trainer.freeze_epochs is left out: the encoder starts from scratch")
    sides = _loaders(config, data, ranks, device)
    precision = Precision(config.trainer.precision, device)
    if config.trainer.precision not in ("auto", precision.name):
        notes.append(f"trainer.precision {config.trainer.precision} is for GPUs; here it is {precision.name}")
    parts = Parts(
        network=network,
        called=shared_network(network, ranks, device, frozen > 0),
        objective=objective_of(config, card.classes),
        optimiser=OptimWrapper(opt=optimiser_of(config, network)),
        precision=precision,
        average=WeightAverage(network, config.trainer.ema_decay) if config.trainer.ema_decay else None,
        ranks=ranks,
        stop=stop,
        span=span_of(config.trainer, len(sides.train)),
        course=Course(),
        classes=card.classes,
        tile_px=card.tile_px,
        accumulate=config.trainer.accumulate,
        seed=torch_seed(config, "validation"),
    )
    watch = LossWatch(GPU_LAG if device.type == "cuda" else 0)
    return Session(card, sides, parts, watch, _callbacks(config, parts, frozen), notes)


def started(network: nn.Module, card: Card, run: Path) -> str:
    """Give a new network the weights of a trained run; a note on what was taken.

    It normalises by its own data, and where its classes are others, the layers that give them start anew. Raises
    ModelError.
    """
    before = read_card(run)
    for name in ("kind", "encoder", "channels"):
        ours, theirs = getattr(card, name), getattr(before, name)
        if ours != theirs:
            raise ModelError(f"{run}: its {name} is {theirs}, here it is {ours}; start from a model of the same")
    same = before.classes == card.classes
    anew = ("normalise.",) if same else ("normalise.", *cast(Segmenter, network).heads)
    own = {name: value for name, value in network.state_dict().items() if name.startswith(anew)}
    fill(cast(Any, network), {**load_state(run / WEIGHTS_NAME), **own}, run / WEIGHTS_NAME)
    network.train()
    return f"the network starts from the weights of {run}" + ("" if same else " but for its classes, which are others")


def _callbacks(config: TrainConfig, parts: Parts, frozen: int) -> list[Any]:
    trainer = config.trainer
    callbacks: list[Any] = [Rate(trainer.schedule, greatest_lr(config))]
    callbacks += [Clip(trainer.clip_norm)] if trainer.clip_norm else []
    callbacks += [Still(cast(Any, parts.network).encoder, frozen)] if frozen else []
    callbacks += [Mean()] if parts.average else []
    return callbacks


def _loaders(config: TrainConfig, data: TrainingData, ranks: Ranks, device: torch.device) -> Sides:
    place = (device.type == "cuda", ranks.rank, ranks.world)
    return Sides(training_loader(data, config, *place), validation_loader(data, config, *place), device)


def placed(network: nn.Module, kind: str, device: torch.device, ranks: Ranks) -> nn.Module:
    """The network on its device, laid out as it is fastest there."""
    network = network.to(device)
    if device.type != "cuda":
        return network
    if kind == "unet":
        network = network.to(memory_format=torch.channels_last)
    if ranks.world > 1:
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return network


def optimiser_of(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of all weights that learn; biases and normalisation do not decay."""
    learning = [one for one in network.parameters() if one.requires_grad]
    groups = [
        {"params": [one for one in learning if one.ndim > 1], "weight_decay": config.trainer.weight_decay},
        {"params": [one for one in learning if one.ndim <= 1], "weight_decay": 0.0},
    ]
    lr = greatest_lr(config)
    if config.trainer.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=STEADY_MOMENTUM, fused=True)
    return torch.optim.AdamW(groups, lr=lr, betas=BETAS, eps=EPSILON, fused=True)


def torch_seed(config: TrainConfig, *keys: str | int) -> int:
    """A seed for torch's generators that depends on the training's seed and what it is for."""
    return int(generator(config.trainer.seed, "torch", *keys).integers(2**62))


@contextmanager
def torch_settings(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """PyTorch as trainings want it, for the time of the block.

    On the CPU the same seed gives the same bits, and numbers next to zero count as zero, which makes steps several
    times faster. On a GPU kernels are chosen by their speed, so that runs differ within rounding.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark, torch.get_num_threads()
    deterministic: Any = torch.utils.deterministic  # a module that torch made of an object
    fills = deterministic.fill_uninitialized_memory
    torch.set_flush_denormal(True)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    torch.use_deterministic_algorithms(device.type == "cpu")
    deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
        torch.set_num_threads(before[2])
        deterministic.fill_uninitialized_memory = fills
        torch.set_flush_denormal(False)
