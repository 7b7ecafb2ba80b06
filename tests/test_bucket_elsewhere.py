"""What was begun or made with one cache folder goes on with another: records name gs://, and no copy of it."""

import json

import pytest
from annotate_made import make_page, save
from bucket_made import files_in, write_files
from models_made import card_of, run_of
from scenes_made import pixels, write_tiff
from training_made import CutAfter, PowerCut, make_tiles

from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app
from ceruleanml.datasets import build
from ceruleanml.mirror import mirror
from ceruleanml.mirror_copies import copy_here, origin_of

pytestmark = pytest.mark.usefixtures("narrow_networks")
LIGHT = (
    "model.encoder=mobilenet_v2", "model.pretrained=none", "data.validation_share=0.25", "data.batch_size=2",
    "logger.name=jsonl", "trainer.threads=1", "trainer.device=cpu", "trainer.epochs=2",
    "trainer.checkpoint_minutes=0",
)  # fmt: skip
AREA = {"type": "Polygon", "coordinates": [[[9.0, 39.0], [10.05, 39.0], [10.05, 41.0], [9.0, 41.0], [9.0, 39.0]]]}
FEATURE = json.dumps({"type": "Feature", "properties": {}, "geometry": AREA})


@pytest.fixture
def said(bucket, tmp_path, monkeypatch, capsys):
    """Runs a command; status, and what it prints and tells."""
    monkeypatch.setenv("CPL_GS_ENDPOINT", f"{bucket.endpoint}/")
    monkeypatch.setenv("GS_NO_SIGN_REQUEST", "YES")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = status_of(app, list(map(str, arguments)))
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Lets the cache be another folder from then on: an empty one, or, moved, the one that there was."""

    def change(moved=False):
        if moved:
            (tmp_path / "cache").rename(tmp_path / "other cache")
        monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "other cache"))

    return change


def in_bucket(bucket, prefix):
    """The bytes of all objects below a prefix; none names this machine's cache."""
    found = {name.removeprefix(prefix): bucket.content(name) for name in bucket.objects(prefix)}
    assert found and not [name for name, content in found.items() if b"cache/" in content]
    return found


@pytest.fixture
def labelled(bucket, said, tmp_path):
    """make-dataset's arguments but --out: a scene, a store in the bucket with its labels, and context in the bucket."""
    make_page(tmp_path)
    write_files(tmp_path, {"export.geojson": json.dumps(save())})
    assert said("annotate", "import", "export.geojson", "--store", "gs://b/labels", "--page", "page")[0] == 0
    bucket.put("coast.geojson", FEATURE.encode())
    context = "infra_distance=gs://b/coast.geojson"
    return ("make-dataset", "in/a.tif", "--labels", "gs://b/labels", "--context", context, "--tile-size", "30")


def test_a_data_set_is_the_same_with_another_cache(bucket, said, labelled, elsewhere):
    assert said(*labelled, "--out", "gs://b/set")[0] == 0
    first, before = in_bucket(bucket, "set/"), bucket.objects()
    record = json.loads(first["dataset.json"])
    assert record["arguments"]["labels"] == "gs://b/labels"
    assert record["arguments"]["context"] == ["infra_distance=gs://b/coast.geojson"]
    state = "gs://b/labels/a/20240501T100000Z_ann.geojson"
    assert record["scenes"]["a"]["labels"] == [state] and len(record["scenes"]["a"]["inputs"][state]) == 64
    elsewhere()
    status, out, err = said(*labelled, "--out", "gs://b/set")
    assert (status, err) == (0, "") and "gs://b/set is there already: " in out and bucket.objects() == before
    assert said(*labelled, "--out", "gs://b/anew")[0] == 0
    assert in_bucket(bucket, "anew/") == first
    later = json.dumps(save("bob", saved="2024-05-02T10:00:00Z"))
    bucket.put("labels/a/20240502T100000Z_bob.geojson", later.encode())
    status, out, err = said(*labelled, "--out", "gs://b/set")
    assert status == 2 and "was built from other labels of a" in err and bucket.content("set/dataset.json")


def test_a_killed_build_goes_on_where_the_cache_is_now(bucket, said, labelled, elsewhere, monkeypatch):
    assert said(*labelled, "--out", "gs://b/whole")[0] == 0
    with monkeypatch.context() as patched:
        patched.setattr(build, "_assemble", lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            said(*labelled, "--out", "gs://b/set")
    elsewhere(moved=True)
    status, out, err = said(*labelled, "--out", "gs://b/set")
    assert (status, err) == (0, "") and out.splitlines()[-1].startswith("gs://b/set made ")
    assert in_bucket(bucket, "set/") == in_bucket(bucket, "whole/")


def test_failed_scenes_are_tried_again_with_another_cache(bucket, said, tmp_path, elsewhere):
    for name in "ab":
        write_tiff(tmp_path / "in" / f"{name}.tif", pixels(1))
        bucket.put(f"files/{name}.geojson", json.dumps({"type": "FeatureCollection", "features": []}).encode())
    whole = (tmp_path / "in" / "b.tif").read_bytes()
    (tmp_path / "in" / "b.tif").write_bytes(whole[:40])
    arguments = ("make-dataset", "in", "--labels", "gs://b/files", "--tile-size", "30", "--out", "gs://b/set")
    assert said(*arguments)[0] == 3
    elsewhere()
    assert said(*arguments)[0] == 3
    (tmp_path / "in" / "b.tif").write_bytes(whole)
    status, out, err = said(*arguments)
    assert (status, err) == (0, "") and "from 2 of 2 scenes" in out
    record = json.loads(in_bucket(bucket, "set/")["dataset.json"])
    assert record["scenes"]["a"]["labels"] == ["gs://b/files/a.geojson"]


def test_outlines_of_a_model_and_a_sea_in_the_bucket(bucket, said, tmp_path, elsewhere):
    mirror(str(run_of(tmp_path / "run", card_of())), "gs://b/run")
    bucket.put("sea.geojson", FEATURE.encode())
    write_tiff(tmp_path / "a.tif", pixels(1))
    arguments = ("predict", "gs://b/run", "a.tif", "--ocean", "gs://b/sea.geojson", "--device", "cpu", "--out")
    assert said(*arguments, "gs://b/slicks")[0] == 0
    first, before = in_bucket(bucket, "slicks/"), bucket.objects()
    assert json.loads(first["prediction.json"])["options"]["ocean"] == "gs://b/sea.geojson"
    assert len(json.loads(first["a.geojson"])["prediction"]["inputs"]["gs://b/sea.geojson"]) == 64
    elsewhere()
    status, out, err = said(*arguments, "gs://b/slicks")
    assert (status, err) == (0, "") and "is there already" in out and bucket.objects() == before
    assert said(*arguments, "gs://b/anew")[0] == 0
    assert in_bucket(bucket, "anew/") == first
    bucket.put("sea.geojson", FEATURE.replace("10.05", "10.02").encode())
    status, out, err = said(*arguments, "gs://b/slicks")
    assert status == 0 and out.startswith("gs://b/slicks made ")


def test_a_page_of_predictions_and_a_store_in_the_bucket(bucket, said, labelled, tmp_path, elsewhere):
    outlines = {"type": "FeatureCollection", "scene_id": "a", "features": []}
    bucket.put("slicks/a.geojson", json.dumps(outlines).encode())
    arguments = ("annotate", "prepare", "in/a.tif", "--predictions", "gs://b/slicks", "--store", "gs://b/labels")
    status, out, err = said(*arguments, "--out", "gs://b/page")
    assert (status, err) == (0, "")
    record = json.loads(in_bucket(bucket, "page/")[".prepared.json"])
    assert (record["plan"]["predictions"], record["plan"]["store"]) == (["gs://b/slicks"], "gs://b/labels")
    assert {"gs://b/slicks/a.geojson", "gs://b/labels/a/20240501T100000Z_ann.geojson"} < record["units"][0][
        "inputs"
    ].keys()
    elsewhere()
    before = bucket.objects()
    status, out, err = said(*arguments, "--out", "gs://b/page")
    assert (status, err) == (0, "") and "is there already" in out and bucket.objects() == before
    bucket.put("slicks/a.geojson", json.dumps({**outlines, "features": [], "prediction": {}}).encode())
    status, _, err = said(*arguments, "--out", "gs://b/page")
    assert status == 2 and "was prepared from other " in err and bucket.objects()["page/index.html"]


def test_a_killed_training_goes_on_with_its_data_elsewhere(bucket, said, tmp_path, elsewhere, monkeypatch):
    from ceruleanml.cli import train

    mirror(str(make_tiles(tmp_path / "tiles")), "gs://b/tiles")
    arguments = ("train", "data.train=gs://b/tiles", *LIGHT)
    assert said(*arguments, "run=gs://b/runs/1/first")[0] == 0
    with monkeypatch.context() as patched:
        patched.setattr(train, "training_progress", lambda quiet: CutAfter(5))
        with pytest.raises(PowerCut):
            said(*arguments, "run=gs://b/runs/2/first")
    elsewhere(moved=True)
    copy = tmp_path / "other cache" / "outputs" / "b" / "runs" / "2" / "first"
    assert (copy / "checkpoint.pt").is_file() and "train: gs://b/tiles\n" in (copy / "config.yaml").read_text()
    status, _, err = said("train", "--resume", "gs://b/runs/2/first")
    assert status == 0, err
    whole, resumed = in_bucket(bucket, "runs/1/first/"), in_bucket(bucket, "runs/2/first/")
    assert resumed["weights.pt"] == whole["weights.pt"] and resumed["model.json"] == whole["model.json"]
    assert json.loads(whole["model.json"])["dataset"]["train"]["path"] == "gs://b/tiles"
    assert resumed["config.yaml"] == whole["config.yaml"].replace(b"runs/1/", b"runs/2/")
    assert files_in(copy_here("gs://b/tiles")) == files_in(tmp_path / "tiles")


def test_a_network_starts_from_a_model_in_the_bucket(bucket, said, tmp_path, elsewhere):
    mirror(str(run_of(tmp_path / "run", card_of())), "gs://b/start")
    arguments = ("train", f"data.train={make_tiles(tmp_path / 'tiles')}", "model.start=gs://b/start", *LIGHT)
    status, _, err = said(*arguments, "run=runs/new", "trainer.epochs=1")
    assert status == 0 and "the network starts from the weights of " in err
    assert "start: gs://b/start\n" in (tmp_path / "runs" / "new" / "config.yaml").read_text()


def test_every_copy_in_a_cache_knows_its_origin(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "link"))
    for kind in ("inputs", "inputs.1", "inputs.12", "outputs", "stores"):
        for root in ("link", "disk"):
            assert origin_of(tmp_path / root / kind / "b" / "labels@may") == "gs://b/labels@may"
            assert origin_of(str(tmp_path / root / kind / "b")) == "gs://b"
    for other in ("checksums/b/x", "inputs", "inputs.x/b", "", "../inputs/b"):
        assert origin_of(tmp_path / "link" / other) == str(tmp_path / "link" / other)
    assert origin_of("datasets/train") == "datasets/train" and origin_of("gs://b/x") == "gs://b/x"
    assert copy_here("gs://b/x") == tmp_path / "link" / "inputs" / "b" / "x" and str(copy_here("a/b")) == "a/b"
