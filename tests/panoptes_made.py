"""A stand-in for Zooniverse on 127.0.0.1: as much of the Panoptes API as uploads and exports need.

It keeps what it is sent (`projects`, `sets`, `subjects`, `media`), counts requests, and can be told to fail.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 3
TOKEN, NAME, PASSWORD = "token-1", "ann", "secret"


class Panoptes:
    """What the service knows."""

    def __init__(self) -> None:
        self.projects = {"12": {"id": "12", "display_name": "Slicks", "links": {}, "configuration": {}}}
        self.sets, self.subjects, self.media = {}, {}, {}
        self.members = []
        self.export, self.pending, self.asked = b"", 0, 0
        self.requests = Counter()
        self.refuse_media = 0
        self.refuse_links = 0
        self.address = ""

    def set_members(self, set_id):
        return [self.subjects[subject] for owner, subject in self.members if owner == set_id]


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON API's form."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet
    service: Panoptes

    def log_message(self, *_):
        """Nothing."""

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def do_PUT(self):
        self.answer("PUT")

    def answer(self, method):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.service.requests[f"{method} {re.sub(r'[0-9]+', 'N', url.path)}"] += 1
        for verb, pattern, function in ROUTES:
            found = re.fullmatch(pattern, url.path)
            if verb == method and found:
                is_api = url.path.startswith("/api/")
                if is_api and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return self.send(401, {"errors": [{"message": "You must be logged in"}]})
                if is_api and "application/vnd.api+json; version=1" not in self.headers.get("Accept", ""):
                    return self.send(406, {"errors": [{"message": "Not Acceptable"}]})
                return function(self, *found.groups(), body=body, query=query)
        return self.send(404, {"errors": [{"message": f"no {method} {url.path}"}]})

    def send(self, status, value, kind="application/json", **headers):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)

    def page(self, slug, rows, query):
        number = int(query.get("page", 1))
        shown = rows[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        more = number * PAGE_SIZE < len(rows)
        rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
        meta = {"page": number, "count": len(rows), "next_href": f"/{slug}?{rest}&page={number + 1}" if more else None}
        self.send(200, {slug: shown, "meta": {slug: meta}}, ETag='"1"')


def sign_in_form(self, **_):
    self.send(200, {}, X_CSRF_Token="csrf")


def sign_in(self, body, **_):
    user = json.loads(body)
    good = (
        user["authenticity_token"] == "csrf" and user["user"]["login"] == NAME and user["user"]["password"] == PASSWORD
    )
    self.send(*(200, {"users": [{"id": "7"}]}) if good else (401, {"error": "Invalid email or password."}))


def token(self, body, **_):
    asked = parse_qs(body.decode())
    secret = asked.get("client_secret") == [PASSWORD] if asked["grant_type"] == ["client_credentials"] else True
    answer = {"access_token": TOKEN, "expires_in": 7200, "token_type": "bearer", "refresh_token": "again"}
    self.send(*(200, answer) if secret else (401, {"errors": "invalid_client"}))


def project(self, number, query, **_):
    found = self.service.projects.get(number)
    if found is None:
        return self.send(404, {"errors": [{"message": f"Could not find project with id='{number}'"}]})
    return self.page("projects", [found], query)


def sets(self, query, **_):
    self.page(
        "subject_sets",
        [one for one in self.service.sets.values() if one["links"]["project"] == query["project_id"]],
        query,
    )


def one_set(self, number, query, **_):
    self.page("subject_sets", [self.service.sets[number]], query)


def new_set(self, body, **_):
    asked = json.loads(body)["subject_sets"]
    number = str(100 + len(self.service.sets))
    made = {"id": number, "metadata": {}, **asked, "links": {"project": str(asked["links"]["project"])}}
    self.service.sets[number] = made
    self.send(201, {"subject_sets": [made]}, ETag='"1"')


def link(self, number, body, **_):
    if self.service.refuse_links:
        self.service.refuse_links -= 1
        return self.send(422, {"errors": [{"message": "no links today"}]})
    self.service.members += [(number, subject) for subject in json.loads(body)["subjects"]]
    return self.send(200, {"subject_sets": [self.service.sets[number]]}, ETag='"1"')


def members(self, query, **_):
    rows = [
        {"id": f"{owner}{subject}", "links": {"subject": subject, "subject_set": owner}}
        for owner, subject in self.service.members
        if owner == query["subject_set_id"] and subject == query.get("subject_id", subject)
    ]
    self.page("set_member_subjects", rows, query)


def subjects(self, query, **_):
    self.page("subjects", self.service.set_members(query["subject_set_id"]), query)


def new_subject(self, body, **_):
    asked = json.loads(body)["subjects"]
    number = str(9000 + len(self.service.subjects))
    places = [{kind: f"{self.service.address}/media/{number}_{at}"} for at, kind in enumerate(asked["locations"])]
    made = {"id": number, "metadata": asked["metadata"], "locations": places, "links": asked["links"]}
    self.service.subjects[number] = made
    self.send(201, {"subjects": [made]}, ETag='"1"')


def put_media(self, name, body, **_):
    if self.service.refuse_media:
        self.service.refuse_media -= 1
        return self.send(403, b"the signature is too old", "text/plain")
    self.service.media[name] = (self.headers["Content-Type"], body)
    return self.send(201, b"", "text/plain")


def ask_export(self, number, body, **_):
    assert json.loads(body) == {"media": {"content_type": "text/csv"}}
    self.service.asked, self.service.pending = self.service.asked + 1, 1
    self.send(201, {"media": [{"id": "1", "src": "", "metadata": {"state": "creating"}}]})


def export(self, number, **_):
    state = "creating" if self.service.pending else "ready"
    self.service.pending = max(0, self.service.pending - 1)
    self.send(200, {"media": [{"id": "1", "src": f"{self.service.address}/export.csv", "metadata": {"state": state}}]})


def export_file(self, **_):
    self.send(200 if self.service.export else 404, self.service.export, "text/csv")


ROUTES = [
    ("GET", "/users/sign_in", sign_in_form),
    ("POST", "/users/sign_in", sign_in),
    ("POST", "/oauth/token", token),
    ("GET", "/api/projects/([0-9]+)", project),
    ("GET", "/api/projects/([0-9]+)/classifications_export", export),
    ("POST", "/api/projects/([0-9]+)/classifications_export", ask_export),
    ("GET", "/api/subject_sets/?", sets),
    ("GET", "/api/subject_sets/([0-9]+)", one_set),
    ("POST", "/api/subject_sets", new_set),
    ("POST", "/api/subject_sets/([0-9]+)/links/subjects", link),
    ("GET", "/api/set_member_subjects/?", members),
    ("GET", "/api/subjects/?", subjects),
    ("POST", "/api/subjects", new_subject),
    ("PUT", "/media/([0-9_]+)", put_media),
    ("GET", "/export.csv", export_file),
]


@contextlib.contextmanager
def panoptes():
    """The running service."""
    service = Panoptes()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": service}))
    service.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
