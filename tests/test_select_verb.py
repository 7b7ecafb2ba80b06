"""The verb select on files as users have them: galaxies in a CSV, Lightly's CSV, tiles of a data set."""

import csv
import json

import numpy as np
import pyarrow
import pytest
from candidates_made import unit
from datasets_made import change, make_dataset_folder, speckle
from pyarrow import parquet

from ceruleanml.cli.select import select
from ceruleanml.errors import SelectionError, StorageError, UsageError
from ceruleanml.selection.embedding_files import read_lightly, write_embeddings, write_lightly
from ceruleanml.selection.selection_files import read_selection
from ceruleanml.storage import sha256_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two data sets, and scores and embeddings of the 24 tiles of the first."""
    root = tmp_path_factory.mktemp("select")
    corners = [(0, 0), (0, 32), (32, 0), (32, 32), (64, 0), (64, 32)]
    scenes = {name: [(corner, speckle(place), []) for place, corner in enumerate(corners)] for name in "abcd"}
    make_dataset_folder(root / "pool", scenes)
    make_dataset_folder(root / "frozen", {"d": scenes["d"][:1]})
    ids = [f"{name}_{row:05d}_{col:05d}" for name in "abcd" for row, col in corners]
    rng, pool = np.random.Generator(np.random.PCG64(0)), sha256_of(root / "pool" / "dataset.json")
    names = ("entropy_window", "foreground", "uncertain_infra_slick", "uncertain_natural_seep")
    columns = {name: rng.random(24) for name in names}
    for values in columns.values():
        values[3] = np.nan
    kept = {"model": ["m" * 64] * 24, "pool": [pool] * 24, "seed": [0] * 24}
    table = pyarrow.table({"tile_id": ids, "scene_id": [one[0] for one in ids], **columns, **kept})
    parquet.write_table(table, root / "scores.parquet")
    about = {"method": "weights", "model": "w" * 64, "pool": pool}
    write_embeddings(root / "emb.parquet", ids, unit(rng.normal(size=(24, 5))), about)
    return root


@pytest.fixture
def galaxies(tmp_path):
    """Scores of galaxies whose ids look like numbers."""
    lines = ["id,surprise,kind", "007,0.9,spiral", "7,0.8,bar", "0070,0.7,spiral", "1e3,nan,bar", "08,,", "9,0.1,bar"]
    (tmp_path / "galaxies.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def run(root, out, **options):
    return select(root / "scores.parquet", root / "emb.parquet", **{"n": 6, "out": out, "quiet": True, **options})


def test_galaxies_need_no_data_set(galaxies, capsys):
    out = galaxies / "out"
    assert select(galaxies / "galaxies.csv", n=3, out=out, strategy="uncertainty", no_report=True) == 0
    rows = rows_of(out / "selection.csv")
    assert [(row["rank"], row["tile_id"], row["score"], row["reason"]) for row in rows] == [
        ("1", "007", "0.9", "surprise 0.90 (rank 1 of 4)"),
        ("2", "7", "0.8", "surprise 0.80 (rank 2 of 4)"),
        ("3", "0070", "0.7", "surprise 0.70 (rank 3 of 4)"),
    ]
    assert [(row["tile_id"], row["reason"]) for row in rows_of(out / "removed_samples.csv")] == [
        ("08", "no_score"), ("1e3", "no_score"),
    ]  # fmt: skip
    assert sorted(path.name for path in out.iterdir()) == ["queue.json", "removed_samples.csv", "selection.csv"]
    assert capsys.readouterr().out == f"{out}: 3 of 6 items chosen; left out: 2 no_score\n"


def test_lists_of_ids_are_texts_and_tables(galaxies):
    (galaxies / "done.txt").write_text("007\n\n")
    (galaxies / "never.csv").write_text("kind,id\nspiral,0070\nspiral,strange\n")
    parquet.write_table(pyarrow.table({"filename": ["9"], "n": [1]}), galaxies / "frozen.parquet")
    options = {"preselected": [galaxies / "done.txt"], "exclude": [galaxies / "never.csv"], "no_report": True}
    select(galaxies / "galaxies.csv", n=9, out=galaxies / "out", evaluation=[galaxies / "frozen.parquet"], **options)
    found = read_selection(galaxies / "out")
    assert [pick.id for pick in found.picks] == ["7"]
    assert {one.id: one.reason for one in found.removed} == {
        "007": "labelled", "0070": "excluded", "9": "evaluation", "08": "no_score", "1e3": "no_score",
    }  # fmt: skip


def test_what_was_chosen_can_be_preselected_whatever_the_column_of_ids_is(galaxies):
    text = (galaxies / "galaxies.csv").read_text()
    (galaxies / "named.csv").write_text(text.replace("id,", "name,", 1))
    options = {"n": 1, "id_column": "name", "strategy": "uncertainty", "no_report": True}
    select(galaxies / "named.csv", out=galaxies / "one", **options)
    select(galaxies / "named.csv", out=galaxies / "two", preselected=[galaxies / "one" / "selection.csv"], **options)
    assert [read_selection(galaxies / name).picks[0].id for name in ("one", "two")] == ["007", "7"]


def test_ids_that_no_item_has_are_counted(galaxies, capsys):
    (galaxies / "done.txt").write_text("007\n12\n13\n")
    select(galaxies / "galaxies.csv", n=1, out=galaxies / "out", preselected=[galaxies / "done.txt"], no_report=True)
    assert f"note: {galaxies / 'done.txt'}: 2 of its 3 ids are none of the items\n" in capsys.readouterr().out


def test_kinds_are_balanced_and_one_of_each_kept(galaxies):
    choice = {"n": 2, "strategy": "uncertainty", "no_report": True, "quiet": True}
    select(galaxies / "galaxies.csv", out=galaxies / "out", balance=["kind:bar=0.5", "kind:spiral=0.5"], **choice)
    assert [pick.id for pick in read_selection(galaxies / "out").picks] == ["007", "7"]
    select(galaxies / "galaxies.csv", out=galaxies / "out", one_per="kind", group="kind", **choice)
    found = read_selection(galaxies / "out")
    assert [(pick.id, pick.group) for pick in found.picks] == [("007", "spiral"), ("7", "bar")]
    assert {one.id for one in found.removed if one.reason == "best_of_group"} == {"0070", "9"}


def test_an_empty_pool_ends_in_a_sentence_and_sane_files(galaxies, capsys):
    (galaxies / "all.txt").write_text("007\n7\n0070\n9\n")
    select(galaxies / "galaxies.csv", n=3, out=galaxies / "out", exclude=[galaxies / "all.txt"])
    assert (galaxies / "out" / "selection.csv").read_text() == "rank,tile_id,scene_id,score,reason\n"
    assert json.loads((galaxies / "out" / "queue.json").read_text())["items"] == []
    said = "nothing is left to choose from: 4 on an exclusion list, 2 without a score"
    assert said in capsys.readouterr().out and said in (galaxies / "out" / "report.html").read_text()
    (galaxies / "none.csv").write_text("id,surprise\n")
    assert select(galaxies / "none.csv", n=3, out=galaxies / "none") == 0
    assert "note: there are no items to choose from" in capsys.readouterr().out


def test_tiles_of_an_evaluation_set_and_all_of_its_scenes_are_refused_whatever_is_forced(made, tmp_path):
    run(made, tmp_path / "out", n=30, evaluation=[made / "frozen"], force=True, max_per_scene=30, no_report=True)
    found = read_selection(tmp_path / "out")
    assert {pick.group for pick in found.picks} == {"a", "b", "c"} and len(found.picks) == 17
    assert [one.id[0] for one in found.removed if one.reason == "evaluation"] == ["d"] * 6
    # and where the files do not say which scene a tile is of, its id does
    ids = [f"{name}_00000_00000" for name in "abcd"] + ["d_00032_00032"]
    write_embeddings(tmp_path / "bare.parquet", ids, unit(np.eye(5)), {})
    select(None, tmp_path / "bare.parquet", n=9, out=tmp_path / "bare", evaluation=[made / "frozen"], no_report=True)
    assert {pick.id[0] for pick in read_selection(tmp_path / "bare").picks} == {"a", "b", "c"}


def test_the_queue_says_what_it_is_from_and_keeps_some_blind(made, tmp_path):
    run(made, tmp_path / "out", n=10, strategy="coral", seed=3, blind_share=0.3, no_report=True)
    queue = json.loads((tmp_path / "out" / "queue.json").read_text())
    picks = read_selection(tmp_path / "out").picks
    assert queue["format_version"] == 1
    from_ = {**queue["created_from"]}
    assert (from_["strategy"], from_["n"], from_["seed"], from_["model"]) == ("coral", 10, 3, "m" * 64)
    assert [(item["order"], item["tile_id"], item["scene_id"], item["reason"]) for item in queue["items"]] == [
        (pick.rank, pick.id, pick.group, pick.reason) for pick in picks
    ]
    assert sum(item["blind"] for item in queue["items"]) == 3


def test_the_same_gives_the_same_bytes_and_replaces_what_was_there(made, tmp_path):
    run(made, tmp_path / "one", pool=made / "pool")
    run(made, tmp_path / "two", n=3, no_report=True)
    run(made, tmp_path / "two", pool=made / "pool")
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert len(files[0]) == 5 and files[0] == files[1]
    run(made, tmp_path / "two", n=3, no_report=True)
    assert not (tmp_path / "two" / "report.html").exists()


def test_stale_scores_are_refused_unless_forced(made, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(SelectionError, match=r"the scores are of pool .{12}, not of .{12}; score this pool, or take"):
        run(made, out, pool=made / "frozen")
    assert not out.exists()
    assert run(made, out, pool=made / "frozen", force=True, no_report=True, quiet=False) == 0
    assert "note: forced: the scores are of pool" in capsys.readouterr().out


def test_stale_embeddings_are_refused_too(made, tmp_path):
    ids = read_selection_ids(made, tmp_path)
    vectors = unit(np.eye(len(ids)) + 1)
    write_embeddings(tmp_path / "old.parquet", ids, vectors, {"method": "weights", "model": "w", "pool": "p" * 64})
    with pytest.raises(SelectionError, match="the embeddings are of pool pppppppppppp, not of"):
        select(None, tmp_path / "old.parquet", n=2, out=tmp_path / "out", pool=made / "pool")
    with pytest.raises(SelectionError, match="the scores are of pool .*, the embeddings of pppppppppppp; score"):
        select(made / "scores.parquet", tmp_path / "old.parquet", n=2, out=tmp_path / "out")


def read_selection_ids(made, tmp_path):
    run(made, tmp_path / "first", no_report=True)
    return [pick.id for pick in read_selection(tmp_path / "first").picks]


def test_another_model_than_the_one_that_scored_is_refused(made, tmp_path):
    import torch
    from evaluations_made import card

    from ceruleanml.models.card import write_card
    from ceruleanml.models.weights import save_state

    (tmp_path / "run").mkdir()
    write_card(tmp_path / "run", card())
    save_state(tmp_path / "run" / "weights.pt", {"w": torch.zeros(1)})
    digest = sha256_of(tmp_path / "run" / "weights.pt")
    with pytest.raises(SelectionError, match=f"the scores are of model mmmmmmmmmmmm, not of {digest[:12]}"):
        run(made, tmp_path / "out", model=tmp_path / "run")
    table = parquet.read_table(made / "scores.parquet").drop_columns("model")
    parquet.write_table(table.append_column("model", [[digest] * 24]), tmp_path / "fresh.parquet")
    choice = {"n": 2, "out": tmp_path / "out", "model": tmp_path / "run", "no_report": True, "quiet": True}
    assert select(tmp_path / "fresh.parquet", made / "emb.parquet", **choice) == 0
    ids = [pick.id for pick in read_selection(tmp_path / "out").picks]
    about = {"method": "model", "model": "e" * 64, "pool": sha256_of(made / "pool" / "dataset.json")}
    write_embeddings(tmp_path / "old.parquet", ids, unit(np.eye(2)), about)
    with pytest.raises(SelectionError, match="the embeddings are of model eeeeeeeeeeee, not of"):
        select(tmp_path / "fresh.parquet", tmp_path / "old.parquet", **choice)


def test_a_csv_of_lightly_comes_back_with_what_was_chosen(tmp_path, capsys):
    ids = ["x/007.png", "x/b.png", "x/c.png", "x/d.png", "x/e.png"]
    columns = {"labels": [0] * 5, "masked": [0, 0, 0, 0, 1], "selected": [1, 0, 0, 0, 0]}
    columns["al_score"] = [0, 0.3, 0.9, 0.5, 1]
    write_lightly(tmp_path / "embeddings.csv", ids, unit([[1, 0], [1, 1], [0, 1], [1, 2], [2, 1]]), columns)
    select(None, tmp_path / "embeddings.csv", n=1, out=tmp_path / "out", strategy="coral", no_report=True)
    back = read_lightly(tmp_path / "out" / "embeddings.csv")
    assert (back.ids, back.columns["selected"]) == (tuple(ids), ("1", "0", "1", "0", "0"))
    assert back.columns["al_score"] == ("0", "0.3", "0.9", "0.5", "1")
    assert np.array_equal(back.vectors, read_lightly(tmp_path / "embeddings.csv").vectors)
    said = capsys.readouterr().out
    assert "1 items that the embeddings mark as selected count as preselected" in said
    assert {one.id: one.reason for one in read_selection(tmp_path / "out").removed} == {
        "x/007.png": "labelled", "x/e.png": "excluded",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"out": None}, UsageError, "--out: is missing; name a folder"),
        ({"n": None}, UsageError, "n and share: neither was given"),
        ({"strategy": "best"}, UsageError, "strategy best: is not known; there are default"),
        ({"blind_share": 2.0}, UsageError, "blind share 2: cannot be"),
        ({"seed": -1}, UsageError, "seed -1: cannot be; give 0 or more"),
        ({"group": "orbit"}, SelectionError, "group orbit: is no column of text in the scores"),
        ({"id_column": "name"}, SelectionError, "has no column name"),
        ({"score": "entropie"}, SelectionError, "score entropie: is no column of the scores"),
        ({"threshold": ["dark>0"]}, SelectionError, "threshold dark>0: the scores have no column dark"),
    ],
)
def test_errors_are_a_line_and_leave_nothing(made, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        run(made, **{"out": tmp_path / "out", **options})
    assert not (tmp_path / "out").exists()


def test_errors_of_files(made, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("")
    with pytest.raises(UsageError, match="theirs: holds notes.txt, which is no part of a selection; choose another"):
        run(made, tmp_path / "theirs")
    with pytest.raises(UsageError, match="neither scores nor embeddings were given"):
        select(n=1, out=tmp_path / "out")
    with pytest.raises(StorageError, match="nowhere.txt: cannot be read"):
        run(made, tmp_path / "out", preselected=[tmp_path / "nowhere.txt"])
    with pytest.raises(SelectionError, match="theirs: is no data set folder; name one, or a file with one id a line"):
        run(made, tmp_path / "out", exclude=[tmp_path / "theirs"])
    write_embeddings(tmp_path / "other.parquet", ["p", "q"], unit(np.eye(2)), {})
    with pytest.raises(SelectionError, match="the scores and the embeddings share no id"):
        select(made / "scores.parquet", tmp_path / "other.parquet", n=1, out=tmp_path / "out")


def test_strategies_are_listed(capsys):
    assert select(strategies=True) == 0
    listed = capsys.readouterr().out
    assert "clasp-pe\n    two thirds shared out" in listed and "coreset" in listed


def test_another_grouping_lets_no_tile_of_an_evaluation_scene_through(made, tmp_path):
    table = parquet.read_table(made / "scores.parquet")
    parquet.write_table(table.append_column("orbit", pyarrow.array(["x", "y"] * 12)), tmp_path / "scores.parquet")
    for name in ("frozen", "pool"):
        options = {"group": "orbit", "evaluation": [made / "frozen"], "pool": made / "pool", "force": name == "pool"}
        select(tmp_path / "scores.parquet", made / "emb.parquet", n=24, out=tmp_path / name, no_report=True, **options)
        found = read_selection(tmp_path / name)
        assert {one.id[0] for one in found.removed if one.reason == "evaluation"} == {"d"}
        assert "d" not in {pick.id[0] for pick in found.picks} and {pick.group for pick in found.picks} == {"x", "y"}


def test_a_pool_whose_tiles_overlap_is_noted(made, tmp_path, capsys):
    import shutil

    shutil.copytree(made / "pool", tmp_path / "pool")
    change(tmp_path / "pool" / "dataset.json", "stride", to=[16, 32])
    select(made / "scores.parquet", n=2, out=tmp_path / "out", pool=tmp_path / "pool", force=True, no_report=True)
    assert "note: tiles of the pool overlap (stride 16 x 32 of 32 x 32)" in capsys.readouterr().out
    run(made, tmp_path / "out", pool=made / "pool", quiet=False, no_report=True)
    assert "overlap" not in capsys.readouterr().out


def test_a_changed_pool_is_noticed(made, tmp_path):
    import shutil

    shutil.copytree(made / "pool", tmp_path / "pool")
    run(made, tmp_path / "out", pool=tmp_path / "pool", no_report=True)
    change(tmp_path / "pool" / "dataset.json", "label_snapshot", to="1" * 64)
    with pytest.raises(SelectionError, match="the scores are of pool"):
        run(made, tmp_path / "out", pool=tmp_path / "pool")
