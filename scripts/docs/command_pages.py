"""Reference pages of the command line: every verb with its arguments, options and defaults, asked of the verbs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from site_text import cell, paragraphs

TOLD_ON = {
    "simulate-scenes": "scenes", "mirror": "mirror", "partition": "datasets", "make-dataset": "datasets",
    "describe": "datasets", "check": "datasets", "train": "training", "train-ensemble": "ensembles",
    "evaluate": "evaluation", "compare": "evaluation", "predict": "inference", "export": "export",
    "score": "selection", "embed": "selection", "select": "selection", "annotate": "annotation", "labels": "labels",
    "loop": "rounds",
}  # fmt: skip
"""The page of docs/ that tells what a verb is for."""


def command_pages() -> dict[str, str]:
    """The pages by their paths within docs/: one a verb, in the order of the loop, and their table of contents."""
    top, context = _program()
    pages = {"reference/cli/index.md": _contents(top, context)}
    for name, verb in top.commands.items():
        pages[f"reference/cli/{name}.md"] = _verb_page(name, verb, _within(context, name, verb))
    return pages


def commands() -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(words, command, context) of the program, each verb and each of its sub-verbs."""
    top, context = _program()
    yield (), top, context
    yield from _under(top, context, ())


def options(command: Any, context: Any) -> list[Any]:
    """The parameters of a command that are options, help left out."""
    return [one for one in command.get_params(context) if one.param_type_name == "option" and one.name != "help"]


def _program() -> tuple[Any, Any]:
    import typer.main

    from ceruleanml.cli.main import app

    top: Any = typer.main.get_command(app)
    return top, top.context_class(top, info_name="ceruleanml", terminal_width=10_000, max_content_width=10_000)


def _within(context: Any, name: str, command: Any) -> Any:
    return command.context_class(command, info_name=name, parent=context)


def _under(group: Any, context: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    for name, command in getattr(group, "commands", {}).items():
        inner = _within(context, name, command)
        yield (*words, name), command, inner
        yield from _under(command, inner, (*words, name))


def _contents(top: Any, context: Any) -> str:
    lines = [
        "# Command line", "", paragraphs(top.help), "", f"```text\n{_usage(top, context)}\n```", "",
        "`ceruleanml VERB --help` prints what these pages say. They are written by `make reference` from the verbs",
        "themselves.", "", "## Verbs", "", "In the order of the loop.", "", "| verb | what it does | told on |",
        "|---|---|---|",
    ]  # fmt: skip
    for words, command, _ in _under(top, context, ()):
        target = f"{words[0]}.md" + (f"#{'-'.join(('ceruleanml', *words))}" if len(words) > 1 else "")
        told = TOLD_ON[words[0]]
        lines.append(f"| [`{' '.join(words)}`]({target}) | {cell(_first(command))} | [{told}](../../{told}.md) |")
    lines += ["", "## Before the verb", "", *_option_table(top, context), "", "## Exit status", "", *STATUS]
    return "\n".join(lines) + "\n"


STATUS = [
    "| status | meaning |", "|---|---|", "| 0 | done |",
    "| 1 | something went wrong that the program did not expect; `--debug` shows where |",
    "| 2 | nothing was written, and one line says what is wrong and what would be right |",
    "| 3 | some scenes, files or units failed and are named; the others were done |",
    "| 128 + n | ended by signal n, as shells count: 130 for Ctrl-C; said again, the command goes on |",
]  # fmt: skip


def _verb_page(name: str, verb: Any, context: Any) -> str:
    told = TOLD_ON[name]
    parts = [_section((name,), verb, context, 1), f"\nWhat it is for, with a run of it: [{told}](../../{told}.md).\n"]
    parts += [_section(words, one, inner, 2) for words, one, inner in _under(verb, context, (name,))]
    return "\n".join(parts)


def _section(words: tuple[str, ...], command: Any, context: Any, level: int) -> str:
    lines = [f"{'#' * level} ceruleanml {' '.join(words)}", "", paragraphs(command.help), ""]
    lines += [f"```text\n{_usage(command, context)}\n```", ""]
    arguments = [one for one in command.get_params(context) if one.param_type_name == "argument"]
    if arguments:
        lines += ["| argument | what it is |", "|---|---|"]
        lines += [f"| `{_declared(one, context)}` | {cell(_explained(one, context))} |" for one in arguments] + [""]
    if options(command, context):
        lines += [*_option_table(command, context), ""]
    return "\n".join(lines)


def _option_table(command: Any, context: Any) -> list[str]:
    rows = [
        f"| `{_declared(one, context)}` | {_default(one, context)} | {cell(_explained(one, context))} |"
        for one in options(command, context)
    ]
    return ["| option | default | what it does |", "|---|---|---|", *rows]


def _usage(command: Any, context: Any) -> str:
    return re.sub(r"[{}]", "", command.get_usage(context).removeprefix("Usage: "))


def _declared(parameter: Any, context: Any) -> str:
    return str(parameter.get_help_record(context)[0]).replace("|", "\\|")


def _explained(parameter: Any, context: Any) -> str:
    """The help without the bracket that --help ends it with."""
    return re.sub(r"  \[(required|default: .*)\]$", "", str(parameter.get_help_record(context)[1]))


def _default(parameter: Any, context: Any) -> str:
    if parameter.required:
        return "required"
    shown = re.search(r"  \[default: (.*)\]$", str(parameter.get_help_record(context)[1]))
    return f"`{shown[1]}`" if shown else ""


def _first(command: Any) -> str:
    return str(command.help).split("\n\n")[0]
