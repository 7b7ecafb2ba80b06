"""Buckets for tests: a real server of Google Cloud Storage's protocol, and a proxy before it that makes trouble."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c
from servers import gcs_server

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TIMEOUT_S = 120
PAGE = 20_000


class Bucket:
    """What a test sees of the bucket `b` of a server, without the code that is under test."""

    def __init__(self, endpoint, name="b"):
        self.endpoint, self.name = endpoint, name

    def objects(self, prefix=""):
        """The records of all objects whose name begins so, by name."""
        found, token = {}, ""
        while token is not None:
            page = f"maxResults={PAGE}&pageToken={quote(token)}"  # for each page the server looks at all objects
            address = f"{self.endpoint}/storage/v1/b/{self.name}/o?prefix={quote(prefix)}&{page}"
            with DIRECT.open(address, timeout=TIMEOUT_S) as answer:
                page = json.loads(answer.read())
            found |= {item["name"]: item for item in page.get("items", [])}
            token = page.get("nextPageToken")
        return found

    def sums(self, prefix=""):
        """The CRC-32C of all objects, by the name behind the prefix."""
        return {name.removeprefix(prefix): item["crc32c"] for name, item in self.objects(prefix).items()}

    def content(self, name):
        """The bytes of an object."""
        address = f"{self.endpoint}/download/storage/v1/b/{self.name}/o/{quote(name, safe='')}?alt=media"
        with DIRECT.open(address, timeout=TIMEOUT_S) as answer:
            return answer.read()

    def put(self, name, content):
        """Write an object."""
        address = f"{self.endpoint}/upload/storage/v1/b/{self.name}/o?uploadType=media&name={quote(name, safe='')}"
        DIRECT.open(urllib.request.Request(address, content, method="POST"), timeout=TIMEOUT_S).close()

    def delete(self, name):
        """Remove an object."""
        address = f"{self.endpoint}/storage/v1/b/{self.name}/o/{quote(name, safe='')}"
        DIRECT.open(urllib.request.Request(address, method="DELETE"), timeout=TIMEOUT_S).close()


@contextmanager
def served_bucket(folder, in_memory=True):
    """A server with one empty bucket, `b`."""
    (folder / "b").mkdir(parents=True)
    with gcs_server(folder, in_memory) as environment:
        yield Bucket(environment["CPL_GS_ENDPOINT"].rstrip("/"))


class Proxy(ThreadingHTTPServer):
    """Passes requests on. `refuse(request)` may give a status instead; `alter(request, body)` changes an answer's body.

    Before a request is passed on, `before(request)` is called: then another writer may be quicker. What `lose(request)`
    says yes to is done, but answered with 503.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, endpoint):
        super().__init__(("127.0.0.1", 0), _Passing)
        self.behind = urlsplit(endpoint)
        self.refuse = lambda request: None
        self.before = lambda request: None
        self.alter = lambda request, body: body
        self.lose = lambda request: False
        self.requests = []

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Clients that are killed break off."""


class Asked:
    """A request: method, path with its parts decoded, query, body."""

    def __init__(self, method, address, body):
        url = urlsplit(address)
        self.method, self.path, self.body = method, unquote(url.path), body
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}

    @property
    def name(self):
        """The object that it is about, as the path or the query says; "" for a list."""
        return self.query.get("name") or self.path.partition("/o/")[2].removesuffix("/compose")

    def writes(self, name):
        """Whether it is to write the object of that name, whose parts have other names."""
        return self.method in ("POST", "PUT") and (name == self.name or f'"{name}"'.encode() in self.body[:2_000])

    @property
    def is_media(self):
        return self.method == "GET" and self.query.get("alt") == "media"


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def _pass(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, body)
        self.server.requests.append(asked)
        status = self.server.refuse(asked)
        if status:
            said = {"error": {"code": status, "message": http.client.responses[status]}}
            self._answer(status, [("Content-Type", "application/json")], json.dumps(said).encode())
            return
        self.server.before(asked)
        behind = http.client.HTTPConnection(self.server.behind.netloc, timeout=TIMEOUT_S)
        try:
            behind.request(self.command, self.path, body, dict(self.headers.items()))
            answer = behind.getresponse()
            content = self.server.alter(asked, answer.read())
            self._answer(503 if self.server.lose(asked) else answer.status, answer.getheaders(), content)
        finally:
            behind.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    def log_message(self, *_):
        pass

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def proxied(bucket):
    """A proxy before a bucket's server."""
    with Proxy(bucket.endpoint) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join(timeout=TIMEOUT_S)


def write_files(folder, contents):
    """Files by name below a folder."""
    for name, content in contents.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Path(folder)


def crc32c(content):
    """As the bucket writes it."""
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


def files_in(folder):
    """The bytes of every file below a folder, by name."""
    folder = Path(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def surroundings(endpoint, cache):
    """The environment of a command that uses the server at an endpoint, and a cache of its own."""
    return {**os.environ, "STORAGE_EMULATOR_HOST": endpoint, "CERULEANML_CACHE": str(cache)}
