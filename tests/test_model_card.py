"""The model card says what run and evaluation say, and what makes the figures less than they look."""

import sys
from pathlib import Path

import pytest
from evaluations_made import CLASSES, Recites, card, recorded, shifted, two_scenes
from processes import finished

from ceruleanml.errors import ModelError, StorageError, UsageError
from ceruleanml.evaluation.model_card import TEMPLATE, model_card
from ceruleanml.models.card import write_card
from ceruleanml.models.record import thresholds_of
from ceruleanml.storage import read_json

SCRIPT = Path(__file__).parents[1] / "scripts" / "model_card.py"
PART = {"tiles": 12, "tiles_with_slicks": 5, "scenes": ["x", "y"], "label_snapshot": "0123456789abcdef"}
MADE = {"train": PART, "merge_classes": {"old_vessel": "infra_slick"}, "drop_classes": ["ambiguous"]}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A model that is one row off, on three scenes."""
    root = tmp_path_factory.mktemp("judged")
    folder = two_scenes(root / "set")
    return recorded(folder, Recites(folder, card(weights_sha256="ab" * 32), shifted), root / "evaluation")


def run_with(tmp_path, **changed):
    (tmp_path / "run").mkdir()
    changed = {"weights_sha256": "ab" * 32, "dataset": MADE, **changed}
    write_card(tmp_path / "run", card(**changed))
    return tmp_path / "run"


def line_with(text, start):
    """The cells of the one table row that begins so."""
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_figures_are_those_of_the_evaluation(tmp_path, judged):
    text = model_card(run_with(tmp_path), judged)
    figures = read_json(judged / "evaluation.json")["all"]["figures"]
    iou = figures["slick"]["iou"]
    assert 0.5 < iou["value"] < 0.9  # one row off
    assert line_with(text, "IoU of slick pixels")[1:3] == [
        f"{iou['value']:.3f}",
        f"{iou['low']:.3f} to {iou['high']:.3f}",
    ]
    for name, slicks in (("infra_slick", "2"), ("natural_seep", "1")):
        assert line_with(text, name)[1:3] == [slicks, f"{figures[name]['iou']['value']:.3f}"]
    assert "Intervals are of 95%, from 20 resamples" in text


def test_where_it_comes_from_is_told(tmp_path, judged):
    text = model_card(run_with(tmp_path), judged)
    assert line_with(text, "train") == ["train", "12", "5", "2", "`0123456789ab`"]
    assert "Of the labelled classes old_vessel was counted as infra_slick, tiles with ambiguous were left out." in text
    for number, name in enumerate(CLASSES):
        assert line_with(text, str(number)) == [str(number), name]
    assert "4 tiles (2 with slicks) of 3 scenes" in text and "ab" * 32 in text
    assert "| owner, contact | not stated |" in text and "$" not in text


def test_what_people_say_is_taken_over(tmp_path, judged):
    said = {"owner": "Ann", "licence": "CC-BY-4.0", "use": "In the Gulf of Oman, $5 a scene."}
    text = model_card(run_with(tmp_path), judged, said)
    assert "| owner, contact | Ann |" in text and "| licence | CC-BY-4.0 |" in text
    assert "\n\nIn the Gulf of Oman, $5 a scene.\n\n" in text


def test_the_card_s_own_thresholds_are_told_apart(tmp_path, judged):
    text = model_card(run_with(tmp_path, thresholds={"poly_score_thresh": 0.4}, temperature=2.0), judged)
    assert line_with(text, "poly_score_thresh") == ["poly_score_thresh", "0.4", "set for this model"]
    assert line_with(text, "pixel_score_thresh")[1:] == [
        f"{thresholds_of(card())['pixel_score_thresh']:g}",
        "the service's own",
    ]
    assert "- It was judged with other thresholds than those above." in text
    assert "- It was judged with another temperature than it has now." in text


@pytest.mark.parametrize(
    ("part", "scenes", "said"),
    [
        ("train", ["a", "x"], "1 of the 3 scenes judged on were learned from"),
        ("validation", ["a", "b"], "2 of the 3 scenes judged on chose its best epoch"),
        ("train", ["x"], None),
    ],
)
def test_figures_on_scenes_that_were_seen_are_called_too_good(tmp_path, judged, part, scenes, said):
    text = model_card(run_with(tmp_path, dataset={part: {**PART, "scenes": scenes}}), judged)
    assert ("too good" in text) == (said is not None)
    assert said is None or said in text


def test_another_model_s_evaluation_is_refused(tmp_path, judged):
    with pytest.raises(UsageError, match="other weights"):
        model_card(run_with(tmp_path, weights_sha256="cd" * 32), judged)
    with pytest.raises(ModelError, match="no model"):
        model_card(tmp_path, judged)
    with pytest.raises(StorageError, match=r"no evaluation\.json"):
        model_card(tmp_path / "run", tmp_path)


def test_your_own_template(tmp_path, judged):
    mine = tmp_path / "mine.md"
    mine.write_text("$name of $owner\n")
    assert model_card(run_with(tmp_path), judged, {"owner": "Ann"}, mine) == "a <toy> model of Ann\n"
    mine.write_text("$nmae")
    with pytest.raises(
        UsageError, match=r"mine\.md: the field 'nmae' cannot be filled; there are calibration, classes"
    ):
        model_card(tmp_path / "run", judged, template=mine)
    with pytest.raises(StorageError, match="cannot be read"):
        model_card(tmp_path / "run", judged, template=tmp_path / "none.md")
    assert "$figures" in TEMPLATE.read_text()


def test_the_script_writes_the_same_and_says_what_is_wrong(tmp_path, judged):
    run = run_with(tmp_path)
    ended = finished([sys.executable, SCRIPT, run, judged, "--out", tmp_path / "card.md", "--owner", "Ann"])
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "card.md").read_text() == model_card(run, judged, {"owner": "Ann"})
    ended = finished([sys.executable, SCRIPT, run, tmp_path, "--out", tmp_path / "none.md"])
    assert ended.returncode == 2 and "holds no evaluation.json" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "none.md").exists()
