"""Everything a training can be told: groups of documented settings, the same for Hydra, notebooks and `config.yaml`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, get_type_hints

from ceruleanml.errors import UsageError

ENCODERS = ("mobilenet_v2", "resnet18", "resnet34", "resnet50")
KINDS = ("unet", "mask_rcnn")


def setting(
    default: Any,
    help: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
) -> Any:
    """A documented field: its default, what it means, its unit, and the least and greatest value or the choices."""
    about = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=about)
    return field(default=default, metadata=about)


@dataclass
class ModelConfig:
    """The network."""

    kind: str = setting(
        "unet", "U-Net (a class for each pixel) or Mask R-CNN (an outline for each slick)", choices=KINDS
    )
    encoder: str = setting(
        "mobilenet_v2",
        "the convolutional network inside; mobilenet_v2 is light enough for two cores, and only the U-Net takes it",
        choices=ENCODERS,
    )
    pretrained: str = setting(
        "none",
        "first weights of the encoder: none (from scratch), imagenet (by name, where a hub is reachable, else from "
        "scratch with a note in the log), or the path of a state dict of torchvision's network",
    )
    start: str | None = setting(
        None, "run folder of a model of the same kind, encoder and channels whose weights are the first ones; of other "
        "classes, its last layers start anew; null: none",
    )  # fmt: skip
    trainable_layers: int = setting(
        5, "stages of a pretrained Mask R-CNN encoder that learn, counted from the top", low=0, high=5
    )
    dropout: float = setting(
        0.0,
        "share of the features before the last layer (Mask R-CNN: before the classes of boxes) that each step leaves "
        "out; above 0 the trained network can be asked several times for how sure it is",
        low=0,
        high=0.9,
    )


@dataclass
class DataConfig:
    """What is learned from."""

    train: str = setting("???", "data set folder to learn from, as make-dataset made it")
    validation: str | None = setting(None, "data set folder to judge by; null holds scenes of the first one out")
    validation_share: float = setting(
        0.2, "share of the scenes held out where no validation folder is given", low=0.01, high=0.9
    )
    classes: list[str] | None = setting(
        None, "slick classes to learn, in the order of their ids; null: those that the training tiles show"
    )
    drop_classes: list[str] = setting([], "classes to leave out: tiles that show them leave the set")
    merge_classes: dict[str, str] = setting({}, "classes to count as another: {old_vessel: recent_vessel}")
    channels: list[str] | None = setting(None, "channels to use, in this order; null: all of the data set")
    min_area_px: int = setting(
        0, "pieces of slicks smaller than this are ignored, neither slick nor sea", "pixels", 0, 1e9
    )
    negative_ratio: float | None = setting(
        None, "empty tiles for each tile with a slick, drawn anew with the seed; null: all", low=0, high=1e6
    )
    crop_px: int | None = setting(
        None, "side of a square cut from each training tile, half of the time around a slick; null: whole tiles",
        "pixels", 32, 1 << 15,
    )  # fmt: skip
    tile_px: int | None = setting(
        None, "side to which tiles or crops are resized before the network; null: as they are", "pixels", 32, 4096
    )
    bootstrap: str | None = setting(
        None,
        "draw the training tiles anew with replacement, as many as there are, by the seed: tile by tile, or scene by "
        "scene with all of its tiles; null: each once. Classes, channels' statistics and validation are those without",
        choices=("tile", "scene"),
    )
    split_seed: int | None = setting(
        None,
        "seed by which scenes are held out and empty tiles left out; null: trainer.seed. With it trainings of several "
        "seeds share both, as the members of an ensemble do",
        low=0, high=2**32 - 1,
    )  # fmt: skip
    batch_size: int = setting(4, "tiles a step", "tiles", 1, 4096)
    workers: int = setting(
        0, "processes that load tiles beside the training; 0: none, as on two cores", low=0, high=256
    )


@dataclass
class TrainerConfig:
    """How it is learned."""

    epochs: int = setting(
        10, "passes over the training tiles; not counted where minutes or stages are given", "epochs", 1, 100_000
    )
    minutes: float | None = setting(
        None, "wall time after which training ends well, its schedule stretched to fit; null: no limit",
        "minutes", 0, 1e6,
    )  # fmt: skip
    stages: list[Any] = setting(
        [], "progressive resizing as [[pixels, minutes], ...], one after the other, in place of tile_px and minutes"
    )
    schedule: str = setting(
        "one_cycle", "course of the learning rate", choices=("one_cycle", "flat_cosine", "cosine", "constant")
    )
    lr: float | None = setting(
        None, "greatest learning rate, see --find-lr; null: 1e-3 for the U-Net, 2e-4 for Mask R-CNN", low=1e-9, high=100
    )
    optimiser: str = setting("adamw", "the optimiser", choices=("adamw", "sgd"))
    weight_decay: float = setting(0.01, "weight decay", low=0, high=10)
    clip_norm: float | None = setting(
        1.0, "gradients longer than this are shortened to it; null: never", low=1e-9, high=1e9
    )
    accumulate: int = setting(1, "batches whose gradients make one step", "batches", 1, 4096)
    freeze_epochs: int = setting(0, "first epochs in which a pretrained encoder keeps still", "epochs", 0, 1000)
    precision: str = setting(
        "auto",
        "auto: bf16 where the GPU has it, else fp32; on CPU always fp32",
        choices=("auto", "fp32", "fp16", "bf16"),
    )
    ema_decay: float | None = setting(
        None,
        "decay of the running mean of the weights, which is then judged and kept; null: no mean",
        low=0,
        high=0.999999,
    )
    patience: int | None = setting(
        None, "epochs without a better validation score after which to stop", "epochs", 1, 100_000
    )
    keep: str = setting(
        "best", "the weights kept: of the best epoch by validation score, or the last", choices=("best", "last")
    )
    checkpoint_minutes: float = setting(10, "wall time between checkpoints", "minutes", 0, 1e6)
    seed: int = setting(0, "seed of every random choice", low=0, high=2**32 - 1)
    device: str = setting("auto", "auto (a GPU where there is one), cpu, cuda or cuda:N")
    threads: int | None = setting(None, "CPU threads of the network; null: PyTorch's own choice", low=1, high=1024)


@dataclass
class AugmentationConfig:
    """How training tiles are varied; each transform is off at 0."""

    flips: bool = setting(True, "mirror and turn by quarter turns, each with probability one half")
    rotate_degrees: float = setting(0.0, "turn by up to this angle either way", "degrees", 0, 180)
    scale: float = setting(0.0, "enlarge or shrink by up to this share", low=0, high=0.9)
    speckle_looks: float = setting(
        0.0,
        "multiply the radar channel by speckle of this many looks (gamma, mean 1); fewer are grainier",
        "looks",
        0,
        1e6,
    )
    gain_db: float = setting(0.0, "raise or lower the radar channel by up to this much", "dB", 0, 20)
    drop_channel: float = setting(0.0, "probability that a context channel is blanked", low=0, high=1)
    probability: float = setting(
        0.75, "probability of each transform that is on, flips and drop_channel aside", low=0, high=1
    )


@dataclass
class LossConfig:
    """What the U-Net minimises; Mask R-CNN has its own losses."""

    name: str = setting(
        "combination", "the loss; combination is cross-entropy plus Dice",
        choices=("cross_entropy", "focal", "dice", "combination"),
    )  # fmt: skip
    gamma: float = setting(2.0, "focal: how much less easy pixels count", low=0, high=10)
    dice_weight: float = setting(1.0, "combination: weight of the Dice loss beside cross-entropy's 1", low=0, high=100)
    class_weights: dict[str, float] = setting({}, "weight of a class's pixels, 1 where none is given: {infra_slick: 5}")


@dataclass
class LoggerConfig:
    """Where metrics go beside `metrics.jsonl`, which is always written."""

    name: str = setting("tensorboard", "the logger", choices=("jsonl", "tensorboard", "wandb", "mlflow"))
    project: str = setting("ceruleanml", "project (wandb) or experiment (mlflow)")
    online: bool = setting(
        False, "send to wandb's server while training; off, runs are kept in the run folder to sync later"
    )
    tracking_uri: str | None = setting(None, "mlflow's tracking store; null: a folder inside the run folder")


@dataclass
class TrainConfig:
    """One training, whole."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    run: str = setting("runs/latest", "the run folder, made by the training")


def settings(group: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each setting of a config as (dotted name, field, value), in the order of their definition."""
    for one in fields(group):
        value = getattr(group, one.name)
        if is_dataclass(value):
            yield from settings(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", one, value


def greatest_lr(config: TrainConfig) -> float:
    """The greatest learning rate: what is asked for, else what suits the network.

    From scratch, Mask R-CNN's mask loss rises at the U-Net's rate.
    """
    return config.trainer.lr or (1e-3 if config.model.kind == "unet" else 2e-4)


def check(config: TrainConfig) -> None:
    """Raise UsageError for the first setting that is out of its bounds or does not go with the others."""
    for name, about, value in settings(config):
        _check_value(name, about.metadata, value)
    if config.data.train == "???":
        raise UsageError("data.train is missing; name a data set folder: data.train=datasets/train")
    if config.model.kind == "mask_rcnn" and config.model.encoder == "mobilenet_v2":
        raise UsageError(
            "model.encoder mobilenet_v2 is for the U-Net; take model.encoder=resnet18, resnet34 or resnet50"
        )
    if config.trainer.stages and (config.data.tile_px or config.trainer.minutes):
        raise UsageError("trainer.stages says pixels and minutes already; leave data.tile_px and trainer.minutes out")
    for stage in config.trainer.stages:
        if not _is_stage(stage):
            raise UsageError(f"trainer.stages: {stage} is no [pixels, minutes]; e.g. [[128, 10], [256, 20]]")
    for side in (config.data.tile_px, *(stage[0] for stage in config.trainer.stages)):
        if side is not None and side % 32:
            raise UsageError(f"a side of {side:g} pixels cannot be halved five times; give a multiple of 32")


def _is_stage(stage: Any) -> bool:
    numbers = isinstance(stage, list) and all(isinstance(one, int | float) for one in stage)
    return numbers and len(stage) == 2 and stage[0] >= 32 and stage[1] > 0


def _check_value(name: str, about: Any, value: Any) -> None:
    if value is None or not about:
        return
    if about["choices"] and value not in about["choices"]:
        raise UsageError(f"{name} {value!r} is not known; choose {', '.join(map(str, about['choices']))}")
    low, high = about["low"], about["high"]
    if low is None and high is None:
        return
    if not (math.isfinite(value) and low <= value <= high):
        unit = f" {about['unit']}" if about["unit"] else ""
        raise UsageError(f"{name} {value:g} cannot be; give {low:g} to {high:g}{unit}")


def as_values(group: Any) -> dict[str, Any]:
    """The config as nested plain values, as `config.yaml` holds it."""
    return {
        one.name: as_values(value) if is_dataclass(value := getattr(group, one.name)) else value
        for one in fields(group)
    }


def from_values(values: dict[str, Any], kind: type[Any] = TrainConfig, source: str = "config.yaml") -> Any:
    """The config of nested plain values. Raises UsageError for settings that do not exist."""
    hints = get_type_hints(kind)
    unknown = sorted(values.keys() - hints.keys())
    if unknown:
        raise UsageError(f"{source}: {unknown[0]} is no setting; there are {', '.join(hints)}")
    made = {
        name: from_values(value, hints[name], source) if is_dataclass(hints[name]) else value
        for name, value in values.items()
    }
    return kind(**made)
