"""`ceruleanml mirror`: what one side holds, the other then holds too; one side is here, the other in a bucket."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ceruleanml.cli.console import SOME_FAILED, console_progress, counted, one_line
from ceruleanml.cli.options import Quiet

if TYPE_CHECKING:
    from ceruleanml.mirror import MirrorPlan, MirrorReport

Source = Annotated[str, typer.Argument(help="The folder or file to mirror: here, or gs://BUCKET/PREFIX.")]
Target = Annotated[str, typer.Argument(help="Where it is to be: gs://BUCKET/PREFIX, or a folder here.")]
Delete = Annotated[
    bool, typer.Option("--delete", help="Also delete what only the target holds. The list is shown first, see --yes.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Delete without asking; without a terminal nothing is deleted otherwise.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List what would be done; do nothing.")]
AtOnce = Annotated[int, typer.Option(help="Requests at once.", min=1, max=64)]


def mirror(
    source: Source,
    target: Target,
    delete: Delete = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    at_once: AtOnce = 8,
    quiet: Quiet = False,
) -> int:
    """Mirror a folder to a bucket of Google Cloud Storage, or a bucket's to a folder: only what differs is moved.

    Files differ by size or CRC-32C. Started again after an interruption it goes on, within large files too. What
    another writer changed meanwhile is left alone and told. Exit status: 0 done, 2 nothing done, 3 some files failed.
    """
    from ceruleanml.mirror import carry_out, plan_mirror

    progress = console_progress(quiet, in_bytes=True)
    plan = plan_mirror(source, target, delete, progress)
    if dry_run:
        _list_moves(plan)
        _list_deletes(plan)
        _list_left_out(plan.left_out)
        typer.echo(f"{target}: would take {_moved(len(plan.moves), plan.size)}; {plan.unchanged:,} are alike")
        return SOME_FAILED if plan.left_out else 0
    if plan.deletes:
        _ask(plan, target, yes)
    began = time.monotonic()
    report = carry_out(plan, at_once, progress)
    return _told(report, plan, target, time.monotonic() - began, quiet)


def _ask(plan: MirrorPlan, target: str, yes: bool) -> None:
    """Show what is to be deleted. Raises UsageError where nobody says yes to it."""
    from ceruleanml.errors import UsageError

    _list_deletes(plan)
    files = counted(len(plan.deletes), "file")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{target}: {files} would be deleted there, listed above; nothing was done, add --yes")
    typer.confirm(f"Delete {files} of {target}?", abort=True)


def _list_moves(plan: MirrorPlan) -> None:
    for one in plan.moves:
        verb = "replace" if one.local and one.remote else "send" if plan.upload else "fetch"
        typer.echo(f"{verb} {one_line(one.name)} ({_size(plan.size_of(one))})")


def _list_deletes(plan: MirrorPlan) -> None:
    for one in plan.deletes:
        typer.echo(f"delete {one_line(one.name)}")


def _list_left_out(left_out: Mapping[str, str]) -> None:
    for name, why in left_out.items():
        typer.echo(f"left out: {one_line(f'{name} {why}')}", err=True)


def _told(report: MirrorReport, plan: MirrorPlan, target: str, seconds: float, quiet: bool) -> int:
    """Print what was done. Raises WriteError where nothing was, since each file was refused."""
    from ceruleanml.errors import WriteError

    refused = [f"{name} {why}" for name, why in report.failed.items()]
    nothing = not report.moved and not report.deleted
    if refused and nothing and len(refused) == 1:
        raise WriteError(f"{target}: {refused[0]}")
    for line in refused:
        typer.echo(f"failed: {one_line(line)}", err=True)
    _list_left_out(report.left_out)
    if refused and nothing:
        raise WriteError(f"{target}: none of {counted(len(refused), 'file')} was moved; see above")
    if not quiet:
        rate = f" in {seconds:,.1f} s, {_size(report.moved_bytes / seconds)}/s" if report.moved else ""
        deleted = f"; deleted {report.deleted:,}" if report.deleted else ""
        verb = "sent" if plan.upload else "fetched"
        typer.echo(
            f"{target}: {verb} {_moved(report.moved, report.moved_bytes)}{rate}; "
            f"{report.unchanged:,} were alike{deleted}"
        )
    return SOME_FAILED if refused or report.left_out else 0


def _moved(files: int, size: float) -> str:
    return f"{counted(files, 'file')}, {_size(size)}"


def _size(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
