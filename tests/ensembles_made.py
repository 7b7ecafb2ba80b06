"""Ensembles of seconds, and one in a process of its own that can be sent signals."""

import json
import os
import subprocess
import sys
from pathlib import Path

from training_made import config_for

from ceruleanml.models.config import TrainConfig, as_values, from_values

CHILD = """
import sys
from ensembles_made import child
if __name__ == "__main__":
    child(*sys.argv[1:])
"""


def member_config(dataset: Path, **trainer) -> TrainConfig:
    """The light training of `config_for`, as an ensemble takes it."""
    config = config_for(Path("unused"), dataset, **trainer)
    config.run = TrainConfig().run
    return config


def child(values: str, n: str, out: str, workers: str) -> None:
    """An ensemble in a process of its own, which ends as the command would."""
    from ceruleanml.errors import CeruleanError, TrainingStopped
    from ceruleanml.models.ensemble import train_ensemble

    try:
        train_ensemble(from_values(json.loads(values)), int(n), Path(out), workers=int(workers))
    except CeruleanError as error:
        print(error, file=sys.stderr)
        sys.exit(error.status if isinstance(error, TrainingStopped) else 2)


def begin(script: Path, config: TrainConfig, n: int, out: Path, workers: int) -> subprocess.Popen:
    """Start that process from a script, which its own workers can find too."""
    script.write_text(CHILD)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    arguments = [json.dumps(as_values(config)), str(n), str(out), str(workers)]
    return subprocess.Popen(
        [sys.executable, str(script), *arguments], stderr=subprocess.PIPE, text=True, env=environment
    )
