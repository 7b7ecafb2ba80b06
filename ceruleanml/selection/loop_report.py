"""The pictures and pages of an experiment: learning curves over labels and over cost, and what to make of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ceruleanml.errors import SelectionError
from ceruleanml.selection.curves import (
    Band,
    Curve,
    area_under,
    band,
    comparable,
    gain,
    judged,
    labels_saved,
    read_curve,
)
from ceruleanml.selection.experiment import Experiment, open_experiment
from ceruleanml.selection.instructions import read_instructions
from ceruleanml.selection.loop_figure import draw_curves
from ceruleanml.selection.stopping import advice
from ceruleanml.storage import make_folder, write_bytes, write_json

BASELINES = ("random", "foreground-random")
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}img{max-width:100%}h1{font-size:1.5em}h2{font-size:1.2em}"""


@dataclass(frozen=True, eq=False)
class Arms:
    """The curves of each strategy, by its name, and what stopping advice there is for the first of each.

    `baselines` are the names of those to compare with; `unbegun` arms have no judged round and are left out.
    """

    main: str
    curves: dict[str, list[Curve]]
    advice: dict[str, list[str]]
    baselines: tuple[str, ...] = ()
    unbegun: int = 0


def report(folder: Path, out: Path) -> list[Path]:
    """Write report.html, curves.png and curves.json on one experiment into `out`; returns them.

    Raises SelectionError where no round is done.
    """
    return write_report(read_arms([open_experiment(folder)]), out, f"Rounds of {folder.name}")


def compare(folders: Sequence[Path], out: Path) -> list[Path]:
    """The same on several experiments together; strategies that occur twice are named after their experiment too."""
    return write_report(read_arms([open_experiment(folder) for folder in folders]), out, "Experiments compared")


def read_arms(experiments: Sequence[Experiment]) -> Arms:
    """The learning curves of all arms that have a judged round.

    Seeds of one strategy are cut to the rounds that all of them have. Raises SelectionError where no arm has one, and
    for experiments that are not judged alike.
    """
    shown = _shown_names(experiments)
    begun = {
        name: [arm for seed in experiment.seeds if judged(arm := experiment.arm(strategy, seed))]
        for name, (experiment, strategy) in shown.items()
    }
    arms = sum(len(experiment.seeds) for experiment, _ in shown.values())
    curves = {name: [read_curve(arm) for arm in group] for name, group in begun.items() if group}
    if not curves:
        raise SelectionError(f"{experiments[0].folder}: no round is done yet; run the experiment first")
    _check_judged_alike([curve for group in curves.values() for curve in group])
    advices = {name: advice(group[0], read_instructions(group[0].arm).budget) for name, group in curves.items()}
    baselines = tuple(name for base in BASELINES for name in curves if shown[name][1] == base)
    unbegun = arms - sum(len(group) for group in curves.values())
    main = next(iter(curves.values()))[0].main
    return Arms(main, {name: cut(group) for name, group in curves.items()}, advices, baselines, unbegun)


def _shown_names(experiments: Sequence[Experiment]) -> dict[str, tuple[Experiment, str]]:
    """Experiment and strategy by the name under which they are shown. Raises SelectionError for one given twice."""
    names = [name for one in experiments for name in one.strategies]
    shown: dict[str, tuple[Experiment, str]] = {}
    for one in experiments:
        for name in one.strategies:
            apart = one.folder.name if len(one.strategies) == 1 else f"{one.folder.name}: {name}"
            own = name if names.count(name) == 1 else apart
            if own in shown:
                raise SelectionError(f"{one.folder}: a further experiment of that name; give each another")
            shown[own] = one, name
    return shown


def _check_judged_alike(curves: Sequence[Curve]) -> None:
    mains = sorted({curve.main for curve in curves})
    if len(mains) > 1:
        raise SelectionError(f"the experiments are judged by {' and '.join(mains)}; compare experiments of one task")
    told = [read_instructions(curve.arm) for curve in curves]
    judges = {one.judged_by for one in told if one.judged_by}
    if len(judges) > 1:
        raise SelectionError("the experiments are judged by other evaluation sets; compare experiments that share one")


def cut(curves: Sequence[Curve]) -> list[Curve]:
    """The curves with as many rounds as the shortest of them has."""
    rounds = min(len(curve.values) for curve in curves)
    return [
        Curve(
            one.arm,
            one.main,
            one.labels[:rounds],
            {unit: cost[:rounds] for unit, cost in one.costs.items()},
            one.values[:rounds],
            one.parts[:rounds],
        )
        for one in curves
    ]


def write_report(arms: Arms, out: Path, title: str) -> list[Path]:
    """Write the three files. The same arms give the same bytes."""
    units = sorted({unit for group in arms.curves.values() for curve in group for unit in curve.costs})
    lines = [band(name, group) for name, group in arms.curves.items()]
    baseline, gains = _gains(arms)
    over_cost = {unit: [band(name, group, unit) for name, group in _having(arms, unit)] for unit in units}
    picture = draw_curves(lines, gains, baseline, over_cost, _named(arms.main))
    content = document(arms, lines, baseline, gains)
    make_folder(out)
    write_bytes(out / "curves.png", picture)
    write_json(out / "curves.json", content)
    write_bytes(out / "report.html", page(arms, content, picture, title).encode())
    return [out / "report.html", out / "curves.png", out / "curves.json"]


def _gains(arms: Arms) -> tuple[str | None, list[Band]]:
    """The first baseline, and how far the strategies that ran with the same seeds and as far lie above it."""
    if not arms.baselines:
        return None, []
    first = arms.baselines[0]
    theirs = arms.curves[first]
    others = [(name, group) for name, group in arms.curves.items() if name != first and comparable(group, theirs)]
    return first, [gain(name, group, theirs) for name, group in others]


def document(arms: Arms, lines: Sequence[Band], baseline: str | None, gains: Sequence[Band]) -> dict[str, Any]:
    """What curves.json holds: for each strategy its mean curve, area under it, and labels saved over baselines."""
    content: dict[str, Any] = {"main": arms.main, "baseline": baseline, "strategies": {}}
    above = {
        one.strategy: {"mean": _plain(one.mean), "low": _plain(one.low), "high": _plain(one.high)} for one in gains
    }
    for line in lines:
        curves = arms.curves[line.strategy]
        content["strategies"][line.strategy] = {
            "seeds": line.seeds,
            "labels": line.at.tolist(),
            "mean": _plain(line.mean),
            "low": _plain(line.low),
            "high": _plain(line.high),
            "area": float(np.mean([area_under(curve) for curve in curves])),
            "cost": {unit: float(np.mean([one.costs[unit][-1] for one in curves])) for unit in curves[0].costs},
            "gain": above.get(line.strategy),
            "saved_over": {
                base: _known(labels_saved(curves, arms.curves[base]))
                for base in arms.baselines
                if base != line.strategy and comparable(curves, arms.curves[base])
            },
            "advice": arms.advice[line.strategy],
        }
    return content


def page(arms: Arms, content: dict[str, Any], picture: bytes, title: str) -> str:
    """One self-contained page."""
    rows = []
    for name, one in content["strategies"].items():
        saved = ", ".join(f"{_saved(each)} over {escape(base)}" for base, each in one["saved_over"].items())
        cost = ", ".join(f"{value:,.0f} {escape(unit)}" for unit, value in one["cost"].items())
        rows.append(
            f"<tr><td>{escape(name)}</td><td>{one['seeds']}</td><td>{one['labels'][-1]:.0f}</td>"
            f"<td>{_figure(one['mean'][-1])} ({_figure(one['low'][-1])} to {_figure(one['high'][-1])})</td>"
            f"<td>{_gained(one['gain'])}</td><td>{one['area']:.3f}</td><td>{cost or '–'}</td>"
            f"<td>{saved or '–'}</td></tr>"
        )
    told = [f"<li>{escape(name)}: {escape(text)}</li>" for name, texts in arms.advice.items() for text in texts]
    advised = "<p>Nothing speaks for stopping yet.</p>"
    if told:
        advised = f"<ul>{''.join(told)}</ul><p>This is advice, nothing is stopped by it.</p>"
    unbegun = f"<p>Left out are {arms.unbegun} of the arms, which have no judged round yet.</p>" if arms.unbegun else ""
    image = base64.b64encode(picture).decode()
    main, baseline = escape(_named(arms.main)), escape(content["baseline"] or "a baseline")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{escape(title)}</h1><img alt="Learning curves" src="data:image/png;base64,{image}">'
        "<p>Points are means over seeds. Bars are 95 % intervals: Student's t over seeds, or, with one seed, a "
        "bootstrap over the scenes of the evaluation set, which says nothing about other draws.</p>"
        + unbegun
        + f"<table><tr><th>strategy</th><th>seeds</th><th>labels</th><th>{main} at the end</th>"
        f"<th>above {baseline}, in pairs</th><th>mean {main}</th>"
        "<th>cost</th><th>labels saved at equal figure (95 %)</th></tr>" + "".join(rows) + "</table>"
        "<h2>Whether to go on</h2>"
        f"{advised}"
    )


def _having(arms: Arms, unit: str) -> list[tuple[str, list[Curve]]]:
    """The strategies all of whose arms know their cost in that unit."""
    return [(name, group) for name, group in arms.curves.items() if all(unit in one.costs for one in group)]


def _named(figure: str) -> str:
    return "IoU" if figure == "iou" else figure.replace("_", " ")


def _gained(gained: dict[str, Any] | None) -> str:
    if gained is None:
        return "–"
    mean, low, high = (gained[name][-1] for name in ("mean", "low", "high"))
    return f"{mean:+.3f}" if low is None else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"


def _saved(saved: dict[str, float | None]) -> str:
    number = f"{saved['saved']:.0f}"
    return number if saved["low"] is None else f"{number} ({saved['low']:.0f} to {saved['high']:.0f})"


def _known(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in figures.items()}


def _plain(values: Any) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
