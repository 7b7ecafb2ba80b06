"""Ensembles of seconds, and one in a process of its own that can be sent signals."""

import multiprocessing
import os
import sys
from pathlib import Path

from training_made import config_for

from ceruleanml.models.config import TrainConfig


def member_config(dataset: Path, **trainer) -> TrainConfig:
    """The light training of `config_for`, as an ensemble takes it."""
    config = config_for(Path("unused"), dataset, **trainer)
    config.run = TrainConfig().run
    return config


def child(config: TrainConfig, n: int, out: Path, workers: int, errors: Path) -> None:
    """An ensemble in a process of its own, which ends as the command would and says what is wrong in a file."""
    from narrow import narrowed
    from warm_workers import forked_workers

    from ceruleanml.errors import CeruleanError, TrainingStopped
    from ceruleanml.models.ensemble import train_ensemble

    os.dup2(os.open(errors, os.O_CREAT | os.O_WRONLY), sys.stderr.fileno())
    try:
        with narrowed(), forked_workers():
            train_ensemble(config, n, out, workers=workers)
    except CeruleanError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.status if isinstance(error, TrainingStopped) else 2)


def begin(*arguments) -> multiprocessing.Process:
    """Start that process, forked as its workers will be; see warm_workers.py."""
    process = multiprocessing.get_context("forkserver").Process(target=child, args=arguments)
    process.start()
    return process
