"""The report of a selection as one HTML page: nothing is loaded from elsewhere, everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ceruleanml.evaluation.page import html_page, image, notes, table, value_text
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.filters import REASONS, counted_reasons
from ceruleanml.selection.report_facts import Facts
from ceruleanml.selection.report_figures import figure_pngs
from ceruleanml.selection.thumbnails import png

LISTED, EXAMPLES = 500, 3
STYLE = """<style>
.picks td, .picks th { text-align: left; padding-right: 18px; overflow-wrap: anywhere; vertical-align: middle; }
.picks td:first-child, .picks th { overflow-wrap: normal; }
.picks .id { min-width: 15em; } .picks .group { min-width: 7em; }
.picks img { margin: 3px 0; width: 108px; }
.about { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; }
</style>"""


def report_html(facts: Facts) -> str:
    """The page."""
    return html_page(title_of(facts), _body(facts))


def title_of(facts: Facts) -> str:
    """What was chosen, in a line."""
    return f"{len(facts.selection.picks):,} items chosen by strategy {facts.about['strategy']}"


def _body(facts: Facts) -> Iterator[str]:
    yield STYLE
    yield f"<h1>{escape(title_of(facts))}</h1>"
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.about.items())
    yield f'<dl class="about">{rows}</dl>'
    counts = {"items": facts.items, "labelled": facts.labelled, "to choose from": facts.left,
              "chosen": len(facts.selection.picks)}  # fmt: skip
    cards = "".join(f'<div class="card"><span>{name}</span><b>{value:,}</b></div>' for name, value in counts.items())
    yield f'<div class="cards">{cards}</div>'
    yield notes(facts.notes)
    drawn = figure_pngs(facts)
    if "distances" in drawn:
        yield "<h2>Distances before and after</h2>"
        yield image(drawn["distances"], "distances to the nearest labelled or chosen item")
    if "map" in drawn:
        yield "<h2>Map</h2>" + image(drawn["map"], "map of the items")
    if "scores" in drawn:
        yield "<h2>Scores</h2>" + image(drawn["scores"], "scores of the items")
    yield "<h2>What was chosen, and why</h2>"
    yield _picks(facts)
    yield "<h2>What was left out</h2>"
    yield _removed(facts)


def _picks(facts: Facts) -> str:
    picks = facts.selection.picks
    if not picks:
        return '<p class="soft">Nothing was chosen.</p>'
    head = ["rank", *(["picture"] if facts.pictures else []), "item", "scene", "score", "why"]
    more = len(picks) - LISTED
    said = f'<p class="soft">and {more:,} more in selection.csv</p>' if more > 0 else ""
    return table(head, [_row(pick, facts) for pick in picks[:LISTED]], "picks") + said


def _row(pick: Pick, facts: Facts) -> list[str]:
    picture = facts.pictures.get(pick.id)
    shown = [image(png(picture), pick.id) if picture is not None else ""] if facts.pictures else []
    named = [f'<div class="{kind}">{escape(text)}</div>' for kind, text in (("id", pick.id), ("group", pick.group))]
    return [f"{pick.rank:,}", *shown, *named, value_text(pick.score), escape(pick.reason)]


def _removed(facts: Facts) -> str:
    removed = facts.selection.removed
    counts = counted_reasons(removed)
    if not counts:
        return '<p class="soft">Nothing was left out.</p>'
    rows = []
    for reason, count in counts.items():
        examples = [f"{one.id}: {one.detail}" for one in removed if one.reason == reason][:EXAMPLES]
        rows.append([f"{escape(reason)}: {REASONS[reason]}", f"{count:,}", escape("; ".join(examples))])
    return table(["reason", "items", "for example"], rows, "said picks") + (
        '<p class="soft">Each of them stands in removed_samples.csv.</p>'
    )
