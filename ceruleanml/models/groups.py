"""The same settings as Hydra's groups: named presets, overrides on the command line, and sweeps over them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ceruleanml.errors import CeruleanError, UsageError
from ceruleanml.models.config import (
    AugmentationConfig,
    DataConfig,
    LoggerConfig,
    LossConfig,
    ModelConfig,
    TrainConfig,
    TrainerConfig,
    from_values,
    settings,
)

PRESETS: dict[str, dict[str, Any]] = {
    "model": {
        "unet": ModelConfig(),
        "unet_resnet18": ModelConfig(encoder="resnet18", pretrained="imagenet"),
        "unet_resnet34": ModelConfig(encoder="resnet34", pretrained="imagenet"),
        "unet_resnet50": ModelConfig(encoder="resnet50", pretrained="imagenet"),
        "mask_rcnn": ModelConfig(kind="mask_rcnn", encoder="resnet34", pretrained="imagenet"),
        "mask_rcnn_resnet50": ModelConfig(kind="mask_rcnn", encoder="resnet50", pretrained="imagenet"),
    },
    "data": {"tiles": DataConfig(), "crops": DataConfig(crop_px=256)},
    "trainer": {
        "one_cycle": TrainerConfig(),
        "flat_cosine": TrainerConfig(schedule="flat_cosine"),
        "staged": TrainerConfig(stages=[[128, 10], [256, 20]]),
        "quick": TrainerConfig(epochs=1, checkpoint_minutes=1),
    },
    "augmentation": {
        "none": AugmentationConfig(flips=False),
        "flips": AugmentationConfig(),
        "sar": AugmentationConfig(rotate_degrees=10, scale=0.1, speckle_looks=50, gain_db=1),
        "ablation": AugmentationConfig(rotate_degrees=10, scale=0.1, speckle_looks=50, gain_db=1, drop_channel=0.2),
    },
    "loss": {name: LossConfig(name=name) for name in ("combination", "cross_entropy", "focal", "dice")},
    "logger": {name: LoggerConfig(name=name) for name in ("tensorboard", "jsonl", "wandb", "mlflow")},
}
"""The presets of each group, the default first: `loss=focal augmentation=none`."""
DEFAULTS = {**{group: next(iter(presets)) for group, presets in PRESETS.items()}, "augmentation": "sar"}


@dataclass
class _Composed(TrainConfig):
    """The training with Hydra's list of default presets."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            *({group: preset} for group, preset in DEFAULTS.items()),
            {"override hydra/job_logging": "disabled"},
            {"override hydra/hydra_logging": "disabled"},
        ]
    )
    hydra: Any = field(
        default_factory=lambda: {
            "run": {"dir": "."}, "sweep": {"dir": "${run}", "subdir": "."}, "output_subdir": None, "mode": None,
        }
    )  # fmt: skip


def compose(overrides: Sequence[str]) -> TrainConfig:
    """The training of the default presets and these overrides, as Hydra reads them: `loss=focal trainer.lr=3e-4`.

    Raises UsageError for overrides that name no setting or no preset, or whose value is of another type.
    """
    import hydra

    _register()
    with _one_line(overrides), hydra.initialize(version_base=None, config_path=None):
        composed = hydra.compose("train", overrides=_hydras(overrides))
        return _plain(composed)


def changed(config: TrainConfig, overrides: Sequence[str]) -> TrainConfig:
    """A stored training with some of its settings changed. Raises UsageError, also for presets, which change many."""
    asked = dict((name, value) for name, _, value in settings(compose(overrides)))
    for override in overrides:
        name = override.partition("=")[0]
        if name not in asked:
            raise UsageError(f"{override}: a stored training takes settings, no presets; name the settings that change")
        group, _, setting = name.rpartition(".")
        setattr(getattr(config, group) if group else config, setting, asked[name])
    return config


def sweep(overrides: Sequence[str], task: Callable[[TrainConfig], None]) -> list[str]:
    """Call `task` with each training of a sweep, `trainer.lr=1e-3,1e-4`; what comes back are the runs that failed.

    Each gets its own run folder, 000, 001 ... in `run`. A user's error in one lets the others go on.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    _register()
    failed: list[str] = []

    @hydra.main(version_base=None, config_path=None, config_name="train")
    def job(composed: Any) -> None:
        config = _plain(composed)
        config.run = str(Path(config.run) / f"{HydraConfig.get().job.num:03d}")
        try:
            task(config)
        except CeruleanError as error:
            failed.append(f"{config.run}: {error}")

    with _one_line(overrides), _started_with("--multirun", *_hydras(overrides)):
        job()
    return failed


@contextmanager
def _started_with(*arguments: str) -> Iterator[None]:
    """Hydra's main function reads the command line itself, and raises errors only where this variable is set."""
    before = sys.argv
    sys.argv = [before[0], *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = before
        del os.environ["HYDRA_FULL_ERROR"]


def _plain(composed: Any) -> TrainConfig:
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(composed, resolve=True)
    if not isinstance(values, dict):
        raise UsageError("the configuration is no table of settings")
    config: TrainConfig = from_values({str(key): value for key, value in values.items()}, source="the command line")
    return config


def _hydras(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra wants them: it gives new keys to a table only where that is forced by ++."""
    tables = tuple(f"{name}=" for name, _, value in settings(TrainConfig()) if isinstance(value, dict))
    return [f"++{override}" if override.startswith(tables) else override for override in overrides]


def _register() -> None:
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="train", node=_Composed)
    for group, presets in PRESETS.items():
        for name, preset in presets.items():
            store.store(group=group, name=name, node=preset)


@contextmanager
def _one_line(overrides: Sequence[str]) -> Iterator[None]:
    """Hydra's errors, which are of several lines, as one that says what would be right."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(_explained(str(error.__cause__ or error), overrides)) from error


def _explained(message: str, overrides: Sequence[str]) -> str:
    names = [name for name, _, _ in settings(TrainConfig())]
    for override in overrides:
        name, separator, value = override.lstrip("+~").partition("=")
        if not separator:
            return f"{override!r} is no override; write group.setting=value, such as trainer.epochs=20"
        if name in PRESETS and value not in PRESETS[name] and "," not in value:
            return f"{name}={value} is no preset; there are {', '.join(PRESETS[name])}"
        if name not in names and name not in PRESETS and not name.startswith("hydra"):
            near = get_close_matches(name, names, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]}?" if near else "see ceruleanml train --settings"
            return f"{name} is no setting; {meant}"
    key = re.search(r"full_key: (\S+)", message)
    first = message.splitlines()[0]
    return f"{key[1]}: {first}" if key else f"{first}; see ceruleanml train --settings"
