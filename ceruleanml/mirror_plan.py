"""What a mirror has to do: what differs between its two sides."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ceruleanml.errors import StorageError, UsageError
from ceruleanml.mirror_checksums import Checksums
from ceruleanml.mirror_listing import LocalFile, list_local, local_file, usable
from ceruleanml.mirror_names import STATE_FOLDER, clashes, file_fault, folders_of, is_own, object_fault
from ceruleanml.progress import Progress, Silent
from ceruleanml.storage import is_remote
from ceruleanml.storage_bucket import GCS_PREFIX, Place, RemoteFile, open_place

TWICE = "is a file and a folder at once; rename one of the two"


@dataclass(frozen=True)
class Change:
    """A file that is to be moved or deleted: the object's name, the path, and each side as listed; None for none."""

    name: str
    path: Path
    local: LocalFile | None
    remote: RemoteFile | None

    @property
    def generation(self) -> int:
        """The object's generation as listed, 0 where there was none."""
        return self.remote.generation if self.remote else 0


@dataclass(frozen=True)
class MirrorPlan:
    """What a mirror will do: files to send (or to fetch, where not `upload`) and to delete, and what is left alone.

    `folder` is the local side, `location` the bucket's. `left_out` says why a name is not mirrored.
    """

    folder: Path
    location: str
    upload: bool
    moves: tuple[Change, ...]
    deletes: tuple[Change, ...] = ()
    unchanged: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[RemoteFile, ...] = ()
    """Parts of large files that unfinished mirrors left in the bucket."""
    remote: Mapping[str, RemoteFile] = field(default_factory=dict, repr=False)
    """All objects of the location that can be files."""

    def size_of(self, change: Change) -> int:
        """The bytes that a change has to move."""
        side = change.local if self.upload else change.remote
        return side.size if side is not None else 0

    @property
    def size(self) -> int:
        """The bytes that all changes have to move."""
        return sum(map(self.size_of, self.moves))


def plan_mirror(
    source: str, target: str, delete: bool = False, progress: Progress | None = None, empty: bool = False
) -> MirrorPlan:
    """What has to be done so that `target` holds what `source` does; one is a folder or file here, one gs://.

    Files differ by size or CRC-32C. With `delete` what only the target holds is to go; with `empty` a source may hold
    nothing. Raises UsageError for two sides that cannot be mirrored, StorageError where one cannot be read.
    """
    upload = _is_upload(source, target)
    folder, location = (Path(source), target) if upload else (Path(target), source)
    if upload and folder.is_file():
        return _plan_file_up(folder, target)
    if upload and not folder.is_dir():
        raise StorageError(f"{folder}: is no file or folder; name what is to be mirrored")
    with open_place(location, "written" if upload else "read") as place:
        listed = place.listed()
        plan = _plan_folders(folder, place, upload, delete, listed, progress or Silent())
        if plan.moves or plan.unchanged or empty:
            return plan
    if not upload and (single := _plan_file_down(source, target)) is not None:
        return single
    told = next((f"{name} {why}" for name, why in plan.left_out.items()), "check the name")
    raise StorageError(f"{source}: holds no files to mirror; {told}")


def _is_upload(source: str, target: str) -> bool:
    for location in (source, target):
        if is_remote(location) and not location.startswith(GCS_PREFIX):
            raise UsageError(f"{location}: only gs:// buckets are mirrored; bring it here with its own tools first")
    remote = [location.startswith(GCS_PREFIX) for location in (source, target)]
    if all(remote):
        raise UsageError(f"{source} and {target}: are both in buckets; say gcloud storage rsync -r {source} {target}")
    if not any(remote):
        raise UsageError(f"{source} and {target}: are both on this machine; write one as gs://BUCKET/PREFIX")
    return remote[1]


def _plan_folders(
    folder: Path, place: Place, upload: bool, delete: bool, listed: list[RemoteFile], progress: Progress
) -> MirrorPlan:
    remote, odd_there = usable(listed)
    local, odd_here = list_local(folder) if folder.is_dir() else ({}, {})
    twice = dict.fromkeys(clashes([*local, *remote] if upload and not delete else local if upload else remote), TWICE)
    source, goal = (local.keys(), remote.keys()) if upload else (remote.keys(), local.keys())
    odd = {**odd_here, **odd_there, **twice}
    names = [name for name in sorted(source) if _is_free(name, odd)]
    gone = [name for name in sorted(goal - source) if _is_free(name, odd)] if delete else []

    def change(name: str) -> Change:
        return Change(name, folder / name, local.get(name), remote.get(name))

    moves = _different([change(name) for name in names], folder, upload, progress)
    meant = {*source, *(above for name in source for above in folders_of(name)), *(odd_here if upload else odd_there)}
    return MirrorPlan(
        folder,
        place.location,
        upload,
        moves,
        tuple(change(name) for name in gone),
        len(names) - len(moves),
        {name: odd[name] for name in sorted(odd) if name in meant},
        tuple(file for file in listed if upload and is_own(file.name)),
        remote,
    )


def _is_free(name: str, odd: Mapping[str, str]) -> bool:
    """Whether neither a name nor a folder above it is odd; what lies below a linked folder is not known."""
    return not odd or not (name in odd or any(folder in odd for folder in folders_of(name)))


def _different(changes: list[Change], folder: Path, upload: bool, progress: Progress) -> tuple[Change, ...]:
    """Those whose two sides are not the same, and those to send that cannot be read, which sending then refuses."""
    checksums = Checksums(folder)
    alike = {one.name: one.local for one in changes if one.local and one.remote and one.local.size == one.remote.size}
    same = set()
    if not alike:
        return tuple(changes)
    progress.start("Comparing", sum(file.size for file in alike.values()))
    try:
        for one in changes:
            if one.name in alike and one.local and one.remote:
                with suppress(StorageError) if upload else nullcontext():
                    if checksums.of(one.local.path, one.name) == one.remote.crc32c:
                        same.add(one.name)
                progress.advance(one.local.size)
    finally:
        progress.finish()
    checksums.keep()
    return tuple(one for one in changes if one.name not in same)


def _plan_file_up(path: Path, target: str) -> MirrorPlan:
    """The plan for one file: `target` is the object's name, or ends in "/" for a folder that takes it."""
    into_folder = target.endswith("/") or "/" not in target.removeprefix(GCS_PREFIX)
    parent, _, name = (f"{target.rstrip('/')}/{path.name}" if into_folder else target).rpartition("/")
    if (fault := file_fault(name) or object_fault(name)) is not None:
        raise UsageError(f"{path}: {fault}")
    with open_place(parent) as place:
        change = Change(name, path, local_file(path), place.found(name))
        parts = tuple(place.listed(f"{STATE_FOLDER}/"))
    return _of_one(path.parent, parent, True, change, parts)


def _plan_file_down(source: str, target: str) -> MirrorPlan | None:
    """The plan for one object; None where there is none of that name."""
    parent, _, name = source.rstrip("/").rpartition("/")
    if source.endswith("/") or parent + "/" == GCS_PREFIX or object_fault(name):
        return None
    with open_place(parent, "read") as place:
        found = place.found(name)
    if found is None:
        return None
    path = Path(target) / name if target.endswith("/") or Path(target).is_dir() else Path(target)
    return _of_one(path.parent, parent, False, Change(name, path, local_file(path), found))


def _of_one(
    folder: Path, location: str, upload: bool, change: Change, parts: tuple[RemoteFile, ...] = ()
) -> MirrorPlan:
    moves: tuple[Change, ...] = (change,)
    if change.local and change.remote and change.local.size == change.remote.size:
        moves = _different([change], folder, upload, Silent())
    return MirrorPlan(folder, location, upload, moves, unchanged=1 - len(moves), parts=parts)
