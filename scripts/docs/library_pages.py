"""Reference pages of the library: public functions, classes and constants of each stage, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from site_text import cell, paragraphs

STAGES = ("scenes", "labels", "datasets", "models", "inference", "evaluation", "selection", "annotation")
BELOW = "below"
"""The page of the modules that lie below all stages."""
LONGEST = 100
"""Characters of a signature that stays on one line."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def library_pages(package: Path) -> dict[str, str]:
    """The pages by their paths within docs/: one a stage, one for what lies below the stages, and their contents."""
    pages = {f"reference/library/{stage}.md": _stage_page(package / stage, stage) for stage in STAGES}
    pages[f"reference/library/{BELOW}.md"] = _page("Below the stages", BELOW_TEXT, sorted(package.glob("[!_]*.py")))
    return {"reference/library/index.md": _contents(package), **pages}


BELOW_TEXT = "Errors, the table of classes, storage, buckets, progress, seeds and locks: what every stage uses."


def public(tree: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Functions and classes of a module, or methods of a class, whose names begin with a letter."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node


def _contents(package: Path) -> str:
    lines = [
        "# Library", "", "What the verbs call can be called from a notebook, with the same arguments. A stage imports",
        "only stages above it in this list. These pages are made from the source when the site is built.", "",
        "| stage | what lives there |", "|---|---|", f"| [below the stages]({BELOW}.md) | {BELOW_TEXT} |",
    ]  # fmt: skip
    for stage in STAGES:
        told = ast.get_docstring(ast.parse((package / stage / "__init__.py").read_text(encoding="utf-8"))) or ""
        lines.append(f"| [{stage}]({stage}.md) | {cell(told)} |")
    return "\n".join(lines) + "\n"


def _stage_page(folder: Path, stage: str) -> str:
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return _page(f"ceruleanml.{stage}", told, sorted(folder.rglob("[!_]*.py")))


def _page(title: str, told: str, modules: list[Path]) -> str:
    read = [(_dotted(path), ast.parse(path.read_text(encoding="utf-8"))) for path in modules]
    lines = [f"# {title}", "", paragraphs(told), "", "| module | what it is |", "|---|---|"]
    lines += [f"| [`{_short(name)}`](#{name}) | {cell(_first_line(tree))} |" for name, tree in read]
    return "\n".join(lines) + "\n\n" + "\n".join(_module(name, tree) for name, tree in read)


def _dotted(path: Path) -> str:
    """A module's name from `ceruleanml` on."""
    parts = path.with_suffix("").parts
    return ".".join(parts[len(parts) - 1 - parts[::-1].index("ceruleanml") :])


def _short(name: str) -> str:
    """A module's name within its stage."""
    parts = name.split(".")[1:]
    return ".".join(parts[1:] if len(parts) > 1 else parts)


def _first_line(node: ast.Module) -> str:
    return (ast.get_docstring(node) or "").partition("\n")[0]


def _module(name: str, tree: ast.Module) -> str:
    parts = [f"## {_short(name)} {{ #{name} }}\n", f"`{name}`: {paragraphs(ast.get_docstring(tree) or '')}\n"]
    constants = list(_constants(tree))
    if constants:
        parts.append("| constant | value | what it is |\n|---|---|---|")
        parts.append("\n".join(f"| `{one}` | {value} | {cell(told)} |" for one, value, told in constants) + "\n")
    parts += [_member(node, name) for node in public(tree)]
    return "\n".join(parts)


def _constants(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """(name, value, meaning) of each constant that a string stands below."""
    for node, after in zip(tree.body, tree.body[1:], strict=False):
        target: ast.expr
        value: ast.expr | None
        if isinstance(node, ast.AnnAssign):
            target, value = node.target, node.value
        elif isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        else:
            continue
        told = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
        if isinstance(told, str) and value is not None and (name := ast.unparse(target))[0].isalpha():
            yield name, _brief(value), " ".join(told.split())


def _brief(value: ast.expr) -> str:
    written = ast.unparse(value)
    return f"`{written}`".replace("|", "\\|") if len(written) <= 40 and "`" not in written else ""


def _member(node: Function | ast.ClassDef, module: str) -> str:
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    parts = [
        f"### {node.name} {{ #{module}.{node.name} .{kind} }}\n",
        f"```python\n{signature(node)}\n```\n",
        paragraphs(ast.get_docstring(node) or "") + "\n",
    ]
    if isinstance(node, ast.ClassDef):
        for method in public(node):
            parts.append(f"#### {node.name}.{method.name} {{ #{module}.{node.name}.{method.name} .method }}\n")
            parts.append(f"```python\n{signature(method)}\n```\n")
            parts.append(paragraphs(ast.get_docstring(method) or "") + "\n")
    return "\n".join(parts)


def signature(node: Function | ast.ClassDef) -> str:
    """How a function is called and what it returns, or what makes a class, as Python writes it."""
    if isinstance(node, ast.ClassDef):
        return _class_signature(node)
    head = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    marks = [f"@{name}\n" for one in node.decorator_list if (name := ast.unparse(one)) in SHOWN]
    return "".join(marks) + _laid_out(f"{head} {node.name}", _parameters(node.args), returns)


SHOWN = ("property", "classmethod", "staticmethod", "cached_property")
"""Decorators that say how a thing is called."""


def _class_signature(node: ast.ClassDef) -> str:
    maker = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    if maker is not None:
        return _laid_out(f"class {node.name}", [one for one in _parameters(maker.args) if one != "self"], "")
    fields = [
        f"{ast.unparse(one.target)}: {ast.unparse(one.annotation)}{_default(one.value)}"
        for one in node.body
        if isinstance(one, ast.AnnAssign)
    ]
    if any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        return _laid_out(f"class {node.name}", fields, "")
    bases = [ast.unparse(base) for base in node.bases]
    return _laid_out(f"class {node.name}", bases, "") if bases else f"class {node.name}"


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    written = ast.unparse(value)
    return f" = {written}" if len(written) <= 40 else " = …"


def _parameters(arguments: ast.arguments) -> list[str]:
    """The parameters, one a text, with types and defaults."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = len(positional) - len(arguments.defaults)
    texts = [
        _parameter(one, arguments.defaults[number - missing] if number >= missing else None)
        for number, one in enumerate(positional)
    ]
    if arguments.posonlyargs:
        texts.insert(len(arguments.posonlyargs), "/")
    if arguments.vararg:
        texts.append(f"*{ast.unparse(arguments.vararg)}")
    elif arguments.kwonlyargs:
        texts.append("*")
    texts += [_parameter(*pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return texts + ([f"**{ast.unparse(arguments.kwarg)}"] if arguments.kwarg else [])


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    written = _default(default)
    return ast.unparse(one) + (written if one.annotation else written.replace(" = ", "="))


def _laid_out(head: str, parts: list[str], tail: str) -> str:
    """All on one line where that is short, else a line for each part."""
    line = f"{head}({', '.join(parts)}){tail}"
    return line if len(line) <= LONGEST else f"{head}(\n" + "".join(f"    {part},\n" for part in parts) + f"){tail}"
