"""The picture of learning curves: over labels, against a baseline, and over what labels cost."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ceruleanml.selection.curves import Band

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
"""Okabe and Ito's, which colour-blind readers tell apart."""
PANEL_IN = (6.4, 4.6)
DODGE = 0.012
"""How far apart the bars of successive strategies stand, as a share of the axis."""


def draw_curves(
    over_labels: Sequence[Band], gains: Sequence[Band], baseline: str | None, over_cost: Mapping[str, Sequence[Band]],
    main: str,
) -> bytes:  # fmt: skip
    """A PNG of two panels a row; every strategy has its colour, every point its 95 % interval.

    `gains` are differences to the `baseline`, which has none and stands as the line at 0; without one the panel is
    left out. `over_cost` has a panel for each unit.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colour_of = {line.strategy: COLOURS[place % len(COLOURS)] for place, line in enumerate(over_labels)}
    panels = [(over_labels, "labelled items", main)]
    panels += [(gains, "labelled items", f"{main} above {baseline} of the same seed")] if gains else []
    panels += [(lines, f"annotation cost so far ({unit})", main) for unit, lines in over_cost.items()]
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(PANEL_IN[0] * columns, PANEL_IN[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (lines, across, up) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, place)
        _draw(axes, lines, colour_of)
        if lines is gains:
            axes.axhline(0, color=colour_of[str(baseline)], linewidth=1)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(alpha=0.3)
        if place == 1:
            axes.legend(frameon=False)
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=110, metadata={"Software": None})
    return held.getvalue()


def _draw(axes: Any, lines: Sequence[Band], colour_of: Mapping[str, str]) -> None:
    """Lines with bars at their points, beside each other, so that each can be read."""
    span = max((float(np.ptp(line.at)) for line in lines), default=0.0) or 1.0
    for place, line in enumerate(lines):
        shift = (place - (len(lines) - 1) / 2) * DODGE * span
        reach = np.stack([line.mean - line.low, line.high - line.mean])
        reach = np.maximum(np.nan_to_num(reach), 0)  # an interval of a bootstrap may lie beside the mean
        drawn = {"color": colour_of[line.strategy], "label": line.strategy}
        axes.errorbar(line.at + shift, line.mean, reach, marker="o", ms=4, capsize=2, elinewidth=1, **drawn)
