"""A pool on one sheet: embeddings laid out in two dimensions, and drawn coloured by score, class or round."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ceruleanml.errors import SelectionError
from ceruleanml.evaluation.plots import INK, new_figure
from ceruleanml.seeds import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 5000
LEAST_POINTS = 5
"""Fewer points have no neighbourhoods to keep, and are laid out by their principal axes alone."""
PRINCIPAL, PERPLEXITY = 50, 30.0
PALE, BLUE = "#c9d1d6", "#33576e"
CATEGORIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
"""The colours of Okabe and Ito 2008, which people with any common colour blindness tell apart."""
OTHER, GREY = "other", "#8f9aa1"
"""What the rarest texts are drawn as where there are more than colours."""

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Colouring:
    """What the points of a map are coloured by, called `name`.

    `values` (n) are float64, NaN where unknown, for a scale; or text, "" where there is none, for a legend. `colours`
    gives the colour of a text; others take those of CATEGORIES, the most frequent first. `ordered` lays whole numbers,
    such as rounds, on a legend from dark to light in place of a scale.
    """

    name: str
    values: NDArray[Any]
    colours: dict[str, str] | None = None
    ordered: bool = False


def coordinates(vectors: NDArray[np.floating], seed: int, always: NDArray[np.integer] | None = None) -> Points:
    """Where each row of vectors (n, d) lies on a map, float64 (n, 2) in [-1, 1]; neighbours stay neighbours.

    Principal axes to 50 dimensions, then t-SNE from the first two of them; fewer than five points by the axes alone. Of
    more than 5,000 rows so many are laid out, those of the indices `always` and others drawn by the seed; the rest are
    NaN. The same arguments give the same bits. Source: van der Maaten and Hinton 2008.
    """
    places = np.full((len(vectors), 2), np.nan)
    shown = drawn_points(len(vectors), seed, always)
    if len(shown):
        places[shown] = _scaled(_laid_out(np.asarray(vectors[shown], np.float64), seed))
    return places


def drawn_points(n: int, seed: int, always: NDArray[np.integer] | None = None) -> NDArray[np.int64]:
    """The indices, ascending, of the at most 5,000 points of n that a map shows: `always`, then drawn ones."""
    if n <= MOST_POINTS:
        return np.arange(n)
    first = np.unique(np.zeros(0, np.int64) if always is None else np.asarray(always, np.int64))[:MOST_POINTS]
    order = generator(seed, "points of a map").permutation(n)
    others = order[~np.isin(order, first)]
    return np.sort(np.concatenate([first, others[: MOST_POINTS - len(first)]]))


def map_png(points: Points, colouring: Colouring | None = None, title: str = "", marked: Any = None) -> bytes:
    """The PNG of a map: points (n, 2), NaN left out, in the colours of a colouring, ringed where `marked` (n) is set.

    Raises SelectionError where a colouring has another number of values.
    """
    figure = new_figure(7.4, 6.0)
    axes = figure.subplots()
    if colouring is None:
        _scatter(axes, points, BLUE)
    else:
        if len(colouring.values) != len(points):
            raise SelectionError(f"{colouring.name} has {len(colouring.values)} values for {len(points)} points")
        draw_coloured(axes, points, colouring)
    if marked is not None:
        ringed = points[np.asarray(marked, bool)]
        axes.scatter(ringed[:, 0], ringed[:, 1], s=44, facecolors="none", edgecolors=INK, linewidths=1.1)
    bare(axes, title)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()


def draw_coloured(axes: Axes, points: Points, colouring: Colouring) -> None:
    """Draw points (n, 2) in their colours, with a legend or a scale; those without a value pale and below the rest."""
    values = colouring.values
    if values.dtype.kind == "f" and not colouring.ordered:
        known = np.isfinite(values)
        _scatter(axes, points[~known], PALE)
        order = np.argsort(values[known], kind="stable")  # the highest on top
        if known.any():
            drawn = _scatter(axes, points[known][order], values[known][order])
            bar = axes.figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=28, pad=0.02)
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=8, colors=INK, length=2)
            bar.set_label(colouring.name, fontsize=8.5, color=INK)
        return
    texts, colours = _legend(_texts(values), colouring)
    drawn = {text: _scatter(axes, points[texts == text], colour) for text, colour in colours.items()}
    listed = sorted(drawn, key=lambda text: {OTHER: 1, "": 2}.get(text, 0))
    labels = [f"{text or 'none'} ({np.count_nonzero(texts == text):,})" for text in listed]
    axes.figure.legend(
        [drawn[text] for text in listed], labels, title=colouring.name, loc="outside right upper", frameon=False,
        fontsize=8, title_fontsize=8.5, alignment="left", handletextpad=0.3, markerscale=1.5,
    )  # fmt: skip


def bare(axes: Axes, title: str) -> None:
    """Give axes the form of a map: a title, no ticks, for only nearness means something."""
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlim(-1.04, 1.04)
    axes.set_ylim(-1.04, 1.04)


def _laid_out(rows: Points, seed: int) -> Points:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if len(rows) < 2 or np.allclose(rows, rows[0]):
        return np.zeros((len(rows), 2))
    with threadpool_limits(1):  # sums over threads differ in their last bits
        axes = min(PRINCIPAL, *rows.shape)
        reduced = PCA(axes, svd_solver="full").fit_transform(rows)
        if axes < 2:
            reduced = np.pad(reduced, ((0, 0), (0, 2 - axes)))
        if len(rows) < LEAST_POINTS:
            return np.asarray(reduced[:, :2], np.float64)
        start = reduced[:, :2] / np.std(reduced[:, 0]) * 1e-4  # as in openTSNE: small, so that it can unfold
        method = TSNE(
            perplexity=min(PERPLEXITY, (len(rows) - 1) / 3), init=start.astype(np.float32),
            random_state=int(generator(seed, "map").integers(2**31)), learning_rate="auto", n_jobs=1,
        )  # fmt: skip
        return np.asarray(method.fit_transform(reduced), np.float64)


def _scaled(points: Points) -> Points:
    """Points about their middle, the farthest along each axis at 1: axes mean nothing, so each fills the sheet."""
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    reach = np.abs(points - middle).max(axis=0)
    scaled: Points = (points - middle) / np.where(reach > 0, reach, 1)
    return scaled


def _texts(values: NDArray[Any]) -> NDArray[np.str_]:
    if values.dtype.kind == "f":
        return np.array(["" if np.isnan(one) else f"{one:g}" for one in values], np.str_)
    return np.array([str(one) for one in values], np.str_)


def _legend(texts: NDArray[np.str_], colouring: Colouring) -> tuple[NDArray[np.str_], dict[str, str]]:
    """The texts, the rarest of too many as `other`, and the colour of each in the order of drawing."""
    found, counts = np.unique(texts[texts != ""], return_counts=True)
    if colouring.ordered:
        names = sorted((str(one) for one in found), key=float)
        colours = dict(zip(names, _ramp(len(names)), strict=True))
    else:
        given = colouring.colours or {}
        free = [one for one in CATEGORIES if one not in given.values()]
        frequent = [str(found[place]) for place in np.argsort(-counts, kind="stable")]
        others = [name for name in frequent if name not in given]
        colours = dict(zip(others, free, strict=False)) | {name: given[name] for name in frequent if name in given}
        colours = {name: colours[name] for name in frequent if name in colours}
        rare = np.isin(texts, [name for name in frequent if name not in colours])
        if rare.any():
            texts, colours = np.where(rare, OTHER, texts), {OTHER: GREY} | colours
    return texts, ({"": PALE} if (texts == "").any() else {}) | colours


def _ramp(count: int) -> Sequence[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](share)) for share in np.linspace(0, 0.95, count)]


def _scatter(axes: Axes, points: Points, colours: Any) -> Any:
    size = float(np.clip(9000 / max(1, len(points)), 7, 26))
    plain = {"color": colours} if isinstance(colours, str) else {"c": colours, "cmap": "viridis"}
    return axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, alpha=0.85, **plain)
