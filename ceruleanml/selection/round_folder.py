"""The files of one round, and what can be read from the rounds of an arm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.task import Items
from ceruleanml.storage import read_json, writing


@dataclass(frozen=True)
class RoundFolder:
    """Round `number` of the arm in `arm`; round -1 holds nothing but the choice of the first items."""

    arm: Path
    number: int

    @property
    def root(self) -> Path:
        """The folder of the round. Its number has at least three digits; nothing relies on names being sorted."""
        return self.arm / ("start" if self.number < 0 else f"round_{self.number:03d}")

    @property
    def selection(self) -> Path:
        """The next items, ranked, with reasons."""
        return (self.root if self.number < 0 else self.root / "selection") / "selection.csv"

    @property
    def labels(self) -> Path:
        """The labels that came in at the beginning of the round."""
        return self.root / "labels.json"

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.root / "model"

    @property
    def untrained(self) -> Path:
        """Why there is no model."""
        return self.root / "untrained.json"

    @property
    def record(self) -> Path:
        """The figures, written last."""
        return self.root / "round.json"

    @property
    def scores(self) -> Path:
        """What the model says of the pool."""
        return self.root / "scores.parquet"

    @property
    def embeddings(self) -> Path:
        """Where the model's encoder places the pool."""
        return self.root / "embeddings.parquet"

    @property
    def done(self) -> bool:
        """Whether the round was judged."""
        return self.record.is_file()

    def picks(self) -> tuple[Pick, ...]:
        """The items that were chosen at the end of the round."""
        from ceruleanml.selection.selection_files import read_selection

        return read_selection(self.selection).picks

    def write_scores(self, ids: Sequence[str], columns: Mapping[str, NDArray[np.float64]]) -> None:
        """Write the acquisition values of the items."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = {"tile_id": pa.array(ids, pa.string()), **{name: columns[name] for name in sorted(columns)}}
        with writing(self.scores) as temporary:
            pq.write_table(pa.table(table), temporary)

    def write_embeddings(self, items: Items, vectors: NDArray[np.float32] | None) -> None:
        """Write the embeddings of the items, if there are any."""
        from ceruleanml.selection.embedding_files import write_embeddings

        if vectors is not None:
            write_embeddings(self.embeddings, items.ids, vectors, {"method": "rounds"}, groups=items.groups)


def round_numbers(arm: Path) -> list[int]:
    """The rounds of an arm that were begun, in the order of their numbers."""
    names = (path.name.removeprefix("round_") for path in arm.glob("round_*") if path.is_dir())
    return sorted(int(name) for name in names if name.isdigit())


def labels_so_far(arm: Path, before: int) -> dict[str, Any]:
    """All labels of the rounds before that number, by item. Raises SelectionError where a round's are missing."""
    labels: dict[str, Any] = {}
    for number in range(before):
        path = RoundFolder(arm, number).labels
        try:
            labels |= read_json(path)["items"]
        except (StorageError, KeyError, TypeError) as error:
            raise SelectionError(f"{path}: is missing or broken; put it back, or create a new experiment") from error
    return labels


def snapshot_of(labels: Mapping[str, Any]) -> str:
    """The sha256 over labels, the same for the same labels in whatever order they came."""
    text = json.dumps(labels, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
