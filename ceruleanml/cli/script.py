"""How the small scripts of data-processing/ end: as the verbs do, an error in one line and status 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from ceruleanml.cli.ending import status_of


def run(*functions: Callable[..., Any]) -> None:
    """Run the one function with the command line's arguments, or of several the one that the first argument names."""
    app = typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for function in functions:
        app.command()(function)
    name = Path(sys.argv[0]).name
    sys.exit(status_of(app, sys.argv[1:] or ["--help"], name=name))
