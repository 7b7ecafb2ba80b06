"""The reference: docs/reference holds what verbs, settings and targets say, and the library's pages are whole."""

import ast
from functools import cache

import pytest
from docs_read import ROOT, anchors

from command_pages import TOLD_ON, command_pages, commands, options  # isort: skip # docs_read says where it lies
from library_pages import library_pages, public, signature  # isort: skip
from reference import reference  # isort: skip
from setting_pages import make_targets  # isort: skip
from site_text import escaped, paragraphs  # isort: skip

PACKAGE = ROOT / "ceruleanml"


@cache
def library():
    return library_pages(PACKAGE)


def test_the_pages_that_are_kept_are_what_would_be_written_now():
    wanted = reference()
    kept = {path: path.read_text() for path in (ROOT / "docs" / "reference").rglob("*.md")}
    old = sorted(path.name for path in kept.keys() | wanted.keys() if kept.get(path) != wanted.get(path))
    assert old == [], "say: make reference"


def test_every_verb_and_every_option_is_on_its_page():
    pages = command_pages()
    for words, command, context in commands():
        page = pages[f"reference/cli/{words[0]}.md" if words else "reference/cli/index.md"]
        assert not words or "-".join(("ceruleanml", *words)) in anchors(page)
        for option in options(command, context):
            assert all(name in page for name in (*option.opts, *option.secondary_opts)), (words, option.name)


def test_every_verb_is_told_on_a_page_that_shows_it():
    assert TOLD_ON.keys() == {words[0] for words, _, _ in commands() if words}
    for verb, page in TOLD_ON.items():
        assert f"ceruleanml {verb}" in (ROOT / "docs" / f"{page}.md").read_text(), verb


def test_every_target_of_make_help_is_there():
    assert {"docs", "docs-serve", "reference"} <= make_targets(ROOT / "Makefile").keys()
    page = (ROOT / "docs" / "reference" / "make.md").read_text()
    for makefile in ("Makefile", "gcpvm/Makefile"):
        targets = make_targets(ROOT / makefile)
        assert len(targets) > 10
        assert all(f"| `make {name}` |" in page for name in targets)


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name != "cli" and not path.name.startswith("_"):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), ast.parse(path.read_text())


def test_every_public_function_class_and_method_is_in_the_library_with_what_it_says():
    text, count = "\n".join(library().values()), 0
    for module, tree in modules():
        for node in public(tree):
            inner = list(public(node)) if isinstance(node, ast.ClassDef) else []
            for name, one in [(node.name, node), *((f"{node.name}.{method.name}", method) for method in inner)]:
                assert f"{{ #{module}.{name} ." in text, f"{module}.{name} is on no page"
                first = (ast.get_docstring(one) or "").partition("\n")[0]
                assert first.strip(), f"{module}.{name} says nothing"
                assert escaped(first.split("`")[0].strip()) in text, f"{module}.{name}"
                count += 1
    assert count > 1500


def test_each_stage_has_a_page_and_each_page_a_line_in_the_contents():
    stages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"cli"}
    assert {f"reference/library/{name}.md" for name in {*stages, "below", "index"}} == set(library())
    assert all(f"]({name}.md)" in library()["reference/library/index.md"] for name in {*stages, "below"})


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("def f(): ...", "def f()"),
        ("def f(a, b=1, *, c: int = 2) -> str: ...", "def f(a, b=1, *, c: int = 2) -> str"),
        ("def f(a, /, *more: int, key=None, **rest): ...", "def f(a, /, *more: int, key=None, **rest)"),
        ("async def f(a: list[int]): ...", "async def f(a: list[int])"),
        ("@property\ndef f(self) -> int: ...", "@property\ndef f(self) -> int"),
        ("@cache\ndef f(a): ...", "def f(a)"),
        ("class A(ValueError): ...", "class A(ValueError)"),
        ("class A: ...", "class A"),
        ("@dataclass(frozen=True)\nclass A:\n    x: int\n    y: str = 'a'\n    Z = 3", "class A(x: int, y: str = 'a')"),
        ("class A:\n    def __init__(self, x: int) -> None: ...", "class A(x: int)"),
        ("def f(a=" + "1" * 41 + "): ...", "def f(a=…)"),
        ("def " + "f" * 90 + "(one: int, two: int): ...", "def " + "f" * 90 + "(\n    one: int,\n    two: int,\n)"),
    ],
)
def test_a_signature_is_written_as_python_writes_it(source, written):
    assert signature(ast.parse(source).body[0]) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b and _c_ in `x_*<y>`", r"a_b and \_c\_ in `x_*<y>`"),
        ("<scene_id>.png, 2 * 3, [a] {b}", r"&lt;scene_id>.png, 2 \* 3, \[a\] \{b\}"),
        ("One\nline.\n\n  Next\n  one.", "One line.\n\nNext one."),
    ],
)
def test_text_keeps_its_signs_in_markdown(text, written):
    assert paragraphs(text) == written
