"""One scene, from its pixels to slicks: blended windows, or the deployed service's three tile sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from affine import Affine

from ceruleanml.inference.ensemble import ensemble, thinned
from ceruleanml.inference.postprocess_maskrcnn import outlines, reduced, stitched
from ceruleanml.inference.postprocess_unet import slicks_in
from ceruleanml.inference.preparing import OFFSETS, OpenScene, service_grid
from ceruleanml.inference.probability_file import write_probabilities
from ceruleanml.inference.scanning import Rows, Scan, detections, probability_rows
from ceruleanml.inference.sea import read_sea
from ceruleanml.inference.seams import Seams
from ceruleanml.inference.slicks import Slick
from ceruleanml.inference.store import ProbabilityStore
from ceruleanml.inference.thresholds import Thresholds
from ceruleanml.inference.windows import MULTIPLE, SceneWindows
from ceruleanml.models.predictor import Detections, Predictor
from ceruleanml.progress import Progress
from ceruleanml.scenes.grid import SERVING_TILE_PX, Grid, Window


@dataclass(frozen=True)
class Prediction:
    """The slicks of a scene, the grid they were found on, and the seam figure (None for the service's tiles)."""

    slicks: list[Slick]
    grid: Grid
    windows: int
    seams: dict[str, float | None] | None


def predict_scene(
    opened: OpenScene, predictor: Predictor, folder: Path, progress: Progress | None = None
) -> Prediction:
    """The slicks of an opened scene. `folder` takes a temporary file, and the probabilities where they are asked for.

    Memory beside the model: a byte a pixel of the scene, for its width a window's height of float32 probabilities a
    class, and the outlines. Disk: 2 bytes a pixel and slick class, for as long as it runs; 4 with tiling "service".
    """
    if opened.options.tiling == "service":
        return _by_service(opened, predictor, folder, progress)
    grid = opened.grid
    windows = SceneWindows(grid.height_width, window_px(predictor.card.tile_px), opened.options.overlap)
    seams = Seams(windows)
    found = _set_slicks(opened, predictor, grid, windows, folder, progress, seams)
    thresholds = opened.options.thresholds_for(predictor.card)
    return Prediction(thinned(found, thresholds, opened.ground), grid, len(windows), seams.figure())


def window_px(tile_px: int) -> int:
    """The side of a window: the tiles the model learned from, up to the next side that networks can halve."""
    return -(-tile_px // MULTIPLE) * MULTIPLE


def _by_service(opened: OpenScene, predictor: Predictor, folder: Path, progress: Progress | None) -> Prediction:
    thresholds = opened.options.thresholds_for(predictor.card)
    sets, count = [], 0
    for offset in OFFSETS:
        grid = service_grid(opened.scene, offset)
        windows = SceneWindows(grid.height_width, SERVING_TILE_PX, 0.0)
        found = _set_slicks(opened, predictor, grid, windows, folder, progress, None)
        sets.append(thinned(found, thresholds, opened.ground))
        count += len(windows)
    return Prediction(ensemble(sets, thresholds, opened.ground), service_grid(opened.scene, 0.0), count, None)


def _set_slicks(
    opened: OpenScene,
    predictor: Predictor,
    grid: Grid,
    windows: SceneWindows,
    folder: Path,
    progress: Progress | None,
    seams: Seams | None,
) -> list[Slick]:
    """The slicks that one set of windows shows."""
    options, card = opened.options, predictor.card
    thresholds, classes = options.thresholds_for(card), card.classes[1:]
    with ProbabilityStore(folder, len(classes), grid.height_width[1], exact=seams is None) as store:
        found: list[Slick] = []
        if card.kind == "mask_rcnn":
            take = partial(_take, found, thresholds, grid)
            rows = detections(_scan(opened, grid, windows), predictor, take, progress)
        else:
            rows = probability_rows(_scan(opened, grid, windows), predictor, options.flips, progress)
        _keep(rows, store if card.kind == "unet" or options.probabilities else None, seams)
        if options.probabilities:
            target = folder / f"{opened.scene.scene_id}.tif"
            write_probabilities(store, grid, classes, target, _tags(opened))
        if card.kind == "mask_rcnn":
            return stitched(found, opened.ground)
        return slicks_in(store.strips, thresholds, grid.transform, rim=opened.rim)


def _scan(opened: OpenScene, grid: Grid, windows: SceneWindows) -> Scan:
    options = opened.options
    sea = None if options.ocean is None else read_sea(options.ocean, grid)
    return Scan(opened.prepared(grid), windows, options.batch_size, sea, masks_land=options.tiling == "blended")


def _take(found: list[Slick], thresholds: Thresholds, grid: Grid, row: int, col: int, seen: Detections) -> None:
    """Add the outlines of one window's detections."""
    transform: Affine = grid.window_transform(Window(row, col, 0, 0))
    found += outlines(reduced(seen, thresholds), thresholds, transform)


def _keep(rows: Iterator[Rows], store: ProbabilityStore | None, seams: Seams | None) -> None:
    for part in rows:
        if store is not None:
            store.append(part.probabilities, part.valid)
        if seams is not None:
            seams.add(part.probabilities.sum(axis=0), part.valid)


def _tags(opened: OpenScene) -> dict[str, Any]:
    card = opened.card
    return {"scene_id": opened.scene.scene_id, "model": card.name, "weights_sha256": card.weights_sha256}
