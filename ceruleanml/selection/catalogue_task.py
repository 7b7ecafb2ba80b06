"""Rounds on catalogues, as Zoobot has them: images, the votes of volunteers, a network that predicts their share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.progress import Progress
from ceruleanml.selection import small_training
from ceruleanml.selection.catalogue_files import Catalogue, Columns, parse_votes, read_catalogue
from ceruleanml.selection.item_ensemble import ENSEMBLE_NAME, Course, drawn_again, train_members
from ceruleanml.selection.item_rows import ItemRows
from ceruleanml.selection.item_scores import stored_embeddings, unit_features
from ceruleanml.selection.task import Answer, Figures, Items, NothingToLearn, Payload
from ceruleanml.selection.task_settings import TrainingSettings, read_settings
from ceruleanml.storage import sha256_of

Floats = NDArray[np.float64]
TINY = 1e-7
"""A predicted share is kept so far from 0 and 1 where the likelihood of votes is taken."""


@dataclass(frozen=True, kw_only=True)
class CatalogueSettings(TrainingSettings):
    """The task's settings, JSON.

    `catalogue` is the CSV of the pool and `evaluation` that of the frozen evaluation set; `votes` names the columns of
    k and N, `id` and `file` those of ids and images. Images are read at `side_px` with `bands` (1 or 3). Of several
    `members` each learns from its own bootstrap resample. A score is over `samples` dropout masks of each member and
    `expected_votes` of volunteers, without it their mean number in the training labels. A vote takes a volunteer
    `seconds_per_vote`.
    """

    catalogue: str
    evaluation: str
    votes: str = "k,N"
    id: str | None = None
    file: str | None = None
    side_px: int = 64
    bands: int = 1
    samples: int = 5
    expected_votes: int | None = None
    members: int = 1
    seconds_per_vote: float = 5.0

    @property
    def columns(self) -> Columns:
        """The catalogues' columns."""
        return Columns(parse_votes(self.votes), self.id, self.file, self.group)

    def check(self) -> None:
        """Raise SelectionError for values that cannot be."""
        super().check()
        self.within("side_px", 16, 4096)
        self.within("samples", 1)
        self.within("members", 1, 99)
        self.within("seconds_per_vote", 0)
        if self.expected_votes is not None:
            self.within("expected_votes", 1)
        if self.bands not in (1, 3):
            raise SelectionError(f"setting bands {self.bands} cannot be; give 1 or 3")


@dataclass(frozen=True, eq=False)
class CatalogueTask:
    """Image classification with volunteer votes; more `vote_agreement` is better, 1 - mean |k / N - p|."""

    settings: CatalogueSettings
    pool: Catalogue
    evaluation: Catalogue
    main: str = "vote_agreement"

    @classmethod
    def of(cls, settings: dict[str, Any]) -> CatalogueTask:
        """The task of these settings, its catalogues read. Raises SelectionError."""
        told = read_settings(CatalogueSettings, settings)
        pool = read_catalogue(Path(told.catalogue), told.columns)
        evaluation = read_catalogue(Path(told.evaluation), told.columns)
        if not (evaluation.n > 0).any():
            raise SelectionError(f"{told.evaluation}: no item has a vote to judge by; give one that has")
        return cls(told, pool, evaluation)

    def items(self) -> Items:
        """The pool in the order of ids, without items and, where a column names them, groups of the evaluation set.

        Raises SelectionError for the first image that is missing.
        """
        frozen = set(self.evaluation.ids)
        frozen_groups = set(self.evaluation.groups) if self.settings.group else set()
        rows = [
            row for item_id, row in sorted(self._rows.of.items())
            if item_id not in frozen and self.pool.groups[row] not in frozen_groups
        ]  # fmt: skip
        for row in rows:
            self.pool.file_of(row)
        return Items(tuple(self.pool.ids[row] for row in rows), tuple(self.pool.groups[row] for row in rows))

    def judged_by(self) -> str:
        """The sha256 of the file of the evaluation set."""
        return sha256_of(Path(self.settings.evaluation))

    def hidden(self, item_id: str) -> Answer:
        """The votes in the catalogue, and the minutes that its volunteers took."""
        row = self._rows.row(item_id)
        k, n = int(self.pool.k[row]), int(self.pool.n[row])
        if n < 0:
            raise SelectionError(f"{self.pool.path}: row {row + 2}: {item_id} has no votes to reveal; take it out")
        return Answer({"k": k, "N": n}, {"votes": float(n), "minutes": n * self.settings.seconds_per_vote / 60})

    def train(self, labels: Mapping[str, Payload], out: Path, seed: int, warm: Path | None, progress: Progress) -> None:
        """Train the members on the items that have votes. Raises NothingToLearn where none has."""
        from ceruleanml.selection.catalogue_learning import KIND, images_of, vote_lesson

        voted = self._voted(labels)
        told = self.settings
        form = {"kind": KIND, "side_px": told.side_px, "bands": told.bands, "dropout": told.dropout}
        about = {**form, "mean_votes": float(np.mean([n for _, n in voted.values()]))}
        images = images_of(self.pool, self._rows.rows(tuple(voted)), told.side_px, told.bands)
        votes = np.array(list(voted.values()), np.int64)

        def lesson_of(member: int, begin: Path | None, started: str | None) -> small_training.Lesson:
            identity = small_training.identity_of(form, asdict(told.recipe), voted, seed, told.members, member, started)
            drawn = drawn_again(len(votes), seed, member) if told.members > 1 else np.arange(len(votes))
            own = small_training.word(seed, "member", member)
            return vote_lesson(images, votes, drawn, told.dropout, told.recipe, own, about, identity, begin)

        epochs = told.recipe.epochs_for(len(voted))
        train_members(Course(KIND, told.members, epochs, seed, lesson_of), out, warm, progress)

    def trained(self, out: Path) -> bool:
        """Whether all members came to their end."""
        return (out / ENSEMBLE_NAME).is_file()

    def evaluate(self, model: Path) -> Figures:
        """Figures over the evaluation items that have votes; an even vote has no majority and no say in `accuracy`."""
        from ceruleanml.selection.catalogue_learning import VotePredictor

        rows = np.flatnonzero(self.evaluation.n > 0)
        with small_training.steady_torch(self.settings.threads):
            predictor = VotePredictor(model)
            rho = predictor.member_shares(predictor.pooled(self.evaluation, rows)).mean(axis=0)
        k, n = self.evaluation.k[rows], self.evaluation.n[rows]
        agreement = 1 - np.abs(k / n - rho)
        parts: dict[str, tuple[float, float]] = {}
        for row, value in zip(rows, agreement, strict=True):
            total, count = parts.get(self.evaluation.groups[row], (0.0, 0.0))
            parts[self.evaluation.groups[row]] = (total + float(value), count + 1)
        return Figures(vote_figures(k, n, rho), parts)

    def score(self, model: Path, ids: Sequence[str], work: Path, seed: int) -> dict[str, Floats]:
        """What the next votes would tell, how unsure the mean of the samples is, and `foreground`, the share of yes.

        With several members also how far these disagree, asked without dropout: in hard votes and in their shares.
        """
        from ceruleanml.selection import uncertainty
        from ceruleanml.selection.catalogue_learning import VotePredictor

        with small_training.steady_torch(self.settings.threads):
            predictor = VotePredictor(model)
            pooled = predictor.pooled(self.pool, self._rows.rows(ids))
            rho = predictor.sampled_shares(pooled, self.settings.samples, seed)
            members = predictor.member_shares(pooled)
        mean = rho.mean(axis=0)
        columns = {
            "least_confidence": uncertainty.least_confidence(mean[:, None]),
            "margin": uncertainty.margin(mean[:, None]),
            "entropy": uncertainty.entropy(mean[:, None]),
            "foreground": mean,
        }
        if len(rho) > 1:
            votes = self.settings.expected_votes or max(1, round(predictor.about["mean_votes"]))
            columns["mutual_information"] = uncertainty.mutual_information(rho[..., None])
            columns["vote_mutual_information"] = uncertainty.vote_mutual_information(rho, votes)
        if len(members) > 1:
            columns["vote_entropy"] = uncertainty.vote_entropy((members > 0.5).astype(np.int64), 2)
            columns["soft_mutual_information"] = uncertainty.soft_mutual_information(members[..., None])
        return columns

    def embed(self, model: Path | None, ids: Sequence[str], work: Path) -> NDArray[np.float32] | None:
        """The penultimate features at unit length; without a model those of the file `embeddings`, if it is named."""
        from ceruleanml.selection.catalogue_learning import VotePredictor

        if model is None:
            return stored_embeddings(self.settings.embeddings, ids)
        with small_training.steady_torch(self.settings.threads):
            predictor = VotePredictor(model)
            return unit_features(predictor.features(predictor.pooled(self.pool, self._rows.rows(ids))))

    def _voted(self, labels: Mapping[str, Payload]) -> dict[str, tuple[int, int]]:
        """The votes of the labelled items that have any, in the order of ids."""
        frozen = labels.keys() & set(self.evaluation.ids)
        if frozen:
            raise SelectionError(f"item {min(frozen)} is in the evaluation set {self.evaluation.path}; take it out")
        votes = {item_id: _checked(item_id, labels[item_id]) for item_id in sorted(labels)}
        voted = {item_id: pair for item_id, pair in votes.items() if pair[1]}
        if not voted:
            raise NothingToLearn(f"none of the {len(labels)} labelled items has a vote")
        return voted

    @cached_property
    def _rows(self) -> ItemRows:
        return ItemRows(self.pool.ids, self.pool.path)


def vote_figures(k: NDArray[np.int64], n: NDArray[np.int64], rho: Floats) -> dict[str, float]:
    """How predicted shares (items,) fit votes k of n > 0, by name.

    `vote_agreement` 1 - mean |k / n - rho|, `rmse` of the same, `log_likelihood` the mean of log Bin(k | n, rho) in
    nats, and `accuracy` of the majority over items where there is one.
    """
    from scipy.special import gammaln, xlog1py, xlogy

    errors = k / n - rho
    safe = np.clip(rho, TINY, 1 - TINY)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    likelihood = ways + xlogy(k, safe) + xlog1py(n - k, -safe)
    values = {
        "vote_agreement": 1 - float(np.abs(errors).mean()),
        "rmse": float(np.sqrt((errors**2).mean())),
        "log_likelihood": float(likelihood.mean()),
    }
    decided = 2 * k != n
    if decided.any():
        values["accuracy"] = float(((2 * k > n) == (rho > 0.5))[decided].mean())
    return values


def _checked(item_id: str, payload: Payload) -> tuple[int, int]:
    """The votes of a label. Raises SelectionError where they are none."""
    k, n = (payload.get("k"), payload.get("N")) if isinstance(payload, dict) else (None, None)
    if type(k) is not int or type(n) is not int or not 0 <= k <= n:
        raise SelectionError(f'the label of {item_id} is no vote; give {{"k": …, "N": …}}, whole numbers, k at most N')
    return k, n
