"""The demo's report: one page that shows what each stage made, and whether the second round's labels helped."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from demo_pictures import chosen_tiles, learning_curve, scene_picture, slick_details

from ceruleanml.cli.console import counted
from ceruleanml.datasets.folder import Dataset, open_dataset
from ceruleanml.evaluation.page import card, html_page, image, notes, table, value_text
from ceruleanml.storage import read_json, write_bytes

SHOWN = ("iou", "precision", "recall", "tolerant_f1", "instance_f1", "detection_rate", "false_alarms_per_10000_km2")
REASONS = 12
Json = dict[str, Any]


@dataclass(frozen=True)
class Figures:
    """What the demo prints at its end."""

    before: str
    after: str
    drawn: str


def write_report(out: Path, full: bool, scene: str) -> Figures:
    """Write `out/report.html`, whole in itself: all pictures inside, no times, the same for the same results."""
    sets = {name: open_dataset(out / "datasets" / name) for name in ("first", "pool", "test", "second")}
    judged = {name: read_json(out / "evaluations" / name / "evaluation.json") for name in ("floor", "first", "second")}
    slick = {name: one["all"]["figures"]["slick"] for name, one in judged.items()}
    picks = _rows(out / "selection" / "selection.csv")
    tiles = len(picks)
    slicks = sum(len(read_json(path)["features"]) for path in sorted((out / "drawn" / "second").glob("*.geojson")))
    drawn = f"{slicks} outlines in {tiles} tiles"
    body = _body(out, sets, slick, picks, drawn, full, scene)
    write_bytes(out / "report.html", html_page("ceruleanml demo", body).encode())
    return Figures(value_text(slick["first"]["iou"]["value"]), value_text(slick["second"]["iou"]["value"]), drawn)


def _body(
    out: Path, sets: dict[str, Dataset], slick: dict[str, Json], picks: Sequence[Json], drawn: str, full: bool,
    scene: str,
) -> Iterator[str]:  # fmt: skip
    yield "<h1>The loop, turned once</h1>"
    yield (
        '<p class="soft">Simulated scenes, two small models, and an annotator who draws what the simulation knows to '
        "be there. The figures show that the parts go together; they say nothing about real slicks.</p>"
    )
    yield _cards(slick, drawn)
    yield "<h2>What was labelled first</h2>"
    yield image((out / "datasets" / "first.png").read_bytes(), "the first data set: classes, areas, tiles")
    yield "<h2>Before and after the new labels</h2>"
    yield image(learning_curve(out, sets, slick), "IoU over labelled tiles, losses by epoch")
    yield _figures(slick, sets["test"])
    yield _difference(out)
    yield "<h2>Confusion</h2><p>Pixels of the test scenes, then slicks matched one to one: first and second model.</p>"
    for key in ("confusion_pixel", "confusion_instance_iou"):
        for name in ("first", "second"):
            plot = out / "evaluations" / name / "plots" / f"{key}.png"
            yield f"<figure><figcaption><b>{name} model</b></figcaption>{image(plot.read_bytes(), key)}</figure>"
    yield "<h2>What was chosen to be labelled, and why</h2>"
    yield (
        "<p>The first model went through the unlabelled scenes. Tiles with the pixels of which it was least sure came "
        "first. Dashed: its outlines, offered on the annotation page. Solid: what was drawn.</p>"
    )
    yield image(chosen_tiles(out, sets["pool"], picks), "the first tiles of the queue with outlines")
    yield _reasons(picks)
    if full:
        yield "<h2>A whole product that no model has seen</h2>"
        yield f"<p>{_size(out / 'full')}. Orange: found by the second model; blue: what is there.</p>"
        yield from _scene(out / "full", out / "slicks", out / "full" / "labels")
    if scene:
        yield from _yours(out, scene)
    yield "<h2>Where it lies</h2>"
    yield _places(out, full)


def _cards(slick: dict[str, Json], drawn: str) -> str:
    three = (("floor", "blur and threshold"), ("first", "first model"), ("second", "second model"))
    cards = [card(f"IoU of slick, {title}", slick[name]["iou"]) for name, title in three]
    said = f'<div class="card"><span>labels drawn in between</span><b>{escape(drawn.split(" in ")[0])}</b>'
    return f'<div class="cards">{"".join(cards)}{said}<span>in {escape(drawn.split(" in ")[1])}</span></div></div>'


def _figures(slick: dict[str, Json], test: Dataset) -> str:
    rows = [
        [escape(name.replace("_", " ")), *(value_text(slick[model][name]["value"]) for model in slick)]
        for name in SHOWN
    ]
    return table([f"on {len(test.tiles)} test tiles", "blur and threshold", "first model", "second model"], rows)


def _difference(out: Path) -> str:
    change = read_json(out / "compared" / "compare.json")
    figure = change["figures"]["slick"]["iou"]["difference"]
    low, high = (value_text(figure[name]) for name in ("low", "high"))
    return (
        f"<p>Second minus first: IoU {value_text(figure['value'])}, 95 % interval {low} to {high} over resampled test "
        'scenes. They are few, so the interval is wide. <a href="compared/compare.html">All figures compared</a>.</p>'
    )


def _reasons(picks: Sequence[Json]) -> str:
    rows = [[row["rank"], escape(row["tile_id"]), escape(row["reason"])] for row in picks[:REASONS]]
    more = f'<p class="soft">and {len(picks) - REASONS} more</p>' if len(picks) > REASONS else ""
    return table(["rank", "tile", "reason"], rows, "said") + more


def _scene(folder: Path, slicks: Path, labels: Path) -> Iterator[str]:
    path = next(iter(sorted((folder / "scenes").glob("*.tif"))))
    found = read_json(slicks / f"{path.stem}.geojson")["features"]
    true = read_json(labels / f"{path.stem}.geojson")["features"]
    yield image(scene_picture(str(path), found, true), "the scene with outlines")
    yield image(slick_details(str(path), found, true), "slicks at the model's resolution")
    yield f"<p>{_met(found, true)}</p>"


def _met(found: Sequence[Json], true: Sequence[Json]) -> str:
    """How many slicks an outline touches, and how many outlines touch none."""
    from shapely.geometry import shape

    outlines, slicks = ([shape(one["geometry"]) for one in some] for some in (found, true))
    met = sum(any(slick.intersects(one) for one in outlines) for slick in slicks)
    wrong = sum(not any(one.intersects(slick) for slick in slicks) for one in outlines)
    return (
        f"Of {counted(len(slicks), 'slick')} that are there {met} are met by an outline, in part or whole; of "
        f"{counted(len(outlines), 'outline')} that were found {wrong} lie where no slick is."
    )


def _size(simulated: Path) -> str:
    made = read_json(simulated / "simulation.json")
    (height, width), metres = made["height_width"], made["resolution_m"]
    kilometres = f"{width * metres / 1000:.0f} x {height * metres / 1000:.0f} km"
    return f"{kilometres}, {height * width / 1e6:.0f} million pixels of {metres:g} m"


def _yours(out: Path, scene: str) -> Iterator[str]:
    from ceruleanml.scenes.reading import scene_id_of

    name = scene_id_of(scene)
    mine = out / "yours" / name
    found = read_json(mine / "predictions" / f"{name}.geojson")["features"]
    yield f"<h2>Your scene</h2><p><code>{escape(name)}</code></p>"
    yield notes(["the model has seen simulated scenes alone: take its outlines as places to look at"])
    yield image(scene_picture(scene, found, []), "your scene with outlines")
    page = f"yours/{escape(name)}/page/index.html"
    yield f'<p>{len(found)} outlines were found. Draw on <a href="{page}">its page</a>.</p>'


def _places(out: Path, full: bool) -> str:
    places = {
        "evaluations/first/report.html": "the first model, judged",
        "evaluations/second/report.html": "the second model, judged",
        "compared/compare.html": "the two compared",
        "selection/report.html": "what was chosen and why",
        "page/index.html": "the annotation page with the queue, to be tried by hand",
        "labels": "the label store",
        "datasets": "data sets: tiles that QGIS opens in their place, COCO instances.json",
        "runs": "the models; TensorBoard: make tensorboard shows runs/ of the working folder",
    }
    if full:
        places["slicks"] = "slicks of the whole product, as GeoJSON"
    rows = [[f'<a href="{name}">{name}</a>', escape(what)] for name, what in places.items() if (out / name).exists()]
    return table(["", "what it is"], rows, "said")


def _rows(path: Path) -> list[Json]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
