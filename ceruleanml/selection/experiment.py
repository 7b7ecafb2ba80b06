"""An experiment: one arm for each strategy and seed, all from the same start, in one folder.

experiment.json                              strategies and seeds
arms/<strategy>/seed_<n>/instructions.json   and the rounds of that arm
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ceruleanml.errors import SelectionError, StorageError, UsageError
from ceruleanml.locks import locked
from ceruleanml.parallel import run_units
from ceruleanml.progress import Progress
from ceruleanml.selection.instructions import FORMAT_VERSION, Instructions, read_instructions, write_instructions
from ceruleanml.selection.oracles import open_oracle
from ceruleanml.selection.requests import OWN_CHOICE, Request, named
from ceruleanml.selection.round_folder import RoundFolder, round_numbers
from ceruleanml.selection.rounds import SPENT, Standing, run_rounds
from ceruleanml.selection.strategies import NEEDED, STRATEGIES
from ceruleanml.selection.task import Items, open_task
from ceruleanml.storage import make_folder, read_json, storage_error, write_json

EXPERIMENT_NAME = "experiment.json"
TEST_ITEMS = 4
TEST_ROUNDS = 2


@dataclass(frozen=True)
class Experiment:
    """A folder with its strategies, the first of which is the one on trial, and the seeds of each."""

    folder: Path
    strategies: tuple[str, ...]
    seeds: tuple[int, ...]

    def arm(self, strategy: str, seed: int) -> Path:
        """The folder of one arm."""
        return self.folder / "arms" / strategy / f"seed_{seed}"

    def arms(self) -> list[tuple[str, int, Path]]:
        """Strategy, seed and folder of every arm."""
        return [(name, seed, self.arm(name, seed)) for name in self.strategies for seed in self.seeds]


def create(
    folder: Path,
    instructions: Instructions,
    baselines: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    test_mode: bool = False,
) -> Experiment:
    """Write an experiment whose arms follow the instructions with their own strategy and seed.

    With `test_mode` rounds are tiny: a few items, two trainings. The task and the oracle are opened once, so that what
    cannot run is said now. Raises UsageError and SelectionError; an experiment that is there is not touched.
    """
    if (folder / EXPERIMENT_NAME).exists():
        raise UsageError(f"{folder}: holds an experiment already; run it, or name a new folder")
    strategies = tuple(dict.fromkeys((instructions.strategy, *baselines)))
    for name in (*strategies, instructions.start):
        if name not in STRATEGIES:
            raise UsageError(f"strategy {name}: is not known; there are {', '.join(STRATEGIES)}")
    begin = STRATEGIES[instructions.start]
    if NEEDED in (begin.score, begin.foreground, begin.classes):
        raise UsageError(f"start {instructions.start}: needs scores, and there is no model yet; start from --start-ids")
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UsageError("seeds: give one or more different whole numbers from 0")
    if test_mode:
        instructions = replace(instructions, first=TEST_ITEMS, per_round=TEST_ITEMS, rounds=TEST_ROUNDS)
    task = open_task(instructions.task, instructions.settings)
    open_oracle(instructions.oracle, instructions.oracle_settings, task)
    items = task.items()
    _check_choice(Request(task, instructions, items, {}, 0), items)
    instructions = replace(instructions, judged_by=task.judged_by())
    experiment = Experiment(folder, strategies, tuple(seeds))
    for name, seed, arm in experiment.arms():
        write_instructions(make_folder(arm), replace(instructions, strategy=name, seed=seed))
    about = {"format_version": FORMAT_VERSION, "strategies": list(strategies), "seeds": list(seeds)}
    write_json(folder / EXPERIMENT_NAME, {**about, "instructions": asdict(instructions)})
    return experiment


def open_experiment(folder: Path) -> Experiment:
    """The experiment in a folder. Raises SelectionError."""
    path = folder / EXPERIMENT_NAME
    if not path.is_file():
        raise SelectionError(f"{folder}: holds no experiment; make one with ceruleanml loop create")
    try:
        content: dict[str, Any] = read_json(path)
        experiment = Experiment(folder, tuple(content["strategies"]), tuple(content["seeds"]))
    except (StorageError, KeyError, TypeError) as error:
        raise SelectionError(f"{path}: is broken ({error}); create the experiment again") from error
    if not experiment.arms():
        raise SelectionError(f"{path}: is broken (it has no arms); create the experiment again")
    return experiment


def run(
    folder: Path,
    rounds: int | None = None,
    partial: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[Standing]:
    """Run every arm of an experiment as far as it goes (see `run_rounds`).

    With `workers` above 1, or a `scheduler` of Dask, arms run side by side, to the same files. Raises StorageError
    where another process runs it.
    """
    experiment = open_experiment(folder)
    with _alone(folder):
        arms = [arm for _, _, arm in experiment.arms()]
        alone = workers == 1 and scheduler is None
        work = functools.partial(_run_arm, rounds=rounds, partial=partial, progress=progress if alone else None)
        found = {standing.folder: standing for standing in run_units(work, arms, workers, scheduler)}
        return [found[arm] for arm in arms]


def _run_arm(arm: Path, rounds: int | None, partial: bool, progress: Progress | None) -> Standing:
    """Run one arm; workers of a cluster may still run it for a command that was killed."""
    with _alone(arm):
        return run_rounds(arm, rounds, partial, progress)


def standings(folder: Path) -> list[Standing]:
    """Where every arm stands, from its files alone."""
    return [standing(arm) for _, _, arm in open_experiment(folder).arms()]


def standing(arm: Path) -> Standing:
    """Where an arm stands: how many rounds are done, and which step is next."""
    told = read_instructions(arm)
    places = [RoundFolder(arm, number) for number in round_numbers(arm)]
    done = sum(place.done for place in places)
    rounds = max(told.rounds, len(places))  # it may have been told to go further
    if done >= rounds:
        return Standing(arm, done, rounds, ended=f"all {rounds} rounds are done")
    if not places:
        return Standing(arm, 0, rounds, waiting="nothing was run yet")
    last = places[-1]
    if not last.labels.is_file():
        return Standing(arm, done, rounds, waiting=f"round {last.number}: labels are missing")
    if last.selection.is_file() and not last.picks():
        return Standing(arm, done, rounds, ended=f"round {last.number + 1}: {SPENT}")
    step = "the choice of the next items" if last.done else "its training"
    return Standing(arm, done, rounds, waiting=f"round {last.number}: {step} is next")


def _check_choice(request: Request, items: Items) -> None:
    """Raise UsageError for options of the choice that cannot be, and SelectionError for an empty pool."""
    if not items.ids:
        raise SelectionError("the pool holds no item to choose from; name one with unlabelled items")
    own = sorted(request.told.choice.keys() & set(OWN_CHOICE))
    if own:
        raise UsageError(f"the options of the choice: {own[0]} is not for rounds; leave it out")
    if request.told.start_ids:
        named(items, request.told.start_ids)
    try:
        request.options(request.told.strategy, request.told.per_round, request.told.choice)
    except TypeError as error:
        raise UsageError(f"the options of the choice: {error}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else runs this experiment meanwhile."""
    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise storage_error(folder, error) from error
    with file, ExitStack() as held:
        try:
            held.enter_context(locked(file.fileno()))
        except OSError as error:
            raise StorageError(f"{folder}: is being run by another process; wait for it") from error
        yield
