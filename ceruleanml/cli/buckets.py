"""What verbs take from buckets and leave there: inputs are brought here first, outputs brought up when all is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import typer

from ceruleanml.cli.console import console_progress, one_line

GCS = ("gs:",)
"""The first part of a Path that was written gs://BUCKET/…; nothing of the mirror is loaded without one."""
Location = TypeVar("Location", Path, str, Path | None, str | None)


def is_in_bucket(location: Path | str | None) -> bool:
    """Whether a location is one in a bucket of Google Cloud Storage."""
    return location is not None and Path(location).parts[:1] == GCS


def brought(location: Location, quiet: bool) -> Location:
    """An input where it lies on this machine; one of a bucket is brought into the cache first. None stays None."""
    if location is None or not is_in_bucket(location):
        return location
    from ceruleanml.mirror_cache import cached

    found = cached(str(location), progress=console_progress(quiet, in_bytes=True))
    if isinstance(location, Path):
        return found
    return str(found)


def brought_labels(location: Location, quiet: bool) -> Location:
    """Labels where they lie on this machine: a store, STORE@SNAPSHOT or a folder of files; see `labels.bucket`."""
    if location is None or not is_in_bucket(location):
        return location
    from ceruleanml.labels.bucket import labels_here

    found = labels_here(str(location), console_progress(quiet, in_bytes=True))
    if isinstance(location, Path):
        return found
    return str(found)


@dataclass
class GrowingStore:
    """The folder of a store to add to, and the new paths of states whose second was taken in its bucket."""

    root: Path
    moved: dict[Path, Path] = field(default_factory=dict)

    def name_of(self, path: Path) -> Path:
        """A state's name below the store, as it is in the end."""
        return self.moved.get(path, path).relative_to(self.root)


@contextmanager
def label_store(location: Path, quiet: bool) -> Iterator[GrowingStore]:
    """A store to add to, for a `with`; what was added in it then goes to the bucket, where it lies in one."""
    if not is_in_bucket(location):
        yield GrowingStore(location)
        return
    from ceruleanml.labels.bucket import bucket_store

    store, progress = bucket_store(location), console_progress(quiet, in_bytes=True)
    store.synced(progress=progress)
    growing = GrowingStore(store.root)
    yield growing
    growing.moved |= store.synced(progress=progress)


def served_store(location: Path) -> tuple[Path, Callable[[str], Mapping[Path, Path]] | None]:
    """A store's folder, and what brings a scene's states to its bucket and from there; None without a bucket."""
    if not is_in_bucket(location):
        return location, None
    from ceruleanml.labels.bucket import bucket_store

    store = bucket_store(location)
    store.synced(progress=console_progress(False, in_bytes=True))
    return store.root, store.synced


def sent_snapshot(location: str | None, quiet: bool) -> None:
    """Bring the snapshot that was taken of a store in a bucket up to it, or say that it stays here."""
    if not is_in_bucket(location):
        return
    from ceruleanml.errors import LabelError, StorageError
    from ceruleanml.labels.bucket import labels_here

    try:
        labels_here(str(location), must_send=True)
    except (LabelError, StorageError) as error:  # who makes a data set may have no right to write there
        if not quiet:
            typer.echo(f"note: the snapshot of the labels stays on this machine: {one_line(str(error))}")


@contextmanager
def output(location: Path, quiet: bool) -> Iterator[Path]:
    """Where an output folder is made on this machine, for a `with`; one of a bucket is brought up when all is well."""
    if not is_in_bucket(location):
        yield location
        return
    from ceruleanml.mirror_cache import remote_output

    with remote_output(location, console_progress(quiet, in_bytes=True)) as folder:
        yield folder


def as_written(location: Path) -> str:
    """A location as its user wrote it, for what is printed."""
    if not is_in_bucket(location):
        return str(location)
    from ceruleanml.mirror_copies import location_of

    return location_of(location)
