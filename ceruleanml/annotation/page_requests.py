"""One request to a page's server: who may ask, what is there, and what goes back."""

from __future__ import annotations

import errno
import json
import secrets
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from ceruleanml.errors import CeruleanError, LabelError, WriteError
from ceruleanml.labels.documents import MAX_BYTES, parse_document

if TYPE_CHECKING:
    from ceruleanml.annotation.page_server import PageServer

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".png": "image/png",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
MOST_DRAINED = 256 << 20
"""Of what is refused so much is read and dropped: whoever closes while the other still sends, is not heard."""
BODY_S = 120.0
"""A save must have come within so many seconds."""
CHUNK = 1 << 16
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Refused(Exception):
    """A request that is not answered as asked: a status, and one sentence that says why."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class PageRequest(BaseHTTPRequestHandler):
    """Answers GET and HEAD of the page's files, and GET and POST of `api/`."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 1 << 16  # head and body in one packet
    disable_nagle_algorithm = True
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"

    def do_GET(self) -> None:
        """Answer a reading request."""
        self._answered(self._get)

    def do_HEAD(self) -> None:
        """Answer like GET, without the body."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """Take in a save."""
        self._answered(self._post)

    def log_message(self, *_: object) -> None:
        """Write no log: addresses hold the token."""

    def version_string(self) -> str:
        """What the server calls itself in its answers."""
        return "ceruleanml"

    # ---- who may ask, and for what

    def _answered(self, answer: Any) -> None:
        self._left = self._length()
        self._last = time.monotonic() + BODY_S
        try:
            self._check_host()
            if self.path == "/favicon.ico":  # browsers ask for it, whatever a page says
                self._send(HTTPStatus.NO_CONTENT, None, TYPES[".png"])
            else:
                answer(self._parts())
        except Refused as refused:
            self._refuse(refused.status, str(refused))
        except WriteError as error:
            full = isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM
            status = HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.INTERNAL_SERVER_ERROR
            self._refuse(status, str(error))
        except CeruleanError as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _check_host(self) -> None:
        """Refuse a page of another name that leads to this machine (DNS rebinding)."""
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            raise Refused(HTTPStatus.FORBIDDEN, f"ask for {self.server.server_port} of 127.0.0.1 by that name")

    def _parts(self) -> list[str]:
        """The parts of the path behind the token, decoded."""
        path = self.path.partition("?")[0].partition("#")[0]
        first, *parts = path.removeprefix("/").split("/")
        if not path.startswith("/") or not secrets.compare_digest(first.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        try:
            return [unquote(part, errors="strict") for part in parts]
        except UnicodeDecodeError as error:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page") from error

    def _check_origin(self) -> None:
        origin = self.headers.get("Origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.server.hosts}:
            raise Refused(HTTPStatus.FORBIDDEN, "only the page itself may save here")

    # ---- reading

    def _get(self, parts: list[str]) -> None:
        content = self.server.content
        if not parts:
            self._send(HTTPStatus.MOVED_PERMANENTLY, b"", "text/plain", Location=f"/{self.server.token}/")
        elif parts == ["api", "hello"]:
            self._send_json(HTTPStatus.OK, content.hello())
        elif len(parts) == 3 and parts[:2] == ["api", "labels"]:
            asked = parse_qs(self.path.partition("?")[2]).get("annotator", [None])
            self._send_json(HTTPStatus.OK, content.labels(self._scene(parts[2]), asked[-1]))
        else:
            self._send_file(self._file(parts))

    def _scene(self, scene_id: str) -> str:
        if scene_id not in self.server.content.frames:
            raise Refused(HTTPStatus.NOT_FOUND, f"this page has no scene {scene_id[:100]}")
        return scene_id

    def _file(self, parts: list[str]) -> Path:
        """The file of the page at a path. Hidden files, folders and all that lies elsewhere are not there."""
        *folders, name = parts
        root = self.server.content.page
        wanted = [*folders, name or "index.html"]
        if all(part and part[0] != "." and not set(part) & set("/\\\0") for part in wanted):
            try:
                path = root.joinpath(*wanted).resolve(strict=True)
                if path.is_relative_to(root) and path.is_file() and path.suffix in TYPES:
                    return path
            except OSError:  # it is not there, or its name is too long
                pass
        raise Refused(HTTPStatus.NOT_FOUND, "there is no such file")

    def _send_file(self, path: Path) -> None:
        try:
            stat = path.stat()
            mark = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
            if self.headers.get("If-None-Match") == mark:
                self._send(HTTPStatus.NOT_MODIFIED, None, TYPES[path.suffix], "no-cache", ETag=mark)
                return
            content = path.read_bytes()
        except OSError as error:
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"the file cannot be read: {error.strerror}") from error
        self._send(HTTPStatus.OK, content, TYPES[path.suffix], "no-cache", ETag=mark)

    # ---- saving

    def _post(self, parts: list[str]) -> None:
        if len(parts) != 3 or parts[:2] != ["api", "labels"]:
            raise Refused(HTTPStatus.NOT_FOUND, "saves go to api/labels/<scene_id>")
        self._check_origin()
        scene_id = self._scene(parts[2])
        appended = self.server.content.save(scene_id, self._body())
        if appended.is_new:
            self._send_json(HTTPStatus.CREATED, {"file": appended.path.name})
        else:
            self._send_json(HTTPStatus.OK, {"file": appended.path.name, "unchanged": True})

    def _body(self) -> Any:
        """The JSON of the body. Refused: what is no JSON, too long, or does not come in time."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a save is sent as application/json")
        if self._left is None or self.headers.get("Transfer-Encoding"):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "a save says how long it is; send it with Content-Length")
        if self._left > MAX_BYTES:
            size = self._left / 1e6
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"this save has {size:,.0f} MB, at most {MAX_BYTES / 1e6:,.0f} MB are taken; save the scene in parts",
            )
        content = b"".join(self._chunks())
        if self._left:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the save did not come whole and in time; save again")
        try:
            return parse_document(content, "this save")
        except LabelError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _length(self) -> int | None:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def _chunks(self) -> Iterator[bytes]:
        """What comes of the body, until it is whole, the other side stops or the time is over."""
        while self._left and (seconds := self._last - time.monotonic()) > 0:
            try:
                self.connection.settimeout(min(seconds, PageRequest.timeout))
                chunk = self.rfile.read1(min(CHUNK, self._left))
            except OSError:
                return
            if not chunk:
                return
            self._left -= len(chunk)
            yield chunk

    # ---- answering

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        if self.command == "POST" and (self._left or 0) <= MOST_DRAINED:
            for _ in self._chunks():
                pass
        if self._left or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        self._send_json(status, {"error": sentence})

    def _send_json(self, status: HTTPStatus, value: Any) -> None:
        content = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")
        self._send(status, content, TYPES[".json"])

    def _send(
        self, status: HTTPStatus, content: bytes | None, kind: str, cache: str = "no-store", **headers: str
    ) -> None:
        self.connection.settimeout(PageRequest.timeout)
        self.send_response(status)
        every = {**HEADERS, "Content-Type": kind, "Cache-Control": cache, **headers}
        if content is not None:
            every["Content-Length"] = str(len(content))
        if self.close_connection:
            every["Connection"] = "close"
        for name, value in every.items():
            self.send_header(name, value)
        self.end_headers()
        if content is not None and self.command != "HEAD":
            self.wfile.write(content)
