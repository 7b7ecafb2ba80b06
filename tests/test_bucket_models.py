"""Training and prediction from a bucket into a bucket: on this machine and, after it is gone, on another."""

import json
import shutil

import numpy as np
import pytest
from bucket_made import served_bucket
from scenes_made import write_png
from training_made import make_tiles

from ceruleanml.cli.ending import status_of
from ceruleanml.cli.main import app
from ceruleanml.mirror import mirror

pytestmark = pytest.mark.usefixtures("narrow_networks")
LIGHT = (
    "model.encoder=mobilenet_v2", "model.pretrained=none", "data.validation_share=0.25", "data.batch_size=2",
    "logger.name=jsonl", "trainer.threads=1", "trainer.device=cpu", "trainer.epochs=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("server")) as bucket:
        yield bucket


@pytest.fixture
def said(bucket, tmp_path, monkeypatch, capsys):
    """Runs a command with a cache of its own; status, and what it prints and tells."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket.endpoint)
    monkeypatch.setenv("CERULEANML_CACHE", str(tmp_path / "cache"))

    def run(*arguments):
        status = status_of(app, list(map(str, arguments)))
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_from_data_in_a_bucket_to_outlines_in_it(bucket, said, tmp_path):
    mirror(str(make_tiles(tmp_path / "tiles")), "gs://b/sets/train")
    shutil.rmtree(tmp_path / "tiles")
    status, out, err = said("train", "data.train=gs://b/sets/train", "run=gs://b/runs/first", *LIGHT)
    assert status == 0, err
    assert out.startswith("gs://b/runs/first: ")
    assert {"runs/first/model.json", "runs/first/weights.pt", "runs/first/config.yaml"} <= bucket.objects().keys()
    status, _, err = said("train", "data.train=gs://b/sets/train", "run=gs://b/runs/first", *LIGHT)
    assert status == 2 and "holds a finished run" in err

    shutil.rmtree(tmp_path / "cache")  # as on another machine
    status, out, err = said("train", "--resume", "gs://b/runs/first")
    assert status == 0 and "finished" in out

    pixels = np.random.default_rng(0).integers(20, 120, (96, 120), dtype=np.uint8)
    scene = write_png(tmp_path / "a.png", pixels)
    arguments = ("predict", "gs://b/runs/first", scene, "--out", "gs://b/slicks", "--device", "cpu")
    status, out, err = said(*arguments)
    assert (status, err) == (0, "") and out.startswith("gs://b/slicks made ")
    record = json.loads(bucket.content("slicks/prediction.json"))
    assert "slicks/a.geojson" in bucket.objects() and len(record["model"]["sha256"]) == 64
    shutil.rmtree(tmp_path / "cache")
    before = bucket.objects()
    status, out, err = said(*arguments)
    assert status == 0 and out.startswith("gs://b/slicks is there already: ")
    assert bucket.objects() == before


def test_several_processes_do_not_share_a_run_in_a_bucket(said, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    status, _, err = said("train", "data.train=x", "run=gs://b/runs/second", *LIGHT)
    assert status == 2 and "run=gs://b/runs/second: several processes train; give run= a folder here" in err


def test_a_data_set_that_no_bucket_has_is_told(said):
    status, _, err = said("train", "data.train=gs://b/sets/none", "run=gs://b/runs/third", *LIGHT)
    assert status == 2 and "gs://b/sets/none: holds no files to mirror; check the name" in err
