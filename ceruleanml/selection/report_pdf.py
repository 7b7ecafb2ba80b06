"""The report of a selection as a PDF of A4 pages."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ceruleanml.evaluation.page import value_text
from ceruleanml.evaluation.plots import INK
from ceruleanml.selection.candidates import Pick
from ceruleanml.selection.filters import REASONS, counted_reasons
from ceruleanml.selection.report_facts import Facts
from ceruleanml.selection.report_figures import draw_distances, draw_map, draw_scores
from ceruleanml.selection.report_page import title_of
from ceruleanml.storage import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4_INCHES = (8.27, 11.69)
A_PAGE, LISTED = 9, 90
SOFT = "#62717a"
LEFT, TOP, BOTTOM = 0.08, 0.93, 0.06
"""Margins as shares of the page."""


def write_pdf(path: Path, facts: Facts) -> None:
    """Write the PDF, whole or not at all; equal facts give equal bytes, for it carries no time."""
    from matplotlib.backends.backend_pdf import PdfPages

    about = {"Title": title_of(facts), "Creator": "ceruleanml", "Producer": None, "CreationDate": None}
    with writing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # an id in letters that the font has not
        with PdfPages(temporary, metadata=about) as pages:
            for page in _pages(facts):
                pages.savefig(page)


def _pages(facts: Facts) -> Iterator[Figure]:
    yield _first(facts)
    picks = facts.selection.picks[:LISTED]
    for start in range(0, len(picks), A_PAGE):
        yield _listing(picks[start : start + A_PAGE], facts)
    if facts.selection.removed:
        yield _removed(facts)


def _first(facts: Facts) -> Figure:
    page = _page(title_of(facts))
    lines = [f"{name}: {text}" for name, text in facts.about.items()]
    lines.append(f"{facts.items:,} items, {facts.labelled:,} labelled, {facts.left:,} to choose from")
    lines += facts.notes
    below = _paragraphs(page, lines, TOP - 0.03) - 0.03
    name = next(iter(facts.scores), None)
    small = [part for part in (facts.distances, name) if part is not None]
    for part in small:
        axes = page.add_axes((LEFT, below - 0.14, 1 - 2 * LEFT, 0.12))
        if isinstance(part, str):
            draw_scores(axes, facts, part)
        else:
            draw_distances(axes, part)
        below -= 0.2
    if facts.map is not None:
        draw_map(page.add_axes((LEFT, BOTTOM, 0.62, max(0.15, below - BOTTOM - 0.02))), facts.map)
    return page


def _listing(picks: Sequence[Pick], facts: Facts) -> Figure:
    page = _page(f"Chosen: {picks[0].rank:,} to {picks[-1].rank:,} of {len(facts.selection.picks):,}")
    height = (TOP - BOTTOM - 0.02) / A_PAGE
    text_left = LEFT + 0.15 if facts.pictures else LEFT
    for place, pick in enumerate(picks):
        top = TOP - 0.02 - place * height
        picture = facts.pictures.get(pick.id)
        if picture is not None:
            axes = page.add_axes((LEFT, top - height * 0.92, 0.13, height * 0.9))
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axes.set_axis_off()
        score = "" if pick.score is None else f"   score {value_text(pick.score)}"
        head = f"{pick.rank:,}   {_fitting(pick.id, 70)}"
        _text(page, text_left, top - 0.016, head, 9.5, INK)
        _text(page, text_left, top - 0.031, f"{_fitting(pick.group, 60)}{score}", 8, SOFT)
        width = 88 if facts.pictures else 108
        for line, words in enumerate(textwrap.wrap(pick.reason, width)[:3]):
            _text(page, text_left, top - 0.048 - 0.014 * line, words, 8.5, INK)
    return page


def _removed(facts: Facts) -> Figure:
    page = _page("Left out, each named in removed_samples.csv")
    lines = [
        f"{count:,}  {reason}: {REASONS[reason]}" for reason, count in counted_reasons(facts.selection.removed).items()
    ]
    if len(facts.selection.picks) > LISTED:
        lines.append(f"Of the chosen ones the first {LISTED} are shown; all stand in selection.csv.")
    _paragraphs(page, lines, TOP - 0.03)
    return page


def _page(title: str) -> Figure:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    page = Figure(figsize=A4_INCHES, facecolor="white")
    FigureCanvasPdf(page)
    _text(page, LEFT, TOP, _fitting(title, 70), 14, INK)
    return page


def _paragraphs(page: Figure, lines: Sequence[str], top: float) -> float:
    """Write lines below each other, wrapped; where the next one would go."""
    for line in lines:
        for words in textwrap.wrap(line, 108) or [""]:
            _text(page, LEFT, top, words, 8.5, INK)
            top -= 0.0155
    return top


def _text(page: Figure, left: float, bottom: float, words: str, size: float, colour: str) -> None:
    shown = "".join(letter if letter.isprintable() else "?" for letter in words)
    page.text(left, bottom, shown, fontsize=size, color=colour, parse_math=False)


def _fitting(text: str, letters: int) -> str:
    """The text, or its end, which tells tiles of one scene apart."""
    return text if len(text) <= letters else f"…{text[1 - letters :]}"
