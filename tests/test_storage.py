"""Files appear whole or not at all; seeds name their streams."""

import os

import pytest

from ceruleanml import storage
from ceruleanml.errors import StorageError
from ceruleanml.seeds import generator


def test_a_failed_write_leaves_what_was_there(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), storage.writing(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_who_reads_while_a_file_is_written_again_has_the_whole_old_one(tmp_path):
    target = tmp_path / "file"
    storage.write_bytes(target, b"old" * 9)
    with target.open("rb", buffering=0) as reader:
        assert reader.read(3) == b"old"
        storage.write_bytes(target, b"new")
        assert reader.read() == b"old" * 8
    assert target.read_bytes() == b"new"


def test_the_same_content_gives_the_same_bytes_and_only_json(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    storage.write_json(one, {"b": {"y": 1, "x": 2}, "a": 3})
    storage.write_json(other, {"a": 3, "b": {"x": 2, "y": 1}})
    assert one.read_bytes() == other.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(one, [float("nan")])
    assert one.read_bytes() == other.read_bytes()


def test_json_there_and_back_with_ordinary_permissions(tmp_path):
    target = tmp_path / "file.json"
    storage.write_json(target, {"b": 1, "a": ["é"]})
    assert storage.read_json(target) == {"a": ["é"], "b": 1}
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read: No such file"), (b"\xff{", "is not JSON")])
def test_unreadable_json(tmp_path, content, message):
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=message):
        storage.read_json(path)


def test_nowhere_to_write(tmp_path):
    with pytest.raises(StorageError, match="none/file: cannot be written: No such file"):
        storage.write_bytes(tmp_path / "none" / "file", b"")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written: Not a directory"):
        storage.make_folder(tmp_path / "file" / "folder")


@pytest.mark.parametrize(
    ("location", "expected"), [("gs://b/k", "/vsigs/b/k"), ("s3://b/k", "/vsis3/b/k"), ("a/b.tif", "a/b.tif")]
)
def test_gdal_path(location, expected):
    assert storage.gdal_path(location) == expected
    assert storage.is_remote(location) == (location != expected)


def test_streams_depend_on_seed_and_keys_alone():
    named = [(0, "a"), (0, "b"), (1, "a"), (0, "a", 1), (0, "a", 2), (0, "a1"), (0, "ab", "c"), (0, "a", "bc")]
    draws = {keys: generator(*keys).random() for keys in named}
    assert len(set(draws.values())) == len(draws)
    assert generator(0, "a").random() == draws[0, "a"]
