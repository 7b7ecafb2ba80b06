"""How every command ends: users' errors in one line and status 2, a stopped training in its signal's status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
import typer.exceptions

from ceruleanml.cli.console import one_line
from ceruleanml.errors import CeruleanError, TrainingStopped

USAGE, BROKEN_PIPE, INTERRUPTED = 2, 141, 130
"""Exit statuses; the last two are those of a process that SIGPIPE or SIGINT ends."""


def status_of(app: typer.Typer, arguments: Sequence[str], debug: bool = False, name: str = "ceruleanml") -> int:
    """The exit status of an app with these arguments. Errors are told under `name`; with `debug`, where they arose."""
    # OpenMP's threads spin for milliseconds where they wait, and take the cores from each other as soon as another
    # program runs: steps of a training took 3 to 6 times as long. Spinning for less costs nothing on quiet cores, not
    # to spin half as much again. It is read when PyTorch is imported, which no verb has done by now.
    os.environ.setdefault("GOMP_SPINCOUNT", "100000")
    try:
        return app(args=list(arguments), standalone_mode=False) or 0
    except TrainingStopped as error:
        _tell(str(error), name, debug)
        return error.status
    except CeruleanError as error:
        _tell(str(error), name, debug)
    except typer.exceptions.TyperException as error:
        _tell(error.format_message(), name, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        _tell(f"{error.filename or 'a file'}: {error.strerror or error}", name, debug)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    return USAGE


def _tell(message: str, name: str, debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()
    typer.echo(f"{name}: {one_line(message)}", err=True)
