"""Verbs that take inputs from a bucket and leave outputs there, from scenes and labels to a model's outlines."""

import json
from pathlib import Path
from threading import Event

import pytest
from annotate_made import ask, make_page, post, running, save
from bucket_made import proxied, served_bucket
from builds_made import contents
from scenes_made import pixels, write_tiff

from ceruleanml.cli.buckets import as_written, brought, brought_labels, is_in_bucket
from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app
from ceruleanml.errors import WriteError
from ceruleanml.labels.bucket import bucket_store, labels_here
from ceruleanml.labels.snapshots import open_store, take_snapshot
from ceruleanml.mirror import mirror


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("server")) as bucket:
        yield bucket


@pytest.fixture
def bucket(server, tmp_path, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.endpoint)
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for name in server.objects():
        server.delete(name)
    return server


@pytest.fixture
def said(capsys):
    """Runs a command; status, and what it prints and tells."""

    def run(*arguments):
        status = status_of(app, list(map(str, arguments)))
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_make_dataset_leaves_the_same_in_a_bucket(bucket, photopea, said):
    rest = ("--georeference", "gcps/{scene_id}.json", "--tile-size", "32")
    status, out, err = said("make-dataset", "in", "--out", "gs://b/sets/may", *rest)
    assert (status, err) == (0, "") and out.splitlines()[-1].startswith("gs://b/sets/may made ")
    assert said("make-dataset", "in", "--out", "here", *rest)[0] == 0
    mirror("gs://b/sets/may", str(photopea / "down"))
    assert contents(photopea / "down") == contents(photopea / "here")
    status, out, _ = said("make-dataset", "in", "--out", "gs://b/sets/may", *rest)
    assert status == 0 and "gs://b/sets/may is there already: " in out


def test_another_machine_sees_that_a_data_set_is_there(bucket, photopea, said, monkeypatch):
    arguments = ("make-dataset", "in", "--out", "gs://b/set", "--georeference", "gcps/{scene_id}.json")
    assert said(*arguments, "--tile-size", "32")[0] == 0
    before = bucket.objects()
    monkeypatch.setenv("CERULEANML_CACHE", str(photopea / "other"))
    assert "is there already" in said(*arguments, "--tile-size", "32")[1]
    status, out, err = said(*arguments, "--tile-size", "16")
    assert status == 2 and err.count("\n") == 1
    assert bucket.objects() == before


def test_labels_of_a_bucket_make_a_data_set_and_keep_its_snapshot(bucket, tmp_path, said):
    make_page(tmp_path)
    (tmp_path / "export.geojson").write_text(json.dumps(save()))
    status, out, err = said("annotate", "import", "export.geojson", "--store", "gs://b/labels", "--page", "page")
    assert (status, err) == (0, "") and out == "a/20240501T100000Z_ann.geojson: 1 slick by ann\n"
    assert said("annotate", "import", "export.geojson", "--store", "gs://b/labels", "--page", "page")[1].endswith(
        "there already\n"
    )
    assert bucket.objects().keys() == {"labels/a/20240501T100000Z_ann.geojson"}
    rest = ("--labels", "gs://b/labels", "--tile-size", "30", "--out", "gs://b/set")
    status, out, err = said("make-dataset", "in/a.tif", *rest)
    assert (status, err) == (0, "") and out.endswith(" with 2 annotations from 1 of 1 scene\n")
    snapshots = [name for name in bucket.objects() if name.startswith("labels/.snapshots/")]
    taken = json.loads(bucket.content("set/dataset.json"))
    assert [Path(name).stem for name in snapshots] and Path(snapshots[0]).stem in json.dumps(taken)


def test_the_labels_verbs_read_a_store_in_a_bucket(bucket, tmp_path, said):
    from test_bucket_labels import add, machine

    one = machine(tmp_path, "one")
    add(one, comment="first")
    one.synced()
    status, out, _ = said("labels", "list", "gs://b/labels")
    assert status == 0 and out.splitlines()[-1] == "gs://b/labels: 1 scene"
    status, out, _ = said("labels", "snapshot", "gs://b/labels", "--name", "may")
    assert status == 0 and "labels/.snapshots/may.name" in bucket.objects()
    add(one, "bob", seconds=5)
    one.synced()
    assert said("labels", "list", "gs://b/labels@may", "--json")[1].count('"scene_id"') == 1
    assert said("labels", "show", "gs://b/labels", "s")[1].count("comment") == 1
    assert said("labels", "diff", "gs://b/labels@may", "gs://b/labels")[0] == 0
    assert said("labels", "diff", "gs://b/labels@may")[0] == 0
    assert said("labels", "agreement", "gs://b/labels")[0] == 0
    status, out, err = said("labels", "list", "gs://b/none")
    assert (status, out) == (2, "") and "gs://b/none: holds no files to mirror; check the name" in err


def test_an_import_that_another_machine_was_quicker_than_says_the_name_in_the_bucket(bucket, tmp_path, said):
    make_page(tmp_path)
    (tmp_path / "export.geojson").write_text(json.dumps(save()))
    name = "labels/a/20240501T100000Z_ann.geojson"
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.before = lambda asked: bucket.put(name, b"{}") if asked.writes(name) else None
        status, out, _ = said("annotate", "import", "export.geojson", "--store", "gs://b/labels", "--page", "page")
    assert (status, out) == (0, "a/20240501T100001Z_ann.geojson: 1 slick by ann\n")
    assert bucket.content(name) == b"{}"


def test_what_the_page_saves_is_in_the_bucket_before_it_is_told(bucket, tmp_path):
    page = make_page(tmp_path)
    store = bucket_store("gs://b/labels")
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        store.synced()
        with running(page, store.root, synced=store.synced) as server:
            assert post(server, save())[0] == 201
            assert list(bucket.objects()) == ["labels/a/20240501T100000Z_ann.geojson"]
            proxy.refuse = lambda asked: 403 if asked.method == "POST" else None
            status, answer = post(server, save(saved="2024-05-01T10:01:00Z", slicks=2))[:2]
            assert status == 500 and "you have no permission there" in json.dumps(str(answer))
            proxy.refuse = lambda asked: None
            assert post(server, save(saved="2024-05-01T10:01:00Z", slicks=2))[0] == 200
            assert len(bucket.objects()) == 2
            bucket.put("labels/a/20240501T110000Z_bob.geojson", bucket.content(next(iter(bucket.objects()))))
            heads = json.loads(ask(server, "GET", "api/labels/a")[2])["heads"]
            assert [name.split("_")[1] for name in heads] == ["ann.geojson", "bob.geojson"]


def test_a_bucket_that_does_not_answer_keeps_no_page_waiting(bucket, tmp_path):
    page = make_page(tmp_path)
    store = bucket_store("gs://b/labels")
    silent, released = Event(), Event()
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        store.synced()
        with running(page, store.root, synced=store.synced) as server:
            assert post(server, save())[0] == 201
            server.content.patience_s = 0.3
            proxy.before = lambda asked: silent.is_set() and released.wait(60)
            silent.set()
            assert json.loads(ask(server, "GET", "api/labels/a")[2])["heads"] == ["20240501T100000Z_ann.geojson"]
            status, answer = post(server, save(saved="2024-05-01T10:01:00Z", slicks=2))[:2]
            assert status == 500 and "does not answer" in json.dumps(str(answer))
            released.set()
            server.content.patience_s = 60
            assert post(server, save(saved="2024-05-01T10:01:00Z", slicks=2))[0] == 200
            assert len(bucket.objects()) == 2


def test_who_may_only_read_a_store_can_use_it_again_and_again(bucket, tmp_path):
    store = bucket_store("gs://b/labels")
    store.synced()
    with running(make_page(tmp_path), store.root, synced=store.synced) as server:
        assert post(server, save())[0] == 201
    with proxied(bucket) as proxy, pytest.MonkeyPatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        proxy.refuse = lambda asked: 403 if asked.method == "POST" else None
        for _ in range(2):
            take_snapshot(open_store(labels_here("gs://b/labels")).root, None)
        with pytest.raises(WriteError, match="you have no permission there"):
            labels_here("gs://b/labels", must_send=True)


def test_a_page_of_a_bucket_s_inputs(bucket, tmp_path, said):
    for name in ("a", "b"):
        write_tiff(tmp_path / "in" / f"{name}.tif", pixels(1))
    status, out, err = said("annotate", "prepare", "in", "--out", "gs://b/page")
    assert (status, err) == (0, "") and out == "gs://b/page/index.html made a queue of 2 items in 2 of 2 scenes\n"
    assert "page/data/queue.json" in bucket.objects()


def test_inputs_and_outputs_of_this_machine_stay_where_they_are(said):
    for location in (Path("a"), "a@b", None, "/gs:/x"):
        assert brought(location, True) is location and brought_labels(location, True) is location
        assert not is_in_bucket(location)
    assert as_written(Path("a/b")) == "a/b" and as_written(Path("gs://b/x")) == "gs://b/x"
