"""Rounds on slicks: the pool is a data set folder, its labels are outlines on tiles, the model a segmenter."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.datasets.folder import INSTANCES_NAME, MANIFEST_NAME, Dataset, open_dataset
from ceruleanml.datasets.leakage import shared_scenes
from ceruleanml.datasets.subset import write_subset
from ceruleanml.errors import SelectionError, UsageError
from ceruleanml.models.card import CARD_NAME, read_card
from ceruleanml.progress import Progress
from ceruleanml.selection.effort import clicks_of
from ceruleanml.selection.round_folder import snapshot_of
from ceruleanml.selection.task import Answer, Figures, Items, NothingToLearn, Payload
from ceruleanml.storage import sha256_of

if TYPE_CHECKING:
    from ceruleanml.models.config import TrainConfig

WATCHED_TILES = 8
"""Evaluation tiles over which a training's own log is kept; the weights that are kept do not depend on them."""
JUDGED = ("iou", "dice", "precision", "recall", "detection_rate", "iou_with_background")


@dataclass(frozen=True)
class SlickTask:
    """A pool of tiles in the data set folder `pool`, judged by the data set `evaluation`, of other scenes.

    `train` are settings as `ceruleanml train` takes them; the weights of the last epoch are kept. With `samples`
    above 1 each tile is asked so often, with dropout (train with model.dropout). `embeddings` is a file of
    `ceruleanml embed`; without it the current model's encoder embeds the pool.
    """

    pool: str
    evaluation: str
    train_settings: tuple[str, ...] = ()
    samples: int = 1
    embeddings: str | None = None
    window_px: int = 32
    batch_size: int = 8
    device: str = "auto"
    main: str = field(default="iou", init=False)

    @classmethod
    def of(cls, settings: dict[str, Any]) -> SlickTask:
        """The task of these settings, its data sets checked."""
        known = {one.name for one in fields(cls) if one.init}
        strange = sorted(settings.keys() - known)
        missing = sorted({"pool", "evaluation"} - settings.keys())
        if strange or missing:
            what = f"{strange[0]} is not known" if strange else f"{missing[0]} is missing"
            raise SelectionError(f"the task's settings: {what}; slicks take {', '.join(sorted(known))}")
        task = cls(**{**settings, "train_settings": tuple(settings.get("train_settings", ()))})
        task.check_settings()
        scenes = [sorted({tile.scene_id for tile in one.tiles}) for one in (task.pool_dataset, task.evaluation_dataset)]
        for _, scene_id, reason, _ in shared_scenes(scenes):
            if reason == "shared_scene":
                raise SelectionError(
                    f"{task.evaluation}: scene {scene_id} is in the pool {task.pool} too; keep the evaluation scenes "
                    "apart (ceruleanml partition)"
                )
        if not task.evaluation_dataset.tiles:
            raise SelectionError(f"{task.evaluation}: holds no tile to judge by; make it from more scenes")
        return task

    def check_settings(self) -> None:
        """Raise UsageError, ModelError or SelectionError for settings that would end the rounds later."""
        from ceruleanml.models.config import check

        config = self.config(Path("run"), 0, None)
        check(config)
        if config.model.start is not None:
            read_card(Path(config.model.start))
        for name in ("samples", "window_px", "batch_size"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise SelectionError(f"the task's settings: {name} {value!r} cannot be; give a whole number from 1")
        if self.embeddings is not None and not Path(self.embeddings).is_file():
            raise SelectionError(f"{self.embeddings}: there is no such file of embeddings; make it by ceruleanml embed")

    def items(self) -> Items:
        """The tiles of the pool."""
        tiles = sorted(self.pool_dataset.tiles, key=lambda tile: tile.tile_id)
        return Items(tuple(tile.tile_id for tile in tiles), tuple(tile.scene_id for tile in tiles))

    def judged_by(self) -> str:
        """The sha256 over tiles, labels and origin of the evaluation set."""
        sums = [sha256_of(Path(self.evaluation) / name) for name in (MANIFEST_NAME, INSTANCES_NAME)]
        return hashlib.sha256("".join(sums).encode()).hexdigest()

    def hidden(self, item_id: str) -> Answer:
        """The outlines that the pool's data set has of a tile, as COCO annotations."""
        pieces = self.pool_dataset.annotations[item_id]
        payload = [
            {
                "category_id": piece.class_id, "slick_id": piece.slick_id, "segmentation": piece.rle,
                "area": piece.area, "bbox": list(piece.bbox), "iscrowd": 0,
            }
            for piece in pieces
        ]  # fmt: skip
        return Answer(payload, {"clicks": clicks_of(piece.mask() for piece in pieces)})

    def train(self, labels: Mapping[str, Payload], out: Path, seed: int, warm: Path | None, progress: Progress) -> None:
        """Train on the labelled tiles, written as a data set beside the run."""
        from ceruleanml.models.run_folder import read_config
        from ceruleanml.models.tile_choice import NotShown
        from ceruleanml.models.training import train

        if not any(labels.values()):
            raise NothingToLearn(f"none of the {len(labels)} labelled tiles shows a slick")
        config = self.config(out, seed, warm)
        write_subset(Path(self.pool), labels, Path(config.data.train), labels, snapshot_of(labels))
        watched = [tile.tile_id for tile in self.evaluation_dataset.tiles[:WATCHED_TILES]]
        write_subset(Path(self.evaluation), watched, Path(str(config.data.validation)))
        if multiprocessing.current_process().daemon:
            config.data.workers = 0  # a process of a cluster may start none itself; what is learnt is the same
        begun = (out / "checkpoint.pt").is_file() and read_config(out).data.train == config.data.train
        if not begun and out.exists():  # killed before its first checkpoint, or begun in another place
            shutil.rmtree(out)
        try:
            train(config, resume=begun, progress=progress)
        except NotShown as error:
            raise NothingToLearn(str(error)) from error

    def trained(self, out: Path) -> bool:
        """Whether the run has its card, which is written last."""
        return (out / CARD_NAME).is_file()

    def evaluate(self, model: Path) -> Figures:
        """Pixel and detection figures on the evaluation set; intersection and union of slick by scene."""
        from ceruleanml.evaluation.class_map import class_map, judged_tiles
        from ceruleanml.evaluation.confusion import slick_parts
        from ceruleanml.evaluation.figures import SLICK, figures
        from ceruleanml.evaluation.streaming import EvaluateOptions, judge_tiles, rules_of
        from ceruleanml.evaluation.streaming import Task as Judging
        from ceruleanml.models.predictor import load_predictor
        from ceruleanml.models.scaled import at_tile_scale

        predictor = at_tile_scale(load_predictor(model, self.device))
        options = EvaluateOptions(batch_size=self.batch_size, worst=0)
        classes = class_map(predictor.card, self.evaluation_dataset.classes)
        task = Judging(predictor, self.evaluation_dataset, classes, rules_of(predictor.card, options), options)
        counts = judge_tiles(task, judged_tiles(self.evaluation_dataset, classes)).counts
        found = figures(counts, np.ones((1, len(counts.scene_ids))))
        values = {name: float(found[(SLICK, name)][0]) for name in JUDGED}
        values |= {f"iou_{name}": float(found[(name, "iou")][0]) for name in counts.classes[1:]}
        both, labelled, predicted = slick_parts(counts.sums["pixel"])
        union = labelled + predicted - both
        parts = {name: (float(both[row]), float(union[row])) for row, name in enumerate(counts.scene_ids)}
        return Figures({name: value for name, value in values.items() if math.isfinite(value)}, parts)

    def score(self, model: Path, ids: Sequence[str], work: Path, seed: int) -> dict[str, NDArray[np.float64]]:
        """The columns of `ceruleanml score`, parts of which lie in `work` until all are there."""
        from ceruleanml.selection.score_files import read_scores
        from ceruleanml.selection.scoring import ScoreOptions, score_pool

        options = ScoreOptions(
            samples=self.samples, window_px=self.window_px, batch_size=self.batch_size, device=self.device, seed=seed
        )
        score_pool(model, Path(self.pool), work, options, tile_ids=tuple(ids))
        table = read_scores(work)
        row_of = {item_id: row for row, item_id in enumerate(table.ids)}
        rows = np.array([row_of[item_id] for item_id in ids], np.int64)
        return {name: column[rows] for name, column in table.columns.items() if name != "seed"}

    def embed(self, model: Path | None, ids: Sequence[str], work: Path) -> NDArray[np.float32] | None:
        """Of the file that the settings name, else by the model's encoder."""
        from ceruleanml.selection.embedding import EmbedOptions, embed_pool
        from ceruleanml.selection.embedding_encoder import EncoderSource
        from ceruleanml.selection.embedding_files import read_any

        if self.embeddings is None and model is None:
            return None
        path = Path(self.embeddings) if self.embeddings is not None else work / "embeddings.parquet"
        if self.embeddings is None and model is not None:
            options = EmbedOptions(device=self.device)
            embed_pool(EncoderSource(model), Path(self.pool), path, options, tile_ids=tuple(ids))
        found = read_any(path)
        row_of = {item_id: row for row, item_id in enumerate(found.ids)}
        missing = [item_id for item_id in ids if item_id not in row_of]
        if missing:
            raise SelectionError(f"{path}: has no embedding of tile {missing[0]}; embed the whole pool, duplicates too")
        return found.vectors[np.array([row_of[item_id] for item_id in ids], np.int64)]

    def config(self, run: Path, seed: int, warm: Path | None) -> TrainConfig:
        """The training of a round. Raises UsageError for settings that a round decides itself."""
        from ceruleanml.models.groups import compose

        fixed = ("data.train", "data.validation", "trainer.seed", "trainer.keep", "trainer.patience", "run", "+")
        for text in self.train_settings:
            if text.split("=")[0] in fixed:
                raise UsageError(f"{text}: is set by the rounds themselves; leave it out")
        config = compose(list(self.train_settings))
        config.run = str(run)
        config.data.train = str(run.with_name("dataset"))
        config.data.validation = str(run.with_name("watched"))
        config.trainer.seed = seed
        config.trainer.keep = "last"  # the best epoch would be chosen by the frozen evaluation set
        config.trainer.patience = None
        if warm is not None:
            config.model.start = str(warm)
        return config

    @cached_property
    def pool_dataset(self) -> Dataset:
        """The pool's data set."""
        return open_dataset(Path(self.pool))

    @cached_property
    def evaluation_dataset(self) -> Dataset:
        """The data set to judge by."""
        return open_dataset(Path(self.evaluation))
