"""Data sets and models to evaluate: real Predictors whose answers are known beforehand."""

import numpy as np
from datasets_made import box_mask, make_dataset_folder, speckle

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.evaluation.counts import write_counts
from ceruleanml.evaluation.evaluate import evaluate_predictor, judged_model
from ceruleanml.evaluation.judging import Rules
from ceruleanml.evaluation.matching import Instance
from ceruleanml.evaluation.streaming import EvaluateOptions
from ceruleanml.inference.thresholds import default_thresholds
from ceruleanml.models.card import Card
from ceruleanml.models.predictor import Detections
from ceruleanml.storage import write_json

CLASSES = ("background", "infra_slick", "natural_seep")


def card(classes=CLASSES, kind="unet", channels=("vv",), **changed):
    bands = len(channels)
    return Card(
        name="a <toy> model", kind=kind, encoder="none", classes=classes, channels=channels, tile_px=32,
        mean=(0.0,) * bands, deviation=(1.0,) * bands, **changed,
    )  # fmt: skip


def rules(classes=3, kind="unet", **changed):
    return Rules(kind, classes, default_thresholds(kind), **changed)


class Recites:
    """A Predictor that knows the labels by heart, tile by tile, with `change` made to the map of class rows.

    It is a U-Net, sure of itself with probability `sure`; as a Mask R-CNN it gives each slick with that score.
    """

    def __init__(self, folder, card, change=lambda rows: rows, sure=0.99):
        self.card = card
        dataset = open_dataset(folder)
        self._answers = {}
        for tile in dataset.tiles:
            rows = np.zeros(tile.height_width, np.uint8)
            for piece in dataset.annotations[tile.tile_id]:
                name = dataset.classes[piece.class_id].name
                if name in card.classes:
                    rows[piece.mask()] = card.classes.index(name)
            self._answers[self._key(dataset.read(tile)[0])] = change(rows)
        self._sure = sure

    def _key(self, band):
        return np.asarray(band, np.uint8).tobytes()

    def _rows(self, image):
        return self._answers[self._key(np.round(image[0] * 255))]

    def probabilities(self, images):
        rest = (1 - self._sure) / (len(self.card.classes) - 1)
        rows = np.stack([self._rows(image) for image in images])
        found = np.full((len(images), len(self.card.classes), *rows.shape[1:]), rest, np.float32)
        np.put_along_axis(found, rows[:, None].astype(np.int64), np.float32(self._sure), axis=1)
        found[:, 0][rows == 0], found[:, 1:][np.broadcast_to(rows[:, None] == 0, found[:, 1:].shape)] = 1, 0
        return found

    def detections(self, images):
        return [self._detected(self._rows(image)) for image in images]

    def _detected(self, rows):
        ids = [number for number in np.unique(rows) if number]
        masks = np.array([rows == number for number in ids], np.float32).reshape(len(ids), *rows.shape)
        scores = np.full(len(ids), self._sure, np.float32)
        return Detections(np.zeros((len(ids), 4), np.float32), np.array(ids, np.int64), scores, masks)


def shifted(rows):
    """Everything one row lower."""
    return np.roll(rows, 1, axis=0)


def two_scenes(root, **changed):
    """Scene a: a tile with a slick and an empty one; scene b: a tile with two slicks; scene c: nothing labelled."""
    seep, infra = box_mask(slice(4, 8), slice(4, 24)), box_mask(slice(20, 28), slice(10, 20))
    tiles = {
        "a": [((0, 0), speckle(1), [(1, "a/1", infra)]), ((0, 32), speckle(2), [])],
        "b": [((0, 0), speckle(3), [(1, "b/1", infra), (2, "b/2", seep)])],
        "c": [((0, 0), speckle(4), [])],
    }
    return make_dataset_folder(root, tiles, **changed)


def judged(folder, predictor, **options):
    """The content of the evaluation of a Predictor; nothing is written."""
    return judged_model(predictor, open_dataset(folder), chosen(options))[2]


def written(folder, predictor, out, **options):
    """The same with everything written into `out`."""
    return evaluate_predictor(predictor, open_dataset(folder), out, chosen(options), source="toy").content


def recorded(folder, predictor, out, **options):
    """The folder `out` with what `compare` reads, and no plots."""
    out.mkdir()
    _, counted, content = judged_model(predictor, open_dataset(folder), chosen(options), source="toy")
    write_counts(out / "counts.npz", counted.counts)
    write_json(out / "evaluation.json", content)
    return out


def chosen(options):
    return EvaluateOptions(**{"bootstrap": 20, "worst": 2, **options})


def instance(mask, class_id=1, score=1.0, gate=None, soft=None):
    return Instance(class_id, np.asarray(mask, bool), score, score if gate is None else gate, soft)
