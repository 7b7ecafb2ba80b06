"""The processes of one training: alone, or one a GPU under `accelerate launch` or torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ceruleanml.errors import TrainingError, UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Ranks:
    """A process among those of the training: `rank` of `world`, `local` on its machine. Rank 0 alone writes."""

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.world == 1

    def largest(self, values: Sequence[float]) -> list[float]:
        """The largest of each value over all processes, so that they decide alike."""
        import torch

        if self.alone:
            return list(values)
        shared = self._combined(torch.tensor(values, dtype=torch.float64), "MAX")
        return [float(value) for value in shared]

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes, a copy on the CPU in float64."""
        own = values.detach().cpu().double()
        return own if self.alone else self._combined(own.clone(), "SUM")

    def wait(self) -> None:
        """Wait until every process is here."""
        self.largest([0.0])

    def _combined(self, shared: torch.Tensor, how: str) -> torch.Tensor:
        """A tensor on the CPU, so that no GPU need be waited for, combined in place."""
        import torch.distributed as processes

        try:
            processes.all_reduce(shared, getattr(processes.ReduceOp, how))
        except RuntimeError as error:
            raise TrainingError("another process of this training ended; its own message says why") from error
        return shared


def ranks_of_environment() -> Ranks:
    """What the launcher says in RANK, WORLD_SIZE and LOCAL_RANK; without them this process is alone."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(os.environ.get(name, "").isdigit() for name in names):
        return Ranks()
    return Ranks(*(int(os.environ[name]) for name in names))


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The place of this process, joined with the others for the time of the block."""
    import gc

    import torch.distributed as processes

    ranks = ranks_of_environment()
    if ranks.alone or processes.is_initialized():
        yield ranks
        return
    processes.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield ranks
    finally:
        gc.collect()  # the network's wrapper holds on to the group, and would abort the process at its end
        processes.destroy_process_group()


def device_of(asked: str) -> torch.device:
    """The device to train on: a GPU for each process where there is one. Raises UsageError for one that is not."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    ranks = ranks_of_environment()
    if asked == "auto":
        asked = "cuda" if count else "cpu"
    kind, _, number = asked.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()) or (kind == "cpu" and number):
        raise UsageError(f"trainer.device {asked} is not known; choose auto, cpu, cuda or cuda:N")
    if kind == "cpu":
        return torch.device("cpu")
    index = int(number) if number else ranks.local
    if index >= count:
        raise UsageError(f"trainer.device {asked}: there are {count} GPUs here; choose auto, cpu or another number")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def shared_network(network: Any, ranks: Ranks, device: torch.device, frozen_at_first: bool) -> Any:
    """The network as it is to be called in training: with several processes, gradients are averaged over them."""
    if ranks.alone:
        return network
    from torch.nn.parallel import DistributedDataParallel

    here = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(network, device_ids=here, find_unused_parameters=frozen_at_first)
