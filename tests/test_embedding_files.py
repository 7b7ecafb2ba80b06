"""Files of embeddings: what is written is read back, ids stay text, and each fault is named in a line."""

import csv
import io
import json
import threading
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pyarrow import parquet

from ceruleanml.errors import SelectionError, StorageError
from ceruleanml.selection import embedding_rows
from ceruleanml.selection.embedding_files import (
    read_any,
    read_embeddings,
    read_lightly,
    write_embeddings,
    write_lightly,
)
from ceruleanml.selection.id_lists import read_ids
from ceruleanml.selection.score_files import read_scores

ABOUT = {"method": "imagenet", "model": "ab" * 32, "pool": "cd" * 32}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1, max_size=12)


def unit(seed, count, dimensions=3):
    rows = np.random.Generator(np.random.PCG64(seed)).normal(size=(count, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def embeddings(draw):
    ids = draw(st.lists(TEXT, min_size=1, max_size=8, unique=True))
    shape = (len(ids), draw(st.integers(1, 5)))
    values = draw(hnp.arrays(np.float32, shape, elements=st.floats(-1e3, 1e3, width=32)))
    values[:, 0] = np.where(np.abs(values).max(axis=1) < 1e-3, 1, values[:, 0])
    return ids, values


@settings(max_examples=60)
@given(embeddings(), st.booleans())
def test_parquet_gives_back_what_was_written(tmp_path_factory, given_rows, grouped):
    ids, values = given_rows
    path = tmp_path_factory.mktemp("parquet") / "e.parquet"
    groups = [one[:1] for one in ids] if grouped else None
    write_embeddings(path, ids, values, ABOUT, groups)
    found = read_embeddings(path)
    assert found.ids == tuple(ids) and found.about == ABOUT
    assert found.groups == (tuple(groups) if grouped else None)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(found.vectors, values / np.linalg.norm(values.astype(float), axis=1)[:, None], atol=1e-6)
    before = path.read_bytes()
    write_embeddings(path, found.ids, found.vectors, found.about, found.groups)  # unit rows keep their bits
    assert path.read_bytes() == before


@settings(max_examples=60)
@given(embeddings())
def test_lightly_gives_back_what_was_written_bit_by_bit(tmp_path_factory, given_rows):
    ids, values = given_rows
    path = tmp_path_factory.mktemp("lightly") / "embeddings.csv"
    columns = {"labels": [str(n) for n in range(len(ids))], "selected": ["1"] * len(ids)}
    write_lightly(path, ids, values, columns)
    first = read_lightly(path)
    assert first.ids == tuple(ids) and first.columns == {name: tuple(one) for name, one in columns.items()}
    write_lightly(path, first.ids, first.vectors, first.columns)
    again = read_any(path)
    assert again.ids == first.ids and again.vectors.tobytes() == first.vectors.tobytes()


def test_lightlys_own_reader_takes_the_csv(tmp_path):
    """Its rules: `filenames` first, `embedding_i` up to `labels`, which are whole numbers; floats as Python reads."""
    path = tmp_path / "embeddings.csv"
    write_lightly(path, ["007", "a,b"], unit(1, 2))
    header, *rows = csv.reader(path.read_text().splitlines())
    assert header == ["filenames", "embedding_0", "embedding_1", "embedding_2", "labels"]
    assert [(row[0], int(row[-1])) for row in rows] == [("007", 0), ("a,b", 0)]
    assert np.array_equal(np.array([row[1:-1] for row in rows]).astype(np.float32), unit(1, 2))


@pytest.mark.parametrize("write", [write_lightly, lambda path, ids, rows: write_embeddings(path, ids, rows, {})])
def test_ids_stay_text(tmp_path, write):
    path = tmp_path / "e"
    ids = ["007", "7", "1e5", "NA", "null", "True", " x", 'say "so"', "2020-01-01"]
    write(path, ids, unit(2, len(ids)))
    assert read_any(path).ids == tuple(ids)


def test_a_csv_of_others_in_another_order_is_read_and_scaled(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("\ufeffembedding_1,filenames,al_score,embedding_0,labels,note\n4,007,.5,3,2,x\n0,8,,-2e0,0,\n")
    found = read_any(path)
    assert found.ids == ("007", "8")
    assert np.allclose(found.vectors, [[0.6, 0.8], [-1, 0]])
    assert found.columns == {"labels": ("2", "0"), "al_score": (".5", "")}


@pytest.mark.parametrize(("kind", "vectors"), [
    (pyarrow.list_(pyarrow.float64()), [[3.0, 4.0], [0.0, 2.0]]),
    (pyarrow.large_list(pyarrow.float32()), [[3.0, 4.0], [0.0, 2.0]]),
    (pyarrow.list_(pyarrow.float64(), 2), [[3.0, 4.0], [0.0, 2.0]]),
])  # fmt: skip
@pytest.mark.parametrize(("ids", "read"), [
    (pyarrow.array(["007", "8"]), ("007", "8")),
    (pyarrow.array(["007", "8"]).dictionary_encode(), ("007", "8")),
    (pyarrow.array([7, 8]), ("7", "8")),
])  # fmt: skip
def test_parquet_of_others_is_read_and_scaled(tmp_path, kind, vectors, ids, read):
    path = tmp_path / "theirs.parquet"
    table = pyarrow.table({"filename": ids, "embedding": pyarrow.array(vectors, kind), "note": ["a", "b"]})
    parquet.write_table(table, path)
    found = read_any(path)
    assert found.ids == read and found.about == {} and found.groups is None
    assert np.allclose(found.vectors, [[0.6, 0.8], [0, 1]])


def foreign(path, ids, vectors, kind=None):
    column = pyarrow.array(vectors, kind or pyarrow.list_(pyarrow.float32()))
    parquet.write_table(pyarrow.table({"tile_id": ids, "embedding": column}), path)


@pytest.mark.parametrize(("ids", "vectors", "error"), [
    (["a", "b"], [[1, 0], [1]], "embedding of b has 1 numbers, the first has 2"),
    (["a", "b"], [[1, 0], None], "embedding of b is empty"),
    (["a", "b"], [[1, 0], [None, 1]], "embedding of b holds NaN"),
    (["a", "b"], [[1, 0], [float("nan"), 1]], "embedding of b holds NaN"),
    (["a", "b"], [[1, 0], [float("inf"), 1]], "embedding of b holds NaN, infinity"),
    (["a", "b"], [[0, 0], [0, 1]], "embedding of a is all zeros"),
    (["b", "b"], [[1, 0], [0, 1]], "item b is listed twice"),
    (["b", ""], [[1, 0], [0, 1]], "row 2 has no id"),
    (["b", None], [[1, 0], [0, 1]], "give each item its name"),
    ([1.5, 2.5], [[1, 0], [0, 1]], "tile_id holds double"),
])  # fmt: skip
def test_faults_of_parquet_are_named(tmp_path, ids, vectors, error):
    path = tmp_path / "e.parquet"
    foreign(path, ids, vectors)
    with pytest.raises(SelectionError, match=error) as caught:
        read_embeddings(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_parquet_of_something_else_is_refused(tmp_path):
    path = tmp_path / "scores.parquet"
    parquet.write_table(pyarrow.table({"tile_id": ["a"], "entropy": [0.5]}), path)
    with pytest.raises(SelectionError, match="lacks the column embedding, it has tile_id, entropy"):
        read_any(path)
    parquet.write_table(pyarrow.table({"embedding": [0.5], "id": ["a"]}), path)
    with pytest.raises(SelectionError, match="embedding holds double; give lists"):
        read_any(path)
    parquet.write_table(pyarrow.table({"embedding": [[0.5]]}), path)
    with pytest.raises(SelectionError, match="lacks the column tile_id"):
        read_any(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SelectionError, match="is no Parquet file, or a broken one"):
        read_any(path)
    schema = pyarrow.schema(
        [("tile_id", "string"), ("embedding", pyarrow.list_(pyarrow.float32()))], {"ceruleanml": "["}
    )
    parquet.write_table(pyarrow.table([["a"], [[1.0]]], schema=schema), path)
    with pytest.raises(SelectionError, match="metadata ceruleanml is no JSON"):
        read_any(path)


HEAD = "filenames,embedding_0,embedding_1,labels\n"


@pytest.mark.parametrize(("text", "error"), [
    ("", "holds no embeddings; give a Parquet file"),
    ("a,b\n1,2\n", "holds no embeddings; give a Parquet file"),
    ("filenames,labels\na,1\n", "lacks the column embedding_0"),
    ("filenames,embedding_0,embedding_2,labels\na,1,1,0\n", "lacks the column embedding_1"),
    ("filenames,embedding_0,embedding_0,labels\na,1,1,0\n", "'embedding_0' stands twice"),
    (HEAD + "a,1,0,0\nb,1,0\n", "Row #3: Expected 4 columns, got 3"),
    (HEAD + "a,1,zero,0\n", "invalid value 'zero'"),
    (HEAD + "a,1,,0\n", "embedding of a holds NaN, infinity or nothing"),
    (HEAD + "a,1,nan,0\n", "embedding of a holds NaN"),
    (HEAD + "a,0,0,0\n", "embedding of a is all zeros"),
    (HEAD + "a,1,0,0\na,1,0,0\n", "item a is listed twice"),
])  # fmt: skip
def test_faults_of_a_csv_are_named(tmp_path, text, error):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(SelectionError, match=error) as caught:
        read_any(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_files_that_are_not_there_or_no_text(tmp_path):
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        read_any(tmp_path / "no.parquet")
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        read_embeddings(tmp_path / "no.parquet")
    with pytest.raises(StorageError, match="Is a directory"):
        read_any(tmp_path)
    (tmp_path / "binary").write_bytes(b"\x89PNG\xff\xfe\n")
    with pytest.raises(SelectionError, match="holds no embeddings"):
        read_any(tmp_path / "binary")


def test_no_embedding_at_all_is_read_as_none(tmp_path):
    write_embeddings(tmp_path / "e.parquet", [], np.zeros((0, 4), np.float32), ABOUT)
    write_lightly(tmp_path / "e.csv", [], np.zeros((0, 4), np.float32))
    for name in ("e.parquet", "e.csv"):
        assert read_any(tmp_path / name).vectors.shape == (0, 4)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    rows = unit(3, 2)
    rows[1] = 0
    for write in (write_lightly, lambda path, ids, rows: write_embeddings(path, ids, rows, {})):
        with pytest.raises(SelectionError, match="the embedding of b is all zeros"):
            write(tmp_path / "e", ["a", "b"], rows)
        with pytest.raises(SelectionError, match="item a is listed twice"):
            write(tmp_path / "e", ["a", "a"], unit(3, 2))
    with pytest.raises(SelectionError, match="score is no column of Lightly's"):
        write_lightly(tmp_path / "e", ["a", "b"], unit(3, 2), {"score": [1, 2]})
    with pytest.raises(SelectionError, match="al_score has 1 rows for 2"):
        write_lightly(tmp_path / "e", ["a", "b"], unit(3, 2), {"al_score": [1]})
    assert list(tmp_path.iterdir()) == []


def test_large_arrays_lie_in_a_file_and_read_the_same(tmp_path, monkeypatch):
    ids, rows = [f"{n:05d}" for n in range(20000)], unit(4, 20000)
    for path, write in ((tmp_path / "e.csv", write_lightly), (tmp_path / "e.parquet", None)):
        (write or (lambda path, ids, rows: write_embeddings(path, ids, rows, {})))(path, ids, rows)
        inside = read_any(path).vectors
        with monkeypatch.context() as bound:
            bound.setattr(embedding_rows, "IN_MEMORY_BYTES", 30000)
            mapped = read_any(path).vectors
        assert isinstance(mapped.base, np.memmap) and not isinstance(inside.base, np.memmap)
        assert mapped.dtype == np.float32 and np.array_equal(mapped, inside)


def test_an_order_picks_and_sorts_the_rows(tmp_path):
    ids, rows = ["c", "a", "b"], unit(5, 3)
    write_embeddings(tmp_path / "e.parquet", ids, rows, ABOUT, ["x", "y", "z"], np.array([1, 0]))
    found = read_embeddings(tmp_path / "e.parquet")
    assert (found.ids, found.groups) == (("a", "c"), ("y", "x"))
    assert np.array_equal(found.vectors, rows[[1, 0]])


def test_the_form_is_the_contracts(tmp_path):
    write_embeddings(tmp_path / "e.parquet", ["007"], unit(6, 1), ABOUT, ["s"])
    schema = parquet.read_schema(tmp_path / "e.parquet")
    assert schema.field("tile_id").type == pyarrow.string() and schema.field("scene_id").type == pyarrow.string()
    assert schema.field("embedding").type == pyarrow.list_(pyarrow.float32(), 3)
    assert json.loads(schema.metadata[b"ceruleanml"]) == ABOUT


def test_arrow_reads_no_file_of_pythons(tmp_path, monkeypatch):
    """Its threads may clean up when the process ends; with a file of Python's in hand they abort it, now and then."""
    write_embeddings(tmp_path / "e.parquet", ["a", "b"], unit(7, 2), ABOUT)
    (tmp_path / "s.csv").write_text("id,entropy\n007,0.5\n")
    threads = set()

    class Watched(io.FileIO):
        def readinto(self, into):
            threads.add(threading.get_ident())
            return super().readinto(into)

        def read(self, size=-1):
            threads.add(threading.get_ident())
            return super().read(size)

    def watched(path, mode="r", *arguments, **named):
        file = io.BufferedReader(Watched(path))
        return file if "b" in mode else io.TextIOWrapper(file, named.get("encoding"), newline=named.get("newline"))

    monkeypatch.setattr(Path, "open", watched)
    assert read_any(tmp_path / "e.parquet").ids == ("a", "b")
    assert read_scores(tmp_path / "e.parquet").ids == ("a", "b") and read_ids(tmp_path / "e.parquet").ids == ("a", "b")
    assert read_scores(tmp_path / "s.csv").ids == ("007",)
    assert threads == {threading.get_ident()}
