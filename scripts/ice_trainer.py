#!/usr/bin/env python
"""Train Mask R-CNN through icevision on a data set of ceruleanml, into a run folder like any other.

make setup-icevision
.venv/bin/python scripts/ice_trainer.py datasets/train --run runs/ice --encoder resnet18 --epochs 20

`ceruleanml predict`, `evaluate` and `export` take the run, and need no icevision.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from ceruleanml import __version__
from ceruleanml.errors import CeruleanError, UsageError
from ceruleanml.models.card import Card, write_card
from ceruleanml.models.config import DataConfig, ModelConfig, TrainConfig, TrainerConfig, check
from ceruleanml.models.run_folder import RunFolder, write_config
from ceruleanml.storage import sha256_of, storage_error, write_bytes

ENCODERS = ("resnet18", "resnet34", "resnet50")


def train(config: TrainConfig) -> Card:
    """The card of the model that icevision trained, written with its weights into the run folder.

    Raises UsageError for settings or tiles that this way of training does not take, DatasetError, TrainingError.
    """
    folder = RunFolder(Path(config.run))
    _check(config, folder.root)
    from ice_bridge import load_icevision

    load_icevision()
    import torch
    from ice_learning import average_precision, fit, icevision_network, learner_of
    from ice_records import records_of

    from ceruleanml.models.encoders import encoder_weights
    from ceruleanml.models.predictor import choose_device
    from ceruleanml.models.tiles import open_training

    device = choose_device(config.trainer.device)
    data = open_training(config.data, "mask_rcnn", config.trainer.seed)
    state, taken, note = encoder_weights(config.model.encoder, config.model.pretrained)
    card = card_of(config, data, taken)
    _prepare(config, folder, [*data.notes, note])
    network = icevision_network(card, state)
    records = records_of(data.train, data), records_of(data.validation, data)
    torch.set_flush_denormal(True)
    fit(learner_of(network, records, config, device), config, card.tile_px, lambda line: _log(folder.metrics, line))
    metrics = average_precision(network.to(device), records[1], config)
    return _finish(folder, card.with_(epochs=config.trainer.epochs, metrics=metrics), network.cpu().state_dict())


def card_of(config: TrainConfig, data: Any, pretrained: str) -> Card:
    """The card of a model before it is trained. Raises UsageError unless all tiles are squares of one size."""
    sizes = sorted({(tile.window.height, tile.window.width) for tile in (*data.train, *data.validation)})
    ((height, width), *others) = sizes
    if others or height != width or height % 32:
        raise UsageError(
            f"{config.data.train}: has tiles of {' and '.join(f'{h} x {w}' for h, w in sizes[:3])} pixels; icevision "
            "takes squares of one size, a multiple of 32: make the data set with --tile-size, or use ceruleanml train"
        )
    kept = ("grid", "resolution_m", "radiometry", "db_range", "subtract_noise", "polarisation")
    return Card(
        name=Path(config.run).name,
        kind="mask_rcnn",
        encoder=config.model.encoder,
        classes=data.classes,
        channels=data.channels,
        tile_px=height,
        mean=data.mean,
        deviation=data.deviation,
        **{name: data.about[name] for name in kept if data.about.get(name) is not None},
        pretrained=pretrained,
        class_rows=data.class_rows,
        dataset={name: value for name, value in data.about.items() if name not in kept},
        code_version=__version__,
        seed=config.trainer.seed,
    )


def config_of(arguments: argparse.Namespace) -> TrainConfig:
    """The options as the configuration of a training; what icevision does its own way stands there as it does it."""
    merged = dict(pair.partition("=")[::2] for pair in arguments.merge_class)
    if not all(merged.values()):
        raise UsageError(
            f"--merge-class {arguments.merge_class[0]}: say which counts as which: old_vessel=recent_vessel"
        )
    data = DataConfig(
        train=arguments.dataset,
        validation=arguments.validation,
        validation_share=arguments.validation_share,
        drop_classes=arguments.drop_class,
        merge_classes=merged,
        negative_ratio=arguments.negative_ratio,
        batch_size=arguments.batch_size,
        workers=arguments.workers,
    )
    trainer = TrainerConfig(
        epochs=arguments.epochs,
        lr=arguments.lr,
        seed=arguments.seed,
        device=arguments.device,
        precision="fp32",
        keep="last",
    )
    model = ModelConfig(kind="mask_rcnn", encoder=arguments.encoder, pretrained=arguments.pretrained)
    return TrainConfig(model=model, data=data, trainer=trainer, run=arguments.run)


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    known = argparse.ArgumentParser(
        description="Train Mask R-CNN through icevision; make setup-icevision adds it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    known.add_argument("dataset", help="data set folder to learn from, as ceruleanml make-dataset made it")
    known.add_argument("--run", required=True, help="run folder to make")
    known.add_argument("--validation", help="data set folder to judge by; else scenes of the first are held out")
    known.add_argument("--validation-share", type=float, default=0.2, help="share of the scenes held out")
    known.add_argument("--encoder", choices=ENCODERS, default="resnet18", help="the convolutional network inside")
    known.add_argument("--pretrained", default="none", help="none, imagenet, or a state dict of torchvision's network")
    known.add_argument("--drop-class", action="append", default=[], help="leave out tiles that show it; repeatable")
    known.add_argument("--merge-class", action="append", default=[], help="old_vessel=recent_vessel; repeatable")
    known.add_argument("--negative-ratio", type=float, help="empty tiles for each tile with a slick; else all")
    known.add_argument("--epochs", type=int, default=10, help="passes over the training tiles")
    known.add_argument("--lr", type=float, default=1e-3, help="greatest learning rate of the cycle")
    known.add_argument("--batch-size", type=int, default=4, help="tiles a step")
    known.add_argument("--workers", type=int, default=0, help="processes that load tiles")
    known.add_argument("--seed", type=int, default=0, help="seed of every random choice")
    known.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu or cuda")
    return known


def main() -> int:
    """Run the command line; users' errors end in one line and status 2."""
    try:
        card = train(config_of(parser().parse_args()))
    except CeruleanError as error:
        print(f"ice_trainer: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    figures = ", ".join(f"{name} {value:.3f}" for name, value in card.metrics.items())
    print(f"done: {figures or 'nothing to judge by'}")
    return 0


def _check(config: TrainConfig, run: Path) -> None:
    check(config)
    if run.is_dir() and any(run.iterdir()):
        raise UsageError(f"--run {run}: holds something already; choose another folder, or remove it")


def _prepare(config: TrainConfig, folder: RunFolder, notes: list[str]) -> None:
    """Begin the run folder, say what is known of the data, and sow every generator that the libraries draw from."""
    import fastai.vision.all as fastai

    write_config(folder, config)
    trained = f"# trained through icevision {importlib.metadata.version('icevision')} by scripts/ice_trainer.py\n"
    write_bytes(folder.config, trained.encode() + folder.config.read_bytes())
    for note in notes:
        print(note, flush=True)
    fastai.set_seed(config.trainer.seed)  # of Python, which albumentations draws from, numpy and torch


def _log(file: Path, line: dict[str, Any]) -> None:
    try:
        with file.open("a") as lines:
            lines.write(json.dumps(line) + "\n")
    except OSError as error:
        raise storage_error(file, error) from error
    validation = ", ".join(f"{name} {value:.4g}" for name, value in line["validation"].items())
    print(f"epoch {line['epoch']}: loss {line['train']['loss']:.4g}; validation: {validation}", flush=True)


def _finish(folder: RunFolder, card: Card, state: dict[str, Any]) -> Card:
    """The card as it is written, after the weights: a run without it holds no model."""
    from ceruleanml.models.weights import save_state

    save_state(folder.weights, state)
    whole = card.with_(weights_sha256=sha256_of(folder.weights))
    write_card(folder.root, whole)
    return whole


if __name__ == "__main__":
    sys.exit(main())
