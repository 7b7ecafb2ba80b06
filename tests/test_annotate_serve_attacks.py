"""The page's server against those it is not for, and against bodies that are too large, too slow or broken."""

import json
import socket

import pytest
from annotate_made import ask, make_page, post, running, save

from ceruleanml.annotation import page_requests


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("served"))


@pytest.fixture
def store(tmp_path):
    return tmp_path / "labels"


@pytest.fixture
def server(page, store):
    with running(page, store) as server:
        yield server


def files(store, scene_id="a"):
    return sorted(path.name for path in (store / scene_id).glob("*"))


# ---- who may


def test_without_the_token_nothing_is_there(server, store):
    for token in ("", "x", server.token[:-1], server.token + "x", server.token.swapcase()):
        assert ask(server, "GET", "", token=token)[0] == 404
        assert ask(server, "GET", "api/hello", token=token)[0] == 404
        body = json.dumps(save())
        assert ask(server, "POST", "api/labels/a", body, token, Content_Type="application/json")[0] == 404
    assert not (store / "a").exists()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", "file://"])
def test_another_origin_cannot_save(server, store, origin):
    status, answer = post(server, save(), Origin=origin.format(host=f"127.0.0.1:{server.server_port}"))
    assert (status, answer) == (403, {"error": "only the page itself may save here"})
    assert not (store / "a").exists()


def test_the_page_itself_can(server):
    assert post(server, save(), Origin=f"http://127.0.0.1:{server.server_port}")[0] == 201
    assert post(server, save(), Origin=f"http://localhost:{server.server_port}")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
)
def test_another_name_for_this_machine_reads_and_saves_nothing(server, store, host):
    host = host.format(port=server.server_port)
    assert ask(server, "GET", "data/queue.json", Host=host)[0] == 403
    assert post(server, save(), Host=host)[0] == 403
    assert not (store / "a").exists()


def test_a_form_of_another_page_cannot_save(server, store):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert post(server, save(), Content_Type=kind)[0] == 415
    assert ask(server, "OPTIONS", "api/labels/a")[0] == 501
    assert not (store / "a").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../secret.json", "%2e%2e/secret.json", "..%2fsecret.json", "data/../../secret.json", "data//queue.json",
        "/etc/passwd", "%2fetc%2fpasswd", "..%5csecret.json", "data/queue.json%00.png", ".prepared.json",
        ".secret.json",
        "data", "data/", "js/", "%ff", "link.json", "folder/secret.json", "x" * 5000, "secret.txt",
    ],
)  # fmt: skip
def test_nothing_but_the_page_is_served(server, page, path):
    (page.parent / "secret.json").write_text("{}")
    (page / "secret.txt").write_text("")
    (page / ".secret.json").write_text("{}")
    for link, target in (("link.json", page.parent / "secret.json"), ("folder", page.parent)):
        (page / link).unlink(missing_ok=True)
        (page / link).symlink_to(target)
    assert ask(server, "GET", path)[0] == 404


@pytest.mark.parametrize("scene_id", ["c", "..", "%2e%2e", "a%2f..", "a/b", ""])
def test_only_scenes_of_the_page_are_saved(server, store, scene_id):
    status, _ = post(server, save(), scene_id)
    assert status == 404
    assert ask(server, "GET", f"api/labels/{scene_id}")[0] == 404
    assert not any(store.iterdir())


# ---- large, slow, broken


def raw(server, text, timeout=20):
    """What comes back for bytes as they are sent, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout) as connection:
        connection.sendall(text)
        found = b""
        while chunk := connection.recv(1 << 16):
            found += chunk
            if b"\r\n\r\n" in found and b"Connection: close" not in found:
                break
    return found


def head(server, *lines):
    first = f"POST /{server.token}/api/labels/a HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n"
    return (first + "Content-Type: application/json\r\n" + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def test_a_body_of_100_mb_is_refused_in_a_sentence(server, store):
    status, answer = post(server, bytes(100_000_000))
    assert status == 413
    assert answer["error"].startswith("this save has 100 MB, at most 67 MB are taken")
    assert post(server, save())[0] == 201


def test_a_body_that_would_fill_the_memory_is_refused_unread(server, store):
    """As in a file of import: 64 MB of empty lists take more than a gigabyte."""
    status, answer = post(server, b"[" + b"[]," * 3_000_000 + b"[]]")
    assert status == 400
    assert answer["error"] == "this save: holds more than 3,000,000 lists and objects; no labels need as many"


def test_numbers_without_end_are_answered(server, store):
    status, answer = post(server, save(tiles={"t": {"reviewed": True, "seconds": 10**400}}))
    assert (status, answer["error"]) == (422, "this save: tile t: seconds is a number beyond all bounds; correct it")


def test_a_body_without_end_is_refused_without_reading(server):
    assert b" 413 " in raw(server, head(server, "Content-Length: 99999999999999"))
    assert b" 411 " in raw(server, head(server, "Transfer-Encoding: chunked"))
    assert b" 411 " in raw(server, head(server, "Content-Length: -1"))
    assert b" 411 " in raw(server, head(server, "Content-Length: 12345678901234567890"))


def test_a_slow_client_holds_nobody_up(server, store, monkeypatch):
    monkeypatch.setattr(page_requests, "BODY_S", 0.5)
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as slow:
        slow.sendall(head(server, "Content-Length: 1000") + b'{"type"')
        assert post(server, save("bob"))[0] == 201
        assert b" 503 " in slow.recv(1 << 16)
    assert files(store) == ["20240501T100000Z_bob.geojson"]


def test_a_client_that_breaks_off_leaves_nothing(server, store):
    with socket.create_connection(("127.0.0.1", server.server_port), 20) as connection:
        connection.sendall(head(server, "Content-Length: 1000") + b'{"type"')
    assert post(server, save("bob"))[0] == 201
    assert files(store) == ["20240501T100000Z_bob.geojson"]


def test_garbage_is_answered(server):
    assert raw(server, b"\x16\x03\x01 what\r\n\r\n").startswith((b"HTTP/1.1 400", b"400 "))
