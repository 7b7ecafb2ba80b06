"""Whether scores and embeddings are of the model and the pool at hand, by the sha256 that they carry."""

from __future__ import annotations

from pathlib import Path

from ceruleanml.datasets.folder import MANIFEST_NAME, read_manifest
from ceruleanml.errors import SelectionError
from ceruleanml.selection.embedding_rows import Embeddings
from ceruleanml.selection.score_files import ScoreTable, check_fresh
from ceruleanml.storage import sha256_of

OF_MODEL = "model"
"""The method of embeddings that are of the model that scores, and age with it; others hold for any model."""


def check_sources(
    table: ScoreTable | None, embeddings: Embeddings | None, model: Path | None, pool: Path | None, force: bool
) -> tuple[dict[str, str], list[str]]:
    """The sha256 of the `model` and the `pool` that the files are of, and notes.

    Raises SelectionError where scores or embeddings are of another model than the one in `model`, of another pool than
    the data set in `pool`, or of different pools; with `force` the first of these becomes a note.
    """
    digests = () if model is None else model_digests(model)
    of_pool = None if pool is None else pool_digest(pool)
    notes = []
    try:
        if table is not None:
            check_fresh(table, digests[0] if digests else None, of_pool)
        if embeddings is not None:
            _check_embeddings(embeddings, digests, of_pool)
        if table is not None and embeddings is not None:
            _check_same_pool(table, embeddings)
    except SelectionError as error:
        if not force:
            raise
        notes.append(f"forced: {error}")
    said = {} if embeddings is None else {"pool": str(embeddings.about.get("pool", ""))}
    said |= {} if table is None else {name: _one(table, name) for name in ("model", "pool")}
    said |= {} if of_pool is None else {"pool": of_pool}
    return {name: value for name, value in said.items() if value}, notes


def model_digests(model: Path) -> tuple[str, ...]:
    """The sha256 that scores of a model carry, then those that embeddings may: of the weights of each member."""
    from ceruleanml.selection.item_ensemble import ensemble_kind
    from ceruleanml.selection.item_scores import model_hash

    if ensemble_kind(model) is not None:  # small networks of catalogues and spectra
        return (model_hash(model),)
    from ceruleanml.models.ensemble_folder import read_ensemble
    from ceruleanml.models.predictor import weights_file
    from ceruleanml.selection.scoring import model_sha256

    return (model_sha256(model), *(sha256_of(weights_file(run)) for run in read_ensemble(model)))


def pool_digest(pool: Path) -> str:
    """The sha256 of a data set's manifest. Raises DatasetError where the folder is none."""
    read_manifest(pool)
    return sha256_of(pool / MANIFEST_NAME)


def _check_embeddings(embeddings: Embeddings, digests: tuple[str, ...], pool: str | None) -> None:
    model, of_pool = (str(embeddings.about.get(name, "")) for name in ("model", "pool"))
    if digests and embeddings.about.get("method") == OF_MODEL and model not in digests:
        raise SelectionError(
            f"the embeddings are of model {model[:12]}, not of {digests[0][:12]}; embed the pool again with the model, "
            "or take them with --force"
        )
    if pool is not None and of_pool and of_pool != pool:
        raise SelectionError(
            f"the embeddings are of pool {of_pool[:12]}, not of {pool[:12]}; embed this pool, or take them with --force"
        )


def _check_same_pool(table: ScoreTable, embeddings: Embeddings) -> None:
    scored, embedded = _one(table, "pool"), str(embeddings.about.get("pool", ""))
    if scored and embedded and scored != embedded:
        raise SelectionError(
            f"the scores are of pool {scored[:12]}, the embeddings of {embedded[:12]}; score and embed the same data "
            "set, or take them with --force"
        )


def _one(table: ScoreTable, name: str) -> str:
    """What all rows of a table say, "" where they do not."""
    found = set(table.texts.get(name, ()))
    return found.pop() if len(found) == 1 else ""
