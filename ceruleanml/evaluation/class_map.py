"""Which class of the model each label counts as: merged and dropped as in the training, the rest by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ceruleanml.classes import ClassTable
from ceruleanml.datasets.folder import Dataset, TileRecord
from ceruleanml.errors import DatasetError, ModelError
from ceruleanml.models.card import Card

NOT_IN_MODEL = "not_in_model"
DROPPED = -1


@dataclass(frozen=True)
class ClassMap:
    """The classes by which a model is judged on a data set.

    `classes` are the model's, background first; `rows` these and NOT_IN_MODEL, labels that the model does not know.
    `row_of` gives the row of each class id of the data set, DROPPED for classes whose tiles are left out. `unknown`
    names the classes of the data set that count as NOT_IN_MODEL.
    """

    classes: tuple[str, ...]
    row_of: tuple[int, ...]
    unknown: tuple[str, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows of a confusion matrix."""
        return (*self.classes, NOT_IN_MODEL)

    def shows_dropped(self, class_ids: Iterable[int]) -> bool:
        """Whether one of these classes of the data set was dropped."""
        return any(self.row_of[number] == DROPPED for number in class_ids)


def class_map(card: Card, table: ClassTable) -> ClassMap:
    """The map from a data set's class table to the classes of a model, by what its card says.

    Raises ModelError where the model knows none of them.
    """
    merged: dict[str, str] = card.dataset.get("merge_classes") or {}
    dropped = set(card.dataset.get("drop_classes") or ())
    rows = [0]
    unknown = []
    for name in table.slick_names:
        target = merged.get(name, name)
        if name in dropped or target in dropped:
            rows.append(DROPPED)
        elif target in card.classes[1:]:
            rows.append(card.classes.index(target))
        else:
            rows.append(len(card.classes))
            unknown.append(name)
    if unknown and len(unknown) == len(table.slick_names):
        raise ModelError(
            f"model {card.name}: knows {', '.join(card.classes[1:])} and none of the data set's classes, "
            f"{', '.join(unknown)}; judge it by a data set of its own"
        )
    return ClassMap(card.classes, tuple(rows), tuple(unknown))


def judged_tiles(dataset: Dataset, classes: ClassMap) -> list[TileRecord]:
    """The tiles that show no dropped class, in their order. Raises DatasetError where none is left."""
    if not dataset.tiles:
        raise DatasetError(f"{dataset.root}: holds no tile, so there is nothing to judge by; make it from more scenes")
    kept = [
        tile
        for tile in dataset.tiles
        if not classes.shows_dropped(piece.class_id for piece in dataset.annotations[tile.tile_id])
    ]
    if not kept:
        raise DatasetError(f"{dataset.root}: each tile shows a class that the model's training dropped; choose another")
    return kept


def channel_places(card: Card, dataset: Dataset) -> list[int]:
    """Where each channel of the model stands among the data set's. Raises ModelError for one that is missing."""
    for name in card.channels:
        if name not in dataset.channels:
            raise ModelError(
                f"model {card.name}: takes the channel {name}, {dataset.root} has {', '.join(dataset.channels)}; "
                "make the data set with that --context"
            )
    return [dataset.channels.index(name) for name in card.channels]
