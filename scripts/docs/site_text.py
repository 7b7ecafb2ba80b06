"""Texts made into Markdown that GitHub and the site read the same way."""

from __future__ import annotations

import re

from markdown_parts import fences

SIGNS = re.compile(r"[\\*\[\]{}]|\b_|_\b")
ITEM = re.compile(r"^ *([-*+]|\d+[.)]) +(?=\S)")


def indented(text: str) -> str:
    """The page with what belongs to a list's item indented by four columns a level, not by its marker's width."""
    code = {line for fence in fences(text) for line in range(fence.line + 1, fence.line + fence.length)}
    written: list[str] = []
    columns: list[int] = []  # where the text of each open item begins, the innermost last
    for number, line in enumerate(text.split("\n"), 1):
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and number not in code:
            columns = [column for column in columns if column <= indent]
        shift = 4 * len(columns) - (columns[-1] if columns else 0)
        written.append(" " * max(0, indent + shift) + line.lstrip(" ") if line.strip() else "")
        if number not in code and (item := ITEM.match(line)):
            columns.append(item.end())
    return "\n".join(written)


def paragraphs(text: str) -> str:
    """Help or a docstring as Markdown: one line a paragraph, with signs escaped that Markdown would read."""
    return "\n\n".join(escaped(" ".join(part.split())) for part in re.split(r"\n\s*\n", text.strip()))


def cell(text: str) -> str:
    """Text as it stands in a cell of a table."""
    return escaped(" ".join(text.split())).replace("|", "\\|")


def escaped(text: str) -> str:
    """Text whose signs mean themselves outside code spans: `<`, `*`, brackets, and `_` at a word's edge."""
    pieces = re.split(r"(`+[^`]+`+)", text)
    return "".join(one if one.startswith("`") else _plain(one) for one in pieces)


def _plain(text: str) -> str:
    return SIGNS.sub(r"\\\g<0>", text).replace("<", "&lt;")
