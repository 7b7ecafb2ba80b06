"""The report of the demo on real data: what was found, beside what is there, and what the figures do not say."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from demo_pictures import scene_picture
from demo_real_pictures import examples, rounds_curve, slick_closely

from ceruleanml.datasets.folder import open_dataset
from ceruleanml.evaluation.page import card, cell, html_page, image, interval_text, notes, table, value_text
from ceruleanml.storage import read_json, write_bytes

PAIRS_SHOWN = {
    "iou": "IoU of oil",
    "iou_with_background": "mean IoU of oil and sea",
    "precision": "precision of pixels",
    "recall": "recall of pixels",
    "instance_f1": "F1 of outlines",
    "boundary_iou": "boundary IoU",
    "detection_rate": "detection rate",
}
SCENE_SHOWN = {
    "iou": "IoU of slick",
    "tolerant_f1": "F1 of pixels, one pixel forgiven",
    "precision": "precision of pixels",
    "recall": "recall of pixels",
}
FOUND_SHOWN, SLICK_M = 12, 200
Json = dict[str, Any]


@dataclass(frozen=True)
class Sought:
    """What a model found in the scene, beside the one outline that is known: features, areas in km²."""

    true: list[Json]
    on_slick: list[Json]
    elsewhere: list[Json]
    covered_share: float

    @property
    def found(self) -> list[Json]:
        """All outlines, those on the slick first."""
        return [*self.on_slick, *self.elsewhere]

    def sentence(self) -> str:
        """The essence in a sentence."""
        return (
            f"outlines on the slick: {len(self.on_slick)} ({area_of(self.on_slick):.1f} km²), which meet "
            f"{self.covered_share:.0%} of its area within a pixel; outlines elsewhere, taken for false: "
            f"{len(self.elsewhere)} ({area_of(self.elsewhere):.1f} km²)"
        )


def write_report(out: Path, scene: Path, pretrained: bool) -> list[str]:
    """Write `out/report.html`, whole in itself; returns the figures that matter, a line each."""
    pairs, hatteras = out / "sos", out / "hatteras"
    judged = {name: read_json(pairs / name / "evaluation.json")["all"] for name in ("floor", "evaluation")}
    slick = {name: one["figures"]["slick"] for name, one in judged.items()}
    curves = read_json(pairs / "rounds" / "report" / "curves.json")["strategies"]
    sought = look_for(hatteras, scene.stem)
    body = [
        *_head(slick, sought),
        *_pairs(pairs, judged, slick, pretrained),
        *_rounds(pairs, curves, slick),
        *_scene(hatteras, scene, sought),
        *_queue(hatteras),
        "<h2>Where it lies</h2>",
        _places(out),
    ]
    write_bytes(out / "report.html", html_page("ceruleanml on real data", body).encode())
    ends = ", ".join(f"{name} {value_text(one['mean'][-1])}" for name, one in curves.items())
    return [
        f"\nIoU of oil on held-out images: {value_text(slick['floor']['iou']['value'])} by blur and threshold, "
        f"{value_text(slick['evaluation']['iou']['value'])} by the U-Net",
        f"The same after the last round: {ends}",
        f"Off Cape Hatteras: {sought.sentence()}",
    ]


def look_for(hatteras: Path, scene_id: str) -> Sought:
    """What was found in the scene, by whether it lies within a pixel of the known outline."""
    from shapely import buffer, intersection, union_all
    from shapely.geometry import shape

    true = read_json(next(iter(sorted((hatteras / "labels" / scene_id).glob("*.geojson")))))["features"]
    found = read_json(hatteras / "slicks" / f"{scene_id}.geojson")["features"]
    pixel = SLICK_M / 111_000  # degrees of latitude
    known = union_all([shape(one["geometry"]) for one in true])
    near = buffer(known, pixel)
    on_slick = [one for one in found if shape(one["geometry"]).intersects(near)]
    reached = buffer(union_all([shape(one["geometry"]) for one in on_slick]), pixel)
    elsewhere = [one for one in found if one not in on_slick]
    return Sought(true, on_slick, elsewhere, intersection(known, reached).area / known.area if on_slick else 0.0)


def area_of(features: Sequence[Json]) -> float:
    """Square kilometres of outlines that predict wrote."""
    return float(sum(one["properties"]["area_km2"] or 0 for one in features))


def _head(slick: dict[str, Json], sought: Sought) -> Iterator[str]:
    yield "<h1>The loop on real scenes</h1>"
    yield (
        '<p class="soft">Sentinel-1 images with oil masks of the Deep-SAR SOS set, and one real scene off Cape '
        "Hatteras. Neither is part of this project.</p>"
    )
    yield notes(
        [
            "pictures on this page show data of others, some of it without a licence: do not publish them",
            "small models, trained for minutes, one seed: another one gives other figures",
        ]
    )
    said = f'<div class="card"><span>Hatteras: share of the slick met</span><b>{sought.covered_share:.0%}</b>'
    other = f"{len(sought.elsewhere)} false outlines, {area_of(sought.elsewhere):.1f} km²"
    cards = [
        card("IoU of oil, blur and threshold", slick["floor"]["iou"]),
        card("IoU of oil, U-Net", slick["evaluation"]["iou"]),
        f"{said}<span>{other}</span></div>",
    ]
    yield f'<div class="cards">{"".join(cards)}</div>'


def _pairs(pairs: Path, judged: dict[str, Json], slick: dict[str, Json], pretrained: bool) -> Iterator[str]:
    first = "ImageNet's weights" if pretrained else "random weights"
    learned = len(open_dataset(pairs / "train").tiles)
    yield "<h2>Image pairs: a model and the floor</h2>"
    yield (
        f"<p>{learned} images of 256 x 256 pixels of 10 m were learned from, shrunk to half, beginning with {first}; "
        f"{judged['evaluation']['tiles']} were held out. Neighbouring ids are often of one scene, so whole blocks of "
        "ids are held out.</p>"
    )
    yield table(
        ["on held-out images", "blur and threshold", "U-Net"],
        [
            [escape(title), *(cell(slick[name][key]) for name in ("floor", "evaluation"))]
            for key, title in PAIRS_SHOWN.items()
        ],
    )
    change = read_json(pairs / "compared" / "compare.json")["figures"]["slick"]["iou"]["difference"]
    yield (
        f"<p>U-Net minus floor: IoU {change['value']:+.3f}, 95 % interval {interval_text(change)} over resampled "
        "images. Masks are coarse: their refiners revised about 38 % of them, so outlines that keep to the water's "
        "edge of a slick may count as wrong.</p>"
    )
    yield "<p>Held-out images, drawn evenly from the list. Blue: their masks; orange: found by the U-Net.</p>"
    yield image(examples(open_dataset(pairs / "held_out"), pairs / "run"), "held-out images with outlines")


def _rounds(pairs: Path, curves: dict[str, Json], slick: dict[str, Json]) -> Iterator[str]:
    learned = len(open_dataset(pairs / "train").tiles)
    yield "<h2>Image pairs: three rounds of the loop</h2>"
    yield (
        "<p>The same images as a pool whose masks are hidden. Each round reveals some, trains on all so far and "
        "chooses the next. Networks of rounds see images shrunk to a quarter. Trainings are short: that of all "
        "labels need not end above them.</p>"
    )
    yield image(rounds_curve(curves, (learned, slick["evaluation"]["iou"]), slick["floor"]["iou"]), "IoU over labels")
    rows = [
        [
            escape(name),
            *(
                f"{value_text(mean)}{_span(low, high)}"
                for mean, low, high in zip(one["mean"], one["low"], one["high"], strict=True)
            ),
            f"{one['cost']['clicks']:,.0f}",
        ]
        for name, one in curves.items()
    ]
    counts = next(iter(curves.values()))["labels"]
    yield table(["IoU after", *(f"{count:.0f} labels" for count in counts), "clicks"], rows)
    yield (
        "<p>One seed: the intervals are of resampled images, they do not say how another draw would end, and no "
        "ranking of strategies follows. docs/label_efficiency.md has five seeds: where nearly every image shows oil, "
        "choosing saves little.</p>"
    )


def _span(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"<small>{value_text(low)} to {value_text(high)}</small>"


def _scene(hatteras: Path, scene: Path, sought: Sought) -> Iterator[str]:
    learned = open_dataset(hatteras / "learned")
    shown = sum(bool(learned.annotations[tile.tile_id]) for tile in learned.tiles)
    judged = read_json(hatteras / "evaluation" / "evaluation.json")["all"]["figures"]["slick"]
    yield "<h2>Off Cape Hatteras: a scene the model knows nothing of</h2>"
    yield (
        f"<p>A Sentinel-1 scene of 2020-11-21 at about 200 m, with land, a calm of thousands of km², ships and one "
        f"thin slick of about 45 km. Its model learned from {shown} simulated tiles with slicks and as many without, "
        "in digital numbers as the scene is. They are of 100 m: there slicks are two or three pixels wide, as "
        "this one is at 200 m. The model of the image pairs is no use here: those are stretched to 8 bits each by "
        "itself, and show 10 m.</p>"
    )
    yield image(scene_picture(str(scene), sought.found, sought.true, 95), "the scene with outlines")
    yield "<p>Blue: outlined by hand. Orange: found by the model.</p>"
    yield image(slick_closely(str(scene), SLICK_M, sought.found, sought.true), "the slick closely")
    yield f"<p>{escape(sought.sentence().capitalize())}.</p>"
    rows = [
        [
            f"{one['properties']['area_km2']:.2f}",
            f"{one['properties']['length_km']:.1f}",
            f"{one['properties']['max_conf']:.2f}",
            "on the slick" if one in sought.on_slick else "elsewhere",
        ]
        for one in sorted(sought.found, key=lambda one: -one["properties"]["area_km2"])[:FOUND_SHOWN]
    ]
    if rows:
        yield table(["km²", "km long", "confidence", "where"], rows, "said")
    if len(sought.found) > FOUND_SHOWN:
        yield f'<p class="soft">and {len(sought.found) - FOUND_SHOWN} smaller ones</p>'
    yield table(
        ["pixels of 200 m, land included", ""],
        [[escape(title), value_text(judged[key]["value"])] for key, title in SCENE_SHOWN.items()],
    )
    yield (
        "<p>Simulated coasts and calms are tamer than real ones, and edges of both are where most false outlines lie. "
        "Parts near each other count as one outline.</p>"
        "<p>One scene and one slick are an example, no measurement: no interval can be given. The outline is this "
        "project's, drawn on enlarged pictures; nothing else in the scene was checked against another source.</p>"
    )


def _queue(hatteras: Path) -> Iterator[str]:
    with (hatteras / "selection" / "selection.csv").open(newline="", encoding="utf-8") as file:
        rows = [[row["rank"], escape(row["tile_id"]), escape(row["reason"])] for row in csv.DictReader(file)]
    yield "<h2>What to draw next</h2>"
    yield (
        "<p>The tiles of the scene whose labels would teach this model most. "
        '<a href="hatteras/page/index.html">The annotation page</a> opens on them, with the model\'s outlines to be '
        "accepted, mended or rejected.</p>"
    )
    yield table(["rank", "tile", "reason"], rows, "said")


def _places(out: Path) -> str:
    places = {
        "sos/evaluation/report.html": "the U-Net on image pairs, judged",
        "sos/compared/compare.html": "it and the floor compared",
        "sos/rounds/report/report.html": "the rounds",
        "sos/train": "the data set of image pairs",
        "hatteras/slicks": "what was found in the scene, as GeoJSON",
        "hatteras/evaluation/report.html": "the same, judged by tiles",
        "hatteras/labels": "the label store with the outline",
        "hatteras/page/index.html": "the annotation page with the queue",
    }
    rows = [[f'<a href="{name}">{name}</a>', escape(what)] for name, what in places.items() if (out / name).exists()]
    return table(["", "what it is"], rows, "said")
