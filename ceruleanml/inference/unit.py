"""One scene of a prediction: the unit of work that stands alone and writes its own files."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ceruleanml
from ceruleanml.errors import CeruleanError, ModelError, StorageError, UsageError, WriteError
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.polygons import features_of
from ceruleanml.inference.preparing import OpenScene, open_for
from ceruleanml.inference.scene_prediction import Prediction, predict_scene
from ceruleanml.models.card import CARD_NAME
from ceruleanml.models.predictor import Predictor, load_predictor, weights_files
from ceruleanml.progress import Progress
from ceruleanml.scenes.reading import scene_id_of
from ceruleanml.storage import gdal_environment, read_json, sha256_of, write_json

Model = Path | Predictor
"""A run folder or exported file, or a model that is loaded already."""


@dataclass(frozen=True)
class SceneResult:
    """What came of one scene: the number of its slicks, or the error in one line."""

    scene_id: str
    slicks: int
    error: str | None = None


def predict_unit(
    location: str,
    model: Model,
    model_record: dict[str, Any],
    options: PredictOptions,
    out: Path,
    base: Path | None = None,
    progress: Progress | None = None,
) -> SceneResult:
    """Predict one scene and write `<scene_id>.geojson` into `out`.

    Relative paths count from `base`, where this runs on another machine. A scene that cannot be predicted gives its
    error; what would stop every scene (model, options, a full disk) is raised.
    """
    if base is not None and Path.cwd() != base:
        os.chdir(base)
    scene_id = scene_id_of(location)
    try:
        predictor = loaded(model, options.device)
        with gdal_environment():
            return _predict(location, predictor, model_record, options, out, progress)
    except (WriteError, UsageError, ModelError):
        raise
    except CeruleanError as error:
        return SceneResult(scene_id, 0, str(error))
    except Exception as error:  # whatever a file makes a library do must not take the other scenes with it
        logging.getLogger(__name__).debug("%s", location, exc_info=True)  # shown by --debug
        reason = " ".join(str(error).split())[:200]
        return SceneResult(scene_id, 0, f"{location}: cannot be predicted: {type(error).__name__}: {reason}")


def loaded(model: Model, device: str) -> Predictor:
    """The model, read once in each process, and again where its card or weights changed."""
    if not isinstance(model, Path):
        return model
    files = [file for weights in weights_files(model) for file in (weights, weights.with_name(CARD_NAME))]
    stamps = [file.stat().st_mtime_ns for file in files if file.is_file()]
    return _load(model, device, tuple(stamps))


@lru_cache(maxsize=1)
def _load(path: Path, device: str, stamps: tuple[int, ...]) -> Predictor:
    return load_predictor(path, device)


def is_done(location: str, options: PredictOptions, model_record: dict[str, Any], out: Path) -> bool:
    """Whether `out` holds the outlines of this very scene by the same model and options, its files unchanged."""
    path = result_path(out, scene_id_of(location))
    if not path.is_file() or (options.probabilities and not path.with_suffix(".tif").is_file()):
        return False
    try:
        about = read_json(path)["prediction"]
        same = about["model"] == model_record["model"] and about["options"] == model_record["options"]
        same = same and os.path.realpath(about["source"]) == os.path.realpath(location)
        here = {model_record["options"]["ocean"]: str(options.ocean)}
        inputs = {here.get(name, name): digest for name, digest in about["inputs"].items()}
        return bool(same) and not any(_changed(name, digest, path) for name, digest in inputs.items())
    except (StorageError, KeyError, TypeError):
        return False


def result_path(out: Path, scene_id: str) -> Path:
    """Where a scene's outlines lie."""
    return out / f"{scene_id}.geojson"


def _changed(name: str, digest: str | None, result: Path) -> bool:
    file = Path(name)
    if not file.is_file():
        return digest is not None
    touched = max(file.stat().st_mtime, file.stat().st_ctime) >= result.stat().st_mtime
    return touched and sha256_of(file) != digest


def _predict(
    location: str,
    predictor: Predictor,
    model_record: dict[str, Any],
    options: PredictOptions,
    out: Path,
    progress: Progress | None,
) -> SceneResult:
    opened = open_for(location, predictor.card, options)
    found = predict_scene(opened, predictor, out, progress)
    features = features_of(found.slicks, predictor.card.classes, opened.ground, options.min_area_km2)
    collection: dict[str, Any] = {
        "type": "FeatureCollection",
        "scene_id": opened.scene.scene_id,
        "prediction": {**model_record, **_about(opened, found, model_record["options"]["ocean"])},
        "features": features,
    }
    if opened.scene.georeference is None:
        collection["crs"] = None
    write_json(result_path(out, opened.scene.scene_id), collection)
    return SceneResult(opened.scene.scene_id, len(features))


def _about(opened: OpenScene, found: Prediction, ocean: str | None) -> dict[str, Any]:
    """The facts of the scene that stand beside its features; `ocean` is that file as records name it."""
    scene, grid = opened.scene, found.grid
    placed = scene.georeference is not None
    return {
        "ceruleanml_version": ceruleanml.__version__,
        "source": scene.source,
        "sensing_time": scene.sensing_time.isoformat() if scene.sensing_time else None,
        "grid": {
            "name": grid.name, "crs": grid.crs, "transform": list(grid.transform)[:6],
            "height_width": list(grid.height_width),
        },
        "coordinates": "longitude, latitude" if placed else "column, row of the image, which has no georeference",
        "windows": found.windows,
        "seams": found.seams,
        "inputs": {
            **{path: _sha256(path) for path in sorted(_inputs(opened))},
            **({} if ocean is None else {ocean: _sha256(str(opened.options.ocean))}),
        },
    }  # fmt: skip


def _inputs(opened: OpenScene) -> set[str]:
    """Every file that the outlines were made from, the model and the ocean aside."""
    options, scene_id = opened.options, opened.scene.scene_id
    context = {spec.source.replace("{scene_id}", scene_id) for spec in options.context if spec.source}
    return {*opened.scene.inputs, *context}


def _sha256(path: str) -> str | None:
    """None for what lies in a bucket, which is not fetched again for this."""
    return sha256_of(Path(path)) if Path(path).is_file() else None
