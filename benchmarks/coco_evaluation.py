"""Average precision of 2,000 images with five predicted and two or so labelled masks each, three ways.

Usage: python benchmarks/coco_evaluation.py
"""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import numpy as np

from ceruleanml.evaluation.average_precision import IOUS, average_precision, coco_matches
from ceruleanml.evaluation.matching import Instance, mask_iou

SIDE, IMAGES, PREDICTED, CLASSES = 512, 2000, 5, 3
NO_MASK = np.zeros((0, 0), bool)
Tiles = list[tuple[list[Instance], list[Instance]]]


def make(images: int = IMAGES, seed: int = 0) -> Tiles:
    """Labelled and predicted slicks of each image, the masks encoded; a prediction is a label moved, or a stray one."""
    rng = np.random.default_rng(seed)
    tiles = []
    for _ in range(images):
        labelled = [_slick(rng, *rng.integers(40, SIDE - 140, 2)) for _ in range(rng.integers(0, 4))]
        predicted = []
        for number in range(PREDICTED):
            if number < len(labelled):
                mask = np.roll(labelled[number].mask, rng.integers(-4, 5, 2), axis=(0, 1))
                predicted.append(Instance(labelled[number].class_id, mask, float(rng.random())))
            else:
                predicted.append(_slick(rng, *rng.integers(40, SIDE - 140, 2), float(rng.random())))
        predicted.sort(key=lambda one: -one.score)
        for one in (*labelled, *predicted):
            one.rle, one.area  # noqa: B018 # both are kept, so the mask, 14,000 of which are 3 GB, may go
            object.__setattr__(one, "mask", NO_MASK)
        tiles.append((labelled, predicted))
    return tiles


def ours(tiles: Tiles) -> float:
    """The mean average precision by ceruleanml."""
    tables: dict[int, list[Any]] = {number: [] for number in range(1, CLASSES + 1)}
    positives = dict.fromkeys(tables, 0)
    for labelled, predicted in tiles:
        iou = mask_iou(predicted, labelled)
        for number, rows in tables.items():
            mine = [place for place, one in enumerate(predicted) if one.class_id == number]
            theirs = [place for place, one in enumerate(labelled) if one.class_id == number]
            positives[number] += len(theirs)
            if mine:
                rows.append(([predicted[place].score for place in mine], coco_matches(iou[np.ix_(mine, theirs)]) >= 0))
    found = []
    for number, rows in tables.items():
        scores, hits = (np.concatenate(part) for part in zip(*rows, strict=True))
        scenes, once = np.zeros(len(scores), np.int64), np.ones((1, 1))
        found.append(
            average_precision(scores, hits, np.ones_like(hits), scenes, once, np.array([float(positives[number])]))
        )
    return float(np.mean(found))


def by_coco(tiles: Tiles, module: Any, evaluator: Any) -> tuple[float, float]:
    """The mean average precision by another's COCO evaluation, and its seconds, loading not counted."""
    annotations, results = [], []
    for image_id, (labelled, predicted) in enumerate(tiles, start=1):
        annotations += [
            {**_record(one, image_id), "id": len(annotations) + n, "area": one.area, "bbox": [0, 0, 1, 1], "iscrowd": 0}
            for n, one in enumerate(labelled, start=1)
        ]
        results += [{**_record(one, image_id), "score": one.score} for one in predicted]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = module()
        truth.dataset = {
            "info": {},
            "images": [{"id": n, "height": SIDE, "width": SIDE} for n in range(1, len(tiles) + 1)],
            "annotations": annotations,
            "categories": [{"id": n, "name": str(n)} for n in range(1, CLASSES + 1)],
        }
        truth.createIndex()
        run = evaluator(truth, truth.loadRes(results), "segm")
        run.params.iouThrs = IOUS
        run.params.areaRng, run.params.areaRngLbl = run.params.areaRng[:1], run.params.areaRngLbl[:1]
        run.params.maxDets = [100]
        before = time.perf_counter()
        run.evaluate()
        run.accumulate()
        seconds = time.perf_counter() - before
    return float(run.eval["precision"].mean()), seconds


def measure() -> dict[str, tuple[float, float]]:
    """Mean average precision and seconds of each way."""
    import faster_coco_eval
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    tiles = make()
    before = time.perf_counter()
    mine = ours(tiles)
    return {
        "ceruleanml": (mine, time.perf_counter() - before),
        "faster-coco-eval": by_coco(tiles, faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
        "pycocotools": by_coco(tiles, COCO, COCOeval),
    }


def _slick(rng: np.random.Generator, row: int, col: int, score: float = 1.0) -> Instance:
    height, width = rng.integers(8, 100, 2)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[row : row + height, col : col + width] = True
    return Instance(int(rng.integers(1, CLASSES + 1)), mask, score)


def _record(one: Instance, image_id: int) -> dict[str, Any]:
    segmentation = {"size": one.rle["size"], "counts": one.rle["counts"].decode()}
    return {"image_id": image_id, "category_id": one.class_id, "segmentation": segmentation}


if __name__ == "__main__":
    for name, (value, seconds) in measure().items():
        print(f"{name:20} mAP {value:.6f}  {seconds:6.2f} s")
