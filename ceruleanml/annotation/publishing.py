"""Publishing a page: its files to a bucket that serves them, the queue and the page itself last."""

from __future__ import annotations

from pathlib import Path

from ceruleanml.annotation.page_requests import TYPES
from ceruleanml.errors import StorageError
from ceruleanml.progress import Progress
from ceruleanml.storage_upload import OutgoingFile, UploadReport, upload

KEPT, ASKED_AGAIN = "public, max-age=2592000", "no-cache"
"""Tiles may be kept for 30 days; all else a browser asks for again, and gets an answer of 0 bytes where it is alike."""


def publish_page(page: Path, target: str, progress: Progress | None = None) -> UploadReport:
    """Bring a prepared page to `target` (gs://BUCKET/PREFIX), sending what differs; see `storage_upload.upload`.

    Script twins stay here: they are for `file://`. The queue and the page's own files go last, so that nobody meets a
    queue whose tiles are not there yet. Raises StorageError where `page` is none, UsageError, WriteError.
    """
    if not (page / "index.html").is_file() or not (page / "data" / "queue.json").is_file():
        raise StorageError(f"{page}: is no prepared page; make one with ceruleanml annotate prepare")
    return upload(outgoing(page), target, progress)


def outgoing(page: Path) -> tuple[list[OutgoingFile], list[OutgoingFile]]:
    """The files of a page in two batches: what its scenes hold, then the queue and the page's own files."""
    scenes: list[OutgoingFile] = []
    others: list[OutgoingFile] = []
    for path in sorted(path for path in page.rglob("*") if path.is_file()):
        parts = path.relative_to(page).parts
        if any(part[0] == "." for part in parts) or path.suffix not in TYPES or _is_twin(parts):
            continue
        cache = KEPT if path.suffix == ".png" else ASKED_AGAIN
        file = OutgoingFile(path, "/".join(parts), TYPES[path.suffix], cache)
        (scenes if parts[:2] == ("data", "scenes") else others).append(file)
    return scenes, others


def _is_twin(parts: tuple[str, ...]) -> bool:
    return parts[0] == "data" and parts[-1].endswith(".js")
