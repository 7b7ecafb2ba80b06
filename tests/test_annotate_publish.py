"""Publishing a page: a real server of Google Cloud Storage's protocol gets what differs, and keeps the rest."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from annotate_made import make_page
from hypothesis import given
from hypothesis import strategies as st
from servers import gcs_server

from ceruleanml import storage_bucket, storage_upload
from ceruleanml.annotation.publishing import outgoing, publish_page
from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.mirror_checksums import crc32c_of
from ceruleanml.storage_bucket import split_location
from ceruleanml.storage_upload import OutgoingFile, upload


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    data = tmp_path_factory.mktemp("buckets")
    for bucket in ("pages", "others"):
        (data / bucket).mkdir()
        (data / bucket / "kept.txt").write_text("of somebody else")
    with gcs_server(data) as environment:
        yield environment["CPL_GS_ENDPOINT"].rstrip("/")


@pytest.fixture
def bucket(endpoint, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
    return endpoint


def objects(endpoint, bucket="pages"):
    """What lies in a bucket, by name."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{endpoint}/storage/v1/b/{bucket}/o", timeout=20) as answer:
        return {item["name"]: item for item in json.loads(answer.read()).get("items", [])}


def content(endpoint, name, bucket="pages"):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(
        f"{endpoint}/download/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media", timeout=20
    ) as answer:
        return answer.read()


def test_a_page_is_published_whole_and_then_only_what_differs(bucket, tmp_path):
    page = make_page(tmp_path)
    report = publish_page(page, "gs://pages/oil/first/")
    found = objects(bucket)
    files = {f"oil/first/{file.name}": file for batch in outgoing(page) for file in batch}
    assert found.keys() == files.keys() | {"kept.txt"}
    assert (report.sent, report.unchanged) == (len(files), 0)
    for name, file in files.items():
        assert content(bucket, name) == file.path.read_bytes()
        assert (found[name]["contentType"], found[name]["cacheControl"]) == (file.content_type, file.cache_control)
    again = publish_page(page, "gs://pages/oil/first")
    assert (again.sent, again.unchanged) == (0, len(files))
    (page / "page.css").write_text("body { color: red; }")
    (page / "data" / "queue.json").write_text((page / "data" / "queue.json").read_text().replace("slow", "fast") + " ")
    third = publish_page(page, "gs://pages/oil/first")
    assert (third.sent, third.unchanged) == (2, len(files) - 2)
    assert content(bucket, "oil/first/page.css") == b"body { color: red; }"
    (page / "data" / "scenes" / "s000" / "0" / "0_0.png").unlink()
    assert publish_page(page, "gs://pages/oil/first").sent == 0
    assert "oil/first/data/scenes/s000/0/0_0.png" in objects(bucket)


def test_what_goes_out_and_in_what_order(tmp_path):
    page = make_page(tmp_path)
    scenes, others = ([file.name for file in batch] for batch in outgoing(page))
    assert [name for name in scenes if "s001" in name] == [
        "data/scenes/s001/0/0_0.png", "data/scenes/s001/scene.json",
    ]  # fmt: skip
    assert {"data/queue.json", "index.html", "classes.js", "page.css"} <= set(others)
    assert not any(name.startswith(".") or (name.startswith("data/") and name.endswith(".js")) for name in others)
    rules = {file.name: file.cache_control for batch in outgoing(page) for file in batch}
    assert rules["data/scenes/s000/0/0_0.png"] == "public, max-age=2592000"
    assert {rules["index.html"], rules["data/queue.json"], rules["data/scenes/s000/scene.json"]} == {"no-cache"}


def test_an_upload_that_was_cut_short_goes_on(bucket, tmp_path, monkeypatch):
    files = []
    for number in range(12):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(number))
        files.append(OutgoingFile(path, path.name, "application/json", "no-cache"))
    original = storage_upload.send_all

    def cut(place, batch, *rest):
        original(place, batch[:5], *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(storage_upload, "send_all", cut)
    with pytest.raises(KeyboardInterrupt):
        upload([files], "gs://others/cut")
    monkeypatch.setattr(storage_upload, "send_all", original)
    report = upload([files], "gs://others/cut")
    assert (report.sent, report.unchanged) == (7, 5)


def test_another_type_or_cache_rule_is_sent_again(bucket, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("1")
    for kind, cache, sent in [("text/plain", "no-cache", 1), ("application/json", "no-cache", 1),
                              ("application/json", "public", 1), ("application/json", "public", 0)]:  # fmt: skip
        assert upload([[OutgoingFile(path, "a.json", kind, cache)]], "gs://others/again").sent == sent
    assert objects(bucket, "others")["again/a.json"]["contentType"] == "application/json"


def test_many_at_once_and_none(bucket, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 300_000)
    files = [OutgoingFile(path, f"{number}/é {number}.png", "image/png", "public") for number in range(40)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: upload([files], "gs://others/many", at_once=4), range(2)))
    assert upload([files], "gs://others/many").unchanged == 40
    assert upload([], "gs://others").sent == 0


@pytest.mark.parametrize("target", ["pages/a", "gs://", "s3://pages", "gs:///a", "gs://b/../a", "gs://b//a"])
def test_a_target_must_be_a_place_in_a_bucket(target):
    with pytest.raises(UsageError, match="is no place in a bucket; write gs://BUCKET/PREFIX"):
        split_location(target)


@pytest.mark.parametrize(
    ("target", "parts"),
    [("gs://b", ("b", "")), ("gs://b/", ("b", "")), ("gs://b/a/c/", ("b", "a/c/")), ("gs://b/a", ("b", "a/"))],
)
def test_a_prefix_ends_in_a_slash(target, parts):
    assert split_location(target) == parts


def test_a_bucket_that_is_not_there_is_told(bucket, tmp_path):
    with pytest.raises(WriteError, match=r"gs://missing/x: there is no bucket missing, .*404"):
        publish_page(make_page(tmp_path), "gs://missing/x")


def test_a_server_that_does_not_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(storage_bucket, "PATIENCE_S", 0.1)
    with pytest.raises(WriteError, match="gs://pages: cannot be written, run it again later: "):
        upload([], "gs://pages")


def test_without_credentials_the_way_to_them_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(WriteError, match="log in with `gcloud auth application-default login`"):
        upload([], "gs://pages")


def test_only_a_prepared_page_is_published(tmp_path):
    with pytest.raises(StorageError, match="is no prepared page"):
        publish_page(tmp_path, "gs://pages")


@given(st.binary(max_size=100))
def test_the_checksum_is_castagnoli_s(content):
    import base64
    import tempfile
    from pathlib import Path

    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        assert base64.b64decode(crc32c_of(path)) == (crc ^ 0xFFFFFFFF).to_bytes(4, "big")
