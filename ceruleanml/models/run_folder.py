"""The folder of one training: what it holds, who may write there, and how it is told apart from another run's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import StorageError, UsageError
from ceruleanml.locks import alone
from ceruleanml.mirror_copies import origin_of
from ceruleanml.models.card import CARD_NAME, WEIGHTS_NAME
from ceruleanml.models.config import TrainConfig, as_values, from_values, settings
from ceruleanml.models.distributed import ranks_of_environment
from ceruleanml.storage import make_folder, storage_error, write_bytes

CONFIG_NAME = "config.yaml"
CHECKPOINT_NAME = "checkpoint.pt"
METRICS_NAME = "metrics.jsonl"
MAY_CHANGE = (
    "run", "data.workers", "trainer.checkpoint_minutes", "trainer.device", "trainer.threads", "logger.online",
)  # fmt: skip
"""Settings that make no other model."""
MAY_CHANGE_NOTED = (
    "trainer.lr", "trainer.clip_norm", "trainer.weight_decay", "trainer.precision", "trainer.epochs", "trainer.minutes",
    "trainer.patience", "data.batch_size",
)  # fmt: skip
"""Settings with which a run may go on otherwise than it began, as after a loss that was no number, or for longer."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run."""

    root: Path

    @property
    def config(self) -> Path:
        """Every setting of the run."""
        return self.root / CONFIG_NAME

    @property
    def checkpoint(self) -> Path:
        """Where the training stands; gone once the run is finished."""
        return self.root / CHECKPOINT_NAME

    @property
    def metrics(self) -> Path:
        """One line of JSON an epoch."""
        return self.root / METRICS_NAME

    @property
    def weights(self) -> Path:
        """The trained network's state dict."""
        return self.root / WEIGHTS_NAME

    @property
    def card(self) -> Path:
        """The card; it is written last, so that a run with a card is finished."""
        return self.root / CARD_NAME

    @property
    def plots(self) -> Path:
        """The folder of pictures."""
        return self.root / "plots"

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return self.card.is_file()

    @property
    def started(self) -> bool:
        """Whether a training ever began here."""
        known = (self.config, self.checkpoint, self.metrics, self.weights, self.card)
        return any(path.exists() for path in known)


def check_folder(folder: RunFolder, config: TrainConfig, resume: bool) -> None:
    """Raise UsageError where the folder holds another run, or, to resume, none or one of other settings."""
    if not resume:
        if folder.started:
            state = "a finished run" if folder.finished else "an unfinished run"
            raise UsageError(
                f"{folder.root}: holds {state}; continue it with --resume {folder.root}, or choose another run=…"
            )
        return
    if folder.finished:
        return
    if not folder.config.is_file():
        raise UsageError(f"{folder.root}: holds no run to resume; start one with run={folder.root}")
    for name, before, now in _changed(folder, config):
        if name not in MAY_CHANGE_NOTED:
            raise UsageError(
                f"{name} is {now!r}, the run in {folder.root} was started with {before!r}; "
                "resume it with the same settings, or choose another run=…"
            )


@contextmanager
def claimed(folder: RunFolder, config: TrainConfig, resume: bool) -> Iterator[None]:
    """Nobody else trains in the folder meanwhile; of the processes of one training the first sees to that.

    Raises UsageError where somebody does, and as `check_folder`, which is asked again: they may have ended since. A
    folder that this made and a training left empty is removed.
    """
    if not ranks_of_environment().leads:
        yield
        return
    is_new = not folder.root.exists()
    make_folder(folder.root)
    with ExitStack() as held:
        try:
            held.enter_context(alone(folder.root))
        except BlockingIOError as error:
            raise UsageError(f"{folder.root}: is being trained by another process; wait for it or end it") from error
        check_folder(folder, config, resume)
        try:
            yield
        finally:
            if is_new:
                with suppress(OSError):  # it holds something
                    folder.root.rmdir()


def changes(folder: RunFolder, config: TrainConfig) -> list[str]:
    """A line for each setting with which a run goes on otherwise than it began."""
    if not folder.config.is_file():
        return []
    return [f"{name} is {now!r} from here on, it was {before!r}" for name, before, now in _changed(folder, config)]


def _changed(folder: RunFolder, config: TrainConfig) -> list[tuple[str, Any, Any]]:
    before = {name: value for name, _, value in settings(recorded(read_config(folder.root)))}
    changed = [(name, before[name], value) for name, _, value in settings(recorded(config))]
    return [one for one in changed if one[0] not in MAY_CHANGE and _plain(one[1]) != _plain(one[2])]


def recorded(config: TrainConfig) -> TrainConfig:
    """The settings as records hold them: a copy of what lies in a bucket goes by its name there."""
    found = deepcopy(config)
    found.run, found.data.train = origin_of(found.run), origin_of(found.data.train)
    found.data.validation = None if found.data.validation is None else origin_of(found.data.validation)
    found.model.start = None if found.model.start is None else origin_of(found.model.start)
    return found


def write_config(folder: RunFolder, config: TrainConfig) -> None:
    """Make the folder and write `config.yaml`, whole or not at all. Raises WriteError."""
    from omegaconf import OmegaConf

    make_folder(folder.root)
    write_bytes(folder.config, OmegaConf.to_yaml(OmegaConf.create(as_values(recorded(config)))).encode())


def read_config(run: Path) -> TrainConfig:
    """The settings of the run in a folder. Raises UsageError: no run there, or its `config.yaml` is broken."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    path = run / CONFIG_NAME
    if not path.is_file():
        raise UsageError(f"{run}: holds no run, it has no {CONFIG_NAME}; name a run folder of ceruleanml train")
    try:
        values: Any = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise storage_error(path, error, "read") from error
    except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, ValueError) as error:
        raise StorageError(f"{path}: is not YAML; mend it, or start another run") from error
    if not isinstance(values, dict):
        raise StorageError(f"{path}: holds no settings; mend it, or start another run")
    config: TrainConfig = from_values(values, source=str(path))
    return config


def _plain(value: Any) -> Any:
    """A value as `config.yaml` gives it back, so that 1 is 1.0."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
