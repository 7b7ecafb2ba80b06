"""An ensemble as one model: read from its folder, asked for the mean, and told apart from another."""

import hashlib
import json

import numpy as np
import pytest
from evaluations_made import two_scenes
from models_made import card_of, run_of
from predictions_made import two_scenes as two_pictures

from ceruleanml.errors import ModelError, UsageError
from ceruleanml.evaluation.evaluate import evaluate
from ceruleanml.evaluation.streaming import EvaluateOptions
from ceruleanml.inference.options import PredictOptions
from ceruleanml.inference.predict import predict_scenes
from ceruleanml.models.card import read_card, write_card
from ceruleanml.models.ensemble_folder import read_ensemble
from ceruleanml.models.predictor import load_predictor, model_sha256

pytestmark = pytest.mark.usefixtures("narrow_networks")
NAMES = ["member_00", "member_01", "member_02"]


def ensemble_of(folder, *cards):
    """An ensemble folder with a run of random weights for each card."""
    for seed, (name, card) in enumerate(zip(NAMES, cards, strict=False)):
        run_of(folder / name, card, seed)
    write(folder, members=NAMES[: len(cards)])
    return folder


def write(folder, **content):
    folder.mkdir(exist_ok=True)
    (folder / "ensemble.json").write_text(json.dumps({"format_version": 1, **content}))


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    cards = [card_of(thresholds={"pixel_score_thresh": 0.4}, temperature=heat) for heat in (1.0, 2.0, 1.0)]
    return ensemble_of(tmp_path_factory.mktemp("models") / "ensemble", *cards)


def test_it_says_the_mean_of_what_its_members_say(ensemble):
    images = np.random.default_rng(0).random((2, 1, 64, 64), np.float32)
    model = load_predictor(ensemble, "cpu")
    found = model.probabilities(images)
    each = [load_predictor(ensemble / name, "cpu").probabilities(images) for name in NAMES]
    assert found.dtype == np.float32 and found.shape == (2, 3, 64, 64)
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    with pytest.raises(ModelError, match="a U-Net has no detections"):
        model.detections(images)


def test_its_card_is_its_members_but_for_what_is_its_own(ensemble):
    card, first = load_predictor(ensemble, "cpu").card, read_card(ensemble / "member_00")
    shas = [hashlib.sha256((ensemble / name / "weights.pt").read_bytes()).hexdigest() for name in NAMES]
    assert card == first.with_(name="ensemble", weights_sha256=hashlib.sha256("".join(shas).encode()).hexdigest())
    assert card.weights_sha256 == model_sha256(ensemble)
    assert model_sha256(ensemble / "member_00") == shas[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"classes": ("background", "natural_seep")},
            "member_01: differs from member_00 in classes; train",
        ),
        ({"channels": ("vv", "ships"), "mean": (0.1, 0.1), "deviation": (1.0, 1.0)}, "from member_00 in channels"),
        ({"grid": "serving"}, "from member_00 in grid"),
    ],
)
def test_members_that_do_not_go_together_are_refused(tmp_path, changes, words):
    folder = ensemble_of(tmp_path / "ensemble", card_of(), card_of().with_(**changes))
    with pytest.raises(ModelError, match=words):
        load_predictor(folder, "cpu")


def test_mask_rcnns_have_no_mean(tmp_path):
    folder = ensemble_of(tmp_path / "ensemble", card_of("mask_rcnn"))
    with pytest.raises(ModelError, match="an ensemble of Mask R-CNNs, whose outlines have no mean; name one of its"):
        load_predictor(folder, "cpu")
    assert read_ensemble(folder) == (folder / "member_00",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is no description of an ensemble"),
        ('{"format_version": 9, "members": ["member_00"]}', "is no description of an ensemble that this program reads"),
        ('{"format_version": 1, "members": []}', "its members are no names of folders in it"),
        ('{"format_version": 1, "members": ["../run"]}', "its members are no names of folders in it"),
        ('{"format_version": 1, "members": [".."]}', "its members are no names"),
        ('{"format_version": 1, "members": [""]}', "its members are no names"),
        ('{"format_version": 1, "members": [7]}', "its members are no names"),
        ('{"format_version": 1}', "its members are no names"),
        (
            '{"format_version": 1, "members": ["member_00", "member_01", "member_02"]}',
            "not trained yet are 2 of 3 members, first member_01; run the same train-ensemble command again",
        ),
        (
            '{"format_version": 1, "members": ["member_00", "member_01"]}',
            "yet are 1 of 2 members, first member_01",
        ),
    ],
)
def test_a_broken_or_unfinished_ensemble_is_named(tmp_path, content, words):
    run_of(tmp_path / "member_00", card_of())
    (tmp_path / "ensemble.json").write_text(content)
    for read in (read_ensemble, load_predictor):
        with pytest.raises(ModelError, match=words):
            read(tmp_path)


def test_what_is_no_model_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"holds no model, neither model.json nor ensemble.json; name a folder of"):
        read_ensemble(tmp_path)
    with pytest.raises(ModelError, match="nowhere: no such model"):
        read_ensemble(tmp_path / "nowhere")


def test_scenes_are_predicted_by_it_and_by_no_other(tmp_path, ensemble):
    two_pictures(tmp_path)

    def predicted(model):
        options = PredictOptions(device="cpu")
        return predict_scenes(model, [str(tmp_path / "in")], tmp_path / "out", options)

    assert len(predicted(ensemble).predicted_now) == 2
    about = json.loads((tmp_path / "out" / "a.geojson").read_text())["prediction"]["model"]
    assert (about["name"], about["sha256"]) == ("ensemble", model_sha256(ensemble))
    assert predicted(ensemble).predicted_now == ()
    with pytest.raises(UsageError, match="holds outlines of another model"):
        predicted(ensemble / "member_00")


def test_a_member_that_changed_is_read_again(tmp_path):
    from ceruleanml.inference.unit import loaded

    folder = ensemble_of(tmp_path / "ensemble", card_of(), card_of())
    model = loaded(folder, "cpu")
    assert loaded(folder, "cpu") is model
    write_card(folder / "member_01", card_of(temperature=2.0))
    assert loaded(folder, "cpu") is not model


def test_it_is_judged_like_a_run_but_has_no_card_to_write(tmp_path, ensemble):
    two_scenes(tmp_path / "data")
    options = EvaluateOptions(device="cpu", bootstrap=0, worst=0)
    judged = evaluate(ensemble, tmp_path / "data", tmp_path / "out", options).content["about"]["model"]
    assert (judged["name"], judged["weights_sha256"]) == ("ensemble", model_sha256(ensemble))
    with pytest.raises(UsageError, match="--write-card: .* is no run folder of ceruleanml train"):
        evaluate(ensemble, tmp_path / "data", tmp_path / "out", EvaluateOptions(device="cpu", write_card=True))
