"""Rounds of a tenth of a second: points of two kinds in a plane, and a logistic regression that tells them apart.

Run as a program it tells its number and goes on with an experiment: rounds_made.py FOLDER [SECONDS_A_STEP]
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ceruleanml.selection import task as tasks
from ceruleanml.selection.task import Answer, Figures, Items, NothingToLearn
from ceruleanml.selection.uncertainty import entropy
from ceruleanml.storage import make_folder, read_json, write_json

PAUSE_S = 0.0


@dataclass(frozen=True)
class Points:
    """`count` points in groups of five; those right of a slanting line are of the kind that is sought."""

    count: int = 60
    kinds: int = 2
    main: str = "accuracy"

    @classmethod
    def of(cls, settings):
        return cls(**settings)

    def items(self) -> Items:
        ids = tuple(f"{number:03d}" for number in range(self.count))
        return Items(ids, tuple(f"group{number // 5}" for number in range(self.count)))

    def judged_by(self):
        return "200 points"

    def hidden(self, item_id):
        point = self._points([item_id])[0]
        return Answer(int(point[0] + point[1] / 3 > 0) if self.kinds == 2 else 0, {"clicks": 1.0})

    def train(self, labels, out, seed, warm, progress):
        pause()
        if len(set(labels.values())) < 2:
            raise NothingToLearn("all labels are of one kind")
        ids = sorted(labels)
        points, kinds = self._points(ids), np.array([labels[one] for one in ids])
        weights = np.zeros(3) if warm is None else np.array(read_json(warm / "weights.json"))
        for _ in range(200):
            error = self._chances(weights, points) - kinds
            weights -= 0.5 * np.append(points.T @ error, error.sum()) / len(ids)
        write_json(make_folder(out) / "weights.json", weights.tolist())

    def trained(self, out):
        return (out / "weights.json").is_file()

    def evaluate(self, model):
        pause()
        points = np.random.default_rng(99).normal(size=(200, 2))
        right = (self._chances(read_json(model / "weights.json"), points) > 0.5) == (
            points[:, 0] + points[:, 1] / 3 > 0
        )
        parts = {f"field{number}": (float(right[number::4].sum()), 50.0) for number in range(4)}
        return Figures({"accuracy": float(right.mean())}, parts)

    def score(self, model, ids, work, seed):
        pause()
        (work / "part").write_text("begun")
        chances = self._chances(read_json(model / "weights.json"), self._points(ids))
        return {"entropy_window": entropy(chances[:, None]), "foreground": chances}

    def embed(self, model, ids, work):
        pause()
        points = np.column_stack([self._points(ids), np.ones(len(ids))]).astype(np.float32)
        return points / np.linalg.norm(points, axis=1, keepdims=True)

    def _points(self, ids):
        return np.array([np.random.default_rng([7, int(one)]).normal(size=2) for one in ids])

    def _chances(self, weights, points):
        return 1 / (1 + np.exp(-(points @ np.array(weights[:2]) + weights[2])))


def pause() -> None:
    """Time in which a test can kill this process."""
    time.sleep(PAUSE_S)


tasks.TASKS["points"] = Points.of

if __name__ == "__main__":
    from ceruleanml.selection.experiment import run

    print(os.getpid(), flush=True)
    PAUSE_S = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    run(Path(sys.argv[1]))
