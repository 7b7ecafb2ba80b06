"""The parts of a Markdown page that checks and the site need: fences, links, headings, prose."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^( *)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, what it holds without its indent, its first line, its length, whether it ends."""

    language: str
    content: str
    line: int
    length: int
    closed: bool


@dataclass(frozen=True)
class Link:
    """Where a link or a picture leads, the line it stands on, and the place of its target in the text."""

    target: str
    line: int
    start: int
    stop: int


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    lines = text.split("\n")
    return [_fence(lines, *span) for span in _spans(lines)]


def prose(text: str) -> str:
    """The page with every character of its code replaced by a space, so that lines and places stay the same."""
    lines = text.split("\n")
    for first, last, _ in _spans(lines):
        lines[first : last + 1] = [" " * len(line) for line in lines[first : last + 1]]
    return "\n\n".join(CODE_SPAN.sub(_blank, part) for part in "\n".join(lines).split("\n\n"))


def links(text: str) -> Iterator[Link]:
    """Links and pictures outside code, in order."""
    read = prose(text)
    for found in LINK.finditer(read):
        start, stop = found.span(1)
        yield Link(text[start:stop], read.count("\n", 0, start) + 1, start, stop)


def headings(text: str) -> list[tuple[int, str]]:
    """(level, text) of each heading."""
    blanked, found = prose(text), []
    for match in HEADING.finditer(blanked):
        written = HEADING.match(text[match.start() : match.end()])
        if written is not None:
            found.append((len(written[1]), written[2]))
    return found


def anchors(text: str) -> set[str]:
    """The names by which links reach a page's headings, on GitHub as on the site."""
    names: set[str] = set()
    for _, heading in headings(text):
        name, number = slug(heading), 0
        while (numbered := f"{name}-{number}" if number else name) in names:
            number += 1
        names.add(numbered)
    return names


def slug(heading: str) -> str:
    """A heading's name in links: lower case, hyphens for spaces, other signs left out."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    kept = (sign for sign in unicodedata.normalize("NFC", plain).lower() if sign.isalnum() or sign in " -_")
    return "".join(kept).strip().replace(" ", "-")


def _spans(lines: list[str]) -> list[tuple[int, int, bool]]:
    """First line, last line and whether it ends, of each fenced block; one that never ends takes the rest."""
    found: list[tuple[int, int, bool]] = []
    opened, marks = None, ""
    for number, line in enumerate(lines):
        match = FENCE.match(line)
        if opened is None:
            opened, marks = (number, match[2]) if match else (None, "")
        elif match and match[2].startswith(marks) and not match[3].strip():
            found.append((opened, number, True))
            opened = None
    return found if opened is None else [*found, (opened, len(lines) - 1, False)]


def _fence(lines: list[str], first: int, last: int, closed: bool) -> Fence:
    line = lines[first].lstrip(" ")
    indent, language = len(lines[first]) - len(line), line.lstrip("`~").strip()
    inside = lines[first + 1 : last if closed else last + 1]
    content = "".join(f"{one[min(indent, len(one) - len(one.lstrip(' '))) :]}\n" for one in inside)
    return Fence(language, content, first + 1, last - first + 1, closed)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])
