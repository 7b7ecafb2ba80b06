"""Training of the small networks of catalogues and spectra: by epochs, to the same bits whatever interrupts it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import ModelError, SelectionError
from ceruleanml.models.weights import load_state, save_state
from ceruleanml.progress import Progress
from ceruleanml.seeds import generator
from ceruleanml.storage import make_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT_VERSION = 1
MODEL_NAME, CHECKPOINT_NAME = "model.pt", "checkpoint.pt"
WEIGHT_DECAY = 0.01
CLIP_NORM = 1.0

LossOf = Callable[[Any, NDArray[np.int64], np.random.Generator], "Tensor"]
"""The mean loss of a network on the items of these numbers, with a generator for what is random in them."""


@dataclass(frozen=True)
class Recipe:
    """How a small network learns: AdamW, its rate falling to nothing along half a cosine."""

    epochs: int
    batch_size: int
    lr: float
    threads: int
    least_steps: int = 0

    def epochs_for(self, count: int) -> int:
        """Passes over so many items: `epochs`, or as many more as make `least_steps` batches of few items."""
        return max(self.epochs, math.ceil(self.least_steps / self.batches(count)))

    def batches(self, count: int) -> int:
        """Batches of an epoch."""
        return math.ceil(count / self.batch_size)


@dataclass(frozen=True)
class Lesson:
    """One training: `count` items, the network as it begins, its loss, and `about`, JSON that is kept with the model.

    `identity` is a hash over all that decides the outcome, by which a folder knows its own training again.
    """

    count: int
    build: Callable[[], nn.Module]
    loss_of: LossOf
    recipe: Recipe
    seed: int
    about: dict[str, Any]
    identity: str


def identity_of(*parts: Any) -> str:
    """The sha256 over values of JSON, in hexadecimal."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@contextmanager
def steady_torch(threads: int) -> Iterator[None]:
    """PyTorch on the CPU with so many threads and the same bits each time, and its own random numbers untouched."""
    import torch

    deterministic: Any = torch.utils.deterministic  # a module that torch made of an object
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    fills = deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        deterministic.fill_uninitialized_memory = fills
        torch.set_num_threads(before[1])
        torch.set_flush_denormal(False)


def word(seed: int, *keys: str | int) -> int:
    """A seed for PyTorch that depends on the seed and the keys alone."""
    return int(generator(seed, *keys).integers(2**62))


def learn(lesson: Lesson, folder: Path, progress: Progress) -> None:
    """Train into `folder`: a checkpoint after each epoch and, at the end, `model.pt` in its place.

    Called again after a kill it goes on behind the last whole epoch and comes to the same bits; a finished training
    is left as it is. Each epoch steps the progress by one. Raises SelectionError where the folder holds a training of
    other labels or settings, and where the loss is no number any more.
    """
    import torch

    model, checkpoint = make_folder(folder) / MODEL_NAME, folder / CHECKPOINT_NAME
    if model.is_file():
        _stored(model, lesson.identity)
        progress.advance(lesson.recipe.epochs_for(lesson.count))
    else:
        with steady_torch(lesson.recipe.threads):
            torch.manual_seed(word(lesson.seed, "weights"))
            network = lesson.build()
            _epochs(lesson, network, checkpoint, progress)
        save_state(model, _state(lesson, network) | {"about": lesson.about})
    checkpoint.unlink(missing_ok=True)


def read_model(folder: Path) -> dict[str, Any]:
    """What `learn` keeps: `about` and `network`, tensors by name. Raises SelectionError where there is no model."""
    path = folder / MODEL_NAME
    if not path.is_file():
        raise SelectionError(f"{folder}: holds no trained model; let its training come to its end")
    return _stored(path, None)


def load_weights(network: nn.Module, state: dict[str, Any], source: Path) -> None:
    """Put the weights of a model into a network. Raises SelectionError where it is built otherwise."""
    try:
        network.load_state_dict(state)
    except (RuntimeError, KeyError) as error:
        raise SelectionError(
            f"{source}: its network is of another form than the settings ask for; take the settings that it was "
            "trained with, or train from scratch"
        ) from error


def _epochs(lesson: Lesson, network: nn.Module, checkpoint: Path, progress: Progress) -> None:
    import torch

    recipe = lesson.recipe
    optimiser = torch.optim.AdamW(network.parameters(), recipe.lr, weight_decay=WEIGHT_DECAY, fused=True)
    begin = 0
    if checkpoint.is_file():
        state = _stored(checkpoint, lesson.identity)
        begin = state["epoch"]
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        progress.advance(begin)
    network.train()
    for epoch in range(begin, recipe.epochs_for(lesson.count)):
        _epoch(lesson, network, optimiser, epoch)
        save_state(checkpoint, _state(lesson, network) | {"epoch": epoch + 1, "optimiser": optimiser.state_dict()})
        progress.advance()


def _epoch(lesson: Lesson, network: nn.Module, optimiser: Any, epoch: int) -> None:
    """One pass over the items in an order of its own; all that is random in it hangs on the seed and its number."""
    import torch

    recipe = lesson.recipe
    random = generator(lesson.seed, "epoch", epoch)
    torch.manual_seed(word(lesson.seed, "dropout", epoch))
    order = random.permutation(lesson.count)
    batches = recipe.batches(lesson.count)
    for number in range(batches):
        share = (epoch + number / batches) / recipe.epochs_for(lesson.count)
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr * (1 + math.cos(math.pi * share)) / 2
        loss = lesson.loss_of(network, order[number * recipe.batch_size :][: recipe.batch_size], random)
        if not math.isfinite(loss.item()):
            raise SelectionError(f"the loss became {loss.item():g} in epoch {epoch + 1}; lower the setting lr")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
        optimiser.step()


def _state(lesson: Lesson, network: nn.Module) -> dict[str, Any]:
    weights = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return {"format_version": FORMAT_VERSION, "identity": lesson.identity, "network": weights}


def _stored(path: Path, identity: str | None) -> dict[str, Any]:
    """A checkpoint or model, of that identity where one is given."""
    try:
        state = load_state(path)
    except ModelError as error:
        raise SelectionError(f"{path}: cannot be read as a model of a task ({error}); train again") from error
    if not isinstance(state, dict) or state.get("format_version") != FORMAT_VERSION or "network" not in state:
        raise SelectionError(f"{path}: is no model of this program's tasks; train again")
    if identity is not None and state.get("identity") != identity:
        raise SelectionError(
            f"{path}: belongs to a training with other labels or settings; choose another folder, or remove this one"
        )
    return state
