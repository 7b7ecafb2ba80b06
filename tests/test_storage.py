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
    draws = {keys: generator(*keys).random() for keys in [(0, "a"), (0, "b"), (1, "a"), (0, "a", 1), (0, "a", 2)]}
    assert len(set(draws.values())) == len(draws)
    assert generator(0, "a").random() == draws[0, "a"]
