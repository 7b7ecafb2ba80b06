"""What the site adds to docs/: the library's pages, and the repository's files that pages link to."""

from __future__ import annotations

import json
import posixpath
from pathlib import Path
from typing import Any

from library_pages import library_pages
from markdown_parts import links
from mkdocs.structure.files import File, Files, InclusionLevel
from site_text import indented

LANGUAGES = {".py": "python", ".sh": "bash", ".js": "js", ".html": "html", ".css": "css", ".toml": "toml",
             ".json": "json", ".yaml": "yaml", ".yml": "yaml", ".tf": "terraform"}  # fmt: skip
NAMED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "gcpvm/README.md", "gcpvm/dask/README.md",
         "notebooks/README.md", "data-processing/README.md")  # fmt: skip
"""Pages outside docs/ that the navigation shows."""
BEHIND = "---\nsearch:\n  boost: 0.5\n---\n"
"""A search shows the library's pages behind those that tell of the same."""


def on_files(files: Files, config: Any) -> Files:
    """Add the library's pages, the pages outside docs/, and every file of the repository that a page links to."""
    root = Path(config.docs_dir).parent
    for place, text in library_pages(root / "ceruleanml").items():
        files.append(File.generated(config, place, content=f"{BEHIND}{text}"))
    waiting = [f"docs/{page.src_uri}" for page in files.documentation_pages() if page.generated_by is None]
    waiting += NAMED
    seen = set(waiting)
    while waiting:
        name = waiting.pop()
        text = _shown(root / name, name)
        if not name.startswith("docs/"):
            shown = InclusionLevel.INCLUDED if name in NAMED else InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, site_place(name), content=text, inclusion=shown))
        found = {repository_name(name, link.target) for link in links(text)} - seen
        new = sorted(one for one in found if one and not one.startswith("docs/") and (root / one).is_file())
        waiting += new
        seen.update(new)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """The page with its lists indented as Markdown's first rules ask, and links that lead to the site's pages."""
    place = page.file.src_uri
    if place.startswith("reference/library/"):
        return markdown
    name = place if page.file.generated_by else f"docs/{place}"
    for link in reversed(list(links(markdown))):
        target = repository_name(name, link.target)
        if target is not None:
            anchor = link.target.partition("#")[2]
            led = posixpath.relpath(site_place(target), posixpath.dirname(place) or ".")
            markdown = markdown[: link.start] + led + (f"#{anchor}" if anchor else "") + markdown[link.stop :]
    return indented(markdown)


def repository_name(page: str, target: str) -> str | None:
    """The file of the repository that a link of a page leads to; None for the web and for the page itself."""
    path = target.partition("#")[0]
    if not path or "://" in path or path.startswith("mailto:"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path))


def site_place(name: str) -> str:
    """Where the site has a file of the repository: docs/ is its root, and what is no page becomes one."""
    if name.startswith("docs/"):
        return name.removeprefix("docs/")
    return name if name.endswith(".md") else f"{name}.md"


def _shown(path: Path, name: str) -> str:
    """A file of the repository as a page: Markdown as it is, a notebook's cells, all else as code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    head = "---\nsearch:\n  exclude: true\n---\n"
    if path.suffix == ".ipynb":
        return head + "\n\n".join(_cell(cell) for cell in json.loads(text)["cells"]) + "\n"
    return f"{head}# {name}\n\n````{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n````\n"


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"]).rstrip()
    return source if cell["cell_type"] == "markdown" else f"````python\n{source}\n````"
