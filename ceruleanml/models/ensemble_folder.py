"""The folder of an ensemble: which trainings it is made of, and how it is told apart from another's."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from ceruleanml.errors import CeruleanError, ModelError, StorageError, UsageError
from ceruleanml.models.card import CARD_NAME
from ceruleanml.models.config import TrainConfig, as_values, from_values, settings
from ceruleanml.models.run_folder import MAY_CHANGE, RunFolder
from ceruleanml.seeds import generator
from ceruleanml.storage import make_folder, read_json, write_json

ENSEMBLE_NAME = "ensemble.json"
ENSEMBLE_VERSION = 1


def is_ensemble(path: Path) -> bool:
    """Whether a folder holds an ensemble, finished or not."""
    return (path / ENSEMBLE_NAME).is_file()


def read_ensemble(path: Path) -> tuple[Path, ...]:
    """The run folders of an ensemble's members, in their order; a model that is none is its own single member.

    Raises ModelError: no model there, members that are not finished, or a broken `ensemble.json`.
    """
    if not is_ensemble(path):
        if path.is_dir() and not (path / CARD_NAME).is_file():
            raise ModelError(
                f"{path}: holds no model, neither {CARD_NAME} nor {ENSEMBLE_NAME}; name a folder of ceruleanml train "
                "or train-ensemble"
            )
        if not path.exists():
            raise ModelError(f"{path}: no such model; name a folder of ceruleanml train or train-ensemble")
        return (path,)
    members = tuple(path / name for name in read_arguments(path)["members"])
    lacking = [member.name for member in members if not RunFolder(member).finished]
    if lacking:
        raise ModelError(
            f"{path}: not trained yet are {len(lacking)} of {len(members)} members, first {lacking[0]}; run the same "
            "train-ensemble command again"
        )
    return members


def member_configs(config: TrainConfig, n: int, out: Path, bootstrap: str | None) -> tuple[TrainConfig, ...]:
    """The trainings of the members: the same but for their run folder and seed, by which they draw their data.

    All hold out the same scenes. Without `trainer.threads` each has one, so that the bits of its weights do not
    depend on how many are trained at once.
    """
    made = []
    for number in range(n):
        member = deepcopy(config)
        member.run = str(out / f"member_{number:02d}")
        member.data.bootstrap = bootstrap
        if member.data.split_seed is None:
            member.data.split_seed = config.trainer.seed
        member.trainer.seed = int(generator(config.trainer.seed, "member", number).integers(2**32))
        member.trainer.threads = config.trainer.threads or 1
        made.append(member)
    return tuple(made)


def claim(out: Path, config: TrainConfig, members: tuple[TrainConfig, ...], bootstrap: str | None) -> None:
    """Write `ensemble.json`, or find that it says the same.

    Raises UsageError where the folder holds something else, or an ensemble of other arguments that was begun.
    """
    wanted = {
        "format_version": ENSEMBLE_VERSION,
        "members": [Path(member.run).name for member in members],
        "bootstrap": bootstrap,
        "seed": config.trainer.seed,
        "config": {name: value for name, value in as_values(config).items() if name != "run"},
    }
    if is_ensemble(out):
        before = read_arguments(out)
        if any(RunFolder(out / name).started for name in before["members"]):
            _check_same(out, before, wanted)
            return
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and holds no ensemble; choose another --out")
    write_json(make_folder(out) / ENSEMBLE_NAME, wanted)


def read_arguments(out: Path) -> dict[str, Any]:
    """What `ensemble.json` says. Raises ModelError for a broken one."""
    path = out / ENSEMBLE_NAME
    try:
        content = read_json(path)
    except StorageError as error:
        raise ModelError(f"{error}; choose another --out and train again") from error
    if not isinstance(content, dict) or content.get("format_version") != ENSEMBLE_VERSION:
        raise ModelError(f"{path}: is no description of an ensemble that this program reads; train it again")
    names = content.get("members")
    if not isinstance(names, list) or not names or not all(isinstance(one, str) and _is_plain(one) for one in names):
        raise ModelError(f"{path}: its members are no names of folders in it; train it again")
    return content


def _is_plain(name: str) -> bool:
    """Whether a name stays in its folder."""
    return Path(name).name == name and name not in ("", "..")


def _check_same(out: Path, before: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, old, new in _differences(out, before, wanted):
        raise UsageError(
            f"{name} is {new!r}, the ensemble in {out} was started with {old!r}; go on with the same, or choose "
            "another --out"
        )


def _differences(out: Path, before: dict[str, Any], wanted: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    pairs = [
        ("-n", len(before["members"]), len(wanted["members"])),
        ("--bootstrap", before.get("bootstrap") or "none", wanted["bootstrap"] or "none"),
    ]
    found = [(name, old, new) for name, old, new in pairs if old != new]
    try:
        old_values = _values(before.get("config", {}), str(out / ENSEMBLE_NAME))
    except (CeruleanError, TypeError, AttributeError) as error:
        raise ModelError(f"{out / ENSEMBLE_NAME}: its settings cannot be read ({error}); train it again") from error
    new_values = _values(wanted["config"], "the command line")
    found += [(name, old_values[name], value) for name, value in new_values.items() if old_values[name] != value]
    return found


def _values(content: dict[str, Any], source: str) -> dict[str, Any]:
    """The settings by name that make another model; 1 equals 1.0."""
    config = from_values(content, source=source)
    return {name: value for name, _, value in settings(config) if name not in MAY_CHANGE}
