"""Rounds on spectra, as QuasarNET has them: classes and lines, learned by an ensemble on bootstrap resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.progress import Progress
from ceruleanml.selection import small_training
from ceruleanml.selection.item_ensemble import ENSEMBLE_NAME, Course, train_members
from ceruleanml.selection.item_rows import ItemRows
from ceruleanml.selection.item_scores import stored_embeddings, unit_features
from ceruleanml.selection.spectra_figures import spectra_figures
from ceruleanml.selection.spectra_files import LineTable, Spectra, read_spectra
from ceruleanml.selection.spectra_grid import Grid
from ceruleanml.selection.task import Answer, Figures, Items, NothingToLearn, Payload
from ceruleanml.selection.task_settings import TrainingSettings, read_settings
from ceruleanml.storage import sha256_of

if TYPE_CHECKING:
    from ceruleanml.selection.spectra_learning import Form, Targets

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SpectraSettings(TrainingSettings):
    """The task's settings, JSON.

    `spectra` is the file of the pool and `evaluation` that of the frozen evaluation set, `id` their column of ids.
    `classes` are those that there can be, without it those of the evaluation set; `foreground` those that are looked
    for. `lines` are rest wavelengths in angstrom by name, `line_classes` the classes whose z tells where they are.
    The grid runs from `first_angstrom` to `last_angstrom` in `pixels` steps of equal ratio, and lines are looked for
    in `boxes` parts of it; one is right within `tolerance_km_s`. The ensemble has so many `members`. A spectrum takes
    an expert so many `minutes`.
    """

    spectra: str
    evaluation: str
    id: str | None = None
    classes: tuple[str, ...] = ()
    foreground: tuple[str, ...] = ()
    lines: dict[str, float] = field(default_factory=dict)
    line_classes: tuple[str, ...] = ()
    first_angstrom: float = 3600.0
    last_angstrom: float = 9800.0
    pixels: int = 443
    boxes: int = 13
    members: int = 3
    minutes: float = 2.0
    tolerance_km_s: float = 6000.0

    @property
    def grid(self) -> Grid:
        """Of wavelengths."""
        return Grid(self.first_angstrom, self.last_angstrom, self.pixels)

    def check(self) -> None:
        """Raise SelectionError for values that cannot be."""
        super().check()
        self.within("first_angstrom", 1)
        self.within("last_angstrom", self.first_angstrom + 1)
        self.within("pixels", 16, 100_000)
        self.within("boxes", 1, self.pixels)
        self.within("members", 1, 99)
        self.within("minutes", 0)
        self.within("tolerance_km_s", 0)
        if wrong := [name for name, rest in self.lines.items() if rest <= 0]:
            raise SelectionError(f"setting lines: {wrong[0]} has no wavelength above 0; give it in angstrom")
        if len({name.lower() for name in self.lines}) < len(self.lines):
            raise SelectionError("setting lines: two names differ in the case of letters alone; name each line once")

    def read(self, path: str) -> Spectra:
        """The spectra of a file."""
        return read_spectra(Path(path), self.grid, LineTable(self.lines, self.line_classes), self.id, self.group)


@dataclass(frozen=True, eq=False)
class SpectraTask:
    """Classes and lines of spectra; more `balanced_accuracy` is better, the mean over classes of the share found."""

    settings: SpectraSettings
    classes: tuple[str, ...]
    pool: Spectra
    evaluation: Spectra
    main: str = "balanced_accuracy"

    @classmethod
    def of(cls, settings: dict[str, Any]) -> SpectraTask:
        """The task of these settings, its files read. Raises SelectionError."""
        told = read_settings(SpectraSettings, settings)
        pool, evaluation = told.read(told.spectra), told.read(told.evaluation)
        found = {name for name in evaluation.classes if name}
        classes = told.classes or tuple(sorted(found))
        if len(set(classes)) < max(2, len(classes)):
            raise SelectionError(f"{told.evaluation}: has the classes {', '.join(classes) or 'none'}; name two or more")
        for strange in sorted((found | set(told.foreground) | set(told.line_classes)) - set(classes)):
            raise SelectionError(f"class {strange} is not among {', '.join(classes)}; name it in the setting classes")
        if not found:
            raise SelectionError(f"{told.evaluation}: no spectrum has a class to judge by; give one that has")
        return cls(told, classes, pool, evaluation)

    def items(self) -> Items:
        """The pool in the order of ids, without items and, where a column names them, groups of the evaluation set."""
        frozen = set(self.evaluation.ids)
        frozen_groups = set(self.evaluation.groups) if self.settings.group else set()
        rows = [
            row for item_id, row in sorted(self._rows.of.items())
            if item_id not in frozen and self.pool.groups[row] not in frozen_groups
        ]  # fmt: skip
        return Items(tuple(self.pool.ids[row] for row in rows), tuple(self.pool.groups[row] for row in rows))

    def judged_by(self) -> str:
        """The sha256 of the file of the evaluation set."""
        return sha256_of(Path(self.settings.evaluation))

    def hidden(self, item_id: str) -> Answer:
        """The class and the lines, in angstrom by name, that the file has; lines are None where they are not known."""
        row = self._rows.row(item_id)
        if not self.pool.classes[row]:
            raise SelectionError(f"{self.pool.path}: row {row + 1}: {item_id} has no class to reveal; take it out")
        seen = zip(self.settings.lines, self.pool.lines[row], strict=True)
        lines = {name: float(place) for name, place in seen if np.isfinite(place)}
        payload = {"class": self.pool.classes[row], "lines": lines if self.pool.lines_known[row] else None}
        return Answer(payload, {"minutes": self.settings.minutes})

    def train(self, labels: Mapping[str, Payload], out: Path, seed: int, warm: Path | None, progress: Progress) -> None:
        """Train the members one after another, each on its own resample; the list of them is written last."""
        from ceruleanml.selection import spectra_learning as learning

        targets = self._targets(labels)
        told, form = self.settings, self._form
        known = {item_id: labels[item_id] for item_id in sorted(labels)}

        def lesson_of(member: int, begin: Path | None, started: str | None) -> small_training.Lesson:
            identity = small_training.identity_of(form.about(), asdict(told.recipe), known, seed, member, started)
            return learning.member_lesson(form, targets, member, told.recipe, seed, identity, begin)

        epochs = told.recipe.epochs_for(len(labels))
        train_members(Course(learning.KIND, told.members, epochs, seed, lesson_of), out, warm, progress)

    def trained(self, out: Path) -> bool:
        """Whether all members came to their end."""
        return (out / ENSEMBLE_NAME).is_file()

    def evaluate(self, model: Path) -> Figures:
        """Figures over the evaluation spectra that have a class; lines over those of which they are known."""
        from ceruleanml.selection.spectra_learning import SpectraPredictor

        rows = np.array([row for row, name in enumerate(self.evaluation.classes) if name], np.int64)
        flux = self.evaluation.flux[rows]
        with small_training.steady_torch(self.settings.threads):
            predictor = SpectraPredictor(model, self._form)
            predicted = predictor.probabilities(flux).mean(axis=0).argmax(axis=1)
            confidence, places = predictor.lines(flux) if self.settings.lines else (None, None)
        truth = np.array([self.classes.index(self.evaluation.classes[row]) for row in rows], np.int64)
        groups = tuple(self.evaluation.groups[row] for row in rows)
        return spectra_figures(
            self.classes, truth, predicted, groups, self.evaluation.lines[rows], self.evaluation.lines_known[rows],
            confidence, places, self.settings.tolerance_km_s,
        )  # fmt: skip

    def score(self, model: Path, ids: Sequence[str], work: Path, seed: int) -> dict[str, Floats]:
        """How unsure the ensemble is, how far its members disagree, `vote_share_<class>` and `foreground`s."""
        from ceruleanml.selection import uncertainty
        from ceruleanml.selection.spectra_learning import SpectraPredictor

        with small_training.steady_torch(self.settings.threads):
            members = SpectraPredictor(model, self._form).probabilities(self.pool.flux[self._rows.rows(ids)])
        mean, votes = members.mean(axis=0), members.argmax(axis=2)
        columns = {
            "least_confidence": uncertainty.least_confidence(mean),
            "margin": uncertainty.margin(mean),
            "entropy": uncertainty.entropy(mean),
            "vote_entropy": uncertainty.vote_entropy(votes, len(self.classes)),
            "soft_mutual_information": uncertainty.soft_mutual_information(members),
        }
        shares = uncertainty.vote_shares(votes, len(self.classes))
        for number, name in enumerate(self.classes):
            columns[f"vote_share_{name}"] = shares[:, number]
            columns[f"foreground_{name}"] = mean[:, number]
            columns[f"uncertain_{name}"] = mean[:, number] * columns["entropy"]
        wanted = [self.classes.index(name) for name in self.settings.foreground]
        if wanted:
            columns["foreground"] = mean[:, wanted].sum(axis=1)
        return columns

    def embed(self, model: Path | None, ids: Sequence[str], work: Path) -> NDArray[np.float32] | None:
        """The members' penultimate features at unit length; without a model those in the file `embeddings`, if any."""
        from ceruleanml.selection.spectra_learning import SpectraPredictor

        if model is None:
            return stored_embeddings(self.settings.embeddings, ids)
        with small_training.steady_torch(self.settings.threads):
            return unit_features(SpectraPredictor(model, self._form).features(self.pool.flux[self._rows.rows(ids)]))

    @property
    def _form(self) -> Form:
        from ceruleanml.selection.spectra_learning import Form

        told = self.settings
        return Form(told.grid, self.classes, tuple(told.lines), told.boxes, told.dropout)

    def _targets(self, labels: Mapping[str, Payload]) -> Targets:
        """What is known of the labelled spectra, in the order of ids. Raises NothingToLearn without any."""
        from ceruleanml.selection.spectra_learning import targets_of

        if not labels:
            raise NothingToLearn("no spectrum is labelled")
        if frozen := labels.keys() & set(self.evaluation.ids):
            raise SelectionError(f"item {min(frozen)} is in the evaluation set {self.evaluation.path}; take it out")
        ids = sorted(labels)
        classes = [self._class_of(item_id, labels[item_id]) for item_id in ids]
        given = [labels[item_id].get("lines") for item_id in ids]
        lines = np.array([[(one or {}).get(name, np.nan) for name in self.settings.lines] for one in given], np.float64)
        known = np.array([one is not None for one in given], np.bool_)
        return targets_of(self._form, self.pool.flux[self._rows.rows(ids)], classes, lines.reshape(len(ids), -1), known)

    def _class_of(self, item_id: str, payload: Payload) -> int:
        """The class number of a label. Raises SelectionError where it names no class, or lines that cannot be."""
        name = payload.get("class") if isinstance(payload, dict) else None
        if name not in self.classes:
            raise SelectionError(f"the label of {item_id} names the class {name}; there are {', '.join(self.classes)}")
        lines = payload.get("lines") or {}
        if not isinstance(lines, dict) or not all(type(place) in (int, float) for place in lines.values()):
            raise SelectionError(f"the label of {item_id} has lines {lines}; give wavelengths in angstrom by name")
        if strange := sorted(lines.keys() - self.settings.lines.keys()):
            raise SelectionError(f"the label of {item_id} names the line {strange[0]}; add it to the setting lines")
        return self.classes.index(name)

    @cached_property
    def _rows(self) -> ItemRows:
        return ItemRows(self.pool.ids, self.pool.path)
