"""Catalogues and spectra of the tests: tiny, made once, and trainings that are cut short."""

import json
from pathlib import Path

from ceruleanml.progress import Silent
from ceruleanml.selection import small_training
from ceruleanml.selection.catalogue_files import Columns
from ceruleanml.selection.catalogue_split import define_experiment
from ceruleanml.selection.simulated_items import LINES, simulate_catalogue, simulate_spectra

FAST = {"epochs": 3, "least_steps": 0, "batch_size": 8, "threads": 1}
VOTES = Columns(("k", "N"))


class PowerCut(Exception):
    """Ends a training as suddenly as an exception can."""


def cut_before_write(monkeypatch, number):
    """Let the training end before its checkpoint or model of that number is written."""
    real, count = small_training.save_state, iter(range(1, number + 1))

    def save_state(path, state):
        if next(count) == number:
            raise PowerCut
        real(path, state)

    monkeypatch.setattr(small_training, "save_state", save_state)


def catalogue_settings(root: Path, n=48, unlabelled_share=0.0, **settings) -> dict:
    """Settings of a catalogue of n small galaxies, a third of those with votes for evaluation."""
    simulate_catalogue(root / "master", n, seed=1, unlabelled_share=unlabelled_share)
    define_experiment(root / "master" / "catalogue.csv", root / "split", VOTES, 1 / 3, start=8)
    made = json.loads((root / "split" / "simulation" / "pool.json").read_text())
    return {**made["settings"], "side_px": 16, **FAST, **settings}


def spectra_settings(root: Path, n=40, evaluation=40, **settings) -> dict:
    """Settings of n spectra in Parquet and of the evaluation ones, of another seed, in .npz."""
    simulate_spectra(root / "pool.parquet", n, seed=1)
    simulate_spectra(root / "evaluation.npz", evaluation, seed=2, prefix="e")
    made = {"spectra": str(root / "pool.parquet"), "evaluation": str(root / "evaluation.npz")}
    return {**made, "pixels": 256, "lines": LINES, "members": 2, **FAST, **settings}


def labels_of(task, ids=None) -> dict:
    """The hidden labels of these items, else of the whole pool."""
    return {item_id: task.hidden(item_id).payload for item_id in ids or task.items().ids}


def train(task, labels, out: Path, seed=0, warm=None) -> Path:
    """Train without a word; the folder."""
    task.train(labels, out, seed, warm, Silent())
    return out


def contents(folder: Path) -> dict:
    """The bytes of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
