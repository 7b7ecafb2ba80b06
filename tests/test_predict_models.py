"""Prediction by real networks: a run folder, on whole scenes, gives what the network itself gives."""

import json

import numpy as np
import pytest
from predictors_made import card
from scenes_made import write_png

from ceruleanml.cli import predict as verb
from ceruleanml.errors import ModelError, SceneError, UsageError
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.predict import predict_scenes
from ceruleanml.inference.preparing import open_for
from ceruleanml.inference.scanning import Scan, probability_rows
from ceruleanml.inference.unit import loaded
from ceruleanml.inference.windows import SceneWindows
from ceruleanml.models.card import WEIGHTS_NAME, read_card, write_card
from ceruleanml.models.predictor import load_predictor


def run_folder(folder, kind, encoder):
    """A run folder with random weights, always the same."""
    import torch

    from ceruleanml.models.segmenter import build_segmenter
    from ceruleanml.models.weights import save_state

    torch.manual_seed(1)
    about = card(kind, encoder=encoder, tile_px=64, classes=("background", "infra_slick", "natural_seep"))
    folder.mkdir()
    save_state(folder / WEIGHTS_NAME, build_segmenter(about).eval().state_dict())
    write_card(folder, about)
    return folder


@pytest.fixture(scope="module")
def unet(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("unet") / "run", "unet", "mobilenet_v2")


@pytest.fixture
def scene(tmp_path):
    pixels = np.random.default_rng(0).integers(20, 120, (96, 120), dtype=np.uint8)
    return write_png(tmp_path / "a.png", pixels)


def test_one_windows_probabilities_are_the_networks(unet, scene):
    model = load_predictor(unet, "cpu")
    opened = open_for(str(scene), model.card, PredictOptions())
    prepared = opened.prepared(opened.grid)
    windows = SceneWindows(opened.grid.height_width, 64, 0.0)
    rows = list(probability_rows(Scan(prepared, windows), model))
    image = np.zeros((1, 64, 120), np.uint8)
    prepared.fill(image, 0)
    expected = model.probabilities(image[None, :, :, :64].astype(np.float32) / 255)[0, 1:]
    np.testing.assert_allclose(rows[0].probabilities[:, :32, :56], expected[:, :32, :56], atol=1e-6)


def test_a_run_folder_predicts_by_the_verb(unet, scene, tmp_path, capsys):
    thresholds = ["pixel_score_thresh=0.05", "poly_score_thresh=0.01", "bbox_score_thresh=0.001"]
    status = verb.predict(unet, [str(scene)], tmp_path / "out", threshold=thresholds, probabilities=True, device="cpu")
    assert status == 0 and "made 1 slick in 1 of 1 scene" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "a.geojson").read_text())
    assert found["features"] and found["prediction"]["options"]["thresholds"]["pixel_score_thresh"] == 0.05
    assert len(found["prediction"]["model"]["sha256"]) == 64
    verb.predict(unet, [str(scene)], tmp_path / "out", threshold=thresholds, probabilities=True, device="cpu")
    assert "is there already: 1 slick" in capsys.readouterr().out


def test_the_verb_tells_of_failed_scenes_by_its_status(unet, scene, tmp_path, capsys):
    (tmp_path / "b.png").write_bytes(b"no picture")
    assert verb.predict(unet, [str(scene), str(tmp_path / "b.png")], tmp_path / "out", device="cpu") == 3
    assert "b.png" in capsys.readouterr().err


def test_a_card_that_changed_is_read_again(tmp_path):
    run = run_folder(tmp_path / "run", "unet", "mobilenet_v2")
    assert loaded(run, "cpu") is loaded(run, "cpu")
    write_card(run, read_card(run).with_(temperature=3.0))
    assert loaded(run, "cpu").card.temperature == 3


def test_mask_rcnn_predicts(scene, tmp_path):
    run = run_folder(tmp_path / "run", "mask_rcnn", "resnet18")
    options = PredictOptions(device="cpu", thresholds={"bbox_score_thresh": 0.05, "pixel_score_thresh": 0.1})
    write_png(scene, np.full((64, 64), 60, np.uint8))
    report = predict_scenes(run, [str(scene)], tmp_path / "out", options)
    assert report.failed == {} and list(report.slicks) == ["a"]


def test_a_model_that_is_none(scene, tmp_path):
    with pytest.raises(ModelError, match="nothing: no such model; name a run folder of ceruleanml train"):
        predict_scenes(tmp_path / "nothing", [str(scene)], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty: holds no model, it has no model.json"):
        predict_scenes(tmp_path / "empty", [str(scene)], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scenes_and_devices_that_are_none(unet, scene, tmp_path):
    with pytest.raises(SceneError, match="none.tif: no such file or folder"):
        predict_scenes(unet, [str(tmp_path / "none.tif")], tmp_path / "out")
    with pytest.raises(UsageError, match="device cuda:77: is not there; choose auto or cpu"):
        predict_scenes(unet, [str(scene)], tmp_path / "out", PredictOptions(device="cuda:77"))
