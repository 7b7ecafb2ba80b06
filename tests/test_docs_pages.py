"""Every page: links and anchors lead somewhere, fences are closed and hold what they say, words are spelt."""

import ast
import json
import re
import shutil
import subprocess
import tomllib
from urllib.parse import urlsplit

import pytest
import yaml
from docs_read import PAGES, ROOT, WRITTEN, anchors, fences, headings, links, prose, text_of

LANGUAGES = {"sh", "bash", "console", "text", "python", "json", "yaml", "toml", "hcl", "csv", "html", "js", "ini"}
PARSERS = {"python": ast.parse, "json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
NO_WORDS = re.compile(
    r"\]\([^)]*\)|https?://\S+|<https?:[^>]*>|\b10\.\d{4,}/\S+|\w*\d\w*|(?<!\*)\*(?![*\s])[^*]+\*(?!\*)"
)
"""Links' targets, addresses, DOIs, words with figures, and what stands in italics, as titles of works do."""
MADE = "docs/reference/library/"
"""Pages that the site makes when it is built; `mkdocs build` checks links to them."""


def is_web(target):
    return "://" in target or target.startswith("mailto:")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_anchors_lead_somewhere(page):
    wrong = []
    for link in links(text_of(page)):
        path, _, anchor = link.target.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        if is_web(link.target) or target.is_relative_to(ROOT / MADE):
            continue
        if not target.exists():
            wrong.append(f"{page}:{link.line}: {link.target} is not there")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text())):
            wrong.append(f"{page}:{link.line}: {link.target}: no heading has this name")
    assert wrong == []


@pytest.mark.parametrize("page", WRITTEN)
def test_links_to_the_web_are_whole_and_encrypted(page):
    told = [link.target for link in links(text_of(page)) if is_web(link.target)]
    told += re.findall(r"<(https?:[^>]*)>", prose(text_of(page)))
    wrong = [one for one in told if urlsplit(one).scheme != "https" or "." not in (urlsplit(one).hostname or "")]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_fences_are_closed_and_hold_what_they_say(page):
    for fence in fences(text_of(page)):
        where = f"{page}:{fence.line}"
        assert fence.closed, f"{where}: never closed"
        assert fence.language in LANGUAGES, f"{where}: {fence.language!r} is none of {', '.join(sorted(LANGUAGES))}"
        if fence.language in PARSERS:
            try:
                PARSERS[fence.language](fence.content)
            except (SyntaxError, ValueError, yaml.YAMLError) as error:
                pytest.fail(f"{where}: no {fence.language}: {error}")


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_has_one_title_and_skips_no_level(page):
    levels = [level for level, _ in headings(text_of(page))]
    assert levels[:1] == [1] and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize("page", WRITTEN)
def test_no_sentence_holds_html_that_readers_would_not_see(page):
    assert re.findall(r"<[a-zA-Z][\w-]*>", prose(text_of(page))) == []


def test_words_are_spelt_as_in_britain():
    """Words that neither aspell's British dictionary nor docs/spelling.txt has, in all sentences of all pages."""
    assert shutil.which("aspell"), "aspell is missing: apt-get install aspell aspell-en"
    unknown = {}
    for page in WRITTEN:
        for word in unknown_words(text_of(page)):
            unknown.setdefault(word, page)
    known = set((ROOT / "docs" / "spelling.txt").read_text().split())
    mended = "mend the word, or put it on a line of its own in docs/spelling.txt"
    assert {word: page for word, page in unknown.items() if not {word, word.lower()} & known} == {}, mended


def test_the_word_list_is_sorted_and_holds_no_word_twice():
    words = (ROOT / "docs" / "spelling.txt").read_text().splitlines()
    assert words == sorted(set(words), key=lambda word: (word.lower(), word))


def unknown_words(text):
    """What aspell does not know of a page's sentences: addresses, titles of works and words with figures left out."""
    sentences = NO_WORDS.sub(" ", prose(text))
    command = ["aspell", "list", "--lang=en_GB", "--encoding=utf-8", "--mode=none"]
    run = subprocess.run(command, input=sentences, capture_output=True, text=True, timeout=60, check=True)
    return sorted({word.removesuffix("'s") for word in run.stdout.split()})
