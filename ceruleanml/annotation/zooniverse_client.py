"""Zooniverse itself, through its own client: subjects up, the classification export down.

Credentials are the client's own environment variables: PANOPTES_USERNAME and PANOPTES_PASSWORD, or PANOPTES_CLIENT_ID
and PANOPTES_CLIENT_SECRET; PANOPTES_ENDPOINT names another service than zooniverse.org. Every request ends after
`PATIENCE_S` without an answer.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from ceruleanml.annotation.zooniverse_subjects import Subject, picture_of, subjects_of
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.progress import Progress, Silent
from ceruleanml.selection.zooniverse_export import ID_COLUMN
from ceruleanml.storage import make_folder, storage_error, writing

PATIENCE_S = 60.0
LINKED_AT_ONCE = 20
"""Subjects are put into their set in groups of so many; a killed run does at most such a group's linking again."""
CHUNK_BYTES = 1 << 16
MIME = {"png": "image/png", "jpg": "image/jpeg"}


@dataclass(frozen=True)
class UploadReport:
    """The subject set that holds the queue now, how many subjects were sent by this run and how many were there."""

    subject_set: str
    sent: int
    there: int


def upload_page(page: Path, project_id: int, set_name: str, progress: Progress | None = None) -> UploadReport:
    """Send the queue of a prepared page as subjects of a set, which is made where the project has none of that name.

    What the set holds already is not sent again, so a killed run goes on; the service itself is asked what it holds,
    and a journal in the page's folder knows the subjects that were sent and not yet put into the set. Raises
    StorageError for whatever the service refuses, UsageError without credentials or client.
    """
    progress = progress or Silent()
    subjects = subjects_of(page)
    with connected(needs_login=True) as api:
        subject_set = _set_of(api, project_id, set_name)
        journal = Journal(page / f".zooniverse_{subject_set.id}.jsonl")
        held = {str(one.metadata.get(ID_COLUMN)) for one in api.Subject.where(subject_set_id=subject_set.id)}
        waiting = [one for one in subjects if one.id not in held]
        progress.start("subjects", len(subjects))
        progress.advance(len(subjects) - len(waiting))
        try:
            for first in range(0, len(waiting), LINKED_AT_ONCE):
                group = waiting[first : first + LINKED_AT_ONCE]
                sent = [_sent(api, page, one, project_id, journal, progress) for one in group]
                subject_set.add(sent)
        finally:
            progress.finish()
        return UploadReport(str(subject_set.id), len(waiting), len(subjects) - len(waiting))


def download_export(project_id: int, out: Path, wait_s: float = 3_600.0, latest: bool = False) -> int:
    """Write the project's classification export, whole or not at all; its bytes.

    A new export is asked for and awaited; with `latest` the last one that was made is taken. Raises StorageError for
    what the service refuses or does not finish in time.
    """
    make_folder(out.parent)
    with connected(needs_login=True) as api:
        project = api.Project.find(project_id)
        if latest:
            found = project.describe_export("classifications")
        else:
            project.generate_export("classifications")
            found = project.wait_export("classifications", timeout=wait_s)
        media = found.get("media") or [{}]
        if not media[0].get("src"):
            raise StorageError(f"Zooniverse project {project_id}: has no finished export; leave --latest out")
        return _fetched(api, media[0]["src"], out)


class Journal:
    """The subjects that were sent for a set, by item; a line each, on the disk before the next one is sent."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sent: dict[str, str] = {}
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        except OSError as error:
            raise storage_error(path, error, "read") from error
        for line in lines:
            try:
                row = json.loads(line)
                self._sent[str(row["item"])] = str(row["subject"])
            except (ValueError, KeyError, TypeError):
                continue  # the half line of a run that was killed

    def __getitem__(self, item: str) -> str | None:
        """The subject that was sent for an item, or None."""
        return self._sent.get(item)

    def add(self, item: str, subject: str) -> None:
        """Note that a subject was sent. Raises StorageError."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._is_torn() + json.dumps({"item": item, "subject": subject}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise storage_error(self._path, error) from error
        self._sent[item] = subject

    def _is_torn(self) -> bool:
        """Whether the last line has no end."""
        return self._path.is_file() and self._path.read_bytes()[-1:] not in (b"", b"\n")


@contextmanager
def connected(needs_login: bool) -> Iterator[Any]:
    """The client's module, logged in, within which its errors and those of the net become StorageErrors."""
    api = _client_module()
    import requests

    try:
        client = _patient(api)()
        if needs_login and not client.logged_in and not client.client_secret:
            raise UsageError(
                "Zooniverse needs credentials: set PANOPTES_USERNAME and PANOPTES_PASSWORD, or PANOPTES_CLIENT_ID and "
                "PANOPTES_CLIENT_SECRET"
            )
        with client:
            yield api
    except (api.panoptes.PanoptesAPIException, requests.RequestException, KeyError) as error:
        place = os.environ.get("PANOPTES_ENDPOINT", "https://www.zooniverse.org")
        text = " ".join(str(error).split()) or type(error).__name__
        raise StorageError(f"{place}: {text:.300}; mend that and run it again, what was sent is kept") from error


def _client_module() -> Any:
    """`panoptes_client`. Raises UsageError where it is not installed."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())  # else the client makes every library log to the screen
    try:
        return importlib.import_module("panoptes_client")
    except ImportError as error:
        raise UsageError(
            f"Zooniverse needs its client ({error}); install it with pip install 'ceruleanml[zooniverse]'"
        ) from error


def _patient(api: Any) -> Any:
    """The client's class, whose requests end without an answer; the client itself waits for ever."""
    from requests.adapters import HTTPAdapter

    class Limited(HTTPAdapter):
        def send(self, *arguments: Any, **options: Any) -> Any:
            if options.get("timeout") is None:
                options["timeout"] = PATIENCE_S
            return super().send(*arguments, **options)

    class Patient(api.Panoptes):  # type: ignore[misc]
        def login(self, *arguments: Any, **options: Any) -> Any:
            for scheme in ("http://", "https://"):
                self.session.mount(scheme, Limited())
            return super().login(*arguments, **options)

    return Patient


def _set_of(api: Any, project_id: int, name: str) -> Any:
    """The project's subject set of that name, made where there is none."""
    project = api.Project.find(project_id)
    for subject_set in api.SubjectSet.where(project_id=project_id):
        if subject_set.display_name == name:
            return subject_set
    subject_set = api.SubjectSet()
    subject_set.links.project = project
    subject_set.display_name = name
    subject_set.save()
    return subject_set


def _sent(api: Any, page: Path, subject: Subject, project_id: int, journal: Journal, progress: Progress) -> str:
    """The id of the subject of an item: sent before, or now."""
    known = journal[subject.id]
    if known is None:
        content, ending = picture_of(page, subject)
        made = _verified(api)()
        made.links.project = project_id
        made.metadata.update(subject.metadata)
        made.add_location(BytesIO(content), manual_mimetype=MIME[ending])
        made.save()
        if made.uploads != 1:
            raise StorageError(f"item {subject.id}: its picture was not taken by Zooniverse; run the upload again")
        known = str(made.id)
        journal.add(subject.id, known)
    progress.advance()
    return known


def _verified(api: Any) -> Any:
    """The client's Subject, counting the files that arrived: the client itself is silent about those that fail."""
    import requests

    class Verified(api.Subject):  # type: ignore[misc]
        uploads = 0

        def _upload_media(self, url: str, media_data: bytes, media_type: str) -> Any:
            headers = {"Content-Type": media_type, "x-ms-blob-type": "BlockBlob"}
            response = requests.put(url, headers=headers, data=media_data, timeout=PATIENCE_S)
            response.raise_for_status()
            object.__setattr__(self, "uploads", self.uploads + 1)
            return response

    return Verified


def _fetched(api: Any, url: str, out: Path) -> int:
    import requests

    size = 0
    with requests.get(url, stream=True, timeout=PATIENCE_S) as response:
        response.raise_for_status()
        with writing(out) as temporary, temporary.open("wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                size += file.write(chunk)
    return size
