"""A model card in Markdown: a template filled from a run folder and an evaluation of it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from ceruleanml.errors import StorageError, UsageError
from ceruleanml.evaluation.compare import read_evaluation
from ceruleanml.evaluation.figures import SLICK
from ceruleanml.evaluation.page import interval_text, value_text
from ceruleanml.evaluation.report import KEY
from ceruleanml.evaluation.sizes import size_names
from ceruleanml.models.card import Card, read_card
from ceruleanml.models.model_card import contract, learnt_from, markdown_table
from ceruleanml.models.record import thresholds_of
from ceruleanml.models.stac import ARCHITECTURES

TEMPLATE = Path(__file__).with_name("model_card.md")
NOT_STATED = "not stated"
BY_CLASS = ("iou", "dice", "precision", "recall", "instance_f1", "detection_rate", "ap")
BY_SIZE = ("detection_rate", "pixel_recall", "instance_precision")
Json = dict[str, Any]


def model_card(run: Path, evaluation: Path, said: dict[str, str] | None = None, template: Path | None = None) -> str:
    """The card of the model in `run`, judged by `evaluation` (a folder of `evaluate`), as Markdown.

    `said` holds what no file knows: `owner`, `licence`, `use`. `template` is a file with `$field`s in the place of the
    built-in one. Raises ModelError, StorageError, and UsageError for an evaluation of other weights and for
    unknown fields.
    """
    card, content = read_card(run), read_evaluation(evaluation)
    judged = content["about"]["model"]["weights_sha256"]
    if judged != card.weights_sha256:
        raise UsageError(f"{evaluation}: judges other weights than those of {run}; evaluate this run")
    fields = {"owner": NOT_STATED, "licence": NOT_STATED, "use": "", **(said or {}), **_fields(card, content)}
    path = template or TEMPLATE
    try:
        text = Template(path.read_text(encoding="utf-8")).substitute(fields)
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"{path}: the field {error} cannot be filled; there are {', '.join(sorted(fields))}"
        ) from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror})") from error
    paragraphs = [part.strip("\n") for part in text.split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part) + "\n"


def _fields(card: Card, content: Json) -> dict[str, str]:
    everything = content["all"]
    return {
        "name": card.name,
        "network": f"{ARCHITECTURES[card.kind]} on {card.encoder}",
        "code_version": card.code_version or "(version unknown)",
        "weights": card.weights_sha256,
        "contract": "\n\n".join(contract(card)),
        "data": "\n\n".join((*learnt_from(card), *_renamed(card))),
        "judged": _judged(content),
        "intervals": _intervals(content),
        "figures": _figures(everything["figures"][SLICK], content["definitions"]["figures"]),
        "classes": _classes(everything, content["classes"][1:]),
        "sizes": _sizes(content["by_size"]),
        "calibration": _calibration(card, everything["figures"][SLICK]["ece"]),
        "thresholds": _thresholds(card),
        "limits": _limits(card, content),
    }


def _renamed(card: Card) -> list[str]:
    """Which labelled classes the training counted as others or left out: a class's name alone does not tell."""
    merged, dropped = (card.dataset.get(name) or {} for name in ("merge_classes", "drop_classes"))
    said = [f"{old} was counted as {new}" for old, new in sorted(merged.items())] if merged else []
    said += [f"tiles with {name} were left out" for name in sorted(dropped)]
    return [f"Of the labelled classes {', '.join(said)}."] if said else []


def _judged(content: Json) -> str:
    everything, data = content["all"], content["about"]["dataset"]
    area = f", {value_text(everything['area_km2'])} km² of data" if everything["area_km2"] else ""
    return (
        f"{everything['tiles']:,} tiles ({everything['labelled_tiles']:,} with slicks) of {everything['scenes']:,} "
        f"scenes{area}: `{data['path']}`, label snapshot `{str(data['label_snapshot'] or 'unknown')[:12]}`, tiles and "
        f"labels with the sha256 `{data['tiles_sha256'][:12]}`."
    )


def _intervals(content: Json) -> str:
    about = content["intervals"]
    if content["all"]["scenes"] < 2 or not about["resamples"]:
        return "There are no intervals: they need two scenes or more, and resamples."
    return f"Intervals are of {about['level']:.0%}, from {about['resamples']:,} resamples of whole scenes."


def _figures(figures: Json, definitions: dict[str, str]) -> str:
    rows = [
        (title, value_text(figures[name]["value"]), interval_text(figures[name]), definitions[name])
        for name, title in KEY.items()
    ]
    return markdown_table(("figure", "value", "interval", "what it is"), rows)


def _classes(everything: Json, names: list[str]) -> str:
    """A row a class; nothing where there is one class, which says the same as the table above."""
    if len(names) < 2:
        return ""
    rows = [
        (name, str(everything["slicks"][name]["labelled"]),
         *(value_text(everything["figures"][name][figure]["value"]) for figure in BY_CLASS))
        for name in names
    ]  # fmt: skip
    return markdown_table(("class", "labelled slicks", *BY_CLASS), rows)


def _sizes(by_size: Json | None) -> str:
    if by_size is None:
        return "Areas are not known, so there are no figures by size."
    sizes = by_size["sizes"]
    rows = [
        (name, str(sizes[name]["labelled_slicks"]), *(value_text(sizes[name][figure]["value"]) for figure in BY_SIZE))
        for name in size_names()
    ]
    return markdown_table(("size of the slick", "labelled", *BY_SIZE), rows)


def _calibration(card: Card, error: Json) -> str:
    how = "no temperature was fitted" if card.temperature == 1 else f"logits are divided by {card.temperature:.3g}"
    return f"Calibration error of the probability of slick: {value_text(error['value'])}; {how}."


def _thresholds(card: Card) -> str:
    rows = [
        (name, f"{value:g}", "set for this model" if name in card.thresholds else "the service's own")
        for name, value in sorted(thresholds_of(card).items())
    ]
    return markdown_table(("threshold", "value", "where from"), rows)


def _limits(card: Card, content: Json) -> str:
    """What holds of every model, what the evaluation noted, and what makes its figures less than they look."""
    judged = set(content["by_scene"])
    seen = {part: judged & set(card.dataset.get(part, {}).get("scenes", ())) for part in ("train", "validation")}
    lines = [
        "It knows the seas, seasons, winds and platforms of its training scenes; elsewhere its figures do not hold.",
        "A false alarm may be a slick that nobody labelled, and a miss one that was labelled wrongly.",
    ]
    if seen["train"]:
        lines.append(f"{_scenes(seen['train'], judged)} judged on were learned from: the figures are too good.")
    if seen["validation"]:
        lines.append(f"{_scenes(seen['validation'], judged)} judged on chose its best epoch: the figures are too good.")
    if content["rules"]["thresholds"] != thresholds_of(card):
        lines.append("It was judged with other thresholds than those above.")
    if abs(content["about"]["model"]["temperature"] / card.temperature - 1) > 1e-6:
        lines.append("It was judged with another temperature than it has now.")
    return "\n".join(f"- {line[:1].upper()}{line[1:].rstrip('.')}." for line in (*lines, *content["notes"]))


def _scenes(some: set[str], judged: set[str]) -> str:
    return f"{len(some):,} of the {len(judged):,} scenes"
