"""Two evaluations beside each other: the difference is paired, and only of the same tiles."""

import pytest
from datasets_made import make_dataset_folder, speckle
from evaluations_made import Recites, card, recorded, shifted, two_scenes

from ceruleanml.errors import StorageError, UsageError, WriteError
from ceruleanml.evaluation.compare import compare
from ceruleanml.storage import write_json


@pytest.fixture
def data(tmp_path):
    return two_scenes(tmp_path / "data")


@pytest.fixture
def both(data, tmp_path):
    one = recorded(data, Recites(data, card(), shifted), tmp_path / "one")
    return one, recorded(data, Recites(data, card()), tmp_path / "two")


def test_the_difference_is_paired(both, tmp_path):
    content = compare(*both, tmp_path / "out", bootstrap=50)
    iou = content["figures"]["infra_slick"]["iou"]
    assert (iou["first"], iou["second"]) == (pytest.approx(70 / 90), 1)
    # every resample of like slicks gives the same difference
    assert iou["difference"] == pytest.approx(dict.fromkeys(("value", "low", "high"), 1 - 70 / 90), rel=1e-6)
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "<b>higher</b>" in page and "&lt;toy&gt;" in page and "://" not in page


def test_a_model_does_not_differ_from_itself(both, tmp_path):
    content = compare(both[0], both[0], tmp_path / "out", bootstrap=50)
    for figures in content["figures"].values():
        for one in figures.values():
            assert one["difference"]["value"] in (0, None) and one["difference"]["low"] in (0, None)


def test_models_of_other_classes_are_compared_by_what_they_share(data, both, tmp_path):
    recorded(data, Recites(data, card(("background", "infra_slick"))), tmp_path / "three")
    content = compare(both[0], tmp_path / "three", tmp_path / "out", bootstrap=0)
    assert set(content["figures"]) == {"slick", "infra_slick"}
    assert content["notes"] == ["only one of the models knows the class natural_seep; it is left out"]


def test_other_tiles_are_refused(both, tmp_path):
    folder = make_dataset_folder(tmp_path / "data2", {"a": [((0, 0), speckle(1), [])]})
    recorded(folder, Recites(folder, card()), tmp_path / "three")
    with pytest.raises(
        UsageError, match=r"one and .*three judge other tiles or labels .*; evaluate both models on one"
    ):
        compare(both[0], tmp_path / "three", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_rules_are_refused(data, both, tmp_path):
    recorded(data, Recites(data, card()), tmp_path / "three", boundary_px=3)
    with pytest.raises(UsageError, match="were judged with boundary_px 2 and 3; evaluate both alike"):
        compare(both[0], tmp_path / "three", tmp_path / "out")


def test_what_is_no_evaluation_is_said(both, tmp_path):
    with pytest.raises(StorageError, match=r"data: holds no evaluation\.json; name a folder that ceruleanml evaluate"):
        compare(both[0], tmp_path / "data", tmp_path / "out")
    write_json(tmp_path / "two" / "evaluation.json", {"format_version": 9})
    with pytest.raises(StorageError, match="is no evaluation of format version 1; evaluate again"):
        compare(*both, tmp_path / "out")


def test_a_folder_of_something_else_is_left_alone(both, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(WriteError, match="out: exists and is no comparison; choose another --out"):
        compare(*both, tmp_path / "out")
