"""The plots of an evaluation, drawn from the content of its JSON, as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ceruleanml.classes import ClassTable
from ceruleanml.evaluation.sweep import best_threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE, BLUE, RUST, GREEN = "#26323a", "#dfe5e8", "#33576e", "#c1702e", "#5b8c5a"
SHOWN = {
    "iou": "IoU", "dice": "Dice", "boundary_iou": "boundary IoU", "tolerant_f1": "F1, 1 pixel off",
    "instance_f1": "F1 of slicks", "detection_rate": "detection", "ap": "AP",
}  # fmt: skip
Json = dict[str, Any]


def plots(content: Json, table: ClassTable) -> dict[str, bytes]:
    """Each plot's PNG by its name."""
    colours = {row.name: row.display for row in table} | {"slick": INK}
    drawn: dict[str, Callable[[], Figure]] = {
        "figures": lambda: _figures(content, colours),
        "confusion_pixel": lambda: _confusion(content["confusion"]["pixel"], "pixels"),
        "confusion_instance_iou": lambda: _confusion(content["confusion"]["instance_iou"], "slicks, matched by IoU"),
        "confusion_instance_soft_dice": lambda: _confusion(
            content["confusion"]["instance_soft_dice"], "slicks, matched by soft Dice"
        ),
        "average_precision": lambda: _average_precision(content, colours),
        "thresholds": lambda: _thresholds(content),
        "reliability": lambda: _reliability(content["calibration"]),
        "areas": lambda: _areas(content, colours),
    }
    if content["by_size"]:
        drawn["sizes"] = lambda: _sizes(content["by_size"]["sizes"])
    return {name: _png(draw()) for name, draw in drawn.items()}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=110)
    return written.getvalue()


def _figures(content: Json, colours: dict[str, str]) -> Figure:
    """One row a subject, one column a figure: the value as a dot, its interval as a line."""
    found = content["all"]["figures"]
    subjects = ["slick", *content["classes"][1:]] if len(content["classes"]) > 2 else ["slick"]
    figure = new_figure(11, 1.1 + 0.34 * len(subjects))
    for axes, (name, title) in zip(figure.subplots(1, len(SHOWN), sharey=True), SHOWN.items(), strict=True):
        for row, subject in enumerate(subjects):
            draw_interval(axes, found[subject][name], row, colours.get(subject, BLUE))
        axes.set_yticks(range(len(subjects)), subjects)
        axes.set_ylim(len(subjects) - 0.5, -0.5)
        axes.set_xlim(-0.04, 1.04)
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        plain(axes, title, "")
    return figure


def draw_interval(axes: Axes, figure: Json, row: float, colour: str) -> None:
    """Draw value, low and high in a row; nothing where the figure is undefined."""
    if figure["value"] is None:
        axes.text(0.5, row, "undefined", fontsize=7, color="#9aa4aa", ha="center", va="center")
        return
    if figure["low"] is not None:
        axes.plot([figure["low"], figure["high"]], [row, row], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot([figure["value"]], [row], "o", color=colour, markersize=6, markeredgecolor=INK, markeredgewidth=0.6)


def _confusion(matrix: Json, unit: str) -> Figure:
    """The matrix three times: counts, shares of the row, shares of the column."""
    rows, columns = matrix["rows"], matrix["columns"]
    if rows[-1] not in columns and not any(matrix["raw"][-1]):
        rows = rows[:-1]  # no label of a class that the model does not know
    figure = new_figure(4.0 + 3 * (0.7 + 0.62 * len(columns)), 1.5 + 0.42 * len(rows))
    titles = {"raw": unit, "by_row": "by row: where labels go", "by_column": "by column: where predictions come from"}
    for number, (axes, (key, title)) in enumerate(zip(figure.subplots(1, 3), titles.items(), strict=True)):
        values = np.array(matrix[key], np.float64)[: len(rows)]
        shade = np.array(matrix["by_row" if key == "raw" else key], np.float64)[: len(rows)]
        axes.imshow(np.nan_to_num(shade), cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
        for row, col in np.ndindex(values.shape):
            if np.isfinite(values[row, col]):
                text = _short(float(values[row, col])) if key == "raw" else f"{values[row, col]:.2f}".lstrip("0")
                axes.text(
                    col,
                    row,
                    text,
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="white" if shade[row, col] > 0.65 else INK,
                )
        axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", fontsize=7.5)
        axes.set_yticks(range(len(rows)), rows if number == 0 else [""] * len(rows), fontsize=7.5)
        axes.set_title(title, fontsize=9, loc="left", color=INK)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, colors=INK)
        if number == 0:
            axes.set_ylabel("labelled", fontsize=8, color=INK)
        axes.set_xlabel("predicted", fontsize=8, color=INK)
    return figure


def _average_precision(content: Json, colours: dict[str, str]) -> Figure:
    figure = new_figure(5.6, 3.4)
    axes = figure.subplots()
    by_iou = content["average_precision"]
    for subject in ["slick", *content["classes"][1:]] if len(content["classes"]) > 2 else ["slick"]:
        values = [np.nan if value is None else value for value in by_iou[subject]]
        if np.isfinite(values).any():
            axes.plot(by_iou["iou"], values, color=colours.get(subject, BLUE), label=subject, linewidth=1.8)
    axes.set_ylim(0, 1)
    axes.set_xlim(0, 1)
    if axes.lines:
        axes.legend(fontsize=8, frameon=False)
    plain(axes, "Average precision by the IoU that is asked for", "least IoU of a match")
    return figure


def _thresholds(content: Json) -> Figure:
    figure = new_figure(11, 3.3)
    titles = {"pixels": "Pixels, by threshold of the slick probability", "slicks": "Slicks, by threshold of the score"}
    for axes, (name, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        sweep = content["sweeps"][name]
        for key, colour in (("precision", BLUE), ("recall", RUST), ("f1", INK)):
            values = [np.nan if value is None else value for value in sweep[key]]
            axes.plot(sweep["threshold"], values, color=colour, label=key, linewidth=1.6)
        curve = {key: np.array(values, np.float64) for key, values in sweep.items()}
        best = best_threshold(curve)
        if best is not None:
            axes.plot(best, np.nanmax(curve["f1"]), "o", color=INK, markersize=6)
        axes.set_ylim(0, 1)
        axes.set_xlim(0, 1)
        axes.legend(fontsize=8, frameon=False)
        plain(axes, title, "threshold")
    return figure


def _reliability(calibration: Json) -> Figure:
    """Probability against how often it was right, and below how many pixels or slicks there were."""
    figure = new_figure(11, 4.2)
    both = figure.subplots(2, 2, sharex=True, height_ratios=(3, 1))
    for column, (name, unit) in enumerate((("pixels", "pixels"), ("slicks", "predicted slicks"))):
        above, below = both[0, column], both[1, column]
        bins = calibration[name]
        found = [(mean, right) for mean, right in zip(bins["mean_probability"], bins["share_right"], strict=True)
                 if mean is not None]  # fmt: skip
        above.plot([0, 1], [0, 1], color="#9aa4aa", linewidth=1, linestyle="--")
        if found:
            above.plot(*zip(*found, strict=True), "o-", color=BLUE, markersize=4.5, linewidth=1.3)
        above.set_ylim(0, 1)
        above.set_xlim(0, 1)
        plain(above, f"Reliability of {unit}: share that is slick", "")
        edges = np.linspace(0, 1, len(bins["count"]) + 1)
        below.stairs(bins["count"], edges, fill=True, color=BLUE)
        if max(bins["count"]) > 0:
            below.set_yscale("log")
        plain(below, "", f"probability ({unit} below)")
    return figure


def _areas(content: Json, colours: dict[str, str]) -> Figure:
    """Predicted against labelled area of each scene, and predicted minus labelled of each class."""
    unit = "km2" if content["all"]["area_km2"] is not None else "px"
    title = "km²" if unit == "km2" else "pixels"
    figure = new_figure(11, 3.6)
    left, right = figure.subplots(1, 2)
    names = content["classes"][1:]
    pairs = np.array([
        [sum(scene["slicks"][name][f"{what}_{unit}"] for name in rows) for what, rows in
         (("labelled", [*names, "not_in_model"]), ("predicted", names))]
        for scene in content["by_scene"].values()
    ])  # fmt: skip
    most = max(float(pairs.max(initial=0)) * 1.05, 1e-9)
    left.plot([0, most], [0, most], color="#9aa4aa", linewidth=1, linestyle="--")
    left.plot(pairs[:, 0], pairs[:, 1], "o", color=BLUE, alpha=0.6, markersize=4, markeredgewidth=0)
    left.set_xlim(-0.02 * most, most)
    left.set_ylim(-0.02 * most, most)
    plain(left, f"Area a scene, {title}", "labelled")
    left.set_ylabel("predicted", fontsize=8, color=INK)
    slicks = content["all"]["slicks"]
    bias = [slicks[name][f"predicted_{unit}"] - slicks[name][f"labelled_{unit}"] for name in names]
    right.barh(names, bias, color=[colours.get(name, BLUE) for name in names], edgecolor=INK, linewidth=0.5, height=0.6)
    right.set_ylim(-1, len(names))
    right.axvline(0, color=INK, linewidth=0.8)
    right.invert_yaxis()
    plain(right, f"Area bias of all scenes: predicted minus labelled, {title}", title)
    return figure


def _sizes(sizes: Json) -> Figure:
    shown = {
        "detection_rate": "detection",
        "pixel_recall": "recall of pixels",
        "instance_precision": "precision of slicks",
        "ap": "AP",
    }
    figure = new_figure(11, 2.4)
    labels = [f"{name}\n{size['labelled_slicks']:,} labelled" for name, size in sizes.items()]
    for axes, (key, title) in zip(figure.subplots(1, len(shown), sharey=True), shown.items(), strict=True):
        for row, size in enumerate(sizes.values()):
            draw_interval(axes, size[key], row, BLUE)
        axes.set_yticks(range(len(sizes)), labels)
        axes.set_ylim(len(sizes) - 0.5, -0.5)
        axes.set_xlim(-0.04, 1.04)
        plain(axes, title, "")
    return figure


def _short(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    return f"{value:.0f}"


def plain(axes: Axes, title: str, label: str) -> None:
    """Give axes the house's form: a title at the left, few lines, a pale grid."""
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    axes.set_xlabel(label, fontsize=8, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
