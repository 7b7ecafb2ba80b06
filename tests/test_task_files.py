"""Catalogues and spectra by the verbs: train on what has labels, score what has none, choose; and rounds cut short."""

import json

import numpy as np
import pytest
from items_made import FAST, VOTES, PowerCut, catalogue_settings, contents, cut_before_write, spectra_settings

from ceruleanml.cli.main import app
from ceruleanml.errors import CeruleanError, SelectionError
from ceruleanml.progress import Silent
from ceruleanml.selection import experiment
from ceruleanml.selection.catalogue_files import read_catalogue
from ceruleanml.selection.instructions import Instructions
from ceruleanml.selection.item_scores import unit_features
from ceruleanml.selection.selection_files import read_selection
from ceruleanml.selection.task_files import known_labels, read_task, train_on_pool


def ceruleanml(*words):
    app([str(word) for word in words], standalone_mode=False)


def task_file(path, kind, settings):
    path.write_text(json.dumps({"task": kind, "settings": settings}))
    return path


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    """A task's file of 40 spectra, and an ensemble of two that the verb trained on them."""
    root = tmp_path_factory.mktemp("spectra")
    path = task_file(root / "spectra.json", "spectra", spectra_settings(root))
    ceruleanml("train-ensemble", "--task", path, "-n", 2, "--out", root / "model", "--quiet")
    return path, root / "model"


def test_labelled_galaxies_teach_and_unlabelled_ones_are_chosen(tmp_path, capsys):
    catalogue_settings(tmp_path, unlabelled_share=0.3)
    split = tmp_path / "split"
    few = [f"{name}={value}" for name, value in {**FAST, "side_px": 16}.items()]
    ceruleanml("train-ensemble", "--task", split / "labelled.json", *few, "-n", 2, "--out", tmp_path / "model")
    ceruleanml("score", tmp_path / "model", split / "unlabelled.json", "--out", tmp_path / "scores")
    files = [tmp_path / "scores" / f"{name}.parquet" for name in ("scores", "embeddings")]
    labelled, unlabelled = (read_catalogue(split / f"{name}.csv", VOTES).ids for name in ("labelled", "unlabelled"))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{tmp_path / 'model'}: 2 members trained on {len(labelled) * 2 // 3} labels"
    assert said[1:] == [str(path) for path in files]
    before = contents(tmp_path / "scores")
    ceruleanml("score", tmp_path / "model", split / "unlabelled.json", "--out", tmp_path / "scores", "--quiet")
    assert contents(tmp_path / "scores") == before
    options = ("--strategy", "coral", "--score", "vote_mutual_information", "-n", 4, "--no-report")
    named = ("--scores", files[0], "--embeddings", files[1], "--model", tmp_path / "model")
    ceruleanml("select", *named, *options, "--out", tmp_path / "chosen", "--quiet")
    chosen = [pick.id for pick in read_selection(tmp_path / "chosen" / "selection.csv").picks]
    assert len(chosen) == 4 and set(chosen) <= set(unlabelled)


def test_scores_of_another_model_are_stale(tmp_path, spectra):
    path, model = spectra
    ceruleanml("score", model, path, "--out", tmp_path / "s", "--quiet")
    ceruleanml("train-ensemble", "--task", path, "seed=1", "-n", 1, "--out", tmp_path / "other", "--quiet")
    scores = ("--scores", tmp_path / "s" / "scores.parquet", "--model", tmp_path / "other", "-n", 3, "--no-report")
    words = ("select", *scores, "--strategy", "vote-entropy", "--quiet", "--out", tmp_path / "chosen")
    with pytest.raises(SelectionError, match="the scores are of model .*; score the pool again with the model"):
        ceruleanml(*words)
    ceruleanml(*words, "--force")
    assert len(read_selection(tmp_path / "chosen" / "selection.csv").picks) == 3
    with pytest.raises(SelectionError, match="s: holds scores of another model; choose another --out"):
        ceruleanml("score", tmp_path / "other", path, "--out", tmp_path / "s")


def test_the_verb_trains_what_the_task_does_and_goes_on_after_a_cut(tmp_path, spectra, monkeypatch):
    path, model = spectra
    task = read_task(path, {"members": 2})
    assert len(known_labels(task)) == 40
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_before_write(patch, 6)
        train_on_pool(task, tmp_path / "m", 0, Silent())
    assert train_on_pool(task, tmp_path / "m", 0, Silent()) == 40
    assert contents(tmp_path / "m") == contents(model)


def rounds_of(kind, settings, strategy, **choice):
    return Instructions(kind, settings, strategy=strategy, choice=choice, first=6, per_round=4, rounds=3)


@pytest.mark.parametrize("cut", [2, 5, 9])
def test_a_loop_on_spectra_cut_in_any_training_comes_to_the_same_files(tmp_path, spectra, monkeypatch, cut):
    settings = {**json.loads(spectra[0].read_text())["settings"], "epochs": 1}
    told = rounds_of("spectra", settings, "vote-entropy")
    for name in ("whole", "cut"):
        experiment.create(tmp_path / name, told)
    (whole,) = experiment.run(tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        cut_before_write(patch, cut)
        experiment.run(tmp_path / "cut")
    experiment.run(tmp_path / "cut")
    assert whole.ended == "all 3 rounds are done"
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_files_of_a_round_serve_to_select_and_its_instructions_to_score(tmp_path):
    settings = catalogue_settings(tmp_path, samples=3)
    told = rounds_of("catalogue", settings, "coral", score="vote_mutual_information")
    arm = experiment.create(tmp_path / "loop", told).arm("coral", 0)
    experiment.run(tmp_path / "loop")
    first, last = arm / "round_000", arm / "round_002"
    files = ("--scores", first / "scores.parquet", "--embeddings", first / "embeddings.parquet")
    options = ("--strategy", "coral", "--score", "vote_mutual_information", "-n", 4, "--no-report", "--quiet")
    begun = tmp_path / "begun.txt"
    begun.write_text("\n".join(json.loads((first / "labels.json").read_text())["items"]))
    ceruleanml("select", *files, *options, "--preselected", begun, "--out", tmp_path / "chosen")
    by_hand, by_loop = (
        [pick.id for pick in read_selection(folder / "selection.csv").picks]
        for folder in (tmp_path / "chosen", first / "selection")
    )
    assert by_hand == by_loop
    ceruleanml("score", last / "model", arm / "instructions.json", "--out", tmp_path / "last", "--quiet")
    assert sorted(contents(tmp_path / "last")) == ["embeddings.parquet", "scores.parquet"]


def test_features_of_nothing_get_a_direction():
    np.testing.assert_allclose(unit_features(np.array([[0, 0, 0, 0], [0, 3, 0, 4.0]])), [[0.5] * 4, [0, 0.6, 0, 0.8]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "task.json: .*; name the file of a task, or instructions.json of an arm"),
        ("[]", 'task.json: is no task; write {"task": "spectra", "settings": {…}}'),
        ('{"task": "spectra"}', "is no task"),
        ('{"task": "poems", "settings": {}}', "task poems: is not known; there are slicks, catalogue, spectra"),
        ('{"task": "slicks", "settings": {}}', "is of slicks; name the data set folder in its place"),
        ('{"task": "spectra", "settings": {}}', "setting spectra is missing; give text"),
        ('{"task": "catalogue", "settings": {}}', "setting catalogue is missing; give text"),
    ],
)
def test_files_that_are_no_task(tmp_path, content, message):
    (tmp_path / "task.json").write_text(content)
    with pytest.raises(SelectionError, match=message):
        read_task(tmp_path / "task.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("score", "{model}", "{task}", "--samples", 3),
            "says by its settings how items are scored; of the options --",
        ),
        (("score", "{model}", "gone.json"), r"gone.json: .*; name the file of a task"),
        (("score", "gone", "{task}"), "gone: holds no trained model; let its training come to its end"),
        (("train-ensemble", "--task", "{task}", "--workers", 2), "--task: its members draw items, one after another"),
        (("train-ensemble", "--task", "{task}", "colour=1"), "setting colour is not known"),
        (("train-ensemble", "--task", "{task}", "seed=x"), "seed=x: is no seed; give a whole number from 0"),
        (("train-ensemble", "--task", "{task}", "fast"), "fast: is no setting; write NAME=VALUE"),
    ],
)
def test_what_the_verbs_refuse(tmp_path, spectra, words, message):
    filled = [str(word).format(task=spectra[0], model=spectra[1]) for word in words]
    with pytest.raises(CeruleanError, match=message):
        ceruleanml(*filled, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
