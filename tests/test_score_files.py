"""Files of scores, ours and others': ids stay text, what is stale is told, and votes are put together."""

import csv

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from scorings_made import ensemble_of, pool_of, score

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.selection.embedding_files import write_embeddings
from ceruleanml.selection.score_files import check_fresh, read_scores, write_part, write_table
from ceruleanml.storage import sha256_of

SHARES = ["vote_share_background", "vote_share_infra_slick", "vote_share_natural_seep"]


@pytest.fixture(scope="module")
def voted(tmp_path_factory):
    """A pool that an ensemble of two has scored, with embeddings of all tiles but the last."""
    folder = tmp_path_factory.mktemp("voted")
    pool_of(folder / "pool")
    ensemble_of(folder / "ensemble")
    score(folder, "ensemble")
    ids = read_scores(folder / "scores").ids
    about = {"pool": sha256_of(folder / "pool" / "dataset.json")}
    write_embeddings(folder / "embeddings.parquet", ids[:3], np.eye(3, 4, dtype=np.float32), about)
    return folder


def csv_of(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["tile_id", "filenames", "filename", "id", "image"])
def test_ids_stay_text_in_csv_and_parquet(tmp_path, name):
    table = read_scores(csv_of(tmp_path / "s.csv", f"entropy,{name}\n0.5,007\n1,1e3\n"))
    assert table.ids == ("007", "1e3") and table.columns["entropy"].tolist() == [0.5, 1]
    parquet.write_table(pyarrow.table({name: [7, 8], "entropy": [0.5, 1.0]}), tmp_path / "s.parquet")
    assert read_scores(tmp_path / "s.parquet").ids == ("7", "8")


def test_numbers_and_words_and_what_is_missing(tmp_path):
    text = "id,entropy,empty,note,model,seed\na,nan,,1,007,1\nb, 2 ,,x,007,1\nc,,,3,007,1\n"
    table = read_scores(csv_of(tmp_path / "s.csv", "\ufeff" + text))
    assert table.columns["entropy"].tolist() == pytest.approx([np.nan, 2, np.nan], nan_ok=True)
    assert np.isnan(table.columns["empty"]).all()
    assert table.texts == {"note": ("1", "x", "3"), "model": ("007",) * 3, "seed": ("1",) * 3}
    assert len(table) == 3


def test_the_column_of_ids_can_be_named(tmp_path):
    path = csv_of(tmp_path / "s.csv", "galaxy,entropy\nM31,0.5\n")
    assert read_scores(path, "galaxy").ids == ("M31",)
    with pytest.raises(SelectionError, match="s.csv: has no column tile_id or .*, it has galaxy, entropy; name"):
        read_scores(path)
    with pytest.raises(SelectionError, match="s.csv: has no column star"):
        read_scores(path, "star")


def test_a_folder_of_parts_is_one_table(tmp_path):
    csv_of(tmp_path / "b.csv", "id,entropy\n003,0.3\n")
    parquet.write_table(pyarrow.table({"entropy": [0.1, 0.2], "id": ["001", "002"]}), tmp_path / "a.parquet")
    (tmp_path / ".c.csv.part").write_text("cut off")
    table = read_scores(tmp_path)
    assert table.ids == ("001", "002", "003") and table.columns["entropy"].tolist() == [0.1, 0.2, 0.3]
    csv_of(tmp_path / "c.csv", "id,margin\n004,0.3\n")
    with pytest.raises(SelectionError, match="c.csv: the column entropy is in it or in a.parquet, not in both"):
        read_scores(tmp_path)


def test_embeddings_beside_scores_are_left_alone(tmp_path):
    table = pyarrow.table({"id": ["a"], "embedding": [[1.0, 2.0]], "entropy": [0.5], "good": [True]})
    parquet.write_table(table, tmp_path / "s.parquet")
    found = read_scores(tmp_path / "s.parquet")
    assert set(found.columns) == {"entropy", "good"} and found.texts == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,entropy\na,1\na,2\n", "item a is listed twice; give each item once"),
        ("id,entropy\na,1\n,2\n", "row 2 has no id; give each item one"),
        ("id,id\na,1\n", "its first line does not name each column once"),
        ("", "its first line does not name each column once"),
        ("id,entropy\na,1,2\n", "is no table of scores, or a broken one"),
    ],
)
def test_tables_that_cannot_be(tmp_path, text, message):
    with pytest.raises(SelectionError, match=message):
        read_scores(csv_of(tmp_path / "s.csv", text))


def test_files_that_are_none(tmp_path):
    (tmp_path / "s.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(SelectionError, match="s.parquet: is no table of scores, or a broken one"):
        read_scores(tmp_path / "s.parquet")
    with pytest.raises(SelectionError, match="nowhere: no such file or folder of scores; make it"):
        read_scores(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SelectionError, match="empty: holds no scores, neither .parquet nor .csv"):
        read_scores(tmp_path / "empty")
    (tmp_path / "empty" / "scores.json").write_text("[]")
    with pytest.raises(SelectionError, match="scores.json: is not the manifest of scores"):
        read_scores(tmp_path / "empty")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "s.csv").mkdir()
    with pytest.raises(StorageError, match="s.csv: cannot be read: Is a directory"):
        read_scores(tmp_path / "folder.csv")


def test_a_table_without_rows_has_none(tmp_path):
    table = read_scores(csv_of(tmp_path / "s.csv", "id,entropy\n"))
    assert table.ids == () and table.columns["entropy"].shape == (0,)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1), min_size=1, unique=True),
    st.sampled_from(["part.parquet", "part.csv"]),
    st.data(),
)
def test_what_is_written_is_read(tmp_path_factory, ids, name, data):
    values = np.array(data.draw(st.lists(st.floats(allow_infinity=False), min_size=len(ids), max_size=len(ids))))
    path = tmp_path_factory.getbasetemp() / name
    write_part(path, "scene", ids, {"entropy": values}, "m", "p", 5)
    table = read_scores(path)
    assert table.ids == tuple(ids)
    assert np.array_equal(table.columns["entropy"], values, equal_nan=True)
    assert {name: set(column) for name, column in table.texts.items()} == {
        "scene_id": {"scene"}, "model": {"m"}, "pool": {"p"}, "seed": {"5"},
    }  # fmt: skip


def test_object_frequency_is_made_of_all_parts(tmp_path):
    for name, counts in (("a", [0.0, 1.0]), ("b", [2.0])):
        ids = [f"{name}{number}" for number in range(len(counts))]
        write_part(tmp_path / f"{name}.parquet", name, ids, {"object_count": np.array(counts)}, "m", "p", 0)
    assert read_scores(tmp_path).columns["object_frequency"] == pytest.approx([0.9, 0.95, 1.0])


def table_of(tmp_path, **columns):
    write_table(tmp_path / "s.csv", {"id": ["a", "b"], **{name: list(column) for name, column in columns.items()}})
    return read_scores(tmp_path / "s.csv")


def test_stale_scores_are_told_of(tmp_path):
    fresh = table_of(tmp_path, model="mm", pool="pp")
    check_fresh(fresh)
    check_fresh(fresh, "m", "p")
    with pytest.raises(SelectionError, match="are of model m, not of other; score the pool again .* or .* --force"):
        check_fresh(fresh, "other")
    with pytest.raises(SelectionError, match="the scores are of pool p, not of other; score this pool"):
        check_fresh(fresh, "m", "other")
    with pytest.raises(SelectionError, match="the scores are of 2 models, m and n among them"):
        check_fresh(table_of(tmp_path, model="mn", pool="pp"))
    unknown = table_of(tmp_path, note="xy")
    check_fresh(unknown)
    with pytest.raises(SelectionError, match="the scores are without a column model, not of m"):
        check_fresh(unknown, "m")


def test_bytes_are_ids_where_they_are_text_and_else_left_out(tmp_path):
    columns = {"id": [b"007", b"7"], "entropy": [0.5, 0.25], "picture": [b"\xff\xd8", b"\xff\xd9"]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "scores.parquet")
    found = read_scores(tmp_path / "scores.parquet")
    assert found.ids == ("007", "7") and list(found.columns) == ["entropy"] and found.texts == {}


def test_the_votes_of_an_ensemble_are_one_table(voted):
    report = score(voted, "ensemble")
    assert report.votes == voted / "scores" / "votes.parquet" and report.scored_now == ()
    table = parquet.read_table(report.votes)
    scores = read_scores(voted / "scores")
    assert table.column_names == ["tile_id", "scene_id", *SHARES, "vote_entropy", "model", "pool", "seed"]
    assert tuple(table["tile_id"].to_pylist()) == scores.ids
    shares = np.stack([table[name].to_numpy() for name in SHARES])
    assert np.isin(shares, [0, 0.5, 1]).all() and shares.sum(axis=0).tolist() == [1] * 4
    split = (shares == 0.5).any(axis=0)
    assert table["vote_entropy"].to_numpy() == pytest.approx(np.where(split, np.log(2), 0))
    check_fresh(read_scores(report.votes), scores.texts["model"][0], scores.texts["pool"][0])


def test_votes_as_csv_with_the_cell_of_each_tile(voted):
    report = score(voted, "ensemble", votes="csv", embeddings=voted / "embeddings.parquet")
    with report.votes.open() as lines:
        rows = list(csv.DictReader(lines))
    assert not report.votes.with_suffix(".parquet").exists(), "of an earlier run, without cells"
    assert report.votes.name == "votes.csv" and [row["som_cell"].isdigit() for row in rows] == [True] * 3 + [False]
    assert np.isnan(read_scores(report.votes).columns["som_cell"]).tolist() == [False] * 3 + [True]


def test_embeddings_of_another_pool_are_refused(voted, tmp_path):
    write_embeddings(tmp_path / "e.parquet", ["a"], np.ones((1, 2), np.float32), {"pool": "another"})
    with pytest.raises(SelectionError, match="e.parquet: holds embeddings of another pool; embed this one"):
        score(voted, "ensemble", embeddings=tmp_path / "e.parquet")
