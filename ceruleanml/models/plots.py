"""The pictures of a training: its losses, and what the learning-rate finder saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ceruleanml.storage import writing


def plot_losses(lines: Sequence[dict[str, Any]], target: Path) -> None:
    """Draw the losses and the mean Dice of each epoch. Raises WriteError."""
    figure = _figure()
    left, right = figure.subplots(1, 2)
    epochs = [line["epoch"] for line in lines]
    left.plot(epochs, [line["train"]["loss"] for line in lines], ".-", label="training")
    left.plot(epochs, [line["validation"]["losses"]["loss"] for line in lines], ".-", label="validation")
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend()
    for name in ("mean_dice", "mean_iou"):
        values = [line["validation"][name] for line in lines]
        right.plot(epochs, [float("nan") if one is None else one for one in values], ".-", label=name.replace("_", " "))
    right.set(xlabel="epoch", ylabel="of slick classes, validation", ylim=(0, 1))
    right.legend()
    _write(figure, target)


def plot_rates(rates: Sequence[float], losses: Sequence[float], suggested: float, target: Path) -> None:
    """Draw the loss over the learning rate, with the suggested one. Raises WriteError."""
    figure = _figure(5)
    axes = figure.subplots()
    axes.semilogx(rates, losses)
    axes.axvline(suggested, linestyle="--", color="tab:orange", label=f"suggested: {suggested:.2g}")
    axes.set(xlabel="learning rate", ylabel="loss, smoothed")
    axes.legend()
    _write(figure, target)


def _figure(width: float = 9) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.5), layout="constrained")
    FigureCanvasAgg(figure)  # whatever display there is or is not
    return figure


def _write(figure: Any, target: Path) -> None:
    with writing(target) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
