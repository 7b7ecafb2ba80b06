"""The site: built without a warning, whole without a network, with every page in its navigation, and searchable."""

import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from docs_read import ROOT
from page_driven import WAIT_MS, chromium
from processes import finished


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    run = finished(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert run.returncode == 0, run.stderr
    return folder


class Loads(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.found.append(named.get("src"))
        elif tag == "link" and named.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(named.get("href"))


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 50
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        fetched = [target for target in loads.found if target and not target.startswith(("data:", "#"))]
        assert len(fetched) >= 3
        for target in fetched:
            assert not re.match(r"\w+:|//", target), f"{page.name} fetches {target}"
            if page.name != "404.html":  # its paths begin at the server's root
                assert (page.parent / target.partition("?")[0]).is_file(), f"{page.name}: {target} is missing"
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^)\s]*", style.read_text()) == [], style.name


def test_every_page_is_in_the_navigation():
    def named(entry):
        if isinstance(entry, str):
            return {entry}
        return set().union(*map(named, entry.values() if isinstance(entry, dict) else entry))

    class Loader(yaml.SafeLoader):
        """Reads mkdocs.yml, leaving its Python names as they are."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    listed = named(yaml.load((ROOT / "mkdocs.yml").read_text(), Loader)["nav"])
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - listed == set(), "name them under nav in mkdocs.yml"


def test_links_that_leave_docs_lead_to_pages_of_the_site(site):
    front = (site / "index.html").read_text()
    for name in ("scenes.html", "CONTRIBUTING.html", "gcpvm/index.html", "ceruleanml/classes.toml.html"):
        assert f'href="{name}"' in front, name
        assert (site / name).is_file(), name
    assert "natural_seep" in (site / "ceruleanml" / "classes.toml.html").read_text()
    assert 'href="../gcpvm/' not in (site / "vm.html").read_text()


def test_steps_of_the_front_page_hold_their_code(site):
    """A fence that belongs to a step of a list is one on the site too, not a line of grave accents."""
    front = (site / "index.html").read_text()
    assert "```" not in front and "<ol>" in front
    assert re.search(r"<li>(?:(?!</li>).)*<pre", front, re.DOTALL)


def test_a_search_finds_a_verb_from_a_folder_without_a_server(site):
    asked = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(Path(site, "index.html").as_uri())
        page.locator("input[name=query]").press_sequentially("partition")
        found = page.locator(".md-search-result__item a.md-search-result__link")
        found.first.wait_for(timeout=WAIT_MS)
        targets = [one.get_attribute("href") for one in found.all()]
    assert any("reference/cli/partition.html" in target for target in targets)
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
