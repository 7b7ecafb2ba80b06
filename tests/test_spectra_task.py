"""Rounds on spectra: the loss by hand, members that differ in data and seed alone, the same bits after any kill."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from items_made import PowerCut, contents, cut_before_write, labels_of, spectra_settings, train

from ceruleanml.errors import SelectionError
from ceruleanml.seeds import generator
from ceruleanml.selection.item_scores import write_item_scores
from ceruleanml.selection.simulated_items import CLASSES, LINES
from ceruleanml.selection.spectra_figures import line_figures, spectra_figures
from ceruleanml.selection.spectra_grid import Grid
from ceruleanml.selection.spectra_learning import Form, Targets, member_lesson, targets_of
from ceruleanml.selection.spectra_model import SpectrumNetwork, spectrum_loss
from ceruleanml.selection.spectra_task import SpectraTask
from ceruleanml.selection.task import NothingToLearn, open_task
from ceruleanml.selection.uncertainty import entropy


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return spectra_settings(tmp_path_factory.mktemp("spectra"))


@pytest.fixture(scope="module")
def task(settings):
    return SpectraTask.of(settings)


@pytest.fixture(scope="module")
def model(tmp_path_factory, task):
    """An ensemble that nothing interrupted, of seed 0."""
    return train(task, labels_of(task), tmp_path_factory.mktemp("model") / "m")


def loss(boxes, places, known, lines=None):
    """Of one spectrum of two equally likely classes, one line and two boxes."""
    lines = [[[[0.0, 0.5], [0.0, 0.5]]]] if lines is None else lines
    return float(
        spectrum_loss(
            torch.zeros(1, 2), torch.tensor(lines), torch.tensor([0]), torch.tensor(boxes), torch.tensor(places),
            torch.tensor(known),
        )
    )  # fmt: skip


def test_the_loss_by_hand():
    of_class, of_boxes = np.log(2), 2 * np.log(2)
    assert loss([[-1]], [[0.0]], [False]) == pytest.approx(of_class)
    assert loss([[-1]], [[0.0]], [True]) == pytest.approx(of_class + of_boxes)
    assert loss([[1]], [[0.9]], [True]) == pytest.approx(of_class + of_boxes + 0.4**2)
    sure = [[[[-30.0, 0.0], [30.0, 0.9]]]]
    assert loss([[1]], [[0.9]], [True], sure) == pytest.approx(of_class, abs=1e-6)


def test_figures_by_hand():
    truth, predicted = np.array([0, 0, 0, 2]), np.array([0, 0, 2, 2])
    found = spectra_figures(
        ("a", "b", "c"), truth, predicted, ("x", "x", "y", "y"), np.zeros((4, 0)), np.zeros(4, bool), None, None, 1.0
    )
    assert found.values == pytest.approx(
        {"balanced_accuracy": 5 / 6, "accuracy": 3 / 4, "recall_a": 2 / 3, "recall_c": 1}
    )
    assert found.parts == {"x": pytest.approx((2 / 3, 2 / 3)), "y": pytest.approx((1, 4 / 3))}


def test_line_figures_by_hand():
    lines = np.array([[5000.0, np.nan], [5000.0, 6000.0]])
    confidence = np.array([[0.9, 0.1], [0.9, 0.4]])
    places = np.array([[5050.0, 6000.0], [5200.0, 6000.0]])  # 1 % is 2998 km/s, 4 % is 11992 km/s
    found = line_figures(lines, confidence, places, 6000.0)
    assert found == pytest.approx({"line_accuracy": 2 / 4, "line_completeness": 1 / 3, "line_purity": 1 / 2})
    assert set(line_figures(np.full((1, 1), np.nan), np.zeros((1, 1)), np.ones((1, 1)), 1.0)) == {"line_accuracy"}


def test_items_and_hidden_labels(task):
    items = task.items()
    assert items.ids == tuple(f"{number:03d}" for number in range(40))
    answer = task.hidden("007")
    assert answer.payload["class"] in CLASSES and answer.cost == {"minutes": 2.0}
    assert json.loads(json.dumps(answer.payload)) == answer.payload
    quasar = next(one for one in items.ids if task.hidden(one).payload["class"] == "quasar")
    lines = task.hidden(quasar).payload["lines"]
    assert lines and all(3600 <= place <= 9800 for place in lines.values())
    assert {name for name in lines} <= {"LYA", "CIV", "CIII", "MGII", "HBETA"}
    with pytest.raises(SelectionError, match="has no item 7; ids are text"):
        task.hidden("7")


def test_evaluation_items_leave_the_pool(settings, task, tmp_path):
    both = SpectraTask.of({**settings, "evaluation": settings["spectra"]})
    assert both.items().ids == ()
    with pytest.raises(SelectionError, match="item 000 is in the evaluation set"):
        train(both, labels_of(task), tmp_path / "m")


def test_learning_beats_chance(tmp_path):
    task = SpectraTask.of(spectra_settings(tmp_path, 90, members=1, epochs=15, foreground=["quasar"]))
    found = task.evaluate(train(task, labels_of(task), tmp_path / "m"))
    assert found.values["balanced_accuracy"] > 0.7
    totals = np.array(list(found.parts.values())).sum(axis=0)
    assert totals[0] / totals[1] == pytest.approx(found.values["balanced_accuracy"])
    ids = task.items().ids
    quasars = np.array([task.hidden(one).payload["class"] == "quasar" for one in ids])
    foreground = task.score(tmp_path / "m", ids, tmp_path, 0)["foreground"]
    assert foreground[quasars].mean() > foreground[~quasars].mean() + 0.3


def test_lines_are_found(tmp_path):
    """Of spectra that it never saw: whoever guesses finds 1 in 100, for a line is right on 2 % of the grid."""
    only = {"lines": {"CIV": LINES["CIV"], "HALPHA": LINES["HALPHA"]}}
    task = SpectraTask.of(spectra_settings(tmp_path, 150, 60, members=1, epochs=24, lr=0.005, **only))
    found = task.evaluate(train(task, labels_of(task), tmp_path / "m")).values
    assert found["line_completeness"] > 0.3 and found["line_purity"] > 0.5 and found["line_accuracy"] > 0.78


@pytest.mark.parametrize("write", [1, 3, 4, 6])
def test_cut_before_any_write_and_called_again(tmp_path, task, model, monkeypatch, write):
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_before_write(patch, write)
        train(task, labels_of(task), tmp_path / "m")
    assert not task.trained(tmp_path / "m")
    assert contents(train(task, labels_of(task), tmp_path / "m")) == contents(model)
    assert task.trained(tmp_path / "m")


def test_sigkill(tmp_path, task, settings, model):
    child = [sys.executable, Path(__file__).with_name("task_child.py"), "spectra", json.dumps(settings)]
    killed = subprocess.run([*child, tmp_path / "m", "4"], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert sorted(contents(tmp_path / "m")) == ["member_00/model.pt", "member_01/checkpoint.pt"]
    assert contents(train(task, labels_of(task), tmp_path / "m")) == contents(model)


def test_order_and_seed(tmp_path, task, model):
    assert contents(train(task, dict(reversed(labels_of(task).items())), tmp_path / "a")) == contents(model)
    other = contents(train(task, labels_of(task), tmp_path / "b", seed=1))
    assert other["member_00/model.pt"] != contents(model)["member_00/model.pt"]


def test_members_differ_in_data_and_seed_alone():
    form = Form(Grid(4000, 8000, 16), ("a", "b"), ("L",), 3, 0.0)
    flux = np.arange(50 * 16, dtype=np.float32).reshape(50, 16)
    targets = targets_of(form, flux, [0, 1] * 25, np.full((50, 1), np.nan), np.ones(50, bool))
    drawn = []

    class Noting(SpectrumNetwork):
        def forward(self, flux):
            drawn.append(flux[:, 0].numpy() / 16)
            return super().forward(flux)

    for member in (0, 0, 1):
        lesson = member_lesson(form, targets, member, None, 5, "", None)
        assert lesson.count == 50 and lesson.about == form.about()
        lesson.loss_of(Noting(16, 2, 1, 3, 0.0), np.arange(50), generator(0, "test"))
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    for one in drawn:
        assert set(one) < set(range(50)) and 25 <= len(set(one)) <= 40  # about 1 - 1/e of 50


@pytest.mark.parametrize(
    ("pixels", "flux"), [(2, [0, 0, 1, 2, 3, 4]), (-1, [2, 3, 4, 5, 6, 0]), (0, [1, 2, 3, 4, 5, 6])]
)
def test_spectra_are_shifted_with_their_lines(pixels, flux):
    one = Targets(torch.arange(1.0, 7)[None], torch.zeros(1), np.array([[0.4]]), torch.ones(1)).shifted(pixels)
    assert one.flux.tolist() == [flux]
    assert one.shares[0, 0] == pytest.approx(0.4 + pixels / 5)


def test_warm_start(tmp_path, settings, task, model):
    cold = SpectraTask.of({**settings, "epochs": 1, "lr": 1e-9})
    ids = task.items().ids
    before = task.score(model, ids, tmp_path, 0)["entropy"]
    after = cold.score(train(cold, labels_of(task), tmp_path / "w", 0, model), ids, tmp_path, 0)["entropy"]
    scratch = cold.score(train(cold, labels_of(task), tmp_path / "c"), ids, tmp_path, 0)["entropy"]
    np.testing.assert_allclose(after, before, atol=1e-4)
    assert np.abs(scratch - before).max() > 0.01
    single = SpectraTask.of({**settings, "members": 1})
    with pytest.raises(SelectionError, match="has 2 members, the settings ask for 1"):
        train(single, labels_of(task), tmp_path / "o", 0, model)


def test_a_class_that_never_appears(tmp_path, settings, task):
    never = SpectraTask.of({**settings, "classes": ["galaxy", "nova", "quasar", "star"], "epochs": 8})
    quasars = {one: label for one, label in labels_of(never).items() if label["class"] != "star"}
    found = never.evaluate(train(never, quasars, tmp_path / "m"))
    assert "recall_nova" not in found.values and found.values["recall_star"] < 0.5
    recalls = [found.values[f"recall_{name}"] for name in CLASSES]
    assert found.values["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    columns = never.score(tmp_path / "m", never.items().ids, tmp_path, 0)
    assert np.isfinite(columns["vote_share_nova"]).all() and columns["foreground_nova"].mean() < 0.2


def test_one_label_and_none(tmp_path, task):
    one = task.items().ids[0]
    found = task.evaluate(train(task, labels_of(task, [one]), tmp_path / "m"))
    assert found.values["balanced_accuracy"] == pytest.approx(1 / 3, abs=0.34)
    with pytest.raises(NothingToLearn, match="no spectrum is labelled"):
        train(task, {}, tmp_path / "n")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"class": "nova"}, "names the class nova; there are galaxy, quasar, star"),
        (None, "names the class None"),
        ({"class": "star", "lines": {"XY": 5000.0}}, "names the line XY; add it to the setting lines"),
        ({"class": "star", "lines": [5000.0]}, r"has lines \[5000.0\]; give wavelengths in angstrom by name"),
    ],
)
def test_labels_that_cannot_be(tmp_path, task, label, message):
    with pytest.raises(SelectionError, match=message):
        train(task, {"007": label}, tmp_path / "m")


def test_classes_alone_without_a_line_to_find(tmp_path, settings):
    plain = SpectraTask.of({**settings, "lines": {}})
    assert plain.hidden("007").payload["lines"] in ({}, None)
    found = plain.evaluate(train(plain, labels_of(plain), tmp_path / "m")).values
    assert found["accuracy"] > 0.3 and not [name for name in found if name.startswith("line_")]


def test_labels_without_lines_teach_the_class_alone(tmp_path, task):
    labels = {one: {"class": label["class"]} for one, label in labels_of(task).items()}
    assert task.evaluate(train(task, labels, tmp_path / "m")).values["balanced_accuracy"] > 0


def test_scores_and_embeddings(tmp_path, task, model):
    ids = task.items().ids
    columns = task.score(model, ids, tmp_path, 0)
    by_class = {f"{kind}_{name}" for kind in ("vote_share", "foreground", "uncertain") for name in CLASSES}
    plain = {"least_confidence", "margin", "entropy", "vote_entropy", "soft_mutual_information"}
    assert set(columns) == plain | by_class
    some = task.score(model, ids[5:9], tmp_path, 0)
    for name, column in columns.items():
        assert column.dtype == np.float64 and column.shape == (40,) and np.isfinite(column).all()
        np.testing.assert_allclose(some[name], column[5:9], atol=1e-6)
    shares = np.stack([columns[f"vote_share_{name}"] for name in CLASSES], axis=1)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(columns["vote_entropy"], entropy(shares, normalised=False))
    assert set(np.unique(shares)) <= {0.0, 0.5, 1.0}  # of two members
    vectors = task.embed(model, ids, tmp_path)
    assert vectors.shape == (40, 128) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert task.embed(None, ids, tmp_path) is None


def test_files_for_select(tmp_path, task, model):
    for name in "ab":
        scores, embeddings = write_item_scores(task, model, tmp_path / name, seed=3)
        assert scores.is_file() and embeddings.is_file()
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "setting colour is not known"),
        ({"members": 0}, "setting members 0 cannot be; give 1 to 99"),
        ({"boxes": 999}, "setting boxes 999 cannot be; give 1 to 256"),
        ({"lines": {"A": "x"}}, "setting lines .* is of the wrong kind; give numbers by name"),
        ({"lines": {"A": -1}}, "setting lines: A has no wavelength above 0"),
        ({"lines": {"A": 1, "a": 2}}, "two names differ in the case of letters alone"),
        ({"last_angstrom": 3000}, "setting last_angstrom 3000 cannot be; give 3601 or more"),
        ({"classes": ["star"]}, "has the classes star; name two or more"),
        ({"classes": ["star", "star"]}, "has the classes star, star; name two or more"),
        ({"classes": ["quasar", "star"]}, "class galaxy is not among quasar, star; name it in the setting classes"),
        ({"foreground": ["nova"]}, "class nova is not among galaxy, quasar, star"),
        ({"foreground": "star"}, "setting foreground 'star' is of the wrong kind; give a list of texts"),
    ],
)
def test_settings_that_cannot_be(settings, change, message):
    with pytest.raises(SelectionError, match=message):
        open_task("spectra", {**settings, **change})


def test_what_is_no_model_or_another(tmp_path, settings, task, model):
    with pytest.raises(SelectionError, match="holds no trained model; let its training come to its end"):
        task.evaluate(tmp_path)
    other = SpectraTask.of({**settings, "boxes": 5})
    with pytest.raises(SelectionError, match="was trained with another grid, other classes or lines"):
        other.evaluate(model)
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "m" / "ensemble.json").write_text('{"kind": "segmenters"}')
    with pytest.raises(SelectionError, match="is no model of the task spectra; give one that this task trained"):
        task.evaluate(tmp_path / "m")
