"""The files that people read: plots, pictures of the worst tiles, and one HTML page with all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from ceruleanml.classes import ClassTable
from ceruleanml.evaluation.page import card, cell, html_page, image, notes, table, value_text
from ceruleanml.evaluation.plots import plots
from ceruleanml.evaluation.worst import Picture
from ceruleanml.storage import make_folder, write_bytes

REPORT_NAME, PLOTS_NAME = "report.html", "plots"
KEY = {
    "iou": "IoU of slick pixels", "dice": "Dice of slick pixels", "tolerant_f1": "F1, one pixel forgiven",
    "boundary_iou": "boundary IoU", "instance_f1": "F1 of slicks", "detection_rate": "slicks detected",
    "false_alarms_per_10000_km2": "false alarms per 10,000 km²", "area_bias_share": "area bias, share",
    "ap": "AP .05 to .95",     "ece": "calibration error",
}  # fmt: skip
SCENES_SHOWN = 60
Json = dict[str, Any]


def write_report(out: Path, content: Json, pictures: Sequence[Picture], classes: ClassTable) -> list[Path]:
    """The files written into `out`: plots/*.png and report.html. Pictures of an earlier evaluation are removed."""
    folder = make_folder(out / PLOTS_NAME)
    drawn = plots(content, classes)
    files = {f"{name}.png": png for name, png in drawn.items()}
    files |= {f"worst_{number:02d}.png": one.png for number, one in enumerate(pictures, start=1)}
    for stale in folder.glob("*.png"):
        if stale.name not in files:
            stale.unlink()
    for name, png in files.items():
        write_bytes(folder / name, png)
    write_bytes(out / REPORT_NAME, report_html(content, drawn, pictures).encode())
    return [out / REPORT_NAME, *(folder / name for name in files)]


def report_html(content: Json, drawn: dict[str, bytes], pictures: Sequence[Picture]) -> str:
    """The page of an evaluation."""
    name = content["about"]["model"]["name"] or content["about"]["model"]["path"]
    return html_page(f"Evaluation of {name}", _body(content, drawn, pictures, name))


def figures_table(figures: Json, definitions: dict[str, str]) -> str:
    """Every figure (row) of every subject (column) with its interval, and what it is where there is room for it."""
    subjects = [subject for subject in figures if subject != "mean_of_classes"]
    rows = dict.fromkeys(name for subject in subjects for name in figures[subject])
    said = definitions if len(subjects) <= 2 else {}
    body = [
        [escape(name), *(cell(figures[subject].get(name)) for subject in subjects),
         *([f'<span class="soft">{escape(said[name])}</span>'] if said else [])]
        for name in rows
    ]  # fmt: skip
    return table(["figure", *subjects, *(["what it is"] if said else [])], body, "said" if said else "")


def _body(content: Json, drawn: dict[str, bytes], pictures: Sequence[Picture], name: str) -> Iterator[str]:
    everything = content["all"]
    slick = everything["figures"]["slick"]
    yield f"<h1>{escape(name)}</h1>"
    yield f'<p class="soft">{_about(content)}</p>'
    yield f'<div class="cards">{"".join(card(title, slick[key]) for key, title in KEY.items())}</div>'
    yield f'<p class="soft">Slick of whatever class against none. {_intervals(content)}</p>'
    yield notes(content["notes"])
    yield "<h2>Figures</h2>"
    yield image(drawn["figures"], "figures with intervals by class")
    yield figures_table(everything["figures"], content["definitions"]["figures"])
    yield _means(everything["figures"]["mean_of_classes"])
    yield "<h2>Confusion</h2><p>Pixels first; then slicks, matched one to one by mask IoU, and by soft Dice.</p>"
    for key in ("confusion_pixel", "confusion_instance_iou", "confusion_instance_soft_dice"):
        yield image(drawn[key], key)
    yield "<h2>Average precision</h2><p>A thin slick loses much IoU to one pixel, so low IoU tells more than .5.</p>"
    yield image(drawn["average_precision"], "average precision by IoU")
    yield "<h2>Thresholds</h2>"
    yield image(drawn["thresholds"], "precision, recall and F1 by threshold")
    yield _thresholds(content)
    yield "<h2>Calibration</h2>"
    yield image(drawn["reliability"], "reliability diagrams")
    yield _temperature(content["calibration"]["temperature"])
    yield "<h2>Areas</h2>"
    yield image(drawn["areas"], "predicted and labelled areas")
    if "sizes" in drawn:
        yield "<h2>By size</h2>" + image(drawn["sizes"], "figures by size of the slick")
    yield "<h2>By region</h2>" + _groups(content["by_region"], "region")
    yield "<h2>By scene</h2>" + _scenes(content["by_scene"])
    yield "<h2>Worst tiles</h2><p>Those with most pixels that are wrong about slick or none.</p>"
    yield from (_figure(one) for one in pictures)
    if not pictures:
        yield '<p class="soft">No tile has a wrong pixel, or none was asked for.</p>'
    yield "<h2>What the figures are</h2>" + definitions_list(content["definitions"]["figures"])


def definitions_list(definitions: dict[str, str]) -> str:
    """Names and what they mean."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in definitions.items()) + "</dl>"


def _about(content: Json) -> str:
    model, data, everything = content["about"]["model"], content["about"]["dataset"], content["all"]
    area = f", {value_text(everything['area_km2'])} km² of data" if everything["area_km2"] else ""
    left = f", {data['tiles_left_out']:,} left out" if data["tiles_left_out"] else ""
    snapshot = f", labels {escape(str(data['label_snapshot'])[:12])}" if data["label_snapshot"] else ""
    return (
        f"<code>{escape(model['path'])}</code> on <code>{escape(data['path'])}</code>: {everything['tiles']:,} tiles"
        f"{left} ({everything['labelled_tiles']:,} with slicks) of {everything['scenes']:,} scenes{area}{snapshot}. "
        f"ceruleanml {escape(content['about']['code_version'])}."
    )


def _intervals(content: Json) -> str:
    about = content["intervals"]
    if content["all"]["scenes"] < 2 or not about["resamples"]:
        return "No intervals: they come from resampling scenes, of which there must be two or more."
    return f"Below each figure its {about['level']:.0%} interval over {about['resamples']:,} resamples of whole scenes."


def _means(means: Json) -> str:
    head = [name.replace("_", " ") for name in means]
    return "<p>Means over the classes:</p>" + table(["", *head], [["mean of classes", *map(cell, means.values())]])


def _thresholds(content: Json) -> str:
    used = content["rules"]["thresholds"]
    rows = [
        [f"<code>{escape(name)}</code>", f"{used[name]:g}", f"{value:g}"]
        for name, value in content["proposed_thresholds"].items()
    ]
    if not rows:
        return '<p class="soft">No threshold gives any F1 on this data, so none is proposed.</p>'
    said = "<p>Proposed: the thresholds of greatest F1 on this data. Propose on validation data, not on the test.</p>"
    return said + table(["threshold", "used here", "proposed"], rows)


def _temperature(fitted: Json | None) -> str:
    if fitted is None:
        return '<p class="soft">No temperature was fitted.</p>'
    return (
        f"<p>Least negative log-likelihood at temperature <b>{fitted['value']:.3f}</b>: "
        f"{fitted['nll_before']:.4f} becomes {fitted['nll_after']:.4f}, the calibration error "
        f"{fitted['ece_before']:.4f} becomes {fitted['ece_after']:.4f}, on {fitted['pixels']:,.0f} pixels.</p>"
    )


def _groups(groups: dict[str, Json], title: str) -> str:
    shown = ("iou", "dice", "instance_f1", "detection_rate", "false_alarms_per_10000_km2", "area_bias_km2", "ap")
    rows = [
        [escape(name), f"{one['scenes']:,}", f"{one['tiles']:,}", f"{_labelled(one):,}",
         *(cell(one["figures"]["slick"][key]) for key in shown)]
        for name, one in groups.items()
    ]  # fmt: skip
    return table([title, "scenes", "tiles", "slicks", *(key.replace("_", " ") for key in shown)], rows)


def _scenes(scenes: dict[str, Json]) -> str:
    """The scenes with slicks first, the worst IoU first, at most SCENES_SHOWN of them."""

    def order(pair: tuple[str, Json]) -> tuple[bool, float]:
        value = pair[1]["figures"]["slick"]["iou"]
        return not pair[1]["labelled_tiles"], 2.0 if value is None else value

    ranked = sorted(scenes.items(), key=order)
    more = (
        f'<p class="soft">and {len(ranked) - SCENES_SHOWN:,} more in evaluation.json</p>'
        if len(ranked) > SCENES_SHOWN
        else ""
    )
    return _groups(dict(ranked[:SCENES_SHOWN]), "scene") + more


def _labelled(group: Json) -> int:
    return sum(int(one["labelled"]) for one in group["slicks"].values())


def _figure(one: Picture) -> str:
    caption = f"<figcaption><b>{escape(one.tile_id)}</b>{escape(one.caption)}</figcaption>"
    return f"<figure>{caption}{image(one.png, one.tile_id)}</figure>"
