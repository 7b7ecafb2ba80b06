"""The project's pages, and the parts of them that the site's scripts know."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts" / "docs"))

from markdown_parts import CODE_SPAN, anchors, fences, headings, links, prose  # noqa: E402

__all__ = ["CODE_SPAN", "PAGES", "ROOT", "WRITTEN", "anchors", "fences", "headings", "links", "prose", "spans"]

OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "notebooks/README.md", "data-processing/README.md")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*(ROOT / name for name in OUTSIDE), *(ROOT / "gcpvm").rglob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if ".terraform" not in path.parts
)
"""Every page that people read, by its path in the repository."""
WRITTEN = [name for name in PAGES if not name.startswith("docs/reference/")]
"""Those that people wrote."""


def text_of(page):
    """What a page holds."""
    return (ROOT / page).read_text(encoding="utf-8")


def spans(text):
    """The code within a page's sentences, each in one line."""
    outside = text.split("\n")
    for fence in fences(text):
        outside[fence.line - 1 : fence.line - 1 + fence.length] = [""] * fence.length
    return [" ".join(found[2].split()) for found in CODE_SPAN.finditer("\n".join(outside))]
