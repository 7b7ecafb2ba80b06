"""Two evaluations of the same tiles side by side, and the interval of their difference."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.evaluation.counts import COUNTS_NAME, Counts, read_counts
from ceruleanml.evaluation.document import EVALUATION_NAME, EVALUATION_VERSION, number, weightings, with_interval
from ceruleanml.evaluation.figures import Figures, figures
from ceruleanml.evaluation.page import cell, html_page, notes, table, value_text
from ceruleanml.evaluation.report import definitions_list
from ceruleanml.storage import check_local, make_folder, read_json, write_bytes, write_json

COMPARE_NAME, PAGE_NAME = "compare.json", "compare.html"
Json = dict[str, Any]


def compare(first: Path, second: Path, out: Path, bootstrap: int = 1000, seed: int = 0) -> Json:
    """The content of compare.json: each figure of both, and of the second minus the first with its paired interval.

    Scenes are resampled alike for both. Classes that one model lacks are left out. Raises StorageError for folders that
    hold no evaluation, UsageError for evaluations of other tiles.
    """
    check_local(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / COMPARE_NAME).is_file()):
        raise WriteError(f"{out}: exists and is no comparison; choose another --out")
    abouts = [read_evaluation(folder) for folder in (first, second)]
    _check_same(first, second, *abouts)
    counts = [read_counts(folder / COUNTS_NAME) for folder in (first, second)]
    content = {
        "format_version": EVALUATION_VERSION,
        "first": {"path": str(first), **abouts[0]["about"], "thresholds": abouts[0]["rules"]["thresholds"]},
        "second": {"path": str(second), **abouts[1]["about"], "thresholds": abouts[1]["rules"]["thresholds"]},
        "resamples": bootstrap,
        "scenes": len(counts[0].scene_ids),
        "definitions": abouts[0]["definitions"],
        "figures": differences(counts[0], counts[1], bootstrap, seed),
        "notes": _notes(counts, abouts),
    }
    make_folder(out)
    write_bytes(out / PAGE_NAME, html_page("Comparison of two evaluations", _body(content)).encode())
    write_json(out / COMPARE_NAME, content)
    return content


def differences(first: Counts, second: Counts, bootstrap: int, seed: int) -> Json:
    """By subject and figure: both values, and the difference with its interval, resampled alike for both."""
    weights = weightings(first, bootstrap, seed)
    ones, others = figures(first, weights), figures(second, weights)
    content: Json = {}
    for (subject, name), values in ones.items():
        if (subject, name) in others and _comparable(subject, first, second):
            content.setdefault(subject, {})[name] = _pair(values, others, (subject, name))
    return content


def _pair(values: Any, others: Figures, key: tuple[str, str]) -> Json:
    other = others[key]
    return {"first": number(values[0]), "second": number(other[0]), "difference": with_interval(other - values)}


def _comparable(subject: str, first: Counts, second: Counts) -> bool:
    """A mean over other classes is another figure."""
    return subject != "mean_of_classes" or set(first.classes) == set(second.classes)


def read_evaluation(folder: Path) -> Json:
    """The content of evaluation.json in a folder that `evaluate` wrote. Raises StorageError."""
    path = folder / EVALUATION_NAME
    if not path.is_file():
        raise StorageError(f"{folder}: holds no {EVALUATION_NAME}; name a folder that ceruleanml evaluate wrote")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format_version") != EVALUATION_VERSION:
        raise StorageError(f"{path}: is no evaluation of format version {EVALUATION_VERSION}; evaluate again")
    return content


def _check_same(first: Path, second: Path, one: Json, other: Json) -> None:
    data, others = one["about"]["dataset"], other["about"]["dataset"]
    if data["tiles_sha256"] != others["tiles_sha256"]:
        left = f"; {data['tiles_left_out']} and {others['tiles_left_out']} tiles were left out for dropped classes"
        raise UsageError(
            f"{first} and {second} judge other tiles or labels ({data['path']}, {others['path']}); evaluate both "
            f"models on one data set{left if data['tiles_left_out'] != others['tiles_left_out'] else ''}"
        )
    for key in ("boundary_px", "match_iou", "match_dice", "cover"):
        if one["rules"][key] != other["rules"][key]:
            raise UsageError(
                f"{first} and {second} were judged with {key} {one['rules'][key]} and {other['rules'][key]}; "
                "evaluate both alike"
            )


def _notes(counts: list[Counts], abouts: list[Json]) -> list[str]:
    first, second = (set(one.classes) for one in counts)
    found = [f"only one of the models knows the class {name}; it is left out" for name in sorted(first ^ second)]
    if len(counts[0].scene_ids) < 2:
        found.append("one scene: no interval can be given, since it would have to come from other scenes")
    if abouts[0]["about"]["options"]["pixel_m"] != abouts[1]["about"]["options"]["pixel_m"]:
        found.append("the two were given another --pixel-m, so areas cannot be compared")
    return found


def _body(content: Json) -> Iterator[str]:
    first, second = content["first"], content["second"]
    yield "<h1>Two models on the same tiles</h1>"
    yield (
        f"<p>First: <b>{escape(first['model']['name'])}</b> <code>{escape(first['path'])}</code><br>"
        f"Second: <b>{escape(second['model']['name'])}</b> <code>{escape(second['path'])}</code></p>"
    )
    data = first["dataset"]
    yield (
        f'<p class="soft"><code>{escape(data["path"])}</code>: {data["tiles"] - data["tiles_left_out"]:,} tiles of '
        f"{content['scenes']:,} scenes. The interval of a difference (95%) comes from {content['resamples']:,} "
        "resamples of whole scenes, the same for both; where it does not hold 0 the row is marked.</p>"
    )
    yield notes(content["notes"])
    for subject, rows in content["figures"].items():
        yield f"<h2>{escape(subject.replace('_', ' '))}</h2>"
        yield table(["figure", "first", "second", "second minus first", ""], [_row(*row) for row in rows.items()])
    yield "<h2>What the figures are</h2>" + definitions_list(content["definitions"]["figures"])


def _row(name: str, one: Json) -> list[str]:
    change = one["difference"]
    low, high = change["low"], change["high"]
    sure = low is not None and (low > 0 or high < 0)
    mark = "" if not sure else f"<b>{'higher' if np.sign(low) > 0 else 'lower'}</b>"
    return [escape(name), value_text(one["first"]), value_text(one["second"]), cell(change), mark]
