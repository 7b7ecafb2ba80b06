"""The server of a page on this machine: its files for reading, and saves that go straight into the label store.

It listens on 127.0.0.1 alone. Whoever asks must know the token that is the first part of every address, must have
asked for this very host (a page elsewhere whose name leads here cannot), and to save must come from the page itself.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ceruleanml
from ceruleanml.annotation.importing_checks import check_page_save
from ceruleanml.annotation.importing_frames import SceneFrame, page_frames
from ceruleanml.annotation.page_files import classes_sha256
from ceruleanml.classes import ClassTable, load_classes
from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.labels.heads import heads_of, state_of
from ceruleanml.labels.states import annotator_of, files_of, time_of
from ceruleanml.labels.store import Appended, append_state
from ceruleanml.storage import make_folder, read_json

HOST = "127.0.0.1"
TOKEN_BYTES = 24
BUCKET_PATIENCE_S = 8.0
"""So long a page waits for the bucket of its store."""
Json = dict[str, Any]


@dataclass
class PageStore:
    """A page's folder and the label store behind it; what requests ask for, without any HTTP."""

    page: Path
    store: Path
    classes: ClassTable
    frames: dict[str, SceneFrame]
    evaluation: frozenset[str] = frozenset()
    synced: Callable[[str], Mapping[Path, Path]] | None = None
    """Where the store is the copy of one in a bucket: brings a scene's states there and here. See `labels.bucket`."""
    patience_s: float = BUCKET_PATIENCE_S
    _saving: threading.Lock = field(default_factory=threading.Lock)

    def hello(self) -> Json:
        """What the server says of itself."""
        return {"server": "ceruleanml", "version": ceruleanml.__version__, "store": self.store.resolve().name}

    def labels(self, scene_id: str, annotator: str | None) -> Json:
        """The names of a scene's files, of those that count, and the state to go on with. Raises LabelError."""
        if self.synced is not None:
            with suppress(StorageError):  # without network what is here will do
                self._in_time(self.synced, scene_id)
        return {
            "files": [path.name for path in files_of(self.store, scene_id)],
            "heads": [path.name for path in heads_of(self.store, scene_id)],
            "state": state_of(self.store, scene_id, annotator),
        }

    def save(self, scene_id: str, content: Any) -> Appended:
        """Add a state to the store, by the checks of `annotate import`. Raises LabelError, WriteError.

        A state comes to count as its annotator's newest, even where an older one is of a time that is yet to come: then
        this machine's clock was put back.
        """
        now = datetime.now(UTC)
        checked = check_page_save(
            content, "this save", self.classes, scene_id=scene_id, frames=[self.frames[scene_id]],
            evaluation=self.evaluation, now=now,
        )  # fmt: skip
        with self._saving:  # of the same save twice at once, the second finds the first
            mine = [path for path in files_of(self.store, scene_id) if annotator_of(path) == checked.annotator]
            newest = time_of(mine[-1]) if mine else now
            time = max(checked.time, newest) if newest > now else checked.time
            appended = append_state(self.store, scene_id, checked.collection, checked.annotator, time)
            return self._sent(scene_id, appended)

    def _sent(self, scene_id: str, appended: Appended) -> Appended:
        """The state, also in the bucket where there is one. Raises WriteError; saved again, it is sent again."""
        if self.synced is None:
            return appended
        try:
            moved = self._in_time(self.synced, scene_id)
        except StorageError as error:
            raise WriteError(str(error)) from error
        return replace(appended, path=moved.get(appended.path, appended.path))

    def _in_time(self, synced: Callable[[str], Mapping[Path, Path]], scene_id: str) -> Mapping[Path, Path]:
        """What a scene's exchange with the bucket gives. Raises StorageError, also where the bucket is slow to answer.

        The page waits for 20 seconds at most, a request to a bucket is tried for longer; it goes on in the background.
        """
        outcome: list[Mapping[Path, Path] | StorageError] = []

        def work() -> None:
            try:
                outcome.append(synced(scene_id))
            except StorageError as error:
                outcome.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(self.patience_s)
        if not outcome:
            raise StorageError(f"{scene_id}: the bucket does not answer; what is saved here goes up when it does")
        if isinstance(outcome[0], StorageError):
            raise outcome[0]
        return outcome[0]


def open_page(
    page: Path,
    store: Path,
    classes: ClassTable | None = None,
    evaluation: Iterable[str] = (),
    synced: Callable[[str], Mapping[Path, Path]] | None = None,
) -> PageStore:
    """The page and its store, which is made where it is missing; `synced` as in PageStore.

    Raises StorageError where `page` was not prepared, UsageError where it was prepared with another class table.
    """
    classes = classes or load_classes()
    if not (page / "index.html").is_file():
        raise StorageError(f"{page}: holds no index.html; make it with ceruleanml annotate prepare")
    frames = {frame.scene_id: frame for frame in page_frames(page)}
    queue = read_json(page / "data" / "queue.json")
    if queue.get("classes_sha256") not in (None, classes_sha256(classes)):
        raise UsageError(f"{page}: was prepared with another class table; give the same with --classes")
    return PageStore(page.resolve(), make_folder(store), classes, frames, frozenset(evaluation), synced)


class PageServer(ThreadingHTTPServer):
    """Serves one page; a thread a connection, ended with the program."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, content: PageStore, port: int = 0, token: str | None = None) -> None:
        from ceruleanml.annotation.page_requests import PageRequest

        self.content = content
        self.token = token or secrets.token_urlsafe(TOKEN_BYTES)
        try:
            super().__init__((HOST, port), PageRequest)
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} of {HOST} cannot be taken ({error}); choose another --port") from error
        self.hosts = {f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"}

    @property
    def url(self) -> str:
        """Where the page is; whoever has it can read the page and save."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that broke off."""


def serve(content: PageStore, port: int = 0, announce: Any = None) -> None:
    """Serve until interrupted; `announce` is called with the page's address once it answers."""
    with PageServer(content, port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
        thread.start()
        try:
            if announce is not None:
                announce(server.url)
            thread.join()
        except KeyboardInterrupt:
            pass
        finally:
            server.shutdown()
