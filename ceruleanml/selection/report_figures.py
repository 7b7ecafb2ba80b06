"""The drawings of a selection's report: distances before and after, scores, and the map."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.evaluation.plots import BLUE, INK, RUST, new_figure, plain
from ceruleanml.selection.report_facts import AT_RANDOM, CHOSEN, LABELLED, POOL, Distances, Facts, Map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#b9c3c9"
FEW = 500
"""Points of which there are fewer are drawn larger."""
MARKS: dict[str, dict[str, Any]] = {
    POOL: {"marker": "o", "s": 7, "color": GREY, "linewidths": 0},
    LABELLED: {"marker": "s", "s": 16, "color": BLUE, "linewidths": 0},
    CHOSEN: {"marker": "^", "s": 46, "color": RUST, "edgecolors": INK, "linewidths": 0.7},
    AT_RANDOM: {"marker": "^", "s": 46, "facecolors": "white", "edgecolors": RUST, "linewidths": 1.3},
}
"""How each kind of item looks on the map; told apart by form too."""


def figure_pngs(facts: Facts) -> dict[str, bytes]:
    """The PNG of each drawing that there is something for."""
    drawn: dict[str, Figure] = {}
    if facts.distances is not None:
        drawn["distances"] = new_figure(9, 2.9)
        draw_distances(drawn["distances"].subplots(), facts.distances)
    if facts.map is not None:
        drawn["map"] = new_figure(9, 6.4)
        draw_map(drawn["map"].subplots(), facts.map)
    if facts.scores:
        drawn["scores"] = new_figure(9, 2.5 * len(facts.scores))
        for axes, name in zip(np.atleast_1d(drawn["scores"].subplots(len(facts.scores))), facts.scores, strict=True):
            draw_scores(axes, facts, name)
    return {name: _png(figure) for name, figure in drawn.items()}


def draw_distances(axes: Axes, distances: Distances) -> None:
    """Draw two histograms over each other: distances to the nearest taken item before the choice and after."""
    most = max(float(np.max(part)) for part in (distances.before, distances.after) if part is not None)
    bins = np.linspace(0, max(most, 1e-3) * 1.02, 41).tolist()
    parts = (("before", distances.before, GREY, True), ("after", distances.after, RUST, False))
    for name, values, colour, filled in parts:
        if values is None:
            continue
        counts, edges = np.histogram(values, bins)
        label = f"{name}: median {np.median(values):.3f}, greatest {np.max(values):.3f}"
        axes.stairs(counts, edges, fill=filled, color=colour, label=label, linewidth=1.7)
        axes.axvline(float(np.median(values)), ymax=0.77, color=INK if filled else RUST, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])  # room for the legend
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=2)
    axes.locator_params(axis="y", integer=True)
    of = f" of {distances.items:,}" if distances.items > len(distances.after) else ""
    what = "chosen one" if distances.before is None else "labelled one before, labelled or chosen after"
    plain(axes, f"{len(distances.after):,}{of} items not chosen: distance to the nearest {what}", "Euclidean distance")


def draw_map(axes: Axes, laid_out: Map) -> None:
    """Draw the items in two dimensions, the chosen ones on top."""
    for kind, looks in MARKS.items():
        here = laid_out.points[laid_out.kinds == kind]
        if len(here):
            size = looks["s"] * (2 if len(laid_out.points) < FEW else 1)
            axes.scatter(here[:, 0], here[:, 1], label=f"{kind} ({len(here):,})", **{**looks, "s": size})
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    of = f" of {laid_out.items:,}" if laid_out.items > len(laid_out.points) else ""
    plain(axes, f"{len(laid_out.points):,}{of} items, those near each other that look alike", "")
    axes.spines[:].set_visible(False)


def draw_scores(axes: Axes, facts: Facts, name: str) -> None:
    """Draw the histogram of a column over unlabelled items, with a tick for each chosen one."""
    values = facts.scores[name]
    chosen = [pick.figures[name] for pick in facts.selection.picks if name in pick.figures]
    counts, edges = np.histogram(values, 40)
    axes.stairs(counts, edges, fill=True, color=GREY)
    below, across = np.full(len(chosen), -0.04), axes.get_xaxis_transform()  # along y in shares of the height
    axes.plot(chosen, below, "|", color=RUST, markersize=9, transform=across, clip_on=False)
    axes.tick_params(axis="x", pad=9)
    axes.locator_params(axis="y", integer=True)
    plain(axes, f"{name} of {len(values):,} unlabelled items; marks below: the {len(chosen):,} chosen", "")


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()
