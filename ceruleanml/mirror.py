"""Mirroring between a folder here and a bucket of Google Cloud Storage: only what differs, checked, and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ceruleanml.errors import WriteError
from ceruleanml.locks import alone
from ceruleanml.mirror_download import Incoming, fetch_all
from ceruleanml.mirror_listing import local_file
from ceruleanml.mirror_moving import AT_ONCE, FileRefused, side_by_side
from ceruleanml.mirror_names import STATE_FOLDER
from ceruleanml.mirror_plan import Change, MirrorPlan, plan_mirror
from ceruleanml.mirror_upload import forgotten, remove_parts, send_all
from ceruleanml.mirror_writing import Outgoing, delete_object
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import make_folder, storage_error
from ceruleanml.storage_bucket import Place, open_place

__all__ = ["MirrorPlan", "MirrorReport", "carry_out", "mirror", "plan_mirror"]


@dataclass(frozen=True)
class MirrorReport:
    """What a mirror did: files moved, bytes that went over the wire, files alike before and files deleted.

    `failed` says of each file why it was not moved, `left_out` why a name was not mirrored at all.
    """

    moved: int
    moved_bytes: int
    unchanged: int
    deleted: int
    failed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


def mirror(
    source: str,
    target: str,
    *,
    delete: bool = False,
    dry_run: bool = False,
    at_once: int = AT_ONCE,
    progress: Progress | None = None,
) -> MirrorReport:
    """Make `target` hold what `source` does; one is a folder or file here, the other gs://BUCKET[/PREFIX].

    Only files that differ in size or CRC-32C are moved, and checked; one that another writer changed since the listing
    is left as it is and told in `failed`. With `delete` what only the target holds is deleted at the end, if all else
    went well; with `dry_run` nothing is done. Raises UsageError, StorageError, WriteError.
    """
    plan = plan_mirror(source, target, delete, progress)
    if dry_run:
        return MirrorReport(0, 0, plan.unchanged, 0, {}, plan.left_out)
    return carry_out(plan, at_once, progress)


def carry_out(plan: MirrorPlan, at_once: int = AT_ONCE, progress: Progress | None = None) -> MirrorReport:
    """Do what a plan says; see `mirror`. Raises StorageError, WriteError."""
    progress = progress or Silent()
    failed: dict[str, str] = {}
    with open_place(plan.location, "written" if plan.upload else "read") as place:
        if plan.moves:
            progress.start("Sending" if plan.upload else "Fetching", plan.size)
        try:
            moved_bytes = (_send if plan.upload else _fetch)(plan, place, at_once, failed, progress.advance)
            deleted = 0 if failed else _delete(plan, place, at_once, failed)
        finally:
            progress.finish()
    moved = sum(1 for one in plan.moves if one.name not in failed)
    return MirrorReport(moved, moved_bytes, plan.unchanged, deleted, failed, plan.left_out)


def _send(plan: MirrorPlan, place: Place, at_once: int, failed: dict[str, str], done: Callable[[int], None]) -> int:
    files = [Outgoing(one.local, one.name, one.generation) for one in plan.moves if one.local]
    sent = send_all(place, files, plan.parts, at_once, failed, done)
    remove_parts(place, forgotten(plan.parts), at_once)
    return sent


def _fetch(plan: MirrorPlan, place: Place, at_once: int, failed: dict[str, str], done: Callable[[int], None]) -> int:
    files = [Incoming(one.remote, one.path, one.local) for one in plan.moves if one.remote]
    if not files and not (plan.folder / STATE_FOLDER).is_dir():
        return 0
    with _alone(make_folder(plan.folder)):
        return fetch_all(place, files, make_folder(plan.folder / STATE_FOLDER), at_once, failed, done)


def _delete(plan: MirrorPlan, place: Place, at_once: int, failed: dict[str, str]) -> int:
    """Delete what only the target holds, each as it was listed; how many."""

    def one(change: Change) -> tuple[str, str | None]:
        try:
            delete_object(place, change.name, change.generation) if plan.upload else _unlink(change, plan.folder)
        except FileRefused as refused:
            return change.name, str(refused)
        return change.name, None

    told = dict(side_by_side(one, plan.deletes, at_once))
    failed |= {name: why for name, why in told.items() if why}
    return sum(1 for why in told.values() if not why)


def _unlink(change: Change, root: Path) -> None:
    """Delete a file that is as it was listed, and the folders that it leaves empty."""
    if local_file(change.path) != change.local:
        raise FileRefused("was changed on this machine meanwhile; run it again to compare anew")
    try:
        change.path.unlink()
    except OSError as error:
        raise storage_error(change.path, error) from error
    with suppress(OSError):  # the first that is not empty
        for folder in change.path.relative_to(root).parents:
            if folder != Path():
                (root / folder).rmdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock: two mirrors into one folder would take each other's unfinished files."""
    with ExitStack() as held:
        try:
            held.enter_context(alone(folder))
        except BlockingIOError as error:
            raise WriteError(f"{folder}: another mirror into it is at work; wait for its end") from error
        yield
