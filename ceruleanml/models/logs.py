"""Where figures go while a network learns: `metrics.jsonl` always, and one of TensorBoard, wandb and mlflow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from ceruleanml.errors import UsageError
from ceruleanml.models.config import TrainConfig, settings
from ceruleanml.models.run_folder import recorded
from ceruleanml.storage import make_folder, storage_error

LINE_NAMES = ("epoch", "step")


class MetricsFile:
    """`metrics.jsonl`, one line an epoch; checkpoints keep its `size` in bytes, and a resumed run cuts it there."""

    def __init__(self, path: Path | None, size: int = 0) -> None:
        self.path, self.size = path, size
        if path is None:  # another process writes
            return
        try:
            with path.open("ab") as file:
                file.truncate(size)
        except OSError as error:
            raise storage_error(path, error) from error

    def append(self, line: dict[str, Any]) -> None:
        """Add a line. Raises WriteError, the lines before being whole."""
        if self.path is None:
            return
        content = (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode()
        try:
            with self.path.open("ab") as file:
                file.write(content)
        except OSError as error:
            raise storage_error(self.path, error) from error
        self.size += len(content)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`; one that a full disk cut short is left out."""
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    except OSError as error:
        raise storage_error(path, error, "read") from error
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def flat(line: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Each number of a line as (`validation/classes/natural_seep/iou`, value); what is not known is left out."""
    for name, value in line.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}/")
        elif isinstance(value, (int, float)) and not (prefix == "" and name in LINE_NAMES):
            yield prefix + name, float(value)


class Logger(Protocol):
    """Takes the figures of each epoch elsewhere."""

    def log(self, line: dict[str, Any]) -> None:
        """Take the line of an epoch."""

    def close(self) -> None:
        """Write out what is still held."""


class Nowhere:
    """The logger of those who have enough in `metrics.jsonl`."""

    def log(self, line: dict[str, Any]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class TensorBoard:
    """Event files in `tensorboard/` of the run folder."""

    def __init__(self, root: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = root / "tensorboard"
        make_folder(self._folder)
        try:  # curves of a stretch that is done again after a resumption are hidden from its step on
            self._writer: Any = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def log(self, line: dict[str, Any]) -> None:
        """Add a point to each curve, and have it on the disk. Raises WriteError."""
        try:
            for name, value in flat(line):
                self._writer.add_scalar(name, value, line["step"])
            self._writer.flush()
        except OSError as error:
            raise storage_error(self._folder, error) from error

    def close(self) -> None:
        """Close the file; what it holds was written with its epoch."""
        try:
            self._writer.close()
        except OSError as error:
            raise storage_error(self._folder, error) from error


class Wandb:
    """A run of wandb: in `wandb/` of the run folder, for `wandb sync` later, or sent while training."""

    def __init__(self, root: Path, config: TrainConfig, run_id: str) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it would call home
        wandb = _imported("wandb", "wandb")
        online = config.logger.online
        self._run: Any = wandb.init(
            project=config.logger.project, name=root.name, id=run_id, resume="allow", dir=str(root),
            mode="online" if online else "offline", config=dict(_plain(config)),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )  # fmt: skip

    def log(self, line: dict[str, Any]) -> None:
        """Add the epoch to the run."""
        self._run.log(dict(flat(line)), step=line["step"])

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class Mlflow:
    """A run of mlflow: in `mlflow/` of the run folder, or in the store that `logger.tracking_uri` names."""

    def __init__(self, root: Path, config: TrainConfig, run_id: str) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        self._root = root
        _imported("mlflow", "mlflow")
        from mlflow.tracking import MlflowClient

        local = (root / "mlflow").absolute().as_uri()
        if config.logger.tracking_uri is None:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # mlflow asks for a database otherwise
        self._client: Any = MlflowClient(tracking_uri=config.logger.tracking_uri or local)
        found = self._client.get_experiment_by_name(config.logger.project)
        experiment = found.experiment_id if found else self._client.create_experiment(config.logger.project)
        self._run = self._run_of(experiment, run_id, root.name, config)

    def _run_of(self, experiment: str, run_id: str, name: str, config: TrainConfig) -> str:
        before = self._client.search_runs([experiment], f"tags.ceruleanml_run = '{run_id}'")
        if before:
            self._client.update_run(before[0].info.run_id, status="RUNNING")
            return str(before[0].info.run_id)
        run = self._client.create_run(experiment, tags={"ceruleanml_run": run_id}, run_name=name)
        for key, value in _plain(config):
            self._client.log_param(run.info.run_id, key, value)
        return str(run.info.run_id)

    def log(self, line: dict[str, Any]) -> None:
        """Add the epoch to the run."""
        try:
            for name, value in flat(line):
                self._client.log_metric(self._run, name, value, step=line["step"])
        except OSError as error:
            raise storage_error(self._root, error) from error

    def close(self) -> None:
        """End the run."""
        self._client.set_terminated(self._run)


def open_logger(config: TrainConfig, root: Path, step: int, run_id: str, leads: bool = True) -> Logger:
    """The logger that the configuration names, for a run that stands at `step`; only the leading process has one.

    Raises UsageError, WriteError.
    """
    if not leads:
        return Nowhere()
    if config.logger.name == "tensorboard":
        return TensorBoard(root, step)
    if config.logger.name == "wandb":
        return Wandb(root, config, run_id)
    if config.logger.name == "mlflow":
        return Mlflow(root, config, run_id)
    return Nowhere()


def check_logger(config: TrainConfig) -> None:
    """Raise UsageError, before anything is made, where the logger's package is missing."""
    if config.logger.name in ("wandb", "mlflow"):
        _imported(config.logger.name, config.logger.name)


def _imported(name: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"logger.name {name} needs the {name} package; pip install 'ceruleanml[{extra}]', or take another logger"
        ) from error


def _plain(config: TrainConfig) -> Iterator[tuple[str, Any]]:
    for name, _, value in settings(recorded(config)):
        yield name, value if isinstance(value, (str, int, float, bool)) else json.dumps(value)
