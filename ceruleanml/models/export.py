"""A trained model as one folder that others can run: the file, its cards, and the proof that it says the same."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ceruleanml.errors import UsageError
from ceruleanml.models.agreement import Agreement, check_agreement, trial_tiles
from ceruleanml.models.card import WEIGHTS_NAME, Card, write_card
from ceruleanml.models.model_card import README_NAME, UNSTATED, model_card
from ceruleanml.models.record import RECORD_NAME, SERVICE_FILES, record_of, serving_notes
from ceruleanml.models.service_classes import ServiceClasses, served_card, service_classes
from ceruleanml.models.stac import ITEM_NAME, stac_item
from ceruleanml.storage import make_folder, storage_error, write_bytes, write_json

TARGETS = ("cerulean-cloud", "onnx", "torch-export")
EXPORT_FOLDER = "export"


@dataclass(frozen=True)
class ExportReport:
    """What was written: the folder, the names of its files, how well it agrees, and what its users should know."""

    out: Path
    files: tuple[str, ...]
    agreement: Agreement
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Product:
    """A model ready to be written: its file, the card of its outputs, and what its classes were before."""

    name: str
    content: bytes
    card: Card
    classes: ServiceClasses
    record: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()


def export(
    run: Path, target: str, out: Path | None = None, tiles: Path | None = None, licence: str = UNSTATED
) -> ExportReport:
    """Write a run's model for a target into `out`, or else RUN/export/TARGET; an earlier export is replaced.

    `target` is "cerulean-cloud" (TorchScript as the service calls it), "onnx" or "torch-export". The file is loaded
    afresh and compared with the network on `tiles`, or else on the data set of the training, before anything is
    published. `licence` is an SPDX name. Raises UsageError, ModelError for what the target cannot take or a file that
    differs, DatasetError, WriteError; nothing is written then.
    """
    from ceruleanml.models.predictor import NetworkPredictor, choose_device, load_predictor
    from ceruleanml.models.segmenter import load_segmenter

    if target not in TARGETS:
        raise UsageError(f"--target {target} is not known; choose {', '.join(TARGETS)}")
    place = _place(run, out or run / EXPORT_FOLDER / target)
    card, segmenter = load_segmenter(run)
    module: Any = segmenter
    dataset, images = trial_tiles(run, card, tiles)
    product = _product(target, card, module)
    folder = _staging(place)
    try:
        write_bytes(folder / product.name, product.content)
        write_card(folder, product.card)
        network = NetworkPredictor(card, module, choose_device("cpu"))
        agreement = check_agreement(network, load_predictor(folder), product.classes, images, dataset)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        _describe(folder, product, agreement, parameters, licence)
        files = tuple(sorted(path.name for path in folder.iterdir()))
        _publish(folder, place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return ExportReport(place, files, agreement, product.notes)


def _product(target: str, card: Card, module: Any) -> _Product:
    from ceruleanml.models import artefacts

    own = range(len(card.classes))
    same = ServiceClasses(tuple(own), tuple((number,) for number in own))
    inside = card.with_(temperature=1.0)
    if target == "onnx":
        return _Product("model.onnx", artefacts.onnx_model(card, module), inside, same)
    if target == "torch-export":
        return _Product("model.pt2", artefacts.exported_program(card, module), inside, same)
    classes, record = service_classes(card), record_of(card)
    content = artefacts.served_torchscript(card, module, classes)
    return _Product(SERVICE_FILES[card.kind], content, served_card(card), classes, record, serving_notes(card, record))


def _describe(folder: Path, product: _Product, agreement: Agreement, parameters: int, licence: str) -> None:
    """Write what is said about the model beside it: the service's record, the STAC item and README.md."""
    import torch

    item = stac_item(product.card, product.name, len(product.content), parameters, torch.__version__, licence)
    if product.record is not None:
        write_json(folder / RECORD_NAME, product.record)
        item["assets"]["record"] = {
            "href": f"./{RECORD_NAME}",
            "title": "The record that SkyTruth's service keeps of the model",
            "type": "application/json",
            "roles": ["metadata"],
        }
    write_json(folder / ITEM_NAME, item)
    text = model_card(product.card, product.name, agreement, product.notes, licence)
    write_bytes(folder / README_NAME, text.encode())


def _place(run: Path, out: Path) -> Path:
    """The export folder. Raises UsageError where something else is there, such as the run itself."""
    if out.exists() and not (out / ITEM_NAME).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: exists and is no export; choose another --out")
    if (out / WEIGHTS_NAME).exists() or out.resolve() in run.resolve().parents:
        raise UsageError(f"{out}: holds a run; choose another --out")
    return out


def _staging(place: Path) -> Path:
    """A new hidden folder beside the export's place."""
    make_folder(place.parent)
    try:
        return Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".part", dir=place.parent))
    except OSError as error:
        raise storage_error(place, error) from error


def _publish(folder: Path, place: Path) -> None:
    """Put the folder into its place; an earlier export steps aside first and is removed after."""
    aside = folder.with_suffix(".old")
    try:
        make_readable(folder)
        if place.exists():
            os.replace(place, aside)
        try:
            os.replace(folder, place)
        except OSError:
            if aside.exists():
                os.replace(aside, place)
            raise
    except OSError as error:
        raise storage_error(place, error) from error
    shutil.rmtree(aside, ignore_errors=True)


def make_readable(folder: Path) -> None:
    """Give a folder the permissions that a plain new one would have; temporary ones are their maker's alone."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
