"""Rounds on catalogues: the loss of votes by hand, learning that beats chance, and the same bits after any kill."""

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from items_made import PowerCut, catalogue_settings, contents, cut_before_write, labels_of, train

from ceruleanml.errors import CeruleanError, SelectionError
from ceruleanml.selection.catalogue_model import VoteNetwork, binomial_loss
from ceruleanml.selection.catalogue_task import CatalogueTask, vote_figures
from ceruleanml.selection.item_scores import write_item_scores
from ceruleanml.selection.task import NothingToLearn, open_task


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return catalogue_settings(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def task(settings):
    return CatalogueTask.of(settings)


@pytest.fixture(scope="module")
def model(tmp_path_factory, task):
    """A model that nothing interrupted, of seed 0."""
    return train(task, labels_of(task), tmp_path_factory.mktemp("model") / "m")


def loss(logits, k, n):
    return float(binomial_loss(torch.tensor(logits, dtype=torch.float64), torch.tensor(k), torch.tensor(n)))


def test_the_loss_of_votes_by_hand():
    half, quarter = 0.0, -np.log(3)  # the logits of 1/2 and 1/4
    assert loss([half], [1], [2]) == pytest.approx(-np.log(0.5))
    assert loss([quarter], [1], [2]) == pytest.approx(-np.log(2 * 0.25 * 0.75))
    assert loss([quarter], [0], [3]) == pytest.approx(-3 * np.log(0.75))
    assert loss([half, quarter], [1, 1], [2, 2]) == pytest.approx(-(np.log(0.5) + np.log(0.375)) / 2)


def test_items_without_votes_do_not_count():
    assert loss([0.0, 5.0], [1, 0], [2, 0]) == loss([0.0], [1], [2])
    logits = torch.tensor([1.0], requires_grad=True)
    binomial_loss(logits, torch.tensor([0]), torch.tensor([0])).backward()
    assert logits.grad.item() == 0
    assert np.isfinite(loss([80.0, -80.0], [0, 40], [40, 40]))


def test_the_loss_is_least_at_the_share_of_votes():
    shares = np.linspace(0.01, 0.99, 99)
    losses = [loss([np.log(p / (1 - p))], [3], [10]) for p in shares]
    assert shares[np.argmin(losses)] == pytest.approx(0.3)


def test_figures_by_hand():
    found = vote_figures(np.array([1, 4, 1]), np.array([2, 4, 4]), np.array([0.5, 0.5, 0.75]))
    assert found["vote_agreement"] == pytest.approx(1 - (0 + 0.5 + 0.5) / 3)
    assert found["rmse"] == pytest.approx(np.sqrt(0.5 / 3))
    assert found["log_likelihood"] == pytest.approx(np.log([0.5, 0.5**4, 4 * 0.75 * 0.25**3]).mean())
    assert found["accuracy"] == 0  # the first is even, 0.5 is no majority, and the third is wrong
    assert "accuracy" not in vote_figures(np.array([1]), np.array([2]), np.array([0.9]))


def test_items_are_text_and_sorted_without_the_evaluation_set(task, settings):
    items = task.items()
    assert "007" in items.ids + task.evaluation.ids and 7 not in items.ids
    assert list(items.ids) == sorted(items.ids) and len(items.ids) == 32
    assert not set(items.ids) & set(task.evaluation.ids)
    whole = CatalogueTask.of({**settings, "catalogue": str(Path(settings["catalogue"]).parents[1] / "labelled.csv")})
    assert whole.items() == items
    grouped = CatalogueTask.of({**settings, "group": "field"})
    assert not set(grouped.items().groups) & set(grouped.evaluation.groups)


def test_hidden_votes_and_their_cost(task):
    row = task.pool.ids.index(task.items().ids[3])
    answer = task.hidden(task.items().ids[3])
    assert answer.payload == {"k": task.pool.k[row], "N": task.pool.n[row]}
    assert json.loads(json.dumps(answer.payload)) == answer.payload
    assert answer.cost == {"votes": task.pool.n[row], "minutes": pytest.approx(task.pool.n[row] * 5 / 60)}
    with pytest.raises(SelectionError, match="has no item 7; ids are text"):
        task.hidden("7")


def test_learning_beats_one_share_for_all(tmp_path):
    task = CatalogueTask.of(catalogue_settings(tmp_path, 150, side_px=32, epochs=25))
    found = task.evaluate(train(task, labels_of(task), tmp_path / "m"))
    shares = task.evaluation.k / task.evaluation.n
    best = 1 - np.abs(shares - np.median(task.pool.k / task.pool.n)).mean()
    assert found.values["vote_agreement"] > best + 0.08
    assert found.values["accuracy"] > 0.75
    totals = np.array(list(found.parts.values())).sum(axis=0)
    assert totals[0] / totals[1] == pytest.approx(found.values["vote_agreement"])
    assert set(found.parts) == set(task.evaluation.ids)
    lines = (tmp_path / "master" / "catalogue.csv").read_text().splitlines()[1:]
    truth = {row[0]: float(row[-1]) for row in map(lambda line: line.split(","), lines)}
    columns = task.score(tmp_path / "m", task.items().ids, tmp_path, 0)
    assert np.corrcoef(columns["foreground"], [truth[one] for one in task.items().ids])[0, 1] > 0.7


@pytest.mark.parametrize("write", [1, 2, 4])
def test_cut_before_any_write_and_called_again(tmp_path, task, model, monkeypatch, write):
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_before_write(patch, write)
        train(task, labels_of(task), tmp_path / "m")
    assert not task.trained(tmp_path / "m")
    assert contents(train(task, labels_of(task), tmp_path / "m")) == contents(model)
    assert task.trained(tmp_path / "m")


def test_sigkill(tmp_path, task, settings, model, warm_cli):
    child = [warm_cli / "python", Path(__file__).with_name("task_child.py"), "catalogue", json.dumps(settings)]
    killed = subprocess.run([*child, tmp_path / "m", "2"], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert sorted(contents(tmp_path / "m")) == ["member_00/checkpoint.pt"]
    assert contents(train(task, labels_of(task), tmp_path / "m")) == contents(model)


def test_a_checkpoint_that_a_kill_left_beside_the_model(tmp_path, task, model):
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "m" / "member_00" / "checkpoint.pt").write_bytes(b"left")
    (tmp_path / "m" / "ensemble.json").unlink()
    assert not task.trained(tmp_path / "m")
    assert contents(train(task, labels_of(task), tmp_path / "m")) == contents(model)


def test_order_and_seed(tmp_path, task, model):
    turned = dict(reversed(labels_of(task).items()))
    assert contents(train(task, turned, tmp_path / "a")) == contents(model)
    assert contents(train(task, labels_of(task), tmp_path / "b", seed=1)) != contents(model)


def test_another_training_is_not_run_over(tmp_path, task, model):
    shutil.copytree(model, tmp_path / "m")
    with pytest.raises(SelectionError, match="belongs to a training with other labels or settings; choose another"):
        train(task, labels_of(task, task.items().ids[:9]), tmp_path / "m")
    assert contents(tmp_path / "m") == contents(model)


def test_warm_start(tmp_path, settings, task, model):
    cold = CatalogueTask.of({**settings, "epochs": 1, "lr": 1e-9})
    before, after = task.evaluate(model).values, cold.evaluate(train(cold, labels_of(task), tmp_path / "w", 0, model))
    assert after.values == pytest.approx(before, abs=1e-3)
    scratch = cold.evaluate(train(cold, labels_of(task), tmp_path / "c")).values
    assert scratch["log_likelihood"] != pytest.approx(before["log_likelihood"], abs=1e-2)
    other = CatalogueTask.of({**settings, "bands": 3})
    with pytest.raises(SelectionError, match="network is of another form than the settings ask for"):
        train(other, labels_of(task), tmp_path / "o", 0, model)


def test_labels_without_votes(tmp_path, task):
    labels = labels_of(task)
    labels = {item_id: {"k": 0, "N": 0} if row % 2 else labels[item_id] for row, item_id in enumerate(sorted(labels))}
    some = {item_id: votes for item_id, votes in labels.items() if votes["N"]}
    assert contents(train(task, labels, tmp_path / "a")) == contents(train(task, some, tmp_path / "b"))
    with pytest.raises(NothingToLearn, match="none of the 1 labelled items has a vote"):
        train(task, {task.items().ids[0]: {"k": 0, "N": 0}}, tmp_path / "c")
    with pytest.raises(NothingToLearn, match="none of the 0 labelled items"):
        train(task, {}, tmp_path / "c")


@pytest.mark.parametrize("label", [None, {}, {"k": 3, "N": 2}, {"k": 1.5, "N": 2}, {"k": True, "N": 2}, [1, 2]])
def test_labels_that_are_no_votes(tmp_path, task, label):
    with pytest.raises(SelectionError, match="the label of .* is no vote; give"):
        train(task, {task.items().ids[0]: label}, tmp_path / "m")


def test_evaluation_items_are_refused_as_labels(tmp_path, task):
    with pytest.raises(SelectionError, match="is in the evaluation set .*; take it out"):
        train(task, {task.evaluation.ids[0]: {"k": 1, "N": 2}}, tmp_path / "m")


def test_scores_and_embeddings(tmp_path, settings, task, model):
    ids = task.items().ids
    first = task.score(model, ids, tmp_path, 0)
    assert set(first) == {
        "least_confidence", "margin", "entropy", "foreground", "mutual_information", "vote_mutual_information",
    }  # fmt: skip
    again, other, some = (
        task.score(model, *rest) for rest in ((ids, tmp_path, 0), (ids, tmp_path, 1), (ids[5:9], tmp_path, 0))
    )
    for name, column in first.items():
        assert column.dtype == np.float64 and column.shape == (len(ids),) and np.isfinite(column).all()
        np.testing.assert_array_equal(again[name], column)
        np.testing.assert_allclose(some[name], column[5:9], atol=1e-6)
    assert (other["mutual_information"] != first["mutual_information"]).any()
    assert (first["vote_mutual_information"] >= first["mutual_information"] - 1e-12).all()  # more answers tell more
    vectors = task.embed(model, ids, tmp_path)
    assert vectors.shape == (len(ids), 64) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert task.embed(None, ids, tmp_path) is None
    assert "mutual_information" not in CatalogueTask.of({**settings, "samples": 1}).score(model, ids, tmp_path, 0)


def test_members_learn_from_resamples_and_disagree(tmp_path, settings, task, model):
    several = CatalogueTask.of({**settings, "members": 3})
    folder = train(several, labels_of(several), tmp_path / "m")
    weights = [contents(folder)[f"member_{member:02d}/model.pt"] for member in range(3)]
    assert len({*weights, contents(model)["member_00/model.pt"]}) == 4
    columns = several.score(folder, several.items().ids, tmp_path, 0)
    assert {"vote_entropy", "soft_mutual_information"} <= set(columns)
    split = -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3  # two of three agree
    assert set(columns["vote_entropy"].round(9)) <= {0, split.round(9)}
    assert (columns["soft_mutual_information"] > 0).all()
    assert several.embed(folder, several.items().ids, tmp_path).shape == (32, 3 * 64)
    with pytest.raises(SelectionError, match="has 3 members, the settings ask for 1"):
        train(task, labels_of(task), tmp_path / "w", 0, folder)


def test_dropout_samples_have_the_right_mean():
    torch.manual_seed(0)
    network, pooled = VoteNetwork(1, 0.5).eval(), torch.rand(3, 64)
    everything = torch.ones(1, 128)
    with torch.inference_mode():
        logits = network.last(network.features(pooled))[:, 0]
        assert torch.allclose(network.sampled(pooled, everything)[0], torch.sigmoid(logits))
        dropped = everything.clone()
        dropped[0, 64:] = 0
        assert torch.allclose(network.sampled(pooled, dropped)[0], torch.sigmoid(network.last.bias))


def test_files_for_select(tmp_path, task, model):
    from ceruleanml.selection.embedding_files import read_embeddings

    scores, embeddings = write_item_scores(task, model, tmp_path / "a", seed=3)
    write_item_scores(task, model, tmp_path / "b", seed=3)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    found = read_embeddings(embeddings)
    assert found.ids == task.items().ids
    np.testing.assert_allclose(found.vectors, task.embed(model, found.ids, tmp_path), atol=1e-6)
    without = CatalogueTask.of({"catalogue": task.settings.catalogue, "evaluation": task.settings.evaluation})
    assert without.embed(None, found.ids, tmp_path) is None
    stored = CatalogueTask.of({**vars(without.settings), "embeddings": str(embeddings)})
    np.testing.assert_allclose(stored.embed(None, found.ids[:3], tmp_path), found.vectors[:3])
    with pytest.raises(SelectionError, match="has no embedding of x; embed the whole pool"):
        stored.embed(None, ["x"], tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "setting colour is not known; there are"),
        ({"epochs": 0}, "setting epochs 0 cannot be; give 1 or more"),
        ({"epochs": 1.5}, "setting epochs 1.5 is of the wrong kind; give a whole number"),
        ({"dropout": 1}, "setting dropout 1 cannot be; give 0 to 0.9"),
        ({"lr": "fast"}, "setting lr 'fast' is of the wrong kind; give a number"),
        ({"lr": float("nan")}, "setting lr nan is of the wrong kind"),
        ({"bands": 2}, "setting bands 2 cannot be; give 1 or 3"),
        ({"side_px": 8}, "setting side_px 8 cannot be; give 16 to 4096"),
        ({"votes": "k"}, "votes 'k' are not two columns"),
        ({"members": 0}, "setting members 0 cannot be; give 1 to 99"),
        ({"expected_votes": 0}, "setting expected_votes 0 cannot be"),
        ({"group": "plate"}, "has no column plate"),
        ({"evaluation": None}, "setting evaluation None is of the wrong kind; give text"),
    ],
)
def test_settings_that_cannot_be(settings, change, message):
    with pytest.raises(CeruleanError, match=message):
        open_task("catalogue", {**settings, **change})


def test_an_evaluation_without_votes(settings, tmp_path):
    (tmp_path / "none.csv").write_text("id_str,file_loc,k,N\n1,a.png,0,0\n2,b.png,,\n")
    with pytest.raises(SelectionError, match="none.csv: no item has a vote to judge by"):
        CatalogueTask.of({**settings, "evaluation": str(tmp_path / "none.csv")})


def test_files_that_are_missing_or_broken(tmp_path, settings):
    header, first, *rest = Path(settings["catalogue"]).read_text().splitlines()
    cells = first.split(",")
    (tmp_path / "c.csv").write_text("\n".join([header, ",".join([cells[0], "gone.png", *cells[2:]])]) + "\n")
    task = CatalogueTask.of({**settings, "catalogue": str(tmp_path / "c.csv")})
    with pytest.raises(SelectionError, match=r"c.csv: row 2: the image .*gone.png of \d+ is missing; put it there"):
        task.items()
    (tmp_path / "gone.png").write_bytes(b"\x89PNG")
    with pytest.raises(SelectionError, match=r"c.csv: row 2: .*gone.png: cannot be read as FITS, PNG or JPEG"):
        train(task, labels_of(task), tmp_path / "m")


def test_what_is_no_model(tmp_path, task, model):
    with pytest.raises(SelectionError, match="holds no trained model; let its training come to its end"):
        task.evaluate(tmp_path)
    shutil.copytree(model, tmp_path / "m")
    (tmp_path / "m" / "member_00" / "model.pt").write_bytes(b"no weights")
    with pytest.raises(SelectionError, match="model.pt: cannot be read as a model of a task .*; train again"):
        task.evaluate(tmp_path / "m")
    (tmp_path / "m" / "ensemble.json").write_text('{"kind": "segmenters"}')
    with pytest.raises(SelectionError, match="is no model of the task catalogue; give one that this task trained"):
        task.evaluate(tmp_path / "m")
