"""Trains a task in a process of its own and sends itself SIGKILL after so many epochs."""

import json
import os
import signal
import sys
from pathlib import Path

from items_made import labels_of

from ceruleanml.progress import Silent
from ceruleanml.selection.task import open_task


class Kill(Silent):
    """Kills this process when so many epochs are done."""

    def __init__(self, epochs):
        self.left = epochs

    def advance(self, steps=1):
        self.left -= steps
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    kind, settings, out, epochs = sys.argv[1:]
    task = open_task(kind, json.loads(settings))
    task.train(labels_of(task), Path(out), 0, None, Kill(int(epochs)))
