"""The verbs evaluate and compare on a real run folder, as a user calls them."""

import json
from pathlib import Path

import pytest
from evaluations_made import card, two_scenes
from processes import finished

from ceruleanml.models.card import read_card, write_card

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a data set and a run of a U-Net of random weights."""
    import torch

    from ceruleanml.models.segmenter import build_segmenter
    from ceruleanml.models.weights import save_state

    folder = tmp_path_factory.mktemp("verbs")
    two_scenes(folder / "data")
    (folder / "run").mkdir()
    made = card().with_(encoder="mobilenet_v2")
    torch.manual_seed(0)
    write_card(folder / "run", made)
    save_state(folder / "run" / "weights.pt", build_segmenter(made).state_dict())
    return folder


@pytest.fixture
def run(warm_cli, place):
    """Runs a command in the folder."""
    return lambda *words: finished([warm_cli / "ceruleanml", *words], cwd=place)


def test_evaluate_writes_the_card_and_compare_takes_both(place, run):
    before = run("evaluate", "run", "data", "--out", "before", "--bootstrap", "20")
    assert before.returncode == 0, before.stderr
    assert "4 tiles of 3 scenes" in before.stdout and before.stdout.endswith("before/report.html\n")
    after = run("evaluate", "run", "data", "--out", "after", "--bootstrap", "20", "--write-card", "--quiet")
    assert (after.returncode, after.stdout) == (0, ""), after.stderr
    content, found = json.loads((place / "after" / "evaluation.json").read_text()), read_card(place / "run")
    fitted = content["calibration"]["temperature"]
    assert found.temperature == pytest.approx(fitted["value"]) and found.temperature != 1
    assert content["about"]["model"]["temperature"] == pytest.approx(fitted["value"])
    assert fitted["nll_after"] < fitted["nll_before"]
    assert found.thresholds == content["proposed_thresholds"]
    slick = content["all"]["figures"]["slick"]
    assert found.metrics["pixel_f1"] == slick["dice"]["value"]
    assert found.metrics.get("instance_f1") == slick["instance_f1"]["value"]
    compared = run("compare", "before", "after", "--out", "both", "--bootstrap", "20")
    assert compared.returncode == 0, compared.stderr
    # with the temperature applied first, the error it was judged with is the smaller one
    ece = json.loads((place / "both" / "compare.json").read_text())["figures"]["slick"]["ece"]
    assert ece["second"] < ece["first"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "nowhere", "data", "--out", "out"], "nowhere: no such model; name a run folder"),
        (["evaluate", "run", "nowhere", "--out", "out"], "nowhere: no such data set folder"),
        (["evaluate", "run", "data", "--out", "out", "--threshold", "outline"], "write NAME=VALUE"),
        (["evaluate", "run", "data", "--out", "data"], "data: exists and is no evaluation; choose another --out"),
        (["compare", "data", "data", "--out", "out"], "data: holds no evaluation.json"),
    ],
)
def test_errors_end_in_one_line(place, run, words, message):
    ended = run(*words)
    assert ended.returncode == 2
    assert message in ended.stderr and ended.stderr.count("\n") == 1
    assert not (place / "out").exists()


def test_the_script_is_the_verb(place, warm_cli):
    script = [warm_cli / "python", ROOT / "scripts" / "evaluate.py", "floor", "data", "--out", "script"]
    ended = finished([*script, "--bootstrap", "0", "--worst", "0"], cwd=place)
    assert ended.returncode == 0, ended.stderr
    assert "slick against none" in ended.stdout
