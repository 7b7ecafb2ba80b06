"""Candidates for choosing from: small pools by seed, and tables that one can check by eye."""

import numpy as np

from ceruleanml.selection.candidates import Candidates

COLUMNS = (
    "entropy_window", "mutual_information_window", "vote_entropy_window", "least_confidence_window", "foreground",
    "foreground_infra_slick", "foreground_natural_seep", "uncertain_infra_slick", "uncertain_natural_seep",
)  # fmt: skip


def unit(rows):
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def turned(*degrees):
    """Unit vectors in the plane at these angles: the farther apart the angles, the farther the items."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def pool(n=60, seed=0, groups=6, labelled=8, evaluation=5, dimensions=6, columns=COLUMNS):
    """A pool of n items "000", "001", ... in equal groups; the first are labelled, the last frozen."""
    rng = np.random.Generator(np.random.PCG64(seed))
    ids = tuple(f"{number:03d}" for number in range(n))
    places = np.arange(n)
    return Candidates(
        ids,
        tuple(f"scene_{place * groups // n}" for place in places),
        {name: rng.random(n) for name in columns},
        unit(rng.normal(size=(n, dimensions))),
        places < labelled,
        places >= n - evaluation,
    )


def table(scores, groups=None, embeddings=None, labelled=(), evaluation=(), ids=None):
    """Items a, b, c, ... with these columns; `labelled` and `evaluation` name some of them."""
    n = len(next(iter(scores.values()))) if scores else len(embeddings)
    ids = tuple(ids or "abcdefghijklmnopqrstuvwxyz"[:n])
    return Candidates(
        ids,
        tuple(groups or [""] * n),
        {name: np.array(values, np.float64) for name, values in scores.items()},
        embeddings,
        np.array([one in labelled for one in ids]),
        np.array([one in evaluation for one in ids]),
    )


def shuffled(items, order):
    """The same candidates in another order."""
    order = np.asarray(order)
    return Candidates(
        tuple(items.ids[place] for place in order),
        tuple(items.groups[place] for place in order),
        {name: values[order] for name, values in items.scores.items()},
        None if items.embeddings is None else items.embeddings[order],
        items.taken[order],
        items.frozen[order],
    )


def ids_of(selection):
    return [pick.id for pick in selection.picks]
