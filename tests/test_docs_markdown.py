"""How pages are taken apart, and how lists are set for the site."""

import pytest
from docs_read import anchors, fences, headings, links, prose, spans

from site_text import indented  # isort: skip # docs_read says where it lies

PAGE = """# Title

See [this](a.md "word") and ![`p`](b.png), not `[that](c.md)`.

1. item

   ```sh
   make demo   # [no](link.md)

     indented
   ```

## A `code_word`, and 2 of 3

~~~~text
```
# no heading
~~~~

## Title
"""


def test_fences_are_read_with_language_place_and_without_their_indent():
    first, second = fences(PAGE)
    assert (first.language, first.line, first.length, first.closed) == ("sh", 7, 5, True)
    assert first.content == "make demo   # [no](link.md)\n\n  indented\n"
    assert (second.language, second.content, second.closed) == ("text", "```\n# no heading\n", True)


@pytest.mark.parametrize("text", ["```sh\nls\n", "a\n\n```\n", "````\n```\n", "```sh\nls\n``` x"])
def test_a_fence_without_end_is_told(text):
    (fence,) = fences(text)
    assert not fence.closed


def test_links_are_those_outside_code():
    assert [(link.target, link.line) for link in links(PAGE)] == [("a.md", 3), ("b.png", 3)]
    assert [PAGE[link.start : link.stop] for link in links(PAGE)] == ["a.md", "b.png"]


def test_prose_keeps_every_place():
    read = prose(PAGE)
    assert len(read) == len(PAGE) and read.count("\n") == PAGE.count("\n")
    assert "make" not in read and "that" not in read and "code_word" not in read and "See [this]" in read


def test_headings_and_their_names_in_links():
    assert headings(PAGE) == [(1, "Title"), (2, "A `code_word`, and 2 of 3"), (2, "Title")]
    assert anchors(PAGE) == {"title", "a-code_word-and-2-of-3", "title-1"}


def test_spans_are_the_code_within_sentences():
    assert spans("run `make\ndemo` or ``a ` b``\n\n```sh\n`no`\n```\n") == ["make demo", "a ` b"]


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("a\n- b\n  c\n\nd", "a\n- b\n    c\n\nd"),
        ("1. a\n\n   b\n\n   - c\n     d\n\n   e\n", "1. a\n\n    b\n\n    - c\n        d\n\n    e\n"),
        ("10. a\n\n    b", "10. a\n\n    b"),
        ("- a\n\n  ```sh\n  x\n    y\n  ```\nb", "- a\n\n    ```sh\n    x\n      y\n    ```\nb"),
        ("```yaml\n- a:\n  b\n```\n", "```yaml\n- a:\n  b\n```\n"),
        ("plain\n    code\n", "plain\n    code\n"),
    ],
)
def test_what_belongs_to_an_item_is_indented_by_four(written, wanted):
    assert indented(written) == wanted
