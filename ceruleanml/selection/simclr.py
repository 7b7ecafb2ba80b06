"""SimCLR: an encoder that teaches itself on the pool, without a label, by telling views of one tile from the rest.

Source: Chen, Kornblith, Norouzi and Hinton 2020, A Simple Framework for Contrastive Learning of Visual Representations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

import ceruleanml
from ceruleanml.datasets.folder import MANIFEST_NAME, Dataset, TileRecord, open_dataset
from ceruleanml.errors import SelectionError, TrainingError, UsageError
from ceruleanml.models.augmentation import Bands
from ceruleanml.models.card import MULTIPLE_PX
from ceruleanml.models.config import ENCODERS, TrainConfig
from ceruleanml.models.encoders import build_encoder, encoder_weights
from ceruleanml.models.normalise import Normalise
from ceruleanml.models.predictor import choose_device
from ceruleanml.models.session import torch_settings
from ceruleanml.models.tile_reading import Statistics
from ceruleanml.models.weights import load_state, save_state
from ceruleanml.progress import Progress, Silent
from ceruleanml.seeds import generator
from ceruleanml.selection.embedding_encoder import save_encoder
from ceruleanml.selection.pool_tiles import asked_tiles, radar_statistics, usable
from ceruleanml.selection.ssl_views import two_views
from ceruleanml.storage import make_folder, read_json, sha256_of, write_json

WEIGHTS_NAME, CHECKPOINT_NAME, RECORD_NAME = "weights.pt", "checkpoint.pt", "ssl.json"
PROJECTED = 128
WARM_UP = 0.1
"""Share of the steps over which the learning rate rises from 0."""

Record = dict[str, Any]


@dataclass(frozen=True)
class SslOptions:
    """How an encoder teaches itself.

    `pretrained` is the path of first weights, a state dict of torchvision's `encoder`, or None. `side` is that of the
    views, in pixels; the encoder is later asked about tiles resized so that their longer side has as many. `lr` None is
    1e-3, or 3e-4 from first weights.
    """

    encoder: str = "resnet18"
    pretrained: Path | None = None
    epochs: int = 20
    batch_size: int = 32
    side: int = 96
    temperature: float = 0.1
    lr: float | None = None
    weight_decay: float = 1e-4
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class SslReport:
    """What came of it: the file of weights, the loss of each epoch, and whether it was trained now."""

    weights: Path
    losses: tuple[float, ...]
    made_now: bool


def train_simclr(
    pool: Path,
    out: Path,
    options: SslOptions | None = None,
    progress: Progress | None = None,
    tile_ids: Collection[str] | None = None,
) -> SslReport:
    """Train an encoder on the radar band of a pool's tiles into the folder `out`: `weights.pt` and `ssl.json`.

    A killed training goes on from its last whole epoch, on the CPU to the same bits. Raises UsageError for settings
    that cannot be and a folder that holds another training, SelectionError where fewer than two tiles can be read.
    """
    options, progress = options or SslOptions(), progress or Silent()
    _check(options)
    dataset = open_dataset(pool)
    tiles = asked_tiles(dataset, tile_ids)
    record = _record(dataset, tiles, options, tile_ids is not None)
    if (out / RECORD_NAME).is_file():
        return _there(out, record)
    device = choose_device(options.device)
    with torch_settings(TrainConfig(), device):
        training = _Training(dataset, usable(dataset, tiles), options, device, progress)
        losses = training.run(make_folder(out), record)
    save_encoder(
        out / WEIGHTS_NAME, training.encoder, options.encoder, dataset.channels[0], training.statistics, training.scale
    )
    figures = {"losses": losses, "tiles_learned_from": len(training.tiles), "scale": training.scale}
    about = {"weights_sha256": sha256_of(out / WEIGHTS_NAME), "ceruleanml_version": ceruleanml.__version__}
    write_json(out / RECORD_NAME, {"record": record, **figures, **about})
    (out / CHECKPOINT_NAME).unlink()
    return SslReport(out / WEIGHTS_NAME, tuple(losses), True)


def nt_xent(projected: Tensor, temperature: float) -> Tensor:
    """The normalised temperature-scaled cross entropy of projections (2 n, d): rows i and n + i are of one tile.

    Each row is to find its partner among all others by cosine similarity. Source: Chen et al. 2020, equation 1.
    """
    rows = len(projected)
    unit = normalize(projected, dim=1)
    itself = torch.eye(rows, dtype=torch.bool, device=projected.device)
    similarity = (unit @ unit.T / temperature).masked_fill(itself, -math.inf)
    partner = (torch.arange(rows, device=projected.device) + rows // 2) % rows
    return cross_entropy(similarity, partner)


class _Training:
    """The networks, the tiles and the course of one training."""

    def __init__(
        self,
        dataset: Dataset,
        tiles: Sequence[TileRecord],
        options: SslOptions,
        device: torch.device,
        progress: Progress,
    ) -> None:
        if len(tiles) < 2:
            raise SelectionError(
                f"{dataset.root}: {len(tiles)} of its tiles can be read; an encoder needs two to learn"
            )
        self.dataset, self.tiles, self.options, self.progress = dataset, tiles, options, progress
        self.statistics = radar_statistics(dataset, tiles, options.seed, progress)
        longest = float(np.median([max(tile.height_width) for tile in tiles]))
        self.side = max(MULTIPLE_PX, int(min(options.side, longest)) // MULTIPLE_PX * MULTIPLE_PX)
        self.scale = min(1.0, self.side / longest)
        self.device = device
        self.encoder, self.network = _networks(options, self.statistics)
        self.network.to(device)
        self.lr = greatest_lr(options)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), self.lr, weight_decay=options.weight_decay, fused=True
        )
        self.batch = min(options.batch_size, len(tiles))
        self.steps = len(tiles) // self.batch

    def run(self, out: Path, record: Record) -> list[float]:
        """Train to the end from where the checkpoint in `out` stands; the mean loss of each epoch."""
        losses = self._resume(out / CHECKPOINT_NAME, record)
        self.progress.start("Training the encoder", self.options.epochs * self.steps)
        self.progress.advance(len(losses) * self.steps)
        try:
            for epoch in range(len(losses), self.options.epochs):
                losses.append(self._epoch(epoch))
                if not math.isfinite(losses[-1]):
                    raise TrainingError(f"{out}: the loss of epoch {epoch + 1} is no number; give other first weights")
                save_state(out / CHECKPOINT_NAME, self._state(record, losses))
        finally:
            self.progress.finish()
        return losses

    def _epoch(self, epoch: int) -> float:
        order = generator(self.options.seed, "ssl order", epoch).permutation(len(self.tiles))
        total = torch.zeros((), dtype=torch.float64)
        self.network.train()
        for step in range(self.steps):
            share = (epoch * self.steps + step + 1) / (self.options.epochs * self.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = self.lr * rate(share)
            chosen = order[step * self.batch : (step + 1) * self.batch]
            loss = nt_xent(self.network(self._views(epoch, chosen)), self.options.temperature)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            total += loss.detach().cpu().double()
            self.progress.advance()
        return float(total) / self.steps

    def _views(self, epoch: int, chosen: NDArray[np.int64]) -> Tensor:
        """The first views of the chosen tiles, then the second ones, float32 (2 n, 1, side, side) in [0, 1]."""
        bands = _bands(self.dataset, self.statistics)
        pairs = []
        for place in chosen:
            tile = self.tiles[place]
            rng = generator(self.options.seed, "ssl views", epoch, tile.tile_id)
            pairs.append(two_views(self.dataset.read(tile)[0], self.side, bands, rng))
        stacked = np.stack(pairs, axis=1).reshape(-1, 1, self.side, self.side)
        return torch.from_numpy(stacked).to(self.device).float() / 255

    def _state(self, record: Record, losses: list[float]) -> Record:
        return {
            "record": record,
            "losses": losses,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def _resume(self, checkpoint: Path, record: Record) -> list[float]:
        if not checkpoint.is_file():
            return []
        state = load_state(checkpoint)
        _check_same(checkpoint.parent, state["record"], record)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        return list(state["losses"])


def greatest_lr(options: SslOptions) -> float:
    """The learning rate after the rise."""
    return options.lr if options.lr is not None else 1e-3 if options.pretrained is None else 3e-4


def rate(share: float) -> float:
    """The learning rate as a share of its greatest, after a share of all steps: a rise, then half a cosine to 0."""
    if share < WARM_UP:
        return share / WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))


def _networks(options: SslOptions, statistics: Statistics) -> tuple[nn.Sequential, nn.Sequential]:
    """The encoder, and the whole that learns: normalisation, encoder, mean, projection head."""
    state, _, _ = encoder_weights(options.encoder, str(options.pretrained or "none"))
    torch.manual_seed(int(generator(options.seed, "torch", "ssl weights").integers(2**62)))
    encoder = build_encoder(options.encoder, 1, state)
    with torch.no_grad():
        width = encoder.eval()(torch.zeros(1, 1, 64, 64)).shape[1]
    head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, PROJECTED))
    normalise = Normalise(statistics.mean, statistics.deviation)
    return encoder, nn.Sequential(normalise, encoder, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


def _bands(dataset: Dataset, statistics: Statistics) -> Bands:
    """What the radar band measures."""
    manifest = dataset.manifest
    low, high = {**manifest.get("arguments", {}), **manifest}.get("db_range") or (-35.0, 0.0)
    radiometry = str(manifest.get("radiometry", "dn"))
    return Bands(0, radiometry, (float(low), float(high)), (round(255 * statistics.mean[0]),))


def _check(options: SslOptions) -> None:
    if options.encoder not in ENCODERS:
        raise UsageError(f"encoder {options.encoder} is not known; there are {', '.join(ENCODERS)}")
    if options.epochs < 1 or options.batch_size < 2 or options.side < MULTIPLE_PX:
        raise UsageError(
            f"{options.epochs} epochs, {options.batch_size} tiles a step, views of {options.side} pixels: give "
            f"at least 1, 2 and {MULTIPLE_PX}"
        )
    if options.seed < 0:
        raise UsageError(f"seed {options.seed} cannot be; give 0 or more")
    if options.temperature <= 0 or greatest_lr(options) <= 0:
        raise UsageError(f"temperature {options.temperature} and lr {options.lr}: give numbers above 0")


def _record(dataset: Dataset, tiles: Sequence[TileRecord], options: SslOptions, chosen: bool) -> Record:
    """What a training depends on, which a run that goes on must have in common with the one that began."""
    settings = {key: value for key, value in asdict(options).items() if key != "device"}
    if options.pretrained is not None:
        settings["pretrained"] = sha256_of(options.pretrained)
    tile_ids = sorted(tile.tile_id for tile in tiles) if chosen else None
    pool = sha256_of(dataset.root / MANIFEST_NAME)
    return {"method": "simclr", "pool": pool, "tile_ids": tile_ids, **settings}


def _there(out: Path, record: Record) -> SslReport:
    found = read_json(out / RECORD_NAME)
    _check_same(out, found["record"], record)
    (out / CHECKPOINT_NAME).unlink(missing_ok=True)
    return SslReport(out / WEIGHTS_NAME, tuple(found["losses"]), False)


def _check_same(out: Path, before: Record, now: Record) -> None:
    changed = sorted(key for key, value in now.items() if before.get(key) != value)
    if changed:
        raise UsageError(f"{out}: holds an encoder trained with another {changed[0]}; choose another --ssl-out")
