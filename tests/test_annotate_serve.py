"""The page's server: saves land in the store, once and whole, and nobody else gets in."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from annotate_made import ask, make_page, post, running, save, slick

from ceruleanml.annotation.page_server import open_page
from ceruleanml.classes import load_classes
from ceruleanml.errors import StorageError, UsageError
from ceruleanml.labels.geojson import read_label_file
from ceruleanml.labels.heads import heads_of
from ceruleanml.labels.store import append


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


# ---- reading


def test_the_page_and_its_data_are_served(server, page):
    status, headers, content = ask(server, "GET", "")
    assert (status, content) == (200, (page / "index.html").read_bytes())
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    for path, kind in [
        ("classes.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("data/queue.json", "application/json"),
        ("data/scenes/s000/0/0_0.png", "image/png"),
    ]:
        status, headers, content = ask(server, "GET", path)
        assert (status, headers["Content-Type"], content) == (200, kind, (page / path).read_bytes())
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_an_unchanged_file_is_not_sent_again(server):
    _, headers, _ = ask(server, "GET", "data/queue.json")
    status, _, content = ask(server, "GET", "data/queue.json", If_None_Match=headers["ETag"])
    assert (status, content) == (304, b"")


def test_head_is_get_without_the_body(server, page):
    status, headers, content = ask(server, "HEAD", "classes.js")
    assert (status, int(headers["Content-Length"]), content) == (200, (page / "classes.js").stat().st_size, b"")


def test_a_connection_is_kept(server):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.connect()
    mine = connection.sock.getsockname()
    for _ in range(3):
        connection.request("GET", f"/{server.token}/api/hello")
        answer = connection.getresponse()
        assert json.loads(answer.read())["store"] == "labels"
        assert connection.sock.getsockname() == mine
    connection.close()


def test_the_folder_redirects_to_its_index(server):
    connection = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with connection.open(server.url.rstrip("/"), timeout=20) as answer:
        assert answer.url == server.url


# ---- saving


def test_a_save_is_a_label_file(server, store):
    status, answer = post(server, save(slicks=2))
    assert status == 201
    assert files(store) == [answer["file"]] == ["20240501T100000Z_ann.geojson"]
    labels = read_label_file(store / "a" / answer["file"], load_classes(), "a")
    assert [shape.slick_id for shape in labels.shapes] == ["a/ann/0", "a/ann/1"]
    assert labels.complete


def test_the_same_save_twice_is_one_file(server, store):
    first, second = post(server, save()), post(server, save())
    assert (first[0], second[0]) == (201, 200)
    assert second[1] == {**first[1], "unchanged": True}
    assert len(files(store)) == 1


def test_the_same_save_many_times_at_once_is_one_file(server, store):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(server, save()), range(16)))
    assert sorted(status for status, _ in answers) == [200] * 15 + [201]
    assert len(files(store)) == 1


def test_two_annotators_at_once_lose_nothing(server, store):
    saves = [save(who, slicks=number) for who in ("ann", "bob") for number in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: post(server, one), saves))
    assert [status for status, _ in answers] == [201] * 16
    assert sorted(answer["file"] for _, answer in answers) == files(store)
    for one, (_, answer) in zip(saves, answers, strict=True):
        stored = json.loads((store / "a" / answer["file"]).read_text())
        assert [feature["properties"]["slick_id"] for feature in stored["features"]] == [
            feature["properties"]["slick_id"] for feature in one["features"]
        ]
    assert len(heads_of(store, "a")) == 2


def test_what_is_there_is_given_back_to_go_on_with(server):
    assert json.loads(ask(server, "GET", "api/labels/a")[2]) == {"files": [], "heads": [], "state": None}
    first = post(server, save("ann"))[1]["file"]
    found = json.loads(ask(server, "GET", "api/labels/a?annotator=bob")[2])
    assert (found["heads"], found["state"]["annotator"]) == ([first], "ann")
    second = post(server, save("bob", saved="2024-05-01T11:00:00Z"))[1]["file"]
    assert json.loads(ask(server, "GET", "api/labels/a")[2])["state"] is None
    assert json.loads(ask(server, "GET", "api/labels/a?annotator=bob")[2])["state"]["annotator"] == "bob"
    post(server, save("cleo", saved="2024-05-01T12:00:00Z", based_on=[first, second]))
    found = json.loads(ask(server, "GET", "api/labels/a?annotator=bob")[2])
    assert (len(found["files"]), len(found["heads"]), found["state"]["annotator"]) == (3, 1, "cleo")


def test_after_the_clock_was_put_back_the_newest_save_still_counts(server, store):
    """As a browser's clock it is this machine's: what it saved at noon was saved before what it saves now."""
    ahead = datetime.now(UTC) + timedelta(hours=3)
    append(store, "a", save(slicks=1), "ann", ahead)
    last = post(server, save(slicks=3, saved=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"))[1]["file"]
    assert [path.name for path in heads_of(store, "a")] == [last]
    assert len(json.loads(ask(server, "GET", "api/labels/a?annotator=ann")[2])["state"]["features"]) == 3


def test_an_old_save_that_comes_late_does_not_take_the_place_of_a_newer_one(server, store):
    newer = post(server, save(slicks=2, saved="2024-05-01T11:00:00Z"))[1]["file"]
    assert post(server, save(slicks=1, saved="2024-05-01T10:00:00Z"))[0] == 201
    assert [path.name for path in heads_of(store, "a")] == [newer]


BAD = [
    ({"features": [slick(1, "ann", **{"class": "spill"})]}, "class 'spill' is not in the class table"),
    ({"features": [slick(1, "ann", west=50.0)]}, "lies outside scene a"),
    ({"scene_id": "b"}, "labels scene b, not a"),
    ({"annotator": "../../x"}, "annotator '../../x'"),
    ({"type": "Feature"}, "is not a GeoJSON FeatureCollection"),
]


@pytest.mark.parametrize(("changed", "sentence"), BAD)
def test_what_import_would_refuse_is_refused(server, store, changed, sentence):
    status, answer = post(server, {**save(), **changed})
    assert status == 422
    assert sentence in answer["error"]
    assert not (store / "a").exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400), (b'{"n": NaN}', 400), (b"", 400), (b"[]", 422)],
)
def test_what_is_no_save_is_refused(server, body, status):
    assert post(server, body)[0] == status


def test_evaluation_scenes_are_refused(page, store):
    with running(page, store, evaluation=["a"]) as server:
        status, answer = post(server, save())
        assert (status, "belongs to the evaluation set" in answer["error"]) == (422, True)
        assert post(server, save(scene_id="b", features=[]), "b")[0] == 201


# ---- the verb


def test_a_page_must_be_a_page(page, tmp_path):
    with pytest.raises(StorageError, match=r"holds no index\.html; make it with ceruleanml annotate prepare"):
        open_page(tmp_path, tmp_path / "labels")
    table = tmp_path / "mine.toml"
    table.write_text('[[class]]\nname="background"\nphotopea=[0,0,0]\n[[class]]\nname="slick"\nphotopea=[1,1,1]\n')
    with pytest.raises(UsageError, match="was prepared with another class table; give the same with --classes"):
        open_page(page, tmp_path / "labels", load_classes(table))


def test_a_taken_port_is_told(page, store, server):
    from ceruleanml.annotation.page_server import PageServer

    for port in (server.server_port, 99999):
        with pytest.raises(UsageError, match=rf"port {port} of 127\.0\.0\.1 cannot be taken"):
            PageServer(open_page(page, store), port).server_close()


def test_the_verb_serves_until_it_is_interrupted(page, store):
    command = [Path(sys.executable).with_name("ceruleanml"), "annotate", "serve", page, "--store", store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        url = line.split()[-1]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}api/hello", timeout=20) as answer:
            assert json.loads(answer.read())["server"] == "ceruleanml"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
    assert str(page) in line
    assert rest == "\n" or rest == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_told_and_nothing_half_is_left(page, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, timeout=20
    ).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with running(page, small / "labels") as server:
            assert post(server, save())[0] == 201
            status, answer = post(server, save("bob", comment="x" * 9000, slicks=3, features=[
                slick(place, "bob", comment="y" * 900, west=10.0 + place / 1000) for place in range(60)
            ]))  # fmt: skip
            assert status == 507
            assert "No space left on device" in answer["error"]
            assert [path.name for path in (small / "labels" / "a").iterdir()] == ["20240501T100000Z_ann.geojson"]
            assert post(server, save("cleo"))[0] == 201
    finally:
        subprocess.run(["umount", small], check=True, timeout=20)
