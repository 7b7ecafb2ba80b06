"""Where copies of what lies in buckets lie on this machine, and what each is a copy of, which is what records name."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ceruleanml.storage_bucket import GCS_PREFIX, split_location

INPUTS, OUTPUTS, STORES = "inputs", "outputs", "stores"
"""Folders of the cache: copies of what buckets hold, what commands made for them, and label stores."""
KIND = re.compile(rf"({INPUTS}(\.\d+)?|{OUTPUTS}|{STORES})")


def location_of(location: str | Path) -> str:
    """The location as it was written: a Path takes the second slash from gs://."""
    text = str(location)
    return (
        GCS_PREFIX + text.removeprefix("gs:/") if text.startswith("gs:/") and not text.startswith(GCS_PREFIX) else text
    )


def is_in_bucket(location: str | Path) -> bool:
    """Whether a location is in a bucket of Google Cloud Storage."""
    return location_of(location).startswith(GCS_PREFIX)


def cache_folder() -> Path:
    """Where copies of what lies in buckets are kept: $CERULEANML_CACHE, else ~/.cache/ceruleanml."""
    named = os.environ.get("CERULEANML_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "ceruleanml"


def copy_of(location: str, cache: Path, kind: str) -> Path:
    """Where in the cache a location's copy lies."""
    bucket, prefix = split_location(location)
    return cache / kind / bucket / prefix


def copy_here(location: str | Path) -> Path:
    """Where a location that a record names lies on this machine; of one in a bucket, where its copy as an input does.

    Nothing is brought; the copy may be missing, or older.
    """
    text = location_of(location)
    return copy_of(text, cache_folder(), INPUTS) if is_in_bucket(text) else Path(text)


def origin_of(path: str | Path) -> str:
    """The location in a bucket that a path in the cache is the copy of; any other path or text as it is.

    Records name this, so that they hold on a machine, or with a cache, where the copy lies elsewhere.
    """
    cache = cache_folder()
    for folder in (cache, Path(os.path.realpath(cache))):
        if Path(path).is_relative_to(folder):
            kind, *names = Path(path).relative_to(folder).parts or ("",)
            if names and KIND.fullmatch(kind):
                return GCS_PREFIX + "/".join(names)
    return location_of(path)
