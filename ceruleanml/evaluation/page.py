"""Pieces of a self-contained HTML page: everything that comes from outside is escaped, pictures lie inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """
:root { --ink: #26323a; --soft: #62717a; --line: #dfe5e8; --pale: #f5f7f8; --blue: #33576e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 36px 28px 80px; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 44px 0 8px; padding-top: 14px; border-top: 1px solid var(--line); }
p { margin: 6px 0; max-width: 80ch; } .soft { color: var(--soft); } code { font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(158px, 1fr)); gap: 12px; margin: 22px 0 8px; }
.card { background: var(--pale); border-radius: 8px; padding: 12px 14px; }
.card b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.card span { display: block; font-size: 12.5px; color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; margin: 10px 0; }
th, td { padding: 4px 12px 4px 0; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
.said th:last-child, .said td:last-child { text-align: left; padding-left: 24px; }
td small { display: block; color: var(--soft); font-size: 11.5px; white-space: nowrap; }
img { max-width: 100%; height: auto; display: block; margin: 10px 0; }
ul.notes { padding: 10px 14px 10px 32px; background: #fdf6ec; border-radius: 8px; margin: 16px 0; }
figure { margin: 18px 0; } figcaption { font-size: 13px; overflow-wrap: anywhere; } figcaption b { display: block; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; font-size: 13.5px; }
dt { font-family: ui-monospace, monospace; font-size: 12.5px; } dd { margin: 0; }
@media (max-width: 640px) { dl { display: block; } dd { margin-bottom: 6px; } }
"""


def html_page(title: str, body: Iterable[str]) -> str:
    """A whole page; nothing in it is loaded from elsewhere."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; " \
             "style-src 'unsafe-inline'\">"  # fmt: skip
    parts = "\n".join(body)
    top = f'<!doctype html>\n<html lang="en">\n<head>{head}{policy}<style>{STYLE}</style></head>'
    return f"{top}\n<body>\n{parts}\n</body>\n</html>\n"


def image(png: bytes, alt: str) -> str:
    """A picture inside the page."""
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """A table; the cells are HTML already, the head is text. With the kind "said" its last column is running text."""
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def notes(lines: Sequence[str]) -> str:
    """A list of remarks, nothing where there are none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="notes">{items}</ul>' if lines else ""


def card(title: str, figure: Any) -> str:
    """A key figure with its interval."""
    span = interval_text(figure)
    return (
        f'<div class="card"><span>{escape(title)}</span><b>{value_text(figure["value"])}</b><span>{span}</span></div>'
    )


def cell(figure: Any) -> str:
    """A figure with its interval, for a table; a bare number without."""
    if not isinstance(figure, dict):
        return value_text(figure)
    span = interval_text(figure)
    return f"{value_text(figure['value'])}{f'<small>{span}</small>' if figure['low'] is not None else ''}"


def value_text(value: float | None) -> str:
    """A number in three or so digits, a dash for what is undefined."""
    if value is None:
        return "–"
    if 0 < abs(value) < 0.01:
        return f"{value:.1g}"
    if abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def interval_text(figure: Any) -> str:
    """Low to high, or that there is none."""
    if figure["low"] is None:
        return "no interval" if figure["value"] is not None else "undefined here"
    return f"{value_text(figure['low'])} to {value_text(figure['high'])}"
